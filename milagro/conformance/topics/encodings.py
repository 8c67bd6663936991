"""Vectors of every encoding of every curve: what is read, and what is refused by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from milagro import params
from milagro.conformance.topics._book import Book
from milagro.conformance.topics.curves import SPEC, stray_point
from milagro.errors import (
    IdentityElement,
    InvalidFlags,
    MilagroError,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    ParameterError,
    WrongLength,
)
from milagro.groups import Curve, Encoding
from milagro.octets import i2osp

_SECTION = {
    Encoding.MILAGRO: "encoding-milagro",
    Encoding.MILAGRO_COMPRESSED: "encoding-milagro",
    Encoding.ZCASH: "encoding-zcash",
    Encoding.ZCASH_UNCOMPRESSED: "encoding-zcash",
    Encoding.EIP197: "encoding-eip197",
    Encoding.TAGGED: "encoding-tagged",
}
_NO_IDENTITY = (Encoding.MILAGRO, Encoding.MILAGRO_COMPRESSED)
_FLAGGED = (Encoding.ZCASH, Encoding.ZCASH_UNCOMPRESSED)


def encodings(backend: str) -> Book:
    """Points, scalars and elements of GT that are written and read."""
    book = Book("curves/encodings", SPEC + "encoding-tagged", backend)
    for curve in params.NAMES:
        E = book.E(curve)
        for encoding in E.encodings:
            for group in ("G1", "G2"):
                _good_points(book, curve, encoding, group)
        _good_scalars(book, E)
        _good_gt(book, E)
    return book


def _good_points(book: Book, curve: str, encoding: Encoding, group: str) -> None:
    spec = SPEC + _SECTION[encoding]
    for k in (1, 2, 3, 5) if encoding in _NO_IDENTITY else (0, 1, 2, 3, 5):
        name = f"{curve}-{encoding}-{group}-{k}"
        inputs = {"group": group, "encoding": encoding.value, "k": k}
        octets = book.good(f"{name}-written", "encode", inputs, spec=spec, curve=curve)["octets"]
        read = {"group": group, "encoding": encoding.value, "octets": octets, "allow_identity": True}
        book.good(f"{name}-read", "decode", read, spec=spec, curve=curve)
    if encoding is Encoding.MILAGRO and group == "G1":
        E = book.E(curve)
        octets = (E.g1 * E.scalar(7)).to_bytes(Encoding.MILAGRO_COMPRESSED).hex()
        book.good(
            f"{curve}-{encoding}-{group}-compressed-read",
            "decode",
            {"group": group, "encoding": encoding.value, "octets": octets},
            spec=spec,
            curve=curve,
        )


def _good_scalars(book: Book, E: Curve) -> None:
    for name, k in (("zero", 0), ("one", 1), ("most", E.order - 1)):
        for size in sorted({E.scalar_bytes, E.field_bytes}):
            book.good(
                f"{E.name}-scalar-{name}-{size}",
                "decode-scalar",
                {"octets": i2osp(k, size).hex()},
                spec=SPEC + "encoding-scalar",
                curve=E.name,
            )


def _good_gt(book: Book, E: Curve) -> None:
    e = E.pairing(E.g1, E.g2)
    for name, value in (("generator", e), ("power", e ** E.scalar(5)), ("one", E.gt_one)):
        book.good(
            f"{E.name}-gt-{name}",
            "decode-gt",
            {"octets": value.to_bytes().hex(), "allow_identity": True},
            spec=SPEC + "encoding-gt",
            curve=E.name,
        )


Bad = tuple[str, bytes, type[MilagroError], str]


def refusals(backend: str) -> Book:
    """Everything malformed that the readers must refuse."""
    book = Book("curves/refusals", SPEC + "refusals", backend)
    for curve in params.NAMES:
        E = book.E(curve)
        for encoding in E.encodings:
            for group in ("G1", "G2"):
                for name, octets, error, layer in _bad_points(book, E, encoding, group):
                    inputs = {"group": group, "encoding": encoding.value, "octets": octets.hex()}
                    spec = SPEC + ("subgroup-check" if error is NotInSubgroup else "refusals")
                    book.bad(
                        f"{curve}-{encoding}-{group}-{name}",
                        "decode",
                        inputs,
                        error,
                        layer=layer,
                        spec=spec,
                        curve=curve,
                    )
        for encoding in set(Encoding) - set(E.encodings):
            book.bad(
                f"{curve}-{encoding}-not-of-this-curve",
                "decode",
                {"group": "G1", "encoding": encoding.value, "octets": "00"},
                ParameterError,
                layer="groups",
                curve=curve,
            )
        _bad_scalars(book, E)
        _bad_gt(book, E)
    book.cases.sort(key=lambda case: str(case["id"]))
    return book


class _Layout:
    """Where coordinates stand in an encoding of a group."""

    def __init__(self, E: Curve, encoding: Encoding, group: str) -> None:
        point = E.g1 * E.scalar(11) if group == "G1" else E.g2 * E.scalar(11)
        self.E, self.encoding, self.group, self.point = E, encoding, group, point
        self.good = point.to_bytes(encoding)
        self.prefix = 1 if encoding is Encoding.TAGGED or (group == "G1" and encoding in _NO_IDENTITY) else 0
        self.width = E.field_bytes * (1 if group == "G1" else 2)
        self.has_y = len(self.good) == self.prefix + 2 * self.width
        self.swapped = group == "G2" and encoding not in (*_NO_IDENTITY, Encoding.TAGGED)

    def coordinate(self, value: bytes) -> bytes:
        """A coordinate as it stands in the encoding."""
        half = len(value) // 2
        return value[half:] + value[:half] if self.swapped else value

    def with_x(self, x: bytes, y: bytes | None = None) -> bytes:
        """The good octets with other coordinates, flags as before."""
        flags = self.good[0] & 0xE0 if self.encoding is Encoding.ZCASH else 0
        head = self.good[: self.prefix]
        body = self.coordinate(x) + (self.coordinate(y or self.point.coordinates()[1]) if self.has_y else b"")
        return head + (bytes([body[0] | flags]) + body[1:] if not head else body)

    def number(self, value: int) -> bytes:
        """A small or large number as a coordinate, in the real part."""
        return i2osp(value, self.E.field_bytes) + (bytes(self.E.field_bytes) if self.group == "G2" else b"")


def _bad_points(book: Book, E: Curve, encoding: Encoding, group: str) -> Iterator[Bad]:
    at = _Layout(E, encoding, group)
    yield from _bad_lengths(at)
    yield from _bad_numbers(at)
    yield from _bad_curve(at)
    yield from _bad_flags(at)
    stray = stray_point(book, E.name, group)
    if stray:
        ops: Any = E.g1_ops if group == "G1" else E.g2_ops
        codec = E.g1_codec(encoding) if group == "G1" else E.g2_codec(encoding)
        yield "stray-point", codec.encode(ops.from_affine(*stray)), NotInSubgroup, "groups"
    if encoding not in _NO_IDENTITY:
        identity = E.g1_identity if group == "G1" else E.g2_identity
        yield "identity", identity.to_bytes(encoding), IdentityElement, "groups"


def _bad_lengths(at: _Layout) -> Iterator[Bad]:
    for name, octets in {
        "empty": b"",
        "one-octet": at.good[:1],
        "one-short": at.good[:-1],
        "one-long": at.good + b"\0",
        "zero-in-front": b"\0" + at.good,
        "doubled": at.good * 2,
    }.items():
        yield name, octets, WrongLength, "groups"


def _bad_numbers(at: _Layout) -> Iterator[Bad]:
    p, n = at.E.params.p, at.E.field_bytes
    flag_bits = 3 if at.encoding in _FLAGGED else 0
    x, y = at.point.coordinates()
    most = (1 << 8 * n - flag_bits) - 1
    for name, value in (("p", p), ("most", most)):
        yield f"x-is-{name}", at.with_x(i2osp(value, n) + x[n:]), NonCanonical, "backend"
        if at.has_y:
            yield f"y-is-{name}", at.with_x(x, i2osp(value, n) + y[n:]), NonCanonical, "backend"
        if at.group == "G2":
            yield f"x-im-is-{name}", at.with_x(x[:n] + i2osp(value, n)), NonCanonical, "backend"


def _bad_curve(at: _Layout) -> Iterator[Bad]:
    x, y = at.point.coordinates()
    if at.has_y:
        other = at.E.g1 if at.group == "G1" else at.E.g2
        yield "y-of-another-point", at.with_x(x, other.coordinates()[1]), NotOnCurve, "backend"
        yield "x-and-y-exchanged", at.with_x(y, x), NotOnCurve, "backend"
        return
    yield "x-of-no-point", at.with_x(_rootless(at)), NotOnCurve, "backend"


def _rootless(at: _Layout) -> bytes:
    """The first x that no point has."""
    ops: Any = at.E.g1_ops if at.group == "G1" else at.E.g2_ops
    p, n = at.E.params.p, at.E.field_bytes
    for value in range(1, 1000):
        x = at.number(value)
        try:
            ops.from_x(x, 0, "parity")
        except NotOnCurve:
            if at.group == "G1" or _no_square(at, value):
                return x
    raise AssertionError(f"every small x is on the curve modulo {p} with {n} octets")


def _no_square(at: _Layout, value: int) -> bool:
    """Whether value^3 + b' is no square, by its norm: a rule for roots that misses one does not count."""
    p, (re, im) = at.E.params.p, at.E.params.twist_b
    norm = (value**3 + re) ** 2 + im**2
    return pow(norm, (p - 1) // 2, p) == p - 1


def _bad_flags(at: _Layout) -> Iterator[Bad]:
    first = at.good[0]
    if at.prefix:
        wrong = (0, 1, 5, 6, 0x42, 0xFF)
        for value in (*wrong, *((4,) if not at.has_y else (2, 3))):
            yield f"prefix-{value:02x}", bytes([value]) + at.good[1:], InvalidFlags, "groups"
    if at.encoding is Encoding.ZCASH:
        for name, value in (("not-compressed", first & 0x7F), ("infinity-with-x", first | 0x40)):
            yield name, bytes([value]) + at.good[1:], InvalidFlags, "groups"
        yield "infinity-larger", b"\xe0" + bytes(len(at.good) - 1), InvalidFlags, "groups"
    if at.encoding is Encoding.ZCASH_UNCOMPRESSED:
        for bit in (0x80, 0x40, 0x20):
            yield f"stray-flag-{bit:02x}", bytes([first | bit]) + at.good[1:], InvalidFlags, "groups"


def _bad_scalars(book: Book, E: Curve) -> None:
    spec, n = SPEC + "refusals", E.scalar_bytes
    for name, octets in (("empty", b""), ("short", bytes(n - 1)), ("long", bytes(E.field_bytes + 1))):
        book.bad(
            f"{E.name}-scalar-{name}",
            "decode-scalar",
            {"octets": octets.hex()},
            WrongLength,
            layer="groups",
            spec=spec,
            curve=E.name,
        )
    for name, value in (("r", E.order), ("most", (1 << 8 * n) - 1)):
        book.bad(
            f"{E.name}-scalar-is-{name}",
            "decode-scalar",
            {"octets": i2osp(value, n).hex()},
            NonCanonical,
            layer="backend",
            spec=spec,
            curve=E.name,
        )


def _bad_gt(book: Book, E: Curve) -> None:
    spec, n = SPEC + "refusals", E.field_bytes
    e = E.pairing(E.g1, E.g2).to_bytes()
    p = i2osp(E.params.p, n)
    two = i2osp(2, n) + bytes(11 * n)
    for name, octets, error, layer in (
        ("short", e[:-1], WrongLength, "backend"),
        ("long", e + b"\0", WrongLength, "backend"),
        ("first-is-p", p + e[n:], NonCanonical, "backend"),
        ("last-is-p", e[:-n] + p, NonCanonical, "backend"),
        ("zero", bytes(12 * n), NotInSubgroup, "groups"),
        ("two", two, NotInSubgroup, "groups"),
        ("changed", e[:-1] + bytes([e[-1] ^ 1]), NotInSubgroup, "groups"),
        ("one", E.gt_one.to_bytes(), IdentityElement, "groups"),
    ):
        book.bad(
            f"{E.name}-gt-{name}", "decode-gt", {"octets": octets.hex()}, error, layer=layer, spec=spec, curve=E.name
        )


TOPICS: tuple[Callable[[str], Book], ...] = (encodings, refusals)
