"""The identity: who, on which device, at which server, with which client key, since when."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from milagro.errors import MalformedEnvelope, NonCanonical, ParameterError, WrongLength
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.protocols.mpin.v2.client_key import check_public_key
from milagro.protocols.mpin.v2.suite import PREFIX, check_now, draw

if TYPE_CHECKING:
    from milagro.groups import Random
    from milagro.protocols.mpin.v2.client_key import ClientKey
    from milagro.protocols.mpin.v2.suite import Suite

SALT_OCTETS = 16
_TIME_OCTETS = 8
_FIELDS = 8
_MOST = {"suite_id": 128, "realm": 253, "user": 256, "device": 64, "algorithm": 32}
MAX_IDENTITY = sum(_MOST.values()) + _TIME_OCTETS + SALT_OCTETS + 65 + 4 * _FIELDS


def check_text(name: str, value: str, most: int) -> str:
    """`value` in NFC, if it is text of 1 to `most` octets without control characters.

    Raises: ParameterError
    """
    if not isinstance(value, str):
        raise ParameterError(f"{name} is text")
    value = unicodedata.normalize("NFC", value)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise ParameterError(f"{name} holds a control character")
    if not 1 <= len(value.encode()) <= most:
        raise ParameterError(f"{name} has 1 to {most} octets of UTF-8")
    return value


@dataclass(frozen=True, slots=True)
class Identity:
    """identity = frame(suite id, realm, user, device, be(issued_at, 8), salt, algorithm, public key).

    Spec: spec/mpin.md#identity
    Raises: ParameterError, and for the public key what check_public_key raises
    """

    suite_id: str
    realm: str
    user: str
    device: str
    issued_at: int
    salt: bytes
    algorithm: str
    public_key: bytes
    _octets: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            object.__setattr__(self, name, check_text(name, getattr(self, name), most))
        if not (self.suite_id.startswith(PREFIX) and self.suite_id.isascii()):
            raise ParameterError("the suite id of an identity is one of M-Pin v2")
        check_now(self.issued_at)
        if len(self.salt) != SALT_OCTETS:
            raise ParameterError(f"the salt of an identity has {SALT_OCTETS} octets")
        check_public_key(self.algorithm, self.public_key)
        object.__setattr__(self, "_octets", self._framed())

    @classmethod
    def create(
        cls, suite: Suite, realm: str, user: str, device: str, key: ClientKey, issued_at: int, random: Random
    ) -> Self:
        """A new identity for `key`, with a fresh salt.

        Spec: spec/mpin.md#identity
        """
        salt = draw(random, SALT_OCTETS)
        return cls(suite.id, realm, user, device, issued_at, salt, key.algorithm, key.public_key)

    @property
    def account(self) -> tuple[str, str]:
        """(user, device): where a relying party pins one identity.

        Spec: spec/mpin.md#sessions
        """
        return self.user, self.device

    def to_bytes(self) -> bytes:
        """The canonical octets."""
        return self._octets

    def _framed(self) -> bytes:
        texts = [text.encode() for text in (self.suite_id, self.realm, self.user, self.device)]
        return frame(*texts, i2osp(self.issued_at, _TIME_OCTETS), self.salt, self.algorithm.encode(), self.public_key)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """The identity with these octets.

        Raises: WrongLength, MalformedEnvelope, NonCanonical if other octets are the encoding of the same fields
        """
        if len(octets) > MAX_IDENTITY:
            raise WrongLength(f"an identity has at most {MAX_IDENTITY} octets")
        fields = unframe(octets, _FIELDS)
        try:
            suite_id, realm, user, device, algorithm = (fields[i].decode() for i in (0, 1, 2, 3, 6))
            identity = cls(suite_id, realm, user, device, os2ip(fields[4]), fields[5], algorithm, fields[7])
        except (ParameterError, UnicodeDecodeError) as error:
            raise MalformedEnvelope(f"not an identity: {error}") from None
        if identity.to_bytes() != octets:
            raise NonCanonical("an identity is not in its canonical form")
        return identity

    def digest(self) -> bytes:
        """SHA-256 of the octets, to index by and to log.

        Shape: 32 octets
        """
        return hashlib.sha256(self.to_bytes()).digest()
