"""Operations of the encrypted envelope.

HPKE and ML-DSA take their randomness from `cryptography`, so what they make cannot be made again: slots and hybrid
signatures are inputs of these operations. All else is computed.
"""

from __future__ import annotations

import hashlib
from typing import Any

from milagro.cbor import Value
from milagro.conformance.literals import BadLiteral, octets
from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.conformance.operations.cbor import from_json, to_json
from milagro.octets import frame
from milagro.protocols.envelope import (
    Body,
    EncryptionKey,
    Header,
    Opened,
    Policy,
    Position,
    PrivateKeys,
    PublicKeys,
    Reader,
    ReceiverState,
    Sealing,
    SenderState,
    VerifyingKey,
    aggregate,
    armored,
    dearmored,
    inspect,
    open_envelope,
    padme,
    verify_aggregate,
)
from milagro.protocols.envelope.outer import Outer, Slot
from milagro.protocols.envelope.schedule import Schedule, commitment
from milagro.protocols.envelope.sealing import make_head
from milagro.protocols.envelope.signatures import signing_key
from milagro.protocols.envelope.stream import ChunkOpener, ChunkSealer
from milagro.protocols.envelope.suites import EncryptionPublicKey


# -- keys --------------------------------------------------------------------------------------------------------------
def _of(keys: PublicKeys) -> Results:
    return {
        "signatures": keys.signing.suite,
        "signing_id": keys.signing.id.hex(),
        "suite": keys.encryption.suite,
        "encryption_id": keys.encryption.id.hex(),
        "fingerprint": keys.fingerprint.hex(),
    }


@operation("envelope.generate-keys")
def generate_keys(x: Inputs) -> Results:
    """New keys from a source of octets."""
    keys = PrivateKeys.generate(x.random(), x.text("signatures"), x.text("suite"), x.backend)
    return {"private": keys.to_bytes().hex(), "public": keys.public.to_bytes().hex(), **_of(keys.public)}


@operation("envelope.read-public-keys")
def read_public_keys(x: Inputs) -> Results:
    """What a file of public keys holds."""
    return _of(PublicKeys.from_bytes(x.octets("octets"), x.backend))


@operation("envelope.read-private-keys")
def read_private_keys(x: Inputs) -> Results:
    """What belongs to a file of private keys."""
    return _of(PrivateKeys.from_bytes(x.octets("octets"), x.backend).public)


@operation("envelope.read-encryption-key")
def read_encryption_key(x: Inputs) -> Results:
    """The id of an encryption key."""
    return {"id": EncryptionPublicKey(x.text("suite"), x.octets("key")).id.hex()}


@operation("envelope.open-slot")
def open_slot(x: Inputs) -> Results:
    """The content secret in a slot."""
    return {"secret": EncryptionKey(x.text("suite"), x.octets("key")).open_slot(x.octets("slot")).hex()}


@operation("envelope.sign")
def sign(x: Inputs) -> Results:
    """A BLS signature, which is the same every time."""
    return {"signature": signing_key(x.text("signatures"), x.octets("key"), x.backend).sign(x.octets("message")).hex()}


@operation("envelope.verify")
def verify(x: Inputs) -> Results:
    """Whether a signature verifies."""
    VerifyingKey(x.text("signatures"), x.octets("key"), x.backend).verify(x.octets("signature"), x.octets("message"))
    return {"verifies": True}


@operation("envelope.aggregate")
def aggregate_(x: Inputs) -> Results:
    """The sum of BLS signatures, verified."""
    total = aggregate(x.octet_list("parts"), x.backend)
    keys = [VerifyingKey(x.text("signatures"), key, x.backend) for key in x.octet_list("keys")]
    verify_aggregate(keys, x.octet_list("messages"), total)
    return {"signature": total.hex()}


# -- keys of an envelope, padding, armor -------------------------------------------------------------------------------
@operation("envelope.schedule")
def schedule(x: Inputs) -> Results:
    """Commitment, header key and body key."""
    secret = x.octets("secret")
    keys = Schedule(secret, x.octets("outer"))
    return {
        "commitment": commitment(x.text("suite"), secret).hex(),
        "header_key": keys.header_key.hex(),
        "body_key": keys.body_key(x.octets("header_plaintext")).hex(),
    }


