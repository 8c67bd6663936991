"""Expanding, hashing to a field, to a scalar and to both groups, against RFC 9380 and the original library."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from milagro.errors import ParameterError
from milagro.groups import Curve, Expander, Xmd, Xof, curve

PUBLISHED = Path(__file__).resolve().parents[2] / "vectors" / "published" / "rfc9380-expand-message.json"
EXPAND = json.loads(PUBLISHED.read_text())["cases"]


def expander(name: str) -> Expander:
    kind, function = name.split(":")
    return Xmd(function) if kind == "xmd" else Xof(function)


@pytest.mark.parametrize("case", EXPAND, ids=[case["id"] for case in EXPAND])
def test_expand_message_of_rfc_9380(case: dict[str, dict[str, str]]) -> None:
    inputs = case["inputs"]
    expand = expander(inputs["expander"]).expand
    octets = expand(inputs["message"].encode(), inputs["dst"].encode(), int(inputs["length"]))
    assert octets.hex() == case["expected"]["uniform_bytes"]


def test_a_long_tag_can_be_refused() -> None:
    for kind in (Xmd("sha256", oversize_dst="refuse"), Xof("shake128", oversize_dst="refuse")):
        assert len(kind.expand(b"", b"x" * 255, 32)) == 32
        with pytest.raises(ParameterError, match="at most 255"):
            kind.expand(b"", b"x" * 256, 32)


@pytest.mark.parametrize("kind", [Xmd(), Xof()])
def test_what_cannot_be_expanded_is_refused(kind: Expander) -> None:
    for length in (0, -1, 65536):
        with pytest.raises(ParameterError):
            kind.expand(b"", b"tag", length)
    with pytest.raises(ParameterError, match="empty"):
        kind.expand(b"", b"", 32)


def test_xmd_gives_at_most_255_digests() -> None:
    assert len(Xmd().expand(b"", b"tag", 255 * 32)) == 255 * 32
    with pytest.raises(ParameterError):
        Xmd().expand(b"", b"tag", 255 * 32 + 1)


def test_unknown_functions_are_refused() -> None:
    for name in ("md5", "sha1", "shake128", "SHA256"):
        with pytest.raises(ParameterError):
            Xmd(name)
    with pytest.raises(ParameterError):
        Xof("sha256")


def test_names_of_expanders() -> None:
    names = [Xmd().name, Xmd("sha3_512").name, Xof().name, Xof("shake256").name]
    assert names == ["XMD:SHA-256", "XMD:SHA3-512", "XOF:SHAKE128", "XOF:SHAKE256"]


def test_hash_to_scalar_is_the_reduction_of_the_expansion(any_curve: Curve) -> None:
    E = any_curve
    length = -(-(E.order.bit_length() + 128) // 8)
    uniform = Xmd("sha512").expand(b"message", b"tag", length)
    expected = int.from_bytes(uniform, "big") % E.order
    assert E.hash_to_scalar(b"message", b"tag", expander=Xmd("sha512")).to_bytes() == expected.to_bytes(
        E.scalar_bytes, "big"
    )


def test_hashes_depend_on_message_tag_expander_and_mode(any_curve: Curve) -> None:
    E = any_curve
    for hash_to in (E.hash_to_g1, E.hash_to_g2):
        results = [
            hash_to(b"m", b"tag"),
            hash_to(b"n", b"tag"),
            hash_to(b"m", b"gat"),
            hash_to(b"m", b"tag", expander=Xof()),
            hash_to(b"m", b"tag", nonuniform=True),
        ]
        assert len(set(results)) == len(results)
        assert results[0] == hash_to(b"m", b"tag")


def test_hashes_are_in_the_subgroup(any_curve: Curve) -> None:
    E = any_curve
    for message in (b"", b"a", bytes(100)):
        for P in (E.hash_to_g1(message, b"tag"), E.hash_to_g1(message, b"tag", nonuniform=True)):
            assert E.ops.g1_is_identity(E.ops.g1_mul_integer(P._handle, E.order))
            assert not P.is_identity()
        for Q in (E.hash_to_g2(message, b"tag"), E.hash_to_g2(message, b"tag", nonuniform=True)):
            assert E.ops.g2_is_identity(E.ops.g2_mul_integer(Q._handle, E.order))
            assert not Q.is_identity()


def test_a_hash_is_a_map_of_the_expansion(any_curve: Curve) -> None:
    """The public hash agrees with the backend's map that shows its steps, and P is the cleared sum of the Q_i."""
    E = any_curve
    for nonuniform, count in ((False, 2), (True, 1)):
        u = Xmd().expand(b"message", b"tag", count * E.params.hash_length)
        fields, qs, P = E.ops.g1_map_to_curve(u, count)
        assert len(fields) == len(qs) == count
        pieces = [u[i * E.params.hash_length : (i + 1) * E.params.hash_length] for i in range(count)]
        assert [int.from_bytes(x, "big") for x in fields] == [int.from_bytes(x, "big") % E.params.p for x in pieces]
        total = qs[0] if count == 1 else E.ops.g1_add(*qs)
        assert E.ops.g1_equal(E.ops.g1_mul_integer(total, E.params.h_eff_g1), P)
        assert E.ops.g1_equal(E.hash_to_g1(b"message", b"tag", nonuniform=nonuniform)._handle, P)


