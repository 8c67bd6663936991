"""A process that uses secrets and lets go of them, while another one looks through its memory.

    python -m tests.native.secrets_in_memory IMPLEMENTATION CURVE SCENARIO

It says in JSON where its secrets lie, waits for a line, uses and drops them, says "dropped" and waits to be ended.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from milagro import _native
from milagro.backend import CurveOps
from tests.constant_time.probe import memory_of

Held = dict[str, Any]
Scenario = Callable[[CurveOps, Held], None]


def holdings(E: CurveOps) -> Held:
    """A secret scalar, two secret points, a power in GT and a prepared point."""
    k = E.scalar_reduce(bytes(range(1, 80)))
    P, Q = E.g1_mul(E.g1_generator(), k), E.g2_mul(E.g2_generator(), k)
    return {"k": k, "P": P, "Q": Q, "f": E.pairing(P, Q), "lines": E.g2_prepare(Q)}


def places(held: Held) -> list[tuple[int, int]]:
    """Address and size of the number in each handle, and of the first lines of a prepared point."""
    return [_lines(value) if name == "lines" else memory_of(value) for name, value in held.items()]


def _lines(prepared: Any) -> tuple[int, int]:
    kind = type(prepared)
    fields = (ctypes.c_size_t * 2).from_address(id(prepared) + kind.__mro__[1].__basicsize__)
    return fields[0], 512


def scalars(E: CurveOps, held: Held) -> None:
    """Arithmetic, and writing and reading."""
    k = held["k"]
    E.scalar_equal(E.scalar_mul(k, E.scalar_inv(k)), E.scalar_add(k, E.scalar_neg(k)))
    E.scalar_sub(k, E.scalar_from_bytes(E.scalar_to_bytes(k)))


def multiples(E: CurveOps, held: Held) -> None:
    """Every multiplication by a secret."""
    k, P, Q = held["k"], held["P"], held["Q"]
    E.g1_mul(E.g1_generator(), k), E.g2_mul(E.g2_generator(), k)
    E.g1_mul(P, k), E.g2_mul(Q, k), E.gt_exp(held["f"], k)
    E.g1_msm([P, E.g1_generator()], [k, k]), E.g2_msm([Q, E.g2_generator()], [k, k])


def points(E: CurveOps, held: Held) -> None:
    """Sums, comparisons, octets."""
    for group, name in (("g1", "P"), ("g2", "Q")):
        point, generator = held[name], getattr(E, f"{group}_generator")()
        getattr(E, f"{group}_add")(point, generator), getattr(E, f"{group}_neg")(point)
        getattr(E, f"{group}_equal")(point, generator), getattr(E, f"{group}_in_subgroup")(point)
        getattr(E, f"{group}_sign")(point, "parity")
        octets = getattr(E, f"{group}_to_octets")(point, "tagged")
        getattr(E, f"{group}_from_octets")(octets, "tagged")
    E.gt_equal(E.gt_mul(held["f"], E.gt_inv(held["f"])), E.gt_one())
    E.gt_to_bytes(held["f"]), E.gt_trace(held["f"])


def pairings(E: CurveOps, held: Held) -> None:
    """Pairings of secret points, plain and prepared."""
    P, Q, lines = held["P"], held["Q"], held["lines"]
    E.pairing(P, Q), E.pairing_product([P, P], [lines, Q])
    E.pairing_check([P, E.g1_generator()], [lines, E.g2_generator()])
    E.g2_prepare(Q)


def refusals(E: CurveOps, held: Held) -> None:
    """Operations that fail half way with a secret in hand."""
    k, P, Q, lines = held["k"], held["P"], held["Q"], held["lines"]
    other: Any = object()
    calls: list[Callable[[], object]] = [
        lambda: E.g1_msm([P, other], [k, k]),
        lambda: E.g2_msm([Q, Q], [k, other]),
        lambda: E.pairing_product([P, P], [lines, other]),
        lambda: E.pairing_check([P, other], [lines, Q]),
        lambda: E.scalar_add(k, other),
        lambda: E.scalar_from_bytes(b"\xff" * len(E.scalar_to_bytes(k))),
        lambda: E.g1_from_octets(b"\x04" + E.g1_to_octets(P, "milagro")[1:-1] + b"\0", "milagro"),
    ]
    for call in calls:
        with suppress(Exception):
            call()


KEPT: list[bytes] = []


def kept(E: CurveOps, held: Held) -> None:
    """Planted: a copy of one secret that nobody wipes."""
    KEPT.append(ctypes.string_at(*places(held)[0]))


SCENARIOS: dict[str, Scenario] = {
    each.__name__: each for each in (scalars, multiples, points, pairings, refusals, kept)
}


def main(implementation: str, curve: str, scenario: str) -> None:
    """Holds, uses, drops."""
    E = _native.curve(curve, implementation)
    held = holdings(E)
    print(json.dumps(places(held)), flush=True)
    sys.stdin.readline()
    SCENARIOS[scenario](E, held)
    held.clear()
    gc.collect()
    print("dropped", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
