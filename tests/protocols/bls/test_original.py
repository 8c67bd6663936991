"""BLS of the original library: the oracle's signature, aggregation, Shamir's scheme."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest

from milagro.errors import EncodingError, IdentityElement, InvalidSignature, ParameterError
from milagro.groups import Curve, curve
from milagro.protocols.bls import original as bls

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["BN254CX", "BLS381", "FP256BN"])
def test_the_oracles_signature(backend_name: str, shared_vectors: Path, name: str) -> None:
    values = json.loads((shared_vectors / "oracle" / f"{name}.json").read_text(encoding="utf-8"))
    e = curve(name, backend=backend_name)
    secret = e.scalar_from_bytes(bytes.fromhex(values["bls_sk"]))
    key, signature = bls.public_key(e, secret), bls.sign(e, secret, b"test message")
    assert key.to_bytes(bls.PUBLIC_KEY_ENCODING).hex() == values["bls_pk"]
    assert signature.to_bytes(bls.SIGNATURE_ENCODING).hex() == values["bls_sig"]
    octets = bytes.fromhex(values["bls_sig"])
    bls.verify(e, bls.public_key_from_bytes(e, bytes.fromhex(values["bls_pk"])), b"test message", signature)
    with pytest.raises(InvalidSignature):
        bls.verify(e, key, b"another message", bls.signature_from_bytes(e, octets))
    with pytest.raises(EncodingError):
        bls.signature_from_bytes(e, bytes([octets[0] + 4]) + octets[1:])
    with pytest.raises(EncodingError):
        bls.public_key_from_bytes(e, bytes.fromhex(values["bls_pk"])[:-1])


@pytest.fixture
def e(backend_name: str) -> Curve:
    return curve("BN254", backend=backend_name)


def test_aggregation(e: Curve) -> None:
    secrets = [e.scalar(n) for n in (11, 22, 33)]
    keys = [bls.public_key(e, s) for s in secrets]
    signatures = [bls.sign(e, s, b"m") for s in secrets]
    bls.verify(e, bls.aggregate_keys(keys), b"m", bls.aggregate_signatures(signatures))
    with pytest.raises(InvalidSignature):
        bls.verify(e, bls.aggregate_keys(keys[:2]), b"m", bls.aggregate_signatures(signatures))
    with pytest.raises(ParameterError):
        bls.aggregate_keys([])
    with pytest.raises(IdentityElement):
        bls.aggregate_signatures([signatures[0], -signatures[0]])


def test_any_threshold_of_shares_gives_secret_and_signature(e: Curve) -> None:
    secret = e.scalar(0xDEADBEEF)
    draws = itertools.count(1)
    coefficients = bls.random_coefficients(e, secret, 3, lambda n: next(draws).to_bytes(n, "big"))
    shares = bls.make_shares(e, coefficients, 5)
    assert [share.x for share in shares] == [1, 2, 3, 4, 5]
    assert coefficients[0] == secret
    partial = [bls.SignatureShare(x, bls.sign(e, y, b"m")) for x, y in shares]
    for chosen in itertools.combinations(range(5), 3):
        assert bls.recover_secret(e, [shares[i] for i in chosen]) == secret
        signature = bls.recover_signature(e, [partial[i] for i in reversed(chosen)])
        assert signature == bls.sign(e, secret, b"m")
    assert bls.recover_secret(e, shares) == secret
    assert bls.recover_secret(e, shares[:2]) != secret
    with pytest.raises(ParameterError):
        bls.recover_secret(e, [shares[0], shares[0], shares[1]])
    with pytest.raises(ParameterError):
        bls.recover_signature(e, [bls.SignatureShare(0, partial[0].signature)])


def test_parameters_of_sharing(e: Curve) -> None:
    one = e.scalar(1)
    for attempt in (
        lambda: bls.random_coefficients(e, one, 0, bytes),
        lambda: bls.random_coefficients(e, e.scalar(0), 1, bytes),
        lambda: bls.make_shares(e, [one, one], 1),
        lambda: bls.make_shares(e, [], 1),
        lambda: bls.sign(e, e.scalar(0), b"m"),
    ):
        with pytest.raises(ParameterError):
            attempt()


def test_identities_do_not_verify(e: Curve) -> None:
    with pytest.raises(InvalidSignature):
        bls.verify(e, e.g2_identity, b"m", e.g1_identity)
