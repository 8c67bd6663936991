"""The MFA server's two secrets: the key that signs its tickets, and the server secret that its D-TAs made together."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from milagro.errors import ConfigError, MilagroError, Unavailable
from milagro.octets import equal, frame
from milagro.protocols.mpin.v2 import (
    Commitment,
    ServerSecret,
    ServerShare,
    Suite,
    combine_server_shares,
)
from milagro.roles import logs
from milagro.roles.clock import Clock, unix_now
from milagro.roles.messages import DtaStatusAnswer, ServerShareRequest, ShareAnswer
from milagro.roles.mfa.additive import AdditiveIssuers
from milagro.roles.mfa.config import DtaAddress, MfaConfig
from milagro.roles.peer import Peer
from milagro.roles.tickets import Authority, Purpose, RegistrationKey
from milagro.stores.keys import Argon2Cost, SealedFile, SealingKey

_log = logs.logger(__name__)
_RETRY_SECONDS = 0.5

Connect = Callable[[DtaAddress], Peer]


def connect(dta: DtaAddress) -> Peer:
    """A connection to a D-TA."""
    return Peer(dta.url, dta.ca_certificate)


def create_registration_key(
    config: MfaConfig, key: SealingKey, random: Callable[[int], bytes], cost: Argon2Cost | None = None
) -> bytes:
    """Makes and seals a new registration key; its public part, which D-TAs are to trust.

    Raises: AlreadyExists
    """
    seed = random(32)
    public = RegistrationKey(seed).public_key
    context = {**_registration_context(config), "key_id": public.hex()}
    SealedFile(config.registration_key).create(seed, key, context, cost)
    return public


def open_authority(config: MfaConfig, key: SealingKey) -> Authority:
    """The registration authority that this server is.

    Raises: NotFound, DecryptionFailed, ConfigError
    """
    seed = SealedFile(config.registration_key).open(key, _registration_context(config))
    return Authority(config.name, RegistrationKey(seed))


class KeyFetch:
    """The fetching of the server secret: one share from every D-TA, each against a ticket and its commitment."""

    def __init__(
        self, config: MfaConfig, suite: Suite, authority: Authority, dial: Connect = connect, clock: Clock = unix_now
    ) -> None:
        self._config = config
        self._suite = suite
        self._authority = authority
        self._dial = dial
        self._clock = clock

    def run(self, key: SealingKey) -> ServerSecret:
        """Fetches all shares, checks each against its D-TA's commitment, and seals their sum.

        Spec: spec/mpin.md#recombination
        Raises: Unavailable, ConfigError if a D-TA is not what the configuration says, InvalidShare, AlreadyExists
        Secret: the result
        """
        shares: list[ServerShare] = []
        commitments: list[Commitment] = []
        for dta in self._config.dtas:
            share, commitment = self._fetch_patiently(dta)
            shares.append(share)
            commitments.append(commitment)
            _log.info("fetched", dta=dta.name)
        secret = combine_server_shares(shares, commitments)  # checks each share first
        context = {**_secret_context(self._config), "key_id": _key_id(commitments)}
        SealedFile(self._config.server_secret).create(secret.to_bytes(), key, context)
        return secret

    def _fetch_patiently(self, dta: DtaAddress) -> tuple[ServerShare, Commitment]:
        deadline = time.monotonic() + self._config.dta_wait_seconds
        while True:
            try:
                with self._dial(dta) as peer:
                    return self._fetch(dta, peer)
            except Unavailable as error:
                if time.monotonic() >= deadline:
                    raise Unavailable(f"D-TA {dta.name!r}: {error}") from error
                _log.warning("waiting", dta=dta.name, reason=str(error))
                time.sleep(_RETRY_SECONDS)

    def _fetch(self, dta: DtaAddress, peer: Peer) -> tuple[ServerShare, Commitment]:
        status = peer.get("/v1/status", DtaStatusAnswer)
        _compare(self._config, dta, self._suite, status)
        commitment = Commitment.from_bytes(self._suite, status.commitment)
        if commitment.issuer != dta.name:
            raise ConfigError(f"the commitment at {dta.url} is D-TA {commitment.issuer!r}'s, not {dta.name!r}'s")
        ticket = self._authority.ticket(dta.name, self._authority.name, Purpose.SERVER_SHARE, self._clock())
        answer = peer.post("/v1/shares/server", ServerShareRequest(ticket=ticket), ShareAnswer)
        return ServerShare.from_bytes(self._suite, answer.share), commitment


def open_or_fetch_server_secret(config: MfaConfig, suite: Suite, authority: Authority, key: SealingKey) -> ServerSecret:
    """The sealed server secret, fetched first if there is none.

    Raises: as `open_server_secret` and `KeyFetch.run`
    Secret: the result
    """
    if SealedFile(config.server_secret).exists():
        return open_server_secret(config, suite, key)
    return KeyFetch(config, suite, authority).run(key)


def open_server_secret(config: MfaConfig, suite: Suite, key: SealingKey) -> ServerSecret:
    """The server secret that was sealed before.

    Raises: NotFound, DecryptionFailed, ConfigError if it was made by other D-TAs
    Secret: the result
    """
    octets = SealedFile(config.server_secret).open(key, _secret_context(config))
    try:
        return ServerSecret.from_bytes(suite, octets)
    except MilagroError as error:
        raise ConfigError(f"{config.server_secret} holds no server secret: {error}") from error


def open_additive(config: MfaConfig, suite: Suite, sealing: SealingKey) -> AdditiveIssuers:
    """The D-TAs of the configuration, with the server secret that they made.

    Raises: as `open_authority` and `open_or_fetch_server_secret`
    """
    authority = open_authority(config, sealing)
    return AdditiveIssuers(config, authority, open_or_fetch_server_secret(config, suite, authority, sealing))


def _registration_context(config: MfaConfig) -> dict[str, str]:
    return {"role": "mfa", "name": config.name, "kind": "registration-key"}


def _secret_context(config: MfaConfig) -> dict[str, str]:
    return {
        "role": "mfa",
        "name": config.name,
        "kind": "server-secret",
        "curve": config.suite.curve,
        "hash": config.suite.hash,
        "issuers": ", ".join(sorted(dta.name for dta in config.dtas)),
    }


def _key_id(commitments: list[Commitment]) -> str:
    return hashlib.sha256(frame(*sorted(commitment.to_bytes() for commitment in commitments))).hexdigest()


def _compare(config: MfaConfig, dta: DtaAddress, suite: Suite, status: DtaStatusAnswer) -> None:
    expected = {"name": dta.name, "suite": suite.id, "slot_seconds": config.suite.slot_seconds}
    found = {"name": status.name, "suite": status.suite, "slot_seconds": status.slot_seconds}
    problems = [
        f"{key} is {found[key]!r}, and here it is {expected[key]!r}" for key in expected if found[key] != expected[key]
    ]
    if dta.commitment and not equal(dta.commitment, status.commitment):
        problems.append("its commitment is not the one in the configuration")
    if problems:
        raise ConfigError(f"D-TA {dta.name!r} at {dta.url} does not fit this server:", problems)
