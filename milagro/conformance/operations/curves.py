"""Operations on fields, groups, pairing, hashing and encodings."""

from __future__ import annotations

from typing import Any

from milagro.conformance.literals import BadLiteral
from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.groups import Encoding, Expander, G1Point, G2Point, Xmd, Xof
from milagro.octets import i2osp


@operation("tower")
def tower(x: Inputs) -> Results:
    """One operation of the field tower."""
    return {"result": x.E.ops.tower(x.text("operation"), *x.octet_list("operands")).hex()}


@operation("curve-facts")
def curve_facts(x: Inputs) -> Results:
    """Order, modulus, cofactors and generators."""
    E, sheet = x.E, x.E.params
    return {
        "p": f"{sheet.p:x}",
        "r": f"{sheet.r:x}",
        "cofactor_g1": f"{sheet.cofactor_g1:x}",
        "cofactor_g2": f"{sheet.cofactor_g2:x}",
        "u": f"{sheet.u:x}",
        "g1": E.g1.to_bytes().hex(),
        "g2": E.g2.to_bytes().hex(),
    }


def _group(x: Inputs) -> str:
    group = x.text("group")
    if group not in ("G1", "G2"):
        raise BadLiteral(f"no group is called {group[:20]!r}")
    return group


def _point(x: Inputs, name: str, group: str) -> Any:
    return x.g1(name, None) if group == "G1" else x.g2(name, None)


@operation("group")
def group(x: Inputs) -> Results:
    """Sum, difference, negative, multiple and sum of multiples of two points."""
    which = _group(x)
    P, Q, k, m = _point(x, "P", which), _point(x, "Q", which), x.scalar("k"), x.scalar("l")
    multi = x.E.multi_multiply_g1 if which == "G1" else x.E.multi_multiply_g2
    return {
        "P+Q": (P + Q).to_bytes().hex(),
        "P-Q": (P - Q).to_bytes().hex(),
        "2P": (P + P).to_bytes().hex(),
        "-P": (-P).to_bytes().hex(),
        "kP": (k * P).to_bytes().hex(),
        "kP+lQ": multi([P, Q], [k, m]).to_bytes().hex(),
    }


@operation("scalar")
def scalar(x: Inputs) -> Results:
    """Sum, difference, product, negative and inverse modulo r."""
    a, b = x.scalar("a"), x.scalar("b")
    values = {"a+b": a + b, "a-b": a - b, "ab": a * b, "-a": -a, "1/a": a.inverse()}
    return {name: value.to_bytes().hex() for name, value in values.items()}


@operation("multiple")
def multiple(x: Inputs) -> Results:
    """A public multiple, by an integer of any size, of a point anywhere on the curve or the twist."""
    ops, k = x.E.ops, int(x.text("k"), 16) if x.text("k").lstrip("-").isalnum() else 0
    if _group(x) == "G1":
        result = ops.g1_mul_integer(ops.g1_from_affine(x.octets("x"), x.octets("y")), k)
        return _affine(ops.g1_is_identity(result), lambda: ops.g1_to_affine(result))
    result = ops.g2_mul_integer(ops.g2_from_affine(x.octets("x"), x.octets("y")), k)
    return _affine(ops.g2_is_identity(result), lambda: ops.g2_to_affine(result))


def _affine(identity: bool, coordinates: Any) -> Results:
    if identity:
        return {"identity": True}
    x, y = coordinates()
    return {"x": x.hex(), "y": y.hex()}


@operation("psi")
def psi(x: Inputs) -> Results:
    """On G2 the endomorphism psi is multiplication by p: x and y of psi(Q) are conjugates times constants."""
    E, Q = x.E, x.g2("Q", None)
    ops, n = E.ops, E.field_bytes
    c = b"".join(i2osp(part, n) for part in E.params.frobenius)
    if E.params.twist == "M":
        c = ops.tower("fp2_inv", c)
    c2 = ops.tower("fp2_sqr", c)
    qx, qy = Q.coordinates()
    px = ops.tower("fp2_mul", ops.tower("fp2_conj", qx), c2)
    py = ops.tower("fp2_mul", ops.tower("fp2_conj", qy), ops.tower("fp2_mul", c2, c))
    multiple_of_q = ops.g2_to_affine(ops.g2_mul_integer(ops.g2_from_affine(qx, qy), E.params.p))
    return {"x": px.hex(), "y": py.hex(), "is_p_times_Q": (px, py) == multiple_of_q}


@operation("pairing")
def pairing(x: Inputs) -> Results:
    """e(P, Q) and its power by k."""
    e = x.E.pairing(x.g1("P", None), x.g2("Q", None))
    return {"e": e.to_bytes().hex(), "e^k": (e ** x.scalar("k")).to_bytes().hex(), "1/e": e.inverse().to_bytes().hex()}


@operation("pairing-product")
def pairing_product(x: Inputs) -> Results:
    """The product of pairings, and whether it is one."""
    E = x.E
    ps = [E.g1_from_bytes(octets) for octets in x.octet_list("P")]
    qs = [E.g2_from_bytes(octets) for octets in x.octet_list("Q")]
    pairs = list(zip(ps, qs, strict=False))
    return {"product": E.pairing_product(pairs).to_bytes().hex(), "is_one": E.pairing_check(pairs)}


