"""The public keys of an issuer of tokens: a JSON Web Key Set (RFC 7517) in a file or at a URL, read again.

asked for a key --known, fresh--> given
                --known, old----> fetched again; if that fails, the known one is given
                --unknown-------> fetched again, but not within ten seconds of the last time
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from milagro.errors import ConfigError, Unavailable
from milagro.roles import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Key = ECKey | OKPKey | RSAKey
_log = logs.logger(__name__)
_KINDS: dict[str, type[Key]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
_KEY_OF_ALGORITHM = {"ES": "EC", "Ed": "OKP", "PS": "RSA", "RS": "RSA"}
_RSA_BITS = 2048
_SIZE_LIMIT = 1 << 18
_KEYS_LIMIT = 64
_AGAIN_SECONDS = 10.0
_TIMEOUT = httpx.Timeout(5.0)


class IssuerKeys:
    """The keys of one issuer, from wherever `fetch` reads the octets of its key set."""

    def __init__(self, fetch: Callable[[], bytes], refresh_seconds: float, clock: Callable[[], float] = time.monotonic):
        self._fetch = fetch
        self._refresh = refresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: list[Key] = []
        self._read_at = self._tried_at = float("-inf")

    def candidates(self, algorithm: str, key_id: str | None) -> list[Key]:
        """The issuer's keys with this id, or all if the token names none, that are for this algorithm.

        Raises: Unavailable if there is no key set to be had
        """
        with self._lock:
            self._renew(self._refresh)
            found = self._find(algorithm, key_id)
            if not found:
                self._renew(_AGAIN_SECONDS)
                found = self._find(algorithm, key_id)
            if not self._keys:
                raise Unavailable("the keys of the tokens' issuer cannot be had now; try again later")
            return found

    def _find(self, algorithm: str, key_id: str | None) -> list[Key]:
        kind = _KINDS[_KEY_OF_ALGORITHM[algorithm[:2]]]
        return [
            key
            for key in self._keys
            if isinstance(key, kind) and key_id in (None, key.kid) and key.get("alg") in (None, algorithm)
        ]

    def _renew(self, age: float) -> None:
        now = self._clock()
        if now - self._read_at < age or now - self._tried_at < _AGAIN_SECONDS:
            return
        self._tried_at = now
        try:
            self._keys = read_key_set(self._fetch())
            self._read_at = now
        except (OSError, httpx.HTTPError, ConfigError) as error:
            _log.warning("the issuer's keys were not read", reason=str(error), known=len(self._keys))


def read_key_set(octets: bytes) -> list[Key]:
    """The public keys in a key set that are for signatures and strong enough; others are left out.

    Raises: ConfigError if it is no key set, or has no such key
    """
    try:
        entries = json.loads(octets)["keys"]
        found = [key for entry in entries[:_KEYS_LIMIT] if (key := _read_key(entry)) is not None]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError("this is not a JSON Web Key Set") from None
    if not found:
        raise ConfigError("the JSON Web Key Set has no public key for signatures of a kind that is taken here")
    return found


def _read_key(entry: dict[str, Any]) -> Key | None:
    kind = _KINDS.get(entry["kty"])
    if kind is None or entry.get("use", "sig") != "sig":
        return None
    try:
        key = kind.import_key(entry)
        public = key.public_key
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    weak = isinstance(public, RSAPublicKey) and public.key_size < _RSA_BITS
    return None if weak or key.is_private else key


def from_file(path: Path) -> Callable[[], bytes]:
    """Reads a file."""
    return path.read_bytes


def from_url(url: str, transport: httpx.BaseTransport | None = None) -> Callable[[], bytes]:
    """Fetches a URL: no redirects, and no more octets than a key set has."""

    def fetch() -> bytes:
        with (
            httpx.Client(timeout=_TIMEOUT, transport=transport, follow_redirects=False) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            octets = bytearray()
            for chunk in answer.iter_bytes():
                octets += chunk
                if len(octets) > _SIZE_LIMIT:
                    raise ConfigError("the key set is larger than a key set can be")
            return bytes(octets)

    return fetch
