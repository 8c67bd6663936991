"""Sealing: a payload, whole or in pieces, becomes an envelope.

    Sealing(..) --head--> update(octets)* --chunks--> finish() --last chunks--> done

The content secret, the throwaway keys and the order of anonymous slots come from `random`; HPKE and ML-DSA draw their
own randomness inside `cryptography`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from milagro.errors import ParameterError, WrongRound
from milagro.protocols.envelope.header import Body, Header, Position, header_plaintext, seal_header
from milagro.protocols.envelope.labels import digest, draw
from milagro.protocols.envelope.outer import MAX_SLOTS, MIN_ANONYMOUS, Outer, Slot, preamble
from milagro.protocols.envelope.schedule import Schedule, commitment
from milagro.protocols.envelope.signatures import signed_octets
from milagro.protocols.envelope.stream import ChunkSealer, trailer_length
from milagro.protocols.envelope.suites import DEFAULT_POLICY, SECRET_OCTETS, EncryptionKey, EncryptionPublicKey, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from milagro.cbor import Value
    from milagro.groups import Random
    from milagro.protocols.envelope.signatures import SigningKey

_ORDER_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Terms:
    """What the sender says about a payload, and how it is to travel.

    `context` names application, version and purpose. `signed_body` makes the body evidence for third parties;
    with several recipients it is signed in any case. `padded` hides the length up to Padme.

    Spec: spec/envelope.md#header
    """

    context: str
    timestamp: int
    position: Position | None = None
    content_type: str | None = None
    notes: Mapping[int, Value] = field(default_factory=lambda: MappingProxyType({}))
    signed_body: bool = False
    anonymous: bool = False
    padded: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """The finished head of an envelope, and what the body needs of it."""

    octets: bytes
    plaintext: bytes = field(repr=False)
    schedule: Schedule

    @property
    def identifier(self) -> bytes:
        """H(head)."""
        return digest(self.octets)


def make_head(suite: str, secret: bytes, slots: Sequence[Slot], header: bytes, sender: SigningKey) -> Head:
    """The head with these slots, which carry `secret`, and this encoded header.

    Spec: spec/envelope.md#header
    Secret: secret
    """
    outer = Outer(suite, commitment(suite, secret), tuple(slots)).to_bytes()
    schedule = Schedule(secret, outer)
    signature = sender.sign(signed_octets(sender.public.suite, "header", digest(outer), header))
    plaintext = header_plaintext(header, signature)
    sealed = seal_header(schedule.header_key, outer, plaintext)
    return Head(preamble(outer, sealed) + outer + sealed, plaintext, schedule)


class Sealing:
    """An envelope in the making, for payloads of any size in constant memory.

    Spec: spec/envelope.md#body
    Raises: ParameterError for recipients or terms that no envelope has; RetiredSuite
    """

    def __init__(
        self,
        sender: SigningKey,
        recipients: Sequence[EncryptionPublicKey],
        terms: Terms,
        random: Random,
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        suite = _common_suite(recipients)
        policy.for_sealing(suite)
        secret = draw(random, SECRET_OCTETS)
        keys = sorted(_filled(recipients, random) if terms.anonymous else recipients, key=lambda key: key.id)
        header = _header(sender, [key.id for key in keys], terms)
        head = make_head(suite, secret, _slots(keys, secret, terms, random), header.to_bytes(), sender)
        self._start(sender, head, header.body, padded=terms.padded)

    @classmethod
    def behind(cls, head: Head, sender: SigningKey, body: Body, *, padded: bool = True) -> Sealing:
        """The rest of an envelope whose head is made already."""
        sealing = cls.__new__(cls)
        sealing._start(sender, head, body, padded=padded)
        return sealing

    def _start(self, sender: SigningKey, head: Head, body: Body, *, padded: bool) -> None:
        self.head = head.octets
        self.identifier = head.identifier
        self._sender, self._plaintext, self._body, self._padded = sender, head.plaintext, body, padded
        self._chunks = ChunkSealer(head.schedule.body_key(head.plaintext), hashed=body is Body.SIGNED)
        self._finished = False

    def update(self, octets: bytes) -> list[bytes]:
        """The parts of the envelope, after `head`, that are complete with these octets; 64 to 256 KiB go quickest."""
        if self._finished:
            raise WrongRound("the envelope is finished")
        return self._chunks.update(octets)

    def finish(self) -> Iterator[bytes]:
        """The last parts of the envelope, made while they are taken."""
        if self._finished:
            raise WrongRound("the envelope is finished")
        self._finished = True
        return self._chunks.finish(self._trailer(), padded=self._padded)

    def _trailer(self) -> bytes:
        length = trailer_length(self._chunks.length)
        if self._body is Body.KEYED:
            return length
        signed = body_signed_octets(self._sender.public.suite, self._plaintext, length, self._chunks.payload_digest)
        return length + self._sender.sign(signed)


def seal(
    payload: bytes,
    sender: SigningKey,
    recipients: Sequence[EncryptionPublicKey],
    terms: Terms,
    random: Random,
    policy: Policy = DEFAULT_POLICY,
) -> bytes:
    """The envelope that carries `payload`.

    Spec: spec/envelope.md#body
    Raises: ParameterError for recipients or terms that no envelope has; RetiredSuite
    """
    sealing = Sealing(sender, recipients, terms, random, policy)
    return b"".join([sealing.head, *sealing.update(payload), *sealing.finish()])


def body_signed_octets(suite: str, plaintext: bytes, length: bytes, payload_digest: bytes) -> bytes:
    """frame(LABEL, suite, "body", H(header plaintext), be(L, 8), H(payload)).

    Spec: spec/envelope.md#body
    """
    return signed_octets(suite, "body", digest(plaintext), length, payload_digest)


def _common_suite(recipients: Sequence[EncryptionPublicKey]) -> str:
    suites = sorted({key.suite for key in recipients})
    if len(suites) != 1:
        raise ParameterError(f"an envelope has recipients of one suite; these have {len(suites)}: {', '.join(suites)}")
    if len({key.id for key in recipients}) != len(recipients) or len(recipients) > MAX_SLOTS:
        raise ParameterError(f"an envelope has at most {MAX_SLOTS} recipients, none of them twice")
    return suites[0]


def _filled(recipients: Sequence[EncryptionPublicKey], random: Random) -> list[EncryptionPublicKey]:
    """The recipients and throwaway keys, together a power of two."""
    count = max(MIN_ANONYMOUS, 1 << (len(recipients) - 1).bit_length())
    suite = recipients[0].suite
    return [*recipients, *(EncryptionKey.generate(random, suite).public for _ in range(count - len(recipients)))]


def _header(sender: SigningKey, ids: Sequence[bytes], terms: Terms) -> Header:
    signed = terms.signed_body or len(ids) > 1
    return Header(
        sender.public.id,
        tuple(ids),
        terms.context,
        terms.timestamp,
        Body.SIGNED if signed else Body.KEYED,
        terms.position,
        terms.content_type,
        terms.notes,
    )


def _slots(keys: Sequence[EncryptionPublicKey], secret: bytes, terms: Terms, random: Random) -> list[Slot]:
    if not terms.anonymous:
        return [Slot(key.id, key.seal_slot(secret)) for key in keys]
    return sorted((Slot(None, key.seal_slot(secret)) for key in keys), key=lambda _: draw(random, _ORDER_OCTETS))
