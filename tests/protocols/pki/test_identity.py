"""The life of an identity: creation, changes, rotation, retirement; and what is refused on the way."""

from __future__ import annotations

import pytest

from milagro import cbor
from milagro.cid import CID, Codec
from milagro.errors import BrokenChain, EncodingError, InvalidSignature, NotFound, ParameterError, ProtocolError
from milagro.protocols import pki
from milagro.protocols.pki import Block, Replica
from milagro.protocols.pki import replica as replicas
from tests.protocols.pki.history import begun, key, named, put, replica_of

SERVICE = pki.SetService("dta", "MilagroDTA", "https://dta.example:8001")


def test_an_identity_is_the_cid_of_its_first_document() -> None:
    block = pki.create(key("0"), key("1").public, 1000, [named(1), SERVICE])
    assert CID.of(block.octets, Codec.DAG_CBOR) == block.cid == block.identity
    assert block.octets[:1] == b"\xa2"
    assert Block.from_bytes(block.octets) == block
    state = pki.resolve(replica_of([block])).require()
    assert (state.control, state.epoch, state.sequence, state.retired) == (key("0").public, 0, 0, False)
    assert state.keys == (named(1).key,)
    assert dict(state.services) == {"dta": SERVICE}


def test_changes_follow_each_other() -> None:
    replica = begun(named(1), SERVICE)
    put(replica, pki.change(replica, key("0"), 1001, [named(2), pki.RevokeKey(named(1).key.id)]))
    put(replica, pki.change(replica, key("0"), 1002, [pki.RemoveService("dta")]))
    other = begun(named(9)).identity
    put(replica, pki.change(replica, key("0"), 1003, [pki.Attest(other, "same network"), pki.Attest(other, "x")]))
    put(replica, pki.change(replica, key("0"), 1004, [pki.Withdraw(other, "x")]))
    resolution = pki.resolve(replica)
    state = resolution.require()
    assert state.keys == (named(2).key,)
    assert not state.services
    assert state.sequence == 4
    assert state.attestations == {pki.Attest(other, "same network")}
    assert not resolution.forks
    assert not resolution.superseded
    assert len(resolution.heads) == 1


def test_a_revoked_key_does_not_come_back() -> None:
    replica = begun(named(1))
    put(replica, pki.change(replica, key("0"), 1001, [pki.RevokeKey(named(1).key.id)]))
    put(replica, pki.change(replica, key("0"), 1002, [named(1)]))
    assert pki.resolve(replica).state.keys == ()


def test_a_rotation_brings_in_the_key_that_was_committed_to() -> None:
    replica = begun(named(1))
    put(replica, pki.rotate(replica, key("1"), key("2").public, 1001, [named(2)]))
    state = pki.resolve(replica).require()
    assert (state.control, state.epoch) == (key("1").public, 1)
    assert set(state.keys) == {named(1).key, named(2).key}
    with pytest.raises(ParameterError):
        pki.change(replica, key("0"), 1002, [named(3)])
    put(replica, pki.change(replica, key("1"), 1002, [named(3)]))
    put(replica, pki.rotate(replica, key("2"), key("3").public, 1003))
    assert pki.resolve(replica).require().epoch == 2


def test_a_thief_of_the_current_key_cannot_rotate() -> None:
    replica = begun()
    for control in ("0", "thief"):
        with pytest.raises(ParameterError):
            pki.rotate(replica, key(control), key("thief").public, 1001)
        place = pki.Place(replica.identity, (replica.identity,), 1)
        forged = pki.Rotate(place, 1001, key(control).public, pki.next_digest(key("mine").public))
        with pytest.raises(BrokenChain, match="committed"):
            replica.add(Block.sign(forged, key(control)).octets)
        with pytest.raises(BrokenChain, match="committed"):
            replica.add(Block.sign(forged, key("0")).octets)
    # The public part of the next key is not enough either.
    shown = pki.Rotate(place, 1001, key("1").public, pki.next_digest(key("mine").public))
    with pytest.raises(InvalidSignature):
        replica.add(Block.sign(shown, key("0")).octets)


def test_a_rotation_takes_back_what_a_thief_has_signed() -> None:
    replica = begun(named(1))
    good = put(replica, pki.change(replica, key("0"), 1001, [named(2)]))
    stolen = put(replica, pki.change(replica, key("0"), 1002, [named(66), pki.RevokeKey(named(1).key.id)]))
    put(replica, pki.retire(replica, key("0"), 1003))
    assert pki.resolve(replica).state.retired
    put(replica, pki.rotate(replica, key("1"), key("2").public, 1004, since=[good.cid]))
    resolution = pki.resolve(replica)
    assert resolution.require().keys == tuple(sorted((named(1).key, named(2).key), key=lambda k: k.id))
    assert stolen.cid in resolution.superseded
    assert len(resolution.superseded) == 2
    # What the thief adds later, beside the rotation, has no effect either.
    place = pki.Place(replica.identity, (good.cid,), 2)
    put(replica, Block.sign(pki.Change(place, 1005, (named(67),)), key("0")))
    assert named(67).key not in pki.resolve(replica).require().keys


def test_nothing_follows_a_retirement() -> None:
    replica = begun()
    put(replica, pki.retire(replica, key("0"), 1001))
    resolution = pki.resolve(replica)
    assert resolution.require(active=False).retired
    with pytest.raises(BrokenChain, match="retired"):
        resolution.require()
    place = pki.Place(replica.identity, resolution.heads, 2)
    for operation, control in (
        (pki.Change(place, 1002, (named(1),)), "0"),
        (pki.Rotate(place, 1002, key("1").public, pki.next_digest(key("2").public)), "1"),
    ):
        with pytest.raises(BrokenChain, match="retirement"):
            replica.add(Block.sign(operation, key(control)).octets)


