"""Vectors of content identifiers and of logs of messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro import cbor
from milagro.cbor import Tag, Value
from milagro.cid import CID, LINK_TAG, Codec
from milagro.conformance.operations.messaging import LogAuthor
from milagro.conformance.topics._book import Book, flipped
from milagro.errors import (
    BrokenChain,
    InvalidSignature,
    MalformedEnvelope,
    NonCanonical,
    NotFound,
    ParameterError,
    WrongLength,
)
from milagro.stores.messaging.entry import LABEL, MAX_PAYLOAD_OCTETS, MAX_SEQUENCE, skip_target

SPEC = "spec/messaging.md#"
TOPIC = "example topic"


def cids(backend: str) -> Book:
    """Content, its CID in three forms, and other forms that are refused."""
    book = Book("messaging/cid", SPEC + "cid", backend)
    for name, content in (("empty", b""), ("milagro", b"milagro"), ("long", bytes(range(256)) * 16)):
        for codec in ("raw", "dag-cbor"):
            made = book.good(f"{name}-{codec}", "cid.of", {"content": content.hex(), "codec": codec})
            book.good(f"{name}-{codec}-text", "cid.from-text", {"text": made["text"]})
            book.good(f"{name}-{codec}-octets", "cid.from-octets", {"octets": made["octets"]})
            book.good(f"{name}-{codec}-link", "cid.from-link", {"link": made["link"]})
    _refused_forms(book)
    link = CID.of(b"milagro").link()
    block = cbor.encode({"a": [link, None, {"b": link}], "c": CID.of(b"\xa0", Codec.DAG_CBOR).link()})
    book.good("links", "cid.links", {"block": block.hex()})
    book.bad("key-is-no-text", "cid.links", {"block": cbor.encode({1: 2}).hex()}, MalformedEnvelope, layer="cid")
    book.bad("float", "cid.links", {"block": "f90000"}, MalformedEnvelope, layer="cbor")
    return book


def _refused_forms(book: Book) -> None:
    cid = CID.of(b"milagro")
    text, octets = str(cid), cid.to_bytes()
    last = "abcdefghijklmnopqrstuvwxyz234567".index(text[-1])
    other_bits = text[:-1] + "abcdefghijklmnopqrstuvwxyz234567"[last ^ 1]
    for name, value, error in (
        ("text-short", text[:-1], WrongLength),
        ("text-padded", text + "======", WrongLength),
        ("text-upper", text.upper(), MalformedEnvelope),
        ("text-base58", "z" + text[1:], MalformedEnvelope),
        ("text-character", text[:9] + "1" + text[10:], MalformedEnvelope),
        ("text-loose-bits", other_bits, NonCanonical),
        ("text-version-0", "QmTkzDwWqPbnAh5YiV5VwcTLnGdwSNsNTn2aDxdXBFca7D", WrongLength),
    ):
        book.bad(name, "cid.from-text", {"text": value}, error, layer="cid")
    for name, at, octet in (("version", 0, 0), ("codec", 1, 0x70), ("hash", 2, 0x13), ("digest-length", 3, 0x1F)):
        wrong = octets[:at] + bytes([octet]) + octets[at + 1 :]
        book.bad(f"octets-{name}", "cid.from-octets", {"octets": wrong.hex()}, MalformedEnvelope, layer="cid")
    book.bad("octets-long", "cid.from-octets", {"octets": octets.hex() + "00"}, WrongLength, layer="cid")
    for name, link, error in (
        ("without-tag", b"\0" + octets, MalformedEnvelope),
        ("without-zero", Tag(LINK_TAG, octets), MalformedEnvelope),
        ("with-one", Tag(LINK_TAG, b"\1" + octets), MalformedEnvelope),
        ("text", Tag(LINK_TAG, text), MalformedEnvelope),
        ("long", Tag(LINK_TAG, b"\0" + octets + b"\0"), WrongLength),
    ):
        book.bad(f"link-{name}", "cid.from-link", {"link": cbor.encode(link).hex()}, error, layer="cid")


class _Log:
    """A log in the making, and a copy of it that goes on in another way."""

    def __init__(self, book: Book, key: bytes, topic: str = TOPIC) -> None:
        self.book, self.key, self.topic = book, key, topic
        self.name = LogAuthor(key).name
        self.blocks: list[str] = []

    def inputs(self, payload: bytes, **other: CID) -> dict[str, Any]:
        """The inputs of the next entry."""
        sequence = len(self.blocks) + 1
        linked = {"previous": sequence - 1, "skip": skip_target(sequence)}
        found = {name: self.cid(number) for name, number in linked.items() if number} | other
        return {
            "key": self.key.hex(),
            "topic": self.topic,
            "sequence": sequence,
            **{name: cid.to_bytes().hex() for name, cid in found.items()},
            "parts": [CID.of(payload).to_bytes().hex()],
            "size": len(payload),
        }

    def grow(self, count: int, payload: bytes = b"payload", **other: CID) -> _Log:
        """Adds entries without making cases of them."""
        for _ in range(count):
            self.blocks.append(self.book.run("log.entry", self.inputs(payload, **other))["block"])
        return self

    def cid(self, sequence: int) -> CID:
        """The CID of an entry."""
        return CID.of(bytes.fromhex(self.blocks[sequence - 1]), Codec.DAG_CBOR)

    def branch(self, length: int) -> _Log:
        """Another log with the same beginning."""
        other = _Log(self.book, self.key, self.topic)
        other.blocks = self.blocks[:length]
        return other


def logs(backend: str) -> Book:
    """Entries, frames, reading, forks."""
    book = Book("messaging/log", SPEC + "log-entry", backend)
    key = book.random("key")(32)
    log = _Log(book, key)
    for number in range(1, 10):
        made = book.good(f"entry-{number}", "log.entry", log.inputs(b"payload %d" % number))
        book.good(f"entry-{number}-checked", "log.check", {"block": made["block"]})
        log.blocks.append(made["block"])
    for sequence in (1, 2, 3, 4, 6, 12, 1000, 1 << 40, MAX_SEQUENCE):
        book.good(f"skip-{sequence}", "log.skip-target", {"sequence": sequence})
    _refused_entries(book, key, log)
    _frames(book, log)
    _reading(book, log)
    _forks(book, log)
    return book


def _refused_entries(book: Book, key: bytes, log: _Log) -> None:
    block = bytes.fromhex(log.blocks[5])
    whole = cbor.decode(block, tags=(LINK_TAG,))
    assert isinstance(whole, dict)  # noqa: S101 - for the type checker
    link, raw = log.cid(1).link(), CID.of(b"payload").link()
    changes: dict[str, dict[str, Value]] = {
        "version": {"v": 2},
        "number-zero": {"seq": 0, "prev": None, "skip": None},
        "number-high": {"seq": MAX_SEQUENCE + 1},
        "topic-empty": {"topic": ""},
        "topic-long": {"topic": "t" * 129},
        "sender-empty": {"sender": ""},
        "previous-missing": {"prev": None},
        "previous-of-the-first": {"seq": 1, "prev": link, "skip": None},
        "skip-missing": {"skip": None},
        "skip-to-nothing": {"seq": 4, "skip": link},
        "odd-links-differ": {"seq": 5, "prev": link},
        "link-to-raw": {"prev": raw},
        "part-not-raw": {"parts": [link]},
        "parts-missing": {"size": (1 << 20) + 1},
        "payload-empty": {"size": 0, "parts": []},
        "payload-large": {"size": MAX_PAYLOAD_OCTETS + 1, "parts": [raw] * 65},
        "field-unknown": {"x": 1},
    }
    for name, change in changes.items():
        fields = {**whole, **change}
        del fields["sig"]
        fields["sig"] = LogAuthor(key).sign(LABEL + cbor.encode(fields))
        # A field of another type or size is refused where the fields of a map are read.
        layer = "stores" if name.startswith(("previous", "skip", "odd", "link", "part-")) else "cbor"
        book.bad(f"refused-{name}", "log.check", {"block": cbor.encode(fields).hex()}, MalformedEnvelope, layer=layer)
    book.bad("refused-cut", "log.check", {"block": block[:-1].hex()}, MalformedEnvelope, layer="cbor")
    forged = cbor.encode({**whole, "sig": bytes(64)}).hex()
    book.bad("refused-forged", "log.check", {"block": forged}, InvalidSignature, layer="stores")
    book.bad("refused-altered", "log.check", {"block": flipped(block.hex())}, InvalidSignature, layer="stores")
    two_parts = {**log.inputs(b"p"), "parts": [CID.of(b"p").to_bytes().hex()] * 2}
    book.bad("refused-to-the-author", "log.entry", two_parts, ParameterError, layer="stores")


def _frames(book: Book, log: _Log) -> None:
    spec = SPEC + "frames"
    book.good("frame-entry", "log.frame", {"frame": "01" + log.blocks[2]}, spec=spec)
    for name, sequence in (("first", 0), ("last", MAX_SEQUENCE)):
        asked = {"topic": TOPIC, "sender": log.name, "sequence": sequence}
        made = book.good(f"question-{name}", "log.question", asked, spec=spec)
        book.good(f"question-{name}-decoded", "log.frame", made, spec=spec)
    for label, octets, layer in (
        ("empty", b"", "stores"),
        ("kind", b"\x03" + cbor.encode([TOPIC, log.name, 0]), "stores"),
        ("two-fields", b"\x02" + cbor.encode([TOPIC, log.name]), "stores"),
        ("negative", b"\x02" + cbor.encode([TOPIC, log.name, -1]), "stores"),
        ("truth-value", b"\x02" + cbor.encode([TOPIC, log.name, True]), "stores"),
        ("number-high", b"\x02" + cbor.encode([TOPIC, log.name, MAX_SEQUENCE + 1]), "stores"),
        ("topic-empty", b"\x02" + cbor.encode(["", log.name, 0]), "stores"),
        ("octets-follow", b"\x02" + cbor.encode([TOPIC, log.name, 0]) + b"\0", "cbor"),
        ("link-as-block", b"\x01" + cbor.encode(log.cid(1).link()), "cbor"),
    ):
        book.bad(f"frame-{label}", "log.frame", {"frame": octets.hex()}, MalformedEnvelope, layer=layer, spec=spec)


def _reading(book: Book, log: _Log) -> None:
    spec, whole = SPEC + "pulling", {"topic": TOPIC, "sender": log.name, "blocks": log.blocks}
    end = [log.blocks[-1]]
    book.good("read-all", "log.read", {**whole, "heard": end}, spec=spec)
    book.good("read-rest", "log.read", {**whole, "heard": end, "cursor": log.blocks[3]}, spec=spec)
    book.good("read-nothing-new", "log.read", {**whole, "heard": end, "cursor": log.blocks[-1]}, spec=spec)
    jumbled = [log.blocks[at] for at in (4, 8, 1, 4, 6)]
    book.good("read-heard-in-disorder", "log.read", {**whole, "heard": jumbled}, spec=spec)
    book.bad(
        "read-missing",
        "log.read",
        {**whole, "blocks": log.blocks[5:], "heard": end},
        NotFound,
        layer="stores",
        spec=spec,
    )
    elsewhere, stranger = _Log(book, log.key, "elsewhere").grow(9), _Log(book, book.random("stranger")(32)).grow(9)
    for name, target in (
        ("another-number", log.cid(2)),
        ("another-topic", elsewhere.cid(9)),
        ("another-sender", stranger.cid(9)),
    ):
        wrong = log.branch(9).grow(1, previous=target)
        blocks = [*wrong.blocks, elsewhere.blocks[8], stranger.blocks[8]]
        inputs = {**whole, "blocks": blocks, "heard": wrong.blocks[-1:]}
        book.bad(f"read-{name}", "log.read", inputs, BrokenChain, layer="stores", spec=spec)


def _forks(book: Book, log: _Log) -> None:
    spec = SPEC + "forks"
    other = log.branch(5).grow(5, b"another story")
    pair = {"first": log.blocks[5], "second": other.blocks[5]}
    book.good("fork", "log.fork", pair, spec=spec)
    book.good("fork-turned", "log.fork", {"first": pair["second"], "second": pair["first"]}, spec=spec)
    elsewhere, stranger = _Log(book, log.key, "elsewhere").grow(6), _Log(book, book.random("stranger")(32)).grow(6)
    for name, second in (
        ("one-entry", log.blocks[5]),
        ("two-numbers", other.blocks[6]),
        ("two-topics", elsewhere.blocks[5]),
        ("two-senders", stranger.blocks[5]),
    ):
        book.bad(f"no-fork-{name}", "log.fork", {**pair, "second": second}, BrokenChain, layer="stores", spec=spec)
    whole = cbor.decode(bytes.fromhex(pair["second"]), tags=(LINK_TAG,))
    assert isinstance(whole, dict)  # noqa: S101 - for the type checker
    forged = cbor.encode({**whole, "sig": bytes(64)}).hex()
    book.bad("no-fork-forged", "log.fork", {**pair, "second": forged}, InvalidSignature, layer="stores", spec=spec)
    both = {"topic": TOPIC, "sender": log.name, "blocks": log.blocks + other.blocks}
    for name, heard, cursor in (
        ("of-ends", [log.blocks[8], other.blocks[8]], {}),
        ("of-an-announced-entry", [other.blocks[6], log.blocks[8]], {}),
        ("below-the-cursor", [other.blocks[9]], {"cursor": log.blocks[6]}),
    ):
        book.good(f"fork-{name}", "log.read", {**both, "heard": heard, **cursor}, spec=spec)


TOPICS: tuple[Callable[[str], Book], ...] = (cids, logs)
