"""What a D-TA issues from its share s of the master secret, and how the shares of several D-TAs are put together.

Q is the generator of G2. A D-TA is given the hashed identity, never the identity. Each formula is linear in s,
so the sum of what several D-TAs issue is what one D-TA with the sum of their secrets would have issued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import ParameterError
from milagro.protocols.mpin.v1.hashing import Point, identity_point, nonzero, permit_point, received

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milagro.groups import Curve, G1Point, G2Point, Scalar
    from milagro.protocols.original_hash import HashName


def server_secret(curve: Curve, master: Scalar) -> G2Point:
    """s * Q.

    Spec: spec/mpin-v1.md#server-secret
    Raises: ParameterError for s = 0
    Secret: the result; constant time in s on the native backend
    """
    return nonzero(master) * curve.g2


def client_secret(curve: Curve, master: Scalar, hashed: bytes) -> G1Point:
    """s * A with A = mapit(HID).

    Spec: spec/mpin-v1.md#client-secret
    Shape: `hashed` is HID, nb octets
    Raises: WrongLength, ParameterError for s = 0
    Secret: the result; constant time in s on the native backend
    """
    return nonzero(master) * identity_point(curve, hashed)


def time_permit(curve: Curve, master: Scalar, hashed: bytes, date: int, *, hash_name: HashName = "sha256") -> G1Point:
    """s * AT(date).

    Spec: spec/mpin-v1.md#time-permit
    Shape: `hashed` is HID, nb octets; date in UTC days, at least 1
    Raises: WrongLength, ParameterError for s = 0 or a day out of range
    Secret: the result, until its day is over; constant time in s on the native backend
    """
    return nonzero(master) * permit_point(curve, hashed, date, hash_name=hash_name)


def recombine_g1(shares: Sequence[G1Point]) -> G1Point:
    """The sum of client secrets, or of time permits, one from each D-TA.

    Spec: spec/mpin-v1.md#recombination
    Raises: ParameterError for no share, IdentityElement if a share or the sum is the identity
    Secret: the result
    """
    return _sum(shares)


def recombine_g2(shares: Sequence[G2Point]) -> G2Point:
    """The sum of server secrets, one from each D-TA.

    Spec: spec/mpin-v1.md#recombination
    Raises: ParameterError for no share, IdentityElement if a share or the sum is the identity
    Secret: the result
    """
    return _sum(shares)


def _sum(shares: Sequence[Point]) -> Point:
    if not shares:
        raise ParameterError("there is nothing to recombine; give the share of each D-TA")
    total = received(shares[0])
    for share in shares[1:]:
        total = total + received(share)
    return received(total)
