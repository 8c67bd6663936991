"""Vectors of whole envelopes: their parties, headers, and what is refused in which step."""

from __future__ import annotations

from base64 import b85decode
from collections.abc import Callable
from typing import Any, Final

from milagro import cbor
from milagro.conformance.operations import stream
from milagro.conformance.operations.cbor import to_json
from milagro.conformance.topics._book import Book, flipped
from milagro.conformance.topics._envelopes import RECORDED
from milagro.errors import (
    DecryptionFailed,
    InvalidSignature,
    MalformedEnvelope,
    MilagroError,
    NonCanonical,
    RetiredSuite,
)
from milagro.protocols.envelope import BLS, HYBRID, Body, PrivateKeys, Sealing, Terms, seal
from milagro.protocols.envelope.outer import Slot, read_preamble
from milagro.protocols.envelope.schedule import commitment
from milagro.protocols.envelope.sealing import make_head
from milagro.protocols.envelope.signatures import signed_octets
from milagro.protocols.envelope.suites import MLKEM768_X25519, MLKEM1024_P384

SPEC: Final = "spec/envelope.md#"
CONTEXT: Final = "milagro-vectors/1"
NOW: Final = 1_767_225_600
SECRET: Final = stream("milagro-vectors-1/envelope/content secret")(32)
OTHER_SECRET: Final = stream("milagro-vectors-1/envelope/another content secret")(32)
MESSAGE: Final = signed_octets(HYBRID, "vectors", b"a message")
SUITES_OF: Final = {
    "alice": (HYBRID, MLKEM768_X25519),
    "bob": (HYBRID, MLKEM768_X25519),
    "carol": (HYBRID, MLKEM768_X25519),
    "erin": (HYBRID, MLKEM1024_P384),
    "voter": (BLS, MLKEM768_X25519),
    "mallory": (BLS, MLKEM768_X25519),
    "nobody-1": (HYBRID, MLKEM768_X25519),
    "nobody-2": (HYBRID, MLKEM768_X25519),
}


def seed_of(who: str) -> str:
    """The seed of a party's keys."""
    return f"milagro-vectors-1/envelope/keys/{who}"


def party(who: str, backend: str) -> PrivateKeys:
    """A party of these vectors."""
    signatures, suite = SUITES_OF[who]
    return PrivateKeys.generate(stream(seed_of(who)), signatures, suite, backend)


def recorded(name: str) -> bytes:
    """What was made once with randomness that cannot be given."""
    return b85decode(RECORDED[name])


def record(backend: str) -> dict[str, bytes]:
    """What `tools/record_envelopes.py` writes down: new slots, a new hybrid signature, new envelopes."""
    alice, bob, carol, erin = (party(who, backend) for who in ("alice", "bob", "carol", "erin"))
    random = stream("milagro-vectors-1/envelope/recorded")
    terms = Terms(CONTEXT, NOW, content_type="text/plain", notes={-1: "a note"})
    slots = {
        f"slot-{who}": party(who, backend).public.encryption.seal_slot(SECRET)
        for who in ("bob", "carol", "erin", "nobody-1", "nobody-2")
    }
    return {
        **slots,
        "slot-carol-other-secret": carol.public.encryption.seal_slot(OTHER_SECRET),
        "signature": alice.signing.sign(MESSAGE),
        "envelope-keyed": seal(b"hello", alice.signing, [bob.public.encryption], terms, random),
        "envelope-signed": seal(
            b"hello both", alice.signing, [bob.public.encryption, carol.public.encryption], terms, random
        ),
        "envelope-strong": seal(b"hello erin", alice.signing, [erin.public.encryption], Terms(CONTEXT, NOW), random),
    }


