"""A split server secret: t servers say together what the whole secret says, and fewer learn nothing from each other.

Spec: spec/mpin.md#split-secret
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import (
    AuthenticationFailed,
    EncodingError,
    Expired,
    InvalidShare,
    MilagroError,
    ParameterError,
    Unavailable,
    WrongRound,
)
from milagro.groups import G1Point, GTElement, Scalar, curve
from milagro.groups.batches import weighted_sum
from milagro.params import NAMES
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v2 import joint
from milagro.protocols.mpin.v2.joint import Attempts, Contribution, Partial, Participant
from milagro.protocols.mpin.v2.split import Dealing, SplitShare, deal
from tests.protocols.batch.sources import random_from
from tests.protocols.batch.test_v2 import WRONG, attempts, colleague
from tests.protocols.v2.conftest import NOW, PIN, Deployment

RUN = bytes(range(16))
NATIVE = "native"


def public_of(one: Deployment) -> G1Point:
    E = one.suite.curve
    first, *rest = [master.commitment().point for master in one.masters]
    return weighted_sum(E, [first, *rest], [E.scalar(1)] * (1 + len(rest)))


class Servers:
    """n servers with shares of a deployment's secret."""

    def __init__(self, clients: list[Deployment], threshold: int = 2, count: int = 3) -> None:
        self.clients, self.suite = clients, clients[0].suite
        self.random = random_from(f"servers {threshold} {count}")
        self.dealing, self.shares = deal(clients[0].server_secret, public_of(clients[0]), threshold, count, self.random)

    def run(self, countables: Sequence[v2.Countable], who: Sequence[int] = (1, 3)) -> list[Participant]:
        found = Attempts.of(self.suite, RUN, countables)
        return [Participant(self.shares[i - 1], self.dealing, found, self.random) for i in who]

    def judge(self, countables: Sequence[v2.Countable], who: Sequence[int] = (1, 3)) -> bool:
        """Whether all of them say that all attempts are right; they must agree."""
        servers = self.run(countables, who)
        partials = self.answers(servers)
        verdicts = {self._verdict(one, partials) for one in servers}
        assert len(verdicts) == 1
        return verdicts.pop()

    def answers(self, servers: Sequence[Participant]) -> list[Partial]:
        said = [Contribution.from_bytes(self.suite, one.contribution.to_bytes()) for one in servers]
        found = [one.answer(said, self.random) for one in servers]
        return [Partial.from_bytes(self.suite, one.to_bytes()) for one in found]

    def _verdict(self, one: Participant, partials: Sequence[Partial]) -> bool:
        try:
            one.decide(partials)
        except AuthenticationFailed:
            return False
        return True


@pytest.fixture(scope="module", params=[None, timedelta(days=1)], ids=["no-permits", "permits"])
def clients(request: pytest.FixtureRequest, backend_name: str) -> list[Deployment]:
    first = Deployment(v2.Suite(curve("BN254CX", backend=backend_name), slot=request.param))
    return [first, *(colleague(first, f"user-{i}") for i in range(2))]


@pytest.fixture(scope="module")
def servers(clients: list[Deployment]) -> Servers:
    return Servers(clients)


@pytest.fixture(scope="module")
def native() -> Servers:
    first = Deployment(v2.Suite(curve("BLS12-381", backend=NATIVE)))
    return Servers([first, *(colleague(first, f"user-{i}") for i in range(2))])


# -- dealing -------------------------------------------------------------------------------------------------------
def test_every_share_fits_the_dealing_and_the_dealing_the_key(servers: Servers) -> None:
    servers.dealing.check(public_of(servers.clients[0]))
    for share in servers.shares:
        share.check(Dealing.from_bytes(servers.suite, servers.dealing.to_bytes()))
        assert SplitShare.from_bytes(servers.suite, share.to_bytes()).point == share.point


