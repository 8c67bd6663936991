"""Resharing: a hundred in a row keep the key, epochs never mix, one that fails leaves the old shares serving."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pytest

from milagro.errors import InvalidShare, ParameterError, ProtocolError
from milagro.octets import frame, i2osp, unframe
from milagro.protocols.bls import ietf
from milagro.protocols.sharing import issuing, shamir, threshold_bls
from milagro.protocols.sharing.commitments import Commitments
from milagro.protocols.sharing.refusals import MixedShares, RunFailed
from milagro.protocols.sharing.runs.dealt import ANSWER, COMPLAIN, DEAL
from milagro.protocols.sharing.runs.resharing import Resharing, all_members, common_faults
from milagro.protocols.sharing.runs.roster import Member, Outgoing, Roster
from milagro.protocols.sharing.shamir import Share, interpolate
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey, deal
from tests.protocols.sharing.simulator import CALM, STORM, Keys, Letter, Network, Weather, member
from tests.protocols.sharing.sources import random_from, suite

BAD, VICTIM = 2, 5
SESSION = hashlib.sha256(b"resharing").digest()


def roster_of(threshold: int, indices: Sequence[int], faults: int | None = None) -> Roster:
    return Roster.create([member(i) for i in indices], threshold, faults)


def dealt(threshold: int, count: int, seed: object = 0) -> dict[int, KeyShare]:
    random = random_from(seed)
    return {
        share.index: share for share in deal(suite(), suite().curve.random_scalar(random), threshold, count, random)
    }


def network(
    shares: dict[int, KeyShare], old: Roster, new: Roster, seed: object = 0, weather: Weather = CALM
) -> Network:
    key = next(iter(shares.values())).key

    def make(index: int) -> Resharing:
        random = random_from((seed, index))
        return Resharing.create(key, old, new, SESSION, index, Keys(index), random, shares.get(index))

    def restore(index: int, octets: bytes) -> Resharing:
        return Resharing.from_bytes(key, old, new, SESSION, index, Keys(index), octets, shares.get(index))

    return Network({i: make(i) for i in all_members(old, new)}, seed, weather, restore if weather.crashes else None)


def secret_of(shares: Sequence[KeyShare]) -> Any:
    return interpolate(suite().curve, [(share.index, share.value) for share in shares])


def new_shares(net: Network, honest: Sequence[int]) -> dict[int, KeyShare]:
    """The new shares of the honest members, all of one transcript."""
    outcomes = {index: net.parties[index].outcome for index in honest}
    assert len({one.certificate.transcript.digest for one in outcomes.values()}) == 1
    return {index: one.share for index, one in outcomes.items() if one.share is not None}


def test_a_hundred_in_a_row_keep_the_public_key() -> None:
    shapes = [roster_of(2, (1, 2, 3)), roster_of(3, (1, 2, 3, 4)), roster_of(2, (2, 4, 5)), roster_of(2, (1, 2, 3))]
    old, shares = shapes[0], dealt(2, 3)
    first = shares[1].key
    secret = secret_of([shares[1], shares[2]])
    everyone = [list(shares.values())]
    for turn in range(100):
        new = shapes[(turn + 1) % len(shapes)]
        net = network(shares, old, new, turn)
        net.run()
        shares = new_shares(net, list(net.parties))
        key = next(iter(shares.values())).key
        assert key.public == first.public
        assert key.key_id == first.key_id
        assert key.epoch == turn + 1
        assert key.holders == new.indices
        assert secret_of(list(shares.values())[: new.threshold]) == secret
        everyone.append(list(shares.values()))
        old = new
    check_epochs_do_not_mix(everyone[:6] + everyone[-2:])


def check_epochs_do_not_mix(epochs: list[list[KeyShare]]) -> None:
    """Neither by their headers nor by their numbers."""
    s, E = suite(), suite().curve
    secret, random = secret_of(epochs[0]), random_from("mix")
    A = E.hash_to_g1(b"alice", b"TEST")
    signing = ietf.Suite(E)
    for older, newer in combinations(epochs, 2):
        first, second = older[0], next(share for share in newer if share.index != older[0].index)
        mixed = [first, second]
        assert secret_of(mixed) != secret
        with pytest.raises(MixedShares):
            shamir.combine([Share(s, share.header, share.value) for share in mixed])
        for key in (first.key, second.key):
            with pytest.raises(MixedShares):
                issuing.combine_server_shares(key, [issuing.issue_server_share(one) for one in mixed], random)
            client = [issuing.issue_client_share(one, A, random) for one in mixed]
            with pytest.raises(MixedShares):
                issuing.combine_client_shares(key, client, A, random)
            partials = [threshold_bls.sign(signing, one, b"m") for one in mixed]
            with pytest.raises(MixedShares):
                threshold_bls.combine(signing, key, b"m", partials, random)


def test_refreshing_changes_every_share_and_no_key() -> None:
    of, shares = roster_of(3, range(1, 6)), dealt(3, 5)
    net = network(shares, of, of)
    net.run()
    fresh = new_shares(net, of.indices)
    assert fresh.keys() == shares.keys()
    assert all(fresh[i].value != shares[i].value for i in fresh)
    assert secret_of(list(fresh.values())[:3]) == secret_of(list(shares.values())[2:])
    assert fresh[1].key.set_id != shares[1].key.set_id


def test_to_other_members_with_another_threshold() -> None:
    old, new = roster_of(2, (1, 2, 3)), roster_of(4, range(10, 17))
    shares = dealt(2, 3)
    net = network(shares, old, new)
    net.run()
    fresh = new_shares(net, list(net.parties))
    assert tuple(fresh) == new.indices
    assert net.parties[1].outcome.share is None
    assert secret_of(list(fresh.values())[3:]) == secret_of(list(shares.values())[:2])


@pytest.mark.parametrize("seed", range(3))
def test_storm(seed: int) -> None:
    old, new = roster_of(2, (1, 2, 3)), roster_of(3, (2, 3, 4, 5))
    shares = dealt(2, 3)
    net = network(shares, old, new, seed, STORM)
    net.run()
    fresh = new_shares(net, list(net.parties))
    assert secret_of(list(fresh.values())[:3]) == secret_of(list(shares.values())[:2])


def test_a_holder_that_lost_its_share_gets_a_new_one() -> None:
    of, shares = roster_of(2, (1, 2, 3)), dealt(2, 3)
    net = network({i: shares[i] for i in (1, 3)}, of, of)
    net.run()
    fresh = new_shares(net, of.indices)
    assert secret_of([fresh[2], fresh[3]]) == secret_of([shares[1], shares[3]])
    assert net.parties[1].outcome.certificate.transcript.dealers == (1, 3)


# -- misbehaviour --------------------------------------------------------------------------------------------------
def say(net: Network, phase: int, change: Callable[[bytes], bytes]) -> None:
    party = net.parties[BAD]
    original = party._say
    party._say = lambda at: change(original(at)) if at == phase else original(at)


def drop_private(net: Network) -> None:
    party = net.parties[BAD]
    original = party.seal_for
    party.seal_for = lambda to, phase, body: b"" if to == VICTIM else original(to, phase, body)


def another_share(net: Network) -> None:
    """It deals a share that is not its own: a well-made dealing of something else, which would change the key."""
    party = net.parties[BAD]
    party._dealing.draw(suite().curve.scalar(7), random_from("other"))


def wrong_share(net: Network) -> None:
    original = net.parties[BAD]._dealing.private_bodies
    net.parties[BAD]._dealing.private_bodies = lambda: {**original(), VICTIM: frame(i2osp(5, 32))}


def not_answered(net: Network) -> None:
    drop_private(net)
    say(net, ANSWER, lambda _: b"")


def wrong_answer(net: Network) -> None:
    drop_private(net)
    say(net, ANSWER, lambda _: frame(frame(i2osp(VICTIM, 2), frame(i2osp(5, 32)))))


def higher_degree(net: Network) -> None:
    def one_more(body: bytes) -> bytes:
        points, *sealed = unframe(body)
        return frame(frame(*unframe(points), unframe(points)[0]), *sealed)

    say(net, DEAL, one_more)


def false_complaint(net: Network) -> None:
    received = net.parties[BAD]._dealing._received
    say(net, COMPLAIN, lambda _: frame(frame(i2osp(1, 2), frame(*received[1][1]))))


def absent(net: Network) -> None:
    net.absent.add(BAD)


def silent_later(net: Network) -> None:
    def drop(network: Network, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        party = network.parties[sender]
        return [] if party.over or party.place[0] > 1 else network.addressed(sender, outgoing)

    net.tampered[BAD] = drop


def other_transcript(net: Network) -> None:
    party = net.parties[BAD]
    original = party._speak
    party._speak = lambda body: original(body[:-1] + bytes([body[-1] ^ 1]))


CASES = (
    another_share,
    wrong_share,
    not_answered,
    wrong_answer,
    higher_degree,
    false_complaint,
    absent,
    silent_later,
    other_transcript,
)


@pytest.mark.parametrize("spoil", CASES, ids=lambda one: one.__name__)
def test_misbehaviour_is_named_and_the_key_stays(spoil: Callable[[Network], None]) -> None:
    of, shares = roster_of(3, range(1, 6)), dealt(3, 5)
    net = network(shares, of, of)
    spoil(net)
    net.run()
    honest = [index for index in of.indices if index != BAD]
    fresh = new_shares(net, honest)
    assert {index: set(net.parties[index].excluded) for index in honest} == {index: {BAD} for index in honest}
    assert fresh[1].key.public == shares[1].key.public
    assert secret_of([fresh[1], fresh[4], fresh[5]]) == secret_of([shares[1], shares[4], shares[5]])


def test_a_share_withheld_is_opened_when_asked() -> None:
    of, shares = roster_of(3, range(1, 6)), dealt(3, 5)
    net = network(shares, of, of)
    drop_private(net)
    net.run()
    fresh = new_shares(net, of.indices)
    assert not net.parties[1].excluded
    assert secret_of([fresh[1], fresh[4], fresh[5]]) == secret_of([shares[1], shares[4], shares[5]])


def test_an_outsider_does_not_deal() -> None:
    old, new = roster_of(2, (1, 3, 4)), roster_of(2, (2, 3, 4, 5))
    key_shares = dealt(2, 4)
    shares = {i: share for i, share in key_shares.items() if i != 2}
    holders = SharedKey(suite(), bytes(16), 0, (1, 3, 4), shares[1].key.commitments)
    shares = {i: KeyShare(holders, i, share.value) for i, share in shares.items()}
    net = network(shares, old, new)
    say(net, DEAL, lambda _: Commitments((suite().curve.g1, suite().curve.g1)).to_bytes())
    net.run()
    assert net.parties[1].excluded == {2: "commitments of one who does not deal"}
    new_shares(net, [1, 3, 4, 5])


def test_a_resharing_that_fails_leaves_the_old_shares_serving() -> None:
    of, shares = roster_of(3, range(1, 6)), dealt(3, 5)
    before = {index: share.to_bytes() for index, share in shares.items()}
    net = network(shares, of, of)
    net.absent = {1, 2, 4}
    net.run()
    for index in (3, 5):
        with pytest.raises(RunFailed) as caught:
            _ = net.parties[index].outcome
        assert caught.value.culprits == (1, 2, 4)
        assert net.parties[index].recovery_file is None
    assert {index: share.to_bytes() for index, share in shares.items()} == before
    random = random_from("after")
    given = [issuing.issue_server_share(shares[index]) for index in (1, 2, 5)]
    secret = secret_of([shares[1], shares[2], shares[3]])
    assert issuing.combine_server_shares(shares[1].key, given, random) == secret * suite().curve.g2
    again = network(shares, of, of, "again")
    again.run()
    assert new_shares(again, of.indices)[1].key.public == shares[1].key.public


def test_a_run_whose_key_would_change_commits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check before the end, on its own: each dealing was checked before, so nothing else can reach it."""
    for change in (lambda P: P + P, lambda P: P + -P):
        of, shares = roster_of(2, (1, 2, 3)), dealt(2, 3)
        net = network(shares, of, of)
        original = Resharing._combined

        def other(party: Resharing, change: Any = change, original: Any = original) -> Commitments:
            first, *rest = original(party).points
            return Commitments((change(first), *rest))

        with monkeypatch.context() as patched:
            patched.setattr(Resharing, "_combined", other)
            net.run()
        for index in of.indices:
            with pytest.raises(RunFailed, match="public key would change"):
                _ = net.parties[index].outcome
            assert net.parties[index].recovery_file is None


