"""BLS signatures of draft-irtf-cfrg-bls-signature on BLS12-381, in both placements and all three schemes.

    MIN_PK   keys in G1 (48 octets), signatures in G2 (96)     what Ethereum uses
    MIN_SIG  keys in G2 (96 octets), signatures in G1 (48)

    BASIC                a list of signatures is verified over distinct messages
    MESSAGE_AUGMENTATION the signer's key stands in front of each message
    PROOF_OF_POSSESSION  each key comes with a proof (`pop_prove`, `pop_verify`), checked once by the verifier; only
                         then is `fast_aggregate_verify` safe

With g the generator of the keys' group, PK = s*g and S = s*H(M); S is valid iff e(PK, H(M)) = e(g, S), the arguments
put in the order that the placement asks for. Points decode strictly, so a key or signature outside its
subgroup does not exist here; the identity is refused by every verification.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from milagro.errors import InvalidSignature, ParameterError, WrongLength
from milagro.groups import Curve, Encoding, G1Point, G2Point, G2Prepared, Scalar, Xmd
from milagro.octets import i2osp

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = G1Point | G2Point

MIN_IKM = 32
MIN_SALT = 32
KEY_GEN_LENGTH = 48  # L = ceil(1.5 * ceil(log2 r) / 8)
ETHEREUM_SALT = b"BLS-SIG-KEYGEN-SALT-"
MAX_DST = 255
_EXPANDER = Xmd("sha256", oversize_dst="refuse")


class Placement(Enum):
    """Which of the two groups holds the keys."""

    MIN_PK = "min-pk"
    MIN_SIG = "min-sig"


class Scheme(Enum):
    """How a rogue key is kept out of an aggregate; the value is the end of the domain separation tag."""

    BASIC = "NUL"
    MESSAGE_AUGMENTATION = "AUG"
    PROOF_OF_POSSESSION = "POP"


@dataclass(frozen=True, slots=True)
class Suite:
    """One ciphersuite: BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ and its like; `dst` replaces that tag.

    Spec: spec/bls.md#ietf-suites
    Raises: ParameterError for a curve without suites, and for an empty tag or one above 255 octets
    """

    curve: Curve
    placement: Placement = Placement.MIN_PK
    scheme: Scheme = Scheme.PROOF_OF_POSSESSION
    dst: bytes | None = None

    def __post_init__(self) -> None:
        if self.curve.name != "BLS12-381":
            raise ParameterError(f"the suites of the draft are for BLS12-381, not for {self.curve.name}")
        if self.dst is not None and not 1 <= len(self.dst) <= MAX_DST:
            raise ParameterError(f"a domain separation tag has between 1 and {MAX_DST} octets")

    def tag(self, purpose: str = "SIG") -> bytes:
        """The domain separation tag for signatures ("SIG") or proofs of possession ("POP")."""
        if purpose == "SIG" and self.dst is not None:
            return self.dst
        params = self.curve.params
        group = params.suite_g2 if self.placement is Placement.MIN_PK else params.suite_g1
        return f"BLS_{purpose}_{group}_XMD:SHA-256_SSWU_RO_{self.scheme.value}_".encode()

    @property
    def generator(self) -> Point:
        """The generator of the keys' group."""
        return self.curve.g1 if self.placement is Placement.MIN_PK else self.curve.g2

    def hash_message(self, message: bytes, tag: bytes) -> Point:
        """H(M) in the signatures' group, by the RO suite of RFC 9380, for a public M."""
        if self.placement is Placement.MIN_PK:
            return self.curve.hash_to_g2_vartime(message, tag, expander=_EXPANDER)
        return self.curve.hash_to_g1_vartime(message, tag, expander=_EXPANDER)

    def hash_messages(self, messages: Sequence[bytes], tag: bytes, *, workers: int = 1) -> Sequence[Point]:
        """H(M) of each public M, on so many threads."""
        if self.placement is Placement.MIN_PK:
            return self.curve.hash_to_g2_many(messages, tag, expander=_EXPANDER, workers=workers)
        return self.curve.hash_to_g1_many(messages, tag, expander=_EXPANDER, workers=workers)


# -- keys --------------------------------------------------------------------------------------------------------
def key_gen_draft05(curve: Curve, ikm: bytes, salt: bytes, info: bytes = b"") -> Scalar:
    """s = OS2IP(HKDF(salt, IKM || 00, info || be(48, 2), 48)) mod r, the salt used as it is given.

    Spec: spec/bls.md#ietf-key-gen (draft-irtf-cfrg-bls-signature-05, section 2.3)
    Shape: ikm and salt at least 32 octets each
    Raises: ParameterError for a shorter ikm or salt
    Secret: ikm and the result
    """
    if len(salt) < MIN_SALT:
        raise ParameterError(f"the salt has at least {MIN_SALT} octets")
    return _key_gen(curve, ikm, salt, info)


