"""Correspondents over one store in this process: who is found, who is believed, and what is refused."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from milagro.cid import CID, Codec
from milagro.errors import BrokenChain, InvalidSignature, NotFound, ParameterError
from milagro.protocols import pki
from milagro.protocols.signatures import SigningKey
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.entries import Judge
from milagro.roles.correspondence.finder import MAX_WAITING, Finder
from milagro.stores.content.memory import MemoryStore
from milagro.stores.identities import KnownIdentities
from milagro.stores.messaging.channel import InProcess
from tests.roles.correspondents import Owner, Party

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Make = Callable[..., Party]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def make(tmp_path: Path, store: MemoryStore) -> Iterator[Make]:
    channel = InProcess()
    with ExitStack() as stack:

        def party(name: str, owner: Owner | None = None) -> Party:
            return stack.enter_context(Party(owner or Owner.new(), store, channel, tmp_path, name))

        yield party


def acquainted(*parties: Party) -> None:
    for one in parties:
        for other in parties:
            if one is not other:
                one.correspondent.follow(other.identity)


def test_letters_between_those_who_know_only_each_others_names(make: Make) -> None:
    alice, bob, carol = make("alice"), make("bob"), make("carol")
    acquainted(alice, bob, carol)
    for number in range(20):
        alice.correspondent.send(b"to bob %d" % number, [bob.identity])
        alice.correspondent.send(b"to carol %d" % number, [carol.identity])
    alice.correspondent.send(b"to both", [bob.identity, carol.identity])
    for party, name in ((bob, b"bob"), (carol, b"carol")):
        expected = [(alice.identity, b"to %s %d" % (name, number)) for number in range(20)]
        assert party.take(21) == [*expected, (alice.identity, b"to both")]
        assert party.correspondent.refusals() == []


def test_a_change_of_keys_is_learned_from_the_log_and_both_directions_go_on(make: Make) -> None:
    alice, bob = make("alice"), make("bob")
    acquainted(alice, bob)
    for number in range(3):
        alice.correspondent.send(b"%d" % number, [bob.identity])
    bob.correspondent.send(b"from bob", [alice.identity])
    assert alice.take(1) == [(bob.identity, b"from bob")]
    # Nothing was delivered to bob yet, and the keys that signed it are revoked in the meantime.
    alice.owner.new_keys()
    alice.renew()
    alice.correspondent.send(b"3", [bob.identity])
    assert bob.take(4) == [(alice.identity, b"%d" % number) for number in range(4)]
    assert bob.directory.resolution(alice.identity).state == alice.owner.state
    bob.correspondent.send(b"to the new key", [alice.identity])
    assert alice.take(1) == [(bob.identity, b"to the new key")]
    assert alice.correspondent.refusals() == bob.correspondent.refusals() == []


def test_a_notice_tells_of_a_change_without_a_letter(make: Make) -> None:
    alice, bob = make("alice"), make("bob")
    acquainted(alice, bob)
    alice.correspondent.send(b"x", [bob.identity])
    assert len(bob.take(1)) == 1
    alice.owner.change(pki.SetService("dta", "T", "https://a.example"))
    sent = alice.correspondent.sent()
    alice.renew()
    alice.renew()
    assert alice.correspondent.sent() == sent + 1  # the second time there is nothing to tell
    bob.wait_until_knows(alice.identity, 1)
    assert bob.take(1, 0.3) == []


def test_a_revoked_key_is_refused(make: Make, tmp_path: Path, store: MemoryStore) -> None:
    alice, bob = make("alice"), make("bob")
    acquainted(alice, bob)
    alice.correspondent.send(b"mine", [bob.identity])
    assert len(bob.take(1)) == 1
    thief = alice.owner.copy()
    alice.owner.new_keys()
    alice.renew()
    bob.wait_until_knows(alice.identity, 1)
    alice.__exit__()
    with Party(thief, store, bob.channel, tmp_path, "alice", "thief") as forger:  # her log, her old keys
        forger.correspondent.send(b"forged", [bob.identity])
        assert bob.take(1, 1.0) == []


def test_revoked_after_it_was_heard_and_before_it_was_delivered(make: Make, tmp_path: Path, store: MemoryStore) -> None:
    """What a thief wrote with a key counts for nothing once its revocation is known, also if it was heard before."""
    alice, bob = make("alice"), make("bob")
    acquainted(alice, bob)
    alice.correspondent.send(b"mine", [bob.identity])
    assert len(bob.take(1)) == 1
    alice.__exit__()
    with Party(alice.owner.copy(), store, bob.channel, tmp_path, "alice") as forger:
        forger.correspondent.send(b"forged", [bob.identity])
        sequence = forger.correspondent.sent()
        _wait(lambda: bob.correspondent._mailbox.status()[str(alice.identity)].known == sequence)
    alice.owner.new_keys()
    bob.correspondent.learn(alice.owner.replica)
    assert bob.take(1, 1.0) == []
    bob.restart()
    bob.correspondent.follow(alice.identity)
    assert bob.take(1, 1.0) == []


def test_an_identity_that_contradicts_itself_is_refused(make: Make) -> None:
    alice, bob = make("alice"), make("bob")
    acquainted(alice, bob)
    alice.correspondent.send(b"mine", [bob.identity])
    assert len(bob.take(1)) == 1
    alice.correspondent.send(b"heard, and not delivered yet", [bob.identity])
    _wait(lambda: bob.correspondent._mailbox.status()[str(alice.identity)].known == 2)
    other = Owner.new()
    for following in (other.control, other.following):
        branch = alice.owner.copy()
        rotation = pki.rotate(branch.replica, branch.following, following.public, 1002)
        bob.correspondent.learn(_with(branch, rotation))
    with pytest.raises(BrokenChain, match="contradict"):
        bob.correspondent.send(b"x", [alice.identity])
    alice.correspondent.send(b"later", [bob.identity])
    assert bob.take(1, 1.0) == []
    assert isinstance(bob.correspondent.problems()[alice.identity], BrokenChain)
    bob.restart()
    with pytest.raises(BrokenChain, match="contradict"):
        bob.correspondent.follow(alice.identity)


def test_an_envelope_of_somebody_else_is_refused_in_ones_own_log(make: Make, store: MemoryStore) -> None:
    alice, bob, mallory = make("alice"), make("bob"), make("mallory")
    acquainted(alice, bob, mallory)
    alice.correspondent.send(b"mine", [bob.identity])
    assert len(bob.take(1)) == 1
    entry = alice.correspondent._mailbox.newest(str(alice.identity))
    assert entry is not None
    mallory.correspondent._mailbox.send(store.get(entry.parts[0]))
    mallory.correspondent._mailbox.send(b"\x07nothing that there is")
    mallory.correspondent.send(b"honest", [bob.identity])
    assert bob.take(1) == [(mallory.identity, b"honest")]
    assert [(one.sender, one.number) for one in bob.correspondent.refusals()] == [
        (mallory.identity, 1),
        (mallory.identity, 2),
    ]
    assert isinstance(bob.correspondent.refusals()[0].error, InvalidSignature)


def test_an_envelope_is_not_ones_own_because_one_lists_its_senders_key(make: Make, store: MemoryStore) -> None:
    """Whoever lists a key need not have it: a letter says itself whose it is."""
    alice, bob, mallory = make("alice"), make("bob"), make("mallory")
    alice.correspondent.send(b"from alice", [bob.identity])
    newest = alice.correspondent._mailbox.newest(str(alice.identity))
    assert newest is not None
    payload = b"".join(store.get(part) for part in newest.parts)
    mallory.owner.change(*map(pki.AddKey, alice.owner.state.keys_for(pki.Purpose.SIGN)))
    mallory.renew()
    bob.correspondent.follow(mallory.identity)
    mallory.correspondent._mailbox.send(payload)
    mallory.correspondent.send(b"from mallory", [bob.identity])
    assert bob.take(1) == [(mallory.identity, b"from mallory")]
    (refusal,) = bob.correspondent.refusals()
    assert refusal.sender == mallory.identity
    assert isinstance(refusal.error, InvalidSignature)


def test_a_revocation_is_remembered_over_a_restart(make: Make, tmp_path: Path, store: MemoryStore) -> None:
    alice, bob = make("alice"), make("bob")
    thief = alice.owner.copy()
    alice.owner.new_keys()
    bob.correspondent.learn(alice.owner.replica)
    bob.restart()
    bob.correspondent.follow(alice.identity)
    alice.__exit__()
    with Party(thief, store, bob.channel, tmp_path, "thief") as forger:
        forger.correspondent.send(b"forged", [bob.identity])
        assert bob.take(1, 1.0) == []


def test_who_signed_nothing_is_not_looked_up_before_others(tmp_path: Path, store: MemoryStore) -> None:
    alice = Owner.new()
    directory = Directory(store, KnownIdentities(tmp_path))
    heads = directory.publish(alice.replica)
    asked: list[bool] = []
    judge = Judge(directory, lambda _identity, _heads, *, proven: asked.append(proven))
    unknown = pki.Heads(alice.identity, (heads,)).cid
    for signer, told, bad, expected in (
        (alice.pairs[0], heads, False, None),  # accepted
        (alice.pairs[0], unknown, False, [True]),
        (alice.pairs[0], unknown, True, []),
        (Owner.new().pairs[0], unknown, False, [False]),
        (Owner.new().pairs[0], heads, False, []),
    ):
        made = pki.EntrySignature.sign(b"entry", told, SigningKey(signer.signing.to_bytes())).to_bytes()
        asked.clear()
        if expected is None:
            judge.heard(str(alice.identity), b"entry", made)
            continue
        with pytest.raises(InvalidSignature):
            judge.heard(str(alice.identity), b"another" if bad else b"entry", made)
        assert asked == expected


def test_the_finder_keeps_a_bounded_queue_and_serves_proven_ones_first(tmp_path: Path, store: MemoryStore) -> None:
    alice, heads = Owner.new(), []
    directory = Directory(store, KnownIdentities(tmp_path / "reader"))
    for number in range(3):
        alice.change(pki.SetService("n", "T", f"https://{number}.example"))
        heads.append(Directory(store, KnownIdentities(tmp_path / f"{number}")).publish(alice.replica))
    learned: list[int] = []
    finder = Finder(directory, lambda identity, _: learned.append(directory.resolution(identity).state.sequence), 1.0)
    for number in range(1000):
        finder.ask(alice.identity, CID.of(b"%d" % number), proven=False)
    finder.ask(alice.identity, heads[2], proven=False)
    for number in (0, 1):
        finder.ask(alice.identity, heads[number], proven=True)
    assert len(finder._others) == MAX_WAITING
    finder.start()
    _wait(lambda: len(learned) == 3)
    finder.close()
    assert learned == [1, 2, 3]
    assert finder.problem is None  # what was found last


def test_what_cannot_be_sealed_to_is_refused(make: Make) -> None:
    alice, bob = make("alice"), make("bob")
    bob.owner.change(*(pki.RevokeKey(key.id) for key in bob.owner.state.keys_for(pki.Purpose.ENCRYPT)))
    alice.correspondent.learn(bob.owner.replica)
    with pytest.raises(ParameterError, match="no encryption key"):
        alice.correspondent.send(b"x", [bob.identity])
    bob.owner.replica.add(pki.retire(bob.owner.replica, bob.owner.control, 1003).octets)
    alice.correspondent.learn(bob.owner.replica)
    with pytest.raises(BrokenChain, match="retired"):
        alice.correspondent.send(b"x", [bob.identity])


def test_nobody_is_found_who_published_nothing(tmp_path: Path, store: MemoryStore) -> None:
    directory = Directory(store, KnownIdentities(tmp_path))
    with pytest.raises(NotFound):
        directory.find(Owner.new().identity, timeout_seconds=1)


def test_a_directory_finds_operations_and_receipts_from_the_heads(tmp_path: Path, store: MemoryStore) -> None:
    owner = Owner.new()
    for number in range(300):  # more than a replica lets wait
        owner.change(pki.SetService("n", "T", f"https://{number}.example"))
    owner.replica.add_receipt(pki.Receipt.sign(owner.identity, owner.identity, owner.following).to_bytes())
    heads = Directory(store, KnownIdentities(tmp_path / "a")).publish(owner.replica)
    reader = Directory(store, KnownIdentities(tmp_path / "b"))
    assert reader.find(owner.identity).state.sequence == 0
    assert reader.find(owner.identity, heads).state.sequence == 300
    again = KnownIdentities(tmp_path / "b").read(owner.identity)
    assert again.to_bytes() == owner.replica.to_bytes()


def test_two_directories_that_share_a_folder_forget_nothing_of_each_other(tmp_path: Path, store: MemoryStore) -> None:
    left = Owner.new()
    right = left.copy()
    known = KnownIdentities(tmp_path / "known")
    first, second = Directory(store, known), Directory(store, known)
    for directory in (first, second):
        directory.add(left.replica)
    left.change(pki.RevokeKey(left.state.keys[0].id))
    right.change(pki.RevokeKey(right.state.keys[1].id))
    first.add(left.replica)
    second.add(right.replica)
    assert len(known.read(left.identity)) == 3
    assert Directory(store, known).resolution(left.identity).state.keys == ()


def test_a_carrier_cannot_pass_off_what_is_not_the_owners(tmp_path: Path, store: MemoryStore) -> None:
    alice, mallory = Owner.new(), Owner.new()
    writer = Directory(store, KnownIdentities(tmp_path / "a"))
    writer.publish(alice.replica)
    reader = Directory(store, KnownIdentities(tmp_path / "b"))
    with pytest.raises(BrokenChain, match="another identity"):
        reader.find(alice.identity, writer.publish(mallory.replica))
    place = pki.Place(alice.identity, (alice.identity,), 1)
    forged = pki.Block.sign(pki.Change(place, 1, (pki.RemoveService("x"),)), mallory.control)
    store.put(forged.octets, Codec.DAG_CBOR)
    heads = store.put(pki.Heads(alice.identity, (forged.cid,)).to_bytes(), Codec.DAG_CBOR)
    with pytest.raises(InvalidSignature):
        reader.find(alice.identity, heads)
    assert not reader.has_learned(alice.identity, heads)


def _with(owner: Owner, block: pki.Block) -> pki.Replica:
    owner.replica.add(block.octets)
    return owner.replica


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
