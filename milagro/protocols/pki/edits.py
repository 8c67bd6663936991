"""What an identity is edited by: keys, services, and what it says of others.

{"edit": "add-key", "key": {..}}    {"edit": "revoke-key", "key": id}    {"edit": "set-service", ..}    ..
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Self, TypeAlias

from milagro.cbor import Fields, Value
from milagro.cid import CID, Codec
from milagro.errors import MalformedEnvelope, ParameterError
from milagro.octets import frame

KEY_ID_OCTETS: Final = 16
_MAX_KEY = 4096
_MAX_TEXT = 256
_MAX_ENDPOINT = 1024
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")  # the characters of RFC 3986
_OF_A_KEY = re.compile(rf"control-|[0-9a-f]{{{2 * KEY_ID_OCTETS}}}-")  # both are fragments of one document


class Purpose(StrEnum):
    """What a key of an identity is for."""

    SIGN = "sign"
    ENCRYPT = "encrypt"
    BLS = "bls"
    MPIN = "mpin"


def _text(what: str, value: str, most: int = _MAX_TEXT) -> None:
    if not 1 <= len(value.encode("utf-8", "surrogatepass")) <= most or not value.isprintable():
        raise ParameterError(f"{what} is 1 to {most} octets of printable text")


def read_link(value: Value) -> CID:
    """The CID of a block in a link.

    Raises: EncodingError
    """
    cid = CID.from_link(value)
    if cid.codec is not Codec.DAG_CBOR:
        raise MalformedEnvelope("a link leads to something that is no operation")
    return cid


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that the identity uses: its purpose, the suite it is of, its octets. Opaque here.

    Spec: spec/dpki.md#keys
    Raises: ParameterError
    """

    purpose: Purpose
    suite: str
    public: bytes

    def __post_init__(self) -> None:
        _text("the suite of a key", self.suite)
        if not 1 <= len(self.public) <= _MAX_KEY:
            raise ParameterError(f"a key has between 1 and {_MAX_KEY} octets")

    @property
    def id(self) -> bytes:
        """The first 16 octets of SHA-256(frame(purpose, suite, octets))."""
        return hashlib.sha256(frame(self.purpose.encode(), self.suite.encode(), self.public)).digest()[:KEY_ID_OCTETS]

    def value(self) -> dict[str, Value]:
        """The map that stands for it in an operation."""
        return {"purpose": str(self.purpose), "suite": self.suite, "public": self.public}

    @classmethod
    def read(cls, value: Value) -> Key:
        """The key in such a map.

        Raises: MalformedEnvelope
        """
        fields = Fields(value, "a key")
        purpose = fields.text("purpose")
        if purpose not in set(Purpose):
            raise MalformedEnvelope(f"no key has the purpose {purpose[:40]!r}")
        suite, public = fields.text("suite", 1, _MAX_TEXT), fields.octets("public", 1, _MAX_KEY)
        fields.finish()
        return cls(Purpose(purpose), suite, public)


# -- edits ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AddKey:
    """From now on the key is one of the identity's. A key that was revoked does not come back."""

    KIND: ClassVar = "add-key"
    key: Key

    def value(self) -> dict[str, Value]:
        """The map that stands for it."""
        return {"edit": self.KIND, "key": self.key.value()}

    @classmethod
    def read(cls, fields: Fields) -> AddKey:
        """The edit in such a map."""
        return cls(Key.read(fields.value("key")))


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """The key with this id is not the identity's any more, also if another replica adds it at the same time."""

    KIND: ClassVar = "revoke-key"
    key_id: bytes

    def value(self) -> dict[str, Value]:
        """The map that stands for it."""
        return {"edit": self.KIND, "key": self.key_id}

    @classmethod
    def read(cls, fields: Fields) -> RevokeKey:
        """The edit in such a map."""
        return cls(fields.octets("key", KEY_ID_OCTETS, KEY_ID_OCTETS))


@dataclass(frozen=True, slots=True)
class SetService:
    """A service of the identity, for example a D-TA, and where it is."""

    KIND: ClassVar = "set-service"
    name: str
    type: str
    endpoint: str

    def __post_init__(self) -> None:
        _text("the name of a service", self.name)
        _text("the type of a service", self.type)
        _text("an endpoint", self.endpoint, _MAX_ENDPOINT)
        if not all(c.isascii() and (c.isalnum() or c in "-_.") for c in self.name):
            raise ParameterError("the name of a service has letters, digits, '-', '_' and '.' only")
        if _OF_A_KEY.match(self.name):
            raise ParameterError("the name of a service is none that a key has in the DID document")
        if not _URI.fullmatch(self.endpoint):
            raise ParameterError("an endpoint is a URI, such as https://name.example")

    def value(self) -> dict[str, Value]:
        """The map that stands for it."""
        return {"edit": self.KIND, "name": self.name, "type": self.type, "endpoint": self.endpoint}

    @classmethod
    def read(cls, fields: Fields) -> SetService:
        """The edit in such a map."""
        return cls(fields.text("name"), fields.text("type"), fields.text("endpoint"))


@dataclass(frozen=True, slots=True)
class RemoveService:
    """The service of this name is gone."""

    KIND: ClassVar = "remove-service"
    name: str

    def __post_init__(self) -> None:
        _text("the name of a service", self.name)

    def value(self) -> dict[str, Value]:
        """The map that stands for it."""
        return {"edit": self.KIND, "name": self.name}

    @classmethod
    def read(cls, fields: Fields) -> RemoveService:
        """The edit in such a map."""
        return cls(fields.text("name"))


@dataclass(frozen=True, slots=True)
class Statement:
    """What the identity says of another one, for example that it is a D-TA of the same network."""

    KIND: ClassVar[str]
    subject: CID
    claim: str

    def __post_init__(self) -> None:
        _text("a claim", self.claim, _MAX_ENDPOINT)

    def value(self) -> dict[str, Value]:
        """The map that stands for it."""
        return {"edit": self.KIND, "subject": self.subject.link(), "claim": self.claim}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """The edit in such a map."""
        return cls(read_link(fields.value("subject")), fields.text("claim"))


@dataclass(frozen=True, slots=True)
class Attest(Statement):
    """The identity says so."""

    KIND = "attest"


@dataclass(frozen=True, slots=True)
class Withdraw(Statement):
    """The identity does not say so any more."""

    KIND = "withdraw"


Edit: TypeAlias = AddKey | RevokeKey | SetService | RemoveService | Attest | Withdraw
_EDITS: Final[Mapping[str, Any]] = {
    kind.KIND: kind for kind in (AddKey, RevokeKey, SetService, RemoveService, Attest, Withdraw)
}


def read_edit(value: Value) -> Edit:
    """The edit in a map.

    Raises: EncodingError, ParameterError
    """
    fields = Fields(value, "an edit")
    kind = fields.text("edit")
    if kind not in _EDITS:
        raise MalformedEnvelope(f"no edit is called {kind[:40]!r}")
    edit: Edit = _EDITS[kind].read(fields)
    fields.finish()
    return edit
