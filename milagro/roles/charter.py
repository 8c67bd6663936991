"""What a network of D-TAs agrees on before anything else: who its members are, and how many of them are needed.

    card        one D-TA's identity with its address, handed to whoever founds or extends a network
    charter     suite, threshold and members; the CID of the first one is the network's name for ever
    file        a charter, the identities in it, and for a later charter what it changes: what operators hand round

Spec: spec/dta-network.md, Cards; Charter
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from milagro import cbor
from milagro.cbor import Fields
from milagro.cid import CID, Codec
from milagro.errors import EncodingError, MalformedEnvelope, NonCanonical, ParameterError
from milagro.protocols import pki
from milagro.protocols.pki import Replica
from milagro.protocols.sharing import Member, Roster

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSION: Final = 1
SERVICE: Final = "dta"
SERVICE_TYPE: Final = "MilagroDTA"
SESSION_OCTETS: Final = 32
MAX_MEMBERS: Final = 64
_LIMITS: Final = cbor.Limits(octets=16 << 20)
_MAX_NAME: Final = 64
_MAX_URL: Final = 2000


@dataclass(frozen=True, slots=True)
class Card:
    """A D-TA as it introduces itself: a name, and the bundle of its identity, which lists where it answers.

    Spec: spec/dta-network.md, Cards
    """

    name: str
    bundle: bytes

    @property
    def replica(self) -> Replica:
        """The identity. Raises: what `Replica.from_bytes` raises."""
        return Replica.from_bytes(self.bundle)

    @property
    def url(self) -> str:
        """Where the D-TA answers, by its own identity; empty where it only takes letters by another channel.

        Raises: BrokenChain if the identity is retired or contradictory
        """
        service = pki.resolve(self.replica).require().services.get(SERVICE)
        return (
            service.endpoint if service is not None and urlsplit(service.endpoint).scheme in ("http", "https") else ""
        )

    def to_bytes(self) -> bytes:
        """The card as a file holds it."""
        return cbor.encode({"milagro": "dta card", "version": VERSION, "name": self.name, "bundle": self.bundle})

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The card in a file. Raises: EncodingError, and what the bundle's parser raises."""
        fields = _document(octets, "dta card")
        card = cls(fields.text("name", 1, _MAX_NAME), fields.octets("bundle"))
        fields.finish()
        card.replica  # noqa: B018 - refuses what is no bundle
        return card


@dataclass(frozen=True, slots=True)
class Seat:
    """One member: an index that is its own for the life of the network, a name, its identity, its URL or ""."""

    index: int
    name: str
    identity: CID
    url: str

    def value(self) -> dict[str, int | str | bytes]:
        """The map that stands for it."""
        return {"index": self.index, "name": self.name, "identity": self.identity.to_bytes(), "url": self.url}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """The seat in such a map. Raises: EncodingError."""
        made = cls(
            fields.integer("index", 1, 0xFFFF),
            fields.text("name", 1, _MAX_NAME),
            CID.from_bytes(fields.octets("identity")),
            fields.text("url", 0, _MAX_URL),
        )
        fields.finish()
        return made


