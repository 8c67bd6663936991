"""Repair of one share by t holders, with culprits named; rotation to another key with an overlap."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import EncodingError, Expired, MilagroError, ParameterError, WrongRound
from milagro.octets import frame, i2osp, unframe
from milagro.protocols.sharing.commitments import Commitments
from milagro.protocols.sharing.refusals import InvalidProof, MixedShares, RunFailed, TooFewShares
from milagro.protocols.sharing.repair import LostHolder, RepairHelper, RepairPlan
from milagro.protocols.sharing.rotation import KeyRing, Succession
from milagro.protocols.sharing.runs.roster import Outgoing, Roster
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey, deal
from tests.protocols.sharing.simulator import Keys, member, roster
from tests.protocols.sharing.sources import random_from, suite

SESSION = hashlib.sha256(b"repair").digest()
BAD = 2


def dealt(threshold: int, count: int, seed: object = 0) -> dict[int, KeyShare]:
    random = random_from(seed)
    return {
        share.index: share for share in deal(suite(), suite().curve.random_scalar(random), threshold, count, random)
    }


class Scene:
    """Helpers, the holder that lost its share, and what they send."""

    def __init__(self, shares: dict[int, KeyShare], of: Roster, helpers: tuple[int, ...], lost: int) -> None:
        self.plan = RepairPlan(shares[1].key, of, helpers, lost, SESSION)
        self.helpers = {i: RepairHelper(self.plan, shares[i], Keys(i), random_from(i)) for i in helpers}
        self.holder = LostHolder(self.plan, Keys(lost))
        self.change: Callable[[int, Outgoing], Outgoing | None] = lambda _, one: one

    def send(self, sender: int, one: Outgoing) -> None:
        changed = self.change(sender, one)
        if changed is not None:
            (self.holder if changed.to == self.plan.lost else self.helpers[changed.to]).receive(changed.octets)

    def run(self) -> KeyShare:
        for index, helper in self.helpers.items():
            for one in helper.begin():
                self.send(index, one)
        for index, helper in self.helpers.items():
            self.send(index, helper.answer())
        return self.holder.result()

    def resigned(self, one: Outgoing, sender: int, place: int, value: bytes) -> Outgoing:
        """A sealed message with one field changed, signed and sealed by its sender."""
        _, _, sealed = unframe(one.octets)
        octets, _ = unframe(Keys(one.to or 0).open(member(sender), sealed), 2)
        fields = unframe(octets)
        fields[place] = value
        made = frame(*fields)
        plaintext = frame(made, Keys(sender).sign(made))
        again = frame(one.octets[4:5], i2osp(sender, 2), Keys(sender).seal(member(one.to or 0), plaintext))
        return Outgoing(one.to, again)


@pytest.mark.parametrize(("threshold", "count"), [(1, 2), (2, 3), (3, 5), (5, 9)])
def test_any_threshold_of_holders_repair_any_share(threshold: int, count: int) -> None:
    shares, of = dealt(threshold, count), roster(threshold, count)
    for lost in (1, count):
        others = [index for index in of.indices if index != lost]
        for helpers in list(combinations(others, threshold))[:3]:
            scene = Scene(shares, of, helpers, lost)
            assert scene.run().to_bytes() == shares[lost].to_bytes()
            assert scene.holder.ready
            assert all(helper.ready for helper in scene.helpers.values())


def spoil_part(scene: Scene) -> None:
    def change(sender: int, one: Outgoing) -> Outgoing:
        if sender == BAD and one.to == 3 and one.octets[4:5] == b"P":
            return scene.resigned(one, BAD, 4, i2osp(5, 32))
        return one

    scene.change = change


def spoil_sum(scene: Scene) -> None:
    def change(sender: int, one: Outgoing) -> Outgoing:
        return scene.resigned(one, BAD, 3, i2osp(5, 32)) if sender == BAD and one.octets[4:5] == b"S" else one

    scene.change = change


def malformed_sum(scene: Scene) -> None:
    def change(sender: int, one: Outgoing) -> Outgoing:
        return scene.resigned(one, BAD, 3, b"five") if sender == BAD and one.octets[4:5] == b"S" else one

    scene.change = change


def other_share(scene: Scene) -> None:
    helper = scene.helpers[BAD]
    helper._whole = helper._whole + suite().curve.scalar(1)


def two_faces(scene: Scene) -> None:
    twin = RepairHelper(scene.plan, _share_of(scene), Keys(BAD), random_from("twin"))
    other = next(one for one in twin.begin() if one.to == 3 and one.octets[4:5] == b"D")

    def change(sender: int, one: Outgoing) -> Outgoing:
        return other if sender == BAD and one.to == 3 and one.octets[4:5] == b"D" else one

    scene.change = change


def _share_of(scene: Scene) -> KeyShare:
    return dealt(3, 5)[BAD]


def false_proof(scene: Scene) -> None:
    def change(sender: int, one: Outgoing) -> Outgoing:
        if sender != BAD or one.octets[4:5] != b"S":
            return one
        signed = scene.helpers[BAD]._received[3][1]
        return scene.resigned(one, BAD, 5, frame(frame(i2osp(3, 2), frame(*signed))))

    scene.change = change


def absent(scene: Scene) -> None:
    scene.change = lambda sender, one: None if sender == BAD and one.octets[4:5] == b"S" else one


@pytest.mark.parametrize(
    "spoil",
    [spoil_part, spoil_sum, malformed_sum, other_share, two_faces, false_proof, absent],
    ids=lambda f: f.__name__,
)
def test_a_helper_that_does_wrong_is_named(spoil: Callable[[Scene], None]) -> None:
    scene = Scene(dealt(3, 5), roster(3, 5), (2, 3, 4), 1)
    spoil(scene)
    with pytest.raises(RunFailed) as caught:
        scene.run()
    assert caught.value.culprits == (BAD,)


def test_where_it_cannot_be_told_both_are_named() -> None:
    scene = Scene(dealt(3, 5), roster(3, 5), (2, 3, 4), 1)
    scene.change = lambda sender, one: None if (sender, one.to, one.octets[4:5]) == (BAD, 3, b"P") else one
    with pytest.raises(RunFailed) as caught:
        scene.run()
    assert caught.value.culprits == (2, 3)
    assert not scene.helpers[3].ready


def test_messages_that_are_none_change_nothing() -> None:
    shares, of = dealt(3, 5), roster(3, 5)
    scene, other = Scene(shares, of, (2, 3, 4), 1), Scene(shares, of, (2, 3, 5), 1)
    foreign = [one for one in other.helpers[2].begin() if one.to in (1, 3)]
    for one in foreign:
        with pytest.raises(MilagroError):
            (scene.holder if one.to == 1 else scene.helpers[3]).receive(one.octets)
    for party in (scene.holder, scene.helpers[3]):
        for junk in (b"", frame(b"X", b"", b""), frame(b"P", b"", b""), frame(b"S", b"\0\x09", b"")):
            with pytest.raises(MilagroError):
                party.receive(junk)
    with pytest.raises(WrongRound):
        scene.helpers[2].answer()
    assert scene.run().to_bytes() == shares[1].to_bytes()
    with pytest.raises(WrongRound):
        scene.helpers[2].begin()


def test_a_sum_with_malformed_parts_changes_nothing() -> None:
    scene = Scene(dealt(3, 5), roster(3, 5), (2, 3, 4), 1)
    for index, helper in scene.helpers.items():
        for one in helper.begin():
            if one.to != 1:
                scene.send(index, one)
    answer = scene.helpers[2].answer()
    parts = frame(*(frame(*scene.helpers[2]._parts[i].signed) for i in (2, 3)), b"no parts")
    with pytest.raises(EncodingError):
        scene.holder.receive(scene.resigned(answer, 2, 4, parts).octets)
    assert (scene.holder._parts, scene.holder._sums, scene.holder.reasons) == ({}, {}, {})
    scene.holder.receive(answer.octets)
    assert set(scene.holder._parts) == {2, 3, 4}


def test_plans_that_cannot_be_are_refused() -> None:
    shares, of = dealt(3, 5), roster(3, 5)
    for helpers, lost in (((2, 3), 1), ((1, 2, 3), 1), ((3, 2, 4), 1), ((2, 2, 4), 1), ((2, 3, 9), 1), ((2, 3, 4), 9)):
        with pytest.raises(ParameterError):
            RepairPlan(shares[1].key, of, helpers, lost, SESSION)
    with pytest.raises(ParameterError):
        RepairPlan(shares[1].key, roster(3, 4), (2, 3, 4), 1, SESSION)
    plan = RepairPlan(shares[1].key, of, (2, 3, 4), 1, SESSION)
    for share in (shares[5], dealt(3, 5, "other")[2]):
        with pytest.raises(ParameterError):
            RepairHelper(plan, share, Keys(share.index), random_from(0))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_message_makes_a_party_fail_otherwise(data: st.DataObject) -> None:
    scene = Scene(dealt(2, 3), roster(2, 3), (2, 3), 1)
    sent = [*scene.helpers[2].begin(), *scene.helpers[3].begin(), scene.helpers[2].answer()]
    octets = data.draw(st.sampled_from([one.octets for one in sent]))
    at = data.draw(st.integers(0, len(octets) - 1))
    made = octets[:at] + data.draw(st.binary(max_size=8)) + octets[at + data.draw(st.integers(0, 8)) :]
    for party in (scene.holder, scene.helpers[3]):
        try:
            party.receive(made)
        except MilagroError:
            continue


def test_the_weights_of_a_repair_are_those_of_the_lost_place() -> None:
    shares = dealt(3, 5)
    plan = RepairPlan(shares[1].key, roster(3, 5), (2, 3, 5), 4, SESSION)
    total = suite().curve.scalar(0)
    for index in plan.helpers:
        total = total + plan.weight(index) * shares[index].value
    assert total == shares[4].value


# -- rotation ------------------------------------------------------------------------------------------------------
def test_a_new_key_takes_over_and_the_old_one_is_accepted_for_a_while() -> None:
    first, second, third = (dealt(2, 3, seed)[1].key for seed in range(3))
    ring = KeyRing(first)
    rotated = ring.rotate(Succession(first, second, 100), now=50)
    assert rotated.current == second
    assert rotated.accepted(99) == [second, first]
    assert rotated.accepted(100) == [second]
    assert rotated.find(first.key_id, 99) == first
    with pytest.raises(Expired):
        rotated.find(first.key_id, 100)
    with pytest.raises(Expired):
        ring.find(second.key_id, 0)
    again = rotated.rotate(Succession(second, third, 200), now=60)
    assert again.accepted(99) == [third, second, first]
    assert again.accepted(150) == [third, second]
    assert again.at(150).retiring == ((second, 200),)
    assert KeyRing.from_bytes(suite(), again.to_bytes()) == again
    for succession, now, error in (
        (Succession(second, third, 100), 0, MixedShares),
        (Succession(first, second, 100), 100, Expired),
    ):
        with pytest.raises(error):
            ring.rotate(succession, now)


def test_a_ring_follows_a_resharing_of_its_key_and_of_no_other() -> None:
    shares = dealt(2, 3)
    key = shares[1].key
    later = type(key)(key.suite, bytes(16), 1, key.holders, key.commitments)
    assert KeyRing(key).reshared(later).current == later
    for other in (key, dealt(2, 3, "other")[1].key):
        with pytest.raises(MixedShares):
            KeyRing(later).reshared(other)


def test_a_succession_is_endorsed_by_holders_of_the_old_key() -> None:
    of, old, new = roster(2, 3), dealt(2, 3)[1].key, dealt(2, 3, "new")[1].key
    succession = Succession(old, new, 1000)
    signed = {index: succession.endorse(Keys(index)) for index in of.indices}
    succession.verify(of, signed, Keys(1))
    succession.verify(of, {1: signed[1], 3: signed[3]}, Keys(1))
    with pytest.raises(TooFewShares):
        succession.verify(of, {1: signed[1]}, Keys(1))
    with pytest.raises(InvalidProof):
        succession.verify(of, {**signed, 9: signed[1]}, Keys(1))
    with pytest.raises(InvalidProof) as caught:
        succession.verify(of, {**signed, 2: signed[1]}, Keys(1))
    assert caught.value.culprits == (2,)
    with pytest.raises(InvalidProof):
        Succession(old, new, 1001).verify(of, signed, Keys(1))
    assert Succession.from_bytes(suite(), succession.to_bytes()) == succession
    for wrong in ((old, old, 5), (old, new, -1), (old, new, 1 << 62)):
        with pytest.raises(ParameterError):
            Succession(*wrong)


def test_one_holder_alone_cannot_end_a_key() -> None:
    of, old, new = roster(2, 3), dealt(2, 3)[1].key, dealt(2, 3, "new")[1].key
    alone = SharedKey(old.suite, old.set_id, old.epoch, (2,), Commitments((old.public,)))
    assert (alone.key_id, alone.threshold) == (old.key_id, 1)
    forged = Succession(alone, new, 1000)
    with pytest.raises(InvalidProof):
        forged.verify(of, {2: forged.endorse(Keys(2))}, Keys(1))
    with pytest.raises(MixedShares):
        KeyRing(old).rotate(forged, now=50)
    stale = Succession(SharedKey(old.suite, bytes(16), 1, old.holders, old.commitments), new, 1000)
    with pytest.raises(MixedShares):
        KeyRing(old).rotate(stale, now=50)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_octets_make_the_readers_fail_otherwise(data: st.DataObject) -> None:
    old, new = dealt(2, 3)[1].key, dealt(2, 3, "new")[1].key
    values: list[Any] = [Succession(old, new, 9), KeyRing(new, ((old, 9),))]
    value = data.draw(st.sampled_from(values))
    octets = value.to_bytes()
    at = data.draw(st.integers(0, len(octets) - 1))
    made = octets[:at] + data.draw(st.binary(max_size=8)) + octets[at + data.draw(st.integers(0, 8)) :]
    try:
        again = type(value).from_bytes(suite(), made).to_bytes()
    except EncodingError:
        return
    assert again == made
