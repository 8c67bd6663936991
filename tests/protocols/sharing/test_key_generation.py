"""Key generation: right in calm and in storm, and with every misbehaviour of the catalogue."""

from __future__ import annotations

import random as python_random
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro import params
from milagro.errors import EncodingError, MilagroError, ParameterError, ProtocolError, WrongLength, WrongRound
from milagro.protocols.bls import ietf
from milagro.protocols.sharing import threshold_bls
from milagro.protocols.sharing.refusals import InvalidProof, RunFailed, TooFewShares
from milagro.protocols.sharing.runs.generation import KeyGeneration, coefficients
from milagro.protocols.sharing.runs.roster import Member, Roster
from milagro.protocols.sharing.runs.transcript import Certificate, Outcome, recover, verify_contradiction
from milagro.protocols.sharing.shamir import interpolate
from tests.protocols.sharing.misbehaviours import BAD, CATALOGUE, HELPER, SESSION, make_party
from tests.protocols.sharing.simulator import CALM, STORM, Keys, Network, Weather, member, roster
from tests.protocols.sharing.sources import random_from, suite

SIZES = [(3, 5), (5, 9)]


def network(of: Roster, seed: object = 0, weather: Weather = CALM) -> Network:
    def restore(index: int, octets: bytes) -> KeyGeneration:
        return KeyGeneration.from_bytes(suite(), of, SESSION, index, Keys(index), octets)

    stormy = restore if weather.crashes else None
    return Network({i: make_party(of, i, seed) for i in of.indices}, seed, weather, stormy)


def check_agreement(net: Network, of: Roster, honest: list[int]) -> list[Outcome]:
    """Every honest member has the same transcript, a share that fits, and a certificate of all who are qualified."""
    outcomes = [net.parties[index].outcome for index in honest]
    first = outcomes[0]
    members = {one.index: one for one in of.members}
    for index, one in zip(honest, outcomes, strict=True):
        assert one.certificate.transcript == first.certificate.transcript
        assert one.certificate.verify(members, Keys(index), len(honest)) == one.qualified
        assert set(honest) <= set(one.qualified) == set(first.qualified)
        assert one.share is not None
        assert one.share.index == index
    E, t = suite().curve, of.threshold
    shares = [one.share for one in outcomes if one.share]
    for some in (shares[:t], shares[-t:]):
        assert interpolate(E, [(one.index, one.value) for one in some]) * E.g1 == first.key.public
    return outcomes


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (1, 2), (2, 2), (2, 3), *SIZES])
def test_all_honest(threshold: int, count: int) -> None:
    of = roster(threshold, count)
    net = network(of, "honest")
    net.run()
    outcomes = check_agreement(net, of, list(of.indices))
    transcript = outcomes[0].certificate.transcript
    assert (transcript.dealers, transcript.holders, transcript.excluded) == (of.indices, of.indices, ())
    assert not net.refused
    other = network(of, "another")
    other.run()
    assert other.parties[1].outcome.key.public != outcomes[0].key.public


@pytest.mark.parametrize("curve_name", params.NAMES)
def test_every_curve_makes_a_key(curve_name: str) -> None:
    of, on = roster(2, 3), suite(curve_name)
    parties = {i: KeyGeneration.create(on, of, SESSION, i, Keys(i), random_from((curve_name, i))) for i in of.indices}
    Network(parties).run()
    shares = [party.outcome.share for party in parties.values()]
    points = [(share.index, share.value) for share in shares if share]
    assert len(points) == 3
    assert interpolate(on.curve, points[1:]) * on.curve.g1 == parties[1].outcome.key.public


@pytest.mark.parametrize(("threshold", "count"), SIZES)
@pytest.mark.parametrize("name", CATALOGUE)
def test_misbehaviour(name: str, threshold: int, count: int) -> None:
    of, case = roster(threshold, count), CATALOGUE[name]
    net = network(of, name)
    case.spoil(net, of)
    net.run()
    bad = {BAD} | case.culprits
    outcomes = check_agreement(net, of, [index for index in of.indices if index not in bad])
    for index in set(of.indices) - bad:
        assert set(net.parties[index].excluded) == case.culprits
    if case.dealt:
        assert BAD in outcomes[0].certificate.transcript.dealers