@dataclass(frozen=True)
class Charter:
    """Suite, threshold and members of a network; an amendment names the charter before it and the key that it takes on.

    Spec: spec/dta-network.md, Charter
    Raises: ParameterError
    """

    name: str
    curve: str
    hash: str
    slot_seconds: int
    threshold: int
    seats: tuple[Seat, ...]
    session: bytes
    number: int = 1
    first: CID | None = None
    previous: CID | None = None
    base: bytes = b""
    next_index: int = 0

    def __post_init__(self) -> None:
        after = 1 + max((seat.index for seat in self.seats), default=0)
        if not self.next_index:
            object.__setattr__(self, "next_index", after)
        if self.next_index < after:
            raise ParameterError("a charter names the first index that nobody ever had")
        if not 2 <= self.threshold <= len(self.seats) <= MAX_MEMBERS:
            raise ParameterError(f"a network has 2 to {MAX_MEMBERS} members, and a threshold from 2 to their number")
        for what in ("name", "identity"):
            if len({getattr(seat, what) for seat in self.seats}) != len(self.seats):
                raise ParameterError(f"two members of the charter have one {what}")
        if len(self.session) != SESSION_OCTETS or not 1 <= len(self.name.encode()) <= _MAX_NAME:
            raise ParameterError(f"a charter has a name and a session of {SESSION_OCTETS} octets")
        amended = (self.first is not None, self.previous is not None, bool(self.base), self.number > 1)
        if len(set(amended)) != 1:
            raise ParameterError("the first charter follows nothing; every other names what it follows")
        self.roster  # noqa: B018 - refuses indices out of order

    @cached_property
    def cid(self) -> CID:
        """The name of this charter."""
        return CID.of(self.to_bytes(), Codec.DAG_CBOR)

    @property
    def network(self) -> CID:
        """The name of the network: that of its first charter."""
        return self.first or self.cid

    @cached_property
    def roster(self) -> Roster:
        """The members as runs know them; at most f = min(n - t, (n - 1) / 2) may be absent or wrong.

        Spec: spec/dta-network.md, Switching epochs
        """
        count = len(self.seats)
        members = [Member(seat.index, seat.name, seat.identity.to_bytes()) for seat in self.seats]
        return Roster.create(members, self.threshold, min(count - self.threshold, (count - 1) // 2))

    @property
    def quorum(self) -> int:
        """How many members have to confirm: n - f, which is more than half and at least t."""
        return len(self.seats) - self.roster.faults

    def seat_of(self, identity: CID) -> Seat | None:
        """The seat of an identity."""
        return next((seat for seat in self.seats if seat.identity == identity), None)

    def seat(self, index: int) -> Seat | None:
        """The seat with an index."""
        return next((seat for seat in self.seats if seat.index == index), None)

    def follows(self, before: Charter) -> bool:
        """Whether this can be the charter after another: the same suite, and no index given to another member.

        Spec: spec/dta-network.md, Charter
        """
        suites = [(one.name, one.curve, one.hash, one.slot_seconds) for one in (self, before)]
        kept = [seat for seat in self.seats if before.seat_of(seat.identity) is not None]
        same = all(before.seat_of(seat.identity).index == seat.index for seat in kept)  # type: ignore[union-attr]
        new = [seat.index for seat in self.seats if before.seat_of(seat.identity) is None]
        fresh = all(index >= before.next_index for index in new) and self.next_index >= before.next_index
        number = self.number == before.number + 1 and self.previous == before.cid and self.network == before.network
        return suites[0] == suites[1] and same and fresh and number

    def to_bytes(self) -> bytes:
        """The charter in deterministic CBOR."""
        value: dict[str, cbor.Value] = {
            "milagro": "dta charter",
            "version": VERSION,
            "name": self.name,
            "curve": self.curve,
            "hash": self.hash,
            "slotSeconds": self.slot_seconds,
            "threshold": self.threshold,
            "members": [seat.value() for seat in self.seats],
            "session": self.session,
            "number": self.number,
            "first": self.first.to_bytes() if self.first else None,
            "previous": self.previous.to_bytes() if self.previous else None,
            "base": self.base,
            "nextIndex": self.next_index,
        }
        return cbor.encode(value)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The charter with these octets. Raises: EncodingError."""
        fields = _document(octets, "dta charter")
        try:
            made = cls(
                name=fields.text("name"),
                curve=fields.text("curve", 1, 32),
                hash=fields.text("hash", 1, 32),
                slot_seconds=fields.integer("slotSeconds", 0, 31_622_400),
                threshold=fields.integer("threshold", 1, 0xFFFF),
                seats=tuple(Seat.read(Fields(one, "a member")) for one in fields.array("members", 1, MAX_MEMBERS)),
                session=fields.octets("session"),
                number=fields.integer("number", 1),
                first=_optional(fields, "first"),
                previous=_optional(fields, "previous"),
                base=fields.octets("base"),
                next_index=fields.integer("nextIndex", 1, 1 << 16),
            )
        except ParameterError as error:
            raise NonCanonical(str(error)) from None
        fields.finish()
        return made


@dataclass(frozen=True, slots=True)
class CharterFile:
    """What operators hand round: a charter, the identities of its members, a signature by one of them.

    With an amendment comes the proposal that it is part of.

    Spec: spec/dta-network.md, Charter
    """

    charter: Charter
    bundles: tuple[bytes, ...]
    signer: CID
    signature: bytes
    proposal: bytes = b""

    def replicas(self) -> list[Replica]:
        """The identities. Raises: what `Replica.from_bytes` raises."""
        return [Replica.from_bytes(one) for one in self.bundles]

    def to_bytes(self) -> bytes:
        """The file."""
        value: dict[str, cbor.Value] = {
            "milagro": "dta charter file",
            "version": VERSION,
            "charter": self.charter.to_bytes(),
            "bundles": list(self.bundles),
            "signer": self.signer.to_bytes(),
            "signature": self.signature,
            "proposal": self.proposal,
        }
        return cbor.encode(value, _LIMITS)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The file with these octets. Raises: EncodingError."""
        fields = _document(octets, "dta charter file")
        bundles = fields.array("bundles", 1, 2 * MAX_MEMBERS)
        made = cls(
            Charter.from_bytes(fields.octets("charter")),
            tuple(_octets(one) for one in bundles),
            CID.from_bytes(fields.octets("signer")),
            fields.octets("signature"),
            fields.octets("proposal"),
        )
        fields.finish()
        return made


def seats_of(cards: Iterable[Card], indices: Iterable[int]) -> tuple[Seat, ...]:
    """Seats for these cards under these indices."""
    return tuple(
        Seat(index, card.name, card.replica.identity, card.url) for index, card in zip(indices, cards, strict=True)
    )


def _document(octets: bytes, kind: str) -> Fields:
    fields = Fields(cbor.decode(octets, _LIMITS), f"the {kind}")
    try:
        known = fields.text("milagro") == kind
    except EncodingError:
        known = False
    if not known:
        raise MalformedEnvelope(f"this is no {kind}")
    if fields.integer("version") != VERSION:
        raise MalformedEnvelope(f"the {kind} has a version that this release does not read")
    return fields


def _optional(fields: Fields, key: str) -> CID | None:
    return None if fields.value(key) is None else CID.from_bytes(fields.octets(key))


def _octets(value: cbor.Value) -> bytes:
    if not isinstance(value, bytes):
        raise MalformedEnvelope("the charter file has no octets where a bundle should be")
    return value
