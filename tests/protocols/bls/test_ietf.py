"""BLS of the IETF draft: the published keys and signatures, both placements, the three schemes, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milagro.errors import (
    IdentityElement,
    InvalidFlags,
    InvalidSignature,
    NotInSubgroup,
    ParameterError,
    WrongLength,
)
from milagro.groups import Curve, Encoding, curve
from milagro.protocols.bls import ietf
from milagro.protocols.bls.ietf import Placement, Scheme, Suite

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED_TAG = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_NU_"
PLACEMENTS = [Placement.MIN_PK, Placement.MIN_SIG]


@pytest.fixture
def e(backend_name: str) -> Curve:
    return curve("BLS12-381", backend=backend_name)


def published(folder: Path) -> list[dict[str, str]]:
    text = (folder / "milagro-crypto-c" / "bls" / "bls12_381.rsp").read_text(encoding="utf-8")
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("COUNT")]
    return [dict(line.partition(" =")[::2] for line in block) for block in blocks]


def test_published_keys_and_signatures(e: Curve, shared_vectors: Path) -> None:
    cases = published(shared_vectors)[::25]
    assert cases
    for case in cases:
        value = {name: bytes.fromhex(text.strip()) for name, text in case.items() if name != "COUNT"}
        secret = ietf.key_gen_draft05(e, value["IKM"], value["Salt"], value["Info"])
        assert secret.to_bytes() == value["SK"]
        assert ietf.secret_key_from_bytes(e, value["SK"]) == secret
        for placement, keys, signatures in ((Placement.MIN_PK, "G1", "G2"), (Placement.MIN_SIG, "G2", "G1")):
            suite = Suite(e, placement, Scheme.BASIC, PUBLISHED_TAG)
            key, signature = ietf.public_key(suite, secret), ietf.sign(suite, secret, b"test vector")
            assert key.to_bytes(Encoding.ZCASH) == value[f"PK in {keys} (compressed)"]
            assert key.to_bytes(Encoding.ZCASH_UNCOMPRESSED) == value[f"PK in {keys} (serialized)"]
            assert signature.to_bytes(Encoding.ZCASH) == value[f"Signature in {signatures} (compressed)"]
            for form in ("compressed", "serialized"):
                assert ietf.public_key_from_bytes(suite, value[f"PK in {keys} ({form})"]) == key
            ietf.verify(suite, key, b"test vector", signature)


def test_key_gen_of_eip_2333(e: Curve) -> None:
    """EIP-2333 derives its master key by this form of KeyGen; the seed and key of its first test case."""
    seed = bytes.fromhex(
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141"
        "630c7a3c4ab7c81b2f001698e7463b04"
    )
    key = 6083874454709270928345386274498605044986640685124978867557563392430687146096
    assert ietf.key_gen_ethereum(e, seed) == e.scalar(key)


def test_key_gen_refuses_short_input(e: Curve) -> None:
    for ikm, salt in ((bytes(31), bytes(32)), (bytes(32), bytes(31))):
        with pytest.raises(ParameterError):
            ietf.key_gen_draft05(e, ikm, salt)
    with pytest.raises(ParameterError):
        ietf.key_gen_ethereum(e, bytes(31))
    assert ietf.key_gen_draft05(e, bytes(32), bytes(32)) != ietf.key_gen_draft05(e, bytes(32), bytes(32), b"x")


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("scheme", list(Scheme))
def test_signatures_and_aggregates(e: Curve, placement: Placement, scheme: Scheme) -> None:
    suite = Suite(e, placement, scheme)
    secrets, messages = [e.scalar(n) for n in (3, 5, 7)], [b"a", b"b", b"c"]
    keys = [ietf.public_key(suite, s) for s in secrets]
    signatures = [ietf.sign(suite, s, m) for s, m in zip(secrets, messages, strict=True)]
    ietf.verify(suite, keys[0], b"a", signatures[0])
    for key, message in ((keys[0], b"b"), (keys[1], b"a"), (-keys[0], b"a")):
        with pytest.raises(InvalidSignature):
            ietf.verify(suite, key, message, signatures[0])
    total = ietf.aggregate(suite, signatures)
    ietf.aggregate_verify(suite, keys, messages, total)
    with pytest.raises(InvalidSignature):
        ietf.aggregate_verify(suite, keys, [b"a", b"c", b"b"], total)
    with pytest.raises(ParameterError):
        ietf.aggregate_verify(suite, keys, messages[:2], total)
    with pytest.raises(ParameterError):
        ietf.aggregate_verify(suite, [], [], total)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_only_the_basic_scheme_needs_distinct_messages(e: Curve, placement: Placement) -> None:
    secrets = [e.scalar(3), e.scalar(5)]
    for scheme in Scheme:
        suite = Suite(e, placement, scheme)
        keys = [ietf.public_key(suite, s) for s in secrets]
        total = ietf.aggregate(suite, [ietf.sign(suite, s, b"m") for s in secrets])
        if scheme is Scheme.BASIC:
            with pytest.raises(InvalidSignature):
                ietf.aggregate_verify(suite, keys, [b"m", b"m"], total)
        else:
            ietf.aggregate_verify(suite, keys, [b"m", b"m"], total)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_proof_of_possession(e: Curve, placement: Placement) -> None:
    suite = Suite(e, placement)
    secrets = [e.scalar(3), e.scalar(5)]
    keys = [ietf.public_key(suite, s) for s in secrets]
    for s, key in zip(secrets, keys, strict=True):
        ietf.pop_verify(suite, key, ietf.pop_prove(suite, s))
    with pytest.raises(InvalidSignature):
        ietf.pop_verify(suite, keys[0], ietf.pop_prove(suite, secrets[1]))
    with pytest.raises(InvalidSignature):  # a signature on the key's octets is no proof: the tags differ
        ietf.pop_verify(suite, keys[0], ietf.sign(suite, secrets[0], keys[0].to_bytes(Encoding.ZCASH)))
    total = ietf.aggregate(suite, [ietf.sign(suite, s, b"m") for s in secrets])
    ietf.fast_aggregate_verify(suite, keys, b"m", total)
    with pytest.raises(InvalidSignature):
        ietf.fast_aggregate_verify(suite, keys[:1], b"m", total)
    with pytest.raises(InvalidSignature):
        ietf.fast_aggregate_verify(suite, [keys[0], -keys[0]], b"m", total)
    other = Suite(e, placement, Scheme.BASIC)
    for attempt in (
        lambda: ietf.pop_prove(other, secrets[0]),
        lambda: ietf.pop_verify(other, keys[0], total),
        lambda: ietf.fast_aggregate_verify(other, keys, b"m", total),
        lambda: ietf.fast_aggregate_verify(suite, [], b"m", total),
    ):
        with pytest.raises(ParameterError):
            attempt()


def test_tags(e: Curve) -> None:
    assert Suite(e).tag() == b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
    assert Suite(e).tag("POP") == b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
    assert Suite(e, Placement.MIN_SIG, Scheme.BASIC).tag() == b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
    assert Suite(e, scheme=Scheme.MESSAGE_AUGMENTATION).tag() == b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_AUG_"
    for tag in (b"", bytes(256)):
        with pytest.raises(ParameterError):
            Suite(e, dst=tag)
    ietf.sign(Suite(e, dst=bytes(255)), e.scalar(3), b"m")


def test_other_curves_have_no_suite(backend_name: str) -> None:
    other = curve("BLS383", backend=backend_name)
    with pytest.raises(ParameterError):
        Suite(other)
    with pytest.raises(ParameterError):
        ietf.key_gen_ethereum(other, bytes(32))


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_refusals(e: Curve, placement: Placement) -> None:
    suite = Suite(e, placement)
    key, signature = ietf.public_key(suite, e.scalar(3)), ietf.sign(suite, e.scalar(3), b"m")
    nothing_of_keys, nothing_of_signatures = key - key, signature - signature
    for k, s in ((nothing_of_keys, signature), (key, nothing_of_signatures), (nothing_of_keys, nothing_of_signatures)):
        with pytest.raises(InvalidSignature):
            ietf.verify(suite, k, b"m", s)
    with pytest.raises(ParameterError):
        ietf.verify(suite, signature, b"m", key)
    with pytest.raises(IdentityElement):
        ietf.public_key_from_bytes(suite, nothing_of_keys.to_bytes(Encoding.ZCASH))
    octets = key.to_bytes(Encoding.ZCASH)
    with pytest.raises(WrongLength):
        ietf.public_key_from_bytes(suite, octets[:-1])
    with pytest.raises(InvalidFlags):
        ietf.public_key_from_bytes(suite, bytes([octets[0] & 0x7F]) + octets[1:])
    with pytest.raises(ParameterError):
        ietf.sign(suite, e.scalar(0), b"m")
    with pytest.raises(ParameterError):
        ietf.aggregate(suite, [])


def test_points_outside_the_subgroup_are_no_keys(e: Curve) -> None:
    octets = bytes([0x80]) + bytes(46) + b"\x04"  # x = 4 is on the curve, not in G1
    with pytest.raises(NotInSubgroup):
        ietf.public_key_from_bytes(Suite(e), octets)


def test_a_secret_key_is_32_octets_and_not_zero(e: Curve) -> None:
    with pytest.raises(WrongLength):
        ietf.secret_key_from_bytes(e, bytes(47) + b"\1")
    with pytest.raises(ParameterError):
        ietf.secret_key_from_bytes(e, bytes(32))