@settings(max_examples=20, deadline=None)
@given(data=st.data(), count=st.integers(2, 7))
def test_any_t_shares_are_the_secret_and_t_minus_one_are_not(data: st.DataObject, count: int) -> None:
    one = Deployment(v2.Suite(curve("BN254CX", backend=NATIVE)))
    threshold = data.draw(st.integers(2, count))
    dealing, shares = deal(one.server_secret, public_of(one), threshold, count, random_from(f"{count}"))
    dealing.check(public_of(one))
    who = data.draw(st.permutations(range(1, count + 1)))
    E = one.suite.curve
    for size, whole in ((threshold, True), (threshold - 1, False)):
        some = sorted(who[:size])
        point = weighted_sum(E, [shares[i - 1].point for i in some], E.lagrange_at_zero(some))
        assert (point == one.server_secret.point) is whole


def test_a_dealing_of_another_key_or_with_a_foreign_commitment_is_refused(native: Servers) -> None:
    E, dealing = native.suite.curve, native.dealing
    with pytest.raises(InvalidShare):
        dealing.check(E.g1)
    changed = replace(dealing, commitments=(*dealing.commitments[:2], E.g1))
    with pytest.raises(InvalidShare) as refused:
        changed.check(public_of(native.clients[0]))
    assert refused.value.culprits == (3,)
    with pytest.raises(InvalidShare) as refused:
        native.shares[2].check(changed)
    assert refused.value.culprits == (3,)
    with pytest.raises(InvalidShare, match="not of the key"):
        deal(native.clients[0].server_secret, E.g1, 2, 3, native.random)


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (4, 3), (2, 33), (0, 0)])
def test_only_sensible_numbers_are_dealt(native: Servers, threshold: int, count: int) -> None:
    with pytest.raises(ParameterError):
        deal(native.clients[0].server_secret, public_of(native.clients[0]), threshold, count, native.random)


def test_damaged_octets_of_a_dealing_or_a_share_are_refused(native: Servers) -> None:
    dealing, share = native.dealing.to_bytes(), native.shares[0].to_bytes()
    fields = native.suite.fields("SPLIT-DEALING_", dealing, 2)
    for octets in (
        dealing[:-1],
        share,
        native.suite.labelled("SPLIT-DEALING_", b"\0\1", fields[1]),
        native.suite.labelled("SPLIT-DEALING_", b"\0\4", fields[1]),
        native.suite.labelled("SPLIT-DEALING_", fields[0], fields[1][:-1]),
    ):
        with pytest.raises(EncodingError):
            Dealing.from_bytes(native.suite, octets)
    point = native.suite.fields("SPLIT-SHARE_", share, 2)[1]
    for octets in (share[:-1], dealing, native.suite.labelled("SPLIT-SHARE_", b"\0\0", point)):
        with pytest.raises(EncodingError):
            SplitShare.from_bytes(native.suite, octets)


def test_a_share_shows_nothing_of_itself(native: Servers) -> None:
    share = native.shares[0]
    assert share.to_bytes().hex()[-40:] not in repr(share)
    assert "redacted" in repr(share)


# -- verifying together --------------------------------------------------------------------------------------------
def test_two_of_three_say_what_the_whole_secret_says(servers: Servers) -> None:
    assert servers.judge([servers.clients[0].countable()])
    assert not servers.judge([servers.clients[0].countable(WRONG)])
    assert servers.judge(attempts(servers.clients), who=(2, 3))
    for wrong in range(3):
        assert not servers.judge(attempts(servers.clients, wrong=(wrong,)), who=(1, 2))


@pytest.mark.parametrize("name", NAMES)
def test_every_curve(name: str) -> None:
    one = Servers([Deployment(v2.Suite(curve(name, backend=NATIVE)))])
    assert one.judge([one.clients[0].countable()])
    assert not one.judge([one.clients[0].countable(WRONG)])