@operation("envelope.padme")
def padme_(x: Inputs) -> Results:
    """Padded lengths."""
    return {"padded": [padme(length) for length in x.integers("lengths")]}


@operation("envelope.armor")
def armor(x: Inputs) -> Results:
    """The text of an octet string."""
    return {"text": armored(x.octets("octets"), x.text("kind")).decode("ascii")}


@operation("envelope.dearmor")
def dearmor(x: Inputs) -> Results:
    """The octets of a text."""
    return {"octets": dearmored(x.text("text").encode(), x.text("kind")).hex()}


# -- header and outer map ----------------------------------------------------------------------------------------------
def _position(value: Any) -> Position | None:
    match value:
        case None:
            return None
        case [str() as channel, int() as sequence, str() as previous]:
            return Position(channel, sequence, octets(previous))
    raise BadLiteral("a position is a channel, a number and an identifier")


def _body(x: Inputs) -> Body:
    if x.integer("body", 0) not in (0, 1):
        raise BadLiteral("a body is 0, keyed, or 1, signed")
    return Body(x.integer("body", 0))


def _notes(entries: Any) -> dict[int, Value]:
    notes = from_json({"map": entries})
    if not isinstance(notes, dict) or not all(isinstance(key, int) for key in notes):
        raise BadLiteral("the notes are a list of numbers and values")
    return notes


def _header(x: Inputs) -> Header:
    return Header(
        x.octets("sender"),
        tuple(x.octet_list("recipients")),
        x.text("context"),
        x.integer("timestamp"),
        _body(x),
        _position(x.raw("position")) if "position" in x else None,
        x.text("content_type") if "content_type" in x else None,
        _notes(x.raw("notes")) if "notes" in x else {},
    )


def _shown(header: Header) -> Results:
    position = header.position
    return {
        "sender": header.sender.hex(),
        "recipients": [one.hex() for one in header.recipients],
        "context": header.context,
        "timestamp": header.timestamp,
        "body": int(header.body),
        "position": [position.channel, position.sequence, position.previous.hex()] if position else None,
        "content_type": header.content_type,
        "notes": [[key, to_json(value)] for key, value in sorted(header.notes.items())],
    }


@operation("envelope.header")
def header_(x: Inputs) -> Results:
    """The encoding of a header."""
    return {"octets": _header(x).to_bytes().hex()}


@operation("envelope.read-header")
def read_header(x: Inputs) -> Results:
    """What a header says."""
    return _shown(Header.from_bytes(x.octets("octets")))


@operation("envelope.read-outer")
def read_outer(x: Inputs) -> Results:
    """What an outer map says."""
    outer = Outer.from_bytes(x.octets("octets"))
    return {
        "suite": outer.suite,
        "commitment": outer.commitment.hex(),
        "key_ids": [one.hex() for one in outer.key_ids],
        "slots": len(outer.slots),
    }


# -- bodies ------------------------------------------------------------------------------------------------------------
def _payload(x: Inputs) -> bytes:
    """`length` octets of SHAKE256 over the seed, then `zeros` zero octets."""
    made = hashlib.shake_256(x.text("payload_seed").encode()).digest(x.size("length"))
    return made + bytes(x.size("zeros", 0))


def _chunks(x: Inputs) -> list[bytes]:
    sealer = ChunkSealer(x.octets("body_key"), hashed=False)
    return [*sealer.update(_payload(x)), *sealer.finish(x.octets("trailer"), padded=x.flag("padded"))]


@operation("envelope.seal-body")
def seal_body(x: Inputs) -> Results:
    """The lengths and the hash of the chunks of a payload."""
    chunks = _chunks(x)
    return {"lengths": [len(chunk) for chunk in chunks], "sha256": hashlib.sha256(b"".join(chunks)).hexdigest()}


