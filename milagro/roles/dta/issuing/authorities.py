"""The registration authorities that a D-TA trusts: by DPKI identity, each for its own realms, purposes and quotas."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from milagro.cid import CID
from milagro.errors import EncodingError, MilagroError
from milagro.protocols import pki
from milagro.protocols.issuance import M_PIN, Purpose
from milagro.roles import logs
from milagro.roles.correspondence.keys import recipients_of, senders_of
from milagro.roles.refusals import TicketForged

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.protocols.envelope import EncryptionPublicKey, VerifyingKey
    from milagro.roles.config import Reader
    from milagro.roles.correspondence.directory import Directory

_log = logs.logger(__name__)
_REFRESH_SECONDS: Final = 30
_MOST: Final = 1 << 40
_NAMES: Final = tuple(purpose.value for purpose in Purpose)
PER_DAY: Final = {
    Purpose.CLIENT_SHARE: 8,
    Purpose.SERVER_SHARE: 8,
    Purpose.PERMIT: 96,
    Purpose.SENDER_KEY: 8,
    Purpose.RECEIVER_KEY: 8,
}
"""How often one identity is issued one purpose within a day, where the configuration says nothing."""


@dataclass(frozen=True, slots=True)
class AuthorityTerms:
    """What one authority may ask for.

    Spec: spec/issuing.md
    """

    identity: CID
    realms: frozenset[str]
    purposes: frozenset[Purpose] = M_PIN
    per_hour: int = 10_000
    per_day: int = 100_000
    identity_per_day: Mapping[Purpose, int] = field(default_factory=lambda: PER_DAY, hash=False)
    name: str = field(init=False, repr=False, compare=False)
    """The identity as text, which every ticket is kept under."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", str(self.identity))


@dataclass(frozen=True, slots=True)
class Trusted:
    """An authority with what its identity lists now."""

    terms: AuthorityTerms
    state: pki.State

    @property
    def reply_keys(self) -> list[EncryptionPublicKey]:
        """Where its server shares go: all encryption keys that its identity lists, and no other.

        Raises: ParameterError if there is none
        """
        return recipients_of(self.state)


class Authorities:
    """Who signs tickets that count here. Threads may share it.

    What identities list is read anew from the directory every half minute: so long a revoked key is still good.
    Spec: spec/issuing.md
    """

    def __init__(self, terms: Sequence[AuthorityTerms], directory: Directory) -> None:
        self._terms, self._directory = tuple(terms), directory
        self._lock = threading.Lock()
        self._read_at: int | None = None
        self._senders: dict[bytes, VerifyingKey] = {}
        self._by_key: dict[bytes, Trusted] = {}

    def senders(self, now: int) -> Mapping[bytes, VerifyingKey]:
        """The signing keys of all of them, by their ids."""
        with self._lock:
            if self._read_at is None or not 0 <= now - self._read_at < _REFRESH_SECONDS:
                self._read()
                self._read_at = now
            return self._senders

    def of(self, key_id: bytes) -> Trusted:
        """The authority that a signing key is of.

        Raises: TicketForged
        """
        with self._lock:
            if key_id in self._by_key:
                return self._by_key[key_id]
        raise TicketForged("the ticket's issuer is not trusted by this D-TA")

    def reload(self) -> None:
        """Reads all identities anew at the next ticket: for those who have just learned of a change."""
        with self._lock:
            self._read_at = None

    def _read(self) -> None:
        by_key: dict[bytes, Trusted] = {}
        senders: dict[bytes, VerifyingKey] = {}
        for terms in self._terms:
            try:
                state = self._directory.resolution(terms.identity).require()
            except MilagroError as error:  # retired, contradictory, or not known yet: the others go on
                _log.warning("authority", identity=str(terms.identity), reason=str(error))
                continue
            keys = senders_of(state.keys)
            senders |= keys
            by_key |= dict.fromkeys(keys, Trusted(terms, state))
        self._senders, self._by_key = senders, by_key


# -- configuration ---------------------------------------------------------------------------------------------------
def read_authorities(readers: Iterable[Reader]) -> tuple[list[AuthorityTerms], list[Path]]:
    """[[dta.authorities]]: the terms of each, and the files of the bundles that are named.

    Spec: spec/issuing.md
    """
    terms: list[AuthorityTerms] = []
    bundles: list[Path] = []
    for reader in readers:
        identity = _identity(reader)
        if any(known.identity == identity for known in terms):
            reader.fault("identity", "is that of another authority already")
        bundle = reader.file("bundle", required=False)
        bundles += [bundle] if bundle is not None else []
        terms.append(_terms(reader, identity))
    return terms, bundles


def _terms(reader: Reader, identity: CID) -> AuthorityTerms:
    limits = reader.table("identity_per_day", required=False)
    return AuthorityTerms(
        identity=identity,
        realms=frozenset(reader.texts("realms")),
        purposes=frozenset(Purpose(name) for name in reader.texts("purposes", _NAMES, sorted(M_PIN))),
        per_hour=reader.integer("per_hour", 0, _MOST, 10_000),
        per_day=reader.integer("per_day", 0, _MOST, 100_000),
        identity_per_day={purpose: limits.integer(purpose.value, 0, _MOST, PER_DAY[purpose]) for purpose in Purpose},
    )


def _identity(reader: Reader) -> CID:
    text = reader.text("identity", limit=200)
    try:
        return pki.identity_of(text) if text.startswith("did:") else CID.from_text(text)
    except EncodingError:
        if text:
            reader.fault("identity", "must be the DID of the authority")
        return CID.of(b"")
