from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any

import pytest
from curve_params.derivation import CANONICAL, derive, polynomial, read_inputs, seed
from curve_params.proofs import prove
from curve_params.rendering import module_name, render

from milagro.params import NAMES, Decomposition, SvdW, get

if TYPE_CHECKING:
    from milagro.params import CurveParams

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "milagro" / "params"


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "derive_params.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def refuted(curve: CurveParams) -> str:
    return "\n".join(text for text, holds in prove(curve) if not holds)


def test_the_check_passes_and_prints_its_claims() -> None:
    result = check("--verbose")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "9 curves agree" in result.stdout
    assert "BN462: the embedding degree is 12 ... ok" in result.stdout
    assert "FAILED" not in result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_of_a_module_holds(name: str) -> None:
    claims = list(prove(get(name)))
    assert len(claims) > 40
    assert not [text for text, holds in claims if not holds]


def test_the_names_are_the_same_in_the_tool_and_the_package() -> None:
    assert CANONICAL == NAMES
    assert set(read_inputs()) == set(NAMES)


def test_a_changed_digit_in_a_module_is_reported_with_a_diff(tmp_path: Path) -> None:
    directory = tmp_path / "params"
    copytree(MODULES, directory)
    path = directory / "bls383.py"
    text = path.read_text()
    start = text.index("cofactor_g2=0x") + len("cofactor_g2=0x") + 20
    digit = "1" if text[start] != "1" else "2"
    path.write_text(text[:start] + digit + text[start + 1 :])
    result = check("--modules", str(directory))
    assert result.returncode == 1
    assert "--- milagro/params/bls383.py" in result.stdout
    assert "-    cofactor_g2=0x" in result.stdout
    assert "+    cofactor_g2=0x" in result.stdout
    assert "failed: BLS383" in result.stdout


def test_a_missing_module_is_reported_and_written_anew(tmp_path: Path) -> None:
    directory = tmp_path / "params"
    copytree(MODULES, directory)
    (directory / "bn254.py").unlink()
    assert "failed: BN254\n" in check("--check", "--modules", str(directory)).stdout
    assert check("--write", "--modules", str(directory)).returncode == 0
    assert (directory / "bn254.py").read_text() == (MODULES / "bn254.py").read_text()


def test_rendering_is_deterministic() -> None:
    given = read_inputs()["BN254CX"]
    assert render(derive("BN254CX", given), given) == (MODULES / f"{module_name('BN254CX')}.py").read_text()


PLANTED: list[tuple[str, str, dict[str, Any], str]] = [
    ("the wrong type of twist", "BN254", {"twist": "M"}, "E' is the M-type twist"),
    ("the twist's constant of the other type", "BLS12-381", {"twist_b": (2, -2)}, "only h2 r kills points of E'"),
    ("a composite p", "BN_SNARK1", {"p": get("BN_SNARK1").p + 4}, "p passes Baillie-PSW"),
    ("a composite r", "BLS383", {"r": get("BLS383").r + 2}, "r passes Baillie-PSW"),
    ("another curve's seed", "BN254", {"u": get("BN254CX").u}, "at u ="),
    ("a negated seed", "FP256BN", {"u": -get("FP256BN").u}, "at u ="),
    ("a wrong trace", "BLS461", {"t": -get("BLS461").t}, "p + 1 - t = h1 r"),
    ("another b", "BN462", {"b": 7}, "the generator of G1 is on E"),
    ("a square as xi", "BN254", {"xi": (4, 0)}, "xi is no square"),
    ("a cube as xi", "BLS383", {"xi": (8, 0)}, "xi is no cube"),
    ("a point off the curve in G1", "BLS12-381", {"g1": (1, 2)}, "the generator of G1 is on E"),
    ("swapped halves in G2", "BN_SNARK1", {"g2": tuple(x[::-1] for x in get("BN_SNARK1").g2)}, "G2 is on E'"),
    ("a wrong cofactor in G1", "BLS12-381", {"cofactor_g1": get("BLS12-381").cofactor_g1 + 1}, "h1 r"),
    ("a wrong cofactor in G2", "BN254", {"cofactor_g2": get("BN254").cofactor_g2 + 1}, "only h2 r kills"),
    ("the cofactor for h_eff_g1", "BLS461", {"h_eff_g1": get("BLS461").cofactor_g1}, "(u - 1) r kills E(Fp)"),
    ("an h_eff_g1 of 1", "BLS383", {"h_eff_g1": 1}, "sends points of E into G1"),
    ("the ate loop without its sign", "BN254", {"ate_loop": -get("BN254").ate_loop}, "ate loop"),
    ("another multiple", "BLS12-381", {"final_exponent_multiple": 1}, "multiple is the family's"),
    ("the conjugate Frobenius", "FP256BN", {"frobenius": (5, 1)}, "w^p = frobenius w"),
    (
        "the other beta",
        "BN254",
        {"cube_root_of_unity": get("BN254").cube_root_of_unity ** 2 % get("BN254").p},
        "lambda (x, y)",
    ),
    ("too few octets", "FP512BN", {"field_bytes": 63}, "p takes 63 octets"),
    ("too many octets for r", "BLS12-381", {"scalar_bytes": 48}, "r takes 48 octets"),
    ("too short a hash", "BN462", {"hash_length": 64}, "hash_to_field"),
    ("too few words", "BLS461", {"words": 6}, "p fits in 6 words"),
    ("a value not reduced", "BN254", {"g1": (-1, 1)}, "is reduced"),
    ("one suite name twice", "BN254", {"suite_g2": "BN254NOGAMIG1"}, "two suite names"),
]


