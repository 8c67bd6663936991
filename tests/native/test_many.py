"""Many values in one native call: the same as on the reference backend, while other threads run."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from milagro import _native
from milagro.errors import (
    IdentityElement,
    InvalidFlags,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    ParameterError,
    WrongLength,
)
from tests.native.conftest import Pair, outcome
from tests.native.test_encodings import encodings
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
def test_an_array_is_the_octets_of_each_point(pair: Pair, rng: random.Random, group: str) -> None:
    """In every encoding, with the identity among the points where it has one; each backend reads what either writes."""
    same, identity = getattr(pair.N, f"{group}_equal"), getattr(pair.N, f"{group}_is_identity")
    for encoding in encodings(pair):
        for n in (0, 1, 5):
            points = made(pair, rng, group, n)
            if encoding.startswith("milagro"):
                points = [P for P in points if not identity(P)]
            each = [getattr(pair.N, f"{group}_to_octets")(P, encoding) for P in points]
            octets = getattr(pair.N, f"{group}_array_to_octets")(points, encoding)
            assert octets == b"".join(each)
            found = getattr(pair.N, f"{group}_array_from_octets")(memoryview(octets), encoding, True, 0)
            assert len(found) == len(points)
            assert all(map(same, found, points))
            theirs = getattr(pair.R, f"{group}_array_from_octets")(octets, encoding, True, 0)
            assert getattr(pair.R, f"{group}_array_to_octets")(theirs, encoding) == octets


def faults(pair: Pair, rng: random.Random, group: str, encoding: str) -> list[tuple[bytes, Any]]:
    """Elements of an array that are refused, and what each is refused as."""
    write = getattr(pair.N, f"{group}_to_octets")
    good = write(getattr(pair.N, f"{group}_generator")(), encoding)
    size, width = pair.params.field_bytes, (1 if group == "g1" else 2) * pair.params.field_bytes
    large = bytearray(good[:-size] + pair.params.p.to_bytes(size, "big"))
    if encoding == "zcash":
        large[0] |= 0x80
    found: list[tuple[bytes, Any]] = [(bytes(large), NonCanonical)]
    if encoding.startswith("zcash"):
        found.append((bytes([good[0] ^ 0x80]) + good[1:], InvalidFlags))
        found.append((b"\xc0" + good[1:], InvalidFlags))
    elif len(good) % width:
        found.append((b"\5" + good[1:], InvalidFlags))
    if len(good) >= 2 * width:
        found.append((good[:-1] + bytes([good[-1] ^ 1]), NotOnCurve))
    if not encoding.startswith("milagro"):
        found.append((write(getattr(pair.N, f"{group}_identity")(), encoding), IdentityElement))
    if (pair.params.cofactor_g1 if group == "g1" else pair.params.cofactor_g2) != 1:
        (stray,) = stray_points(pair, rng, group, 1)
        found.append((write(stray, encoding), NotInSubgroup))
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_the_first_bad_element_is_refused_by_its_number(pair: Pair, rng: random.Random, group: str) -> None:
    for encoding in encodings(pair):
        good = getattr(pair.N, f"{group}_to_octets")(getattr(pair.N, f"{group}_generator")(), encoding)
        for ops in (pair.N, pair.R):
            read = getattr(ops, f"{group}_array_from_octets")
            for octets, error in faults(pair, rng, group, encoding):
                for at in (0, 2):
                    with pytest.raises(error, match=rf"^element {7 + at} of the array: "):
                        read(good * at + octets + good + octets, encoding, False, 7)
            for wrong in (good[:-1], good + good[:1], b"\0"):
                assert outcome(read, wrong, encoding, True, 0) is WrongLength
            assert outcome(read, good, "der", True, 0) is ParameterError
            write, identity = getattr(ops, f"{group}_array_to_octets"), getattr(ops, f"{group}_identity")()
            assert outcome(write, [identity], "der") is ParameterError
            if encoding.startswith("milagro"):
                with pytest.raises(IdentityElement, match=r"^element 1 of the array: "):
                    write([getattr(ops, f"{group}_generator")(), identity], encoding)


def test_the_short_form_of_milagro_is_no_element_of_an_array(pair: Pair) -> None:
    short = pair.N.g1_to_octets(pair.N.g1_generator(), "milagro-compressed")
    for ops in (pair.N, pair.R):
        assert not ops.g1_is_identity(ops.g1_from_octets(short, "milagro"))
        count = 1 + 2 * pair.params.field_bytes  # so that the octets divide into whole elements
        assert outcome(ops.g1_array_from_octets, short * count, "milagro", True, 0) is InvalidFlags


def test_products_on_both_backends(pair: Pair, rng: random.Random) -> None:
    ps, qs = made(pair, rng, "g1", 5), made(pair, rng, "g2", 5)
    lefts = pair.R.g1_array_from_octets(pair.N.g1_array_to_octets(ps, "tagged"), "tagged", True, 0)
    rights = pair.R.g2_array_from_octets(pair.N.g2_array_to_octets(qs, "tagged"), "tagged", True, 0)
    prepared = [pair.N.g2_prepare(q) if i % 2 else q for i, q in enumerate(qs)]
    for sizes in ([5], [2, 0, 3]):
        native = pair.N.pairing_products_many(ps, prepared, sizes)
        reference = pair.R.pairing_products_many(lefts, rights, sizes)
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
        lambda: N.g1_array_to_octets([P], "tagged"),
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
    octets, row = bytes(64 * 2 * sheet.hash_length), E.g2_array_to_octets(Qs, "tagged")
    return {
        "hash": lambda: E.g1_hash_uniform_many_vartime(octets, 64, 2),
        "map": lambda: E.g1_map_original_many([bytes([i]) for i in range(64)]),
        "multiply": lambda: E.g1_mul_many(Ps, ks),
        "table": lambda: E.g2_mul_many([Q, Qs[0]][1:], ks),
        "power": lambda: E.gt_exp_many([f], ks),
        "pairings": lambda: E.pairing_products_many(Ps[:8], Qs[:8], [1] * 8),
        "sum": lambda: E.g1_msm_vartime(Ps, ks),
        "secret sum": lambda: E.g2_msm(Qs, ks),
        "write": lambda: E.g2_array_to_octets(Qs * 20, "milagro"),
        "read": lambda: E.g2_array_from_octets(row, "tagged", False, 0),
    }


@pytest.mark.parametrize("name", list(calls_of("BN254")))
def test_other_threads_run_meanwhile(name: str) -> None:
    assert other_thread_runs_in(calls_of("BN254")[name])


def test_a_call_that_keeps_the_interpreter_is_noticed() -> None:
    assert not other_thread_runs_in(lambda: sum(range(1000)), attempts=20)
