"""The two backends do the same random work, and every octet they return is compared.

Each operation draws its inputs from a seeded source, so both backends get the same ones, and a difference is
reported with the seed that repeats it. An error is a result too: its class is compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from milagro import params
from milagro.errors import MilagroError
from milagro.groups import Curve, G1Point, G2Point, GTElement, Scalar, Xmd, Xof, curve

Operation = Callable[[Curve, random.Random], bytes]

_OPERATIONS: dict[str, tuple[int, Operation]] = {}


@dataclass(frozen=True)
class Difference:
    """One operation on which the backends disagree; `repeat(curve_name, operation, seed)` shows it again."""

    curve: str
    operation: str
    seed: str
    reference: str
    native: str


def operation(weight: int) -> Callable[[Operation], Operation]:
    """Enter a function into the draw; `weight` says how often it is drawn."""

    def enter(function: Operation) -> Operation:
        _OPERATIONS[function.__name__] = (weight, function)
        return function

    return enter


# -- random inputs, with the edges of their range more often than chance has it ------------------------------------
def integer(source: random.Random, modulus: int) -> int:
    edge = source.randrange(12)
    if edge < 3:
        return edge % modulus
    if edge < 5:
        return modulus - edge + 2
    if edge == 5:
        return 1 << source.randrange(modulus.bit_length() - 1)
    if edge == 6:
        return (1 << source.randrange(1, modulus.bit_length())) - 1
    return source.randrange(modulus)


def scalar(E: Curve, source: random.Random) -> Scalar:
    return E.scalar(integer(source, E.order))


@cache
def _multiples(E: Curve) -> tuple[list[G1Point], list[G2Point], list[GTElement]]:
    """A few elements to start from, the identities among them."""
    ks = [E.scalar(k) for k in (0, 1, 2, 3, E.order - 1, E.order - 2, E.order // 2, E.order // 3, E.order // 5)]
    e = E.pairing(E.g1, E.g2)
    return [E.g1 * k for k in ks], [E.g2 * k for k in ks], [e**k for k in ks]


def point1(E: Curve, source: random.Random) -> G1Point:
    start = source.choice(_multiples(E)[0])
    return start if source.randrange(3) == 0 else start + E.g1 * scalar(E, source)


def point2(E: Curve, source: random.Random) -> G2Point:
    start = source.choice(_multiples(E)[1])
    return start if source.randrange(3) == 0 else start + E.g2 * scalar(E, source)


def gt(E: Curve, source: random.Random) -> GTElement:
    elements = _multiples(E)[2]
    return source.choice(elements) * source.choice(elements)


def field_octets(E: Curve, source: random.Random, count: int) -> bytes:
    return b"".join(integer(source, E.params.p).to_bytes(E.field_bytes, "big") for _ in range(count))


def written(point: G1Point | G2Point) -> bytes:
    return b"identity" if point.is_identity() else b"".join(point.coordinates())


# -- operations -----------------------------------------------------------------------------------------------------
@operation(6)
def scalar_arithmetic(E: Curve, source: random.Random) -> bytes:
    a, b = scalar(E, source), scalar(E, source)
    results = [a + b, a - b, a * b, -a, a if a.is_zero() else a.inverse()]
    return b"".join(k.to_bytes() for k in results) + bytes([a == b, a.is_zero()])


@operation(3)
def scalar_reduction(E: Curve, source: random.Random) -> bytes:
    return E.scalar_reduce(source.randbytes(source.randrange(3 * E.scalar_bytes))).to_bytes()


@operation(3)
def scalar_reading(E: Curve, source: random.Random) -> bytes:
    value = E.order + source.randrange(-3, 4)
    return E.scalar_from_bytes(value.to_bytes(source.choice([E.scalar_bytes, E.field_bytes]), "big")).to_bytes()


@operation(4)
def g1_addition(E: Curve, source: random.Random) -> bytes:
    P, Q = point1(E, source), point1(E, source)
    return b"|".join(written(R) for R in (P + Q, P - Q, -P, P + P, P - P)) + bytes([P == Q])


@operation(4)
def g2_addition(E: Curve, source: random.Random) -> bytes:
    P, Q = point2(E, source), point2(E, source)
    return b"|".join(written(R) for R in (P + Q, P - Q, -P, P + P, P - P)) + bytes([P == Q])


@operation(6)
def g1_multiplication(E: Curve, source: random.Random) -> bytes:
    return written(point1(E, source) * scalar(E, source))


@operation(5)
def g2_multiplication(E: Curve, source: random.Random) -> bytes:
    return written(point2(E, source) * scalar(E, source))


@operation(5)
def g1_multiplication_vartime(E: Curve, source: random.Random) -> bytes:
    return written(point1(E, source).mul_vartime(scalar(E, source)))


@operation(3)
def g2_multiplication_vartime(E: Curve, source: random.Random) -> bytes:
    return written(point2(E, source).mul_vartime(scalar(E, source)))


@operation(2)
def g1_multi_multiplication_vartime(E: Curve, source: random.Random) -> bytes:
    count = source.choice([0, 1, 2, 5, 60])
    points, scalars = ([draw(E, source) for _ in range(count)] for draw in (point1, scalar))
    return written(E.multi_multiply_g1_vartime(points, scalars))


@operation(1)
def g2_multi_multiplication_vartime(E: Curve, source: random.Random) -> bytes:
    count = source.choice([0, 1, 2, 5, 30])
    points, scalars = ([draw(E, source) for _ in range(count)] for draw in (point2, scalar))
    return written(E.multi_multiply_g2_vartime(points, scalars))


@operation(2)
def g1_multi_multiplication(E: Curve, source: random.Random) -> bytes:
    count = source.randrange(6)
    return written(
        E.multi_multiply_g1([point1(E, source) for _ in range(count)], [scalar(E, source) for _ in range(count)])
    )


@operation(1)
def g2_multi_multiplication(E: Curve, source: random.Random) -> bytes:
    count = source.randrange(5)
    return written(
        E.multi_multiply_g2([point2(E, source) for _ in range(count)], [scalar(E, source) for _ in range(count)])
    )


@operation(3)
def g1_encodings(E: Curve, source: random.Random) -> bytes:
    P = E.g1 * scalar(E, source) + E.g1
    return written(P) if P.is_identity() else b"".join(P.to_bytes(encoding) for encoding in E.encodings)


@operation(3)
def g2_encodings(E: Curve, source: random.Random) -> bytes:
    Q = E.g2 * scalar(E, source) + E.g2
    return written(Q) if Q.is_identity() else b"".join(Q.to_bytes(encoding) for encoding in E.encodings)


@operation(4)
def g1_reading(E: Curve, source: random.Random) -> bytes:
    """A point under a random encoding, then with random coordinates or a wrong flag: the same error refuses it."""
    encoding = source.choice(E.encodings)
    octets = bytearray((E.g1 * E.scalar(source.randrange(1, E.order))).to_bytes(encoding))
    if source.randrange(2):
        octets[-E.field_bytes :] = field_octets(E, source, 1)
    if source.randrange(2):
        octets[0] ^= 1 << source.randrange(8)
    return written(E.g1_from_bytes(bytes(octets), encoding, allow_identity=True))


@operation(4)
def g2_reading(E: Curve, source: random.Random) -> bytes:
    encoding = source.choice(E.encodings)
    octets = bytearray((E.g2 * E.scalar(source.randrange(1, E.order))).to_bytes(encoding))
    if source.randrange(2):
        octets[-2 * E.field_bytes :] = field_octets(E, source, 2)
    if source.randrange(2):
        octets[0] ^= 1 << source.randrange(8)
    return written(E.g2_from_bytes(bytes(octets), encoding, allow_identity=True))


@operation(4)
def g1_lifting(E: Curve, source: random.Random) -> bytes:
    """A point of the curve, mostly outside the subgroup, times a public integer."""
    rule, sign = source.choice(["parity", "larger"]), source.randrange(2)
    P = E.ops.g1_from_x(field_octets(E, source, 1), sign, rule)
    k = source.choice([E.order, E.params.cofactor_g1, source.randrange(-(2**70), 2**70)])
    R = E.ops.g1_mul_integer(P, k)
    flags = bytes([E.ops.g1_in_subgroup(P), E.ops.g1_sign(P, rule), E.ops.g1_is_identity(R)])
    return flags + b"".join(E.ops.g1_to_affine(P)) + (b"" if flags[2] else b"".join(E.ops.g1_to_affine(R)))


@operation(4)
def g2_lifting(E: Curve, source: random.Random) -> bytes:
    rule, sign = source.choice(["parity", "larger"]), source.randrange(2)
    P = E.ops.g2_from_x(field_octets(E, source, 2), sign, rule)
    k = source.choice([E.order, E.params.cofactor_g2, source.randrange(-(2**70), 2**70)])
    R = E.ops.g2_mul_integer(P, k)
    flags = bytes([E.ops.g2_in_subgroup(P), E.ops.g2_sign(P, rule), E.ops.g2_is_identity(R)])
    return flags + b"".join(E.ops.g2_to_affine(P)) + (b"" if flags[2] else b"".join(E.ops.g2_to_affine(R)))


@operation(3)
def g1_hashing(E: Curve, source: random.Random) -> bytes:
    expander = source.choice([Xmd("sha256"), Xmd("sha512"), Xof("shake128")])
    message, nonuniform = source.randbytes(source.randrange(80)), source.random() < 0.5
    return written(E.hash_to_g1(message, b"differential", expander=expander, nonuniform=nonuniform))


@operation(2)
def g2_hashing(E: Curve, source: random.Random) -> bytes:
    expander = source.choice([Xmd("sha256"), Xmd("sha512"), Xof("shake128")])
    message, nonuniform = source.randbytes(source.randrange(80)), source.random() < 0.5
    return written(E.hash_to_g2(message, b"differential", expander=expander, nonuniform=nonuniform))


@operation(2)
def g1_mapping_steps(E: Curve, source: random.Random) -> bytes:
    """Chosen field elements, 0 and the other exceptional ones among them, so that the maps' branches are met."""
    count, length = source.randrange(1, 3), E.params.hash_length
    u = b"".join(integer(source, E.params.p).to_bytes(length, "big") for _ in range(count))
    fields, qs, P = E.ops.g1_map_to_curve(u, count)
    hashed = E.ops.g1_hash_uniform(u, count), E.ops.g1_hash_uniform_vartime(u, count)
    same = all(E.ops.g1_equal(P, Q) for Q in hashed)
    return b"".join(fields) + b"|".join(_affine1(E, q) for q in (*qs, P)) + bytes([same])