def key_gen_ethereum(curve: Curve, ikm: bytes, info: bytes = b"") -> Scalar:
    """The same with salt = SHA-256("BLS-SIG-KEYGEN-SALT-"): the form of draft-04 and EIP-2333, hashed once first.

    Spec: spec/bls.md#ietf-key-gen (draft-irtf-cfrg-bls-signature-04, section 2.3)
    Shape: ikm at least 32 octets
    Raises: ParameterError for a shorter ikm
    Secret: ikm and the result
    """
    return _key_gen(curve, ikm, hashlib.sha256(ETHEREUM_SALT).digest(), info)


def _key_gen(curve: Curve, ikm: bytes, salt: bytes, info: bytes) -> Scalar:
    if len(ikm) < MIN_IKM:
        raise ParameterError(f"the input keying material has at least {MIN_IKM} octets")
    if curve.name != "BLS12-381":
        raise ParameterError(f"KeyGen of the draft is for BLS12-381, not for {curve.name}")
    while True:
        prk = hmac.digest(salt, ikm + b"\0", "sha256")
        secret = curve.scalar_reduce(_hkdf_expand(prk, info + i2osp(KEY_GEN_LENGTH, 2), KEY_GEN_LENGTH))
        if not secret.is_zero():
            return secret
        salt = hashlib.sha256(salt).digest()


