"""Maps to G1 and G2 against RFC 9380 and the original library."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from milagro._reference import curve, maps
from milagro.params import SvdW

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from milagro._reference.ops import ReferenceCurve


def rfc_cases(path: Path) -> list[dict[str, str]]:
    """The cases of a file of suites; values go on in indented lines, `+ I *` starts the imaginary part."""
    cases: list[dict[str, str]] = []
    dst = key = ""
    for line in path.read_text().splitlines():
        if field := re.match(r"(\S+)\s*= ?(.*)$", line):
            key, value = field.groups()
            if key == "dst":
                dst = value
            elif key == "msg":
                cases.append({"dst": dst, "msg": value})
            elif key != "suite":
                cases[-1][key] = value.strip()
        elif imaginary := re.match(r"\s+\+ I \* (\S+)", line):
            key += ".im"
            cases[-1][key] = imaginary[1]
        elif line.startswith(" ") and line.strip():
            cases[-1][key] += line.strip()
    return cases


def expand_message_xmd(message: bytes, dst: bytes, length: int) -> bytes:
    """RFC 9380, section 5.3.1, with SHA-256."""
    tail = dst + bytes([len(dst)])
    first = hashlib.sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\0" + tail).digest()
    block, octets = bytes(32), b""
    for k in range(1, -(-length // 32) + 1):
        block = hashlib.sha256(bytes(a ^ b for a, b in zip(first, block, strict=True)) + bytes([k]) + tail).digest()
        octets += block
    return octets[:length]


def element(case: dict[str, str], name: str) -> str:
    return case[name] + case.get(name + ".im", "")


def check_case(ops: ReferenceCurve, group: str, case: dict[str, str]) -> None:
    count = 2 if "u[1]" in case else 1
    degree = {"g1": 1, "g2": 2}[group]
    u = expand_message_xmd(case["msg"].encode(), case["dst"].encode(), count * degree * ops.params.hash_length)
    elements, points, total = getattr(ops, f"{group}_map_to_curve")(u, count)
    affine = getattr(ops, f"{group}_to_affine")
    assert [e.hex() for e in elements] == [element(case, f"u[{k}]") for k in range(count)]
    names = ["Q0", "Q1"] if count == 2 else ["Q"]
    found = [[c.hex() for c in affine(point)] for point in points]
    assert found == [[element(case, f"{name}.x"), element(case, f"{name}.y")] for name in names]
    expected = [case["P.x"], case["P.y"]] if degree == 1 else [case[f"P.{c}_re"] + case[f"P.{c}_im"] for c in "xy"]
    assert [c.hex() for c in affine(total)] == expected
    assert affine(getattr(ops, f"{group}_hash_uniform")(u, count)) == affine(total)


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_rfc_9380_suites_of_bls12_381(shared_vectors: Path, group: str) -> None:
    """Source: RFC 9380, appendices J.9 and J.10, as the original library prints them."""
    cases = rfc_cases(shared_vectors / "milagro-crypto-c" / "bls" / f"hash2curve_{group.upper()}.rsp")
    assert len(cases) == 10
    for case in cases:
        check_case(curve("BLS12-381"), group, case)


@pytest.mark.parametrize("name", ["BN254CX", "BLS381", "FP256BN"])
def test_original_maps(shared_vectors: Path, name: str) -> None:
    """Source: values of the original library's oracle, fields map_in, map1, map2."""
    ops = curve(name)
    values = json.loads((shared_vectors / "oracle" / f"{name}.json").read_text())
    for k in range(6):
        h = bytes.fromhex(values[f"map_in_{k}"])
        assert "04" + b"".join(ops.g1_to_affine(ops.g1_map_original(h))).hex() == values[f"map1_{k}"].lower()
        assert b"".join(ops.g2_to_affine(ops.g2_map_original(h))).hex() == values[f"map2_{k}"].lower()


@pytest.mark.parametrize("name", ["BN254CX", "BLS381", "FP256BN"])
def test_compressed_generator(shared_vectors: Path, name: str) -> None:
    """Source: values of the original library's oracle, field g1_compressed."""
    ops = curve(name)
    octets = bytes.fromhex(json.loads((shared_vectors / "oracle" / f"{name}.json").read_text())["g1_compressed"])
    assert ops.g1_equal(ops.g1_from_x(octets[1:], octets[0] - 2, "parity"), ops.g1_generator())
    assert ops.g1_sign(ops.g1_generator(), "parity") == octets[0] - 2


def test_all_maps_end_in_the_subgroup(ops: ReferenceCurve, rng: random.Random) -> None:
    for _ in range(3):
        u = rng.randbytes(4 * ops.params.hash_length)
        assert ops.g1_in_subgroup(ops.g1_hash_uniform(u, 2))
        assert ops.g2_in_subgroup(ops.g2_hash_uniform(u, 2))
        assert ops.g1_in_subgroup(ops.g1_map_original(u))
        assert ops.g2_in_subgroup(ops.g2_map_original(u))


def special(ops: ReferenceCurve, group: str) -> list[int]:
    """Field elements at which a denominator of the map vanishes, where they exist, and 0."""
    data: Any = getattr(ops.params, f"map_{group}")
    p = ops.params.p
    values = [0, 1, p - 1]
    if isinstance(data, SvdW) and data.c1[1] == 0:  # c1 u^2 = +-1
        for square in (pow(data.c1[0], -1, p), -pow(data.c1[0], -1, p) % p):
            root = pow(square, (p + 1) // 4, p)
            values += [root] if root * root % p == square else []
    return values


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_maps_are_total_and_keep_the_sign(ops: ReferenceCurve, group: str, rng: random.Random) -> None:
    chosen: Any = getattr(ops, f"_{group}")
    field, data = chosen.field, getattr(ops.params, f"map_{group}")
    elements = [field.element((value, 0)) for value in special(ops, group)]
    elements += [field.reduce(rng.randbytes(field.width)) for _ in range(20)]
    for u in elements:
        x, y = maps.map_to_curve(chosen.curve, data, u)
        assert chosen.curve.contains(x, y)
        if isinstance(data, SvdW):
            assert field.sgn0(u) == field.sgn0(y)


def test_clear_cofactor_of_bls12_381_is_h_eff() -> None:
    """Source: h_eff of G2 in RFC 9380, section 8.8.2."""
    ops = curve("BLS12-381")
    h_eff = int(
        "bc69f08f2ee75b3584c6a0ea91b352888e2a8e9145ad7689986ff031508ffe1329c2f178731db956d82bf015d1212b02"
        "ec0ec69d7477c1ae954cbc06689f6a359894c0adebbf6b4e8020005aaa95551",
        16,
    )
    u = bytes(range(128))
    _, (point,), total = ops.g2_map_to_curve(u, 1)
    assert ops.g2_equal(total, ops.g2_mul_integer(point, h_eff))
