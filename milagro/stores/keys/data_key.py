"""A data key: one random key in a file that a slower sealer seals, under which many records are sealed fast.

    file     a sealed file; in it deterministic CBOR [1, [[id, key], ...]], of which the last is the one in use
    record   deterministic CBOR {1: 1, 2: key id, 3: nonce, 4: context, 5: ciphertext}

A record is sealed by XAES-256-GCM (C2SP): a random nonce of 192 bits picks a key for AES-256-GCM, so that a data key
seals 2^80 records before two nonces meet with probability 2^-32, and nobody has to count. Fields 1 to 4 are its
associated data.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from milagro import cbor
from milagro.errors import AlreadyExists, DecryptionFailed, MalformedEnvelope, NotFound, StoreError
from milagro.secret_value import SecretValue
from milagro.stores import files
from milagro.stores.keys.header import RECORD, OtherKind, check_context
from milagro.stores.keys.sealed_file import SealedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from milagro.stores.keys.sealer import Sealer

_VERSION = 1
_KIND: Final = {"kind": "data-key"}
_KEY_OCTETS = 32
_ID_OCTETS = 16
_NONCE_OCTETS = 24
_LIMITS: Final = cbor.Limits(octets=1 << 24)
_MAX_KEYS = 32


class DataKey(SecretValue):
    """The data key of a node; a `Sealer`. Threads may share it, and processes that read the same file.

    Raises: as `Sealer`; StoreError if the file holds no data key
    Secret: the keys, which are in this process's memory for as long as the object is
    """

    __slots__ = ("_context", "_file", "_keys", "_lock", "_read", "_sealer")

    def __init__(self, path: Path, sealer: Sealer, context: Mapping[str, str]) -> None:
        self._file = SealedFile(path)
        self._sealer = sealer
        self._context = {**context, **_KIND}
        self._lock = threading.Lock()
        self._keys: dict[bytes, bytes] = {}
        self._read = b""

    @classmethod
    def open(cls, path: Path, sealer: Sealer, context: Mapping[str, str]) -> Self:
        """The data key in a file, whose header must hold every entry of `context`.

        Raises: NotFound, and what the sealer raises
        """
        found = cls(path, sealer, context)
        found._load()
        return found

    @classmethod
    def create(cls, path: Path, sealer: Sealer, context: Mapping[str, str]) -> None:
        """A new data key, in a file that did not exist.

        Raises: AlreadyExists, Unavailable, and what the sealer raises
        """
        SealedFile(path).create(_write(_with_new({})), sealer, {**context, **_KIND})

    @classmethod
    def open_or_create(cls, path: Path, sealer: Sealer, context: Mapping[str, str]) -> Self:
        """The data key in a file, which is made if there is none; of several processes one makes it.

        Raises: Unavailable, and what the sealer raises
        """
        with contextlib.suppress(NotFound):
            return cls.open(path, sealer, context)
        with contextlib.suppress(AlreadyExists):  # another process was quicker
            cls.create(path, sealer, context)
        return cls.open(path, sealer, context)

    @property
    def name(self) -> str:
        """Which key is in use."""
        return f"data key {self._current.hex()}"

    @property
    def _current(self) -> bytes:
        return next(reversed(self._keys))

    # -- records ------------------------------------------------------------------------------------------------------
    def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """A record that holds `secret` and proves `context`.

        Raises: ParameterError if it is longer than 16 MiB
        """
        key_id, nonce = self._current, secrets.token_bytes(_NONCE_OCTETS)
        head: dict[int, Any] = {1: _VERSION, 2: key_id, 3: nonce, 4: dict(context)}
        ciphertext = xaes(self._keys[key_id], nonce).encrypt(nonce[12:], secret, cbor.encode(head))
        return cbor.encode({**head, 5: ciphertext}, _LIMITS)

    def unseal(self, octets: bytes, context: Mapping[str, str]) -> bytes:
        """As `Sealer.unseal`.

        Secret: the result
        """
        head, ciphertext = _parse(octets)
        check_context(head[4], context)
        key = self._find(head[2])
        try:
            return xaes(key, head[3]).decrypt(head[3][12:], ciphertext, cbor.encode(head))
        except InvalidTag:
            raise DecryptionFailed("the sealed record was altered") from None

    def is_current(self, octets: bytes) -> bool:
        """Whether the octets are a record under the key in use."""
        return octets[:1] == RECORD and _parse(octets)[0][2] == self._current

    # -- the keys -----------------------------------------------------------------------------------------------------
    def rotate(self) -> None:
        """A new key in use, on disk before it seals anything; records under the older ones still open.

        Raises: StoreError if there are too many older ones; Unavailable, and what the sealer raises
        """
        self._store(_with_new)

    def forget_older(self) -> None:
        """Drops all keys but the one in use. What `is_current` denies is lost then: seal it again before.

        Raises: Unavailable, and what the sealer raises
        """
        self._store(lambda keys: dict([list(keys.items())[-1]]))

    def _store(self, change: Callable[[dict[bytes, bytes]], dict[bytes, bytes]]) -> None:
        with files.locked(self._file.path.parent):
            self._load()
            self._file.replace(_write(change(self._keys)), self._sealer, self._file.context())
        self._load()

    def _find(self, key_id: bytes) -> bytes:
        if key_id not in self._keys:
            self._load()  # another process that shares the file may have rotated
        if key_id not in self._keys:
            raise DecryptionFailed(f"the record was sealed under the data key {key_id.hex()}, which is not here")
        return self._keys[key_id]

    def _load(self) -> None:
        """Takes the keys from the file if it is another one than was read last, as the sealer may be slow."""
        with self._lock:
            digest = hashlib.sha256(files.read(self._file.path)).digest()
            if digest != self._read:
                self._keys = _read(self._file.open(self._sealer, self._context))
                self._read = digest


def xaes(key: bytes, nonce: bytes) -> AESGCM:
    """AES-256-GCM under the key that XAES-256-GCM derives from a key and the first 12 octets of a nonce.

    K_x = CMAC_K(00 01 | "X" | 00 | N[:12]) | CMAC_K(00 02 | "X" | 00 | N[:12]) (C2SP XAES-256-GCM); N[12:] is for it.
    Secret: the key and the result
    """
    fixed = b"X\0" + nonce[:12]
    derivation = KBKDFCMAC(
        algorithms.AES256, Mode.CounterMode, 32, 2, None, CounterLocation.BeforeFixed, None, None, fixed
    )
    return AESGCM(derivation.derive(key))


def record_context(octets: bytes) -> dict[str, str]:
    """The readable context of a record, unproven.

    Raises: MalformedEnvelope
    """
    return dict(_parse(octets)[0][4])


def _parse(octets: bytes) -> tuple[dict[int, Any], bytes]:
    if octets[:1] == b"{":
        raise OtherKind("it is a sealed file, not a record under a data key")
    fields = cbor.Fields(cbor.decode(octets, _LIMITS), "a sealed record")
    version = fields.integer(1)
    if version != _VERSION:
        raise MalformedEnvelope(f"the sealed record has version {version}; this release reads {_VERSION}")
    key_id, nonce = fields.octets(2, _ID_OCTETS, _ID_OCTETS), fields.octets(3, _NONCE_OCTETS, _NONCE_OCTETS)
    context, ciphertext = fields.value(4), fields.octets(5)
    fields.finish()
    if not isinstance(context, dict) or not all(isinstance(one, str) for pair in context.items() for one in pair):
        raise MalformedEnvelope("the context of a sealed record is no map of texts")
    return {1: version, 2: key_id, 3: nonce, 4: context}, ciphertext


def _with_new(keys: dict[bytes, bytes]) -> dict[bytes, bytes]:
    if len(keys) >= _MAX_KEYS:
        raise StoreError("there are too many older data keys; seal the records again and forget the older ones")
    return {**keys, secrets.token_bytes(_ID_OCTETS): secrets.token_bytes(_KEY_OCTETS)}


def _write(keys: dict[bytes, bytes]) -> bytes:
    return cbor.encode([_VERSION, list(keys.items())])


def _read(octets: bytes) -> dict[bytes, bytes]:
    value: Any = cbor.decode(octets)
    match value:
        case (1, (*pairs,)) if pairs and all(_is_pair(pair) for pair in pairs):
            return {bytes(key_id): bytes(key) for key_id, key in pairs}
    raise StoreError("the sealed file holds no data key")


def _is_pair(pair: Any) -> bool:
    match pair:
        case (bytes(key_id), bytes(key)):
            return len(key_id) == _ID_OCTETS and len(key) == _KEY_OCTETS
    return False