def rsp_suites(text: str) -> list[tuple[str, list[dict[str, str]]]]:
    """(tag, cases) for each suite of a file of RFC 9380 vectors; long values go on in an indented line."""
    suites: list[tuple[str, list[dict[str, str]]]] = []
    for line in re.sub(r"\n {5,}(?=[0-9a-f])", "", text).splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if key == "dst":
            suites.append((value, []))
        elif key == "msg":
            suites[-1][1].append({"msg": value})
        elif equals and suites and suites[-1][1]:
            suites[-1][1][-1][key] = value
    return suites


@pytest.mark.parametrize("group", ["G1", "G2"])
def test_bls12_381_suites_of_rfc_9380(backend_name: str, shared_vectors: Path, group: str) -> None:
    """RFC 9380, appendices J.9 and J.10."""
    E = curve("BLS12-381", backend=backend_name)
    text = (shared_vectors / "milagro-crypto-c" / "bls" / f"hash2curve_{group}.rsp").read_text()
    done = 0
    for tag, cases in rsp_suites(text):
        hash_to = E.hash_to_g1 if group == "G1" else E.hash_to_g2
        names = ("P.x", "P.y") if group == "G1" else ("P.x_re", "P.x_im", "P.y_re", "P.y_im")
        for case in cases:
            P = hash_to(case["msg"].encode(), tag.encode(), nonuniform=tag.endswith("NU_"))
            assert b"".join(P.coordinates()).hex() == "".join(case[name] for name in names)
            done += 1
    assert done == 10


@pytest.mark.parametrize("name", ["BLS381", "BN254CX", "FP256BN"])
def test_the_original_maps_and_pairing(backend_name: str, shared_vectors: Path, name: str) -> None:
    E = curve(name, backend=backend_name)
    values = json.loads((shared_vectors / "oracle" / f"{name}.json").read_text())
    for k in range(6):
        h = bytes.fromhex(values[f"map_in_{k}"])
        assert E.map_to_g1_original(h).to_bytes("milagro").hex() == values[f"map1_{k}"].lower()
        assert E.map_to_g2_original(h).to_bytes("milagro").hex() == values[f"map2_{k}"].lower()
    assert E.pairing(E.g1, E.g2).to_bytes().hex() == values["pair_gen"].lower()


def test_the_original_maps_take_octets_of_any_length(any_curve: Curve) -> None:
    E = any_curve
    for size in (1, 20, E.field_bytes, 64, 100):
        h = hashlib.shake_128(b"h").digest(size)
        reduced = (int.from_bytes(h, "big") % E.params.p).to_bytes(E.field_bytes, "big")
        assert E.map_to_g1_original(h) == E.map_to_g1_original(reduced)
        assert E.map_to_g2_original(h) == E.map_to_g2_original(reduced)
        P = E.map_to_g1_original(h)
        assert E.g1_from_bytes(P.to_bytes()) == P
