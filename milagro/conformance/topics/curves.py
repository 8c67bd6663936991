"""Vectors of fields, groups, pairing and hashing, on every curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro import params
from milagro.conformance.topics._book import Book, Unexpected
from milagro.errors import NonCanonical, NotOnCurve, ParameterError, WrongLength
from milagro.octets import i2osp

SPEC = "spec/curves.md#"
_OPERATIONS = {
    1: {"fp_add": 2, "fp_sub": 2, "fp_neg": 1, "fp_mul": 2, "fp_sqr": 1, "fp_inv": 1},
    2: {
        "fp2_add": 2,
        "fp2_sub": 2,
        "fp2_neg": 1,
        "fp2_mul": 2,
        "fp2_sqr": 1,
        "fp2_inv": 1,
        "fp2_conj": 1,
        "fp2_mul_xi": 1,
        "fp2_frob": 1,
    },
    4: {
        "fp4_add": 2,
        "fp4_sub": 2,
        "fp4_neg": 1,
        "fp4_mul": 2,
        "fp4_sqr": 1,
        "fp4_inv": 1,
        "fp4_conj": 1,
        "fp4_frob": 1,
    },
    12: {
        "fp12_add": 2,
        "fp12_sub": 2,
        "fp12_neg": 1,
        "fp12_mul": 2,
        "fp12_sqr": 1,
        "fp12_inv": 1,
        "fp12_conj": 1,
        "fp12_frob": 1,
    },
}


def _element(book: Book, curve: str, label: str, degree: int) -> str:
    """A random element of a field of the tower."""
    E, draw = book.E(curve), book.random(label)
    parts = (int.from_bytes(draw(E.field_bytes + 16), "big") % E.params.p for _ in range(degree))
    return b"".join(i2osp(part, E.field_bytes) for part in parts).hex()


def fields(backend: str) -> Book:
    """Every operation of the tower, edge values, square roots."""
    book = Book("curves/fields", SPEC + "fields", backend)
    for curve in params.NAMES:
        for degree, operations in _OPERATIONS.items():
            for name, arity in operations.items():
                operands = [_element(book, curve, f"{curve}/{name}/{i}", degree) for i in range(arity)]
                book.good(
                    f"{curve}-{name}",
                    "tower",
                    {"operation": name, "operands": operands},
                    curve=curve,
                    spec=SPEC + ("fields" if degree == 1 else "towers"),
                )
        _cyclotomic(book, curve)
        _edges(book, curve)
        _roots(book, curve)
    return book


def _cyclotomic(book: Book, curve: str) -> None:
    e = book.E(curve)
    value = e.pairing(e.g1, e.g2).to_bytes().hex()
    book.good(
        f"{curve}-fp12_cyclotomic_sqr",
        "tower",
        {"operation": "fp12_cyclotomic_sqr", "operands": [value]},
        curve=curve,
        spec=SPEC + "towers",
    )


def _edges(book: Book, curve: str) -> None:
    E = book.E(curve)
    zero, one, top = (i2osp(v, E.field_bytes).hex() for v in (0, 1, E.params.p - 1))
    for name, operands in {
        "fp_inv-of-zero": [zero],
        "fp_inv-of-one": [one],
        "fp_neg-of-zero": [zero],
        "fp_sqr-of-minus-one": [top],
        "fp_add-minus-one": [top, top],
        "fp_mul-minus-one": [top, top],
    }.items():
        operation = name.split("-", maxsplit=1)[0]
        book.good(f"{curve}-{name}", "tower", {"operation": operation, "operands": operands}, curve=curve)
    modulus = i2osp(E.params.p, E.field_bytes).hex()
    book.bad(
        f"{curve}-operand-is-p",
        "tower",
        {"operation": "fp_neg", "operands": [modulus]},
        NonCanonical,
        layer="backend",
        curve=curve,
    )
    book.bad(
        f"{curve}-operand-too-short",
        "tower",
        {"operation": "fp_neg", "operands": [one[2:]]},
        WrongLength,
        layer="backend",
        curve=curve,
    )


def _roots(book: Book, curve: str) -> None:
    E = book.E(curve)
    for degree in (1, 2):
        name = "fp_sqrt" if degree == 1 else "fp2_sqrt"
        square = book.run(
            "tower",
            {
                "operation": "fp_sqr" if degree == 1 else "fp2_sqr",
                "operands": [_element(book, curve, f"{curve}/{name}", degree)],
            },
            curve,
        )["result"]
        book.good(f"{curve}-{name}", "tower", {"operation": name, "operands": [square]}, curve=curve)
        zero = bytes(degree * E.field_bytes).hex()
        book.good(f"{curve}-{name}-of-zero", "tower", {"operation": name, "operands": [zero]}, curve=curve)
    minus_one = i2osp(E.params.p - 1, E.field_bytes).hex()  # p = 3 mod 4, so -1 is no square
    book.bad(
        f"{curve}-fp_sqrt-none",
        "tower",
        {"operation": "fp_sqrt", "operands": [minus_one]},
        NotOnCurve,
        layer="backend",
        curve=curve,
    )


def _points(book: Book, curve: str, label: str) -> dict[str, str]:
    """Two random points of each group and two scalars."""
    E = book.E(curve)
    draw = book.random(label)
    a, b, k, m = (E.random_scalar(draw) for _ in range(4))
    return {
        "P1": (E.g1 * a).to_bytes().hex(),
        "Q1": (E.g1 * b).to_bytes().hex(),
        "P2": (E.g2 * a).to_bytes().hex(),
        "Q2": (E.g2 * b).to_bytes().hex(),
        "k": k.to_bytes().hex(),
        "l": m.to_bytes().hex(),
    }


def groups(backend: str) -> Book:
    """Generators, sums and multiples, scalars, psi."""
    book = Book("curves/groups", SPEC + "scalar-multiplication", backend)
    for curve in params.NAMES:
        book.good(f"{curve}-facts", "curve-facts", {}, curve=curve, spec=SPEC + "curves")
        for i in range(2):
            x = _points(book, curve, f"{curve}/{i}")
            for group in ("G1", "G2"):
                book.good(
                    f"{curve}-{group}-{i}",
                    "group",
                    {"group": group, "P": x[f"P{group[1]}"], "Q": x[f"Q{group[1]}"], "k": x["k"], "l": x["l"]},
                    curve=curve,
                )
            book.good(f"{curve}-psi-{i}", "psi", {"Q": x["P2"]}, curve=curve, spec=SPEC + "twist")
            book.good(f"{curve}-scalars-{i}", "scalar", {"a": x["k"], "b": x["l"]}, curve=curve)
        _edge_scalars(book, curve)
        _multiples(book, curve)
    return book


def _edge_scalars(book: Book, curve: str) -> None:
    E, x = book.E(curve), _points(book, curve, f"{curve}/edges")
    values = {"zero": 0, "one": 1, "two": 2, "minus-one": E.order - 1}
    for name, k in values.items():
        inputs = {"k": i2osp(k, E.scalar_bytes).hex(), "l": x["l"]}
        for group in ("G1", "G2"):
            book.good(
                f"{curve}-{group}-k-{name}",
                "group",
                {**inputs, "group": group, "P": x[f"P{group[1]}"], "Q": x[f"P{group[1]}"]},
                curve=curve,
            )
    zero = bytes(E.scalar_bytes).hex()
    book.bad(
        f"{curve}-inverse-of-zero", "scalar", {"a": zero, "b": x["k"]}, ParameterError, layer="groups", curve=curve
    )


def _multiples(book: Book, curve: str) -> None:
    """The order kills the subgroup; the order times the cofactor kills every point."""
    E = book.E(curve)
    sheet = E.params
    for group, cofactor in (("G1", sheet.cofactor_g1), ("G2", sheet.cofactor_g2)):
        point = E.g1 if group == "G1" else E.g2
        x, y = (part.hex() for part in point.coordinates())
        for name, k in (("r", E.order), ("cofactor", cofactor), ("minus-three", -3), ("zero", 0)):
            book.good(
                f"{curve}-{group}-generator-times-{name}",
                "multiple",
                {"group": group, "x": x, "y": y, "k": f"{k:x}"},
                curve=curve,
            )
        stray = stray_point(book, curve, group)
        if stray is None:
            continue
        for name, k in (("r", E.order), ("r-cofactor", E.order * cofactor)):
            book.good(
                f"{curve}-{group}-stray-times-{name}",
                "multiple",
                {"group": group, "x": stray[0].hex(), "y": stray[1].hex(), "k": f"{k:x}"},
                curve=curve,
            )


def stray_point(book: Book, curve: str, group: str) -> tuple[bytes, bytes] | None:
    """The first point of the curve, by its x, whose order does not divide r; none where the cofactor is 1."""
    E = book.E(curve)
    ops: Any = E.g1_ops if group == "G1" else E.g2_ops
    if group == "G1" and E.params.cofactor_g1 == 1:
        return None
    for value in range(1, 1000):
        x = i2osp(value, E.field_bytes) + (bytes(E.field_bytes) if group == "G2" else b"")
        try:
            point = ops.from_x(x, 0, "parity")
        except NotOnCurve:
            continue
        if not ops.in_subgroup(point):
            result: tuple[bytes, bytes] = ops.to_affine(point)
            return result
    return None


def need_stray_point(book: Book, curve: str, group: str) -> tuple[bytes, bytes]:
    """The point of `stray_point`, on a curve that has one."""
    found = stray_point(book, curve, group)
    if found is None:
        raise Unexpected(f"every point of {group} on {curve} is in the subgroup")
    return found


def pairing(backend: str) -> Book:
    """Pairings of random points, products, identities."""
    book = Book("curves/pairing", SPEC + "pairing", backend)
    for curve in params.NAMES:
        E, x = book.E(curve), _points(book, curve, curve)
        g1, g2 = E.g1.to_bytes().hex(), E.g2.to_bytes().hex()
        book.good(
            f"{curve}-generators",
            "pairing",
            {"P": g1, "Q": g2, "k": x["k"]},
            curve=curve,
            spec=SPEC + "final-exponentiation",
        )
        book.good(f"{curve}-random", "pairing", {"P": x["P1"], "Q": x["Q2"], "k": x["k"]}, curve=curve)
        minus = (-E.g1_from_bytes(bytes.fromhex(x["Q1"]))).to_bytes().hex()
        book.good(
            f"{curve}-product-one", "pairing-product", {"P": [x["P1"], minus], "Q": [x["Q2"], x["P2"]]}, curve=curve
        )
        book.good(
            f"{curve}-product",
            "pairing-product",
            {"P": [x["P1"], x["Q1"], g1], "Q": [g2, x["Q2"], x["P2"]]},
            curve=curve,
        )
        book.good(f"{curve}-empty-product", "pairing-product", {"P": [], "Q": []}, curve=curve)
    return book


_MESSAGES = ("", "abc", "q128_" + "q" * 128)


def expand_message(backend: str) -> Book:
    """Both ways to expand with every function, long tags, and lengths that are refused."""
    book = Book("curves/expand-message", SPEC + "expand-message", backend)
    functions = [f"xmd:{name}" for name in ("sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512")]
    for function in (*functions, "xof:shake128", "xof:shake256"):
        for length in (1, 32, 33, 257):
            inputs = {"expander": function, "message": "abc", "dst": "MILAGRO-VECTORS", "length": length}
            book.good(f"{function}-{length}", "expand-message", inputs)
        for name, dst in (("255", "t" * 255), ("256", "t" * 256), ("1000", "t" * 1000)):
            inputs = {"expander": function, "message": "", "dst": dst, "length": 48}
            book.good(f"{function}-tag-{name}", "expand-message", inputs)
        base = {"expander": function, "message": "abc", "dst": "MILAGRO-VECTORS", "length": 32}
        refused: dict[str, dict[str, Any]] = {
            "empty-tag": {"dst": ""},
            "no-length": {"length": 0},
            "negative-length": {"length": -1},
            "length-beyond-16-bits": {"length": 65536},
            "long-tag-refused": {"dst": "t" * 256, "oversize": "refuse"},
        }
        for name, changes in refused.items():
            book.bad(f"{function}-{name}", "expand-message", {**base, **changes}, ParameterError, layer="groups")
    book.bad(
        "xmd:sha256-more-than-255-blocks",
        "expand-message",
        {"expander": "xmd:sha256", "message": "", "dst": "MILAGRO-VECTORS", "length": 255 * 32 + 1},
        ParameterError,
        layer="groups",
    )
    book.bad(
        "unknown-function",
        "expand-message",
        {"expander": "xmd:md5", "message": "", "dst": "MILAGRO-VECTORS", "length": 16},
        ParameterError,
        layer="groups",
    )
    return book


def hash_to_curve(backend: str) -> Book:
    """Hashing to both groups of every curve, both modes, and to scalars."""
    book = Book("curves/hash-to-curve", SPEC + "hash-to-curve", backend)
    for curve in params.NAMES:
        sheet = params.get(curve)
        for group, suite, data in (("G1", sheet.suite_g1, sheet.map_g1), ("G2", sheet.suite_g2, sheet.map_g2)):
            kind = "SSWU" if isinstance(data, params.SSWU) else "SVDW"
            for mode in ("RO", "NU"):
                spec = SPEC + {"RO": "hash-to-curve", "NU": "sswu" if kind == "SSWU" else "svdw"}[mode]
                for i, message in enumerate(_MESSAGES):
                    book.good(
                        f"{curve}-{group}-{mode}-{i}",
                        "hash-to-curve",
                        {
                            "group": group,
                            "mode": mode,
                            "expander": "xmd:sha256",
                            "message": message,
                            "dst": f"MILAGRO-VECTORS-{suite}_XMD:SHA-256_{kind}_{mode}_",
                        },
                        curve=curve,
                        spec=spec,
                    )
            for expander in ("xmd:sha512", "xof:shake128"):
                book.good(
                    f"{curve}-{group}-{expander}",
                    "hash-to-curve",
                    {"group": group, "mode": "RO", "expander": expander, "message": "abc", "dst": "MILAGRO-VECTORS"},
                    curve=curve,
                    spec=SPEC + "clear-cofactor",
                )
            book.bad(
                f"{curve}-{group}-empty-tag",
                "hash-to-curve",
                {"group": group, "mode": "RO", "expander": "xmd:sha256", "message": "abc", "dst": ""},
                ParameterError,
                layer="groups",
                curve=curve,
            )
        for i, message in enumerate(_MESSAGES):
            book.good(
                f"{curve}-scalar-{i}",
                "hash-to-scalar",
                {"expander": "xmd:sha256", "message": message, "dst": "MILAGRO-VECTORS-SCALAR"},
                curve=curve,
                spec=SPEC + "hash-to-field",
            )
    return book


def map_original(backend: str) -> Book:
    """The maps of the original library on random and on special octets."""
    book = Book("curves/map-original", SPEC + "map-original-g1", backend)
    for curve in params.NAMES:
        E = book.E(curve)
        special = {
            "zero": bytes(E.field_bytes),
            "ones": b"\xff" * E.field_bytes,
            "short": b"\x01",
            "empty": b"",
            "long": b"\x5a" * (E.field_bytes + 16),
        }
        draws = {f"random-{i}": book.random(f"{curve}/{i}")(E.field_bytes) for i in range(4)}
        for name, h in {**draws, **special}.items():
            for group in ("G1", "G2"):
                book.good(
                    f"{curve}-{group}-{name}",
                    "map-original",
                    {"group": group, "h": h.hex()},
                    curve=curve,
                    spec=SPEC + f"map-original-{group.lower()}",
                )
    return book


TOPICS: tuple[Callable[[str], Book], ...] = (fields, groups, pairing, expand_message, hash_to_curve, map_original)
