"""Maps to both curves against the reference, exceptional inputs included, and against RFC 9380's published points."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from milagro import backend
from milagro.errors import ParameterError, WrongLength
from milagro.groups import Xmd
from milagro.params import SSWU

from .conftest import Pair, outcome

GROUPS = ["g1", "g2"]


def degree(group: str) -> int:
    return 1 if group == "g1" else 2


def same_map(pair: Pair, group: str, u: bytes, count: int) -> None:
    native, reference = pair.call(f"{group}_map_to_curve", u, count)
    assert native[0] == reference[0]
    for Q in zip(native[1], reference[1], strict=True):
        pair.same_point(group, Q)
    pair.same_point(group, (native[2], reference[2]))
    for method in (f"{group}_hash_uniform", f"{group}_hash_uniform_vartime"):
        hashed = getattr(pair.N, method)(u, count)
        assert getattr(pair.N, f"{group}_equal")(hashed, native[2])
        assert getattr(pair.N, f"{group}_in_subgroup")(hashed)


@pytest.mark.parametrize("group", GROUPS)
def test_maps_of_random_octets(pair: Pair, rng: random.Random, group: str) -> None:
    for count in (1, 2, 3):
        same_map(pair, group, rng.randbytes(count * degree(group) * pair.params.hash_length), count)
    same_map(pair, group, b"\xff" * (2 * degree(group) * pair.params.hash_length), 2)


def exceptional(pair: Pair) -> list[int]:
    """Numbers u where a denominator of a map is 0: Z u^2 = 0 or -1 (SSWU), 1 +- c1 u^2 = 0 (SvdW); and the ends."""
    p, data = pair.params.p, pair.params.map_g1
    squares = (
        [-pow(data.z[0], -1, p)] if isinstance(data, SSWU) else [sign * pow(data.c1[0], -1, p) for sign in (1, -1)]
    )
    roots = [pow(square % p, (p + 1) // 4, p) for square in squares]
    return [0, 1, p - 1, 2, *(u for root in roots for u in (root, p - root))]


@pytest.mark.parametrize("group", GROUPS)
def test_maps_of_exceptional_elements(pair: Pair, group: str) -> None:
    length = pair.params.hash_length
    for u in exceptional(pair):
        octets = u.to_bytes(length, "big")
        for value in [octets] if group == "g1" else [octets + bytes(length), bytes(length) + octets, octets * 2]:
            same_map(pair, group, value, 1)
            same_map(pair, group, value + value, 2)


@pytest.mark.parametrize("group", GROUPS)
def test_a_point_and_its_opposite_cancel(pair: Pair, rng: random.Random, group: str) -> None:
    """u and -u under SSWU always; under SvdW, where they exchange two candidates for x, unless both are good."""
    p, length = pair.params.p, pair.params.hash_length
    to_curve, equal, neg = (getattr(pair.N, f"{group}_{name}") for name in ("map_to_curve", "equal", "neg"))
    opposite = 0
    for _ in range(10):
        u = [rng.randrange(1, p) for _ in range(degree(group))]
        octets = b"".join(value.to_bytes(length, "big") for value in u + [p - value for value in u])
        _, points, P = to_curve(octets, 2)
        assert equal(points[0], neg(points[1])) is getattr(pair.N, f"{group}_is_identity")(P)
        opposite += equal(points[0], neg(points[1]))
        same_map(pair, group, octets, 2)
    assert opposite == 10 if isinstance(pair.params.map_g1, SSWU) else opposite > 0


@pytest.mark.parametrize("group", GROUPS)
def test_uniform_octets_must_divide(pair: Pair, group: str) -> None:
    for method in (f"{group}_map_to_curve", f"{group}_hash_uniform", f"{group}_hash_uniform_vartime"):
        for u, count in ((b"", 1), (bytes(95), 2), (bytes(97), 2)):
            assert outcome(getattr(pair.N, method), u, count) is WrongLength
        for count in (0, -1):
            assert outcome(getattr(pair.N, method), bytes(96), count) is ParameterError


@pytest.mark.parametrize("group", GROUPS)
def test_original_maps(pair: Pair, rng: random.Random, group: str) -> None:
    size, p = pair.params.field_bytes, pair.params.p
    fixed = [b"", b"\0", b"\1", bytes(size), b"\xff" * size, p.to_bytes(size, "big"), (p - 1).to_bytes(size, "big")]
    for h in [*fixed, *(rng.randbytes(size) for _ in range(8)), rng.randbytes(3 * size)]:
        point = pair.call(f"{group}_map_original", h)
        pair.same_point(group, point)
        assert getattr(pair.N, f"{group}_in_subgroup")(point[0])


def rfc_blocks(path: Path) -> list[tuple[str, dict[str, str]]]:
    """(tag, values) of each message; a value that runs on over indented lines is joined."""
    text = re.sub(r"\n +(?:\+ I \* )?(?=[0-9a-f])", "", path.read_text())
    blocks, tag = [], ""
    for block in text.split("\n\n"):
        values = dict(re.findall(r"^(\S+) *= ?(.*)$", block, re.MULTILINE))
        tag = values.get("dst", tag)
        if "msg" in values:
            blocks.append((tag, {key: value.strip() for key, value in values.items()}))
    return blocks


@pytest.mark.parametrize("group", GROUPS)
def test_published_points_of_rfc_9380(shared_vectors: Path, group: str) -> None:
    E = backend.load("native").curve("BLS12-381")
    blocks = rfc_blocks(shared_vectors / "milagro-crypto-c" / "bls" / f"hash2curve_{group.upper()}.rsp")
    assert len(blocks) >= 8
    for tag, values in blocks:
        count = 2 if "_RO_" in tag else 1
        octets = Xmd("sha256").expand(values["msg"].encode(), tag.encode(), 64 * count * degree(group))
        fields, points, P = getattr(E, f"{group}_map_to_curve")(octets, count)
        to_affine = getattr(E, f"{group}_to_affine")
        computed = {"P": to_affine(P)}
        names = ["Q0", "Q1"] if count == 2 else ["Q"]
        computed |= {name: to_affine(Q) for name, Q in zip(names, points, strict=True)}
        checked = 0
        for name, (x, y) in computed.items():
            for axis, value in (("x", x), ("y", y)):
                printed = values.get(f"{name}.{axis}") or values.get(f"{name}.{axis}_re", "") + values.get(
                    f"{name}.{axis}_im", ""
                )
                checked += bool(printed)
                assert not printed or value.hex() == printed
        for index, value in enumerate(fields):
            printed = values.get(f"u[{index}]") or values.get("u")
            checked += bool(printed)
            assert not printed or value.hex() == printed
        assert checked >= 3
