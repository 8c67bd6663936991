"""The native backend against Python integers and the reference backend, level by level, in bulk.

Numbers come from a seeded source and lie on an edge of their range in two cases out of three: around 0, the modulus,
its fractions, R and every power of 2. Each level does `count` cases and returns the ones that differ, each as a line
that says how to see it again.

Multiples are compared without multiplying in the reference: it goes from one multiple to the next by one addition of
its own (a walk), while the native backend computes each from its scalar. So a hundred thousand scalar
multiplications, powers or pairings cost the reference a hundred thousand additions or products.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any

from milagro.backend import CurveOps
from milagro.errors import NotOnCurve
from milagro.params import CurveParams
from tests.native.conftest import Pair, outcome

Differences = list[str]
Level = Callable[[Pair, ModuleType, random.Random, int], Differences]
BATCH = 2000


def number(source: random.Random, m: int) -> int:
    """A number below m."""
    kind = source.randrange(12)
    if kind < 4:
        return source.randrange(m)
    near = source.randrange(-3, 4)
    if kind == 4:
        return near % m
    if kind == 5:
        return (m // source.choice([2, 3, 5, 7]) + near) % m
    if kind == 6:
        return ((1 << 64 * -(-m.bit_length() // 64)) + near) % m
    power = 1 << source.randrange(m.bit_length())
    if kind < 10:
        return (power + near) % m
    if kind == 10:
        return -(power + near) % m
    words = [source.choice([0, (1 << 64) - 1, 1, 1 << 63, source.getrandbits(64)]) for _ in range(m.bit_length() // 64)]
    return sum(word << 64 * i for i, word in enumerate(words)) % m


# -- words ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Kernel:
    """One function of mont.h by its definition; `wide` operands are below m*R, others below m."""

    name: str
    means: Callable[[int, int, int, int], int]  # of x, y, m, R
    wide: bool = False
    every: int = 1  # one case in so many, where Python is slow


def _symbol(x: int, m: int) -> int:
    return {0: 0, 1: 1}.get(pow(x, m // 2, m), (1 << 64) - 1)


def _kernels() -> tuple[Kernel, ...]:
    return (
        Kernel("add", lambda x, y, m, R: (x + y) % m),
        Kernel("sub", lambda x, y, m, R: (x - y) % m),
        Kernel("neg", lambda x, y, m, R: -x % m),
        Kernel("halve", lambda x, y, m, R: (x + m * (x & 1)) // 2),
        Kernel("mul", lambda x, y, m, R: x * y * _unit(R, m) % m),
        Kernel("product", lambda x, y, m, R: x * y),
        Kernel("redc", lambda x, y, m, R: x * _unit(R, m) % m, wide=True),
        Kernel("wide_add", lambda x, y, m, R: (x + y) % (m * R), wide=True),
        Kernel("wide_sub", lambda x, y, m, R: (x - y) % (m * R), wide=True),
        Kernel("inverse", lambda x, y, m, R: pow(x, -1, m) if x else 0, every=4),
        Kernel("jacobi", lambda x, y, m, R: _symbol(x, m), every=10),
        Kernel("pow", lambda x, y, m, R: pow(x * _unit(R, m), y, m) * R % m, every=20),
    )


_units: dict[tuple[int, int], int] = {}


def _unit(R: int, m: int) -> int:
    """1/R mod m."""
    if (R, m) not in _units:
        _units[R, m] = pow(R, -1, m)
    return _units[R, m]


def words(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """Each function of mont.h modulo p and modulo r."""
    found: Differences = []
    for kernel in _kernels():
        for m in (pair.params.p, pair.params.r):
            for size in _batches(count // kernel.every):
                found += _kernel_batch(kernel, m, pair.params.words, module, source, size)
    return found


def _kernel_batch(
    kernel: Kernel, m: int, words: int, module: ModuleType, source: random.Random, size: int
) -> Differences:
    R = 1 << 64 * words
    top, width = (m * R, 16 * words) if kernel.wide else (m, 8 * words)
    pairs = [(number(source, top), number(source, top)) for _ in range(size)]
    xs, ys = (b"".join(each[side].to_bytes(width, "little") for each in pairs) for side in (0, 1))
    octets = module.kernels(kernel.name, m, xs, ys)
    each = len(octets) // size
    results = (int.from_bytes(octets[at : at + each], "little") for at in range(0, len(octets), each))
    return [
        f"{kernel.name} modulo {m} of {x}, {y}"
        for (x, y), result in zip(pairs, results, strict=True)
        if result != kernel.means(x, y, m, R)
    ]


def _batches(count: int) -> Iterator[int]:
    for done in range(0, count, BATCH):
        yield min(BATCH, count - done)


# -- scalars and fields -----------------------------------------------------------------------------------------------
def scalars(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """Every operation of scalars, `count` times in turn, against integers."""
    N, r, size = pair.N, pair.params.r, pair.params.scalar_bytes

    def read(k: int) -> Any:
        return N.scalar_from_bytes(k.to_bytes(size, "big"))

    def reduced(a: int, b: int) -> Any:
        octets = (a * b << 8 * source.randrange(9)).to_bytes(2 * size + 8, "big")
        return N.scalar_reduce(octets), int.from_bytes(octets, "big")

    def one(i: int, a: int, b: int) -> tuple[str, int, int]:
        if i % 7 == 6:
            k, wanted = reduced(a, b)
            return "reduce", int.from_bytes(N.scalar_to_bytes(k), "big"), wanted % r
        name = ("add", "sub", "mul", "neg", "inv", "equal")[i % 7]
        if name == "equal":
            same = N.scalar_equal(read(a), read(b)), N.scalar_is_zero(read(a))
            return name, 2 * same[0] + same[1], 2 * (a == b) + (a == 0)
        operands = [read(a)] if name in ("neg", "inv") else [read(a), read(b)]
        wanted = {"add": a + b, "sub": a - b, "mul": a * b, "neg": -a, "inv": 0}[name] % r
        wanted = pow(a, -1, r) if name == "inv" and a else wanted
        return name, int.from_bytes(N.scalar_to_bytes(getattr(N, f"scalar_{name}")(*operands)), "big"), wanted

    found = []
    for i in range(count):
        a = number(source, r)
        b = a if source.randrange(16) == 0 else number(source, r)
        name, result, wanted = one(i, a, b)
        if result != wanted:
            found.append(f"scalar {name} of {a}, {b}")
    return found


_FIELDS = {"fp": 1, "fp2": 2, "fp4": 4, "fp12": 12}
_NAMES = {
    "fp": "add sub neg mul sqr inv sqrt",
    "fp2": "add sub neg mul sqr inv sqrt conj mul_xi frob",
    "fp4": "add sub neg mul sqr inv conj frob",
    "fp12": "add sub neg mul sqr inv conj frob",
}
_OPERATIONS = [f"{field}_{name}" for field, names in _NAMES.items() for name in names.split()]


def fields(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """Every operation of the tower, `count` times in turn, against the reference; roots of squares, too."""
    found = []
    for i in range(count):
        name = _OPERATIONS[i % len(_OPERATIONS)]
        degree = _FIELDS[name.partition("_")[0]]
        binary = name.partition("_")[2] in ("add", "sub", "mul")
        operands = [element(pair, source, degree) for _ in range(1 + binary)]
        if name.endswith("sqrt") and source.randrange(3):
            operands = [pair.R.tower(name.replace("sqrt", "sqr"), operands[0])]
        if outcome(pair.N.tower, name, *operands) != outcome(pair.R.tower, name, *operands):
            found.append(f"{name} of {', '.join(x.hex() for x in operands)}")
    return found


def element(pair: Pair, source: random.Random, degree: int) -> bytes:
    """The octets of an element; now and then with coordinates of 0."""
    thin = source.randrange(4) == 0
    coordinates = [0 if thin and source.randrange(2) else number(source, pair.params.p) for _ in range(degree)]
    return b"".join(map(pair.octets, coordinates))


# -- walks through a group of order r ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Steps:
    """The reference's group: its elements base * 2^i, found by doubling, and how to combine two."""

    params: CurveParams
    add: Callable[[Any, Any], Any]
    neg: Callable[[Any], Any]
    powers: list[Any]

    @classmethod
    def from_base(
        cls, params: CurveParams, base: Any, add: Callable[[Any, Any], Any], neg: Callable[[Any], Any]
    ) -> Steps:
        powers = [base]
        for _ in range(params.r.bit_length()):
            powers.append(add(powers[-1], powers[-1]))
        return cls(params, add, neg, powers)

    def multiple(self, k: int) -> Any:
        """k * base by the powers: for starting points only."""
        total = self.add(self.powers[0], self.neg(self.powers[0]))
        for i, power in enumerate(self.powers):
            if k >> i & 1:
                total = self.add(total, power)
        return total

    def walk(self, source: random.Random) -> Iterator[tuple[int, Any]]:
        """(k, k * base) for random and for edge k, each by one addition to one known before, at most."""
        r = self.params.r
        small = [(k, self.multiple(k % r)) for k in range(-3, 4)]
        leaps = [(k, self.multiple(k)) for k in (source.randrange(r) for _ in range(16))]
        fractions = [(r // d, self.multiple(r // d)) for d in (2, 3, 5, 7)]
        edges = [*small, *fractions, *[(1 << i, power) for i, power in enumerate(self.powers)]]
        k, at = leaps[0]
        while True:
            if source.randrange(2):
                step, leap = source.choice(leaps)
                k, at = (k + step) % r, self.add(at, leap)
                yield k, at
                continue
            edge, point = source.choice(edges)
            near, nearby = source.choice(small)
            edge, point = edge + near, self.add(point, nearby)
            yield (edge % r, point) if source.randrange(2) else (-edge % r, self.neg(point))


def _octets(k: int, params: CurveParams) -> bytes:
    return k.to_bytes(params.scalar_bytes, "big")


def _written(ops: CurveOps, group: str, point: Any) -> bytes:
    if getattr(ops, f"{group}_is_identity")(point):
        return b"identity"
    return b"".join(getattr(ops, f"{group}_to_affine")(point))


def _multiples(group: str, pair: Pair, source: random.Random, count: int) -> Differences:
    """k*G and k*P, constant time and not, and their sums, against a walk of the reference."""
    N, R, params = pair.N, pair.R, pair.params
    add, neg, mul, fast = (getattr(N, f"{group}_{name}") for name in ("add", "neg", "mul", "mul_vartime"))
    start = number(source, params.r - 1) + 1
    base = getattr(R, f"{group}_mul")(getattr(R, f"{group}_generator")(), R.scalar_from_bytes(_octets(start, params)))
    steps = Steps.from_base(params, base, getattr(R, f"{group}_add"), getattr(R, f"{group}_neg"))
    G = getattr(N, f"{group}_generator")()
    P = mul(G, N.scalar_from_bytes(_octets(start, params)))
    found, last = [], P
    for i, (k, wanted) in enumerate(islice(steps.walk(source), count)):
        scalar = N.scalar_from_bytes(_octets(k, params))
        if i % 4 == 0:  # by the generator's table
            result = mul(G, N.scalar_from_bytes(_octets(k * start % params.r, params)))
        elif i % 4 == 3:  # both, and a sum and a difference that take the points apart again
            result = add(add(mul(P, scalar), last), neg(last))
        else:
            result = (mul if i % 4 == 1 else fast)(P, scalar)
        last = result
        if _written(N, group, result) != _written(R, group, wanted):
            found.append(f"{group} multiple number {i}: {k} times {start} * generator")
    return found


def g1_multiples(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """Multiples in G1."""
    return _multiples("g1", pair, source, count)


def g2_multiples(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """Multiples in G2."""
    return _multiples("g2", pair, source, count)


def _gt_steps(pair: Pair) -> tuple[Steps, Any]:
    """Walks through the powers of e(G1, G2), which the reference computes once; and that element natively."""
    R = pair.R
    e = R.pairing(R.g1_generator(), R.g2_generator())
    return Steps.from_base(pair.params, e, R.gt_mul, R.gt_inv), pair.N.gt_from_bytes(R.gt_to_bytes(e))


def gt_powers(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """f^k, constant time and not, with products and inverses, against a walk of the reference."""
    N, R, params = pair.N, pair.R, pair.params
    steps, e = _gt_steps(pair)
    found, last = [], e
    for i, (k, wanted) in enumerate(islice(steps.walk(source), count)):
        scalar = N.scalar_from_bytes(_octets(k, params))
        result = (N.gt_exp if i % 2 else N.gt_exp_vartime)(e, scalar)
        if i % 4 == 3:
            result = N.gt_mul(N.gt_mul(result, last), N.gt_inv(last))
        last = result
        if N.gt_to_bytes(result) != R.gt_to_bytes(wanted):
            found.append(f"GT power number {i}: e^{k}")
    return found


def pairings(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """e(aP, bQ) for ab = k, alone, prepared, and in products of two, against a walk of the reference to e^k."""
    N, R, params = pair.N, pair.R, pair.params
    r = params.r
    steps, _ = _gt_steps(pair)
    G, H = N.g1_generator(), N.g2_generator()

    def points(k: int) -> tuple[Any, Any]:
        a = number(source, r - 1) + 1
        b = k * pow(a, -1, r) % r
        P, Q = (
            N.g1_mul(G, N.scalar_from_bytes(_octets(a, params))),
            N.g2_mul(H, N.scalar_from_bytes(_octets(b, params))),
        )
        return P, Q

    found = []
    for i, (k, wanted) in enumerate(islice(steps.walk(source), count)):
        if i % 4 == 0:
            result = N.pairing(*points(k))
        elif i % 4 == 1:
            P, Q = points(k)
            result = N.pairing(P, N.g2_prepare(Q))
        else:
            part = number(source, r)
            (P, Q), (S, T) = points(part), points((k - part) % r)
            result = N.pairing_product([P, S], [Q, N.g2_prepare(T) if i % 4 == 3 else T])
        if N.gt_to_bytes(result) != R.gt_to_bytes(wanted):
            found.append(f"pairing number {i}: e^{k}")
        elif i % 16 == 5:
            P, Q = points(k)
            S, T = points(-k % r)
            if not N.pairing_check([P, S], [Q, T]) or N.pairing_check([P, G], [Q, H]) != (k == r - 1):
                found.append(f"pairing check number {i}: e^{k}")
    return found


# -- hashes -----------------------------------------------------------------------------------------------------------
def _hashes(group: str, degree: int, pair: Pair, source: random.Random, count: int) -> Differences:
    """Both maps, the RFC's in constant time or not, of numbers at the edges of p, against the reference."""
    found = []
    arguments: tuple[Any, ...]
    for i in range(count):
        if i % 3 == 2:
            method, arguments = f"{group}_map_original", (number(source, pair.params.p).to_bytes(80, "big"),)
        else:
            parts = source.randrange(1, 3)
            method = f"{group}_hash_uniform" + ("" if i % 3 else "_vartime")
            u = b"".join(
                number(source, pair.params.p).to_bytes(pair.params.hash_length, "big") for _ in range(parts * degree)
            )
            arguments = (u, parts)
        native = _written(pair.N, group, getattr(pair.N, method)(*arguments))
        if native != _written(pair.R, group, getattr(pair.R, method)(*arguments)):
            found.append(f"{method} of {arguments[0].hex()} in {arguments[1:]} parts")
    return found


def g1_hashes(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """Hashes to G1."""
    return _hashes("g1", 1, pair, source, count)


def g2_hashes(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """Hashes to G2."""
    return _hashes("g2", 2, pair, source, count)


def points_from_x(pair: Pair, module: ModuleType, source: random.Random, count: int) -> Differences:
    """Points of the curve and of the twist by x and sign, mostly outside the subgroup; and the subgroup test."""
    found = []
    for i in range(count):
        group, degree = (("g1", 1), ("g2", 2))[i % 2]
        x, sign, rule = element(pair, source, degree), source.randrange(2), source.choice(["parity", "larger"])
        results = []
        for ops in (pair.N, pair.R):
            point = outcome(getattr(ops, f"{group}_from_x"), x, sign, rule)
            if point is NotOnCurve:
                results.append(b"none")
                continue
            member = [getattr(ops, f"{group}_in_subgroup")(point)] if i % 16 < 2 else []
            results.append(_written(ops, group, point) + bytes(member))
        if results[0] != results[1]:
            found.append(f"{group}_from_x of {x.hex()}, {sign}, {rule}")
    return found


# Each level, and how many cases of it the long and the short form do on each curve in each implementation.
LEVELS: dict[str, tuple[Level, int, int]] = {
    "words": (words, 100_000, 500),  # of each function, modulo p and modulo r
    "scalars": (scalars, 100_000, 1000),
    "fields": (fields, 100_000, 700),
    "points from x": (points_from_x, 100_000, 200),
    "multiples in G1": (g1_multiples, 100_000, 200),
    "multiples in G2": (g2_multiples, 100_000, 100),
    "powers in GT": (gt_powers, 100_000, 100),
    "pairings": (pairings, 30_000, 40),
    "hashes to G1": (g1_hashes, 100_000, 60),
    "hashes to G2": (g2_hashes, 10_000, 20),
}
