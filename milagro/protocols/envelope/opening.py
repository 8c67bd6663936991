"""Opening: from the octets of an envelope to a payload that is verified, or to nothing.

    head --> slot --> commitment --> header --> signature, recipients, context --> body --> last chunk, its signature
                                                       nothing is written before | sink.write .. | sink.commit

`open_envelope` gives a payload that is verified as a whole. `Opening` is for payloads of any size: it writes to a sink,
which shows to nobody what it was given until `commit`, and drops it on `abort`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from milagro.errors import DecryptionFailed, InvalidSignature, MalformedEnvelope, WrongRound
from milagro.octets import equal
from milagro.protocols.envelope.header import Body, Header, open_header, split_plaintext
from milagro.protocols.envelope.labels import digest
from milagro.protocols.envelope.outer import PREAMBLE_OCTETS, Outer, read_preamble
from milagro.protocols.envelope.schedule import Schedule, check_commitment
from milagro.protocols.envelope.sealing import body_signed_octets
from milagro.protocols.envelope.signatures import signed_octets
from milagro.protocols.envelope.stream import ChunkOpener, Trailer, trailer_length
from milagro.protocols.envelope.suites import DEFAULT_POLICY, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from milagro.protocols.envelope.signatures import VerifyingKey
    from milagro.protocols.envelope.suites import EncryptionKey


class Sink(Protocol):
    """Where a payload goes while it is opened: out of everyone's sight until `commit`."""

    def write(self, octets: bytes) -> object:
        """Takes the next octets of the payload, which are not verified yet."""

    def commit(self) -> object:
        """The payload is complete and verified: show it."""

    def abort(self) -> object:
        """The envelope was refused: drop what was written."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A signature of the sender, and the octets it is over: what a third party, or an aggregate, needs."""

    octets: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified envelope: its signed header, its identifier, and the sender's signatures.

    Spec: spec/envelope.md#header
    """

    header: Header
    identifier: bytes
    length: int
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: own keys (the current one, and older ones), senders by key id, and the context that is expected.

    Spec: spec/envelope.md#header
    """

    keys: Sequence[EncryptionKey]
    senders: Mapping[bytes, VerifyingKey]
    context: str
    policy: Policy = DEFAULT_POLICY


@dataclass(frozen=True, slots=True)
class _VerifiedHead:
    header: Header
    plaintext: bytes = field(repr=False)
    body_key: bytes = field(repr=False)
    sender: VerifyingKey
    evidence: Evidence


class Opening:
    """An envelope that is being opened, fed in pieces of any size.

    Spec: spec/envelope.md#refusals
    Raises: MalformedEnvelope, NonCanonical, RetiredSuite, DecryptionFailed, InvalidSignature; after that the sink was
        told to abort and the object is of no use any more
    """

    def __init__(self, reader: Reader, sink: Sink) -> None:
        self._reader, self._sink = reader, sink
        self._buffer = bytearray()
        self._lengths: tuple[int, int] | None = None
        self._head: _VerifiedHead | None = None
        self._body: ChunkOpener | None = None
        self._identifier = b""
        self._over = False

    @property
    def header(self) -> Header | None:
        """The header, once it is verified: before the first octet of the payload is written."""
        return self._head.header if self._head else None

    def feed(self, octets: bytes) -> None:
        """Takes the next octets of the envelope."""
        self._check_usable()
        try:
            # Not copied before it is known what for; a view of a buffer that may change is.
            view = memoryview(octets if isinstance(octets, bytes) else bytes(octets))
            if self._body is None:
                view = self._read_head(view)
            if self._body is not None:
                self._body.update(view)
        except BaseException:
            self._give_up()
            raise

    def finish(self) -> Opened:
        """What was opened, after everything is verified and the sink has committed."""
        self._check_usable()
        try:
            opened = self._finished()
        except BaseException:
            self._give_up()
            raise
        self._over = True
        self._sink.commit()
        return opened

    def _finished(self) -> Opened:
        if self._head is None or self._body is None:
            raise MalformedEnvelope("the envelope is cut short")
        trailer = self._body.finish()
        evidence = (self._head.evidence, *_verify_trailer(self._head, trailer))
        return Opened(self._head.header, self._identifier, trailer.length, evidence)

    def abort(self) -> None:
        """Gives up; harmless when the opening is over already."""
        if not self._over:
            self._give_up()

    def _check_usable(self) -> None:
        if self._over:
            raise WrongRound("this opening is over")

    def _give_up(self) -> None:
        self._over = True
        self._sink.abort()

    def _read_head(self, view: memoryview) -> memoryview:
        """What of the view is not head."""
        if self._lengths is None:
            view = self._fill(view, PREAMBLE_OCTETS)
            if len(self._buffer) < PREAMBLE_OCTETS:
                return view
            self._lengths = read_preamble(bytes(self._buffer))
        end = PREAMBLE_OCTETS + sum(self._lengths)
        view = self._fill(view, end)
        if len(self._buffer) == end:
            self._open_head(bytes(self._buffer), PREAMBLE_OCTETS + self._lengths[0])
        return view

    def _fill(self, view: memoryview, length: int) -> memoryview:
        missing = length - len(self._buffer)
        self._buffer += view[:missing]
        return view[missing:]

    def _open_head(self, head: bytes, split: int) -> None:
        self._head = _verify_head(self._reader, head[PREAMBLE_OCTETS:split], head[split:])
        self._identifier = digest(head)
        signature = self._head.sender.signature_octets if self._head.header.body is Body.SIGNED else 0
        self._body = ChunkOpener(self._head.body_key, signature, self._sink.write)


