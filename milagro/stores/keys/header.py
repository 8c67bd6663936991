"""The text of a sealed file: one JSON object, all of which but the ciphertext is its authenticated header.

    {"version": 1, "kdf": {"name": "argon2id", "memory_kib": .., "iterations": .., "lanes": .., "salt": hex},
     "cipher": "aes-256-gcm", "nonce": hex, "context": {"role": .., "curve": .., "key_id": ..}, "ciphertext": hex}

    {"version": 2, "key": {"name": "pkcs11", "label": .., "id": hex},
     "cipher": "aes-256-gcm", "nonce": hex, "context": {..}, "ciphertext": hex}

Version 1 is sealed under a passphrase, version 2 under a key of a PKCS#11 token. A file cannot be passed off as another
role's, another curve's, another epoch's or another key's: what its context says is proven when it opens.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from milagro.errors import ConfigError, MalformedEnvelope, ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSPHRASE: Final = 1
TOKEN: Final = 2
RECORD: Final = b"\xa5"  # how a record under a data key begins: a CBOR map of five entries
CIPHER: Final = "aes-256-gcm"
NONCE_OCTETS: Final = 12
TAG_OCTETS: Final = 16
_MAX_OCTETS = 16384
_SHARED = {"version", "cipher", "nonce", "context", "ciphertext"}
_FIELDS: Final = {
    PASSPHRASE: ("kdf", "argon2id", {"name", "memory_kib", "iterations", "lanes", "salt"}),
    TOKEN: ("key", "pkcs11", {"name", "label", "id"}),
}


class OtherKind(ConfigError):
    """The octets are sealed under another kind of key than the one that is asked."""


def write(header: Mapping[str, Any], ciphertext: bytes) -> bytes:
    """The sealed file.

    Raises: ParameterError if it would be too long to be read again
    """
    text = json.dumps({**header, "ciphertext": ciphertext.hex()}, sort_keys=True, indent=1).encode() + b"\n"
    if len(text) > _MAX_OCTETS:
        raise ParameterError("this is too long for a sealed file; seal it under a data key")
    return text


def parse(content: bytes) -> dict[str, Any]:
    """The fields of a sealed file of either version, ciphertext and all, unproven.

    Raises: MalformedEnvelope; OtherKind for a record under a data key
    """
    if content[:1] == RECORD:
        raise OtherKind("it is a record under a data key, not a sealed file")
    if len(content) > _MAX_OCTETS:  # also bounds the nesting, which the parser meets with the C stack
        raise MalformedEnvelope("this is not a sealed file")
    try:
        header = json.loads(content)
        fits = any(_has_fields(header, *shape) for shape in _FIELDS.values())
        fits = fits and header["cipher"] == CIPHER
        fits = fits and all(isinstance(value, str) for value in header["context"].values())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise MalformedEnvelope("this is not a sealed file") from None
    if not fits:
        raise MalformedEnvelope("this is not a sealed file")
    # True is equal to 1 in Python and is not a version.
    if type(header["version"]) is not int or _FIELDS.get(header["version"], ("",))[0] not in header:
        raise MalformedEnvelope(
            f"the sealed file has version {header['version']!r}; this release reads {PASSPHRASE} and {TOKEN}"
        )
    parsed: dict[str, Any] = header
    return parsed


def _has_fields(header: Any, field: str, name: str, fields: set[str]) -> bool:
    return set(header) == _SHARED | {field} and set(header[field]) == fields and header[field]["name"] == name


def check_version(header: Mapping[str, Any], version: int, cure: str) -> None:
    """Nothing, if the file is of this version.

    Raises: OtherKind
    """
    if header["version"] != version:
        kind = {PASSPHRASE: "a passphrase", TOKEN: "a token's key"}[header["version"]]
        raise OtherKind(f"it is sealed under {kind}; {cure}")


def check_context(found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Nothing, if every entry that is wanted was found.

    Raises: ConfigError
    """
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ConfigError(f"the sealed file was made for {name} {found.get(name)!r}, not for {value!r}")


def associated_data(header: Mapping[str, Any]) -> bytes:
    """What the tag covers beside the secret: the header without the ciphertext, in one form."""
    covered = {name: value for name, value in header.items() if name != "ciphertext"}
    return json.dumps(covered, sort_keys=True, separators=(",", ":")).encode()


def octets(text: object, length: int | None = None) -> bytes:
    """A field that is hexadecimal.

    Raises: MalformedEnvelope
    """
    try:
        found = bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or (length is not None and len(found) != length):
        raise MalformedEnvelope("the sealed file has a damaged hexadecimal field")
    return found


def context_of(content: bytes) -> dict[str, str]:
    """The readable header entries of a sealed file. They are proven only when it is unsealed.

    Raises: MalformedEnvelope
    """
    return dict(parse(content)["context"])


def sealed_under(content: bytes) -> str:
    """What a sealed file says that it is sealed under, in words.

    Raises: MalformedEnvelope
    """
    header = parse(content)
    if header["version"] == TOKEN:
        return f"key {header['key']['label']!r} of a token, id {header['key']['id']}"
    kdf = header["kdf"]
    return f"passphrase, Argon2id with {kdf['memory_kib']} KiB, {kdf['iterations']} passes, {kdf['lanes']} lanes"