@pytest.mark.parametrize(
    ("name", "change", "refutation"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED]
)
def test_a_planted_fault_is_refuted(name: str, change: dict[str, Any], refutation: str) -> None:
    assert refutation in refuted(replace(get(name), **change))


def changed(d: Decomposition, row: int, column: int) -> Decomposition:
    """The decomposition with one entry of its basis one too large."""
    basis = [list(entries) for entries in d.basis]
    basis[row][column] += 1
    return replace(d, basis=tuple(map(tuple, basis)))


@pytest.mark.parametrize("name", ["BN_SNARK1", "BLS12-381"])
@pytest.mark.parametrize("kind", ["glv", "gls"])
def test_a_wrong_decomposition_is_refuted(name: str, kind: str) -> None:
    curve, label = get(name), kind.upper()
    d: Decomposition = getattr(curve, kind)
    doubled = (tuple(2 * entry for entry in d.basis[0]), *d.basis[1:])
    faults = [
        (changed(d, 0, 1), "relation of the eigenvalue"),
        (replace(d, basis=doubled), "determinant is +-r"),
        (replace(d, factors=(d.factors[0] + 1, *d.factors[1:])), "the factors are 2^s beta_j"),
        (replace(d, factors=(-d.factors[0], *d.factors[1:])), "none negative"),
        (replace(d, bits=d.bits - 1), f"|a_i| < 2^{d.bits - 1}"),
        (replace(d, bits=d.bits + 9), "before the last window"),
        (replace(d, eigenvalue=d.eigenvalue + 1), f"{label} uses"),
    ]
    for fault, refutation in faults:
        broken: Any = {kind: fault}
        assert refutation in refuted(replace(curve, **broken)), refutation


def test_another_seed_spoils_the_subgroup_tests() -> None:
    curve = get("BN254")
    assert "f(psi) kills G2" in refuted(replace(curve, u=curve.u + 1))
    bls = get("BLS12-381")  # there Res(X - u, X^2 - tX + p) = p - u
    assert "nothing but G2" in refuted(replace(bls, cofactor_g2=(bls.p - bls.u) // bls.r))


@pytest.mark.parametrize("part", ["z", "c1", "c2", "c3", "c4"])
@pytest.mark.parametrize("group", ["map_g1", "map_g2"])
def test_a_wrong_constant_of_svdw_is_refuted(group: str, part: str) -> None:
    curve = get("BN254CX")
    constants = getattr(curve, group)
    assert isinstance(constants, SvdW)
    re, im = getattr(constants, part)
    broken: Any = {group: replace(constants, **{part: (re + 1, im)})}
    assert f"{group[-2:].upper()}: " in refuted(replace(curve, **broken))


def test_the_other_sign_of_c3_is_refuted() -> None:
    curve = get("BN254")
    assert isinstance(curve.map_g2, SvdW)
    re, im = curve.map_g2.c3
    c3 = (-re % curve.p, -im % curve.p)
    assert "sgn0(c3)" in refuted(replace(curve, map_g2=replace(curve.map_g2, c3=c3)))


@pytest.mark.parametrize("part", ["a", "b", "z", "x_num", "x_den", "y_num", "y_den"])
@pytest.mark.parametrize("group", ["map_g1", "map_g2"])
def test_a_wrong_constant_of_sswu_is_refuted(group: str, part: str) -> None:
    curve = get("BLS12-381")
    constants = getattr(curve, group)
    value = getattr(constants, part)
    wrong: Any = (4, 0) if part == "z" else (value[0] + 1, value[1]) if part in "ab" else ((1, 1), *value[1:])
    broken: Any = {group: replace(constants, **{part: wrong})}
    assert f"{group[-2:].upper()}: " in refuted(replace(curve, **broken))


def test_a_constant_of_g1_outside_fp_is_refuted() -> None:
    curve = get("BLS383")
    assert isinstance(curve.map_g1, SvdW)
    c4 = (curve.map_g1.c4[0], 1)
    assert "lie in Fp" in refuted(replace(curve, map_g1=replace(curve.map_g1, c4=c4)))


def test_a_fault_in_the_inputs_is_refused() -> None:
    given = read_inputs()["BN254"]
    curve = derive("BN254", {**given, "twist": "M"})
    assert "h2 r kills" in refuted(curve)


def test_polynomials_and_seeds_are_read_as_written() -> None:
    assert polynomial("36u^4 - u^3 + 6u + 1", -2) == 36 * 16 + 8 - 12 + 1
    assert polynomial("(u^2 - 1)/3", 4) == 5
    with pytest.raises(ArithmeticError):
        polynomial("(u^2 - 1)/3", 3)
    assert seed("-2^62 - 2^55 - 1") == -0x4080000000000001
    assert seed("-2^77 + 2^50 + 2^33") == -0x1FFFFFFBFFFE00000000
    assert seed("-0x10") == -16
