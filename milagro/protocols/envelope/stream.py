"""The body: STREAM chunks of AES-256-GCM, in constant memory, with a last chunk that says it is the last.

    payload || zeros, cut into pieces of 65536 octets      chunk i = GCM(key, be(i, 11) || last?, piece i [|| trailer])

What the opener writes is provisional until `finish` has returned: `Opening` hands it to a sink that shows nothing
before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from milagro.errors import DecryptionFailed, MalformedEnvelope, ParameterError
from milagro.octets import i2osp, os2ip
from milagro.protocols.envelope.padding import padme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE_OCTETS: Final = 1 << 16
TAG_OCTETS: Final = 16
LENGTH_OCTETS: Final = 8
_CHUNK_OCTETS = PIECE_OCTETS + TAG_OCTETS
_NONCE = Struct(">3xQB").pack  # be(i, 11) || be(last, 1)
_ZEROS = bytes(PIECE_OCTETS)
_MAX_LENGTH = 1 << 62
_MOST_VIEWS = 256


class ChunkSealer:
    """Turns a payload of any size into chunks.

    Spec: spec/envelope.md#body
    Secret: the key
    """

    def __init__(self, key: bytes, *, hashed: bool) -> None:
        self.length = 0
        self._hash = hashlib.sha256() if hashed else None
        self._encrypt = AESGCM(key).encrypt
        self._chunks = 0
        self._held: memoryview | bytearray = memoryview(b"")  # it may be the last piece, so it waits

    def update(self, octets: bytes) -> list[bytes]:
        """The chunks that are complete once `octets` were added to the payload."""
        self.length += len(octets)
        if self._hash is not None:
            self._hash.update(octets)
        return self._absorb(octets)

    @property
    def payload_digest(self) -> bytes:
        """H(payload).

        Raises: ParameterError if the body is not signed
        """
        if self._hash is None:
            raise ParameterError("the payload of a keyed body is not hashed")
        return self._hash.digest()

    def finish(self, trailer: bytes, *, padded: bool) -> Iterator[bytes]:
        """The rest of the chunks: padding, and the last one with the trailer."""
        if self.length >= _MAX_LENGTH:
            raise ParameterError("the payload is too long")
        zeros = padme(self.length) - self.length if padded else 0
        while zeros:
            count = min(zeros, PIECE_OCTETS)
            yield from self._absorb(_ZEROS[:count])
            zeros -= count
        yield self._encrypt(_NONCE(self._chunks, 1), b"".join([self._held, trailer]), None)

    def _absorb(self, octets: bytes) -> list[bytes]:
        view, at, chunks = memoryview(octets if isinstance(octets, bytes) else bytes(octets)), 0, []
        if len(self._held):
            at = min(PIECE_OCTETS - len(self._held), len(view))
            if at:
                self._held = self._held if isinstance(self._held, bytearray) else bytearray(self._held)
                self._held += view[:at]
            if at == len(view):
                return []
            chunks.append(self._chunk(self._held))
        while len(view) - at > PIECE_OCTETS:
            chunks.append(self._chunk(view[at : at + PIECE_OCTETS]))
            at += PIECE_OCTETS
        self._held = view[at:]
        return chunks

    def _chunk(self, piece: bytearray | memoryview) -> bytes:
        chunk = self._encrypt(_NONCE(self._chunks, 0), piece, None)
        self._chunks += 1
        return chunk


@dataclass(frozen=True, slots=True)
class Trailer:
    """What the last chunk says of the payload, and the digest of what was written (None for a keyed body)."""

    length: int
    signature: bytes
    payload_digest: bytes | None


class ChunkOpener:
    """Turns chunks into a payload, written piece by piece; provisional until `finish` has returned.

    Spec: spec/envelope.md#body
    Raises: DecryptionFailed for a chunk that is changed, moved or missing; MalformedEnvelope for a false length
    """

    def __init__(self, key: bytes, signature_octets: int, write: Callable[[bytes], object]) -> None:
        self._decrypt = AESGCM(key).decrypt
        self._write = write
        self._trailer = LENGTH_OCTETS + signature_octets
        self._longest_last = PIECE_OCTETS + self._trailer + TAG_OCTETS
        self._hash = hashlib.sha256() if signature_octets else None
        self._chunks = self._written = 0
        self._zeros = 0  # read, and not yet known to be payload rather than padding
        self._held: list[memoryview] = []  # not copied before a chunk is put together
        self._held_octets = 0

    def update(self, octets: bytes | memoryview) -> None:
        """Opens all chunks that are known not to be the last; the octets must not change afterwards."""
        view = memoryview(octets)
        while self._held_octets + len(view) > self._longest_last:
            if not self._held_octets:
                self._open(view[:_CHUNK_OCTETS])
                view = view[_CHUNK_OCTETS:]
                continue
            missing = max(0, _CHUNK_OCTETS - self._held_octets)
            self._hold(view[:missing])
            view = view[missing:]
            held = self._take_held()
            self._open(held[:_CHUNK_OCTETS])
            self._hold(held[_CHUNK_OCTETS:])
        self._hold(view)

    def _hold(self, view: memoryview) -> None:
        if view:
            self._held.append(view)
            self._held_octets += len(view)
        if len(self._held) > _MOST_VIEWS:
            self._hold(self._take_held())

    def _take_held(self) -> memoryview:
        held = self._held[0] if len(self._held) == 1 else memoryview(b"".join(self._held))
        self._held, self._held_octets = [], 0
        return held

    def finish(self) -> Trailer:
        """Opens the last chunk and writes what is left; the trailer's signature is still to be verified."""
        if self._held_octets < self._trailer + TAG_OCTETS:
            raise DecryptionFailed("the envelope is cut short")
        plain = self._decrypted(self._take_held(), last=1)
        piece, trailer = plain[: -self._trailer], plain[-self._trailer :]
        length = os2ip(trailer[:LENGTH_OCTETS])
        total = self._chunks * PIECE_OCTETS + len(piece)
        self._release(piece)
        if (self._chunks and not piece) or length > _MAX_LENGTH or total not in {length, padme(length)}:
            raise MalformedEnvelope("the length in the last chunk does not fit the body")
        if not self._written <= length:
            raise MalformedEnvelope("the padding is not zero")
        self._zeros = length - self._written
        self._flush_zeros()
        return Trailer(length, trailer[LENGTH_OCTETS:], self._hash.digest() if self._hash else None)

    def _open(self, chunk: memoryview) -> None:
        self._release(self._decrypted(chunk, last=0))
        self._chunks += 1

    def _decrypted(self, chunk: memoryview, last: int) -> bytes:
        try:
            return self._decrypt(_NONCE(self._chunks, last), chunk, None)
        except InvalidTag:
            raise DecryptionFailed("the body of the envelope was altered, or cut short") from None

    def _release(self, plain: bytes) -> None:
        # Zeros at the end of a piece may be padding. They wait, as a number.
        octets = plain.rstrip(b"\0")
        if octets:
            self._flush_zeros()
            self._emit(octets)
        self._zeros += len(plain) - len(octets)

    def _flush_zeros(self) -> None:
        while self._zeros:
            count = min(self._zeros, PIECE_OCTETS)
            self._emit(_ZEROS[:count])
            self._zeros -= count

    def _emit(self, octets: bytes) -> None:
        if self._hash is not None:
            self._hash.update(octets)
        self._write(octets)
        self._written += len(octets)


def trailer_length(length: int) -> bytes:
    """be(L, 8), the first part of the trailer."""
    return i2osp(length, LENGTH_OCTETS)