class Cast:
    """The parties, and the inputs of operations with them."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.keys = {who: party(who, book.backend) for who in SUITES_OF}
        self.voter = self.keys["voter"]

    def id(self, who: str) -> bytes:
        """The id of a party's encryption key."""
        return self.keys[who].encryption.id

    def slot(self, who: str, name: str | None = None) -> list[str]:
        """A named slot that carries the content secret."""
        return [self.id(who).hex(), recorded(name or f"slot-{who}").hex()]

    def header(self, *to: str, **changes: Any) -> dict[Any, Any]:
        """The fields of a header from the voter, whose signatures are the same every time."""
        ids = tuple(sorted(self.id(who) for who in to or ("bob",)))
        body = 1 if len(ids) > 1 else 0
        return {0: self.voter.signing.public.id, 1: ids, 2: CONTEXT, 3: NOW, 4: body, **changes}

    def sealing(self, header: dict[Any, Any], *slots: list[str] | str, **changes: Any) -> dict[str, Any]:
        """The inputs of envelope.seal."""
        ordered = sorted(slots or [self.slot("bob")]) if not any(isinstance(slot, str) for slot in slots) else slots
        return {
            "suite": MLKEM768_X25519,
            "secret": SECRET.hex(),
            "slots": list(ordered),
            "header": cbor.encode(header).hex(),
            "body": 0 if header.get(4) in (0, None) else 1,
            "signatures": BLS,
            "key": self.voter.signing.to_bytes().hex(),
            "payload": b"a payload".hex(),
            "padded": True,
            **changes,
        }

    def seal(self, header: dict[Any, Any], *slots: list[str] | str, **changes: Any) -> str:
        """An envelope."""
        return str(self.book.run("envelope.seal", self.sealing(header, *slots, **changes))["envelope"])

    def opening(self, envelope: str, *who: str, sender: str = "voter", **changes: Any) -> dict[str, Any]:
        """The inputs of envelope.open."""
        return {
            "envelope": envelope,
            "keys": [self.keys[one].to_bytes().hex() for one in who or ("bob",)],
            "senders": [self.keys[sender].public.to_bytes().hex()],
            "context": CONTEXT,
            **changes,
        }

    def refuse(
        self, name: str, envelope: str, error: type[MilagroError], layer: str, *who: str, **changes: Any
    ) -> None:
        """A case of an envelope that must not open."""
        # A layer that is a step of the envelope is named after the step's section.
        spec = SPEC + layer.partition("#")[2] if "#" in layer else None
        self.book.bad(name, "envelope.open", self.opening(envelope, *who, **changes), error, layer=layer, spec=spec)


# -- header ---------------------------------------------------------------------------------------------------
def header(backend: str) -> Book:
    """Headers, and envelopes that open."""
    book = Book("envelope/header", SPEC + "header", backend)
    cast = Cast(book)
    fields = {"sender": "11" * 32, "recipients": ["22" * 32], "context": CONTEXT, "timestamp": NOW}
    changes: dict[str, dict[str, Any]] = {
        "least": {},
        "signed-body": {"body": 1},
        "two-recipients": {"recipients": ["22" * 32, "33" * 32], "body": 1},
        "first-position": {"position": ["orders", 0, "00" * 32]},
        "position": {"position": ["orders", 7, "44" * 32], "content_type": "application/cbor"},
        "notes": {"notes": [[-1, to_json({"a": (1, None)})], [-300, True]]},
    }
    for name, change in changes.items():
        octets = book.good(name, "envelope.header", {**fields, **change})["octets"]
        book.good(f"read-{name}", "envelope.read-header", {"octets": octets})
    for name, envelope, who in (
        ("keyed", "envelope-keyed", ("bob",)),
        ("signed", "envelope-signed", ("bob", "carol")),
        ("strong", "envelope-strong", ("erin",)),
    ):
        whole = recorded(envelope).hex()
        for one in who:
            book.good(f"open-{name}-{one}", "envelope.open", cast.opening(whole, one, sender="alice"))
        book.good(f"inspect-{name}", "envelope.inspect", {"envelope": whole}, spec=SPEC + "outer")
    _opened(book, cast)
    return book


def _opened(book: Book, cast: Cast) -> None:
    anonymous: list[list[str] | str] = [recorded(f"slot-{who}").hex() for who in _ANONYMOUS]
    for name, head, slots, readers in (
        ("bls", cast.header(), [cast.slot("bob")], ("bob",)),
        ("bls-two", cast.header("bob", "carol"), [cast.slot("bob"), cast.slot("carol")], ("bob", "carol")),
        ("anonymous", cast.header(*_ANONYMOUS), anonymous, ("bob", "carol")),
        ("position", {**cast.header(), 5: ("orders", 0, bytes(32))}, [cast.slot("bob")], ("bob",)),
        ("note", {**cast.header(), -7: "passed over"}, [cast.slot("bob")], ("bob",)),
        ("signed-for-one", {**cast.header(), 4: 1}, [cast.slot("bob")], ("bob",)),
    ):
        envelope = book.good(f"seal-{name}", "envelope.seal", cast.sealing(head, *slots))["envelope"]
        for one in readers:
            book.good(f"open-{name}-{one}", "envelope.open", cast.opening(envelope, one))
    old = cast.opening(cast.seal(cast.header()), "carol", "bob")
    book.good("open-with-an-older-key", "envelope.open", old)
    retired: dict[str, Any] = {"retired": MLKEM768_X25519, "allow_retired": True}
    book.good("open-retired", "envelope.open", cast.opening(cast.seal(cast.header()), **retired), spec=SPEC + "suites")


