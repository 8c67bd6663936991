"""Shamir's sharing of octets of any number over GF(256): every octet of the secret has a polynomial of its own.

GF(256) = GF(2)[x] / (x^8 + x^4 + x^3 + x + 1), the field of AES and of SLIP-39. Only public numbers, indices and the
weights made of them, ever multiply secret octets: a product is at most eight shifts and exclusive ors of whole arrays,
eight octets to a machine word, with no table and no branch that a secret octet could steer.

A digest is shared along with the secret, so that shares that were altered together with their checksum are noticed.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self, TypeAlias, cast

from milagro.errors import InvalidShare, NonCanonical, ParameterError, WrongLength
from milagro.octets import equal
from milagro.protocols.sharing.header import SET_ID_OCTETS, Header, check_set, pack, unpack
from milagro.protocols.sharing.refusals import MixedShares
from milagro.protocols.sharing.suite import draw
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    import numpy as np

    from milagro.groups import Random

LABEL = b"SHARING-V1_GF256_OCTET-SHARE_"
MAX_SHARES = 255
NONCE_OCTETS = 16
DIGEST_OCTETS = 16
_TAIL = NONCE_OCTETS + DIGEST_OCTETS

Words: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint64]]"
_HIGH, _LOW_SEVEN = (int.from_bytes(bytes([octet]) * 8) for octet in (0x80, 0x7F))
_REDUCTION = 0x1B


# -- the field --------------------------------------------------------------------------------------------------------
def multiply_public(a: int, b: int) -> int:
    """a b in GF(256), for public a and b.

    Spec: spec/sharing.md#gf256
    """
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


@cache
def invert_public(a: int) -> int:
    """1/a = a^254 in GF(256), for a public a that is not 0.

    Spec: spec/sharing.md#gf256
    """
    result = 1
    for _ in range(254):
        result = multiply_public(result, a)
    return result


def _to_words(octets: bytes) -> Words:
    import numpy as np  # noqa: PLC0415 - a large library, and most processes share no octets

    return np.frombuffer(octets + bytes(-len(octets) % 8), dtype=np.uint64).copy()


def _double(words: Words) -> Words:
    """x times each octet: shifted by one, and 0x1b added where a bit fell out."""
    doubled = ((words & _LOW_SEVEN) << 1) ^ (((words & _HIGH) >> 7) * _REDUCTION)
    return cast("Words", doubled)


def scale(words: Words, by: int) -> Words:
    """Each octet times a public number.

    Spec: spec/sharing.md#gf256
    Secret: words
    """
    total, power = words ^ words, words
    for bit in range(by.bit_length()):
        if by >> bit & 1:
            total ^= power
        power = _double(power)
    return total


def lagrange_public(indices: Sequence[int], at: int = 0) -> list[int]:
    """lambda_i = prod_(j != i) (x_j + at) / (x_j + x_i) in GF(256).

    Spec: spec/sharing.md#gf256
    Raises: ParameterError for no index, one twice, `at` among them, or a number that is none of the field
    """
    if not all(0 <= x < 256 for x in (at, *indices)):
        raise ParameterError("a number of GF(256) is from 0 to 255")
    if not indices or len(set(indices)) != len(indices) or at in indices:
        raise ParameterError("interpolation needs at least one index, each once, and none where it is evaluated")
    weights = []
    for x in indices:
        weight = 1
        for other in indices:
            if other != x:
                weight = multiply_public(weight, multiply_public(other ^ at, invert_public(other ^ x)))
        weights.append(weight)
    return weights


def interpolate(points: Sequence[tuple[int, bytes]], at: int = 0) -> bytes:
    """f(at), octet by octet, from (x, f(x)) at as many places as f has coefficients, or more.

    Spec: spec/sharing.md#gf256
    Raises: ParameterError as `lagrange_public` does, WrongLength if the values differ in length
    Secret: the values and the result
    """
    weights = lagrange_public([x for x, _ in points], at)
    length = len(points[0][1])
    if any(len(value) != length for _, value in points):
        raise WrongLength("the values of one polynomial have one length")
    total = _to_words(bytes(length))
    for weight, (_, value) in zip(weights, points, strict=True):
        total ^= scale(_to_words(value), weight)
    return total.tobytes()[:length]


# -- shares -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class OctetShare(SecretValue):
    """One share of octets: as long as the secret and 32 octets more.

    Spec: spec/sharing.md#octets
    Raises: ParameterError for an index or threshold above 255
    Secret: value
    """

    header: Header
    value: bytes

    def __post_init__(self) -> None:
        if self.header.index > MAX_SHARES or self.header.threshold > MAX_SHARES:
            raise ParameterError(f"an index and a threshold over GF(256) are at most {MAX_SHARES}")

    def to_bytes(self) -> bytes:
        """The octets: version, length, header, value, checksum.

        Secret: the result
        """
        return pack(LABEL, self.header, self.value)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The share with these octets.

        Raises: EncodingError, by name as `unpack` does
        """
        header, (value,) = unpack(LABEL, octets, 1)
        if len(value) < _TAIL:
            raise WrongLength(f"a share of octets has at least {_TAIL} of them")
        if header.index > MAX_SHARES or header.threshold > MAX_SHARES:
            raise NonCanonical(f"an index and a threshold over GF(256) are at most {MAX_SHARES}")
        return cls(header, value)


