"""Padme: lengths rounded up so that few of them stay apart."""

from __future__ import annotations

from milagro.errors import ParameterError


def padme(length: int) -> int:
    """`length` rounded up to a multiple of 2^(E - s), E = floor(log2 length), s = floor(log2 E) + 1.

    Spec: spec/envelope.md#padding (Nikitin, Barman, Lueks, Underwood, Hubaux, Ford 2019, algorithm 1)
    Raises: ParameterError if it is negative
    """
    if length < 0:
        raise ParameterError("a length is not negative")
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    mask = (1 << exponent - exponent.bit_length()) - 1
    return (length + mask) & ~mask