@operation(2)
def g2_mapping_steps(E: Curve, source: random.Random) -> bytes:
    count, length = source.randrange(1, 3), E.params.hash_length
    u = b"".join(integer(source, E.params.p).to_bytes(length, "big") for _ in range(2 * count))
    fields, qs, P = E.ops.g2_map_to_curve(u, count)
    hashed = E.ops.g2_hash_uniform(u, count), E.ops.g2_hash_uniform_vartime(u, count)
    same = all(E.ops.g2_equal(P, Q) for Q in hashed)
    return b"".join(fields) + b"|".join(_affine2(E, q) for q in (*qs, P)) + bytes([same])


def _affine1(E: Curve, p: object) -> bytes:
    return b"identity" if E.ops.g1_is_identity(p) else b"".join(E.ops.g1_to_affine(p))


def _affine2(E: Curve, p: object) -> bytes:
    return b"identity" if E.ops.g2_is_identity(p) else b"".join(E.ops.g2_to_affine(p))


@operation(2)
def original_map_g1(E: Curve, source: random.Random) -> bytes:
    return written(E.map_to_g1_original(source.randbytes(source.randrange(1, 2 * E.field_bytes))))


@operation(1)
def original_map_g2(E: Curve, source: random.Random) -> bytes:
    return written(E.map_to_g2_original(source.randbytes(source.randrange(1, 2 * E.field_bytes))))


