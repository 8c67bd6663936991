"""No bit of an envelope can be changed, and no octet be missing at its end or be added, without a refusal.

The 1 KiB message is tried whole. Of the 200 KiB message continuous integration tries every bit near the borders of
head, header and chunks and a sample of the rest; the exhaustive session (MILAGRO_EXHAUSTIVE=1) tries every bit and
every length. There the bits of the body, 1.6 million, are tried on the body alone, with the key that the head gives:
a change in the body changes nothing of what comes before it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from milagro.errors import EncodingError, VerificationError
from milagro.protocols.envelope import Memory, Opening, inspect, open_envelope
from milagro.protocols.envelope.stream import ChunkOpener
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


def body_key(envelope: bytes) -> bytes:
    opening = Opening(reader(), Memory())
    opening.feed(envelope[: inspect(envelope).head_octets])
    assert opening._head is not None
    return opening._head.body_key


def accepted_in_body(envelope: bytes, bits: Iterable[int]) -> list[int]:
    """The same for bits of the body, without opening the head each time."""
    end = inspect(envelope).head_octets
    key, found, changed = body_key(envelope), [], bytearray(envelope[end:])
    for bit in bits:
        at = bit - 8 * end
        changed[at // 8] ^= 1 << at % 8
        try:
            opener = ChunkOpener(key, 0, lambda _: None)
            opener.update(bytes(changed))
            opener.finish()
            found.append(bit)
        except (EncodingError, VerificationError):
            pass
        changed[at // 8] ^= 1 << at % 8
    assert changed == envelope[end:]
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
        end = 8 * inspect(LARGE).head_octets
        assert accepted(LARGE, range(part, end, PARTS)) == []
        assert accepted_in_body(LARGE, range(end + part, 8 * len(LARGE), PARTS)) == []
    else:
        near = [8 * octet + bit for octet in borders(LARGE) for bit in range(8)]
        assert accepted(LARGE, near + sampled(8 * len(LARGE))) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_lengths_of_a_message_of_200_kib(part: int) -> None:
    if EXHAUSTIVE:
        assert accepted_lengths(LARGE, range(part, len(LARGE), PARTS)) == []
    else:
        assert accepted_lengths(LARGE, borders(LARGE) + sampled(len(LARGE))) == []


def test_the_trial_of_the_body_alone_can_fail_and_agrees_with_the_whole() -> None:
    end = inspect(LARGE).head_octets
    opener = ChunkOpener(body_key(LARGE), 0, lambda _: None)
    opener.update(LARGE[end:])
    assert opener.finish().length == 200 * 1024  # unchanged it opens, so what is refused is refused for its change
    near = [8 * octet for octet in borders(LARGE) if octet >= end]
    assert accepted(LARGE, near) == accepted_in_body(LARGE, near) == []


@pytest.mark.parametrize("more", [1, 15, 16, 24, 65536, 65552, 70000])
def test_octets_after_the_end(more: int) -> None:
    for envelope in (SMALL, LARGE):
        with pytest.raises(VerificationError):
            open_envelope(envelope + bytes(more), reader())


def test_the_trial_can_fail() -> None:
    """An octet string in which the format has a hole: bits after the envelope that nobody reads."""
    assert accepted_lengths(SMALL, [len(SMALL), len(SMALL) + 1]) == [len(SMALL), len(SMALL) + 1]