@pytest.mark.parametrize(("threshold", "count"), [(2, 2), (3, 4), (4, 4)])
def test_any_threshold_and_any_servers(native: Servers, threshold: int, count: int) -> None:
    some = Servers(native.clients, threshold, count)
    for who in itertools.combinations(range(1, count + 1), threshold):
        assert some.judge(attempts(some.clients), who)
        assert not some.judge(attempts(some.clients, wrong=(1,)), who)
    assert some.judge(attempts(some.clients), range(1, count + 1))


def test_fewer_than_t_are_refused(native: Servers) -> None:
    some = Servers(native.clients, 3, 4)
    servers = some.run([some.clients[0].countable()], (1, 2))
    with pytest.raises(ParameterError, match="at least t"):
        some.answers(servers)


def test_wrong_attempts_whose_errors_cancel_under_equal_weights_are_found(native: Servers) -> None:
    one, other = attempts(native.clients[:2])
    D = native.suite.curve.g1
    for countable, change in ((one, D), (other, -D)):
        countable._V = countable._V + change
    assert not native.judge([one, other])


# -- culprits ------------------------------------------------------------------------------------------------------
Change = Callable[[Contribution, Attempts, Scalar], Contribution]
FALSE_CONTRIBUTIONS: dict[str, Change] = {
    "another X": lambda one, run, _k: replace(one, X=one.X + run.X[0]),
    "another V": lambda one, run, _k: replace(one, V=one.V + run.V[0]),
    "another c": lambda one, _run, k: replace(one, c=one.c + k),
    "another z": lambda one, _run, k: replace(one, z=(one.z[0] + k, *one.z[1:])),
    "one z too few": lambda one, _run, _k: replace(one, z=one.z[:-1]),
    "of another server": lambda one, _run, _k: replace(one, index=2),
    "of another run": lambda one, run, _k: joint.contribute(replace(run, run=bytes(16)), 3, random_from("x")),
    "of unlike weights": lambda one, run, _k: replace(joint.contribute(run, 3, random_from("y")), V=one.V),
    "nothing": lambda one, run, _k: replace(one, X=run.suite.curve.g1_identity, V=run.suite.curve.g1_identity),
}


@pytest.mark.parametrize("change", FALSE_CONTRIBUTIONS.values(), ids=FALSE_CONTRIBUTIONS)
def test_a_false_contribution_names_its_server(native: Servers, change: Change) -> None:
    first, third = native.run(attempts(native.clients[:2]))
    false = change(third.contribution, third.attempts, native.suite.curve.scalar(1))
    with pytest.raises(InvalidShare) as refused:
        first.answer([first.contribution, false], native.random)
    assert refused.value.culprits == (false.index,)


def test_a_contribution_that_takes_another_away_is_refused(native: Servers) -> None:
    """With X = X_1 + (X - X_1) known to the leader, a peer's answer would be of the attempt itself."""
    first, third = native.run([native.clients[0].countable()])
    mine = third.contribution
    rest = replace(mine, index=1, X=third.attempts.X[0] - mine.X, V=third.attempts.V[0] - mine.V)
    with pytest.raises(InvalidShare) as refused:
        third.answer([rest, mine], native.random)
    assert refused.value.culprits == (1,)
    del first


def test_a_server_answers_only_with_its_own_weights_and_once(native: Servers) -> None:
    first, third = native.run([native.clients[0].countable()])
    again = joint.contribute(third.attempts, 3, native.random)
    second = joint.contribute(third.attempts, 2, native.random)
    for others in ([first.contribution, again], [first.contribution, second], [third.contribution]):
        with pytest.raises(ParameterError):
            third.answer(others, native.random)
    with pytest.raises(ParameterError):
        third.answer([first.contribution, third.contribution, third.contribution], native.random)
    third.answer([first.contribution, third.contribution], native.random)
    with pytest.raises(WrongRound):
        third.answer([second, third.contribution], native.random)