@operation(3)
def gt_arithmetic(E: Curve, source: random.Random) -> bytes:
    f, g = gt(E, source), gt(E, source)
    flags = bytes([f == g, f.is_one()])
    return (f * g).to_bytes() + f.inverse().to_bytes() + f.trace_bytes() + flags


@operation(2)
def gt_power(E: Curve, source: random.Random) -> bytes:
    return (gt(E, source) ** scalar(E, source)).to_bytes()


@operation(2)
def gt_reading(E: Curve, source: random.Random) -> bytes:
    octets = bytearray(gt(E, source).to_bytes())
    if source.randrange(2):
        at = source.randrange(12) * E.field_bytes
        octets[at : at + E.field_bytes] = field_octets(E, source, 1)
    return E.gt_from_bytes(bytes(octets), allow_identity=True).to_bytes()


@operation(1)
def pairing(E: Curve, source: random.Random) -> bytes:
    return E.pairing(point1(E, source), point2(E, source)).to_bytes()


@operation(1)
def pairing_of_several(E: Curve, source: random.Random) -> bytes:
    pairs = [(point1(E, source), point2(E, source)) for _ in range(source.randrange(4))]
    return E.pairing_product(pairs).to_bytes() + bytes([E.pairing_check(pairs)])


_TOWER_SIZES = {"fp": 1, "fp2": 2, "fp4": 4, "fp12": 12}
_TOWER = [f"{field}_{name}" for field in _TOWER_SIZES for name in ("add", "sub", "neg", "mul", "sqr", "inv")]
_TOWER += [
    "fp_sqrt",
    "fp2_sqrt",
    "fp2_conj",
    "fp2_mul_xi",
    "fp4_conj",
    "fp12_conj",
    "fp2_frob",
    "fp4_frob",
    "fp12_frob",
]


