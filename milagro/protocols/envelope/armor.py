"""Armor: an envelope or a key file as lines of text that survive mail and terminals.

Both directions take pieces of any size. The decoder takes one text for each octet string, line ends
aside, and nothing around it.
"""

from __future__ import annotations

import binascii
from typing import Final

from milagro.errors import MalformedEnvelope, NonCanonical

ENVELOPE: Final = "MILAGRO ENVELOPE"
PUBLIC_KEYS: Final = "MILAGRO ENVELOPE PUBLIC KEYS"
LINE_OCTETS: Final = 48
LINE_CHARACTERS: Final = 64
_LONGEST = LINE_CHARACTERS + 16


class Armoring:
    """Octets to lines of text.

    Spec: spec/envelope.md#armor
    """

    def __init__(self, kind: str = ENVELOPE) -> None:
        self._kind = kind
        self._rest = b""
        self._begun = False

    def update(self, octets: bytes) -> bytes:
        """The lines that are complete with these octets."""
        octets = self._rest + octets
        whole = len(octets) - len(octets) % LINE_OCTETS
        self._rest = octets[whole:]
        return self._beginning() + _lines(octets[:whole])

    def finish(self) -> bytes:
        """The last lines."""
        return self._beginning() + _lines(self._rest) + f"-----END {self._kind}-----\n".encode()

    def _beginning(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return f"-----BEGIN {self._kind}-----\n".encode()


def _lines(octets: bytes) -> bytes:
    text = binascii.b2a_base64(octets, newline=False)
    return b"".join(text[at : at + LINE_CHARACTERS] + b"\n" for at in range(0, len(text), LINE_CHARACTERS))


class Dearmoring:
    """Lines of text to octets.

    Spec: spec/envelope.md#armor
    Raises: MalformedEnvelope; NonCanonical for base64 that another text would decode to the same as
    """

    def __init__(self, kind: str = ENVELOPE) -> None:
        self._begin, self._end = f"-----BEGIN {kind}-----".encode(), f"-----END {kind}-----".encode()
        self._rest = b""
        self._begun = self._short = self._ended = False

    def update(self, text: bytes) -> bytes:
        """The octets of the lines that are complete with this text."""
        *lines, self._rest = (self._rest + text).split(b"\n")
        if len(self._rest) > _LONGEST:
            raise MalformedEnvelope("a line of the armor is too long")
        return self._decode([line.removesuffix(b"\r") for line in lines])

    def finish(self) -> bytes:
        """The octets of a last line without a line end; refuses an armor that has not ended."""
        octets = self._decode([self._rest]) if self._rest else b""
        self._rest = b""
        if not self._ended:
            raise MalformedEnvelope("the armor has no last line")
        return octets

    def _decode(self, lines: list[bytes]) -> bytes:
        if lines and not self._begun:
            if lines[0] != self._begin:
                raise MalformedEnvelope(f"the text does not begin with {self._begin.decode()}")
            self._begun, lines = True, lines[1:]
        if not lines:
            return b""
        if self._ended:
            raise MalformedEnvelope("text follows the armor")
        if self._end in lines:
            if lines[-1] != self._end or lines.count(self._end) > 1:
                raise MalformedEnvelope("text follows the armor")
            self._ended, lines = True, lines[:-1]
        return self._octets(lines)

    def _octets(self, lines: list[bytes]) -> bytes:
        if not lines:
            return b""
        if self._short or any(len(line) != LINE_CHARACTERS for line in lines[:-1]):
            raise MalformedEnvelope("a line of the armor has another length")
        self._short = len(lines[-1]) != LINE_CHARACTERS or lines[-1].endswith(b"=")
        text = b"".join(lines)
        try:
            octets = binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            raise MalformedEnvelope("a line of the armor is not base64") from None
        if not 1 <= len(lines[-1]) <= LINE_CHARACTERS or binascii.b2a_base64(octets, newline=False) != text:
            raise NonCanonical("the last line of the armor has bits or characters that mean nothing")
        return octets


def armored(octets: bytes, kind: str = ENVELOPE) -> bytes:
    """The text of an octet string.

    Spec: spec/envelope.md#armor
    """
    armoring = Armoring(kind)
    return armoring.update(octets) + armoring.finish()


def dearmored(text: bytes, kind: str = ENVELOPE) -> bytes:
    """The octets of a text.

    Spec: spec/envelope.md#armor
    Raises: MalformedEnvelope, NonCanonical
    """
    dearmoring = Dearmoring(kind)
    octets = dearmoring.update(text)
    return octets + dearmoring.finish()