def test_the_catalogue_has_its_promised_size() -> None:
    assert len(CATALOGUE) >= 12


@pytest.mark.parametrize("seed", range(6))
def test_storm(seed: int) -> None:
    """Half of all messages lost, others doubled, late, out of order; members crash and come back from their state."""
    of = roster(3, 5)
    net = network(of, seed, STORM)
    net.run()
    check_agreement(net, of, list(of.indices))
    assert net.crashed


@pytest.mark.parametrize("seed", range(4))
def test_storm_with_misbehaviour(seed: int) -> None:
    name = sorted(CATALOGUE)[seed * 7 % len(CATALOGUE)]
    of, case = roster(3, 5), CATALOGUE[name]
    net = network(of, seed, STORM)
    case.spoil(net, of)
    kept = net.restore

    def restore(index: int, octets: bytes) -> Any:
        return net.parties[index] if index in {BAD, HELPER} else kept(index, octets)  # type: ignore[misc]

    net.restore = restore
    net.run()
    check_agreement(net, of, [index for index in of.indices if index not in {BAD} | case.culprits])


@pytest.mark.parametrize("seed", range(12))
def test_as_many_misbehave_as_may_each_in_its_own_way(seed: int) -> None:
    of = roster(5, 9)
    choice = python_random.Random(seed)
    several = sorted(name for name, case in CATALOGUE.items() if len(case.culprits) < 2)
    net, bad = network(of, seed), (2, 3, 6, 8)
    for index in bad:
        CATALOGUE[choice.choice(several)].spoil(net, of, index)
    net.run()
    honest = [index for index in of.indices if index not in bad]
    check_agreement(net, of, honest)
    assert len({frozenset(net.parties[index].excluded.items()) for index in honest}) == 1
    assert set(net.parties[1].excluded) <= set(bad)


def test_absent_members_are_left_out_as_long_as_the_threshold_remains() -> None:
    for threshold, count, absent in ((3, 5, {2, 4}), (2, 5, {1, 3, 5}), (5, 9, {1, 2, 8, 9})):
        of = roster(threshold, count)
        net = network(of)
        net.absent = set(absent)
        net.run()
        outcomes = check_agreement(net, of, [index for index in of.indices if index not in absent])
        assert dict(outcomes[0].certificate.transcript.excluded) == dict.fromkeys(absent, "absent")


@pytest.mark.parametrize(("threshold", "count", "absent"), [(3, 5, {1, 2, 4}), (2, 2, {1}), (5, 9, {1, 2, 3, 4, 5})])
def test_too_many_absent_end_the_run_with_their_names(threshold: int, count: int, absent: set[int]) -> None:
    of = roster(threshold, count)
    net = network(of)
    net.absent = set(absent)
    net.run()
    for index in set(of.indices) - absent:
        with pytest.raises(RunFailed) as caught:
            _ = net.parties[index].outcome
        assert caught.value.culprits == tuple(sorted(absent))
        assert caught.value.reasons == dict.fromkeys(absent, "absent")


def test_with_no_fault_allowed_a_contradiction_ends_the_run_with_its_author() -> None:
    of = roster(3, 3)
    net = network(of)
    CATALOGUE["deals two polynomials"].spoil(net, of)
    net.run()
    for index in (1, 3):
        with pytest.raises(RunFailed) as caught:
            _ = net.parties[index].outcome
        assert caught.value.culprits == (BAD,)