@operation("envelope.open-body")
def open_body(x: Inputs) -> Results:
    """What comes out of chunks that were put in this order, after one bit was flipped and some octets were cut off."""
    chunks, written = _chunks(x), bytearray()
    order = x.integers("order")
    if not all(0 <= i < len(chunks) for i in order):
        raise BadLiteral("the payload has fewer chunks")
    body = bytearray(b"".join(chunks[i] for i in order))
    if "flip" in x:
        bit = x.integer("flip")
        if not 0 <= bit < 8 * len(body):
            raise BadLiteral("the body has fewer bits")
        body[bit // 8] ^= 1 << bit % 8
    opener = ChunkOpener(x.octets("body_key"), x.integer("signature_octets", 0), written.extend)
    opener.update(bytes(body[: len(body) - x.integer("cut", 0)]))
    trailer = opener.finish()
    return {
        "length": trailer.length,
        "signature": trailer.signature.hex(),
        "sha256": hashlib.sha256(written).hexdigest(),
    }


# -- whole envelopes ---------------------------------------------------------------------------------------------------
def _slot(entry: Any) -> Slot:
    match entry:
        case [str() as key_id, str() as sealed]:
            return Slot(octets(key_id), octets(sealed))
        case str():
            return Slot(None, octets(entry))
    raise BadLiteral("a slot is octets, or a key id and octets")


@operation("envelope.seal")
def seal(x: Inputs) -> Results:
    """An envelope around slots that exist already, from a sender whose signatures are the same every time."""
    sender = signing_key(x.text("signatures"), x.octets("key"), x.backend)
    slots = [_slot(entry) for entry in x.items("slots")]
    head = make_head(x.text("suite"), x.octets("secret"), slots, x.octets("header"), sender)
    sealing = Sealing.behind(head, sender, _body(x), padded=x.flag("padded"))
    whole = b"".join([sealing.head, *sealing.update(x.octets("payload")), *sealing.finish()])
    return {"envelope": whole.hex(), "identifier": sealing.identifier.hex()}


def _reader(x: Inputs) -> Reader:
    senders = [PublicKeys.from_bytes(one, x.backend).signing for one in x.octet_list("senders")]
    retired = frozenset(x.text("retired").split()) if "retired" in x else frozenset()
    return Reader(
        [PrivateKeys.from_bytes(one, x.backend).encryption for one in x.octet_list("keys")],
        {key.id: key for key in senders},
        x.text("context"),
        Policy(retired, x.flag("allow_retired")),
    )


@operation("envelope.open")
def open_(x: Inputs) -> Results:
    """Everything that an envelope gives its reader."""
    payload, opened = open_envelope(x.octets("envelope"), _reader(x))
    return {
        "payload": payload.hex(),
        "identifier": opened.identifier.hex(),
        "evidence": hashlib.sha256(frame(*(one.octets + one.signature for one in opened.evidence))).hexdigest(),
        "header": _shown(opened.header),
    }


@operation("envelope.inspect")
def inspect_(x: Inputs) -> Results:
    """What an envelope shows to everybody."""
    outline = inspect(x.octets("envelope"))
    return {
        "suite": outline.suite,
        "anonymous": outline.anonymous,
        "key_ids": [one.hex() for one in outline.key_ids],
        "slots": outline.slots,
        "head_octets": outline.head_octets,
        "identifier": outline.identifier.hex(),
    }


# -- order -------------------------------------------------------------------------------------------------------------
@operation("envelope.next-position")
def next_position(x: Inputs) -> Results:
    """Positions of a channel whose envelopes get these identifiers, and the state after the last."""
    state, positions = SenderState(x.text("channel")), []
    for identifier in x.octet_list("identifiers"):
        position = state.position
        positions.append([position.channel, position.sequence, position.previous.hex()])
        state = state.advance(identifier)
    return {"positions": positions, "state": state.to_bytes().hex()}


@operation("envelope.accept")
def accept(x: Inputs) -> Results:
    """The receiver's state after an envelope."""
    state = ReceiverState.from_bytes(x.octets("state"))
    header = Header(
        x.octets("sender"), (bytes(32),), "order", x.integer("timestamp"), position=_position(x.raw("position"))
    )
    limits = {name: x.integer(name) for name in ("max_age", "max_ahead") if name in x}
    after = state.accept(Opened(header, x.octets("identifier"), 0, ()), x.integer("now"), **limits)
    return {"state": after.to_bytes().hex()}