def test_a_transcript_of_a_failed_run_has_another_set_id() -> None:
    """Two attempts at one epoch: shares of one do not combine with those of the other."""
    of, shares = roster_of(2, (1, 2, 3)), dealt(2, 3)
    both = []
    for seed in ("one", "two"):
        net = network(shares, of, of, seed)
        net.run()
        both.append(new_shares(net, of.indices))
    given = [issuing.issue_server_share(both[0][1]), issuing.issue_server_share(both[1][2])]
    with pytest.raises(MixedShares):
        issuing.combine_server_shares(both[0][1].key, given, random_from(0))


def test_faults_of_two_rosters_together() -> None:
    one, two = roster_of(3, range(1, 6)), roster_of(3, range(6, 11))
    assert common_faults(one, one) == 2
    assert common_faults(one, two) == 4
    assert common_faults(one, roster_of(3, range(3, 8))) == 4
    assert common_faults(roster_of(2, (1, 2)), roster_of(2, (1, 2, 3))) == 1


def test_what_does_not_belong_together_is_refused() -> None:
    of, shares, others = roster_of(2, (1, 2, 3)), dealt(2, 3), dealt(2, 3, "other")
    key, random = shares[1].key, random_from(0)
    stranger = Roster.create([Member(1, "stranger", b"key"), *of.members[1:]], 2)
    for old, new, share in (
        (roster_of(3, (1, 2, 3)), of, shares[1]),
        (roster_of(2, (1, 2)), of, shares[1]),
        (of, stranger, shares[1]),
        (of, of, shares[2]),
        (of, of, others[1]),
    ):
        with pytest.raises(ParameterError):
            Resharing.create(key, old, new, SESSION, 1, Keys(1), random, share)
    state = Resharing.create(key, of, of, SESSION, 1, Keys(1), random, shares[1]).to_bytes()
    with pytest.raises(ProtocolError):
        Resharing.from_bytes(key, of, of, bytes(32), 1, Keys(1), state, shares[1])
    with pytest.raises(InvalidShare):
        KeyShare(key, 1, shares[2].value)
