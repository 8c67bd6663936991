"""A catalogue of octet strings that must be refused, each with the one error that refuses it.

The strings are put together here by hand from integers, not by the writers under test. The expected error is
decided by number theory in this file (Euler's criterion, norms) and by one multiplication by r.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from milagro.errors import (
    EncodingError,
    IdentityElement,
    InvalidFlags,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    WrongLength,
)
from milagro.groups import Curve, Encoding

if TYPE_CHECKING:
    from collections.abc import Iterator

Element = tuple[int, ...]
"""A coordinate: (value,) in Fp, (real, imaginary) in Fp2."""


@dataclass(frozen=True)
class Malformed:
    """One string that the reader of `target` has to refuse with `error`."""

    target: Literal["G1", "G2", "GT", "scalar"]
    encoding: Encoding | None
    kind: str
    octets: bytes
    error: type[EncodingError]

    def read(self, E: Curve) -> object:
        """What the reader makes of the string."""
        if self.target == "G1":
            return E.g1_from_bytes(self.octets, self.encoding)
        if self.target == "G2":
            return E.g2_from_bytes(self.octets, self.encoding)
        return E.gt_from_bytes(self.octets) if self.target == "GT" else E.scalar_from_bytes(self.octets)


class Sheet:
    """One group of a curve under one encoding: its numbers, and a writer that checks nothing."""

    def __init__(self, E: Curve, group: Literal["G1", "G2"], encoding: Encoding) -> None:
        self.E, self.group, self.encoding = E, group, encoding
        self.p, self.n = E.params.p, E.field_bytes
        self.ops: Any = E.g1_ops if group == "G1" else E.g2_ops
        self.b: Element = (E.params.b,) if group == "G1" else E.params.twist_b
        self.has_y = encoding in (Encoding.ZCASH_UNCOMPRESSED, Encoding.EIP197) or (
            encoding is Encoding.MILAGRO or (encoding is Encoding.MILAGRO_COMPRESSED and group == "G2")
        )
        self.flag_bits = 3 if encoding in (Encoding.ZCASH, Encoding.ZCASH_UNCOMPRESSED) else 0
        self.has_prefix = encoding is Encoding.TAGGED or (encoding.startswith("milagro") and group == "G1")
        self.imaginary_first = encoding not in (Encoding.MILAGRO, Encoding.MILAGRO_COMPRESSED, Encoding.TAGGED)

    # -- numbers -------------------------------------------------------------------------------------------------
    def element(self, octets: bytes) -> Element:
        return tuple(int.from_bytes(octets[i : i + self.n], "big") for i in range(0, len(octets), self.n))

    def octets(self, x: Element) -> bytes:
        return b"".join(part.to_bytes(self.n, "big") for part in x)

    def small(self, value: int) -> Element:
        return (value,) if self.group == "G1" else (value, 0)

    def mul(self, x: Element, y: Element) -> Element:
        if self.group == "G1":
            return (x[0] * y[0] % self.p,)
        return (x[0] * y[0] - x[1] * y[1]) % self.p, (x[0] * y[1] + x[1] * y[0]) % self.p

    def add(self, x: Element, y: Element) -> Element:
        return tuple((a + b) % self.p for a, b in zip(x, y, strict=True))

    def negative(self, x: Element) -> Element:
        return tuple(-a % self.p for a in x)

    def right_side(self, x: Element) -> Element:
        return self.add(self.mul(self.mul(x, x), x), self.b)

    def is_square(self, x: Element) -> bool:
        norm = sum(a * a for a in x) if len(x) > 1 else x[0]
        return pow(norm, (self.p - 1) // 2, self.p) in (0, 1)

    def on_curve(self, x: Element, y: Element) -> bool:
        return self.mul(y, y) == self.right_side(x)

    # -- points ----------------------------------------------------------------------------------------------------
    @cached_property
    def good(self) -> tuple[Element, Element]:
        """A point that is as it should be."""
        G = self.E.g1 if self.group == "G1" else self.E.g2
        return self.affine((G * self.E.scalar(5))._handle)

    def affine(self, handle: Any) -> tuple[Element, Element]:
        x, y = self.ops.to_affine(handle)
        return self.element(x), self.element(y)

    def mul_integer(self, handle: Any, k: int) -> Any:
        multiply = self.E.ops.g1_mul_integer if self.group == "G1" else self.E.ops.g2_mul_integer
        return multiply(handle, k)

    @cached_property
    def stray(self) -> Any:
        """A point of the curve whose order does not divide r."""
        for value in range(1, 1000):
            x = self.small(value)
            if self.is_square(self.right_side(x)):
                try:
                    point = self.ops.from_x(self.octets(x), 0, "parity")
                except NotOnCurve:  # a reader may follow a rule that misses a root; another x will do here
                    continue
                if not self.ops.is_identity(self.mul_integer(point, self.E.order)):
                    return point
        raise AssertionError("every point is in the subgroup")

    @cached_property
    def rootless(self) -> Element:
        """A coordinate that no point has as its x."""
        return next(x for v in range(1, 1000) if not self.is_square(self.right_side(x := self.small(v))))

    # -- the unchecked writer --------------------------------------------------------------------------------------
    def sign(self, y: Element) -> int:
        if self.encoding in (Encoding.ZCASH, Encoding.ZCASH_UNCOMPRESSED):
            return int(tuple(reversed(y)) > tuple(reversed(self.negative(y))))
        return (y[0] if y[0] % self.p or len(y) == 1 else y[1]) & 1

    def coordinate(self, x: Element) -> bytes:
        return self.octets(tuple(reversed(x)) if self.imaginary_first else x)

    def write(self, x: Element, y: Element) -> bytes:
        body = self.coordinate(x) + (self.coordinate(y) if self.has_y else b"")
        if self.has_prefix:
            return bytes([4 if self.has_y else 2 | self.sign(y)]) + body
        if self.encoding is Encoding.ZCASH:
            return bytes([body[0] | 0x80 | 0x20 * self.sign(y)]) + body[1:]
        return body

    def limit(self, part: int) -> int:
        """One more than what fits the octets of this part of x."""
        first = len(self.good[0]) - 1 if self.imaginary_first else 0
        return 1 << (8 * self.n - (self.flag_bits if part == first else 0))


Case = tuple[str, bytes, type[EncodingError]]


def _replaced(x: Element, part: int, value: int) -> Element:
    return tuple(value if i == part else a for i, a in enumerate(x))


def _first(octets: bytes, value: int) -> bytes:
    return bytes([value]) + octets[1:]


def _lengths(good: bytes, field_bytes: int) -> Iterator[Case]:
    strings = {
        "empty": b"",
        "one octet": good[:1],
        "one short": good[:-1],
        "first octet missing": good[1:],
        "one long": good + b"\x00",
        "one zero in front": b"\x00" + good,
        "a 04 in front of it": b"\x04" + good,
        "doubled": good + good,
        "field element missing": good[:-field_bytes],
        "field element too many": good + bytes(field_bytes),
        "written in hex": good.hex().encode(),
    }
    for kind, octets in strings.items():
        yield kind, octets, WrongLength


def _not_canonical(sheet: Sheet) -> Iterator[Case]:
    x, y = sheet.good
    for part in range(len(x)):
        top = sheet.limit(part)
        for kind, value in (("p", sheet.p), ("p + 1", sheet.p + 1), ("the most that fits", top - 1)):
            if value < top:
                yield f"x[{part}] = {kind}", sheet.write(_replaced(x, part, value), y), NonCanonical
            if sheet.has_y and value < 1 << 8 * sheet.n:
                yield f"y[{part}] = {kind}", sheet.write(x, _replaced(y, part, value)), NonCanonical
        if x[part] + sheet.p < top:
            yield f"x[{part}] + p", sheet.write(_replaced(x, part, x[part] + sheet.p), y), NonCanonical
        if sheet.has_y and y[part] + sheet.p < 1 << 8 * sheet.n:
            yield f"y[{part}] + p", sheet.write(x, _replaced(y, part, y[part] + sheet.p)), NonCanonical


def _beside_the_curve(sheet: Sheet) -> Iterator[Case]:
    x, y = sheet.good
    one, zero = sheet.small(1), sheet.small(0)
    pairs = {
        "y + 1": (x, sheet.add(y, one)),
        "-y + 1": (x, sheet.add(sheet.negative(y), one)),
        "2 y": (x, sheet.add(y, y)),
        "x and y swapped": (y, x),
        "x + 1": (sheet.add(x, one), y),
        "(-x, y)": (sheet.negative(x), y),
        "(x, 0)": (x, zero),
        "(0, y)": (zero, y),
        "(0, 1)": (zero, one),
        "(p - 1, p - 1)": (sheet.negative(one), sheet.negative(one)),
    }
    if sheet.group == "G2":
        pairs["parts of both coordinates swapped"] = (tuple(reversed(x)), tuple(reversed(y)))
        pairs["parts of y swapped"] = (x, tuple(reversed(y)))
        pairs["conjugate"] = ((x[0], -x[1] % sheet.p), (y[0], -y[1] % sheet.p))
        pairs["generator of G1 with zero imaginary parts"] = tuple((v, 0) for v in sheet.E.params.g1)
    for kind, pair in pairs.items():
        if sheet.has_y:
            # Some curves have one of these by accident, for example (-1, 1) on y^2 = x^3 + 2.
            assert not sheet.on_curve(*pair) or kind in ("(0, 1)", "(p - 1, p - 1)"), kind
            if not sheet.on_curve(*pair):
                yield kind, sheet.write(*pair), NotOnCurve
    if sheet.has_y:
        yield from _other_curves(sheet)
    else:
        yield "x without a root", sheet.write(sheet.rootless, y), NotOnCurve
        yield "x without a root, other sign", sheet.write(sheet.rootless, sheet.negative(y)), NotOnCurve


def _other_curves(sheet: Sheet) -> Iterator[Case]:
    """Points (x, y) of y^2 = x^3 + b' for a b' that is not ours, found from y = 0, 1, 2, .. and x = 1."""
    params = sheet.E.params
    wrong: dict[str, Element] = {"b + 1": sheet.add(sheet.b, sheet.small(1)), "-b": sheet.negative(sheet.b)}
    if sheet.group == "G2":
        times_xi = sheet.mul((params.b, 0), params.xi)
        square_of_xi = sheet.mul(params.xi, params.xi)
        wrong["b, not twisted"] = (params.b, 0)
        # From b/xi to b*xi and back is a factor xi^2.
        wrong["b of the other twist"] = times_xi if params.twist == "D" else _divided(sheet, times_xi, square_of_xi)
    for kind, b in wrong.items():
        pair = _point_with(sheet, b)
        yield f"a point of the curve with {kind}", sheet.write(*pair), NotOnCurve


def _divided(sheet: Sheet, a: Element, b: Element) -> Element:
    norm = pow(b[0] * b[0] + b[1] * b[1], -1, sheet.p)
    return sheet.mul(a, (b[0] * norm % sheet.p, -b[1] * norm % sheet.p))


def _point_with(sheet: Sheet, b: Element) -> tuple[Element, Element]:
    name = "fp_sqrt" if sheet.group == "G1" else "fp2_sqrt"
    for value in range(1, 1000):
        x = sheet.small(value)
        square = sheet.add(sheet.mul(sheet.mul(x, x), x), b)
        if sheet.is_square(square):
            try:
                y = sheet.element(sheet.E.ops.tower(name, sheet.octets(square)))
            except NotOnCurve:  # the original rule for Fp2 misses some roots
                continue
            assert sheet.mul(y, y) == square
            return x, y
    raise AssertionError("no point found")


def _outside_the_subgroup(sheet: Sheet) -> Iterator[Case]:
    cofactor = sheet.E.params.cofactor_g1 if sheet.group == "G1" else sheet.E.params.cofactor_g2
    if cofactor == 1:
        return
    stray, r = sheet.stray, sheet.E.order
    generator = sheet.ops.generator()
    torsion = sheet.mul_integer(stray, r)
    points = {
        "a point of the curve": stray,
        "its negative": sheet.ops.neg(stray),
        "twice it": sheet.ops.add(stray, stray),
        "a point whose order divides the cofactor": torsion,
        "the generator plus such a point": sheet.ops.add(generator, torsion),
        "the generator minus such a point": sheet.ops.add(sheet.ops.neg(generator), torsion),
    }
    for q in (q for q in (2, 3, 5, 7, 11, 13) if cofactor % q == 0):
        small = sheet.mul_integer(stray, r * (cofactor // q))
        if not sheet.ops.is_identity(small):
            points[f"a point whose order is a power of {q}"] = small
            points[f"the generator plus a point whose order is a power of {q}"] = sheet.ops.add(generator, small)
    for kind, point in points.items():
        yield kind, sheet.write(*sheet.affine(point)), NotInSubgroup
    if sheet.group == "G1" and sheet.is_square(sheet.b):
        root = sheet.element(sheet.E.ops.tower("fp_sqrt", sheet.octets(sheet.b)))
        yield "(0, sqrt(b)), of order 3", sheet.write((0,), root), NotInSubgroup


def _prefixes(sheet: Sheet, good: bytes) -> Iterator[Case]:
    """Faults of the prefix octet of MILAGRO (G1), MILAGRO_COMPRESSED (G1) and TAGGED."""
    allowed = {4} if sheet.has_y else {2, 3}
    if sheet.encoding is Encoding.TAGGED:
        yield "identity with last octet 1", bytes(len(good) - 1) + b"\x01", InvalidFlags
        yield "identity with first octet of x 1", b"\x00\x01" + bytes(len(good) - 2), InvalidFlags
        yield "identity", bytes(len(good)), IdentityElement
    else:
        yield "all zero", bytes(len(good)), InvalidFlags
    for prefix in (0, 1, 2, 3, 4, 5, 6, 7, 8, 0x0A, 0x40, 0x80, 0x82, 0xC0, 0xFE, 0xFF):
        if prefix not in allowed:
            yield f"prefix {prefix:02x}", _first(good, prefix), InvalidFlags
    yield "all ff", b"\xff" * len(good), InvalidFlags
    if sheet.encoding is Encoding.MILAGRO:
        compressed = bytes([2]) + sheet.octets(sheet.good[0])
        for prefix in (0, 1, 4, 5, 6):
            yield f"prefix {prefix:02x} and x only", _first(compressed, prefix), InvalidFlags
        yield "x without a root", b"\x02" + sheet.octets(sheet.rootless), NotOnCurve
        yield "x = p, compressed", b"\x03" + sheet.octets((sheet.p,)), NonCanonical


def _zcash_flags(sheet: Sheet, good: bytes) -> Iterator[Case]:
    n = len(good)
    compressed = sheet.encoding is Encoding.ZCASH
    infinity = 0xC0 if compressed else 0x40
    yield "identity", bytes([infinity]) + bytes(n - 1), IdentityElement
    if compressed:
        yield "compressed flag missing", _first(good, good[0] & 0x7F), InvalidFlags
        yield "all flags missing", _first(good, good[0] & 0x1F), InvalidFlags
    else:
        yield "compressed flag on both coordinates", _first(good, good[0] | 0x80), InvalidFlags
        yield "compressed and sign flag", _first(good, good[0] | 0xA0), InvalidFlags
        yield "sign flag", _first(good, good[0] | 0x20), InvalidFlags
    yield "infinity flag on a point", _first(good, good[0] | 0x40), InvalidFlags
    yield "all flags on a point", _first(good, good[0] | 0xE0), InvalidFlags
    yield "identity with the sign flag", bytes([infinity | 0x20]) + bytes(n - 1), InvalidFlags
    yield "identity with the other compressed flag", bytes([infinity ^ 0x80]) + bytes(n - 1), InvalidFlags
    yield "identity with the sign flag only", bytes([0x20]) + bytes(n - 1), InvalidFlags
    yield "identity with a bit in the first octet", bytes([infinity | 1]) + bytes(n - 1), InvalidFlags
    yield "identity with last octet 1", bytes([infinity]) + bytes(n - 2) + b"\x01", InvalidFlags
    yield (
        "identity with a bit in the middle",
        bytes([infinity]) + bytes(n // 2 - 1) + b"\x80" + bytes(n - n // 2 - 1),
        InvalidFlags,
    )
    yield "all zero", bytes(n), InvalidFlags if compressed else NotOnCurve
    yield "all ff", b"\xff" * n, InvalidFlags


def _no_flags(sheet: Sheet, good: bytes) -> Iterator[Case]:
    n = len(good)
    identity = IdentityElement if sheet.encoding is Encoding.EIP197 else NotOnCurve
    yield "all zero", bytes(n), identity
    yield "last octet 1", bytes(n - 1) + b"\x01", NotOnCurve
    yield "first octet 1", b"\x01" + bytes(n - 1), NotOnCurve
    yield "all ff", b"\xff" * n, NonCanonical
    yield "top bit set", _first(good, good[0] | 0x80), NonCanonical
    yield "infinity flag of another encoding", b"\x40" + bytes(n - 1), NonCanonical


def _point(sheet: Sheet) -> Iterator[Case]:
    good = sheet.write(*sheet.good)
    lengths = _lengths(good, sheet.n)
    other_form = 1 + sheet.n  # what MILAGRO reads in G1 besides its own form
    yield from (case for case in lengths if sheet.encoding is not Encoding.MILAGRO or len(case[1]) != other_form)
    yield from _not_canonical(sheet)
    yield from _beside_the_curve(sheet)
    yield from _outside_the_subgroup(sheet)
    if sheet.has_prefix:
        yield from _prefixes(sheet, good)
    elif sheet.flag_bits:
        yield from _zcash_flags(sheet, good)
    else:
        yield from (case for case in _no_flags(sheet, good) if case[2] is not NonCanonical or _exceeds(sheet, case[1]))


def _exceeds(sheet: Sheet, octets: bytes) -> bool:
    """Whether the first number of the string is not below p: in a large p a flag bit is just a digit."""
    return int.from_bytes(octets[: sheet.n], "big") >= sheet.p


def _gt(E: Curve) -> Iterator[Case]:
    n, p = E.field_bytes, E.params.p
    good = E.pairing(E.g1, E.g2).to_bytes()
    parts = [good[i : i + n] for i in range(0, 12 * n, n)]
    one = E.gt_one.to_bytes()
    yield from _lengths(good, n)
    for at in (0, 1, 5, 11):
        for kind, value in (("p", p), ("p + 1", p + 1), ("the most that fits", (1 << 8 * n) - 1)):
            octets = b"".join(value.to_bytes(n, "big") if i == at else part for i, part in enumerate(parts))
            yield f"part {at} = {kind}", octets, NonCanonical
    yield "one with p added", (p + 1).to_bytes(n, "big") + bytes(11 * n), NonCanonical
    yield "all ff", b"\xff" * (12 * n), NonCanonical
    yield "one", one, IdentityElement
    for kind, octets in _outside_gt(E, good, parts).items():
        yield kind, octets, NotInSubgroup


def _outside_gt(E: Curve, good: bytes, parts: list[bytes]) -> dict[str, bytes]:
    n, p, tower = E.field_bytes, E.params.p, E.ops.tower

    def fp12(*values: int) -> bytes:
        return b"".join(value.to_bytes(n, "big") for value in values) + bytes((12 - len(values)) * n)

    some = fp12(*range(3, 15))
    unitary = tower("fp12_mul", tower("fp12_conj", some), tower("fp12_inv", some))
    cyclotomic = tower("fp12_mul", tower("fp12_frob", tower("fp12_frob", unitary)), unitary)
    return {
        "zero": bytes(12 * n),
        "p - 1 (minus one)": fp12(p - 1),
        "two": fp12(2),
        "i, of order 4": fp12(0, 1),
        "an element of Fp2": fp12(3, 4),
        "an element of Fp4": fp12(3, 4, 5, 6),
        "w": fp12(0, 0, 0, 0, 1),
        "an element of Fp12": some,
        "of order dividing p^6 + 1, not cyclotomic": unitary,
        "cyclotomic, not of order r": cyclotomic,
        "cyclotomic, not of order r, times the pairing": tower("fp12_mul", cyclotomic, good),
        "minus the pairing": tower("fp12_neg", good),
        "twice the pairing": tower("fp12_add", good, good),
        "the pairing plus one": tower("fp12_add", good, fp12(1)),
        "the pairing with the parts of each Fp2 swapped": b"".join(parts[i ^ 1] for i in range(12)),
        "the pairing with its Fp4 in reverse": b"".join(parts[8:] + parts[4:8] + parts[:4]),
        "the pairing with its last part zero": good[:-n] + bytes(n),
    }


def _scalar(E: Curve) -> Iterator[Case]:
    n, r = E.scalar_bytes, E.order
    lengths = {E.scalar_bytes, E.field_bytes}
    for size in {0, 1, n - 1, n + 1, E.field_bytes - 1, E.field_bytes + 1, 2 * E.field_bytes, 2 * n} - lengths:
        yield f"{size} octets", bytes(size - 1) + b"\x05" if size else b"", WrongLength
    for size in sorted(lengths):
        yield f"r in {size} octets", r.to_bytes(size, "big"), NonCanonical
        yield f"r + 1 in {size} octets", (r + 1).to_bytes(size, "big"), NonCanonical
        yield f"all ff in {size} octets", b"\xff" * size, NonCanonical
        yield f"r + 5 in {size} octets", (r + 5).to_bytes(size, "big"), NonCanonical
    if E.field_bytes > n:
        yield "a one in front of the leading zeros", b"\x01" + bytes(E.field_bytes - 2) + b"\x05", NonCanonical
        yield "the octet before the scalar not zero", (256**n + 5).to_bytes(E.field_bytes, "big"), NonCanonical


def malformed(E: Curve, encoding: Encoding) -> Iterator[Malformed]:
    """Every malformed string of the catalogue for the points of one encoding, and for GT and scalars."""
    for group in ("G1", "G2"):
        for kind, octets, error in _point(Sheet(E, group, encoding)):
            yield Malformed(group, encoding, kind, octets, error)
    for kind, octets, error in _gt(E):
        yield Malformed("GT", None, kind, octets, error)
    for kind, octets, error in _scalar(E):
        yield Malformed("scalar", None, kind, octets, error)
