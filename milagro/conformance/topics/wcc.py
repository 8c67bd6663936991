"""Vectors of the Chow-Choo key agreement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro.conformance.topics._book import Book, flipped
from milagro.conformance.topics.mpin_v1 import RUNS
from milagro.errors import InvalidFlags, NotOnCurve, ParameterError, WrongLength, WrongRound

SPEC = "spec/wcc.md#"
SENDER, RECEIVER = b"alice@example.org", b"bob@example.org"


def _parties(book: Book, curve: str, hash_name: str) -> dict[str, Any]:
    """The inputs of a run."""
    name = f"{curve}-{hash_name}"
    s = book.scalar(f"{name}/s", curve, wide=True)
    keys = {
        who: book.run("wcc.keys", {"s": s, "identity": who.hex(), "hash": hash_name}, curve)
        for who in (SENDER, RECEIVER)
    }
    return {
        "hash": hash_name,
        "sender": SENDER.hex(),
        "receiver": RECEIVER.hex(),
        "sender_key": keys[SENDER]["sender"],
        "receiver_key": keys[RECEIVER]["receiver"],
        **{k: book.scalar(f"{name}/{k}", curve, wide=True) for k in "xyw"},
    }


def wcc(backend: str) -> Book:
    """Keys, runs, and messages that are refused."""
    book = Book("wcc/wcc", SPEC + "exchange", backend, "BN254CX")
    for i, (curve, hash_name) in enumerate(RUNS):
        name, run = f"{curve}-{hash_name}", _parties(book, curve, hash_name)
        for who in (SENDER, RECEIVER):
            s = book.scalar(f"{name}/s", curve, wide=True)
            book.good(
                f"{name}-keys-{who[:3].decode()}",
                "wcc.keys",
                {"s": s, "identity": who.hex(), "hash": hash_name},
                spec=SPEC + "keys",
                curve=curve,
            )
        book.good(name, "wcc.run", run, spec=SPEC + ("session-key" if i % 2 else "exchange"), curve=curve)
        # Keys of different masters give different session keys, and nobody is told.
        strange = book.run(
            "wcc.keys",
            {"s": book.scalar(f"{name}/t", curve, wide=True), "identity": RECEIVER.hex(), "hash": hash_name},
            curve,
        )["receiver"]
        book.good(f"{name}-other-master", "wcc.run", {**run, "receiver_key": strange}, curve=curve)
    _refused(book)
    return book


def _refused(book: Book) -> None:
    run = _parties(book, "BN254CX", "sha256")
    made = book.run("wcc.run", run)
    answer = {k: v for k, v in run.items() if k not in ("sender_key", "x")}
    for name, octets, error, layer in (
        ("empty", "", WrongLength, "groups"),
        ("short", made["Pa"][:-2], WrongLength, "groups"),
        ("first-octet", "05" + made["Pa"][2:], InvalidFlags, "groups"),
        ("off-the-curve", flipped(made["Pa"]), NotOnCurve, "backend"),
    ):
        book.bad(f"first-message-{name}", "wcc.respond", {**answer, "Pa": octets}, error, layer=layer)
    zero = bytes(book.E().field_bytes).hex()
    book.bad("y-is-zero", "wcc.respond", {**answer, "Pa": made["Pa"], "y": zero}, ParameterError)
    sender = {k: v for k, v in run.items() if k not in ("receiver_key", "y", "w")}
    book.bad("second-answer", "wcc.finish-twice", {**sender, "Pb": made["Pb"], "Pg": made["Pg"]}, WrongRound)


TOPICS: tuple[Callable[[str], Book], ...] = (wcc,)
