from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from milagro.errors import ParameterError
from milagro.params import NAMES, SSWU, CurveParams, Decomposition, SvdW, get

FACTS = Path(__file__).resolve().parents[3] / "shared" / "facts"

ALIASES = {
    "BN254_CX": "BN254CX",
    "BN254_NOGAMI": "BN254",
    "BLS381": "BLS12-381",
    "BLS12381": "BLS12-381",
    "BLS12_381": "BLS12-381",
    "alt_bn128": "BN_SNARK1",
    "BN254_ETH": "BN_SNARK1",
    "BLS12-383": "BLS383",
    "BLS12-461": "BLS461",
}


def test_names_are_the_nine_in_their_order() -> None:
    assert NAMES == (
        "BN254",
        "BN254CX",
        "FP256BN",
        "BN_SNARK1",
        "BN462",
        "FP512BN",
        "BLS12-381",
        "BLS383",
        "BLS461",
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_curve_is_found_by_its_name(name: str) -> None:
    assert get(name).name == name
    assert get(name) is get(name)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_a_curve_is_found_by_its_aliases(alias: str, name: str) -> None:
    assert get(alias) is get(name)


def test_no_two_curves_share_a_name() -> None:
    names = [name for curve in map(get, NAMES) for name in (curve.name, *curve.aliases)]
    assert len(names) == len(set(names))
    assert all(get(name).name == name or name in get(name).aliases for name in names)


@pytest.mark.parametrize("name", ["", "bn254", "BN256", "bls12-381", "BN254 ", "secp256k1"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ParameterError) as caught:
        get(name)
    assert repr(name) in str(caught.value)
    assert all(known in str(caught.value) for known in NAMES)


def test_a_data_sheet_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        get("BN254").p = 7  # type: ignore[misc]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_a_python_integer(name: str) -> None:
    def check(value: object) -> None:
        if isinstance(value, tuple):
            for item in value:
                check(item)
        elif isinstance(value, SvdW | SSWU | Decomposition):
            for field in fields(value):
                check(getattr(value, field.name))
        else:
            assert type(value) in (int, str)

    for field in fields(CurveParams):
        check(getattr(get(name), field.name))


def test_suite_names() -> None:
    assert [get(name).suite_g1 for name in NAMES] == [
        "BN254NOGAMIG1",
        "BN254CXG1",
        "FP256BNG1",
        "BN254G1",
        "BN462G1",
        "FP512BNG1",
        "BLS12381G1",
        "BLS383G1",
        "BLS461G1",
    ]
    assert all(get(name).suite_g2 == re.sub("1$", "2", get(name).suite_g1) for name in NAMES)


def test_widths() -> None:
    sizes = {
        name: (get(name).p.bit_length(), get(name).field_bytes, get(name).scalar_bytes, get(name).words)
        for name in NAMES
    }
    assert sizes == {
        "BN254": (254, 32, 32, 4),
        "BN254CX": (254, 32, 32, 4),
        "FP256BN": (256, 32, 32, 4),
        "BN_SNARK1": (254, 32, 32, 4),
        "BN462": (462, 58, 58, 8),
        "FP512BN": (512, 64, 64, 8),
        "BLS12-381": (381, 48, 32, 6),
        "BLS383": (383, 48, 33, 6),
        "BLS461": (461, 58, 39, 8),
    }


def test_bls12_381_uses_the_isogenies_of_the_rfc_and_all_others_svdw() -> None:
    for name in NAMES:
        kind = SSWU if name == "BLS12-381" else SvdW
        assert isinstance(get(name).map_g1, kind)
        assert isinstance(get(name).map_g2, kind)
    g1, g2 = get("BLS12-381").map_g1, get("BLS12-381").map_g2
    assert isinstance(g1, SSWU)
    assert isinstance(g2, SSWU)
    assert [len(part) for part in (g1.x_num, g1.x_den, g1.y_num, g1.y_den)] == [12, 11, 16, 16]
    assert [len(part) for part in (g2.x_num, g2.x_den, g2.y_num, g2.y_den)] == [4, 3, 4, 4]
    assert get("BLS12-381").h_eff_g1 == 0xD201000000010001  # RFC 9380, section 8.8.1


def test_numbers_of_bn_snark1_are_those_of_ethereum() -> None:
    curve = get("BN_SNARK1")  # EIP-196, EIP-197
    assert curve.p == 21888242871839275222246405745257275088696311157297823662689037894645226208583
    assert curve.r == 21888242871839275222246405745257275088548364400416034343698204186575808495617
    assert curve.u == 4965661367192848881
    assert curve.g1 == (1, 2)
    assert curve.g2[0] == (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    )
    assert curve.g2[1] == (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    )


def test_bn_snark1_hashes_as_other_libraries_do() -> None:
    curve = get("BN_SNARK1")
    assert isinstance(curve.map_g1, SvdW)
    assert isinstance(curve.map_g2, SvdW)
    # The constants of Constantine in G1 and of gnark-crypto in G2, both with Z = 1.
    assert curve.map_g1.c3[0] == 0x16789AF3A83522EB353C98FC6B36D713D5D8D1CC5DFFFFFFA
    assert curve.map_g1.c4[0] == 0x10216F7BA065E00DE81AC1E7808072C9DD2B2385CD7B438469602EB24829A9BD
    assert curve.map_g2.z == (1, 0)
    montgomery = 2**256
    printed = (
        (12298500088583694207, 17447120171744064890, 14097510924717921191, 2278398337453771183),
        (4693446565795584099, 18320164443970680666, 6792758484113206563, 2989688171181581768),
    )
    limbs = tuple(sum(word << (64 * k) for k, word in enumerate(words)) for words in printed)
    assert tuple(part * montgomery % curve.p for part in curve.map_g2.c3) == limbs


def test_numbers_of_bn462_are_those_of_the_draft() -> None:
    curve = get("BN462")  # draft-irtf-cfrg-pairing-friendly-curves, the parameters of BN462
    assert curve.p == int(
        "240480360120023ffffffffff6ff0cf6b7d9bfca0000000000d812908f41c8020ffffffffff6ff66fc6ff687f640000000002401b00840138013",
        16,
    )
    assert curve.cofactor_g2 == int(
        "240480360120023ffffffffff6ff0cf6b7d9bfca0000000000d812908fa1ce0227fffffffff6ff66fc63f5f7f4c0000000002401b008a0168019",
        16,
    )
    assert curve.twist_b == (2, curve.p - 1)


def test_short_scalars_have_a_half_or_a_quarter_of_the_bits() -> None:
    bits = {name: (get(name).glv.bits, get(name).gls.bits) for name in NAMES}
    assert bits == {
        "BN254": (126, 64),
        "BN254CX": (126, 64),
        "FP256BN": (127, 65),
        "BN_SNARK1": (126, 64),
        "BN462": (230, 116),
        "FP512BN": (256, 129),
        "BLS12-381": (127, 63),
        "BLS383": (128, 64),
        "BLS461": (153, 76),
    }


def load(name: str) -> dict[str, Any]:
    path = FACTS / name
    if not path.exists():
        pytest.skip(f"no ../shared/facts/{name} beside the project")
    facts: dict[str, Any] = json.loads(path.read_text())
    return facts


def integers(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(integers(item) for item in value)
    return int(value, 16) if isinstance(value, str) else value


def test_numbers_agree_with_the_original_library() -> None:
    for name, facts in load("curves.json").items():
        curve = get(name)
        assert curve.family.startswith(facts["family"])
        assert (curve.u, curve.p, curve.r, curve.t) == integers([facts[key] for key in ("x", "p", "r", "trace")])
        assert (curve.b, curve.twist, curve.field_bytes) == (facts["b"], facts["twist"], facts["field_bytes"])
        assert (curve.cofactor_g1, curve.cofactor_g2) == integers([facts["cofactor_g1"], facts["cofactor_g2"]])
        assert (curve.ate_loop, curve.final_exponent_multiple) == integers([facts["ate"], facts["final_exp_multiple"]])
        assert (curve.g1, curve.g2) == integers([facts["g1"], facts["g2"]])
        assert (curve.twist_b, curve.frobenius) == integers([facts["twist_b"], facts["frobenius_const"]])


@pytest.mark.parametrize("group", ["G1", "G2"])
def test_isogenies_agree_with_the_rfc(group: str) -> None:
    facts = load("rfc9380_bls12381.json")[group]
    constants = get("BLS12-381").map_g1 if group == "G1" else get("BLS12-381").map_g2
    assert isinstance(constants, SSWU)

    def element(value: Any) -> Any:
        return integers(value) if group == "G2" else (integers(value), 0)

    for key in "ABZ":
        assert getattr(constants, key.lower()) == element(facts[key])
    for key in ("x_num", "x_den", "y_num", "y_den"):
        expected = [element(value) for value in facts[key]]
        while expected[-1] == (0, 0):
            expected.pop()
        assert getattr(constants, key) == tuple(expected)