@operation("published-pairing")
def published_pairing(x: Inputs) -> Results:
    """The pairing value of draft-irtf-cfrg-pairing-friendly-curves: e_k in its order, raised to our exponent.

    The draft's e_0 .. e_11 are the coefficients of w^0 w^2 w^4 w^1 w^3 w^5, each real part first; our final
    exponent is m times the draft's, m = 1 for BN and 3 for BLS12.
    """
    E = x.E
    e = x.octet_list("e")
    at = dict(zip((0, 2, 4, 1, 3, 5), [e[2 * i] + e[2 * i + 1] for i in range(6)], strict=True))
    octets = b"".join(at[k] for k in (0, 3, 1, 4, 2, 5))
    ours = E.gt_from_bytes(octets) ** E.scalar(E.params.final_exponent_multiple)
    px, py = x.octet_list("P")
    qs = x.octet_list("Q")
    ops = E.ops
    P = G1Point._make(E, ops.g1_from_affine(px, py))
    Q = G2Point._make(E, ops.g2_from_affine(qs[0] + qs[1], qs[2] + qs[3]))
    return {
        "is_pairing_of_generators": E.pairing(E.g1, E.g2) == ours,
        "generators": [E.g1 == P, E.g2 == Q],
        "m": E.params.final_exponent_multiple,
    }


def _expander(x: Inputs) -> Expander:
    name, oversize = x.text("expander"), x.text("oversize", "hash")
    if oversize not in ("hash", "refuse"):
        raise BadLiteral("a long tag is hashed or refused")
    kind, _, function = name.partition(":")
    return Xof(function, oversize) if kind == "xof" else Xmd(function, oversize)  # type: ignore[arg-type]


@operation("expand-message")
def expand_message(x: Inputs) -> Results:
    """Uniform octets from a message."""
    expanded = _expander(x).expand(x.text("message").encode(), x.text("dst").encode(), x.integer("length"))
    return {"uniform_bytes": expanded.hex()}


@operation("hash-to-curve")
def hash_to_curve(x: Inputs) -> Results:
    """Field elements, mapped points and the result, coordinates as numbers."""
    E, which = x.E, _group(x)
    degree, count = (1 if which == "G1" else 2), (1 if x.text("mode") == "NU" else 2)
    message, dst = x.text("message").encode(), x.text("dst").encode()
    uniform = _expander(x).expand(message, dst, degree * count * E.params.hash_length)
    mapped = E.ops.g1_map_to_curve if which == "G1" else E.ops.g2_map_to_curve
    affine = E.ops.g1_to_affine if which == "G1" else E.ops.g2_to_affine
    us, qs, p = mapped(uniform, count)
    hashed = E.hash_to_g1 if which == "G1" else E.hash_to_g2
    result = hashed(message, dst, expander=_expander(x), nonuniform=count == 1)
    return {
        "u": [u.hex() for u in us],
        "Q": [[part.hex() for part in affine(q)] for q in qs],
        "P": [part.hex() for part in affine(p)],
        "agrees": result.coordinates() == affine(p),
    }


@operation("hash-to-scalar")
def hash_to_scalar(x: Inputs) -> Results:
    """A scalar from a message."""
    k = x.E.hash_to_scalar(x.text("message").encode(), x.text("dst").encode(), expander=_expander(x))
    return {"k": k.to_bytes().hex()}


@operation("map-original")
def map_original(x: Inputs) -> Results:
    """The original library's maps of octets."""
    E, which = x.E, _group(x)
    mapped = E.map_to_g1_original if which == "G1" else E.map_to_g2_original
    return {"point": mapped(x.octets("h")).to_bytes(Encoding.MILAGRO).hex()}


def _encoding(x: Inputs) -> Encoding:
    name = x.text("encoding")
    if name not in list(Encoding):
        raise BadLiteral(f"no encoding is called {name[:20]!r}")
    return Encoding(name)


@operation("encode")
def encode(x: Inputs) -> Results:
    """The octets of k times the generator, which decode to the same point."""
    E, which, encoding, k = x.E, _group(x), _encoding(x), x.integer("k")
    point: G1Point | G2Point = E.g1 * E.scalar(k) if which == "G1" else E.g2 * E.scalar(k)
    octets = point.to_bytes(encoding)
    read = E.g1_from_bytes if which == "G1" else E.g2_from_bytes
    again = read(octets, encoding, allow_identity=k == 0)
    return {"octets": octets.hex(), "decodes": again == point}


@operation("decode")
def decode(x: Inputs) -> Results:
    """The coordinates of a point in an encoding."""
    which, encoding, allow = _group(x), _encoding(x), x.flag("allow_identity")
    read = x.E.g1_from_bytes if which == "G1" else x.E.g2_from_bytes
    point = read(x.octets("octets"), encoding, allow_identity=allow)
    return _affine(point.is_identity(), point.coordinates)


@operation("decode-scalar")
def decode_scalar(x: Inputs) -> Results:
    """The shortest octets of a scalar."""
    return {"k": x.scalar("octets").to_bytes().hex()}


@operation("decode-gt")
def decode_gt(x: Inputs) -> Results:
    """The trace of an element of GT, which is read and written."""
    f = x.E.gt_from_bytes(x.octets("octets"), allow_identity=x.flag("allow_identity"))
    return {"octets": f.to_bytes().hex(), "trace": f.trace_bytes().hex()}
