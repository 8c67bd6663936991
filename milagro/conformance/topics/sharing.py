"""Vectors of sharing: shares and proofs, good ones and each way in which one can be spoilt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from milagro.conformance.topics._book import Book, flipped
from milagro.errors import MalformedEnvelope, NonCanonical, WrongLength
from milagro.octets import frame, i2osp, unframe
from milagro.protocols.sharing import refusals

SPEC = "spec/sharing.md#"
DEFAULT = "BLS12-381"
CURVES = (DEFAULT, "BN254", "BN462")
CONTEXT = b"a run".hex()


def remade(octets: str, field: int, value: bytes) -> str:
    """A share with one field changed and a checksum that fits."""
    fields = unframe(bytes.fromhex(octets)[9:-16])
    fields[field] = value
    body = frame(*fields)
    start = b"\x01" + i2osp(25 + len(body), 8) + body
    return (start + hashlib.sha256(start).digest()[:16]).hex()


def shares(backend: str) -> Book:
    """Shares of scalars: splitting, combining, and every refusal."""
    book = Book("sharing/shares", SPEC + "shamir", backend, DEFAULT)
    for curve in CURVES:
        for threshold, count, epoch in ((1, 1, 0), (2, 3, 0), (3, 5, 7), (5, 9, 2**32 - 1)):
            name = f"{curve}-{threshold}-of-{count}"
            inputs: dict[str, Any] = {"secret": book.scalar(name, curve), "threshold": threshold, "count": count}
            inputs |= {"epoch": epoch, "random": book.seed_of(name)}
            section = SPEC + ("suite" if count == 1 else "share" if count == 3 else "shamir")
            made = book.good(name, "sharing.split", inputs, spec=section, curve=curve)["shares"]
            for some, which in ((made[-threshold:], "last"), (made[:threshold], "first"), (made, "all")):
                book.good(f"{name}-{which}", "sharing.combine", {"shares": some}, curve=curve)
    _bad_shares(book)
    return book


def _bad_shares(book: Book) -> None:
    def split(name: str, **more: Any) -> list[str]:
        inputs = {"secret": book.scalar(name), "threshold": 3, "count": 5, "random": book.seed_of(name), **more}
        made: list[str] = book.run("sharing.split", inputs)["shares"]
        return made

    ours, others = split("ours"), split("others")
    last, spec = ours[2], SPEC + "refusals"
    order = book.E().order.to_bytes(book.E().scalar_bytes, "big")
    for name, some, error, layer in (
        ("version", [*ours[:2], "02" + last[2:]], refusals.UnknownVersion, "protocols"),
        ("truncated", [*ours[:2], last[:-2]], refusals.TruncatedShare, "protocols"),
        ("empty", [*ours[:2], ""], refusals.TruncatedShare, "protocols"),
        ("followed", [*ours[:2], last + "00"], WrongLength, "protocols"),
        ("checksum", [*ours[:2], flipped(last)], refusals.CorruptShare, "protocols"),
        ("value", [*ours[:2], flipped(last, -20)], refusals.CorruptShare, "protocols"),
        ("label", [*ours[:2], remade(last, 0, b"SHARE_")], MalformedEnvelope, "protocols"),
        ("index-0", [*ours[:2], remade(last, 4, bytes(2))], refusals.ZeroIndex, "protocols"),
        ("threshold-0", [*ours[:2], remade(last, 3, bytes(2))], NonCanonical, "protocols"),
        ("order", [*ours[:2], remade(last, 5, order)], NonCanonical, "backend"),
        ("mixed-sets", [*ours[:2], others[2]], refusals.MixedShares, "protocols"),
        ("mixed-epochs", [*ours[:2], split("ours", epoch=1)[2]], refusals.MixedShares, "protocols"),
        ("mixed-thresholds", [*ours[:2], remade(last, 3, i2osp(4, 2))], refusals.MixedShares, "protocols"),
        ("duplicate", [*ours[:3], last], refusals.DuplicateShare, "protocols"),
        ("too-few", ours[:2], refusals.TooFewShares, "protocols"),
    ):
        book.bad(name, "sharing.combine", {"shares": some}, error, layer=layer, spec=spec)


def proofs(backend: str) -> Book:
    """Proofs of possession and of equal logarithms, one and many."""
    book = Book("sharing/proofs", SPEC + "dleq", backend, DEFAULT)
    for curve in CURVES:
        secret = book.scalar(f"{curve}/secret", curve)
        inputs = {"secret": secret, "context": CONTEXT, "random": book.seed_of(f"{curve}/nonce")}
        possession = {"spec": SPEC + "possession", "curve": curve}
        made = book.good(f"{curve}-possession", "sharing.prove-possession", inputs, **possession)
        given = {"X": made["X"], "proof": made["proof"], "context": CONTEXT}
        book.good(f"{curve}-possession-holds", "sharing.verify-possession", given, **possession)
        for name, change in (("context", {"context": "00"}), ("proof", {"proof": flipped(made["proof"])})):
            wrong = {**given, **change}
            book.bad(
                f"{curve}-possession-other-{name}",
                "sharing.verify-possession",
                wrong,
                refusals.InvalidProof,
                **possession,
            )
        _equalities(book, curve)
    return book


def _equalities(book: Book, curve: str) -> None:
    E = book.E(curve)
    columns: dict[str, list[str]] = {name: [] for name in ("X", "A", "Y", "contexts", "proofs")}
    for i in range(4):
        A = (E.scalar(i + 2) * E.g1).to_bytes().hex()
        seed = f"{curve}/{i}"
        inputs = {"secret": book.scalar(seed, curve), "A": A, "context": CONTEXT, "random": book.seed_of(seed)}
        made = book.good(f"{curve}-equal-{i}", "sharing.prove-equal", inputs, curve=curve)
        for name, value in (("X", made["X"]), ("A", A), ("Y", made["Y"]), ("contexts", CONTEXT)):
            columns[name].append(value)
        columns["proofs"].append(made["proof"])
    weights = {"random": book.seed_of(f"{curve}/weights")}
    changed = [*columns["proofs"][:3], flipped(columns["proofs"][3])]
    swapped = [columns["Y"][1], columns["Y"][0], *columns["Y"][2:]]
    cases: dict[str, dict[str, list[str]]] = {"all": {}, "last": {"proofs": changed}, "swapped": {"Y": swapped}}
    for name, change in cases.items():
        given = {**columns, **change, **weights}
        book.good(f"{curve}-batch-{name}", "sharing.verify-equal", given, spec=SPEC + "dleq-batch", curve=curve)


TOPICS: tuple[Callable[[str], Book], ...] = (shares, proofs)
