"""Octet strings: integers to and from big-endian octets, length-prefixed framing, constant-time equality."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from milagro.errors import MalformedEnvelope, NonCanonical, ParameterError, WrongLength

_PREFIX = 4  # octets of the length that stands before each framed field


def i2osp(value: int, length: int) -> bytes:
    """`value` as `length` big-endian octets (I2OSP of RFC 8017).

    Raises: ParameterError if the value is negative or does not fit
    """
    if value < 0 or value.bit_length() > 8 * length:
        raise ParameterError(f"an integer of {value.bit_length()} bits does not fit {length} octets")
    return value.to_bytes(length, "big")


def os2ip(octets: bytes) -> int:
    """The non-negative integer whose big-endian octets are `octets` (OS2IP of RFC 8017)."""
    return int.from_bytes(octets, "big")


def below(octets: bytes, modulus: int, length: int) -> int:
    """The integer in `octets`, refused unless it has exactly `length` octets and is below `modulus`.

    Raises: WrongLength, NonCanonical
    """
    if len(octets) != length:
        raise WrongLength(f"expected {length} octets, got {len(octets)}")
    value = os2ip(octets)
    if value >= modulus:
        raise NonCanonical("a number is not below its modulus")
    return value


def frame(*fields: bytes) -> bytes:
    """Each field behind its length in four big-endian octets: injective, so no two lists collide."""
    try:
        return b"".join([part for field in fields for part in (len(field).to_bytes(_PREFIX, "big"), field)])
    except OverflowError:
        raise ParameterError("a field has more octets than its length can say") from None


def unframe(octets: bytes, count: int | None = None) -> list[bytes]:
    """The fields of `frame`; `count`, where given, is how many there must be.

    Raises: MalformedEnvelope if a length runs past the end or the count differs
    """
    fields: list[bytes] = []
    at = 0
    while at < len(octets):
        start = at + _PREFIX
        end = start + os2ip(octets[at:start])
        if start > len(octets) or end > len(octets):
            raise MalformedEnvelope("a field runs past the end of the message")
        fields.append(octets[start:end])
        at = end
    if count is not None and len(fields) != count:
        raise MalformedEnvelope(f"expected {count} fields, got {len(fields)}")
    return fields


def equal(left: bytes, right: bytes) -> bool:
    """Whether two octet strings are the same, in time that depends on their lengths only."""
    return hmac.compare_digest(left, right)


def xor(strings: Iterable[bytes]) -> bytes:
    """The bitwise exclusive or of octet strings of one length.

    Secret: the strings; no branch and no address depends on what they hold
    """
    first, *rest = strings
    # An octet in front that is not zero keeps every number equally long, whatever the strings hold.
    result = int.from_bytes(b"\x80" + first, "big")
    for string in rest:
        if len(string) != len(first):
            raise ParameterError("octet strings of different lengths cannot be combined")
        result ^= int.from_bytes(b"\x01" + string, "big")
    return result.to_bytes(1 + len(first), "big")[1:]
