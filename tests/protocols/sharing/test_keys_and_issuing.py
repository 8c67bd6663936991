"""Commitments, shared keys, and what holders of a key issue: against the secret that a dealer knows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import EncodingError, IdentityElement, InvalidShare, ParameterError
from milagro.protocols.sharing import issuing
from milagro.protocols.sharing.commitments import (
    Commitments,
    Opening,
    check_openings,
    commit,
    commit_blinded,
    fits,
    fits_blinded,
)
from milagro.protocols.sharing.issuing import ClientShare, ReceiverShare, ServerShare
from milagro.protocols.sharing.refusals import (
    DuplicateShare,
    InvalidProof,
    MixedShares,
    TooFewShares,
)
from milagro.protocols.sharing.shamir import evaluate
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey, deal
from tests.protocols.sharing.sources import random_from, suite

CURVES = [("BLS12-381", "native"), ("BN254", "native"), ("BLS12-381", "reference")]


@pytest.mark.parametrize(("name", "backend"), CURVES)
def test_shares_fit_their_commitments_and_no_others(name: str, backend: str) -> None:
    s, random = suite(name, backend), random_from(name)
    E = s.curve
    f, g = ([E.random_scalar(random) for _ in range(3)] for _ in range(2))
    C, D = commit(s, f), commit_blinded(s, f, g)
    for i in (1, 2, 5, 65535):
        a, b = evaluate(E, f, i), evaluate(E, g, i)
        assert C.at(i) == a * E.g1
        assert fits(s, C, i, a)
        assert fits_blinded(s, D, i, a, b)
        assert not fits(s, C, i, b)
        assert not fits(s, C, i + 1, a)
        assert not fits_blinded(s, D, i, b, a)
        assert not fits_blinded(s, D, i, a + E.scalar(1), b)
    assert C.constant == f[0] * E.g1
    assert (C + C).at(4) == evaluate(E, f, 4) * E.g1 + evaluate(E, f, 4) * E.g1


def test_the_two_generators_have_no_relation_that_the_code_knows() -> None:
    s = suite()
    H = s.blinding_generator
    assert s.curve.hash_to_g1(b"", s.dst("PEDERSEN_")) == H
    assert H not in (s.curve.g1, -s.curve.g1, s.curve.g1_identity)


def test_commitments_out_of_order_are_refused() -> None:
    s, random = suite(), random_from(0)
    f = [s.curve.random_scalar(random) for _ in range(2)]
    C = commit(s, f)
    with pytest.raises(IdentityElement):
        commit(s, [f[0], s.curve.scalar(0)])
    with pytest.raises(ParameterError):
        commit_blinded(s, f, f[:1])
    with pytest.raises(ParameterError):
        Commitments(())
    with pytest.raises(ParameterError):
        _ = C + Commitments(C.points[:1])
    assert Commitments.from_bytes(s, C.to_bytes(), 2) == C
    for threshold in (1, 3):
        with pytest.raises(EncodingError):
            Commitments.from_bytes(s, C.to_bytes(), threshold)


@given(st.sets(st.integers(0, 9)), st.booleans(), st.integers())
@settings(max_examples=25, deadline=None)
def test_a_batch_of_shares_names_exactly_those_that_are_wrong(bad: set[int], blinded: bool, seed: int) -> None:
    s, random = suite(), random_from(seed)
    E = s.curve
    openings = []
    for dealer in range(2):
        f, g = ([E.random_scalar(random) for _ in range(3)] for _ in range(2))
        known = commit_blinded(s, f, g) if blinded else commit(s, f)
        for i in range(1, 6):
            place = 5 * dealer + i - 1
            value = evaluate(E, f, i) + E.scalar(1 if place in bad else 0)
            openings.append(Opening(known, i, value, evaluate(E, g, i) if blinded else None))
    if not bad:
        check_openings(s, openings, random)
        return
    with pytest.raises(InvalidProof) as caught:
        check_openings(s, openings, random)
    assert caught.value.culprits == tuple(sorted(bad))


@pytest.mark.parametrize(("name", "backend"), CURVES)
def test_any_threshold_of_holders_issue_what_the_master_would(name: str, backend: str) -> None:
    s, random = suite(name, backend), random_from(name)
    E = s.curve
    secret = E.random_scalar(random)
    shares = deal(s, secret, 3, 5, random)
    key, A = shares[0].key, E.hash_to_g1(b"alice", b"TEST")
    assert key.public == secret * E.g1
    client = [issuing.issue_client_share(share, A, random, b"ctx") for share in shares]
    server = [issuing.issue_server_share(share) for share in shares]
    for some in ([0, 1, 2], [4, 2, 0], [0, 1, 2, 3, 4]):
        assert issuing.combine_client_shares(key, [client[i] for i in some], A, random, b"ctx") == secret * A
        assert issuing.combine_server_shares(key, [server[i] for i in some], random) == secret * E.g2
    for one in client:
        issuing.check_client_share(key, one, A, b"ctx")


def test_wrong_shares_are_refused_with_the_name_of_their_issuer() -> None:
    s, random = suite(), random_from("issue")
    E = s.curve
    shares = deal(s, E.random_scalar(random), 2, 4, random)
    key, A = shares[0].key, E.hash_to_g1(b"alice", b"TEST")
    client = [issuing.issue_client_share(share, A, random) for share in shares]
    server = [issuing.issue_server_share(share) for share in shares]
    for some in combinations(range(4), 2):
        spoilt = [replace(one, point=one.point + E.g1) if i in some else one for i, one in enumerate(client)]
        with pytest.raises(InvalidProof) as caught:
            issuing.combine_client_shares(key, spoilt, A, random)
        assert caught.value.culprits == tuple(i + 1 for i in some)
        cancelling = [replace(server[some[0]], point=server[some[0]].point + E.g2)]
        cancelling += [replace(server[some[1]], point=server[some[1]].point + -E.g2)]
        others = [one for i, one in enumerate(server) if i not in some]
        with pytest.raises(InvalidProof) as cancelled:
            issuing.combine_server_shares(key, [*cancelling, *others], random)
        assert cancelled.value.culprits == tuple(i + 1 for i in some)
    with pytest.raises(InvalidProof) as one_alone:
        issuing.check_client_share(key, replace(client[1], point=client[0].point), A)
    assert one_alone.value.culprits == (2,)
    other_context = issuing.issue_client_share(shares[0], A, random, b"another realm")
    other_point = issuing.issue_client_share(shares[0], A + A, random)
    swapped = replace(client[1], header=client[0].header)
    for wrong in (other_context, other_point, swapped):
        with pytest.raises(InvalidProof):
            issuing.check_client_share(key, wrong, A)


@pytest.mark.parametrize(("name", "backend"), CURVES)
def test_t_receiver_shares_are_s_b_and_wrong_ones_are_named(name: str, backend: str) -> None:
    s, random = suite(name, backend), random_from(f"receivers {name}")
    E = s.curve
    secret, B = E.random_scalar(random), E.random_scalar(random) * E.g2
    shares = deal(s, secret, 2, 4, random)
    key = shares[0].key
    made = [issuing.issue_receiver_share(share, B) for share in shares]
    for some in combinations(made, 2):
        assert issuing.combine_receiver_shares(key, some, B, random) == secret * B
    of_q = issuing.issue_receiver_share(shares[1], E.g2)
    wrong = replace(made[1], point=made[2].point), replace(of_q, B=B), replace(made[1], point=made[1].point + E.g2)
    for one in wrong:
        with pytest.raises(InvalidProof) as caught:
            issuing.check_receiver_shares(key, [made[0], one, made[2]], B, random)
        assert caught.value.culprits == (2,)
    with pytest.raises(InvalidProof) as caught:
        issuing.combine_receiver_shares(key, [made[0], of_q], B, random)
    assert caught.value.culprits == (2,)
    for run in (
        lambda: issuing.issue_receiver_share(shares[0], E.g2_identity),
        lambda: issuing.check_receiver_shares(key, made, E.g2_identity, random),
    ):
        with pytest.raises(ParameterError):
            run()


def test_a_receiver_share_tells_the_pin_of_a_stolen_token() -> None:
    """Why `spec/issuing.md` keeps receivers and PINs under different keys."""
    s, random = suite(), random_from("a receiver as an oracle")
    E = s.curve
    secret, A, B = E.random_scalar(random), E.hash_to_g1(b"alice", b"TEST"), E.random_scalar(random) * E.g2
    pins = [E.hash_to_g1(b"pin %d" % i, b"TEST") for i in range(10)]
    token, receiver = secret * A - pins[7], secret * B
    right = [i for i, pin in enumerate(pins) if E.pairing_check([(token + pin, B), (-A, receiver)])]
    assert right == [7]


def test_shares_of_other_keys_and_epochs_do_not_combine() -> None:
    s, random = suite(), random_from("epochs")
    E = s.curve
    secret = E.random_scalar(random)
    ours, others = deal(s, secret, 2, 3, random), deal(s, secret, 2, 3, random, epoch=1)
    A = E.hash_to_g1(b"alice", b"TEST")
    issue, give = issuing.issue_client_share, issuing.issue_server_share
    key = ours[0].key
    mixed = [issue(ours[0], A, random), issue(others[1], A, random)]
    for error, run in (
        (MixedShares, lambda: issuing.combine_client_shares(key, mixed, A, random)),
        (MixedShares, lambda: issuing.combine_client_shares(key, mixed[1:] * 2, A, random)),
        (MixedShares, lambda: issuing.check_server_shares(key, [give(others[0])], random)),
        (MixedShares, lambda: issuing.combine_server_shares(key, [give(ours[0]), give(others[1])], random)),
        (DuplicateShare, lambda: issuing.combine_server_shares(key, [give(ours[0]), give(ours[0])], random)),
        (TooFewShares, lambda: issuing.combine_server_shares(key, [give(ours[0])], random)),
    ):
        with pytest.raises((error, DuplicateShare)):
            run()


def test_a_share_of_no_holder_is_refused_by_name() -> None:
    s, random = suite(), random_from("nobody")
    shares = deal(s, s.curve.random_scalar(random), 2, 3, random)
    key, A = shares[0].key, s.curve.g1 + s.curve.g1
    nobody = replace(shares[0].header, index=9)
    client = replace(issuing.issue_client_share(shares[0], A, random), header=nobody)
    server = replace(issuing.issue_server_share(shares[0]), header=nobody)
    for run in (
        lambda: issuing.check_client_share(key, client, A),
        lambda: issuing.check_server_shares(key, [server], random),
    ):
        with pytest.raises(MixedShares) as caught:
            run()
        assert caught.value.culprits == (9,)


def test_keys_and_shares_come_back_from_their_octets() -> None:
    s, random = suite(), random_from("octets")
    E = s.curve
    shares = deal(s, E.random_scalar(random), 3, 4, random, epoch=9)
    key, A = shares[0].key, E.hash_to_g1(b"alice", b"TEST")
    again = SharedKey.from_bytes(s, key.to_bytes())
    assert again == key
    assert again.key_id == key.key_id
    assert KeyShare.from_bytes(s, shares[2].to_bytes()).to_bytes() == shares[2].to_bytes()
    client, server = issuing.issue_client_share(shares[1], A, random), issuing.issue_server_share(shares[1])
    assert ClientShare.from_bytes(s, client.to_bytes()).to_bytes() == client.to_bytes()
    assert ServerShare.from_bytes(s, server.to_bytes()).to_bytes() == server.to_bytes()
    for value in (client, server, shares[0]):
        assert "redacted" in repr(value)


def test_a_key_that_cannot_be_is_refused() -> None:
    s, random = suite(), random_from("bad key")
    E = s.curve
    key = deal(s, E.random_scalar(random), 2, 3, random)[0].key
    for holders in ((), (1,), (0, 1), (2, 1), (1, 1), (1, 65536)):
        with pytest.raises(ParameterError):
            SharedKey(s, key.set_id, 0, holders, key.commitments)
    with pytest.raises(ParameterError):
        SharedKey(s, b"", 0, (1, 2), key.commitments)
    with pytest.raises(InvalidProof):
        SharedKey(s, key.set_id, 0, (1, 2), Commitments((E.g1_identity, E.g1)))
    with pytest.raises(ParameterError):
        key.commitment(4)
    with pytest.raises(InvalidShare):
        KeyShare(key, 1, E.scalar(5))
    with pytest.raises(IdentityElement):
        deal(s, E.scalar(0), 2, 3, random)


def _octets() -> list[tuple[type, bytes]]:
    s, random = suite(), random_from("fuzz")
    shares = deal(s, s.curve.random_scalar(random), 2, 3, random)
    client = issuing.issue_client_share(shares[0], s.curve.g1 + s.curve.g1, random)
    return [
        (SharedKey, shares[0].key.to_bytes()),
        (KeyShare, shares[0].to_bytes()),
        (ClientShare, client.to_bytes()),
        (ServerShare, issuing.issue_server_share(shares[0]).to_bytes()),
        (ReceiverShare, issuing.issue_receiver_share(shares[0], s.curve.g2).to_bytes()),
    ]


OCTETS = _octets()


@pytest.mark.parametrize(("kind", "octets"), OCTETS, ids=[kind.__name__ for kind, _ in OCTETS])
def test_every_truncation_is_refused(kind: type, octets: bytes) -> None:
    for length in range(len(octets)):
        with pytest.raises(EncodingError):
            kind.from_bytes(suite(), octets[:length])  # type: ignore[attr-defined]


@given(st.sampled_from(OCTETS), st.data())
@settings(max_examples=200, deadline=None)
def test_no_octets_make_the_readers_fail_otherwise(value: tuple[type, bytes], data: st.DataObject) -> None:
    kind, octets = value
    at = data.draw(st.integers(0, len(octets) - 1))
    junk = data.draw(st.binary(max_size=12))
    made = octets[:at] + junk + octets[at + data.draw(st.integers(0, 12)) :]
    with suppress(EncodingError, InvalidShare):
        assert kind.from_bytes(suite(), made).to_bytes() == made  # type: ignore[attr-defined]
