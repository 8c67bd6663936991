"""Vectors of the single steps of an envelope: keys, schedule, padding, armor, order, body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro import cbor
from milagro.conformance.topics._book import Book, flipped
from milagro.conformance.topics.envelope import MESSAGE, NOW, SPEC, SUITES_OF, Cast, recorded, seed_of
from milagro.errors import (
    BrokenChain,
    DecryptionFailed,
    Expired,
    IdentityElement,
    InvalidSignature,
    MalformedEnvelope,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    OutOfOrder,
    ParameterError,
    Replay,
    WrongLength,
    WrongRound,
)
from milagro.protocols.envelope import BLS, HYBRID
from milagro.protocols.envelope.signatures import signed_octets
from milagro.protocols.envelope.suites import MLKEM768_X25519, MLKEM1024_P384


# -- keys --------------------------------------------------------------------------------------------------------------
def keys(backend: str) -> Book:
    """Keys, key files, slots and signatures."""
    book = Book("envelope/keys", SPEC + "key-files", backend)
    cast = Cast(book)
    for who in ("alice", "erin", "voter"):
        signatures, suite = SUITES_OF[who]
        inputs = {"random": seed_of(who), "signatures": signatures, "suite": suite}
        made = book.good(f"generate-{who}", "envelope.generate-keys", inputs)
        book.good(f"public-{who}", "envelope.read-public-keys", {"octets": made["public"]})
        book.good(f"private-{who}", "envelope.read-private-keys", {"octets": made["private"]})
    _bad_key_files(book, cast)
    _encryption_keys(book, cast)
    _signatures(book, cast)
    return book


def _bad_key_files(book: Book, cast: Cast) -> None:
    good = cast.voter.public.to_bytes()
    fields = cbor.decode(good)
    if not isinstance(fields, dict):
        raise TypeError("a key file is a map")
    for name, octets, error, layer in (
        ("cut", good[:-1], MalformedEnvelope, "cbor"),
        ("one-more-octet", good + b"\0", MalformedEnvelope, "cbor"),
        ("version-2", cbor.encode({**fields, 0: 2}), MalformedEnvelope, "envelope#key-files"),
        ("unknown-signatures", cbor.encode({**fields, 1: "RSA.1"}), MalformedEnvelope, "envelope#signatures"),
        ("unknown-suite", cbor.encode({**fields, 3: "SIKE-P751.1"}), MalformedEnvelope, "envelope#suites"),
        ("unknown-field", cbor.encode({**fields, 5: 0}), MalformedEnvelope, "cbor"),
        ("signing-key-short", cbor.encode({**fields, 2: fields[2][:-1]}), WrongLength, "envelope#signatures"),
        ("signing-key-identity", cbor.encode({**fields, 2: b"\xc0" + bytes(47)}), IdentityElement, "groups"),
    ):
        book.bad(f"public-{name}", "envelope.read-public-keys", {"octets": octets.hex()}, error, layer=layer)


def _encryption_keys(book: Book, cast: Cast) -> None:
    spec = SPEC + "suites"
    for who in ("bob", "erin"):
        key = cast.keys[who].encryption
        read = {"suite": key.suite, "key": key.public.octets.hex()}
        book.good(f"encryption-key-{who}", "envelope.read-encryption-key", read, spec=spec)
        slot = recorded(f"slot-{who}").hex()
        opening = {"suite": key.suite, "key": key.to_bytes().hex(), "slot": slot}
        book.good(f"slot-{who}", "envelope.open-slot", opening, spec=spec)
        for name, wrong in {
            "first-bit": flipped(slot, 0),
            "last-bit": flipped(slot),
            "cut": slot[:-2],
            "of-another": recorded("slot-carol").hex(),
        }.items():
            inputs = {**opening, "slot": wrong}
            book.bad(
                f"slot-{who}-{name}",
                "envelope.open-slot",
                inputs,
                DecryptionFailed,
                layer="envelope#suites",
                spec=spec,
            )
    good = cast.keys["bob"].public.encryption.octets
    for name, octets, error in (
        ("short", good[:-1], WrongLength),
        ("coefficient-3329", b"\x01\x0d\x00" + good[3:], NonCanonical),
        ("point-0", good[:1184] + bytes(32), NotInSubgroup),
        ("point-1", good[:1184] + b"\1" + bytes(31), NotInSubgroup),
        ("point-not-reduced", good[:1184] + b"\xff" * 32, NonCanonical),
    ):
        inputs = {"suite": MLKEM768_X25519, "key": octets.hex()}
        book.bad(
            f"encryption-key-{name}",
            "envelope.read-encryption-key",
            inputs,
            error,
            layer="envelope#suites",
            spec=spec,
        )
    strong = cast.keys["erin"].public.encryption.octets
    inputs = {"suite": MLKEM1024_P384, "key": (strong[:1568] + b"\5" + strong[1569:]).hex()}
    book.bad(
        "encryption-key-off-p384",
        "envelope.read-encryption-key",
        inputs,
        NotOnCurve,
        layer="envelope#suites",
        spec=spec,
    )


def _signatures(book: Book, cast: Cast) -> None:
    spec, signature = SPEC + "signatures", recorded("signature")
    good = {
        "signatures": HYBRID,
        "key": cast.keys["alice"].signing.public.octets.hex(),
        "message": MESSAGE.hex(),
        "signature": signature.hex(),
    }
    book.good("hybrid", "envelope.verify", good, spec=spec)
    for name, change in {
        "classical-half-changed": {"signature": flipped(signature.hex(), 10)},
        "lattice-half-changed": {"signature": flipped(signature.hex(), 1000)},
        "classical-half-alone": {"signature": signature[:64].hex()},
        "lattice-half-alone": {"signature": signature[64:].hex()},
        "another-message": {"message": "00"},
        "another-key": {"key": cast.keys["bob"].signing.public.octets.hex()},
    }.items():
        book.bad(
            f"hybrid-{name}",
            "envelope.verify",
            {**good, **change},
            InvalidSignature,
            layer="envelope#signatures",
            spec=spec,
        )
    parts, messages, public = [], [], []
    for who in ("voter", "mallory"):
        key = cast.keys[who].signing
        message = signed_octets(BLS, "vectors", who.encode()).hex()
        inputs = {"signatures": BLS, "key": key.to_bytes().hex(), "message": message}
        parts.append(book.good(f"bls-{who}", "envelope.sign", inputs, spec=spec)["signature"])
        messages.append(message)
        public.append(key.public.octets.hex())
    one = {"signatures": BLS, "key": public[0], "message": messages[0]}
    book.good("bls-verify", "envelope.verify", {**one, "signature": parts[0]}, spec=spec)
    for name, wrong in {"of-another": parts[1], "cut": parts[0][:-2], "identity": "c0" + "00" * 95}.items():
        inputs = {**one, "signature": wrong}
        book.bad(f"bls-{name}", "envelope.verify", inputs, InvalidSignature, layer="envelope#signatures", spec=spec)
    total = {"signatures": BLS, "parts": parts, "messages": messages, "keys": public}
    book.good("bls-aggregate", "envelope.aggregate", total, spec=spec)
    book.bad(
        "bls-aggregate-without-one",
        "envelope.aggregate",
        {**total, "parts": parts[:1]},
        InvalidSignature,
        layer="protocols",
        spec=spec,
    )


# -- schedule, padding, armor, order -----------------------------------------------------------------------------------
def schedule(backend: str) -> Book:
    """Commitments and keys."""
    book = Book("envelope/schedule", SPEC + "key-schedule", backend)
    random = book.random("secrets")
    for i, suite in enumerate((MLKEM768_X25519, MLKEM1024_P384) * 2):
        inputs = {
            "suite": suite,
            "secret": random(32).hex(),
            "outer": random(40 * i).hex(),
            "header_plaintext": random(30 * i).hex(),
        }
        book.good(f"keys-{i}", "envelope.schedule", inputs)
    for octets in (0, 31, 33):
        inputs = {"suite": MLKEM768_X25519, "secret": "00" * octets, "outer": "", "header_plaintext": ""}
        book.bad(f"secret-of-{octets}", "envelope.schedule", inputs, ParameterError, layer="envelope#key-schedule")
    return book


def padding(backend: str) -> Book:
    """Padded lengths."""
    book = Book("envelope/padding", SPEC + "padding", backend)
    book.good("small", "envelope.padme", {"lengths": list(range(140))})
    powers = [1 << i for i in range(2, 50)]
    book.good("powers", "envelope.padme", {"lengths": [power + d for power in powers for d in (-1, 0, 1)]})
    book.bad("negative", "envelope.padme", {"lengths": [-1]}, ParameterError)
    return book


def armor(backend: str) -> Book:
    """Texts of octet strings, and texts that are none."""
    book = Book("envelope/armor", SPEC + "armor", backend)
    random, kinds = book.random("octets"), ("MILAGRO ENVELOPE", "MILAGRO ENVELOPE PUBLIC KEYS")
    for length in (0, 1, 2, 3, 47, 48, 49, 96, 200):
        inputs = {"octets": random(length).hex(), "kind": kinds[length % 2]}
        text = book.good(f"armor-{length}", "envelope.armor", inputs)["text"]
        book.good(f"dearmor-{length}", "envelope.dearmor", {"text": text, "kind": inputs["kind"]})
        crlf = text.replace("\n", "\r\n")
        book.good(f"dearmor-{length}-crlf", "envelope.dearmor", {"text": crlf, "kind": inputs["kind"]})
    good = book.run("envelope.armor", {"octets": random(100).hex(), "kind": kinds[0]})["text"]
    for name, text in {
        "empty": "",
        "text-before": "hello\n" + good,
        "text-after": good + "hello\n",
        "empty-line": good.replace("\n", "\n\n", 1),
        "no-end": good[:-30],
        "another-kind": good.replace("ENVELOPE", "ENVELOPE PUBLIC KEYS"),
        "line-too-short": good[:60] + "\n" + good[60:],
        "no-padding": good.replace("=", ""),
        "strange-character": good[:60] + "!" + good[61:],
    }.items():
        inputs = {"text": text, "kind": kinds[0]}
        book.bad(name, "envelope.dearmor", inputs, MalformedEnvelope, layer="envelope#armor")
    one = book.run("envelope.armor", {"octets": "61", "kind": kinds[0]})["text"].replace("YQ==", "YR==")
    book.bad("idle-bits", "envelope.dearmor", {"text": one, "kind": kinds[0]}, NonCanonical, layer="envelope#armor")
    return book


def order(backend: str) -> Book:
    """Positions of a sender; what a receiver accepts and refuses."""
    book = Book("envelope/order", SPEC + "order", backend)
    random, sender = book.random("identifiers"), "ab" * 32
    ids = [random(32).hex() for _ in range(4)]
    channel = {"channel": "orders", "identifiers": ids}
    positions = book.good("positions", "envelope.next-position", channel)["positions"]
    state = cbor.encode({0: "orders", 1: 0, 2: bytes(32), 3: bytes.fromhex(sender)}).hex()
    common = {"sender": sender, "timestamp": NOW, "now": NOW + 5}
    states = [state]
    for i in range(3):
        inputs = {**common, "state": states[i], "identifier": ids[i], "position": positions[i]}
        states.append(book.good(f"accept-{i}", "envelope.accept", inputs)["state"])
    good = {**common, "state": states[2], "identifier": ids[2], "position": positions[2]}
    for name, change, error in (
        ("replay", {"position": positions[1]}, Replay),
        ("replay-of-the-first", {"position": positions[0]}, Replay),
        ("loss", {"position": positions[3]}, OutOfOrder),
        ("another-history", {"position": ["orders", 2, ids[0]]}, BrokenChain),
        ("another-channel", {"position": ["other", 2, ids[1]]}, WrongRound),
        ("another-sender", {"sender": "cd" * 32}, WrongRound),
        ("too-old", {"max_age": 4}, Expired),
        ("too-far-ahead", {"now": NOW - 301}, Expired),
        ("ahead-of-a-strict-clock", {"now": NOW - 1, "max_ahead": 0}, Expired),
    ):
        book.bad(name, "envelope.accept", {**good, **change}, error, layer="envelope#order")
    book.bad("state-cut", "envelope.accept", {**good, "state": states[2][:-2]}, MalformedEnvelope, layer="cbor")
    none = cbor.encode({0: "orders", 1: 0, 2: b"\1" * 32, 3: bytes.fromhex(sender)}).hex()
    book.bad("state-none", "envelope.accept", {**good, "state": none}, MalformedEnvelope, layer="envelope#order")
    return book


# -- body ---------------------------------------------------------------------------------------------------------
def body(backend: str) -> Book:
    """Chunks of payloads of all sizes around the borders, and chunks in which something is wrong."""
    book = Book("envelope/body", SPEC + "body", backend)
    key = book.random("key")(32).hex()
    piece = 65536
    for length, zeros in ((0, 0), (1, 0), (1000, 0), (piece - 1, 0), (piece, 0), (piece + 1, 0), (3 * piece + 5, 0)):
        _bodies(book, f"{length}", key, length, zeros)
    _bodies(book, "zeros", key, 0, piece + 100)
    _bodies(book, "ends-in-zeros", key, 1000, piece)
    good = _body_inputs(book, key, 3 * piece + 100, 0, padded=False)
    for name, change, error in (
        ("moved", {"order": [1, 0, 2, 3]}, DecryptionFailed),
        ("repeated", {"order": [0, 0, 1, 2, 3]}, DecryptionFailed),
        ("left-out", {"order": [0, 2, 3]}, DecryptionFailed),
        ("no-last", {"order": [0, 1, 2]}, DecryptionFailed),
        ("nothing", {"order": []}, DecryptionFailed),
        ("after-the-last", {"order": [0, 1, 2, 3, 3]}, DecryptionFailed),
        ("cut-by-1", {"cut": 1}, DecryptionFailed),
        ("cut-by-a-tag", {"cut": 16}, DecryptionFailed),
        ("first-bit", {"flip": 0}, DecryptionFailed),
        ("last-bit-of-the-first-tag", {"flip": 8 * 65552 - 1}, DecryptionFailed),
        ("last-bit", {"flip": 8 * (3 * 65552 + 100 + 8 + 16) - 1}, DecryptionFailed),
        ("length-too-small", {"trailer": (3 * piece + 99).to_bytes(8, "big").hex()}, MalformedEnvelope),
        ("length-too-large", {"trailer": (3 * piece + 101).to_bytes(8, "big").hex()}, MalformedEnvelope),
        ("length-2-64", {"trailer": "ff" * 8}, MalformedEnvelope),
    ):
        inputs = {"order": [0, 1, 2, 3], **good, **change}
        book.bad(name, "envelope.open-body", inputs, error, layer="envelope#body")
    wrong = {**_body_inputs(book, key, 1024, 0, padded=False), "order": [0], "trailer": (1001).to_bytes(8, "big").hex()}
    book.bad("padding-not-zero", "envelope.open-body", wrong, MalformedEnvelope, layer="envelope#body")
    return book


def _body_inputs(book: Book, key: str, length: int, zeros: int, *, padded: bool) -> dict[str, Any]:
    return {
        "body_key": key,
        "payload_seed": book.seed_of("payload"),
        "length": length,
        "zeros": zeros,
        "padded": padded,
        "trailer": (length + zeros).to_bytes(8, "big").hex(),
    }


def _bodies(book: Book, name: str, key: str, length: int, zeros: int) -> None:
    for padded in (True, False):
        inputs = _body_inputs(book, key, length, zeros, padded=padded)
        ending = "padded" if padded else "bare"
        made = book.good(f"seal-{name}-{ending}", "envelope.seal-body", inputs)
        whole = {**inputs, "order": list(range(len(made["lengths"])))}
        book.good(f"open-{name}-{ending}", "envelope.open-body", whole)
    signed = {**inputs, "trailer": inputs["trailer"] + "5a" * 96, "signature_octets": 96}
    book.good(f"open-{name}-signed", "envelope.open-body", {**signed, "order": whole["order"]})


TOPICS: tuple[Callable[[str], Book], ...] = (keys, schedule, padding, armor, order, body)
