"""Groups of eight against single values: every operation of the lanes, each lane different, every size of a tail."""

from __future__ import annotations

import random
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from milagro import params
from milagro.backend import CurveOps
from milagro.errors import MilagroError, ParameterError

NAMES = [name for name in params.NAMES if params.get(name).words in (4, 6)]
SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17)


class Lanes:
    """One curve with its lanes (ops, through `module`), and random values in it."""

    def __init__(self, name: str) -> None:
        native: Any = pytest.importorskip("milagro._native")
        if "ifma" not in native.implementations():
            pytest.skip("this processor has no AVX-512 IFMA")
        self.sheet = params.get(name)
        self.ops: CurveOps = native.curve(name, "ifma")
        self.module: ModuleType = import_module(f"milagro._native.w{self.sheet.words}x")
        self.rng = random.Random(f"groups of {name}")

    def run(self, name: str, left: list[Any], right: list[Any] | None = None) -> list[Any]:
        result: list[Any] = self.module.by_lanes(self.ops, name, left, right)
        return result

    def scalar(self, value: int) -> Any:
        return self.ops.scalar_from_bytes((value % self.sheet.r).to_bytes(self.sheet.scalar_bytes, "big"))

    def random_scalar(self) -> Any:
        return self.scalar(self.rng.randrange(1, self.sheet.r))

    def points(self, group: str, n: int, *, identity: bool = False) -> list[Any]:
        """Random points, some of them equal, opposite or the generator, and where allowed the identity."""
        get, rng = self.get, self.rng
        generator = get(f"{group}_generator")()
        points = [get(f"{group}_mul")(generator, self.random_scalar()) for _ in range(n)]
        for i in range(1, n):
            kind = rng.randrange(8)
            if kind == 0:
                points[i] = points[i - 1]
            elif kind == 1:
                points[i] = get(f"{group}_neg")(points[i - 1])
            elif kind == 2:
                points[i] = generator
            elif kind == 3 and identity:
                points[i] = get(f"{group}_identity")()
        return points

    def get(self, method: str) -> Any:
        return getattr(self.ops, method)

    def same(self, group: str, left: list[Any], right: list[Any]) -> bool:
        return all(self.get(f"{group}_equal")(x, y) for x, y in zip(left, right, strict=True))


