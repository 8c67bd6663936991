"""Runs under valgrind: watches the operations of eight lanes, in a module of lanes that was compiled without AVX-512.

    valgrind python -m tests.constant_time.watch_lanes LIBRARY CURVE MODULE LANES RESULT

MODULE is the module of words that calls the lanes; LANES is the file of the module of lanes.
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


def main(library: str, curve_name: str, module: str, path: str, out: str) -> None:
    probe = Probe(Path(library))
    if not probe.on_valgrind():
        sys.exit("this is to be run by valgrind")
    secrets = Secrets(curve_name, module, probe)
    words = import_module(f"milagro._native.{module}")
    engine = lane_module(f"milagro._native.w{secrets.params.words}v", path).Engine(secrets.params)
    words.use_lanes(secrets.ops, engine)
    cases = [*lanes(secrets, words), control(secrets, words)]
    Path(out).write_text(json.dumps([watched(case, probe) for case in cases]))


if __name__ == "__main__":
    main(*sys.argv[1:])
