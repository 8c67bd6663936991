"""The client-key mode of M-Pin v1, in which all D-TAs together do not know the client's secret.

The client draws z, and Pa = (1/z) Q is its public key. The identity used everywhere is ID || Pa, and the client secret
is z times what the D-TAs issued for it, so that e(z*s*A, Pa) = e(A, s*Q).

Nothing in the equation itself ties Pa to the identity: `require_bound` does, and every verification calls it.
(Comments in the original say Pa = z*Q. They are wrong.)
"""

from __future__ import annotations

from milagro.errors import AuthenticationFailed
from milagro.groups import Curve, Encoding, G1Point, G2Point, Scalar
from milagro.octets import equal
from milagro.protocols.mpin.v1.hashing import nonzero, received


def client_public_key(curve: Curve, z: Scalar) -> G2Point:
    """Pa = (1/z mod r) * Q.

    Spec: spec/mpin-v1.md#client-key
    Raises: ParameterError for z = 0
    Secret: z; constant time in it on the native backend
    """
    return nonzero(z).inverse() * curve.g2


def extended_identity(identity: bytes, public_key: G2Point) -> bytes:
    """ID || Pa, the identity that is hashed, issued for and verified in this mode.

    Spec: spec/mpin-v1.md#client-key
    Shape: result len(ID) + 4nb octets
    Raises: IdentityElement if Pa is the identity
    """
    return identity + received(public_key).to_bytes(Encoding.MILAGRO)


def client_key_secret(z: Scalar, secret: G1Point) -> G1Point:
    """z * CS, where CS was issued for the extended identity.

    Spec: spec/mpin-v1.md#client-key
    Raises: ParameterError for z = 0, IdentityElement
    Secret: the result; constant time in z on the native backend
    """
    return nonzero(z) * received(secret)


def require_bound(identity: bytes, public_key: G2Point) -> None:
    """Nothing, if the identity is some octets followed by the octets of Pa.

    Spec: spec/mpin-v1.md#client-key
    Raises: AuthenticationFailed if it is not, IdentityElement if Pa is the identity
    """
    octets = received(public_key).to_bytes(Encoding.MILAGRO)
    if len(identity) <= len(octets) or not equal(identity[-len(octets) :], octets):
        raise AuthenticationFailed