def open_envelope(octets: bytes, reader: Reader) -> tuple[bytes, Opened]:
    """The payload and what is known of it, both verified.

    Spec: spec/envelope.md#refusals
    Raises: MalformedEnvelope, NonCanonical, RetiredSuite, DecryptionFailed, InvalidSignature
    """
    memory = Memory()
    opening = Opening(reader, memory)
    opening.feed(octets)
    opened = opening.finish()
    return memory.payload, opened


def open_into(pieces: Iterable[bytes], reader: Reader, sink: Sink) -> Opened:
    """What was opened, after the sink has committed the payload; if anything fails, it has aborted.

    Spec: spec/envelope.md#refusals
    Raises: what Opening raises, and what the pieces do
    """
    opening = Opening(reader, sink)
    try:
        for piece in pieces:
            opening.feed(piece)
        return opening.finish()
    finally:
        opening.abort()


class Memory:
    """A sink in memory."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._complete = False

    def write(self, octets: bytes) -> None:
        """Keeps the octets."""
        self._pieces.append(octets)

    def commit(self) -> None:
        """Makes `payload` readable."""
        self._complete = True

    def abort(self) -> None:
        """Forgets all octets."""
        self._pieces.clear()

    @property
    def payload(self) -> bytes:
        """The payload, once it is verified.

        Raises: WrongRound before that, and if it was refused
        """
        if not self._complete:
            raise WrongRound("the payload is not verified")
        return b"".join(self._pieces)


# -- the steps of the head ---------------------------------------------------------------------------------------
def _verify_head(reader: Reader, outer_octets: bytes, sealed: bytes) -> _VerifiedHead:
    outer = Outer.from_bytes(outer_octets)
    reader.policy.for_opening(outer.suite)
    key, secret = _open_slot(reader.keys, outer)
    schedule = Schedule(secret, outer_octets)
    plaintext = open_header(schedule.header_key, outer_octets, sealed)
    octets, signature = split_plaintext(plaintext)
    header = Header.from_bytes(octets)
    sender = reader.senders.get(header.sender)
    if sender is None or sender.id != header.sender:
        raise InvalidSignature("the envelope is from a sender whose key was not given")
    evidence = Evidence(signed_octets(sender.suite, "header", digest(outer_octets), octets), signature)
    sender.verify(evidence.signature, evidence.octets)
    _check_recipients(header, outer, key)
    if not equal(header.context.encode(), reader.context.encode()):
        raise InvalidSignature("the sender sealed this for another context")
    return _VerifiedHead(header, plaintext, schedule.body_key(plaintext), sender, evidence)


def _open_slot(keys: Sequence[EncryptionKey], outer: Outer) -> tuple[EncryptionKey, bytes]:
    for key in keys:
        if key.suite != outer.suite:
            continue
        for slot in outer.slots:
            if slot.key_id not in (None, key.id):
                continue
            try:
                secret = key.open_slot(slot.octets)
            except DecryptionFailed:
                continue
            check_commitment(outer.suite, secret, outer.commitment)
            return key, secret
    raise DecryptionFailed("the envelope was not sealed for this key, or was altered")


def _check_recipients(header: Header, outer: Outer, key: EncryptionKey) -> None:
    if key.id not in header.recipients:
        raise InvalidSignature("the sender sealed this for others, not for this key")
    if len(header.recipients) != len(outer.slots) or (not outer.anonymous and header.recipients != outer.key_ids):
        raise InvalidSignature("the sender sealed this for other recipients than it is addressed to")


def _verify_trailer(head: _VerifiedHead, trailer: Trailer) -> tuple[Evidence, ...]:
    if trailer.payload_digest is None:
        return ()
    length = trailer_length(trailer.length)
    octets = body_signed_octets(head.sender.suite, head.plaintext, length, trailer.payload_digest)
    head.sender.verify(trailer.signature, octets)
    return (Evidence(octets, trailer.signature),)


# -- looking from outside -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Outline:
    """What an envelope shows to everybody; nothing of it is authenticated without a key.

    Spec: spec/envelope.md#outer
    """

    suite: str
    retired: bool
    anonymous: bool
    key_ids: tuple[bytes, ...]
    slots: int
    head_octets: int
    identifier: bytes


def head_octets(octets: bytes) -> int:
    """The length of the head of the envelope that begins with these octets, at least 16.

    Raises: MalformedEnvelope
    """
    if len(octets) < PREAMBLE_OCTETS:
        raise MalformedEnvelope("the envelope is cut short")
    return PREAMBLE_OCTETS + sum(read_preamble(octets[:PREAMBLE_OCTETS]))


def inspect(octets: bytes, policy: Policy = DEFAULT_POLICY) -> Outline:
    """What the head at the start of these octets shows without any key.

    Spec: spec/envelope.md#outer
    Raises: MalformedEnvelope, NonCanonical
    """
    end = head_octets(octets)
    if len(octets) < end:
        raise MalformedEnvelope("the envelope is cut short")
    outer = Outer.from_bytes(octets[PREAMBLE_OCTETS : PREAMBLE_OCTETS + read_preamble(octets[:PREAMBLE_OCTETS])[0]])
    return Outline(
        outer.suite,
        policy.is_retired(outer.suite),
        outer.anonymous,
        outer.key_ids,
        len(outer.slots),
        end,
        digest(octets[:end]),
    )