def test_a_contradiction_is_evidence_for_anyone() -> None:
    of = roster(3, 5)
    net = network(of)
    CATALOGUE["deals two polynomials"].spoil(net, of)
    net.run()
    party = net.parties[1]
    run, evidence = party._table.run_id, party.evidence[BAD]
    verify_contradiction(suite(), run, of.members[BAD - 1], Keys(9), evidence)
    for other_run, whom, what in (
        (bytes(32), BAD, evidence),
        (run, HELPER, evidence),
        (run, BAD, evidence[: len(evidence) // 2]),
        (run, BAD, evidence[: len(evidence) // 2] * 2),
        (run, BAD, b""),
    ):
        with pytest.raises(InvalidProof):
            verify_contradiction(suite(), other_run, of.members[whom - 1], Keys(9), what)


def test_the_key_signs() -> None:
    of = roster(3, 5)
    net = network(of)
    net.run()
    shares = [net.parties[index].outcome.share for index in of.indices]
    key, signing = shares[0].key, ietf.Suite(suite().curve)
    secret = interpolate(suite().curve, [(share.index, share.value) for share in shares[:3]])
    partials = [threshold_bls.sign(signing, share, b"message") for share in shares]
    for some in combinations(partials, 3):
        combined = threshold_bls.combine(signing, key, b"message", some, random_from(0))
        assert combined.signature == ietf.sign(signing, secret, b"message")


def test_recovery_files_give_the_share_back_and_come_before_confirmation() -> None:
    of = roster(2, 3)
    net = network(of)
    files: dict[int, bytes] = {}
    for index, party in net.parties.items():
        stored = party.recovery_stored

        def note(index: int = index, stored: Any = stored, party: Any = party) -> Any:
            files[index] = party.recovery_file
            return stored()

        party.recovery_stored = note
    net.run()
    for index, party in net.parties.items():
        outcome = party.outcome
        assert recover(suite(), files[index], outcome.certificate).to_bytes() == outcome.share.to_bytes()
        assert party.recovery_file is None
    other = network(of, "other")
    other.run()
    with pytest.raises(InvalidProof):
        recover(suite(), files[1], other.parties[1].outcome.certificate)


def test_who_does_not_store_its_recovery_file_has_no_share_and_does_not_count() -> None:
    of = roster(2, 3)
    net = network(of)
    net.parties[3].recovery_stored = list
    net.run()
    check_agreement(net, of, [1, 2])
    assert net.parties[1].excluded == {3: "absent"}
    with pytest.raises(RunFailed):
        _ = net.parties[3].outcome


def test_steps_out_of_order_are_refused() -> None:
    of = roster(2, 3)
    party = make_party(of, 1)
    for early in (party.end_step, party.recovery_stored, lambda: party.outcome):
        with pytest.raises(WrongRound):
            early()
    party.begin()
    assert not party.ready
    with pytest.raises(WrongRound):
        party.begin()
    net = network(of)
    net.run()
    done = net.parties[1]
    assert not done.ready
    assert done.outbox == []
    for late in (done.end_step, done.recovery_stored, done.begin):
        with pytest.raises(WrongRound):
            late()


def test_a_party_is_ready_when_all_are_heard() -> None:
    of = roster(2, 3)
    net = network(of)
    net.begin()
    assert not any(party.ready for party in net.parties.values())
    net.deliver()
    assert all(party.ready for party in net.parties.values())


def test_a_certificate_is_verified() -> None:
    of = roster(2, 3)
    net = network(of)
    net.run()
    certificate = net.parties[1].outcome.certificate
    members = {one.index: one for one in of.members}
    assert Certificate.from_bytes(suite(), certificate.to_bytes()) == certificate
    with pytest.raises(TooFewShares):
        certificate.verify(members, Keys(1), 4)
    with pytest.raises(TooFewShares):
        Certificate(certificate.transcript, certificate.confirmations[:1] * 3).verify(members, Keys(1), 2)
    with pytest.raises(InvalidProof):
        certificate.verify({1: members[1]}, Keys(1), 1)
    unsigned = tuple(one._replace(signature=bytes(64)) for one in certificate.confirmations)
    with pytest.raises(InvalidProof):
        Certificate(certificate.transcript, unsigned).verify(members, Keys(1), 1)
    other = network(of, "other")
    other.run()
    foreign = other.parties[1].outcome.certificate
    with pytest.raises(InvalidProof):
        Certificate(certificate.transcript, foreign.confirmations).verify(members, Keys(1), 1)


def test_the_state_of_another_party_or_run_is_refused() -> None:
    of = roster(2, 3)
    state = make_party(of, 1).to_bytes()
    for session, index in ((SESSION, 2), (bytes(32), 1)):
        with pytest.raises(ProtocolError):
            KeyGeneration.from_bytes(suite(), of, session, index, Keys(index), state)
    for length in range(len(state)):
        with pytest.raises(EncodingError):
            KeyGeneration.from_bytes(suite(), of, SESSION, 1, Keys(1), state[:length])


def test_messages_that_come_again_do_not_make_the_state_grow() -> None:
    of = roster(2, 3)
    party, other, twin = make_party(of, 1), make_party(of, 2), make_party(of, 2, "twin")
    party.begin()
    sent = [one.octets for one in other.begin() if one.to in (None, 1)]
    for octets in sent:
        party.receive(octets)
    ahead = other.end_step()[0].octets
    party.receive(ahead)
    before = party.to_bytes()
    for octets in (*sent, ahead, *(one.octets for one in twin.begin() if one.to in (None, 1))):
        party.receive(octets)
    assert party.to_bytes() == before


def test_the_state_keeps_each_statement_once_and_nothing_from_far_ahead() -> None:
    of = roster(2, 4)
    net = network(of)
    net.begin()
    net.deliver()
    said = len(net.parties[1].to_bytes())
    for _ in range(2):
        net.step()
        net.deliver()
    assert len(net.parties[1].to_bytes()) < 3 * said
    slow = make_party(of, 1)
    slow.begin()
    before = slow.to_bytes()
    assert net.parties[2].place == (1, 3)
    for one in net.parties[2].outbox:
        if one.to is None:
            slow.receive(one.octets)
    assert slow.to_bytes() == before


def test_rosters_that_cannot_be_are_refused() -> None:
    one, two = member(1), member(2)
    for members, threshold, faults in (
        ([], 1, 0),
        ([two, one], 1, None),
        ([one, one], 1, None),
        ([one, Member(2, "copy", one.public_key)], 1, None),
        ([one, two], 0, None),
        ([one, two], 3, None),
        ([one, two], 1, 2),
        ([one, two], 1, -1),
    ):
        with pytest.raises(ParameterError):
            Roster.create(members, threshold, faults)
    for index, name, key in ((0, "a", b"k"), (65536, "a", b"k"), (1, "", b"k"), (1, "a\n", b"k"), (1, "a", b"")):
        with pytest.raises(ParameterError):
            Member(index, name, key)
    of = roster(2, 3)
    assert Roster.from_bytes(of.to_bytes()) == of
    with pytest.raises(ParameterError):
        make_party(of, 4)
    with pytest.raises(ParameterError):
        make_party(of, 1, session=b"short")


def test_a_message_that_is_too_long_is_refused_unread() -> None:
    party = make_party(roster(2, 3), 1)
    party.begin()
    with pytest.raises(WrongLength):
        party.receive(bytes((1 << 24) + 1))


MESSAGES = [one.octets for i in (2, 3) for one in make_party(roster(2, 3), i).begin() if one.to in (None, 1)]
FINISHED = network(roster(2, 3))
FINISHED.run()
CERTIFICATE = FINISHED.parties[1].outcome.certificate.to_bytes()


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_message_makes_a_party_fail_otherwise(data: st.DataObject) -> None:
    party = make_party(roster(2, 3), 1)
    party.begin()
    octets = data.draw(st.sampled_from(MESSAGES))
    at = data.draw(st.integers(0, len(octets) - 1))
    made = octets[:at] + data.draw(st.binary(max_size=8)) + octets[at + data.draw(st.integers(0, 8)) :]
    try:
        party.receive(made)
    except MilagroError:
        assert party.place == (1, 1)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_octets_make_the_readers_fail_otherwise(data: st.DataObject) -> None:
    of = roster(2, 3).to_bytes()
    octets, read = data.draw(
        st.sampled_from([(of, Roster.from_bytes), (CERTIFICATE, lambda some: Certificate.from_bytes(suite(), some))])
    )
    at = data.draw(st.integers(0, len(octets) - 1))
    made = octets[:at] + data.draw(st.binary(max_size=8)) + octets[at + data.draw(st.integers(0, 8)) :]
    try:
        again = read(made).to_bytes()
    except EncodingError:
        return
    assert again == made


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_coefficients_come_back_from_values(numbers: list[int]) -> None:
    r = suite().curve.order
    points = [(x, sum(a * x**i for i, a in enumerate(numbers)) % r) for x in range(3, 3 + len(numbers))]
    assert coefficients(points, r) == numbers