FALSE_PARTIALS: dict[str, Callable[[Partial, Servers], Partial]] = {
    "another W": lambda one, all_: replace(one, W=one.W * all_.suite.curve.pairing(all_.suite.curve.g1, one.z)),
    "another c": lambda one, all_: replace(one, c=one.c + all_.suite.curve.scalar(1)),
    "another z": lambda one, all_: replace(one, z=one.z + all_.suite.curve.g2),
}


@pytest.mark.parametrize("change", FALSE_PARTIALS.values(), ids=FALSE_PARTIALS)
def test_a_false_partial_names_its_server(native: Servers, change: Callable[[Partial, Servers], Partial]) -> None:
    servers = native.run([native.clients[0].countable()])
    partials = native.answers(servers)
    for place in (0, 1):
        false = [change(one, native) if i == place else one for i, one in enumerate(partials)]
        with pytest.raises(InvalidShare) as refused:
            servers[0].decide(false)
        assert refused.value.culprits == (partials[place].index,)


def test_a_partial_of_another_share_or_run_names_its_server(native: Servers) -> None:
    countable = native.clients[0].countable()
    servers, others = native.run([countable]), native.run([countable])
    partials, foreign = native.answers(servers), native.answers(others)
    with pytest.raises(InvalidShare) as refused:
        servers[0].decide([partials[0], foreign[1]])
    assert refused.value.culprits == (3,)
    as_third = replace(native.shares[1], index=3)
    run = servers[0]._joint
    assert run is not None
    with pytest.raises(InvalidShare) as refused:
        servers[0].decide([partials[0], joint.partial(as_third, native.dealing, run, native.random)])
    assert refused.value.culprits == (3,)


def test_partials_are_of_all_servers_of_the_run_and_of_no_other(native: Servers) -> None:
    servers = native.run([native.clients[0].countable()])
    with pytest.raises(WrongRound):
        servers[0].decide([])
    first, third = native.answers(servers)
    for some in ([], [first], [first, third, third], [first, replace(third, index=2)]):
        with pytest.raises(ParameterError):
            servers[0].decide(some)


def test_only_attempts_of_one_suite_and_not_too_many_make_a_run(native: Servers) -> None:
    one = native.clients[0].countable()
    for some in ([], [one] * 65):
        with pytest.raises(ParameterError):
            Attempts.of(native.suite, RUN, some)
    with pytest.raises(ParameterError):
        Attempts.of(v2.Suite(curve("BN254CX", backend=NATIVE)), RUN, [one])
    with pytest.raises(EncodingError):
        Attempts.of(native.suite, RUN[:-1], [one])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_messages_are_refused_or_named(native: Servers, data: st.DataObject) -> None:
    servers = native.run([native.clients[0].countable()])
    partials = native.answers(servers)
    which = data.draw(st.sampled_from(["contribution", "partial"]))
    octets = bytearray((servers[1].contribution if which == "contribution" else partials[1]).to_bytes())
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(MilagroError):
        _take(servers, partials, which, bytes(octets))


def _take(servers: Sequence[Participant], partials: Sequence[Partial], which: str, octets: bytes) -> None:
    suite = servers[0].attempts.suite
    if which == "contribution":
        joint.join(servers[0].attempts, [servers[0].contribution, Contribution.from_bytes(suite, octets)])
    else:
        servers[0].decide([partials[0], Partial.from_bytes(suite, octets)])


# -- what a thief of one server and a whole device learns -------------------------------------------------------------
def test_one_stolen_share_and_a_whole_device_test_no_pin_offline(native: Servers) -> None:
    """The thief chooses x, sends one wrong PIN, and holds what the peer said. The right PIN must not stand out.

    Without the peer's weights it would: the first half shows the test that would find it.
    """
    E, victim = native.suite.curve, native.clients[0]
    x, d = E.scalar(7), E.scalar(5)  # the thief's own weight, too, is one that it knows
    countable = victim.countable(WRONG)
    countable._U = x * native.suite.login_point(victim.identity, None)
    mine, peer = native.run([countable], (1, 3))
    X = mine.attempts.X[0]
    raw = E.pairing(X, native.shares[2].prepared)
    assert _finds(native, x + countable._y, X, raw) == {PIN}
    known = _contribution_of(mine.attempts, d)
    said = peer.answer([known, peer.contribution], native.random)
    run = peer._joint
    assert run is not None
    assert d * X + peer.contribution.X == run.X
    for factor in (E.scalar(1), d, d + E.scalar(1)):  # with weights of 1 at the peer, the last would do
        for point in (run.X, X, peer.contribution.X):
            assert _finds(native, (x + countable._y) * factor, point, said.W) == set()


