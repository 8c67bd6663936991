"""Many values in one native call: the same as on the reference backend, while other threads run."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from milagro import _native
from milagro.errors import IdentityElement, NonCanonical, NotInSubgroup, NotOnCurve, ParameterError, WrongLength
from tests.native.conftest import Pair, outcome
from tests.native.test_multiples import stray_points

GROUPS = ("g1", "g2")
SIZES = (0, 1, 7, 8, 9, 17)


def made(pair: Pair, rng: random.Random, group: str, count: int) -> list[Any]:
    N = pair.N
    P = getattr(N, f"{group}_generator")()
    found = [getattr(N, f"{group}_mul_integer")(P, rng.randrange(1, pair.params.r)) for _ in range(count)]
    if count > 3:
        found[2] = getattr(N, f"{group}_identity")()
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_each_hash_is_that_of_its_own_octets(pair: Pair, rng: random.Random, group: str) -> None:
    degree = 1 if group == "g1" else 2
    single, many = (getattr(pair.N, f"{group}_hash_uniform{end}") for end in ("", "_many"))
    public, same = getattr(pair.N, f"{group}_hash_uniform_many_vartime"), getattr(pair.N, f"{group}_equal")
    for n in SIZES:
        for count in (1, 2, 3):
            size = count * degree * pair.params.hash_length
            u = rng.randbytes(n * size)
            expected = [single(u[i * size : (i + 1) * size], count) for i in range(n)]
            for form in (many, public):
                found = form(u, n, count)
                assert len(found) == n
                assert all(map(same, found, expected))
    for wrong in ((b"", 1, 1), (b"a", 0, 1), (bytes(7), 3, 1), (b"a", 1, 0), (b"a", -1, 1)):
        assert outcome(many, *wrong) in (WrongLength, ParameterError)
        assert outcome(getattr(pair.R, f"{group}_hash_uniform_many"), *wrong) in (WrongLength, ParameterError)


@pytest.mark.parametrize("group", GROUPS)
def test_rows_of_coordinates(pair: Pair, rng: random.Random, group: str) -> None:
    """What one backend writes the other reads, with any lead and order of the parts."""
    for n in (0, 1, 5):
        points = made(pair, rng, group, n)
        for lead, swapped in ((0, False), (0, True), (1, False), (3, True)):
            octets = getattr(pair.N, f"{group}_to_affine_many")(points, lead, swapped, True)
            theirs = getattr(pair.R, f"{group}_from_affine_many")(octets, lead, swapped, True)
            assert getattr(pair.R, f"{group}_to_affine_many")(theirs, lead, swapped, True) == octets
            ours = getattr(pair.N, f"{group}_from_affine_many")(octets, lead, swapped, True)
            assert all(map(getattr(pair.N, f"{group}_equal"), ours, points))
            for rule in ("parity", "larger"):
                affine = [P for P in points if not getattr(pair.N, f"{group}_is_identity")(P)]
                rows, signs = getattr(pair.N, f"{group}_to_x_many")(affine, lead, swapped, rule)
                assert signs == bytes(getattr(pair.N, f"{group}_sign")(P, rule) for P in affine)
                back = getattr(pair.N, f"{group}_from_x_many")(rows, lead, swapped, signs, rule)
                assert all(map(getattr(pair.N, f"{group}_equal"), back, affine))
                theirs = getattr(pair.R, f"{group}_from_x_many")(rows, lead, swapped, signs, rule)
                assert getattr(pair.R, f"{group}_to_x_many")(theirs, lead, swapped, rule) == (rows, signs)


@pytest.mark.parametrize("group", GROUPS)
def test_rows_are_checked(pair: Pair, rng: random.Random, group: str) -> None:
    N, width = pair.N, (1 if group == "g1" else 2) * pair.params.field_bytes
    P = getattr(N, f"{group}_generator")()
    good = bytes(getattr(N, f"{group}_to_affine_many")([P], 0, False, True))
    cases: list[tuple[bytes, Any]] = [
        (good[:-1], WrongLength),
        (good + good[:-1] + bytes([good[-1] ^ 1]), NotOnCurve),
        (good + b"\xff" * len(good), NonCanonical),
        (good + bytes(len(good)), IdentityElement),
    ]
    x_cases: list[tuple[bytes, bytes, Any]] = [
        (good[: width - 1], b"\0", WrongLength),
        (b"\xff" * width, b"\1", NonCanonical),
        (good[:width], b"\2", ParameterError),
        (good[:width], b"", ParameterError),
        (good[:width], b"\0\0", ParameterError),
    ]
    if (pair.params.cofactor_g1 if group == "g1" else pair.params.cofactor_g2) != 1:
        (stray,) = stray_points(pair, rng, group, 1)
        xy = b"".join(getattr(N, f"{group}_to_affine")(stray))
        cases.append((good + xy, NotInSubgroup))
        x_cases.append((xy[:width], b"\0", NotInSubgroup))
    for ops in (pair.N, pair.R):
        for octets, error in cases:
            assert outcome(getattr(ops, f"{group}_from_affine_many"), octets, 0, False, False) is error
        for octets, signs, error in x_cases:
            assert outcome(getattr(ops, f"{group}_from_x_many"), octets, 0, False, signs, "parity") is error
        identity = getattr(ops, f"{group}_identity")()
        assert outcome(getattr(ops, f"{group}_to_affine_many"), [identity], 0, False, False) is IdentityElement
        assert outcome(getattr(ops, f"{group}_to_x_many"), [identity], 0, False, "parity") is IdentityElement


def test_products_on_both_backends(pair: Pair, rng: random.Random) -> None:
    ps, qs = made(pair, rng, "g1", 5), made(pair, rng, "g2", 5)
    lefts = [pair.R.g1_from_affine_many(pair.N.g1_to_affine_many(ps, 0, False, True), 0, False, True)]
    rights = [pair.R.g2_from_affine_many(pair.N.g2_to_affine_many(qs, 0, False, True), 0, False, True)]
    prepared = [pair.N.g2_prepare(q) if i % 2 else q for i, q in enumerate(qs)]
    for sizes in ([5], [2, 0, 3]):
        native = pair.N.pairing_products_many(ps, prepared, sizes)
        reference = pair.R.pairing_products_many(lefts[0], rights[0], sizes)
        assert [pair.N.gt_to_bytes(f) for f in native] == [pair.R.gt_to_bytes(f) for f in reference]
        assert pair.N.pairing_checks_many(ps, prepared, sizes) == [pair.N.gt_is_one(f) for f in native]


def test_handles_of_another_curve_are_refused(pair: Pair, implementation: str) -> None:
    other = _native.curve("BN254" if pair.params.name != "BN254" else "BN254CX", implementation)
    P, Q, k = other.g1_generator(), other.g2_generator(), other.scalar_reduce(b"\2")
    N, own = pair.N, pair.N.scalar_reduce(b"\2")
    calls: list[Callable[[], Any]] = [
        lambda: N.g1_mul_many([P], [own]),
        lambda: N.g1_mul_many([N.g1_generator()], [k]),
        lambda: N.g2_mul_many_vartime([Q], [own]),
        lambda: N.scalar_mul_many([own], [k]),
        lambda: N.gt_exp_many([other.gt_one()], [own]),
        lambda: N.pairing_products_many([P], [N.g2_generator()], [1]),
        lambda: N.pairing_checks_many([N.g1_generator()], [other.g2_prepare(Q)], [1]),
        lambda: N.g1_to_affine_many([P], 0, False, False),
    ]
    for call in calls:
        with pytest.raises((ParameterError, TypeError)):
            call()


def other_thread_runs_in(call: Callable[[], Any], attempts: int = 300) -> bool:
    """Whether another Python thread runs while the call does.

    The interpreter takes the lock from nobody for the time of the test, so the other thread gets ahead only where the
    call gives the lock away. How long it takes to wake up is not said, so that it is given more than one chance.
    """
    switch = sys.getswitchinterval()
    count, go = 0, threading.Event()

    def counting() -> None:
        nonlocal count
        go.wait()
        count += 1

    other = threading.Thread(target=counting)
    other.start()
    try:
        sys.setswitchinterval(10_000)
        go.set()
        for _ in range(attempts):
            if count:
                return True
            call()
        return bool(count)
    finally:
        sys.setswitchinterval(switch)
        go.set()
        other.join()


def calls_of(name: str) -> dict[str, Callable[[], Any]]:
    E = _native.curve(name)
    P, Q = E.g1_generator(), E.g2_generator()
    Ps, Qs = [E.g1_mul_integer(P, i + 2) for i in range(64)], [E.g2_mul_integer(Q, i + 2) for i in range(64)]
    ks = [E.scalar_reduce(bytes([7]) * 60) for _ in range(64)]
    f, sheet = E.pairing(P, Q), _native.params.get(name)
    octets = bytes(64 * 2 * sheet.hash_length)
    return {
        "hash": lambda: E.g1_hash_uniform_many_vartime(octets, 64, 2),
        "map": lambda: E.g1_map_original_many([bytes([i]) for i in range(64)]),
        "multiply": lambda: E.g1_mul_many(Ps, ks),
        "table": lambda: E.g2_mul_many([Q, Qs[0]][1:], ks),
        "power": lambda: E.gt_exp_many([f], ks),
        "pairings": lambda: E.pairing_products_many(Ps[:8], Qs[:8], [1] * 8),
        "sum": lambda: E.g1_msm_vartime(Ps, ks),
        "secret sum": lambda: E.g2_msm(Qs, ks),
        "write": lambda: E.g2_to_affine_many(Qs * 20, 0, False, False),
        "read": lambda: E.g2_from_affine_many(E.g2_to_affine_many(Qs, 0, False, False), 0, False, False),
    }


@pytest.mark.parametrize("name", list(calls_of("BN254")))
def test_other_threads_run_meanwhile(name: str) -> None:
    assert other_thread_runs_in(calls_of("BN254")[name])


def test_a_call_that_keeps_the_interpreter_is_noticed() -> None:
    assert not other_thread_runs_in(lambda: sum(range(1000)), attempts=20)
