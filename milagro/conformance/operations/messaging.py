"""Operations of content identifiers and of logs of messages; a sender is an Ed25519 key, named by its public key."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from milagro import cbor
from milagro.cid import CID, LINK_TAG, Codec, links
from milagro.conformance.literals import BadLiteral
from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.errors import InvalidSignature, NotFound
from milagro.stores.messaging import frames
from milagro.stores.messaging.entry import Entry, Fork, skip_target
from milagro.stores.messaging.inbox import Reader, Rewritten

_CODECS = {"raw": Codec.RAW, "dag-cbor": Codec.DAG_CBOR}


class LogAuthor:
    """An Ed25519 key as the author of a log."""

    def __init__(self, octets: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(octets)
        self.name = self._key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature."""
        return self._key.sign(message)


def verify(sender: str, message: bytes, signature: bytes) -> None:
    """Accepts what the key that the sender's name is has signed. Raises: InvalidSignature"""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(sender)).verify(signature, message)
    except (WrongSignature, ValueError):
        raise InvalidSignature("the signature is not of this key") from None


@operation("cid.of")
def cid_of(x: Inputs) -> Results:
    """The CID of some content in its three forms."""
    name = x.text("codec")
    if name not in _CODECS:
        raise BadLiteral(f"no codec is called {name[:60]!r}")
    cid = CID.of(x.octets("content"), _CODECS[name])
    return {"octets": cid.to_bytes().hex(), "text": str(cid), "link": cbor.encode(cid.link()).hex()}


@operation("cid.from-text")
def cid_from_text(x: Inputs) -> Results:
    """The octets of a text."""
    return {"octets": CID.from_text(x.text("text")).to_bytes().hex()}


@operation("cid.from-octets")
def cid_from_octets(x: Inputs) -> Results:
    """The text of some octets."""
    return {"text": str(CID.from_bytes(x.octets("octets")))}


@operation("cid.from-link")
def cid_from_link(x: Inputs) -> Results:
    """The text of a link."""
    return {"text": str(CID.from_link(cbor.decode(x.octets("link"), tags=(LINK_TAG,))))}


@operation("cid.links")
def cid_links(x: Inputs) -> Results:
    """All links in a block of DAG-CBOR."""
    return {"links": [str(cid) for cid in links(x.octets("block"))]}


@operation("log.skip-target")
def log_skip_target(x: Inputs) -> Results:
    """The number that a skip link leads to."""
    return {"target": skip_target(x.integer("sequence"))}


@operation("log.entry")
def log_entry(x: Inputs) -> Results:
    """A signed entry and its CID."""
    entry = Entry.signed(
        LogAuthor(x.octets("key")),
        x.text("topic"),
        x.integer("sequence"),
        _cid(x, "previous"),
        _cid(x, "skip"),
        tuple(CID.from_bytes(part) for part in x.octet_list("parts")),
        x.integer("size"),
    )
    return {"block": entry.block.hex(), "cid": str(entry.cid), "frame": frames.encode(entry).hex()}


def _cid(x: Inputs, name: str) -> CID | None:
    return CID.from_bytes(x.octets(name)) if name in x else None


@operation("log.check")
def log_check(x: Inputs) -> Results:
    """An entry decoded, and its signature checked."""
    entry = Entry.decode(x.octets("block"))
    entry.check(verify)
    return _told(entry)


@operation("log.frame")
def log_frame(x: Inputs) -> Results:
    """What a frame says."""
    frame = frames.decode(x.octets("frame"))
    if isinstance(frame, Entry):
        return {"says": "entry", **_told(frame)}
    return {"says": "question", "topic": frame.topic, "sender": frame.sender, "sequence": frame.sequence}


@operation("log.question")
def log_question(x: Inputs) -> Results:
    """The frame of a question."""
    question = frames.Question(x.text("topic"), x.text("sender"), x.integer("sequence"))
    return {"frame": frames.encode(question).hex()}


@operation("log.fork")
def log_fork(x: Inputs) -> Results:
    """Whether two blocks are evidence, and of what."""
    fork = Fork.prove(x.octets("first"), x.octets("second"), verify)
    return {"sender": fork.sender, "sequence": fork.sequence}


@operation("log.read")
def log_read(x: Inputs) -> Results:
    """What a reader does that has handed over `cursor`, hears `heard`, and can fetch `blocks`."""
    blocks = {CID.of(block, Codec.DAG_CBOR): block for block in x.octet_list("blocks")}
    heard = [Entry.decode(block) for block in x.octet_list("heard")]
    cursor = Entry.decode(x.octets("cursor")) if "cursor" in x else None
    at = (cursor.sequence, cursor.cid) if cursor is not None else (0, None)
    reader = Reader(x.text("topic"), x.text("sender"), at, None)
    for entry in heard:
        entry.check(verify)
        if fork := reader.heard(entry):
            return {"fork": fork.sequence}

    def fetch(cid: CID) -> bytes:
        if cid not in blocks:
            raise NotFound(f"there is no block {cid}")
        return blocks[cid]

    read: list[int] = []
    try:
        while window := reader.window(fetch, verify):
            if fork := reader.contradiction(window[0]):
                return {"read": read, "fork": fork.sequence}
            read.append(window[0].sequence)
            reader.moved(window[0])
    except Rewritten as error:
        return {"read": read, "fork": error.entry.sequence}
    return {"read": read}


def _told(entry: Entry) -> dict[str, Any]:
    return {
        "topic": entry.topic,
        "sender": entry.sender,
        "sequence": entry.sequence,
        "previous": entry.previous and str(entry.previous),
        "skip": entry.skip and str(entry.skip),
        "parts": [str(part) for part in entry.parts],
        "size": entry.size,
    }
