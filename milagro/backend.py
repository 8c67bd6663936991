"""The boundary to arithmetic: what a backend must be able to do, and how one is chosen.

A backend is named, never guessed. `native` (compiled, constant-time for secrets) is the default; `reference`
(plain Python, readable, slow, not constant-time) is for tests, vectors and reading. The environment variable
MILAGRO_BACKEND overrides the default of a process.

The boundary is the group operation. Elements cross it as opaque handles (`Any` below: `G1`, `G2`, `GT` and
scalar objects of the backend, immutable); numbers cross it as big-endian octets, so that a secret scalar never
becomes a Python integer on the native path. Field coordinates have `field_bytes` octets, scalars `scalar_bytes`.
A backend reads and writes the encodings of points and refuses what is not on the curve. Which encodings a curve has is
`milagro.groups`' work, and the subgroup and the identity of a single point; an array is checked in full on the way in.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any, Protocol, cast

from milagro.errors import BackendUnavailable, ParameterError

Buffer = bytes | bytearray | memoryview
"""One-dimensional contiguous octets; a numpy array of uint8 is taken through memoryview."""

NAMES = ("native", "reference")
_MODULES = {"native": "milagro._native", "reference": "milagro._reference"}


class CurveOps(Protocol):
    """The operations of one curve. S, G1, G2, GT in the comments are the backend's own handle types."""

    # -- scalars: integers modulo r ------------------------------------------------------------------------
    def scalar_from_bytes(self, octets: bytes) -> Any:
        """`scalar_bytes` or `field_bytes` octets -> S. Raises WrongLength, NonCanonical (value >= r)."""

    def scalar_from_bits(self, octets: bytes) -> Any:
        """As scalar_from_bytes, of the lowest bits only, as many as r has: for drawing at random."""

    def scalar_from_decimal(self, digits: bytes) -> Any:
        """1 to 18 decimal digits in ASCII -> S, constant time. Raises WrongLength, NonCanonical for another octet."""

    def scalar_reduce(self, octets: bytes) -> Any:
        """Octets of any length -> S, reduced modulo r."""

    def scalar_to_bytes(self, k: Any) -> bytes: ...
    def scalar_add(self, a: Any, b: Any) -> Any: ...
    def scalar_sub(self, a: Any, b: Any) -> Any: ...
    def scalar_mul(self, a: Any, b: Any) -> Any: ...
    def scalar_neg(self, a: Any) -> Any: ...
    def scalar_inv(self, a: Any) -> Any:
        """1/a, and 0 for a = 0 (the caller refuses zero)."""

    def scalar_equal(self, a: Any, b: Any) -> bool: ...
    def scalar_is_zero(self, a: Any) -> bool: ...

    # -- G1: E(Fp), coordinates of field_bytes octets -------------------------------------------------------
    def g1_generator(self) -> Any: ...
    def g1_identity(self) -> Any: ...
    def g1_from_affine(self, x: bytes, y: bytes) -> Any:
        """The point (x, y). Raises WrongLength, NonCanonical, NotOnCurve. No subgroup check."""

    def g1_from_x(self, x: bytes, sign: int, rule: str) -> Any:
        """The point with this x whose y has `sign` under `rule`: "parity" (sgn0 of RFC 9380) or "larger"
        (1 where y > -y; for Fp2 compared on the imaginary part first). Raises WrongLength, NonCanonical, NotOnCurve."""

    def g1_to_affine(self, p: Any) -> tuple[bytes, bytes]:
        """(x, y). Raises IdentityElement."""

    def g1_from_octets(self, octets: bytes, encoding: str) -> Any:
        """The point or the identity with these octets in the encoding of this name, in constant time but for which
        of the refusals it is, in this order: WrongLength, InvalidFlags, NonCanonical, NotOnCurve. No subgroup check."""

    def g1_to_octets(self, p: Any, encoding: str) -> bytes:
        """The octets of the point; constant time. Raises IdentityElement where the identity has no encoding."""

    def g1_sign(self, p: Any, rule: str) -> int:
        """0 or 1 under the same rules as g1_from_x; constant time. Raises IdentityElement."""

    def g1_add(self, p: Any, q: Any) -> Any: ...
    def g1_neg(self, p: Any) -> Any: ...
    def g1_mul(self, p: Any, k: Any) -> Any:
        """k * p for a secret S k, constant time; p in the subgroup."""

    def g1_mul_vartime(self, p: Any, k: Any) -> Any:
        """k * p for a public S k; p in the subgroup. Variable time."""

    def g1_mul_integer(self, p: Any, k: int) -> Any:
        """k * p for a public integer of any size and sign; p anywhere on the curve. Variable time."""

    def g1_msm(self, points: Sequence[Any], scalars: Sequence[Any]) -> Any:
        """sum k_i * p_i, constant time in the scalars; the identity for empty sequences. Points in the subgroup."""

    def g1_msm_vartime(self, points: Sequence[Any], scalars: Sequence[Any]) -> Any:
        """The same for public scalars. Variable time."""

    def g1_msm_array_vartime(self, points: Buffer, scalars: Buffer) -> Any:
        """The same from two buffers: x, y of each point (zeros for the identity); `scalar_bytes` octets of each k_i.

        Raises WrongLength, NonCanonical, NotOnCurve, NotInSubgroup: everything is checked.
        """

    def g1_equal(self, p: Any, q: Any) -> bool: ...
    def g1_is_identity(self, p: Any) -> bool: ...
    def g1_in_subgroup(self, p: Any) -> bool: ...
    def g1_map_to_curve(self, u: bytes, count: int) -> tuple[list[bytes], list[Any], Any]:
        """RFC 9380 steps 2 to 6 on uniform octets: `count` field elements of len(u)/count octets each.

        Returns (u_0.. as canonical octets, Q_0.. before cofactor clearing, P = clear_cofactor(sum Q_i)).
        SSWU with its isogeny where the curve's data name it, else SvdW.
        """

    def g1_hash_uniform(self, u: bytes, count: int) -> Any:
        """Only P of g1_map_to_curve, constant time in u."""

    def g1_hash_uniform_vartime(self, u: bytes, count: int) -> Any:
        """The same for public octets. Variable time."""

    def g1_map_original(self, h: bytes) -> Any:
        """mapit of the original library: try-and-increment from int(h) mod p, even y, full cofactor."""

    # -- G2: E'(Fp2), coordinates of 2*field_bytes octets: real part, then imaginary part ----------------
    def g2_generator(self) -> Any: ...
    def g2_identity(self) -> Any: ...
    def g2_from_affine(self, x: bytes, y: bytes) -> Any: ...
    def g2_from_x(self, x: bytes, sign: int, rule: str) -> Any: ...
    def g2_to_affine(self, p: Any) -> tuple[bytes, bytes]: ...
    def g2_from_octets(self, octets: bytes, encoding: str) -> Any: ...
    def g2_to_octets(self, p: Any, encoding: str) -> bytes: ...
    def g2_sign(self, p: Any, rule: str) -> int: ...
    def g2_add(self, p: Any, q: Any) -> Any: ...
    def g2_neg(self, p: Any) -> Any: ...
    def g2_mul(self, p: Any, k: Any) -> Any: ...
    def g2_mul_vartime(self, p: Any, k: Any) -> Any: ...
    def g2_mul_integer(self, p: Any, k: int) -> Any: ...
    def g2_msm(self, points: Sequence[Any], scalars: Sequence[Any]) -> Any: ...
    def g2_msm_vartime(self, points: Sequence[Any], scalars: Sequence[Any]) -> Any: ...
    def g2_msm_array_vartime(self, points: Buffer, scalars: Buffer) -> Any: ...
    def g2_equal(self, p: Any, q: Any) -> bool: ...
    def g2_is_identity(self, p: Any) -> bool: ...
    def g2_in_subgroup(self, p: Any) -> bool: ...
    def g2_map_to_curve(self, u: bytes, count: int) -> tuple[list[bytes], list[Any], Any]:
        """As g1_map_to_curve over Fp2: an element is two integers of len(u)/(2*count) octets; u_i as 2*field_bytes."""

    def g2_hash_uniform(self, u: bytes, count: int) -> Any: ...
    def g2_hash_uniform_vartime(self, u: bytes, count: int) -> Any: ...
    def g2_map_original(self, h: bytes) -> Any:
        """mapit2 of the original library: X = 1 + i*u, 1 + i*(u+1), ...; Y by the original square-root rule."""

    # -- GT: the subgroup of order r in Fp12, written as 12 field elements in the order of the original library -
    def gt_one(self) -> Any: ...
    def gt_from_bytes(self, octets: bytes) -> Any:
        """12*field_bytes octets -> GT or any other Fp12 element. Raises WrongLength, NonCanonical."""

    def gt_to_bytes(self, f: Any) -> bytes: ...
    def gt_mul(self, f: Any, g: Any) -> Any: ...
    def gt_inv(self, f: Any) -> Any:
        """The inverse of a GT element (its conjugate)."""

    def gt_exp(self, f: Any, k: Any) -> Any:
        """f**k for a secret S k, constant time."""

    def gt_trace(self, f: Any) -> bytes:
        """The trace of f from Fp12 to Fp4, 3*a: four field elements, 4*field_bytes octets."""

    def gt_equal(self, f: Any, g: Any) -> bool: ...
    def gt_is_one(self, f: Any) -> bool: ...
    def gt_in_subgroup(self, f: Any) -> bool: ...

    # -- pairing ------------------------------------------------------------------------------------------------
    def pairing(self, p: Any, q: Any) -> Any:
        """e(p, q) for p in G1, q in G2, with the exact exponent of spec/curves.md; one if either is the identity.

        q here and in the two products below is a G2 or what g2_prepare made of one.
        """

    def pairing_product(self, ps: Sequence[Any], qs: Sequence[Any]) -> Any:
        """prod e(p_i, q_i) with one final exponentiation; one for empty sequences."""

    def pairing_check(self, ps: Sequence[Any], qs: Sequence[Any]) -> bool:
        """Whether prod e(p_i, q_i) = 1."""

    def g2_prepare(self, q: Any) -> Any:
        """q with the lines of its Miller loop worked out: a handle for the place of q in the three operations above."""

    def gt_exp_vartime(self, f: Any, k: Any) -> Any:
        """f**k for public f and S k; takes less time than gt_exp, and tells them by it."""

    # -- many at once: lists of handles; other threads may run meanwhile -----------------------------------------
    def scalars_from_array(self, octets: Buffer, size: int) -> list[Any]:
        """The S of each `size` octets, `scalar_bytes` at most. Raises ParameterError, WrongLength, NonCanonical."""

    def scalar_mul_many(self, left: list[Any], right: list[Any]) -> list[Any]:
        """a_i * b_i. Raises ParameterError for lists of different lengths."""

    def g1_hash_uniform_many(self, u: Buffer, n: int, count: int) -> list[Any]:
        """g1_hash_uniform of each of n messages, whose octets stand one behind the other."""

    def g1_hash_uniform_many_vartime(self, u: Buffer, n: int, count: int) -> list[Any]:
        """The same for public octets. Variable time."""

    def g1_map_original_many(self, hs: list[bytes]) -> list[Any]: ...
    def g1_mul_many(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        """k_i * p_i, constant time in the secret k_i; a list of one stands for as many as the other has.

        Raises ParameterError for other lists of different lengths.
        """

    def g1_mul_many_vartime(self, points: list[Any], scalars: list[Any]) -> list[Any]:
        """The same for public k_i. Variable time."""

    def g1_array_from_octets(self, octets: Buffer, encoding: str, allow_identity: bool, first: int) -> list[Any]:
        """The points of elements in the encoding of this name, each as long as what g1_to_octets writes, fully checked.

        Constant time as g1_from_octets. Raises WrongLength for a part of an element; for the first bad one, which has
        the number `first` plus its index in the text, InvalidFlags, NonCanonical, NotOnCurve, NotInSubgroup, and
        IdentityElement unless that is allowed.
        """

    def g1_array_to_octets(self, points: list[Any], encoding: str) -> bytearray:
        """The octets of the points, joined; constant time. Raises IdentityElement where that has no encoding."""

    def g2_hash_uniform_many(self, u: Buffer, n: int, count: int) -> list[Any]: ...
    def g2_hash_uniform_many_vartime(self, u: Buffer, n: int, count: int) -> list[Any]: ...
    def g2_mul_many(self, points: list[Any], scalars: list[Any]) -> list[Any]: ...
    def g2_mul_many_vartime(self, points: list[Any], scalars: list[Any]) -> list[Any]: ...
    def g2_array_from_octets(self, octets: Buffer, encoding: str, allow_identity: bool, first: int) -> list[Any]: ...
    def g2_array_to_octets(self, points: list[Any], encoding: str) -> bytearray: ...
    def gt_exp_many(self, fs: list[Any], ks: list[Any]) -> list[Any]:
        """f_i**k_i, constant time in the k_i, which are secret; lists as in g1_mul_many."""

    def pairing_products_many(self, ps: list[Any], qs: list[Any], sizes: list[int]) -> list[Any]:
        """pairing_product of the first sizes[0] pairs, of the next sizes[1] pairs, and so on.

        Raises ParameterError if the sizes do not add up to the number of pairs.
        """

    def pairing_checks_many(self, ps: list[Any], qs: list[Any], sizes: list[int]) -> list[bool]:
        """Whether each of these products is 1."""

    # -- towers: for vectors and differential tests only -----------------------------------------------------
    def tower(self, operation: str, *operands: bytes) -> bytes:
        """One operation of the field tower on canonical octets.

        Fp: n octets; Fp2: re, im; Fp4 = Fp2[v]/(v^2 - xi): a, b for a + v b; Fp12 = Fp4[w]/(w^3 - v): a, b, c.
        Operations: {fp,fp2,fp4,fp12}_{add,sub,neg,mul,sqr,inv}; fp_sqrt (principal), fp2_sqrt (original rule);
        fp2_conj, fp2_mul_xi, fp4_conj, fp12_conj; fp2_frob, fp4_frob, fp12_frob (p-power);
        fp12_cyclotomic_sqr. inv of zero is zero. A square root that does not exist: NotOnCurve.
        """


class Backend(Protocol):
    """A backend module: its name, and the operations of each curve it can do."""

    NAME: str
    CONSTANT_TIME: bool

    def curve(self, name: str) -> CurveOps:
        """The operations of the curve; one object a name. Raises ParameterError for an unknown curve."""


def default_name() -> str:
    """The backend that is used where none is named: MILAGRO_BACKEND, else `native`."""
    return os.environ.get("MILAGRO_BACKEND", "native")


def load(name: str | None = None) -> Backend:
    """The backend called `name`.

    Raises: ParameterError for a name that does not exist, BackendUnavailable if it is not built
    """
    name = name or default_name()
    if name not in _MODULES:
        raise ParameterError(f"no backend is called {name!r}; there are {' and '.join(NAMES)}")
    try:
        return cast("Backend", importlib.import_module(_MODULES[name]))
    except ImportError as error:
        raise BackendUnavailable(
            f"the {name} backend cannot be loaded ({error}); install a wheel of milagro, or build it with a C "
            "compiler by 'pip install .'"
        ) from error
