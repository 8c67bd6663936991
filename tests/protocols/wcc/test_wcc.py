"""Chow-Choo: the oracle's exchange, both sides of an own one, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from milagro.errors import IdentityElement, ParameterError, WrongLength, WrongRound
from milagro.groups import Curve, Encoding, curve
from milagro.protocols import wcc

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.protocols.original_hash import HashName

A, B = b"alice@milagro.com", b"bob@milagro.com"


@pytest.mark.parametrize("name", ["BN254CX", "BLS381", "FP256BN"])
def test_the_oracles_exchange(backend_name: str, shared_vectors: Path, name: str) -> None:
    values = json.loads((shared_vectors / "oracle" / f"{name}.json").read_text(encoding="utf-8"))
    e = curve(name, backend=backend_name)

    def octets(field: str) -> bytes:
        return bytes.fromhex(values[f"sha256_{field}"])

    x, y, w = (e.scalar_from_bytes(octets(letter)) for letter in "xyw")
    master = e.scalar_from_bytes(octets("ms1"))
    ka = wcc.sender_key(e, master, wcc.hashed_identity(e, A))
    kb = wcc.receiver_key(e, master, wcc.hashed_identity(e, B))
    assert ka.to_bytes(Encoding.MILAGRO) == octets("wcc_ak")
    assert kb.to_bytes(Encoding.MILAGRO) == octets("wcc_bk")
    sender, pa = wcc.Sender.start(e, A, B, ka, x)
    pb, pg, k2 = wcc.respond(e, A, B, kb, pa, y=y, w=w)
    points = [point.to_bytes(Encoding.MILAGRO) for point in (pa, pb, pg)]
    assert points == [octets("wcc_pag1"), octets("wcc_pbg2"), octets("wcc_pgg1")]
    transcript = wcc.Transcript(e, A, B, pa, pb, pg)
    assert transcript.pia == e.scalar_from_bytes(octets("wcc_pia"))
    assert transcript.pib == e.scalar_from_bytes(octets("wcc_pib"))
    assert sender.finish(pb, pg) == octets("wcc_k1")
    assert k2 == octets("wcc_k2")


@pytest.fixture
def e(backend_name: str) -> Curve:
    return curve("BN254CX", backend=backend_name)


def exchange(e: Curve, hash_name: HashName = "sha256", **changed: Any) -> tuple[bytes, bytes]:
    s = e.scalar(77)
    ka = wcc.sender_key(e, s, wcc.hashed_identity(e, A, hash_name=hash_name))
    kb = wcc.receiver_key(e, changed.get("s", s), wcc.hashed_identity(e, B, hash_name=hash_name))
    sender, pa = wcc.Sender.start(e, A, B, ka, e.scalar(5), hash_name=hash_name)
    pb, pg, key = wcc.respond(e, changed.get("sender", A), B, kb, pa, y=e.scalar(6), w=e.scalar(7), hash_name=hash_name)
    return sender.finish(pb, pg), key


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_both_sides_agree(e: Curve, hash_name: HashName) -> None:
    ours, theirs = exchange(e, hash_name)
    assert ours == theirs
    assert len(ours) == 16


def test_another_master_or_identity_gives_another_key(e: Curve) -> None:
    for changed in ({"s": e.scalar(78)}, {"sender": b"mallory@milagro.com"}):
        ours, theirs = exchange(e, **changed)
        assert ours != theirs


def test_order_and_degenerate_values(e: Curve) -> None:
    key = wcc.sender_key(e, e.scalar(77), wcc.hashed_identity(e, A))
    sender, _ = wcc.Sender.start(e, A, B, key, e.scalar(5))
    with pytest.raises(IdentityElement):
        sender.finish(e.g2_identity, e.g1)
    with pytest.raises(IdentityElement):
        sender.finish(e.g2, e.g1_identity)
    sender.finish(e.g2, e.g1)
    with pytest.raises(WrongRound):
        sender.finish(e.g2, e.g1)
    with pytest.raises(ParameterError):
        wcc.Sender.start(e, A, B, key, e.scalar(0))
    with pytest.raises(ParameterError):
        wcc.hashed_identity(e, b"")
    with pytest.raises(WrongLength):
        wcc.receiver_key(e, e.scalar(1), B)
    with pytest.raises(IdentityElement):
        wcc.Sender.start(e, A, B, e.g1_identity, e.scalar(5))