def split(secret: bytes, threshold: int, count: int, random: Random, *, epoch: int = 0) -> list[OctetShare]:
    """`count` shares of the secret, with indices 1, 2, .., any `threshold` of which give it back.

    Draws 16 octets for the set id, 16 for the digest's key, then the length of a share for each coefficient.
    Spec: spec/sharing.md#octets
    Raises: ParameterError unless 1 <= threshold <= count <= 255
    Secret: the result; no branch and no address depends on the octets of the secret
    """
    if not 1 <= threshold <= count <= MAX_SHARES:
        raise ParameterError(f"a threshold is from 1 to the number of shares, and that is at most {MAX_SHARES}")
    set_id = draw(random, SET_ID_OCTETS)
    nonce = draw(random, NONCE_OCTETS)
    whole = secret + nonce + _digest(nonce, secret)
    f = [_to_words(whole), *(_to_words(draw(random, len(whole))) for _ in range(threshold - 1))]
    headers = [Header(set_id, epoch, threshold, i) for i in range(1, count + 1)]
    shares = [OctetShare(header, _evaluate(f, header.index)[: len(whole)]) for header in headers]
    for coefficient in f:
        coefficient.fill(0)
    return shares


def _digest(nonce: bytes, secret: bytes) -> bytes:
    return hmac.digest(nonce, LABEL + secret, "sha256")[:DIGEST_OCTETS]


def _evaluate(f: Sequence[Words], x: int) -> bytes:
    value = f[-1]
    for coefficient in reversed(f[:-1]):
        value = scale(value, x) ^ coefficient
    return value.tobytes()


def combine(shares: Iterable[OctetShare]) -> bytes:
    """The secret. Shares beyond the threshold are not needed; those given must lie on the same polynomials.

    Spec: spec/sharing.md#octets
    Raises: MixedShares, also for different lengths; DuplicateShare, TooFewShares; InvalidShare if the digest does
        not fit what came out, or a share beyond the threshold does not: whose fault it is cannot be told
    Secret: the result; no branch and no address depends on the octets of the shares
    """
    found = list(shares)
    check_set([share.header for share in found])
    length = len(found[0].value)
    if strangers := [share.header.index for share in found if len(share.value) != length]:
        raise MixedShares("shares of different lengths were put together", strangers)
    points = [(share.header.index, share.value) for share in found]
    known = points[: found[0].header.threshold]
    beyond = points[len(known) :]
    whole = interpolate(known)
    secret, nonce, digest = whole[:-_TAIL], whole[-_TAIL:-DIGEST_OCTETS], whole[-DIGEST_OCTETS:]
    fitting = [equal(interpolate(known, x), value) for x, value in beyond]
    if not equal(_digest(nonce, secret), digest) or not all(fitting):
        raise InvalidShare("the shares do not fit together: at least one was altered")
    return secret
