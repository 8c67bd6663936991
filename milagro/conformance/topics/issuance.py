"""Vectors of threshold issuing: tickets, requests, answers, key views and the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro import cbor
from milagro.cid import CID
from milagro.conformance.topics._book import Book
from milagro.errors import MalformedEnvelope, NonCanonical, WrongLength
from milagro.protocols.issuance import Purpose

SPEC = "spec/issuing.md#"
NODE, NETWORK, AUTHORITY = (str(CID.of(name)) for name in (b"a node", b"a network", b"an authority"))
NOW = 1_800_000_000


def _digests(book: Book, label: str) -> dict[str, str]:
    random = book.random(label)
    return {"subject": random(32).hex(), "key_id": random(32).hex(), "jti": random(16).hex()}


def _slot(purpose: Purpose) -> dict[str, int]:
    return {"slot": 500_000} if purpose is Purpose.PERMIT else {}


def _altered(payload: str, **changes: Any) -> str:
    """The payload with fields changed, by their numbers; None takes one away."""
    fields: Any = cbor.decode(bytes.fromhex(payload))
    numbered = {int(name[1:]): value for name, value in changes.items()}
    kept = {**fields, **numbered}
    return cbor.encode({key: value for key, value in kept.items() if value is not None}).hex()


def tickets(backend: str) -> Book:
    """Payloads of tickets, and such as are none."""
    book = Book("issuing/tickets", SPEC + "tickets", backend)
    made = {}
    for purpose in Purpose:
        times = {"issued": NOW, "expires": NOW + 120}
        inputs = {"network": NETWORK, "purpose": purpose.value, **_digests(book, purpose), **times, **_slot(purpose)}
        made[purpose] = book.good(purpose, "issuing.ticket", inputs)["payload"]
        book.good(f"{purpose}-read", "issuing.read-ticket", {"payload": made[purpose]})
    good, permit = made[Purpose.CLIENT_SHARE], made[Purpose.PERMIT]
    for name, payload in (
        ("empty", "a0"),
        ("another-version", _altered(good, _0=2)),
        ("another-purpose", _altered(good, _2="everything")),
        ("slot-without-permit", _altered(good, _8=1)),
        ("permit-without-slot", _altered(permit, _8=None)),
        ("unknown-field", _altered(good, _9=0)),
        ("no-field", _altered(good, _6=None)),
        ("short-subject", _altered(good, _3=bytes(31))),
        ("short-key", _altered(good, _4=bytes(31))),
        ("long-id", _altered(good, _5=bytes(17))),
        ("late-time", _altered(good, _7=1 << 40)),
        ("late-slot", _altered(permit, _8=1 << 40)),
        ("subject-a-text", _altered(good, _3="x" * 32)),
    ):
        layer = "cbor" if name in ("empty", "no-field", "subject-a-text", "unknown-field", "another-version") else ""
        book.bad(name, "issuing.read-ticket", {"payload": payload}, MalformedEnvelope, layer=layer or "protocols")
    network = _altered(good, _1=bytes(35))
    book.bad("short-network", "issuing.read-ticket", {"payload": network}, WrongLength, layer="cid")
    book.bad("behind", "issuing.read-ticket", {"payload": good + "00"}, MalformedEnvelope, layer="cbor")
    long_form = good.replace("0001", "001801", 1)
    book.bad("not-shortest", "issuing.read-ticket", {"payload": long_form}, NonCanonical, layer="cbor")
    return book


def requests(backend: str) -> Book:
    """Statements that holders sign, payloads of answers, and key views."""
    book = Book("issuing/requests", SPEC + "requests", backend)
    parties = {"network": NETWORK, "node": NODE}
    random = book.random("request")
    full = {"ticket": random(100).hex(), "reply": random(1216).hex(), "identity": random(200).hex()}
    for name, given in (("holder", full), ("server", {**full, "reply": "", "identity": ""})):
        book.good(name, "issuing.request", {**parties, **given})
    answers = {"spec": SPEC + "answers"}
    for purpose in Purpose:
        inputs = {"purpose": purpose.value, "key_id": random(32).hex(), "epoch": 7, "share": random(90).hex()}
        made = book.good(f"answer-{purpose}", "issuing.answer", inputs, **answers)["payload"]
        book.good(f"answer-{purpose}-read", "issuing.read-answer", {"payload": made}, **answers)
    for name, payload, layer in (
        ("another-version", _altered(made, _0=2), "cbor"),
        ("another-purpose", _altered(made, _1="everything"), "protocols"),
        ("short-key", _altered(made, _2=bytes(31)), "cbor"),
        ("late-epoch", _altered(made, _3=1 << 32), "cbor"),
        ("no-share", _altered(made, _4=b""), "cbor"),
        ("long-share", _altered(made, _4=bytes(8193)), "cbor"),
        ("unknown-field", _altered(made, _5=0), "cbor"),
    ):
        inputs = {"payload": payload}
        book.bad(f"answer-{name}", "issuing.read-answer", inputs, MalformedEnvelope, layer=layer, **answers)
    view = {**parties, "keys": random(64).hex(), "at": NOW}
    book.good("key-view", "issuing.key-view", view, spec=SPEC + "key-views")
    return book


def log(backend: str) -> Book:
    """Entries of audit logs, each behind the one before, and heads."""
    book = Book("issuing/log", SPEC + "audit-log", backend)
    heads = {"spec": SPEC + "heads"}
    start = {"node": NODE, "network": NETWORK, "number": 0, "digest": bytes(32).hex(), "time": NOW}
    previous = book.run("issuing.head", start)["origin"]
    for number, purpose in enumerate(Purpose, 1):
        issue = {"authority": AUTHORITY, "purpose": purpose.value, **_digests(book, f"log/{purpose}"), **_slot(purpose)}
        issue |= {"epoch": 2, "request": book.random(f"request/{purpose}")(32).hex()}
        made = book.good(
            f"entry-{number}", "issuing.entry", {"number": number, "previous": previous, "time": NOW + number, **issue}
        )
        book.good(f"entry-{number}-read", "issuing.read-entry", {"entry": made["entry"]})
        previous = made["digest"]
    lost = {"number": 9, "previous": previous, "time": NOW + 9, "lost_from": 6}
    restored = book.good("restored", "issuing.entry", lost)
    book.good("restored-read", "issuing.read-entry", {"entry": restored["entry"]})
    end = {"node": NODE, "network": NETWORK, "number": 9, "digest": restored["digest"], "time": NOW + 10}
    head = book.good("head", "issuing.head", end, **heads)["head"]
    book.good("head-read", "issuing.read-head", {"head": head}, **heads)
    _refused_entries(book, made["entry"], restored["entry"])
    for name, octets in (("another-version", _altered(head, _0=2)), ("short-digest", _altered(head, _4=bytes(31)))):
        book.bad(f"head-{name}", "issuing.read-head", {"head": octets}, MalformedEnvelope, layer="cbor", **heads)
    return book


def _refused_entries(book: Book, good: str, restored: str) -> None:
    for name, octets, layer in (
        ("another-kind", _altered(good, _0=2), "cbor"),
        ("number-0", _altered(good, _1=0), "cbor"),
        ("short-previous", _altered(good, _2=bytes(31)), "cbor"),
        ("another-purpose", _altered(good, _5="everything"), "protocols"),
        ("short-subject", _altered(good, _6=bytes(31)), "cbor"),
        ("long-id", _altered(good, _10=bytes(17)), "cbor"),
        ("issue-with-loss", _altered(good, _12=1), "cbor"),
        ("loss-from-0", _altered(restored, _12=0), "cbor"),
        ("loss-from-later", _altered(restored, _12=10), "cbor"),
        ("loss-with-purpose", _altered(restored, _5="permit"), "cbor"),
    ):
        book.bad(name, "issuing.read-entry", {"entry": octets}, MalformedEnvelope, layer=layer)


TOPICS: tuple[Callable[[str], Book], ...] = (tickets, requests, log)