def _hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    """The first octets of T(1) || T(2) || ..., T(i) = HMAC(PRK, T(i-1) || info || i) (RFC 5869, section 2.3)."""
    octets, block = b"", b""
    while len(octets) < length:
        block = hmac.digest(prk, block + info + bytes([len(octets) // 32 + 1]), "sha256")
        octets += block
    return octets[:length]


def secret_key_from_bytes(curve: Curve, octets: bytes) -> Scalar:
    """The secret key with these 32 octets.

    Spec: spec/bls.md#ietf-encodings
    Raises: WrongLength, NonCanonical, ParameterError for 0
    Secret: octets and the result
    """
    if len(octets) != curve.scalar_bytes:
        raise WrongLength(f"a secret key: expected {curve.scalar_bytes} octets, got {len(octets)}")
    return _nonzero(curve.scalar_from_bytes(octets))


def public_key(suite: Suite, secret: Scalar) -> Point:
    """PK = s * g.

    Spec: spec/bls.md#ietf-keys
    Raises: ParameterError for s = 0
    Secret: s; constant time in it on the native backend
    """
    return _times(_nonzero(secret), suite.generator)


def public_key_from_bytes(suite: Suite, octets: bytes) -> Point:
    """The public key with these octets, compressed (48 or 96) or serialized (96 or 192); KeyValidate is in it.

    Spec: spec/bls.md#ietf-encodings
    Raises: WrongLength, InvalidFlags, NonCanonical, NotOnCurve, NotInSubgroup, IdentityElement
    """
    return _decode(suite.curve, octets, in_g1=suite.placement is Placement.MIN_PK)


def signature_from_bytes(suite: Suite, octets: bytes) -> Point:
    """The signature with these octets, compressed (96 or 48) or serialized (192 or 96).

    Spec: spec/bls.md#ietf-encodings
    Raises: WrongLength, InvalidFlags, NonCanonical, NotOnCurve, NotInSubgroup, IdentityElement
    """
    return _decode(suite.curve, octets, in_g1=suite.placement is Placement.MIN_SIG)


def _decode(curve: Curve, octets: bytes, *, in_g1: bool) -> Point:
    width = curve.field_bytes * (1 if in_g1 else 2)
    encoding = Encoding.ZCASH_UNCOMPRESSED if len(octets) == 2 * width else Encoding.ZCASH
    return curve.g1_from_bytes(octets, encoding) if in_g1 else curve.g2_from_bytes(octets, encoding)


# -- signatures ----------------------------------------------------------------------------------------------------
def sign(suite: Suite, secret: Scalar, message: bytes) -> Point:
    """S = s * H(M), with M = PK || message under MESSAGE_AUGMENTATION.

    Spec: spec/bls.md#ietf-sign
    Raises: ParameterError for s = 0
    Secret: s; constant time in it on the native backend
    """
    if suite.scheme is Scheme.MESSAGE_AUGMENTATION:
        message = _compressed(public_key(suite, secret)) + message
    return _times(_nonzero(secret), suite.hash_message(message, suite.tag()))


def verify(suite: Suite, key: Point, message: bytes, signature: Point) -> None:
    """Nothing, if e(PK, H(M)) = e(g, S).

    Spec: spec/bls.md#ietf-verify
    Raises: InvalidSignature, also if key or signature is the identity; ParameterError for a point of the wrong group
    """
    _check_groups(suite, [key], signature)
    _core_verify(suite, [key], [_augmented(suite, key, message)], suite.tag(), signature)


def aggregate(suite: Suite, signatures: Sequence[Point]) -> Point:
    """S1 + S2 + ...

    Spec: spec/bls.md#ietf-aggregate
    Raises: ParameterError for none, or for a point of the wrong group
    """
    if not signatures:
        raise ParameterError("there is no signature to aggregate")
    for signature in signatures:
        _check_groups(suite, [], signature)
    return _sum(signatures)


def aggregate_verify(suite: Suite, keys: Sequence[Point], messages: Sequence[bytes], signature: Point) -> None:
    """Nothing, if prod e(PK_i, H(M_i)) = e(g, S).

    Spec: spec/bls.md#ietf-aggregate
    Raises: InvalidSignature, also for a message twice under BASIC; ParameterError unless there is one message for
        each key and at least one key
    """
    if not keys or len(keys) != len(messages):
        raise ParameterError("an aggregate is verified with at least one key and one message for each key")
    _check_groups(suite, keys, signature)
    if suite.scheme is Scheme.BASIC and len(set(messages)) != len(messages):
        raise InvalidSignature("the basic scheme needs distinct messages")
    augmented = [_augmented(suite, key, message) for key, message in zip(keys, messages, strict=True)]
    _core_verify(suite, keys, augmented, suite.tag(), signature)


def fast_aggregate_verify(suite: Suite, keys: Sequence[Point], message: bytes, signature: Point) -> None:
    """Nothing, if e(PK_1 + PK_2 + ..., H(M)) = e(g, S). Each key's proof of possession has been verified before.

    Spec: spec/bls.md#ietf-pop
    Raises: InvalidSignature, also if a key or their sum is the identity; ParameterError for another scheme or no key
    """
    _need_possession(suite)
    if not keys:
        raise ParameterError("an aggregate is verified with at least one key")
    _check_groups(suite, keys, signature)
    if any(key.is_identity() for key in keys):
        raise InvalidSignature("the identity is not a key")
    _core_verify(suite, [_sum(keys)], [message], suite.tag(), signature)


def pop_prove(suite: Suite, secret: Scalar) -> Point:
    """s * H_POP(PK): the proof that the owner of PK knows s.

    Spec: spec/bls.md#ietf-pop
    Raises: ParameterError for s = 0 or another scheme
    Secret: s; constant time in it on the native backend
    """
    _need_possession(suite)
    octets = _compressed(public_key(suite, secret))
    return _times(secret, suite.hash_message(octets, suite.tag("POP")))


def pop_verify(suite: Suite, key: Point, proof: Point) -> None:
    """Nothing, if e(PK, H_POP(PK)) = e(g, proof).

    Spec: spec/bls.md#ietf-pop
    Raises: InvalidSignature, ParameterError for another scheme or a point of the wrong group
    """
    _need_possession(suite)
    _check_groups(suite, [key], proof)
    _core_verify(suite, [key], [_compressed(key)], suite.tag("POP"), proof)


def _core_verify(suite: Suite, keys: Sequence[Point], messages: Sequence[bytes], tag: bytes, signature: Point) -> None:
    """prod e(PK_i, H(M_i)) * e(-g, S) = 1, or InvalidSignature."""
    if not signature.is_identity() and not any(key.is_identity() for key in keys):
        hashes = suite.hash_messages(messages, tag)
        pairs = [_pair(key, hashed) for key, hashed in zip(keys, hashes, strict=True)]
        if suite.curve.pairing_check([_generator_pair(suite.curve, suite.generator, signature), *pairs]):
            return
    raise InvalidSignature("the signature does not match its keys and messages")


def _pair(left: Point, right: Point) -> tuple[G1Point, G2Point]:
    if isinstance(left, G1Point) and isinstance(right, G2Point):
        return left, right
    if isinstance(left, G2Point) and isinstance(right, G1Point):
        return right, left
    raise ParameterError("a pairing takes one point of each group")


def _generator_pair(E: Curve, generator: Point, signature: Point) -> tuple[G1Point, G2Point | G2Prepared]:
    """What e(g, S)^-1 is the pairing of."""
    if isinstance(signature, G1Point):
        return -signature, E.g2_prepared
    return _pair(-generator, signature)


def _augmented(suite: Suite, key: Point, message: bytes) -> bytes:
    return _compressed(key) + message if suite.scheme is Scheme.MESSAGE_AUGMENTATION else message


def _compressed(point: Point) -> bytes:
    return point.to_bytes(Encoding.ZCASH)


def _times(k: Scalar, point: Point) -> Point:
    return point * k


def _sum(points: Sequence[Point]) -> Point:
    """The sum of points that are all of one group, at least one."""
    total: Any = points[0]
    for point in points[1:]:
        total = total + point
    return cast("Point", total)


def _check_groups(suite: Suite, keys: Sequence[Point], signature: Point) -> None:
    of_keys, of_signatures = (G1Point, G2Point) if suite.placement is Placement.MIN_PK else (G2Point, G1Point)
    if not isinstance(signature, of_signatures) or not all(isinstance(key, of_keys) for key in keys):
        raise ParameterError(f"{suite.placement.value} has keys in {of_keys.__name__}, signatures in the other group")


def _need_possession(suite: Suite) -> None:
    if suite.scheme is not Scheme.PROOF_OF_POSSESSION:
        raise ParameterError("only the proof-of-possession scheme has this operation")


def _nonzero(secret: Scalar) -> Scalar:
    if secret.is_zero():
        raise ParameterError("a secret key is never zero")
    return secret
