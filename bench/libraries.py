"""The pairing libraries that a Python user could install instead, each as {operation: callable}.

All are optional: one that is missing is named and skipped. What each does not have is absent, not imitated.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from milagro import params

if TYPE_CHECKING:
    from collections.abc import Iterator

Ops = dict[str, Callable[[], object]]
DST = b"MILAGRO-BENCH-V01"
BN254_ORDER = params.get("BN254").r


@dataclass(frozen=True, slots=True)
class Library:
    """One library: what it is called on PyPI, its curve, and how its operations are made."""

    distribution: str
    curve: str
    operations: Callable[[bytes, tuple[int, int]], Ops]

    @property
    def version(self) -> str:
        return importlib.metadata.version(self.distribution)


@contextmanager
def _lines_computed_each_time(mcl: Any) -> Iterator[None]:
    """mclbn256 keeps the lines of every point of G2 that it has paired, unless it is told not to."""
    mcl.disable_memoization()
    try:
        yield
    finally:
        mcl.reenable_memoization()


def _mclbn256(message: bytes, scalars: tuple[int, int]) -> Ops:
    from mclbn256 import G1, G2, Fr, mclbn256  # noqa: PLC0415

    k = Fr(scalars[0] % BN254_ORDER)
    P, R = G1().hash(b"P"), G1().hash(b"R")
    Q, S = G2().hash(b"Q"), G2().hash(b"S")

    def pairing() -> object:
        with _lines_computed_each_time(mclbn256):
            return P.pairing(Q)

    def product() -> object:
        return (P.pairing(Q, use_final_exp=False) * R.pairing(S, use_final_exp=False)).final_exp()

    def product_plain() -> object:
        with _lines_computed_each_time(mclbn256):
            return product()

    return {
        "g1_mul": lambda: P * k,
        "g2_mul": lambda: Q * k,
        "pairing": pairing,
        "pairing_fixed": lambda: P.pairing(Q),
        "pairing_product2": product_plain,
        "pairing_product2_fixed": product,
        "hash_to_g1": lambda: G1().hash(message),
        "hash_to_g2": lambda: G2().hash(message),
        "mpin_verify": mpin_parts(message, scalars),
    }


def mpin_parts(message: bytes, scalars: tuple[int, int]) -> Callable[[], object]:
    """mclbn256's parts put together to M-Pin's server step: hash, U + yA, product of two with kept lines, is it 1?

    Raises: ImportError without mclbn256
    """
    from mclbn256 import G1, G2, Fr  # noqa: PLC0415

    s, x, y = (Fr(k % BN254_ORDER) for k in (*scalars, scalars[0] ^ scalars[1]))
    A, Q = G1().hash(message), G2().hash(b"Q")
    U, V, sQ = A * x, (A * s) * -(x + y), Q * s
    e = A.pairing(Q)
    one = e / e

    def verify() -> None:
        P = U + G1().hash(message) * y
        lines = V.pairing(Q, use_final_exp=False) * P.pairing(sQ, use_final_exp=False)
        if lines.final_exp() != one:
            raise AssertionError("mclbn256 refused a right login")

    verify()
    return verify


def _pymcl(message: bytes, scalars: tuple[int, int]) -> Ops:
    import pymcl  # noqa: PLC0415

    k = pymcl.Fr(str(scalars[0]), 10)
    P, R = pymcl.G1.hash(b"P"), pymcl.G1.hash(b"R")
    Q, S = pymcl.G2.hash(b"Q"), pymcl.G2.hash(b"S")
    return {
        "g1_mul": lambda: P * k,
        "g2_mul": lambda: Q * k,
        "pairing": lambda: pymcl.pairing(P, Q),
        "pairing_product2": lambda: pymcl.pairing(P, Q) * pymcl.pairing(R, S),
        "hash_to_g1": lambda: pymcl.G1.hash(message),
        "hash_to_g2": lambda: pymcl.G2.hash(message),
    }


def _pyblst(message: bytes, scalars: tuple[int, int]) -> Ops:
    from pyblst import BlstP1Element, BlstP2Element, final_verify, miller_loop  # noqa: PLC0415

    G1, G2 = BlstP1Element, BlstP2Element
    P, R = G1.hash_to_group(b"P", DST), G1.hash_to_group(b"R", DST)
    Q, S = G2.hash_to_group(b"Q", DST), G2.hash_to_group(b"S", DST)
    return {
        "g1_mul": lambda: P.scalar_mul(scalars[0]),
        "g2_mul": lambda: Q.scalar_mul(scalars[0]),
        "pairing_product2": lambda: final_verify(miller_loop(P, Q), miller_loop(R, S)),
        "hash_to_g1": lambda: G1.hash_to_group(message, DST),
        "hash_to_g2": lambda: G2.hash_to_group(message, DST),
    }


def _arkworks(message: bytes, scalars: tuple[int, int]) -> Ops:
    from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar  # noqa: PLC0415

    k = Scalar.from_le_bytes_mod_order(scalars[0].to_bytes(32, "little"))
    P, R = G1Point.hash_to_curve(b"P", DST), G1Point.hash_to_curve(b"R", DST)
    Q, S = G2Point.hash_to_curve(b"Q", DST), G2Point.hash_to_curve(b"S", DST)
    return {
        "g1_mul": lambda: P * k,
        "g2_mul": lambda: Q * k,
        "pairing": lambda: GT.pairing(P, Q),
        "pairing_product2": lambda: GT.multi_pairing([P, R], [Q, S]),
        "hash_to_g1": lambda: G1Point.hash_to_curve(message, DST),
        "hash_to_g2": lambda: G2Point.hash_to_curve(message, DST),
    }


def _milagro_bls_binding(message: bytes, scalars: tuple[int, int]) -> Ops:
    import milagro_bls_binding as bls  # noqa: PLC0415

    secret = (scalars[0] >> 8).to_bytes(32, "big")
    key, signature = bls.SkToPk(secret), bls.Sign(secret, message)
    if not bls.Verify(key, message, signature):
        raise AssertionError("milagro-bls-binding refused its own signature")
    return {"bls_verify": lambda: bls.Verify(key, message, signature)}


def _py_ecc(message: bytes, scalars: tuple[int, int]) -> Ops:
    from py_ecc import optimized_bn128  # noqa: PLC0415

    bn: Any = optimized_bn128
    k = scalars[0] % bn.curve_order
    P, Q = bn.multiply(bn.G1, 5), bn.multiply(bn.G2, 7)
    return {
        "g1_mul": lambda: bn.multiply(P, k),
        "g2_mul": lambda: bn.multiply(Q, k),
        "pairing": lambda: bn.pairing(Q, P),
    }


LIBRARIES = (
    Library("mclbn256", "BN254", _mclbn256),
    Library("pymcl", "BLS12-381", _pymcl),
    Library("pyblst", "BLS12-381", _pyblst),
    Library("py-arkworks-bls12381", "BLS12-381", _arkworks),
    Library("milagro-bls-binding", "BLS12-381", _milagro_bls_binding),
    Library("py_ecc", "BN_SNARK1", _py_ecc),
)
