"""A sample of the original library's own runs: each category of each file, both verdicts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from milagro.errors import AuthenticationFailed
from milagro.groups import Curve, Encoding, curve
from milagro.protocols.mpin.v1 import client, hashing, issuing, server

if TYPE_CHECKING:
    from pathlib import Path

STRIDE = 37


def cases(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "milagro-crypto-c" / "mpin" / name).read_text(encoding="utf-8"))
    return found[::STRIDE]


def octets(point: Any) -> str:
    return str(point.to_bytes(Encoding.MILAGRO).hex())


@pytest.mark.parametrize("one_pass", [False, True], ids=["two-pass", "one-pass"])
def test_runs_with_permits(backend_name: str, shared_vectors: Path, one_pass: bool) -> None:
    e = curve("BN254CX", backend=backend_name)
    verdicts = set()
    for case in cases(shared_vectors, "BN254_CXOnePass.json" if one_pass else "BN254_CX.json"):
        identity, date = bytes.fromhex(case["MPIN_ID_HEX"]), case["DATE"]
        hid, token = issue(e, case, identity, ("SERVER_SECRET", "CLIENT_SECRET"))
        permits = [issuing.time_permit(e, scalar(e, case[s]), hid, date) for s in ("MS1", "MS2")]
        permit = issuing.recombine_g1(permits)
        assert hid.hex() == case["HASH_MPIN_ID_HEX"]
        assert octets(permit) == case["TIME_PERMIT"]
        x = scalar(e, case["X"])
        commitment = client.commit(e, identity, x, date)
        assert commitment.u is not None
        assert (octets(commitment.u), octets(commitment.for_date(date))) == (case["U"], case["UT"])
        secret = client.combined_secret(e, identity, token, case["PIN2"], permit)
        if one_pass:
            y = hashing.time_challenge(e, case["TimeValue"], commitment.for_date(date))
            assert y == scalar(e, case["Y"])
        else:
            y = scalar(e, case["Y"])
            assert octets(secret) == case["SEC"]
        v = client.response(x, y, secret)
        assert octets(v) == case["SEC" if one_pass else "V"]
        verdicts.add(verdict(e, case, identity, commitment, y, v, date, "SERVER_OUTPUT"))
    assert verdicts == {0, -19}


def test_runs_without_permits(backend_name: str, shared_vectors: Path) -> None:
    e = curve("BLS381", backend=backend_name)
    verdicts = set()
    for case in cases(shared_vectors, "BLS381.json"):
        identity = bytes.fromhex(case["MPINId"])
        _, token = issue(e, case, identity, ("SS", "CS"))
        x, y = scalar(e, case["X"]), scalar(e, case["Y"])
        state, commitment = client.ClientTwoPass.start(e, identity, token, case["PIN2"], x)
        v = state.respond(y)
        assert octets(commitment.u) == case["U"]
        assert octets(v) == case["V"]
        verdicts.add(verdict(e, case, identity, commitment, y, v, 0, "AuthResult"))
    assert verdicts == {0, -19}


def scalar(e: Curve, text: str) -> Any:
    return e.scalar_from_bytes(bytes.fromhex(text))


def issue(e: Curve, case: dict[str, Any], identity: bytes, sums: tuple[str, str]) -> tuple[bytes, Any]:
    """HID and the token, with every issued value compared on the way."""
    hid = hashing.hashed_identity(e, identity)
    masters = [scalar(e, case[name]) for name in ("MS1", "MS2")]
    servers, clients = (
        [issuing.server_secret(e, s) for s in masters],
        [issuing.client_secret(e, s, hid) for s in masters],
    )
    assert [octets(p) for p in servers] == [case["SS1"], case["SS2"]]
    assert [octets(p) for p in clients] == [case["CS1"], case["CS2"]]
    assert octets(issuing.recombine_g2(servers)) == case[sums[0]]
    secret = issuing.recombine_g1(clients)
    assert octets(secret) == case[sums[1]]
    token = client.extract_pin(e, secret, identity, case["PIN1"])
    assert octets(token) == case["TOKEN"]
    assert client.restore_pin(e, token, identity, case["PIN1"]) == secret
    return hid, token


def verdict(
    e: Curve, case: dict[str, Any], identity: bytes, commitment: client.Commitment, y: Any, v: Any, date: int, key: str
) -> int:
    secret = e.g2_from_bytes(bytes.fromhex(case["SS" if "SS" in case else "SERVER_SECRET"]), Encoding.MILAGRO)
    state = server.ServerTwoPass.start(e, secret, identity, commitment, y, date=date)
    try:
        state.verify(v)
        got = 0
    except AuthenticationFailed:
        got = -19
    assert got == int(case[key])
    return got
