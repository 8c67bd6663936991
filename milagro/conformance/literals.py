"""Readers of written values. Each takes the text of a field and refuses whatever is not exactly such a value."""

from __future__ import annotations

import re
from typing import Any

_HEX = re.compile(r"[0-9A-Fa-f]+")
_MAX_DIGITS = 65536
_ELEMENT = {1: "h", 2: "[h,h]", 4: "[[h,h],[h,h]]", 12: "[[[h,h],[h,h]],[[h,h],[h,h]],[[h,h],[h,h]]]"}


class BadLiteral(Exception):
    """The text of a field is not a value of the kind that stands there."""


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise BadLiteral(f"not a string but {type(value).__name__}")
    if len(value) > _MAX_DIGITS:
        raise BadLiteral(f"{len(value)} characters are too long for any value")
    return value


def hex_integer(value: Any) -> int:
    """An integer in hexadecimal digits of either case, with or without leading zeros."""
    text = _string(value)
    if not _HEX.fullmatch(text):
        raise BadLiteral(f"not hexadecimal digits: {text[:40]!r}")
    return int(text, 16)


def octets(value: Any) -> bytes:
    """An octet string in hexadecimal, two digits an octet; it may be empty."""
    text = _string(value)
    if text and not _HEX.fullmatch(text):
        raise BadLiteral(f"not hexadecimal digits: {text[:40]!r}")
    if len(text) % 2:
        raise BadLiteral(f"an odd number of hexadecimal digits: {len(text)}")
    return bytes.fromhex(text)


def integer(value: Any) -> int:
    """A whole number: of JSON, or in decimal digits with an optional sign."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadLiteral(f"not a whole number but {str(value)[:40]!r}")
    if value.bit_length() > 64:
        raise BadLiteral("a whole number beyond 64 bits")
    return value


def text(value: Any) -> str:
    """Any text."""
    return _string(value)


def element(degree: int) -> Any:
    """A reader of an element of Fp, Fp2, Fp4 or Fp12 in nested brackets, as its coefficients in order."""

    def read(value: Any) -> tuple[int, ...]:
        written = re.sub(r"\s", "", _string(value))
        if _HEX.sub("h", written) != _ELEMENT[degree]:
            raise BadLiteral(f"not {degree} hexadecimal coefficients in the form {_ELEMENT[degree]}")
        return tuple(int(digits, 16) for digits in _HEX.findall(written))

    return read


def point(value: Any) -> tuple[int, int]:
    """A point of E(Fp) written x:y."""
    x, y = _parts(_string(value), ":")
    return hex_integer(x), hex_integer(y)


def twist_point(value: Any) -> tuple[int, int, int, int]:
    """A point of E'(Fp2) written xa:xb&ya:yb."""
    x, y = _parts(_string(value), "&")
    return (*point(x), *point(y))


def _parts(written: str, separator: str) -> tuple[str, str]:
    parts = written.split(separator)
    if len(parts) != 2:
        raise BadLiteral(f"expected two parts around {separator!r}")
    return parts[0].strip(), parts[1].strip()


def shown(value: Any) -> str:
    """A value as a report shows it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return "[" + ",".join(shown(part) for part in value) + "]"
    if isinstance(value, Hexadecimal):
        return f"{int(value):x}"
    return str(value)


class Hexadecimal(int):
    """An integer that is written in hexadecimal."""