@operation(10)
def tower(E: Curve, source: random.Random) -> bytes:
    name = source.choice(_TOWER)
    size = _TOWER_SIZES[name.partition("_")[0]]
    operands = [field_octets(E, source, size) for _ in range(2 if name.endswith(("add", "sub", "_mul")) else 1)]
    return E.ops.tower(name, *operands)


@operation(8)
def square_roots(E: Curve, source: random.Random) -> bytes:
    """Of squares, of their negatives, of real and imaginary elements: the cases that the rule tells apart."""
    field = source.choice(["fp", "fp2"])
    zero = bytes(E.field_bytes)
    s = E.ops.tower(f"{field}_sqr", field_octets(E, source, _TOWER_SIZES[field]))
    if source.randrange(3) == 0:
        s = E.ops.tower(f"{field}_neg", s)
    elif field == "fp2" and source.randrange(2):
        x = field_octets(E, source, 1)
        s = source.choice([x + zero, zero + x])
    return E.ops.tower(f"{field}_sqrt", s)


@operation(1)
def cyclotomic_squaring(E: Curve, source: random.Random) -> bytes:
    return E.ops.tower("fp12_cyclotomic_sqr", gt(E, source).to_bytes())


# -- running ----------------------------------------------------------------------------------------------------------
def outcome(E: Curve, name: str, seed: str) -> str:
    """The octets in hex that operation `name` returns on the inputs of `seed`, or the class of its error."""
    try:
        return _OPERATIONS[name][1](E, random.Random(seed)).hex()
    except MilagroError as error:
        return type(error).__name__


def repeat(curve_name: str, name: str, seed: str) -> tuple[str, str]:
    """What reference and native return for one operation on the inputs of one seed."""
    one, other = (outcome(curve(curve_name, backend=backend), name, seed) for backend in ("reference", "native"))
    return one, other


def operations() -> tuple[str, ...]:
    """The names of all operations."""
    return tuple(_OPERATIONS)


def run(curve_name: str, n: int, seed: int) -> list[Difference]:
    """Do `n` random operations on both backends; the differences."""
    source = random.Random(f"{curve_name}/{seed}")
    names = source.choices(list(_OPERATIONS), weights=[weight for weight, _ in _OPERATIONS.values()], k=n)
    differences = []
    for i, name in enumerate(names):
        inputs = f"{curve_name}/{seed}/{i}/{name}"
        one, other = repeat(curve_name, name, inputs)
        if one != other:
            differences.append(Difference(curve_name, name, inputs, one, other))
    return differences


def main(arguments: list[str]) -> int:
    """differential.py N [SEED] [CURVE ...]: run and report."""
    n, seed = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0
    found = 0
    for name in arguments[2:] or params.NAMES:
        differences = run(name, n, seed)
        found += len(differences)
        print(f"{name}: {n} operations, {len(differences)} differences")
        for difference in differences[:10]:
            print(f"  {difference}")
    return 1 if found else 0


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
