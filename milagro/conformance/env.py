"""What a computation needs from outside a case: the curve, the backend, the hash, and readers bound to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from milagro.conformance.case import Case
from milagro.conformance.literals import octets
from milagro.errors import AuthenticationFailed, EncodingError
from milagro.groups import Curve, Encoding, G1Point, G2Point, Scalar
from milagro.protocols.original_hash import HashName

OK, INVALID_POINT, REJECTED = 0, -14, -19  # status codes of the original library


@dataclass(frozen=True, slots=True)
class Octets:
    """Readers and writers of one case's fields in the octets of the original library."""

    curve: Curve
    case: Case
    prefix: str = ""
    hash_name: HashName = "sha256"

    def raw(self, name: str) -> bytes:
        """The octets of a field."""
        return self.case.read(self.prefix + name, octets)

    def g1(self, name: str) -> G1Point:
        """The field as a point of G1."""
        return self.curve.g1_from_bytes(self.raw(name), Encoding.MILAGRO)

    def g2(self, name: str) -> G2Point:
        """The field as a point of G2."""
        return self.curve.g2_from_bytes(self.raw(name), Encoding.MILAGRO)

    def scalar(self, name: str) -> Scalar:
        """The field as a scalar."""
        return self.curve.scalar_from_bytes(self.raw(name))

    def expect(self, name: str, compute: Callable[[], bytes]) -> None:
        """Compare a field with computed octets."""
        self.case.check(self.prefix + name, octets, compute)

    def expect_point(self, name: str, compute: Callable[[], G1Point | G2Point]) -> None:
        """Compare a field with a computed point."""
        self.expect(name, lambda: compute().to_bytes(Encoding.MILAGRO))

    def expect_scalar(self, name: str, compute: Callable[[], Scalar]) -> None:
        """Compare a field with a computed scalar of as many octets as a coordinate."""
        self.expect(name, lambda: compute().to_bytes(self.curve.field_bytes))


def status(action: Callable[[], object]) -> int:
    """What the original library returns where `action` succeeds, is refused, or meets a bad encoding."""
    try:
        action()
    except AuthenticationFailed:
        return REJECTED
    except EncodingError:
        return INVALID_POINT
    return OK