def _contribution_of(run: Attempts, d: Scalar) -> Contribution:
    """Server 1's contribution with the weight d."""
    draws = iter([d.to_bytes(), bytes([9])])
    return joint.contribute(run, 1, lambda count: next(draws).rjust(count, b"\0"))


def _finds(all_: Servers, k: Scalar, X: G1Point, W: GTElement) -> set[str]:
    """The PINs for which V = -k (token + PIN) fits X under the thief's share and the peer's partial."""
    E, credential = all_.suite.curve, all_.clients[0].credential
    weights = E.lagrange_at_zero([1, 3])
    whole = E.pairing(X, all_.shares[0].prepared) ** weights[0] * W ** weights[1]
    return {
        pin
        for pin in (WRONG, PIN, "0000")
        if (E.pairing(-(k * credential.secret_point(pin, None)), E.g2) * whole).is_one()
    }


# -- a batch of logins ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrong", [(), (0,), (1, 4), (0, 1, 2, 3, 4)])
def test_the_wrong_ones_of_a_batch_are_found_in_runs_of_their_own(native: Servers, wrong: tuple[int, ...]) -> None:
    clients = [*native.clients, *native.clients[:2]]
    countables = [one.countable(WRONG if i in wrong else PIN) for i, one in enumerate(clients)]
    runs: list[int] = []

    def judge(some: Sequence[v2.Countable]) -> None:
        runs.append(len(some))
        if not native.judge(some):
            raise AuthenticationFailed

    results = joint.verify_jointly(countables, judge)
    assert [isinstance(one, v2.Authenticated) for one in results] == [i not in wrong for i in range(5)]
    assert [one.identity for one in results if isinstance(one, v2.Authenticated)] == [
        one.identity for i, one in enumerate(clients) if i not in wrong
    ]
    assert len(runs) <= 9
    with pytest.raises(WrongRound):
        joint.verify_jointly(countables, judge)


def test_a_run_that_too_few_servers_took_part_in_is_no_verdict(native: Servers) -> None:
    def judge(_some: Sequence[v2.Countable]) -> None:
        raise Unavailable("nobody is there")

    results = joint.verify_jointly(attempts(native.clients), judge)
    assert [type(one) for one in results] == [Unavailable] * 3


def test_another_server_derives_the_same_attempt_from_what_the_client_signed(servers: Servers) -> None:
    client = servers.clients[0]
    countable = client.countable()
    state, second = countable.evidence
    reviewed = client.verifier.review(state, client.identity, NOW)
    again = reviewed.accept(second, NOW)
    one, other = (Attempts.of(servers.suite, RUN, [found]) for found in (countable, again))
    assert one == other
    name = reviewed.attempt_name(v2.PassTwo.from_bytes(second))
    changed = replace(v2.PassTwo.from_bytes(second), V=client.suite.curve.g1.to_bytes())
    assert len(name) == 32
    assert reviewed.attempt_name(changed) != name
    with pytest.raises(AuthenticationFailed):
        client.verifier.review(state, servers.clients[1].identity, NOW)
    if client.suite.slot is not None:
        end = (NOW // 86400 + 1) * 86400
        client.verifier.review(state, client.identity, end + 100)
        with pytest.raises(Expired):
            client.verifier.review(state, client.identity, end + 200)
