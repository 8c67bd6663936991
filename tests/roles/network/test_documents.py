"""Cards, charters, proposals and steps as octets; credentials of real identities; sealed rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from milagro import cbor
from milagro.cid import CID
from milagro.errors import (
    AlreadyExists,
    ConfigError,
    DecryptionFailed,
    EncodingError,
    InvalidSignature,
    ParameterError,
    StoreError,
)
from milagro.protocols import pki
from milagro.protocols.sharing import Member
from milagro.roles.charter import SERVICE, SERVICE_TYPE, Card, Charter, CharterFile, Seat
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.keys import listed
from milagro.roles.dta.network import messages
from milagro.roles.dta.network.credentials import IdentityCredentials, Recorded
from milagro.roles.dta.network.memory import share_context
from milagro.roles.dta.network.sealing import context, create_data_key, open_data_key
from milagro.roles.switches import Proposal, Step
from milagro.stores.content.memory import MemoryStore
from milagro.stores.keys import Argon2Cost, Passphrase, PassphraseSealer
from tests.roles.correspondents import Owner

if TYPE_CHECKING:
    from pathlib import Path


def seats(count: int) -> tuple[Seat, ...]:
    return tuple(Seat(i, f"m{i}", CID.of(b"%d" % i), f"https://m{i}.example") for i in range(1, count + 1))


def charter(count: int = 5, threshold: int = 3) -> Charter:
    return Charter("test", "BN254", "sha256", 3600, threshold, seats(count), bytes(32))


def second(before: Charter, *extra: Seat, **fields: object) -> Charter:
    base = {"number": 2, "first": before.cid, "previous": before.cid, "base": b"key", "next_index": 7}
    return dataclasses.replace(
        before, seats=tuple(sorted((*before.seats[1:], *extra), key=lambda seat: seat.index)), **{**base, **fields}
    )


NEW = Seat(6, "m6", CID.of(b"6"), "")


def test_a_card_says_where_the_identity_says_it_answers() -> None:
    owner = Owner.new()
    owner.change(pki.SetService(SERVICE, SERVICE_TYPE, "https://a.example"))
    card = Card.from_bytes(Card("a", owner.replica.to_bytes()).to_bytes())
    assert (card.name, card.url, card.replica.identity) == ("a", "https://a.example", owner.identity)
    with pytest.raises(EncodingError):
        Card.from_bytes(card.to_bytes()[:-1])


def test_documents_come_back_as_they_were() -> None:
    first = charter()
    later = second(first, NEW)
    proposal = Proposal("reshare", later, bytes(32), b"s" * 16, first)
    step = Step(proposal, 3, b"certificate", {2: b"b", 1: b"a"})
    file = CharterFile(later, (b"bundle",), NEW.identity, b"signature", proposal.to_bytes())
    assert Charter.from_bytes(first.to_bytes()) == first
    assert Proposal.from_bytes(proposal.to_bytes()) == proposal
    assert Step.from_bytes(step.to_bytes()) == step
    assert CharterFile.from_bytes(file.to_bytes()) == file
    assert later.network == first.cid
    assert proposal.session_of(0) != proposal.session_of(1)


@pytest.mark.parametrize(
    ("count", "threshold", "faults", "quorum"), [(5, 3, 2, 3), (7, 4, 3, 4), (5, 2, 2, 3), (7, 2, 3, 4), (5, 4, 1, 4)]
)
def test_a_quorum_is_more_than_half_and_at_least_the_threshold(
    count: int, threshold: int, faults: int, quorum: int
) -> None:
    made = charter(count, threshold)
    assert (made.roster.faults, made.quorum) == (faults, quorum)


@pytest.mark.parametrize(
    "fields",
    [
        {"threshold": 1},
        {"threshold": 6},
        {"seats": (*seats(4), Seat(5, "m1", CID.of(b"5"), ""))},
        {"seats": (*seats(4), Seat(5, "m5", CID.of(b"1"), ""))},
        {"seats": tuple(reversed(seats(5)))},
        {"session": b"short"},
        {"number": 2},
        {"previous": CID.of(b"x")},
        {"next_index": 5},
    ],
)
def test_a_charter_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        dataclasses.replace(charter(), **fields)


@pytest.mark.parametrize(
    "later",
    [
        second(charter(), Seat(1, "other", CID.of(b"other"), "")),
        second(charter(), curve="BLS12-381"),
        second(charter(), number=3),
        second(charter(), previous=CID.of(b"x")),
        second(charter(), first=CID.of(b"x")),
    ],
    ids=["an index of another", "another curve", "a number left out", "another before", "another network"],
)
def test_a_proposal_whose_charter_does_not_follow_is_refused(later: Charter) -> None:
    with pytest.raises((EncodingError, ParameterError)):
        Proposal.from_bytes(Proposal("reshare", later, bytes(32), b"s" * 16, charter()).to_bytes())


@pytest.mark.parametrize(
    "proposal",
    [
        Proposal("nonsense", charter(), bytes(32), b"s"),
        Proposal("refresh", charter(), bytes(32)),
        Proposal("generate", charter(), bytes(32), b"s"),
        Proposal("repair", charter(), bytes(32), b"s"),
        Proposal("refresh", charter(), bytes(32), b"s", lost=1, helpers=(2,)),
        Proposal("rotate", charter(), bytes(32), b"s"),
        Proposal("reshare", charter(), bytes(32), b"s"),
    ],
)
def test_a_proposal_whose_parts_do_not_fit_is_refused(proposal: Proposal) -> None:
    with pytest.raises(EncodingError):
        Proposal.from_bytes(proposal.to_bytes())


@pytest.mark.parametrize("payload", [b"", b"\x80", cbor.encode([2, "run", b"", b""]), cbor.encode([1, "run", b""])])
def test_a_payload_of_another_kind_is_refused(payload: bytes) -> None:
    with pytest.raises(EncodingError):
        messages.decode(payload)


def test_credentials_are_those_of_the_identity_also_after_its_keys_changed() -> None:
    alice, bob = Owner.new(), Owner.new()
    with MemoryStore() as store:
        directory = Directory(store)
        directory.add(alice.replica)
        directory.add(bob.replica)
        mine = IdentityCredentials(alice.identity, alice.keys, directory)
        theirs = IdentityCredentials(bob.identity, bob.keys, directory)
        a, b = (Member(i, f"m{i}", one.identity.to_bytes()) for i, one in ((1, alice), (2, bob)))
        signature, sealed = mine.sign(b"said"), mine.seal(b, b"for bob")
        theirs.verify(a, b"said", signature)
        assert theirs.open(a, sealed) == b"for bob"
        for wrong in (lambda: theirs.verify(a, b"sait", signature), lambda: theirs.verify(b, b"said", signature)):
            with pytest.raises(InvalidSignature):
                wrong()
        with pytest.raises(DecryptionFailed):
            mine.open(b, sealed)
        with pytest.raises(DecryptionFailed):
            theirs.open(a, sealed[:-1] + bytes([sealed[-1] ^ 1]))
        alice.new_keys()
        directory.add(alice.replica)
        theirs.verify(a, b"said", signature)
        assert next(iter(listed(alice.pairs[-1].public))).id != signature[:32]


def test_recorded_credentials_say_the_same_again_and_notice_another_question() -> None:
    alice = Owner.new()
    with MemoryStore() as store:
        directory = Directory(store)
        directory.add(alice.replica)
        keys = IdentityCredentials(alice.identity, alice.keys, directory)
        me = Member(1, "a", alice.identity.to_bytes())
        first = Recorded(keys)
        said = first.sign(b"one"), first.seal(me, b"two")
        made = first.taken()
        again = Recorded(keys)
        again.expect(made)
        assert (again.sign(b"one"), again.seal(me, b"two")) == said
        assert keys.sign(b"one") != said[0]
        other = Recorded(keys)
        other.expect(made)
        with pytest.raises(StoreError):
            other.sign(b"another")


def test_a_sealed_row_opens_with_its_key_in_its_place_only(tmp_path: Path) -> None:
    sealer = PassphraseSealer(Passphrase(b"correct horse"), Argon2Cost(memory_kib=32, iterations=1, lanes=1))
    for name in ("one", "two"):
        create_data_key(tmp_path / name, sealer)
    key, other = open_data_key(tmp_path / "one", sealer), open_data_key(tmp_path / "two", sealer)
    here = share_context("BN254", b"set", 0)
    sealed = key.seal(b"secret", here)
    assert key.unseal(sealed, here) == b"secret"
    for elsewhere in (
        share_context("BN254", b"set", 1),
        share_context("BLS12-381", b"set", 0),
        context("BN254", "event"),
    ):
        with pytest.raises(ConfigError, match="was made for"):
            key.unseal(sealed, elsewhere)
    for opened in (lambda: key.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), here), lambda: other.unseal(sealed, here)):
        with pytest.raises(DecryptionFailed):
            opened()
    with pytest.raises(AlreadyExists):
        create_data_key(tmp_path / "one", sealer)