_ANONYMOUS = ("nobody-1", "carol", "bob", "nobody-2")


# -- refusals ----------------------------------------------------------------------------------------------------------
def refusals(backend: str) -> Book:
    """Whole envelopes that must not open, each with the step that must refuse it."""
    book = Book("envelope/refusals", SPEC + "refusals", backend)
    cast = Cast(book)
    _changed(cast)
    _wrong_reader(cast)
    _dishonest_sender(cast)
    _insider(cast)
    _headers(cast)
    _outer_maps(cast)
    return book


def _changed(cast: Cast) -> None:
    good = cast.seal(cast.header())
    first, second = read_preamble(bytes.fromhex(good[:32]))
    slot, sealed, end = 16 + first - 100, 16 + first, 16 + first + second
    for name, at, error, layer in (
        ("magic", 0, MalformedEnvelope, "envelope#outer"),
        ("version", 7, MalformedEnvelope, "envelope#outer"),
        ("length-of-the-outer-map", 11, MalformedEnvelope, "cbor"),
        ("length-of-the-header", 15, DecryptionFailed, "envelope#header"),
        ("slot", slot, DecryptionFailed, "envelope#header"),
        ("header", sealed, DecryptionFailed, "envelope#header"),
        ("tag-of-the-header", end - 1, DecryptionFailed, "envelope#header"),
        ("body", end, DecryptionFailed, "envelope#body"),
        ("tag-of-the-body", -1, DecryptionFailed, "envelope#body"),
    ):
        cast.refuse(f"bit-of-{name}", flipped(good, at), error, layer)
    for name, length, error, layer in (
        ("nothing", 0, MalformedEnvelope, "envelope#header"),
        ("first-octets", 15, MalformedEnvelope, "envelope#header"),
        ("outer-map", 16 + first - 1, MalformedEnvelope, "envelope#header"),
        ("header", end - 1, MalformedEnvelope, "envelope#header"),
        ("body", end, DecryptionFailed, "envelope#body"),
        ("tag", len(good) // 2 - 1, DecryptionFailed, "envelope#body"),
    ):
        cast.refuse(f"cut-within-{name}", good[: 2 * length], error, layer)
    cast.refuse("one-more-octet", good + "00", DecryptionFailed, "envelope#body")
    other = cast.seal({**cast.header(), 3: NOW + 1})
    cast.refuse("body-of-another-envelope", good[: 2 * end] + other[2 * end :], DecryptionFailed, "envelope#body")


def _wrong_reader(cast: Cast) -> None:
    good, to_all = cast.seal(cast.header()), [recorded(f"slot-{who}").hex() for who in _ANONYMOUS]
    cast.refuse("reader-not-named", good, DecryptionFailed, "envelope#header", "carol")
    anonymous = cast.seal(cast.header(*_ANONYMOUS), *to_all)
    cast.refuse("reader-of-an-anonymous-one", anonymous, DecryptionFailed, "envelope#header", "alice")
    cast.refuse("reader-of-another-suite", good, DecryptionFailed, "envelope#header", "erin")
    cast.refuse("sender-unknown", good, InvalidSignature, "envelope#header", sender="mallory")
    cast.refuse("another-context", good, InvalidSignature, "envelope#header", context="milagro-vectors/2")
    cast.refuse("suite-retired", good, RetiredSuite, "envelope#suites", retired=MLKEM768_X25519)


def _dishonest_sender(cast: Cast) -> None:
    two = [cast.slot("bob"), cast.slot("carol")]
    cast.refuse("slot-beyond-the-recipients", cast.seal(cast.header(), *two), InvalidSignature, "envelope#header")
    cast.refuse(
        "forwarded-beyond-the-recipients", cast.seal(cast.header(), *two), InvalidSignature, "envelope#header", "carol"
    )
    cast.refuse("recipient-without-a-slot", cast.seal(cast.header("bob", "carol")), InvalidSignature, "envelope#header")
    anonymous = [recorded(f"slot-{who}").hex() for who in _ANONYMOUS]
    hidden = cast.seal(cast.header("nobody-1", "alice", "bob", "nobody-2"), *anonymous)
    cast.refuse("forwarded-in-an-anonymous-one", hidden, InvalidSignature, "envelope#header", "carol")
    mixed = [cast.slot("bob"), cast.slot("carol", "slot-carol-other-secret")]
    salamander = cast.seal(cast.header("bob", "carol"), *mixed)
    cast.refuse("two-secrets", salamander, DecryptionFailed, "envelope#key-schedule", "carol")
    forged = cast.seal(cast.header(), key=cast.keys["mallory"].signing.to_bytes().hex())
    cast.refuse("signed-by-another", forged, InvalidSignature, "envelope#signatures")
    keyed = cast.seal({**cast.header("bob", "carol"), 4: 0}, *two)
    cast.refuse("keyed-body-for-two", keyed, MalformedEnvelope, "envelope#header")


def _insider(cast: Cast) -> None:
    """Bob, a recipient, puts another body behind the header that the voter signed for two."""
    slots = [Slot(cast.id(who), recorded(f"slot-{who}")) for who in ("bob", "carol")]
    slots.sort(key=lambda slot: slot.key_id or b"")
    octets = cbor.encode(cast.header("bob", "carol"))
    head = make_head(MLKEM768_X25519, SECRET, slots, octets, cast.voter.signing)
    mallory = Sealing.behind(head, cast.keys["mallory"].signing, Body.SIGNED)
    forged = b"".join([mallory.head, *mallory.update(b"another payload"), *mallory.finish()])
    cast.refuse("body-replaced-by-a-recipient", forged.hex(), InvalidSignature, "envelope#signatures", "carol")


def _headers(cast: Cast) -> None:
    good = cast.header()
    for name, change, layer in (
        ("critical-field-7", {7: 0}, "envelope#outer"),
        ("critical-text-field", {"x": 0}, "envelope#outer"),
        ("no-recipient", {1: ()}, "envelope#header"),
        ("recipient-short", {1: (b"short",)}, "envelope#header"),
        ("recipient-twice", {1: (cast.id("bob"),) * 2}, "envelope#header"),
        ("context-empty", {2: ""}, "envelope#header"),
        ("context-octets", {2: b"context"}, "cbor"),
        ("time-negative", {3: -1}, "cbor"),
        ("time-2-63", {3: 1 << 63}, "envelope#header"),
        ("body-2", {4: 2}, "cbor"),
        ("position-short", {5: ("orders", 0)}, "envelope#header"),
        ("position-not-linked", {5: ("orders", 1, bytes(32))}, "envelope#header"),
        ("content-type-empty", {6: ""}, "envelope#header"),
    ):
        cast.refuse(f"header-{name}", cast.seal({**good, **change}), MalformedEnvelope, layer)
    for key, name in enumerate(("sender", "recipients", "context", "time", "body")):
        rest = {field: value for field, value in good.items() if field != key}
        cast.refuse(f"header-without-{name}", cast.seal(rest), MalformedEnvelope, "cbor")


def _outer_maps(cast: Cast) -> None:
    slot, spec = recorded("slot-bob"), SPEC + "outer"
    named = (cast.id("bob"), slot)
    good: dict[Any, Any] = {0: MLKEM768_X25519, 1: commitment(MLKEM768_X25519, SECRET), 2: (named,)}
    for name, value in {
        "good": good,
        "negative-field": {**good, -1: "passed over"},
        "anonymous": {**good, 2: (slot,) * 4},
    }.items():
        book_case = {"octets": cbor.encode(value).hex()}
        cast.book.good(f"outer-{name}", "envelope.read-outer", book_case, spec=spec)
    for name, change, layer in (
        ("unknown-suite", {0: "SIKE-P751.1"}, "envelope#suites"),
        ("commitment-short", {1: bytes(31)}, "cbor"),
        ("no-slot", {2: ()}, "envelope#outer"),
        ("slot-twice", {2: (named, named)}, "envelope#outer"),
        ("slot-short", {2: ((cast.id("bob"), slot[:-1]),)}, "envelope#outer"),
        ("key-id-short", {2: ((b"short", slot),)}, "envelope#outer"),
        ("named-and-not", {2: (named, slot)}, "envelope#outer"),
        ("anonymous-one", {2: (slot,)}, "envelope#outer"),
        ("anonymous-six", {2: (slot,) * 6}, "envelope#outer"),
        ("critical-field", {3: 0}, "envelope#outer"),
    ):
        octets = cbor.encode({**good, **change}).hex()
        cast.book.bad(
            f"outer-{name}", "envelope.read-outer", {"octets": octets}, MalformedEnvelope, layer=layer, spec=spec
        )
    whole = cbor.encode(good)
    longer = b"\xb8\x03" + whole[1:]
    for name, wrong, error in (("cut", whole[:-1], MalformedEnvelope), ("map-long", longer, NonCanonical)):
        cast.book.bad(f"outer-{name}", "envelope.read-outer", {"octets": wrong.hex()}, error, layer="cbor", spec=spec)


TOPICS: tuple[Callable[[str], Book], ...] = (header, refusals)
