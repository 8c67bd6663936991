"""Every value of an oracle run comes out of the public functions of version 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milagro.errors import AuthenticationFailed, InvalidSignature
from milagro.protocols.mpin.v1 import client, dvs, full, hashing, issuing, pin_error, server, signature

if TYPE_CHECKING:
    from milagro.groups import G1Point

    from .conftest import Run


def verdict(run: Run, v: G1Point, commitment: client.Commitment, date: int = 0) -> server.ProofRejected | None:
    state = server.ServerTwoPass.start(
        run.curve, run.g2("ss"), run.identity, commitment, run.scalar("y"), date=date, hash_name=run.hash_name
    )
    try:
        state.verify(v, evidence=True)
    except server.ProofRejected as rejection:
        return rejection
    return None


def test_issuing(run: Run) -> None:
    hid = hashing.hashed_identity(run.curve, run.identity, hash_name=run.hash_name)
    masters = [run.scalar("ms1"), run.scalar("ms2")]
    secret = issuing.recombine_g1([issuing.client_secret(run.curve, s, hid) for s in masters])
    permits = [issuing.time_permit(run.curve, s, hid, run.date, hash_name=run.hash_name) for s in masters]
    assert hid == run.octets("hid")
    assert hashing.identity_point(run.curve, hid) == run.g1("HID")
    assert issuing.recombine_g2([issuing.server_secret(run.curve, s) for s in masters]) == run.g2("ss")
    assert secret == run.g1("cs")
    assert client.extract_pin(run.curve, secret, run.identity, run.pin, hash_name=run.hash_name) == run.g1("token")
    assert issuing.recombine_g1(permits) == run.g1("tp")


def test_two_pass(run: Run) -> None:
    state, commitment = client.ClientTwoPass.start(
        run.curve, run.identity, run.g1("token"), run.pin, run.scalar("x"), hash_name=run.hash_name
    )
    v = state.respond(run.scalar("y"))
    assert commitment.u == run.g1("u")
    assert v == run.g1("v")
    assert verdict(run, v, commitment) is None


def test_two_pass_with_permits(run: Run) -> None:
    state, commitment = client.ClientTwoPass.start(
        run.curve,
        run.identity,
        run.g1("token"),
        run.pin,
        run.scalar("x"),
        permit=run.g1("tp"),
        date=run.date,
        hash_name=run.hash_name,
    )
    v = state.respond(run.scalar("y"))
    dated = hashing.dated_point(run.curve, run.identity, run.date, hash_name=run.hash_name)
    assert dated == run.g1("tp_HTID")
    assert (commitment.u, commitment.ut) == (run.g1("u"), run.g1("tp_ut"))
    assert v == run.g1("tp_v")
    assert verdict(run, v, commitment, run.date) is None
    expired = verdict(run, v, commitment, run.date + 1)
    assert expired is not None
    assert pin_error.pin_error(run.curve, expired.e, expired.f) == run["expired_err"] == 0


@pytest.mark.parametrize(("prefix", "pin", "dated"), [("bad", 1300, False), ("bad_tp", 7, True)])
def test_wrong_pin(run: Run, prefix: str, pin: int, dated: bool) -> None:
    date, permit = (run.date, run.g1("tp")) if dated else (0, None)
    state, commitment = client.ClientTwoPass.start(
        run.curve,
        run.identity,
        run.g1("token"),
        pin,
        run.scalar("x"),
        permit=permit,
        date=date,
        hash_name=run.hash_name,
    )
    rejection = verdict(run, state.respond(run.scalar("y")), commitment, date)
    assert rejection is not None
    assert rejection.e.to_bytes() == run.octets(f"{prefix}_E")
    assert rejection.f.to_bytes() == run.octets(f"{prefix}_F")
    assert pin_error.pin_error(run.curve, rejection.e, rejection.f) == run[f"{prefix}_err"] == pin - run.pin


def test_one_pass(run: Run) -> None:
    for prefix, date, permit, message in (
        ("op", run.date, run.g1("tp"), run.message),
        ("op0", 0, None, b""),
    ):
        proof = client.one_pass(
            run.curve,
            run.identity,
            run.g1("token"),
            run.pin,
            run.scalar("x"),
            time=run.time,
            message=message,
            permit=permit,
            date=date,
            hash_name=run.hash_name,
        )
        y = hashing.time_challenge(
            run.curve, run.time, proof.commitment.for_date(date), message, hash_name=run.hash_name
        )
        assert y == run.scalar(f"{prefix}_y")
        assert proof.v == run.g1(f"{prefix}_v")
        server.verify_one_pass(
            run.curve, run.g2("ss"), run.identity, proof, message=message, date=date, hash_name=run.hash_name
        )
    late = client.OnePass(proof.commitment, proof.v, run.time + 1)
    with pytest.raises(AuthenticationFailed):
        server.verify_one_pass(run.curve, run.g2("ss"), run.identity, late, hash_name=run.hash_name)


@pytest.mark.parametrize("dated", [False, True], ids=["undated", "dated"])
def test_full(run: Run, dated: bool) -> None:
    date, permit, prefix = (run.date, run.g1("tp"), "tp_") if dated else (0, None, "")
    values = full.precompute(run.curve, run.g1("token"), run.identity, hash_name=run.hash_name)
    assert (values.g1.to_bytes(), values.g2.to_bytes()) == (run.octets("g1"), run.octets("g2"))
    ours, commitment, r_point = full.FullClient.start(
        run.curve,
        run.identity,
        run.g1("token"),
        values,
        run.pin,
        x=run.scalar("x"),
        r=run.scalar("r"),
        permit=permit,
        date=date,
        hash_name=run.hash_name,
    )
    theirs = full.FullServer.start(
        run.curve,
        run.g2("ss"),
        run.identity,
        commitment,
        r_point,
        y=run.scalar("y"),
        w=run.scalar("w"),
        date=date,
        hash_name=run.hash_name,
    )
    y, w_point = theirs.challenge
    v, key = ours.respond(y, w_point)
    assert (r_point, w_point) == (run.g1("Z"), run.g1(f"{prefix}T"))
    assert key == run.octets(f"{prefix}ck")
    assert theirs.finish(v) == run.octets(f"{prefix}sk")


def test_transcript_hash(run: Run) -> None:
    got = hashing.transcript_hash(
        run.curve,
        run.octets("hid"),
        commitment=run.g1("u"),
        v=run.g1("v"),
        y=run.scalar("y"),
        r_point=run.g1("Z"),
        w_point=run.g1("T"),
        hash_name=run.hash_name,
    )
    assert got == run.octets("hm")


def test_client_key_signature(run: Run) -> None:
    z, public = run.scalar("dvs_z"), run.g2("dvs_pa")
    assert dvs.client_public_key(run.curve, z) == public
    identity = dvs.extended_identity(run.identity, public)
    hid = hashing.hashed_identity(run.curve, identity, hash_name=run.hash_name)
    issued = issuing.client_secret(run.curve, run.scalar("ms1") + run.scalar("ms2"), hid)
    secret = dvs.client_key_secret(z, issued)
    token = client.extract_pin(run.curve, secret, identity, run.pin, hash_name=run.hash_name)
    assert (secret, token) == (run.g1("dvs_zcs"), run.g1("dvs_token"))
    signed = signature.sign(
        run.curve,
        identity,
        token,
        run.pin,
        x=run.scalar("x"),
        time=run.time,
        message=run.message,
        hash_name=run.hash_name,
    )
    assert (signed.commitment.u, signed.v) == (run.g1("dvs_u"), run.g1("dvs_v"))
    arguments = (run.curve, run.g2("ss"), identity, signed)
    signature.verify(*arguments, run.message, client_key=public, hash_name=run.hash_name)
    with pytest.raises(InvalidSignature):
        signature.verify(*arguments, run.message + b".", client_key=public, hash_name=run.hash_name)
    hashed = hashing.numbered_hash(run.curve, 0, run.message, hash_name=run.hash_name)
    with pytest.raises(AuthenticationFailed):  # without the key the equation is another one
        server.verify_one_pass(*arguments, message=hashed, hash_name=run.hash_name)
