"""No bit of an envelope can be changed, and no octet be missing at its end or be added, without a refusal.

The 1 KiB message is tried whole. Of the 200 KiB message continuous integration tries every bit near the borders of
head, header and chunks and a sample of the rest; the exhaustive session (MILAGRO_EXHAUSTIVE=1) tries every bit and
every length.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from milagro.errors import EncodingError, VerificationError
from milagro.protocols.envelope import inspect, open_envelope
from tests.protocols.envelope.parties import EXHAUSTIVE, octets, reader, send

if TYPE_CHECKING:
    from collections.abc import Iterable

SMALL = send(octets("1 KiB", 1024), seed="1 KiB")
LARGE = send(octets("200 KiB", 200 * 1024), seed="200 KiB")
PARTS = 16 if EXHAUSTIVE else 1
SAMPLE = 1000


def accepted(envelope: bytes, bits: Iterable[int]) -> list[int]:
    """The bits whose change goes unnoticed."""
    found, changed, bob = [], bytearray(envelope), reader()
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
        try:
            open_envelope(bytes(changed), bob)
            found.append(bit)
        except (EncodingError, VerificationError):
            pass
        changed[bit // 8] ^= 1 << bit % 8
    assert changed == envelope
    return found


def accepted_lengths(envelope: bytes, lengths: Iterable[int]) -> list[int]:
    """The lengths to which the envelope can be cut without being noticed."""
    found, bob = [], reader()
    for length in lengths:
        try:
            open_envelope(envelope[:length], bob)
            found.append(length)
        except (EncodingError, VerificationError):
            pass
    return found


def borders(envelope: bytes) -> list[int]:
    """Octets around every border of the format."""
    head = inspect(envelope).head_octets
    places = [0, 16, head - 16, head, *range(head + 65552, len(envelope), 65552), len(envelope) - 8]
    return sorted({place + at for place in places for at in range(-2, 8) if 0 <= place + at < len(envelope)})


def sampled(count: int) -> list[int]:
    return random.Random("sample").sample(range(count), SAMPLE)


@pytest.mark.parametrize("part", range(8))
def test_every_bit_of_a_message_of_1_kib(part: int) -> None:
    assert accepted(SMALL, range(part, 8 * len(SMALL), 8)) == []


def test_every_length_of_a_message_of_1_kib() -> None:
    assert accepted_lengths(SMALL, range(len(SMALL) + 1)) == [len(SMALL)]


@pytest.mark.parametrize("part", range(PARTS))
def test_bits_of_a_message_of_200_kib(part: int) -> None:
    if EXHAUSTIVE:
        assert accepted(LARGE, range(part, 8 * len(LARGE), PARTS)) == []
    else:
        near = [8 * octet + bit for octet in borders(LARGE) for bit in range(8)]
        assert accepted(LARGE, near + sampled(8 * len(LARGE))) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_lengths_of_a_message_of_200_kib(part: int) -> None:
    if EXHAUSTIVE:
        assert accepted_lengths(LARGE, range(part, len(LARGE), PARTS)) == []
    else:
        assert accepted_lengths(LARGE, borders(LARGE) + sampled(len(LARGE))) == []


@pytest.mark.parametrize("more", [1, 15, 16, 24, 65536, 65552, 70000])
def test_octets_after_the_end(more: int) -> None:
    for envelope in (SMALL, LARGE):
        with pytest.raises(VerificationError):
            open_envelope(envelope + bytes(more), reader())


def test_the_trial_can_fail() -> None:
    """An octet string in which the format has a hole: bits after the envelope that nobody reads."""
    assert accepted_lengths(SMALL, [len(SMALL), len(SMALL) + 1]) == [len(SMALL), len(SMALL) + 1]
