"""Signatures of M-Pin v1: the one-pass run in client-key mode, over the hash of a message.

Only the holder of s*Q can verify one, and only the holder of z, the token and the PIN can make one. A signature holds
its Unix time; how old it may be is for the verifier's caller to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import AuthenticationFailed, InvalidSignature
from milagro.protocols.mpin.v1.client import OnePass, Pin, one_pass
from milagro.protocols.mpin.v1.server import verify_one_pass
from milagro.protocols.original_hash import HashName, numbered_hash

if TYPE_CHECKING:
    from milagro.groups import Curve, G1Point, G2Point, G2Prepared, Scalar


def sign(
    curve: Curve,
    identity: bytes,
    token: G1Point,
    pin: Pin,
    *,
    x: Scalar,
    time: int,
    message: bytes,
    hash_name: HashName = "sha256",
) -> OnePass:
    """The one-pass proof for M = H(0, message), by the extended identity and a token made from z * CS.

    Spec: spec/mpin-v1.md#client-key-signature
    Shape: message of any length; `x` fresh from `curve.random_scalar`
    Raises: ParameterError, IdentityElement
    Secret: token, PIN and x
    """
    return one_pass(
        curve,
        identity,
        token,
        pin,
        x,
        time=time,
        message=numbered_hash(curve, 0, message, hash_name=hash_name),
        hash_name=hash_name,
    )


def verify(
    curve: Curve,
    server_secret: G2Point | G2Prepared,
    identity: bytes,
    signature: OnePass,
    message: bytes,
    *,
    client_key: G2Point,
    hash_name: HashName = "sha256",
) -> None:
    """Nothing, if e(Pa, V) * e(s*Q, U + y*A) = 1 with y from the time and the message, and the identity ends with Pa.

    Spec: spec/mpin-v1.md#client-key-signature
    Raises: InvalidSignature, ParameterError, IdentityElement
    """
    hashed = numbered_hash(curve, 0, message, hash_name=hash_name)
    try:
        verify_one_pass(
            curve, server_secret, identity, signature, message=hashed, client_key=client_key, hash_name=hash_name
        )
    except AuthenticationFailed:
        raise InvalidSignature("the signature does not match its message, identity and key") from None
