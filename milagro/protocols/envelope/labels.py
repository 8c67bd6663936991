"""What every hash, key and signature of this format begins with, and the sizes of the format."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from milagro.errors import ParameterError
from milagro.octets import frame

if TYPE_CHECKING:
    from milagro.groups import Random

LABEL: Final = b"milagro envelope v1"
DIGEST_OCTETS: Final = 32
ID_OCTETS: Final = 32


def labelled(*fields: str | bytes) -> bytes:
    """frame(LABEL, fields ..), texts as UTF-8."""
    return frame(LABEL, *(field.encode() if isinstance(field, str) else field for field in fields))


def digest(octets: bytes) -> bytes:
    """H(octets), SHA-256."""
    return hashlib.sha256(octets).digest()


def draw(random: Random, count: int) -> bytes:
    """`count` octets from the source of randomness.

    Raises: ParameterError if it returns another number of them
    """
    octets = bytes(random(count))
    if len(octets) != count:
        raise ParameterError(f"the source of randomness gave {len(octets)} octets instead of {count}")
    return octets
