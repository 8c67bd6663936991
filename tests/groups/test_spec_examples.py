"""The numbers that spec/curves.md prints are the ones that the code computes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from milagro import params
from milagro.groups import Curve, Encoding, Xmd, curve

TEXT = (Path(__file__).resolve().parents[2] / "spec" / "curves.md").read_text(encoding="utf-8")
HEX = re.sub(r"`\n`", "", TEXT)


def section(name: str) -> str:
    """The text of a section, its hex strings joined where they are broken over lines."""
    return HEX.split(f"{{#{name}}}")[1].split("\n## ")[0]


def twice(E: Curve, encoding: Encoding) -> tuple[str, str]:
    two = E.scalar(2)
    return (two * E.g1).to_bytes(encoding).hex(), (two * E.g2).to_bytes(encoding).hex()


@pytest.mark.parametrize(
    ("name", "encoding", "where", "shown"),
    [
        ("BN254CX", Encoding.MILAGRO, "encoding-milagro", (0, 1)),
        ("BN254CX", Encoding.MILAGRO_COMPRESSED, "encoding-milagro", (0, 1)),
        ("BLS12-381", Encoding.ZCASH, "encoding-zcash", (0, 1)),
        ("BLS12-381", Encoding.ZCASH_UNCOMPRESSED, "encoding-zcash", (0,)),
        ("BN_SNARK1", Encoding.EIP197, "encoding-eip197", (0,)),
        ("BN254CX", Encoding.TAGGED, "encoding-tagged", (1,)),
    ],
)
def test_points(name: str, encoding: Encoding, where: str, shown: tuple[int, ...]) -> None:
    octets = twice(curve(name, backend="reference"), encoding)
    assert all(f"`{octets[i]}`" in section(where) for i in shown)


def test_gt_scalars_hashes_and_maps() -> None:
    E = curve("BN254CX", backend="reference")
    e, n = E.pairing(E.g1, E.g2), E.field_bytes
    assert f"`{e.to_bytes()[:n].hex()}`" in section("encoding-gt")
    assert f"`{e.trace_bytes()[:n].hex()}`" in section("encoding-gt")
    assert f"`{curve('BLS12-381', backend='reference').scalar(258).to_bytes().hex()}`" in section("encoding-scalar")
    assert f"`{E.hash_to_scalar(b'abc', b'tag').to_bytes().hex()}`" in section("hash-to-field")
    uniform = Xmd().expand(b"abc", b"QUUX-V01-CS02-with-expander-SHA256-128", 32)
    assert f"`{uniform.hex()}`" in section("expand-message")
    h = hashlib.sha256(b"alice@milagro.com").digest()
    assert f"`{h.hex()}`" in section("map-original-g1")
    assert f"`{E.map_to_g1_original(h).to_bytes(Encoding.MILAGRO).hex()}`" in section("map-original-g1")
    assert f"`{E.map_to_g2_original(h).to_bytes(Encoding.MILAGRO).hex()}`" in section("map-original-g2")


@pytest.mark.parametrize("name", params.NAMES)
def test_the_table_of_curves(name: str) -> None:
    c, u = params.get(name), params.get(name).u
    xi = f"{c.xi[0]} + i"
    sizes = f"{c.p.bit_length()}, {c.r.bit_length()}"
    row = (c.name, c.family, hex(u), sizes, c.b, xi, c.twist, c.field_bytes, c.scalar_bytes, c.hash_length)
    assert f"| {' | '.join(map(str, row))} |" in section("curves")
    assert c.hash_length == -(-(c.p.bit_length() + 128) // 8)
    if c.family == "BN":
        assert (c.cofactor_g1, c.cofactor_g2) == (1, 2 * c.p - c.r)
    else:
        assert c.cofactor_g1 == (u - 1) ** 2 // 3
        assert c.cofactor_g2 * 9 == u**8 - 4 * u**7 + 5 * u**6 - 4 * u**4 + 6 * u**3 - 4 * u**2 - 4 * u + 13
    # No point of order 2 anywhere: what the refusals say of y = 0 depends on it.
    assert c.cofactor_g1 % 2 == c.cofactor_g2 % 2 == 1


def test_the_table_of_svdw_constants() -> None:
    rows = dict(re.findall(r"^\| ([A-Z].*?) \| (.*? \| .*?) \|$", section("svdw"), re.MULTILINE))
    table = {name: value for names, value in rows.items() for name in names.split(", ")}
    for c in map(params.get, params.NAMES):
        if isinstance(c.map_g1, params.SvdW):
            z1, z2 = (z - c.p if z > c.p // 2 else z for z in (c.map_g1.z[0], c.map_g2.z[0]))
            assert c.map_g2.z[1] == 0
            assert table[c.name] == f"{z1} | {z2}"
