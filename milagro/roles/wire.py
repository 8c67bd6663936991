"""The JSON that crosses the network: strict models, octets as unpadded base64url."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FAULTS_SHOWN = 10
_NAME_SHOWN = 40


class Message(BaseModel):
    """A JSON object with exactly the documented members, each of exactly the documented type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    def __repr__(self) -> str:
        # Messages carry tickets, codes and shares, so none of them shows what it holds.
        return f"<{type(self).__name__}>"

    __str__ = __repr__


def to_text(octets: bytes) -> str:
    """`octets` in base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def to_octets(text: object) -> bytes:
    """The octets of `to_text`; refuses every other spelling of them with a ValueError."""
    if not isinstance(text, str):
        raise ValueError("must be a base64url string")  # noqa: TRY004 - pydantic reports only a ValueError
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64url without padding") from None
    if to_text(octets) != text:
        raise ValueError("must be base64url in its one canonical spelling")
    return octets


def bounded_octets(low: int, high: int) -> Any:
    """The type of octets with a length within the bounds, base64url in JSON."""
    return Annotated[
        bytes,
        BeforeValidator(_bounded(low, high)),
        PlainSerializer(to_text, return_type=str),
        WithJsonSchema(
            {"type": "string", "format": "base64url", "minLength": -(-low * 4 // 3), "maxLength": -(-high * 4 // 3)}
        ),
    ]


def _bounded(low: int, high: int) -> Any:
    def decode(value: object) -> bytes:
        # A model that is filled in from Python already holds octets.
        octets = value if isinstance(value, bytes) else to_octets(value)
        if not low <= len(octets) <= high:
            raise ValueError(f"must have {low} to {high} octets")
        return octets

    return decode


def faults_text(faults: Sequence[Mapping[str, Any]], skip: int = 0) -> str:
    """Where a message differs from its model and how, in ASCII, without the values, which may be secrets.

    The first `skip` parts of each place are left out. Names that a caller made up are cut.
    """
    return "; ".join(f"{_place(fault['loc'][skip:])}: {fault['msg']}" for fault in faults[:_FAULTS_SHOWN])


def _place(parts: Sequence[object]) -> str:
    return ".".join(ascii(str(part)[:_NAME_SHOWN])[1:-1] for part in parts) or "body"


Octets = bounded_octets(1, 4096)
"""A protocol message, point, identity or share; its own decoder checks the rest."""

BundleOctets = bounded_octets(1, 1 << 18)
"""The operations of an identity."""

PublicKey = bounded_octets(32, 133)
SignatureOctets = bounded_octets(64, 132)
SecretOctets = bounded_octets(32, 32)
"""A random secret of 256 bits."""

UserName = Annotated[str, Field(min_length=1, max_length=256)]
DeviceName = Annotated[str, Field(min_length=1, max_length=64)]
InvitationCode = Annotated[str, Field(min_length=8, max_length=64)]
UnixTime = Annotated[int, Field(ge=0, lt=1 << 40)]
Purpose = Annotated[str, Field(min_length=1, max_length=128)]
SlotNumber = Annotated[int, Field(ge=0, lt=1 << 40)]


class ErrorDetail(Message):
    """What went wrong: a code for programs, a sentence for people, an id for the server's operator."""

    code: str
    message: str
    request_id: str


class ErrorBody(Message):
    """The body of every answer whose status is 400 or above."""

    error: ErrorDetail
