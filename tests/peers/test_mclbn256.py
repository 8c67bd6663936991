"""BN254's pairing beside mclbn256's, up to the two conventions in which they differ.

Spec: spec/curves.md#final-exponentiation

mcl's final exponent is 2u(6u^2 + 3u + 1) times ours, and it writes an element of Fp12 as Fp6[w] over Fp6 = Fp2[v],
v = w^2: the coefficients of w^0, w^2, w^4, w^1, w^3, w^5.
"""

from __future__ import annotations

import pytest

from milagro.groups import G1Point, G2Point, GTElement, curve

mcl = pytest.importorskip("mclbn256.mclbn256", reason="mclbn256 has no wheel for this platform")

POWERS_OF_W = {"ours": (0, 3, 1, 4, 2, 5), "mcl": (0, 2, 4, 1, 3, 5)}


def integers(octets: bytes) -> list[int]:
    return [int.from_bytes(octets[at : at + 32], "big") for at in range(0, len(octets), 32)]


def decimal(point: G1Point | G2Point) -> bytes:
    return " ".join(["1", *(str(number) for number in integers(b"".join(point.coordinates())))]).encode()


def in_mcl_order(element: GTElement) -> list[int]:
    numbers = integers(element.to_bytes())
    coefficient = {power: numbers[2 * at : 2 * at + 2] for at, power in enumerate(POWERS_OF_W["ours"])}
    return [number for power in POWERS_OF_W["mcl"] for number in coefficient[power]]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (5, 7), (2**200 + 9, 2**190 + 3)])
def test_the_pairings_agree(backend_name: str, a: int, b: int) -> None:
    E = curve("BN254", backend=backend_name)
    P, Q = E.scalar(a) * E.g1, E.scalar(b) * E.g2
    theirs = mcl.G1().fromstr(decimal(P), 10).pairing(mcl.G2().fromstr(decimal(Q), 10))
    u = E.params.u
    ours = E.pairing(P, Q) ** E.scalar(2 * u * (6 * u * u + 3 * u + 1) % E.order)
    assert in_mcl_order(ours) == [int(number) for number in theirs.tostr(10).split()]


@pytest.mark.parametrize("a", [1, 2, 12345678901234567890])
def test_the_generators_and_the_group_law_agree(backend_name: str, a: int) -> None:
    E = curve("BN254", backend=backend_name)
    theirs = mcl.G1().fromstr(decimal(E.g1), 10) * mcl.Fr(a)
    assert theirs.tostr(10) == decimal(E.scalar(a) * E.g1)