@pytest.fixture(params=NAMES, scope="module")
def lanes(request: pytest.FixtureRequest) -> Lanes:
    return Lanes(request.param)


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_multiples(lanes: Lanes, group: str) -> None:
    r, rng = lanes.sheet.r, lanes.rng
    edges = [0, 1, 2, 15, 16, 17, 31, 32, 33, r - 1, r - 2, r // 2, 1 << 64, 1 << 127, 1 << 128, int("10" * 120, 2)]
    for n in SIZES:
        points = lanes.points(group, n, identity=True)
        scalars = [lanes.scalar(rng.choice(edges)) if rng.random() < 0.5 else lanes.random_scalar() for _ in range(n)]
        expected = [lanes.get(f"{group}_mul")(p, k) for p, k in zip(points, scalars, strict=True)]
        assert lanes.same(group, lanes.run(f"{group}_mul", points, scalars), expected), n
    points = lanes.points(group, len(edges), identity=True)
    scalars = [lanes.scalar(k) for k in edges]
    expected = [lanes.get(f"{group}_mul")(p, k) for p, k in zip(points, scalars, strict=True)]
    assert lanes.same(group, lanes.run(f"{group}_mul", points, scalars), expected)


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_one_for_all(lanes: Lanes, group: str) -> None:
    points, scalars = lanes.points(group, 11), [lanes.random_scalar() for _ in range(11)]
    multiply = lanes.get(f"{group}_mul")
    assert lanes.same(group, lanes.run(f"{group}_mul", points[:1], scalars), [multiply(points[0], k) for k in scalars])
    assert lanes.same(group, lanes.run(f"{group}_mul", points, scalars[:1]), [multiply(p, scalars[0]) for p in points])


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_hashes(lanes: Lanes, group: str) -> None:
    rng, octets = lanes.rng, 48 * (1 if group == "g1" else 2)
    for n in SIZES:
        for count in (1, 2):
            messages = [rng.randbytes(count * octets) for _ in range(n)]
            messages[rng.randrange(n)] = bytes(count * octets)  # u = 0, the exceptional input of the maps
            messages[rng.randrange(n)] = lanes.sheet.p.to_bytes(octets, "big") * count
            expected = [lanes.get(f"{group}_hash_uniform")(u, count) for u in messages]
            assert lanes.same(group, lanes.run(f"{group}_hash", messages, [count]), expected), (n, count)


def test_exceptional_inputs_of_the_maps(lanes: Lanes) -> None:
    p, size = lanes.sheet.p, 48 if lanes.sheet.field_bytes <= 48 else 64
    values = [0, 1, p - 1, 2, p - 2, *(pow(k, (p + 1) // 4, p) for k in range(2, 30))]
    messages = [value.to_bytes(size, "big") for value in values]
    expected = [lanes.ops.g1_hash_uniform(u, 1) for u in messages]
    assert lanes.same("g1", lanes.run("g1_hash", messages, [1]), expected)


def test_original_maps(lanes: Lanes) -> None:
    rng, p = lanes.rng, lanes.sheet.p
    for n in (*SIZES, 100):
        messages = [rng.randbytes(rng.randrange(1, 70)) for _ in range(n)]
        messages[rng.randrange(n)] = rng.choice([b"", b"\x00", (p - 1).to_bytes(lanes.sheet.field_bytes, "big")])
        expected = [lanes.ops.g1_map_original(h) for h in messages]
        assert lanes.same("g1", lanes.run("g1_map_original", messages), expected), n


def test_pairings_and_products(lanes: Lanes) -> None:
    ops = lanes.ops
    for n, m, prepared in ((1, 1, ()), (8, 1, ()), (9, 1, (0,)), (10, 2, (0, 1)), (7, 2, (1,)), (3, 3, (0, 2))):
        ps = [lanes.points("g1", m) for _ in range(n)]
        qs = [lanes.points("g2", m) for _ in range(n)]
        rows = [[ops.g2_prepare(q) if j in prepared else q for j, q in enumerate(row)] for row in qs]
        got = lanes.run("products", ps, rows)
        assert all(ops.gt_equal(f, ops.pairing_product(p, q)) for f, p, q in zip(got, ps, qs, strict=True)), (n, m)
        octets = [ops.gt_to_bytes(ops.pairing_product(p, q)) for p, q in zip(ps, rows, strict=True)]
        assert [ops.gt_to_bytes(f) for f in got] == octets


def test_checks_tell_the_good_from_the_bad(lanes: Lanes) -> None:
    # e(kP, Q) e(-P, kQ) = 1, with both points of G2 prepared once for all, or not prepared
    ops, n = lanes.ops, 21
    k, other = lanes.random_scalar(), lanes.random_scalar()
    q, kq = ops.g2_generator(), ops.g2_mul(ops.g2_generator(), k)
    for right in ([ops.g2_prepare(q), ops.g2_prepare(kq)], [q, kq], [q, ops.g2_prepare(kq)]):
        for size in (1, 8, n):
            good = [lanes.rng.random() < 0.5 for _ in range(size)]
            ps = lanes.points("g1", size)
            rows = [[ops.g1_mul(p, k if fine else other), ops.g1_neg(p)] for p, fine in zip(ps, good, strict=True)]
            assert [one == 1 for one in lanes.run("checks", rows, [right] * size)] == good


def test_points_in_any_coordinates(lanes: Lanes) -> None:
    # what came out of a sum has another Z than what was read
    ops = lanes.ops
    ps, qs = lanes.points("g1", 9), lanes.points("g2", 9)
    ps = [ops.g1_add(p, ops.g1_generator()) for p in ps]
    qs = [ops.g2_add(q, ops.g2_generator()) for q in qs]
    pairs = [(p, q) for p, q in zip(ps, qs, strict=True) if not (ops.g1_is_identity(p) or ops.g2_is_identity(q))]
    got = lanes.run("products", [[p] for p, _ in pairs], [[q] for _, q in pairs])
    assert all(ops.gt_equal(f, ops.pairing(*pair)) for f, pair in zip(got, pairs, strict=True))


def test_what_is_no_operation_is_refused(lanes: Lanes) -> None:
    with pytest.raises(ParameterError):
        lanes.run("div", [], [])
    with pytest.raises(ParameterError):
        lanes.run("products", [[lanes.ops.g1_identity()]], [[lanes.ops.g2_generator()]])
    native: Any = pytest.importorskip("milagro._native")
    with pytest.raises(MilagroError):
        lanes.module.by_lanes(native.curve(lanes.sheet.name, "adx"), "g1_mul", [], [])


def test_curves_without_lanes_run_all_the_same() -> None:
    native: Any = pytest.importorskip("milagro._native")
    for name in params.NAMES:
        if name not in NAMES and "ifma" in native.implementations():
            ops = native.curve(name, "ifma")
            assert ops.g1_equal(
                ops.g1_mul(ops.g1_generator(), ops.scalar_reduce(b"\x02")), ops.g1_add(*[ops.g1_generator()] * 2)
            )
