"""The provider's keys: those that sign, of which the next is published before it signs, and that of the subjects.

    FOLDER/ALG-TIME-KID.sealed   a signing key; it signs from TIME on, until the next of its algorithm does
    FOLDER/subjects.sealed       what subjects and session ids are derived with; without it, all users are strangers

    rotate --publish_seconds in the JWKS only--> signs --the next one signs--> overlap_seconds in the JWKS only --> gone

A running server looks into the folder again every few seconds. Replicas of one server have the same folder, or copies.

Spec: spec/oidc.md#keys
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from joserfc.jwk import ECKey, RSAKey

from milagro.errors import AlreadyExists, ConfigError, MilagroError
from milagro.octets import frame
from milagro.roles import logs
from milagro.roles.mfa.oidc.config import ALGORITHMS
from milagro.roles.wire import to_text
from milagro.stores import files
from milagro.stores.keys import Argon2Cost, SealedFile, SealingKey

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.mfa.config import MfaConfig
    from milagro.roles.mfa.oidc.clients import RelyingParty

_LOOK_SECONDS: Final = 5.0
_RSA_BITS: Final = 2048
_SUBJECTS: Final = "subjects.sealed"
_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key. Secret: key."""

    alg: str
    activates: int
    path: Path
    key: ECKey | RSAKey = field(repr=False)

    @property
    def kid(self) -> str:
        """Its thumbprint (RFC 7638)."""
        return self.key.thumbprint()

    def public(self) -> dict[str, Any]:
        """Its public part as the JWKS shows it."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.alg}


class ProviderKeys:
    """The folder with the keys; made, with a key of each algorithm, if there is none.

    Raises: ConfigError, DecryptionFailed, Unavailable
    Secret: the keys
    """

    def __init__(self, config: MfaConfig, sealing: SealingKey, now: int, cost: Argon2Cost | None = None) -> None:
        if config.oidc is None:
            raise ConfigError("there is no [mfa.oidc] in the configuration")
        self._config, self._sealing, self._cost = config.oidc, sealing, cost
        self._context = {"role": "mfa", "name": config.name}
        self._lock = threading.Lock()
        self._held: dict[Path, SigningKey] = {}
        self._looked = float("-inf")
        files.make_folder(self._config.keys)
        self._subjects = self._open_subjects()
        self._look()
        for alg in ALGORITHMS:
            if not self._of(alg):
                self._make(alg, now)
        self._look()

    # -- signing keys ----------------------------------------------------------------------------------------------
    def signing(self, alg: str, now: int) -> SigningKey:
        """The key that signs now."""
        self._look_again()
        known = self._of(alg)
        return max((key for key in known if key.activates <= now), key=_activation, default=known[0])

    def published(self, now: int) -> list[SigningKey]:
        """The keys of the JWKS: those to come, those that sign, and those whose signatures may still be about."""
        self._look_again()
        return [key for alg in ALGORITHMS for key in self._of(alg) if not self._is_over(key, now)]

    def find(self, kid: str, now: int) -> SigningKey | None:
        """The published key of this id."""
        return next((key for key in self.published(now) if key.kid == kid), None)

    def rotate(self, now: int) -> list[SigningKey]:
        """A new key of each algorithm, which will sign after `publish_seconds`; keys that are over are deleted."""
        self._look()
        made = [self._make(alg, now + self._config.publish_seconds) for alg in ALGORITHMS]
        self._look()
        for key in list(self._held.values()):
            if self._is_over(key, now):
                key.path.unlink(missing_ok=True)
        self._look()
        return made

    def _is_over(self, key: SigningKey, now: int) -> bool:
        later = [other.activates for other in self._of(key.alg) if other.activates > key.activates]
        return bool(later) and min(later) + self._config.overlap_seconds <= now

    def _of(self, alg: str) -> list[SigningKey]:
        return sorted((key for key in self._held.values() if key.alg == alg), key=_activation)

    def _make(self, alg: str, activates: int) -> SigningKey:
        key = ECKey.generate_key("P-256") if alg == "ES256" else RSAKey.generate_key(_RSA_BITS)
        path = self._config.keys / f"{alg.lower()}-{activates:012d}-{key.thumbprint()[:12]}.sealed"
        context = {**self._context, "kind": "oidc-signing-key", "alg": alg, "activates": str(activates)}
        context["key_id"] = key.thumbprint()
        octets = json.dumps(key.as_dict(private=True)).encode()
        SealedFile(path).create(octets, self._sealing, context, self._cost)
        return SigningKey(alg, activates, path, key)

    def _look_again(self) -> None:
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            try:
                self._look()
            except MilagroError as error:
                _log.error("the folder of the provider's keys cannot be read now", reason=str(error))

    def _look(self) -> None:
        with self._lock:
            self._looked = time.monotonic()
            found = [path for path in self._config.keys.glob("*.sealed") if path.name != _SUBJECTS]
            held = {path: self._held.get(path) or self._open(path) for path in found}
            self._held = held

    def _open(self, path: Path) -> SigningKey:
        file, context = SealedFile(path), {**self._context, "kind": "oidc-signing-key"}
        octets = file.open(self._sealing, context)
        proven = file.context()
        kind = ECKey if proven["alg"] == "ES256" else RSAKey
        return SigningKey(proven["alg"], int(proven["activates"]), path, kind.import_key(json.loads(octets)))

    # -- subjects --------------------------------------------------------------------------------------------------
    def subject(self, user: str, client: RelyingParty) -> str:
        """The `sub` of a user at a client: one for all clients, or one for all of the client's sector.

        sub = base64url(HMAC-SHA256(K, frame(kind, sector, user)))
        Spec: spec/oidc.md#subjects
        """
        kind = (b"pairwise", client.sector_identifier.encode()) if client.pairwise else (b"public", b"")
        return self._derive(b"subject", *kind, user.encode())

    def session_id(self, sid: str, client: RelyingParty) -> str:
        """The `sid` of a session at a client; clients cannot compare theirs.

        Spec: spec/oidc.md#subjects
        """
        return self._derive(b"session", client.client_id.encode(), sid.encode())

    def _derive(self, *fields: bytes) -> str:
        digest = hmac.new(self._subjects, frame(b"milagro oidc", *fields), hashlib.sha256).digest()
        return to_text(digest)

    def _open_subjects(self) -> bytes:
        file = SealedFile(self._config.keys / _SUBJECTS)
        context = {**self._context, "kind": "oidc-subjects"}
        if not file.exists():
            try:
                file.create(secrets.token_bytes(32), self._sealing, context, self._cost)
            except AlreadyExists:  # another process was faster
                _log.info("another process has made the key of the subjects")
        return file.open(self._sealing, context)


def _activation(key: SigningKey) -> tuple[int, str]:
    return key.activates, key.path.name
