"""Replicas that saw different things: convergence, forks, witnesses, bundles."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milagro import cbor
from milagro.cid import CID
from milagro.errors import BrokenChain, EncodingError, InvalidSignature, MilagroError, NotFound
from milagro.protocols import pki
from milagro.protocols.pki import Block, Replica
from tests.protocols.pki.history import begun, key, named, put, replica_of

HISTORIES = 1000
WITNESSES = pki.Witnesses(2, tuple(key(f"w{n}").public for n in range(3)))


def on_all(replica: Replica) -> Replica:
    """A copy that goes its own way."""
    return Replica.from_bytes(replica.to_bytes())


# -- convergence -----------------------------------------------------------------------------------------------------
def step(replica: Replica, what: str, n: int, time: int) -> Block | None:
    """One honest or dishonest operation on a replica, if it can be made there now."""
    resolution = pki.resolve(replica)
    epoch = resolution.state.epoch
    edits: list[pki.Edit] = {
        "add": [named(n)],
        "revoke": [pki.RevokeKey(named(n).key.id)],
        "service": [pki.SetService("s", "T", f"https://example/{n}/{time}")],
        "remove": [pki.RemoveService("s")],
        "attest": [pki.Attest(replica.identity, f"claim {n}")],
        "withdraw": [pki.Withdraw(replica.identity, f"claim {n}")],
    }.get(what, [])
    try:
        if what == "rotate":
            return pki.rotate(replica, key(str(epoch + 1)), key(str(epoch + 2)).public, time)
        if what == "recover":
            since = [block.cid for block in replica if block.cid not in resolution.superseded][-2:][:1]
            return pki.rotate(replica, key(str(epoch + 1)), key(str(epoch + 2)).public, time, since=since)
        if what == "retire":
            return pki.retire(replica, key(str(epoch)), time)
        return pki.change(replica, key(str(epoch)), time, edits)
    except MilagroError:
        return None


KINDS = ("add", "add", "revoke", "service", "remove", "attest", "withdraw", "rotate", "recover", "retire", "sync")
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=10
)


def as_seen(replica: Replica) -> Any:
    """All that one can see of an identity in a replica."""
    return replica.to_bytes(), pki.resolve(replica)


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, seed=st.integers(0, 2**32 - 1), repeated=st.integers(0, 4))
def test_any_order_and_duplication_from_three_replicas_converges(steps: list[Any], seed: int, repeated: int) -> None:
    first = begun(named(0))
    three = [on_all(first) for _ in range(3)]
    blocks = [first[first.identity]]
    for time, (what, where, n, other) in enumerate(steps):
        if what == "sync":
            three[where].merge(three[other])
        elif (block := step(three[where], what, n, 2000 + time)) is not None:
            blocks.append(put(three[where], block))
    # Signatures are hedged, so names, their order and how many blocks there are differ from run to run: nothing of it
    # may reach what hypothesis draws.
    source = random.Random(seed)
    order = [*blocks, *source.choices(blocks, k=repeated)]
    source.shuffle(order)
    shuffled = Replica(first.identity)
    for block in order:
        shuffled.add(block.octets)
    for one in three:
        for other in three:
            one.merge(other)
    three[0].merge(shuffled)
    shuffled.merge(three[1])
    assert not shuffled.waiting
    assert as_seen(shuffled) == as_seen(three[0]) == as_seen(replica_of(sorted(blocks, key=lambda b: b.sequence)))


# -- forks -----------------------------------------------------------------------------------------------------------
def test_changes_side_by_side_both_count_and_are_shown() -> None:
    left = begun(named(0))
    right = on_all(left)
    a = put(left, pki.change(left, key("0"), 1001, [named(1), pki.RevokeKey(named(0).key.id)]))
    b = put(right, pki.change(right, key("0"), 1001, [named(2), named(0)]))
    left.merge(right)
    resolution = pki.resolve(left)
    assert set(resolution.require().keys) == {named(1).key, named(2).key}
    (fork,) = resolution.forks
    assert (fork.kind, set(fork.operations), fork.settled) == (pki.ForkKind.CHANGES, {a.cid, b.cid}, False)
    assert set(resolution.heads) == {a.cid, b.cid}
    put(left, pki.change(left, key("0"), 1002, [named(3)]))
    resolution = pki.resolve(left)
    assert resolution.forks[0].settled
    assert len(resolution.heads) == 1


def rotations(witnesses: pki.Witnesses | None = None) -> tuple[Replica, Block, Block]:
    """An identity whose next key signed two rotations."""
    left = begun(named(0), witnesses=witnesses)
    right = on_all(left)
    a = put(left, pki.rotate(left, key("1"), key("2").public, 1001, [named(1)], witnesses))
    b = put(right, pki.rotate(right, key("1"), key("x").public, 1001, [named(2)], witnesses))
    left.merge(right)
    return left, a, b


def test_two_rotations_are_evidence_and_decide_nothing() -> None:
    replica, a, b = rotations()
    put(replica, Block.sign(pki.Change(pki.Place(replica.identity, (b.cid,), 2), 1002, (named(3),)), key("1")))
    resolution = pki.resolve(replica)
    fork = next(fork for fork in resolution.forks if fork.kind is pki.ForkKind.ROTATIONS)
    assert set(fork.operations) == {a.cid, b.cid}
    assert not fork.settled
    assert resolution.state.keys == (named(0).key,)
    assert resolution.state.epoch == 0
    with pytest.raises(BrokenChain, match="contradict"):
        resolution.require()
    with pytest.raises(BrokenChain):
        pki.did_document(resolution)
    for cid in fork.operations:
        replica[cid].verify(key("1").public)


def test_witnesses_decide_between_two_rotations() -> None:
    replica, a, b = rotations(WITNESSES)
    memory: pki.Memory = {}
    receipt, memory = pki.give_receipt(replica, b.cid, key("w0"), memory)
    replica.add_receipt(receipt.to_bytes())
    with pytest.raises(BrokenChain, match="another operation"):
        pki.give_receipt(replica, a.cid, key("w0"), memory)
    with pytest.raises(BrokenChain, match="contradict"):
        pki.resolve(replica).require()
    # A stranger's receipt does not count, nor a second one of the same witness.
    replica.add_receipt(pki.Receipt.sign(replica.identity, b.cid, key("stranger")).to_bytes())
    replica.add_receipt(pki.Receipt.sign(replica.identity, b.cid, key("w0")).to_bytes())
    with pytest.raises(BrokenChain, match="contradict"):
        pki.resolve(replica).require()
    replica.add_receipt(pki.give_receipt(replica, b.cid, key("w2"), {})[0].to_bytes())
    resolution = pki.resolve(replica)
    assert named(2).key in resolution.require().keys
    assert a.cid in resolution.superseded
    assert [fork.settled for fork in resolution.forks] == [True]


def test_confirmed_means_that_enough_witnesses_signed_everything() -> None:
    replica = begun(witnesses=WITNESSES)
    change = put(replica, pki.change(replica, key("0"), 1001, [named(1)]))
    memories: dict[str, pki.Memory] = {"w0": {}, "w1": {}}
    for name, memory in memories.items():
        for cid in (replica.identity, change.cid):
            with pytest.raises(BrokenChain, match="witnesses"):
                pki.resolve(replica).require(confirmed=True)
            receipt, memory = pki.give_receipt(replica, cid, key(name), memory)  # noqa: PLW2901
            replica.add_receipt(receipt.to_bytes())
    assert pki.resolve(replica).require(confirmed=True)
    with pytest.raises(BrokenChain):
        pki.resolve(begun()).require(confirmed=True)


def test_a_witness_signs_one_change_a_place_and_none_that_a_rotation_dropped() -> None:
    left = begun(witnesses=WITNESSES)
    right = on_all(left)
    a = put(left, pki.change(left, key("0"), 1001, [named(1)]))
    b = put(right, pki.change(right, key("0"), 1001, [named(2)]))
    _, memory = pki.give_receipt(left, a.cid, key("w0"), {})
    left.merge(right)
    with pytest.raises(BrokenChain):
        pki.give_receipt(left, b.cid, key("w0"), memory)
    again, same = pki.give_receipt(left, a.cid, key("w0"), memory)
    assert again.operation == a.cid
    assert dict(same) == dict(memory)
    rotation = put(left, pki.rotate(left, key("1"), key("2").public, 1002, since=[a.cid]))
    _, memory = pki.give_receipt(left, rotation.cid, key("w1"), {})
    with pytest.raises(BrokenChain):
        pki.give_receipt(left, b.cid, key("w1"), memory)
    assert pki.give_receipt(left, a.cid, key("w1"), memory)
    with pytest.raises(NotFound):
        pki.give_receipt(left, CID.of(b"nothing"), key("w1"), memory)


def test_receipts_are_checked() -> None:
    replica = begun(witnesses=WITNESSES)
    octets = pki.Receipt.sign(replica.identity, replica.identity, key("w0")).to_bytes()
    for at in range(0, len(octets), 7):
        changed = bytearray(octets)
        changed[at] ^= 0x10
        with pytest.raises((EncodingError, InvalidSignature, BrokenChain)):
            replica.add_receipt(bytes(changed))
    with pytest.raises(BrokenChain):
        begun(named(4)).add_receipt(octets)


# -- bundles ---------------------------------------------------------------------------------------------------------
def test_a_bundle_proves_offline_what_the_identity_is() -> None:
    replica, _, b = rotations(WITNESSES)
    for name in ("w0", "w1"):
        replica.add_receipt(pki.give_receipt(replica, b.cid, key(name), {})[0].to_bytes())
    octets = replica.to_bytes()
    again = Replica.from_bytes(octets)
    assert pki.resolve(again) == pki.resolve(replica)
    assert again.to_bytes() == octets


def test_a_bundle_is_whole_and_in_order() -> None:
    replica = begun(named(0))
    put(replica, pki.change(replica, key("0"), 1001, [named(1)]))
    value = cbor.decode(replica.to_bytes(), tags=(42,))
    assert isinstance(value, dict)
    first, second = value["operations"]
    for operations in ([second, first], [second], [first, second, second], [first, b"x"], [], [first, 7]):
        with pytest.raises(MilagroError):
            Replica.from_bytes(cbor.encode({**value, "operations": operations}))
    for changed in ({"type": "other"}, {"more": 1}, {"receipts": [b"x"]}, {"identity": 5}):
        with pytest.raises(EncodingError):
            Replica.from_bytes(cbor.encode({**value, **changed}))


@settings(max_examples=200, deadline=None)
@given(octets=st.binary(max_size=300))
def test_no_octets_break_a_parser(octets: bytes) -> None:
    for parse in (
        Block.from_bytes,
        Replica.from_bytes,
        pki.Receipt.from_bytes,
        pki.Heads.from_bytes,
        pki.EntrySignature.from_bytes,
    ):
        with pytest.raises(MilagroError):
            parse(octets)
