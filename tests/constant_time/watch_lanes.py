"""Runs under valgrind: watches the operations of eight lanes, in modules of lanes that were compiled without AVX-512.

    valgrind python -m tests.constant_time.watch_lanes LIBRARY CURVE MODULE LANES ACROSS RESULT

MODULE is the module of words that calls the lanes; LANES and ACROSS are the files of the modules of lanes, for eight
values at once and for one product across the lanes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.constant_time.operations import Case, Secrets
from tests.constant_time.probe import Probe
from tests.constant_time.watch import watched


def lane_module(name: str, path: str) -> ModuleType:
    """The module of lanes that is in this file, whatever the processor."""
    loader = ExtensionFileLoader(name, path)
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def lanes(secrets: Secrets, module: ModuleType) -> Iterator[Case]:
    """Every function of lanes_table.h but the original map, on secrets; every value of a result depends on one."""
    ops = secrets.ops

    def call(name: str, left: list[Any], right: list[Any]) -> Any:
        return lambda: tuple(module.by_lanes(ops, name, left, right))

    def case(name: str, left: list[Any], right: list[Any], *, result: bool = True) -> Case:
        return Case(f"lanes {name}", name, call(name, left, right), result)

    k, P, Q = secrets.k, secrets.P, secrets.Q
    yield case("g1_mul", [P, secrets.same_P, P], [k, secrets.l, secrets.same_k])
    yield case("g2_mul", [Q, secrets.same_Q, Q], [k, secrets.l, secrets.same_k])
    messages = [secrets.probe.hide(bytearray_of(secrets, index)) for index in range(3)]
    yield case("g1_hash", messages, [2])
    yield case("g2_hash", messages, [2])
    yield case("products", [[P], [secrets.same_P], [P]], [[Q], [secrets.same_Q], [Q]])
    prepared = ops.g2_prepare(Q)
    yield case("products", [[P, P], [P, secrets.same_P], [P, P]], [[prepared, Q]] * 3)
    yield case("checks", [[P], [secrets.same_P], [P]], [[prepared]] * 3, result=False)


def across(secrets: Secrets) -> Iterator[Case]:
    """One product of pairings at a time, of points as they are and prepared, and the check of one."""
    ops, P, Q = secrets.ops, secrets.P, secrets.Q
    prepared = ops.g2_prepare(secrets.same_Q)
    yield Case("across pairing", "pairing", lambda: ops.pairing(P, Q))
    yield Case("across product", "product", lambda: ops.pairing_product([P, secrets.same_P], [prepared, Q]))
    yield Case("across check", "check", lambda: ops.pairing_check([P, secrets.same_P], [prepared, Q]), result=False)


def bytearray_of(secrets: Secrets, index: int) -> bytes:
    return bytes(range(index, index + 192))


def control(secrets: Secrets, module: ModuleType) -> Case:
    """The original map, which varies in time by design, on a secret: memcheck must report it."""
    octets = secrets.probe.hide(bytearray_of(secrets, 7))
    return Case(
        "lanes g1_map_original",
        "g1_map_original",
        lambda: tuple(module.by_lanes(secrets.ops, "g1_map_original", [octets], None)),
        result=False,
    )


def main(library: str, curve_name: str, module: str, lanes_path: str, across_path: str, out: str) -> None:
    probe = Probe(Path(library))
    if not probe.on_valgrind():
        sys.exit("this is to be run by valgrind")
    secrets = Secrets(curve_name, module, probe)
    words = import_module(f"milagro._native.{module}")
    name = f"milagro._native.w{secrets.params.words}"
    words.use_lanes(secrets.ops, lane_module(f"{name}v", lanes_path).Engine(secrets.params))
    words.use_across(secrets.ops, lane_module(f"{name}s", across_path).Engine(secrets.params))
    cases = [*lanes(secrets, words), *across(secrets), control(secrets, words)]
    Path(out).write_text(json.dumps([watched(case, probe) for case in cases]))


if __name__ == "__main__":
    main(*sys.argv[1:])
