"""CurveOps of the reference backend: octets and handles outside, `fields`, `tower`, `maps` and `pairing` inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gmpy2 import mpz

from milagro._reference import maps
from milagro._reference.encodings import Codec
from milagro._reference.fields import F, PrimeField, Quadratic, QuadraticField
from milagro._reference.group import G1, G2, Group, Scalar, checked, rows, same_length
from milagro._reference.many import ManyOperations
from milagro._reference.pairing import Pairing
from milagro._reference.tower import Fp12, Tower
from milagro._reference.tower_operations import TowerOperations
from milagro._reference.weierstrass import Point, Weierstrass
from milagro.errors import NonCanonical, ParameterError, WrongLength
from milagro.octets import below, i2osp, os2ip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milagro.backend import Buffer
    from milagro.params._model import SSWU, CurveParams, SvdW


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GT:
    """An element of Fp12, as a rule of its subgroup of order r."""

    curve: str
    value: Fp12

    def __repr__(self) -> str:
        return f"<reference GT element of {self.curve}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class G2Prepared:
    """A point of G2 for pairings; here nothing is worked out beforehand."""

    curve: str
    value: Any

    def __repr__(self) -> str:
        return f"<reference G2Prepared of {self.curve}>"


class ReferenceCurve(ManyOperations):
    """The operations of one curve; `milagro.backend.CurveOps` says what each does."""

    def __init__(self, params: CurveParams) -> None:
        self.params = params
        self.name = params.name
        fp = PrimeField(params.p, params.field_bytes)
        fp2 = QuadraticField(params.p, params.field_bytes)
        self._tower = Tower(fp2, params)
        twist = Weierstrass(fp2, fp2.element(params.twist_b))
        self._pairing = Pairing(params, self._tower, twist)
        g1 = (mpz(params.g1[0]), mpz(params.g1[1]))
        g2 = (fp2.element(params.g2[0]), fp2.element(params.g2[1]))
        self._g1 = Group(self.name, G1, Weierstrass(fp, mpz(params.b)), params.r, g1)
        self._g2 = Group(self.name, G2, twist, params.r, g2)
        self._g1_codec, self._g2_codec = (Codec(group, params.field_bytes) for group in (self._g1, self._g2))
        self._towers = TowerOperations(fp, fp2, self._tower)
        self._set_many()

    # -- scalars --------------------------------------------------------------------------------------------

    def _k(self, k: Any) -> int:
        value: int = checked(k, Scalar, self.name).value
        return value

    def _scalar(self, value: int) -> Scalar:
        return Scalar(self.name, value % self.params.r)

    def scalar_from_bytes(self, octets: bytes) -> Scalar:
        padded = len(octets) == self.params.field_bytes
        return self._scalar(below(octets, self.params.r, len(octets) if padded else self.params.scalar_bytes))

    def scalar_from_bits(self, octets: bytes) -> Scalar:
        if len(octets) != self.params.scalar_bytes:
            raise WrongLength(f"a scalar has {self.params.scalar_bytes} octets, got {len(octets)}")
        value = os2ip(octets) % (1 << self.params.r.bit_length())
        return self.scalar_from_bytes(i2osp(value, self.params.scalar_bytes))

    def scalar_from_decimal(self, digits: bytes) -> Scalar:
        if not 1 <= len(digits) <= 18:
            raise WrongLength(f"a number has 1 to 18 decimal digits, got {len(digits)}")
        if not all(0x30 <= digit <= 0x39 for digit in digits):
            raise NonCanonical("an octet is not a decimal digit")
        return self._scalar(int(digits))

    def scalar_reduce(self, octets: bytes) -> Scalar:
        return self._scalar(os2ip(octets))

    def scalar_to_bytes(self, k: Any) -> bytes:
        return i2osp(self._k(k), self.params.scalar_bytes)

    def scalar_add(self, a: Any, b: Any) -> Scalar:
        return self._scalar(self._k(a) + self._k(b))

    def scalar_sub(self, a: Any, b: Any) -> Scalar:
        return self._scalar(self._k(a) - self._k(b))

    def scalar_mul(self, a: Any, b: Any) -> Scalar:
        return self._scalar(self._k(a) * self._k(b))

    def scalar_neg(self, a: Any) -> Scalar:
        return self._scalar(-self._k(a))

    def scalar_inv(self, a: Any) -> Scalar:
        return self._scalar(pow(self._k(a), self.params.r - 2, self.params.r))

    def scalar_equal(self, a: Any, b: Any) -> bool:
        return self._k(a) == self._k(b)

    def scalar_is_zero(self, a: Any) -> bool:
        return self._k(a) == 0

    # -- G1 -------------------------------------------------------------------------------------------------

    def g1_generator(self) -> Any:
        return self._g1.generator

    def g1_identity(self) -> Any:
        return self._g1.identity

    def g1_from_affine(self, x: bytes, y: bytes) -> Any:
        return self._g1.from_affine(x, y)

    def g1_from_x(self, x: bytes, sign: int, rule: str) -> Any:
        return self._g1.from_x(x, sign, rule)

    def g1_to_affine(self, p: Any) -> tuple[bytes, bytes]:
        return self._g1.to_affine(p)

    def g1_from_octets(self, octets: bytes, encoding: str) -> Any:
        return self._g1_codec.decode(octets, encoding)

    def g1_to_octets(self, p: Any, encoding: str) -> bytes:
        return self._g1_codec.encode(p, encoding)

    def g1_sign(self, p: Any, rule: str) -> int:
        return self._g1.sign(p, rule)

    def g1_add(self, p: Any, q: Any) -> Any:
        return self._g1.add(p, q)

    def g1_neg(self, p: Any) -> Any:
        return self._g1.neg(p)

    def g1_mul(self, p: Any, k: Any) -> Any:
        return self._g1.mul(p, k)

    def g1_mul_vartime(self, p: Any, k: Any) -> Any:
        return self._g1.mul(p, k)

    def g1_mul_integer(self, p: Any, k: int) -> Any:
        return self._g1.mul_integer(p, k)

    def g1_msm(self, points: Sequence[Any], scalars: Sequence[Any]) -> Any:
        return self._g1.msm(points, scalars)

    def g1_msm_vartime(self, points: Sequence[Any], scalars: Sequence[Any]) -> Any:
        return self._g1.msm(points, scalars)

    def g1_msm_array_vartime(self, points: Buffer, scalars: Buffer) -> Any:
        ks = [self.scalar_from_bytes(octets) for octets in rows(scalars, self.params.scalar_bytes)]
        return self._g1.msm(self._g1.points(rows(points, 2 * self.params.field_bytes)), ks)

    def g1_equal(self, p: Any, q: Any) -> bool:
        return self._g1.equal(p, q)

    def g1_is_identity(self, p: Any) -> bool:
        return self._g1.is_identity(p)

    def g1_in_subgroup(self, p: Any) -> bool:
        return self._g1.in_subgroup(p)

    def g1_map_to_curve(self, u: bytes, count: int) -> tuple[list[bytes], list[Any], Any]:
        elements, points = self._mapped(self._g1, self.params.map_g1, u, count)
        total = self._g1.curve.multiply(self._g1.curve.sum(points), self.params.h_eff_g1)
        return elements, [self._g1.wrap(point) for point in points], self._g1.wrap(total)

    def g1_hash_uniform(self, u: bytes, count: int) -> Any:
        return self.g1_map_to_curve(u, count)[2]

    def g1_hash_uniform_vartime(self, u: bytes, count: int) -> Any:
        return self.g1_map_to_curve(u, count)[2]

    def g1_map_original(self, h: bytes) -> Any:
        return self._g1.wrap(maps.mapit(self._g1.curve, self.params, h))

    # -- G2 -------------------------------------------------------------------------------------------------

    def g2_generator(self) -> Any:
        return self._g2.generator

    def g2_identity(self) -> Any:
        return self._g2.identity

    def g2_from_affine(self, x: bytes, y: bytes) -> Any:
        return self._g2.from_affine(x, y)

    def g2_from_x(self, x: bytes, sign: int, rule: str) -> Any:
        return self._g2.from_x(x, sign, rule)

    def g2_to_affine(self, p: Any) -> tuple[bytes, bytes]:
        return self._g2.to_affine(p)

    def g2_from_octets(self, octets: bytes, encoding: str) -> Any:
        return self._g2_codec.decode(octets, encoding)

    def g2_to_octets(self, p: Any, encoding: str) -> bytes:
        return self._g2_codec.encode(p, encoding)

    def g2_sign(self, p: Any, rule: str) -> int:
        return self._g2.sign(p, rule)

    def g2_add(self, p: Any, q: Any) -> Any:
        return self._g2.add(p, q)

    def g2_neg(self, p: Any) -> Any:
        return self._g2.neg(p)

    def g2_mul(self, p: Any, k: Any) -> Any:
        return self._g2.mul(p, k)

    def g2_mul_vartime(self, p: Any, k: Any) -> Any:
        return self._g2.mul(p, k)

    def g2_mul_integer(self, p: Any, k: int) -> Any:
        return self._g2.mul_integer(p, k)

    def g2_msm(self, points: Sequence[Any], scalars: Sequence[Any]) -> Any:
        return self._g2.msm(points, scalars)

    def g2_msm_vartime(self, points: Sequence[Any], scalars: Sequence[Any]) -> Any:
        return self._g2.msm(points, scalars)

    def g2_msm_array_vartime(self, points: Buffer, scalars: Buffer) -> Any:
        ks = [self.scalar_from_bytes(octets) for octets in rows(scalars, self.params.scalar_bytes)]
        return self._g2.msm(self._g2.points(rows(points, 4 * self.params.field_bytes)), ks)

    def g2_equal(self, p: Any, q: Any) -> bool:
        return self._g2.equal(p, q)

    def g2_is_identity(self, p: Any) -> bool:
        return self._g2.is_identity(p)

    def g2_in_subgroup(self, p: Any) -> bool:
        return self._g2.in_subgroup(p)

    def g2_map_to_curve(self, u: bytes, count: int) -> tuple[list[bytes], list[Any], Any]:
        elements, points = self._mapped(self._g2, self.params.map_g2, u, count)
        total = maps.clear_cofactor_g2(self._pairing, self._g2.curve.sum(points))
        return elements, [self._g2.wrap(point) for point in points], self._g2.wrap(total)

    def g2_hash_uniform(self, u: bytes, count: int) -> Any:
        return self.g2_map_to_curve(u, count)[2]

    def g2_hash_uniform_vartime(self, u: bytes, count: int) -> Any:
        return self.g2_map_to_curve(u, count)[2]

    def g2_map_original(self, h: bytes) -> Any:
        return self._g2.wrap(maps.mapit2(self._pairing, h))

    @staticmethod
    def _mapped(group: Group[F], data: SvdW | SSWU, u: bytes, count: int) -> tuple[list[bytes], list[Point[F]]]:
        """The field elements in `u`, canonical, and the point of each."""
        if count < 1:
            raise ParameterError("at least one field element is mapped to the curve")
        size, rest = divmod(len(u), count * group.field.degree)
        if rest or not size:
            raise WrongLength(f"{len(u)} octets are not {count} field elements of one length")
        size *= group.field.degree
        elements = [group.field.reduce(u[k * size : (k + 1) * size]) for k in range(count)]
        points = [maps.map_to_curve(group.curve, data, element) for element in elements]
        return [group.field.encode(element) for element in elements], points

    # -- GT -------------------------------------------------------------------------------------------------

    def _f(self, f: Any) -> Fp12:
        value: Fp12 = checked(f, GT, self.name).value
        return value

    def _gt(self, value: Fp12) -> GT:
        return GT(self.name, value)

    def gt_one(self) -> GT:
        return self._gt(self._tower.one)

    def gt_from_bytes(self, octets: bytes) -> GT:
        return self._gt(self._tower.decode(octets))

    def gt_to_bytes(self, f: Any) -> bytes:
        return self._tower.encode(self._f(f))

    def gt_mul(self, f: Any, g: Any) -> GT:
        return self._gt(self._tower.mul(self._f(f), self._f(g)))

    def gt_inv(self, f: Any) -> GT:
        return self._gt(self._tower.conj(self._f(f)))

    def gt_exp(self, f: Any, k: Any) -> GT:
        return self._gt(self._tower.pow(self._f(f), self._k(k)))

    def gt_trace(self, f: Any) -> bytes:
        return self._tower.encode_fp4(self._tower.trace(self._f(f)))

    def gt_equal(self, f: Any, g: Any) -> bool:
        return self._f(f) == self._f(g)

    def gt_is_one(self, f: Any) -> bool:
        return self._f(f) == self._tower.one

    def gt_in_subgroup(self, f: Any) -> bool:
        return self._tower.pow(self._f(f), self.params.r) == self._tower.one

    # -- pairing --------------------------------------------------------------------------------------------

    def pairing(self, p: Any, q: Any) -> GT:
        return self.pairing_product([p], [q])

    def pairing_product(self, ps: Sequence[Any], qs: Sequence[Any]) -> GT:
        same_length(ps, qs)
        left: list[Point[mpz]] = [self._g1.point(p) for p in ps]
        right: list[Point[Quadratic]] = [self._g2.point(self._plain(q)) for q in qs]
        return self._gt(self._pairing.product(left, right))

    def pairing_check(self, ps: Sequence[Any], qs: Sequence[Any]) -> bool:
        return self.gt_is_one(self.pairing_product(ps, qs))

    def g2_prepare(self, q: Any) -> G2Prepared:
        self._g2.point(q)
        return G2Prepared(self.name, q)

    def gt_exp_vartime(self, f: Any, k: Any) -> GT:
        return self.gt_exp(f, k)

    def _plain(self, q: Any) -> Any:
        return checked(q, G2Prepared, self.name).value if isinstance(q, G2Prepared) else q

    # -- towers ---------------------------------------------------------------------------------------------

    def tower(self, operation: str, *operands: bytes) -> bytes:
        return self._towers.run(operation, operands)