def test_refusals_of_a_replica() -> None:
    replica = begun()
    first = replica.identity
    foreign = begun(named(5))
    with pytest.raises(BrokenChain, match="another identity"):
        replica.add(foreign[foreign.identity].octets)
    wrong = pki.Change(pki.Place(first, (first,), 2), 1001, (named(1),))
    with pytest.raises(BrokenChain, match="sequence"):
        replica.add(Block.sign(wrong, key("0")).octets)
    unsigned = pki.Change(pki.Place(first, (first,), 1), 1001, (named(1),))
    with pytest.raises(InvalidSignature):
        replica.add(Block.sign(unsigned, key("thief")).octets)
    second = put(replica, pki.change(replica, key("0"), 1001, [named(1)]))
    both = tuple(sorted((first, second.cid), key=CID.to_bytes))
    with pytest.raises(BrokenChain, match="comes before another"):
        replica.add(Block.sign(pki.Change(pki.Place(first, both, 2), 1002, (named(2),)), key("0")).octets)
    rotation = put(replica, pki.rotate(replica, key("1"), key("2").public, 1003, since=[first]))
    both = tuple(sorted((rotation.cid, second.cid), key=CID.to_bytes))
    with pytest.raises(BrokenChain, match="different control keys"):
        replica.add(Block.sign(pki.Change(pki.Place(first, both, 2), 1004, (named(2),)), key("1")).octets)
    with pytest.raises(NotFound):
        pki.resolve(Replica(first))


def test_what_waits_is_named_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    replica = begun()
    blocks = [replica[replica.identity]]
    blocks += [put(replica, pki.change(replica, key("0"), 1000 + n, [named(n)])) for n in range(1, 4)]
    late = Replica(replica.identity)
    assert late.missing == (replica.identity,)
    late.add(blocks[3].octets)
    assert late.waiting == (blocks[3].cid,)
    assert set(late.missing) == {replica.identity, blocks[2].cid}
    monkeypatch.setattr(replicas, "MAX_WAITING", 1)
    with pytest.raises(ProtocolError, match="wait"):
        late.add(blocks[2].octets)
    for block in (blocks[0], blocks[1], blocks[2]):
        late.add(block.octets)
    assert not late.waiting
    assert not late.missing
    assert late.to_bytes() == replica.to_bytes()


def test_what_waited_and_is_invalid_is_forgotten() -> None:
    replica = begun()
    first = put(replica, pki.change(replica, key("0"), 1001, [named(1)]))
    bad = Block.sign(pki.Change(pki.Place(replica.identity, (first.cid,), 2), 1002, (named(2),)), key("thief"))
    late = Replica(replica.identity)
    late.add(bad.octets)
    for block in replica:
        late.add(block.octets)
    assert late.to_bytes() == replica.to_bytes()
    assert not late.waiting


@pytest.mark.parametrize(
    "make",
    [
        lambda: pki.create(key("0"), key("0").public, 1000),
        lambda: pki.Key(pki.Purpose.SIGN, "x", b""),
        lambda: pki.Key(pki.Purpose.SIGN, "", b"x"),
        lambda: pki.SetService("a b", "t", "https://x"),
        lambda: pki.SetService("a", "t", "no uri"),
        lambda: pki.SetService("a", "t\n", "x:y"),
        lambda: pki.Attest(begun().identity, ""),
        lambda: pki.Witnesses(1, (key("w1").public, key("w2").public)),
        lambda: pki.Witnesses(3, (key("w1").public, key("w2").public)),
        lambda: pki.Witnesses(2, (key("w1").public, key("w1").public)),
        lambda: pki.Witnesses(1, ()),
        lambda: pki.Place(begun().identity, (), 1),
        lambda: pki.create(key("0"), key("1").public, -1),
        lambda: pki.create(key("0"), key("1").public, 0, [named(n) for n in range(33)]),
    ],
)
def test_what_no_owner_may_say(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParameterError):
        make()


def test_every_octet_of_a_block_counts() -> None:
    block = pki.create(key("0"), key("1").public, 1000, [named(1), SERVICE])
    for at in range(len(block.octets)):
        changed = bytearray(block.octets)
        changed[at] ^= 1
        replica = Replica(block.cid)
        with pytest.raises((EncodingError, BrokenChain, InvalidSignature)):
            replica.add(bytes(changed))
        # Under its own name it is another identity, and then the signature is what fails.
        with pytest.raises((EncodingError, InvalidSignature)):
            replica_of([Block.from_bytes(bytes(changed))])


def test_every_truncation_of_a_block_is_refused() -> None:
    octets = pki.create(key("0"), key("1").public, 1000).octets
    for end in range(len(octets)):
        with pytest.raises(EncodingError):
            Block.from_bytes(octets[:end])


def test_a_block_has_no_unknown_field() -> None:
    block = pki.create(key("0"), key("1").public, 1000)
    value = cbor.decode(block.octets, tags=(42,))
    assert isinstance(value, dict)
    for extended in (
        {**value, "extra": 1},
        {**value, "operation": {**value["operation"], "extra": 1}},
        {**value, "operation": {k: v for k, v in value["operation"].items() if k != "next"}},
        {**value, "operation": {**value["operation"], "kind": "conquer"}},
        {**value, "operation": {**value["operation"], "type": "milagro-id-2"}},
        {**value, "operation": {**value["operation"], "next": b""}},
    ):
        with pytest.raises(EncodingError):
            Block.from_bytes(cbor.encode(extended))
