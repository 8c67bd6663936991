"""The network of D-TAs, any t of which are enough: one ticket for all of them, and keys that others may follow.

    at the start   ring and secrets from the folder; if there are none: ask for the keys, fetch the secret, seal it
    every minute   what do t D-TAs say is the current key? another one: fetch its secret, seal it, then go over

In an overlap both keys are held: new devices get the current one, and logins are checked with that of their token.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from typing import TYPE_CHECKING, Final

from milagro.errors import Expired, MilagroError, Unavailable
from milagro.protocols.sharing import KeyRing
from milagro.protocols.sharing import Suite as SharingSuite
from milagro.roles import logs
from milagro.roles.clock import Clock, unix_now
from milagro.roles.issuance import NetworkView, Purpose, Requester, Ticket, seal_ticket
from milagro.roles.issuance.agreement import agreed, hear
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.issuance.reports import TooFewAnswers
from milagro.roles.issuance.requester import Patience
from milagro.roles.messages import DtaName, NetworkAnswer, NetworkTicket
from milagro.roles.mfa.attempts.witness import Witnesses
from milagro.roles.mfa.authority import open_identity
from milagro.roles.mfa.following import Call, Following
from milagro.roles.mfa.network_keys import Held, NetworkKeys
from milagro.roles.mfa.nodes import Members, Nodes
from milagro.roles.mfa.split.dealt import DealtFolder
from milagro.roles.mfa.split.keys import SplitKeys
from milagro.roles.mfa.split.leading import SplitSecret
from milagro.roles.mfa.watch import KeyWatch
from milagro.roles.peer import Peer
from milagro.roles.refusals import KeyOver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from milagro.protocols.mpin.v2 import Identity, ServerSecret, Suite
    from milagro.protocols.sharing import SharedKey
    from milagro.roles.issuance.calls import Dial
    from milagro.roles.issuance.reports import Fault
    from milagro.roles.mfa.authority import NetworkAuthority
    from milagro.roles.mfa.config import MfaConfig
    from milagro.roles.mfa.network_keys import LoginSecret
    from milagro.roles.mfa.split.dealt import Dealt
    from milagro.stores.keys import Argon2Cost, SealingKey

_RETRY_SECONDS: Final = 0.5
STANDING: Final = "standing"
_OVER: Final = "the key of this token is not accepted any more, or not known here; enrol anew"
_log = logs.logger(__name__)


class Issuers:
    """The network in [mfa.network]. `refresh` asks what its keys are now; `start` does so again and again.

    Threads share it.

    Spec: spec/mpin.md
    Secret: the authority's keys and the server secrets
    """

    def __init__(
        self,
        members: Members,
        suite: Suite,
        authority: NetworkAuthority,
        keys: NetworkKeys,
        dial: Dial,
        patience: Patience,
        poll_seconds: float = 60.0,
        clock: Clock = unix_now,
    ) -> None:
        self._members, self._suite, self._authority, self._keys = members, suite, authority, keys
        self._dial, self._patience, self._clock = dial, patience, clock
        self._nodes = members.read()
        self._held = keys.read()
        self._hopeless: set[bytes] = set()  # old keys whose secret could not be had
        self._refreshing = threading.Lock()
        self._watch = KeyWatch(self.refresh, poll_seconds)

    # -- what the server asks for ----------------------------------------------------------------------------------
    def client_share(self, identity: Identity, now: int) -> NetworkTicket:
        """A ticket for the shares of a client secret, of the current key."""
        return self._for(identity, Purpose.CLIENT_SHARE, self.held.ring.current, now)

    def permit(self, identity: Identity, slot: int, key_id: bytes, now: int) -> NetworkTicket:
        """A ticket for the shares of a permit that goes with a token of this key.

        Raises: KeyOver
        """
        return self._for(identity, Purpose.PERMIT, self._key(key_id, now), now, slot)

    def move(self, identity: Identity, key_id: bytes, now: int) -> NetworkTicket | None:
        """A ticket for a client secret of the current key, if the holder's token is of another one."""
        current = self.held.ring.current
        return None if current.key_id == key_id else self._for(identity, Purpose.CLIENT_SHARE, current, now)

    def server_secret(self, key_id: bytes, now: int) -> LoginSecret:
        """What logins with tokens of this key are checked with.

        Raises: KeyOver; Unavailable if it is split, and too few of those who share it are there
        Secret: the result
        """
        secret = self._held_secret(key_id, now)
        if isinstance(secret, SplitSecret):
            secret.require()
        return secret

    def dealt(self, key_id: bytes, now: int) -> Dealt:
        """This replica's part in the split secret of a key.

        Raises: KeyOver, also where it is not split
        Secret: the result
        """
        secret = self._held_secret(key_id, now)
        if not isinstance(secret, SplitSecret):
            raise KeyOver("the secret of this key is not split here")
        return secret.dealt

    def _held_secret(self, key_id: bytes, now: int) -> LoginSecret:
        held, key = self.held, self._key(key_id, now)
        if key.key_id not in held.secrets:
            raise KeyOver(_OVER)
        return held.secrets[key.key_id]

    def names(self) -> list[DtaName]:
        """The D-TAs."""
        return [DtaName(name=node.name, url=node.url) for node in self._nodes.nodes]

    def network(self) -> NetworkAnswer:
        """The network, as devices are told of it."""
        return self._nodes.answer

    def witnesses(self) -> Witnesses:
        """The D-TAs as witnesses of how far this server's replicas are."""
        return Witnesses(self._nodes, self._authority, self._dial, self._patience.answer)

    @property
    def held(self) -> Held:
        """The keys of the moment.

        Raises: Unavailable before the first `refresh`
        """
        if self._held is None:
            raise Unavailable("the network's key is not here yet")
        return self._held

    def _key(self, key_id: bytes, now: int) -> SharedKey:
        try:
            return self.held.ring.find(key_id, now)
        except Expired:
            raise KeyOver(_OVER) from None

    def _for(
        self, identity: Identity, purpose: Purpose, key: SharedKey, now: int, slot: int | None = None
    ) -> NetworkTicket:
        nodes = self._nodes
        ticket = self._ticket(nodes, purpose, identity.digest(), key, now, slot)
        version = nodes.answer.version
        return NetworkTicket(network=str(nodes.network), version=version, key=key.to_bytes(), ticket=ticket)

    def _ticket(
        self, nodes: Nodes, purpose: Purpose, subject: bytes, key: SharedKey, now: int, slot: int | None = None
    ) -> bytes:
        random = secrets.token_bytes
        ticket = Ticket.fresh(nodes.network, purpose, subject, key.key_id, now, slot=slot, random=random)
        return seal_ticket(ticket, self._authority.signing, nodes.recipients, random)

    # -- following the keys ----------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begins to follow what the D-TAs do, in the background."""
        self._watch.start()

    def close(self) -> None:
        """Ends that."""
        self._watch.stop()
        for secret in self._held.secrets.values() if self._held else ():
            if isinstance(secret, SplitSecret):
                secret.close()

    def refresh(self) -> None:
        """Reads the charter, follows its amendments, asks all D-TAs for the keys, and holds the secrets of these.

        A charter that cannot be read now changes nothing.
        Raises: Unavailable if too few D-TAs agree, or issue
        """
        with self._refreshing:
            self._reread()
            self._follow()
            ring = self._newest(self._agreed())
            known = dict(self._held.secrets) if self._held else {}
            known[ring.current.key_id] = self._secret(ring.current, known)
            for key, _ in ring.retiring:
                if key.key_id not in self._hopeless:
                    self._try_old(key, known)
            held = Held(ring, {key.key_id: known[key.key_id] for key in _all(ring) if key.key_id in known})
            if self._held is None or self._held.ring.to_bytes() != ring.to_bytes():
                self._keys.keep(ring)
                _log.info("keys", current=ring.current.key_id.hex(), epoch=ring.current.epoch, old=len(ring.retiring))
            self._held = held

    def _reread(self) -> None:
        try:
            nodes = self._members.read()
        except MilagroError as error:
            _log.error("the charter cannot be read now; what was read before still counts", reason=str(error))
            return
        if nodes.network != self._nodes.network:
            _log.error("the charter is of another network than at the start; it is not used")
            return
        self._nodes = nodes

    def _follow(self) -> None:
        call = Call(self._dial, self._patience.answer)
        try:
            self._nodes = self._members.follow(self._nodes, call, self._clock())
        except MilagroError as error:
            _log.error("the members of now cannot be used; those from before still count", reason=str(error))

    def _agreed(self) -> KeyRing:
        view = self._view(() if self._held is None else (self._held.ring.current,))
        threshold = max(self._nodes.threshold, view.current.threshold if view.keys else 0)
        rings, faults = hear(view, self._dial, self._patience.answer)
        ring = agreed(rings, threshold)
        if ring is None:
            raise Unavailable(f"fewer than {threshold} D-TAs agree on the network's key{_text(faults)}")
        return ring.at(self._clock())

    def _newest(self, heard: KeyRing) -> KeyRing:
        """Never an older epoch, and never back to a key that another has followed: those who say so are behind."""
        if self._held is None:
            return heard
        known = self._held.ring.at(self._clock())
        same = heard.current.key_id == known.current.key_id
        if same and heard.current.epoch < known.current.epoch:
            return known
        before = {key.key_id for key, _ in self._held.ring.retiring}
        if heard.current.key_id in before:
            return known
        if not same and known.current.key_id not in {key.key_id for key, _ in heard.retiring}:
            _log.warning(
                "the key before the current one is not accepted any more; its devices have to be enrolled anew"
            )
        return heard

    def _try_old(self, key: SharedKey, known: dict[bytes, LoginSecret]) -> None:
        try:
            known[key.key_id] = self._secret(key, known)
        except MilagroError as error:
            self._hopeless.add(key.key_id)
            _log.warning("no secret of an old key; its devices cannot log in", key=key.key_id.hex(), reason=str(error))

    def _secret(self, key: SharedKey, known: dict[bytes, LoginSecret]) -> LoginSecret:
        if key.key_id in known:
            return known[key.key_id]
        if self._keys.has(key.key_id):
            return self._keys.open(key.key_id)
        if not self._keys.fetches:
            raise Unavailable(
                f"no share of the secret of the key {key.key_id.hex()} is here: 'milagro mfa split' deals it"
            )
        secret = self._fetch(key)
        self._keys.seal(key.key_id, secret)
        return secret

    def _fetch(self, key: SharedKey) -> ServerSecret:
        subject = hashlib.sha256(self._authority.identity.to_bytes()).digest()
        ticket = self._ticket(self._nodes, Purpose.SERVER_SHARE, subject, key, self._clock())
        requester = Requester(self._view((key,)), self._dial, self._patience)
        try:
            secret, report = requester.server_secret(ticket, self._authority.opening, key.key_id)
        except TooFewAnswers as error:
            raise Unavailable(f"the server secret cannot be had: {error}") from error
        for fault in report.bad:
            _log.warning("a D-TA was passed over", dta=fault.name, reason=str(fault.reason), detail=fault.detail)
        _log.info("fetched", key=key.key_id.hex(), dtas=", ".join(report.good))
        return secret

    def _view(self, keys: tuple[SharedKey, ...]) -> NetworkView:
        return NetworkView(self._nodes.network, self._suite, self._nodes.nodes, keys)


def _all(ring: KeyRing) -> list[SharedKey]:
    return [ring.current, *(key for key, _ in ring.retiring)]


def _text(faults: Iterable[Fault]) -> str:
    said = "; ".join(f"{fault.name}: {fault.reason} ({fault.detail})" for fault in faults)
    return f": {said}" if said else ""


def key_context(config: MfaConfig, suite: Suite) -> dict[str, str]:
    """What the sealed secrets of this server say of themselves; each adds the id of its key.

    Raises: ConfigError if the charter cannot be read
    """
    return {
        "role": "mfa",
        "name": config.name,
        "kind": "server-secret",
        "curve": config.suite.curve,
        "hash": config.suite.hash,
        "network": str(_members(config, suite).read().network),
    }


def _members(config: MfaConfig, suite: Suite) -> Members:
    network = config.network
    following = Following(network.keys / STANDING, SharingSuite(suite.curve))
    return Members(network.charter, network.bundles, config.suite, following)


def open_network(
    config: MfaConfig,
    suite: Suite,
    sealing: SealingKey,
    dial: Dial | None = None,
    clock: Clock = unix_now,
    cost: Argon2Cost | None = None,
) -> Issuers:
    """The network of the configuration, with its key at hand, which is fetched if this is the first start.

    Raises: ConfigError, NotFound, DecryptionFailed; Unavailable if the key cannot be had in `dta_wait_seconds`
    """
    network = config.network
    issuers = Issuers(
        _members(config, suite),
        suite,
        open_identity(network, sealing),
        _keys(config, suite, key_context(config, suite), sealing, clock, cost),
        dial or HttpDial(network.ca_certificate),
        Patience(network.answer_seconds, network.patience_seconds, 0.5),
        network.poll_seconds,
        clock,
    )
    _await_key(issuers, config.dta_wait_seconds)
    return issuers


def _keys(
    config: MfaConfig,
    suite: Suite,
    context: dict[str, str],
    sealing: SealingKey,
    clock: Clock,
    cost: Argon2Cost | None,
) -> NetworkKeys:
    folder, split = config.network.keys, config.split
    if split is None:
        return NetworkKeys(folder, suite, context, sealing, cost)

    def dial(url: str) -> Peer:
        return Peer(url, split.ca_certificate, seconds=split.answer_seconds)

    dealt = DealtFolder(split.folder, suite, context, sealing, cost)
    return SplitKeys(folder, suite, context, sealing, cost, dealt=dealt, dial=dial, clock=clock)


def _await_key(issuers: Issuers, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while issuers._held is None:
        try:
            issuers.refresh()
        except Unavailable as error:
            if time.monotonic() >= deadline:
                raise
            _log.warning("waiting", reason=str(error))
            time.sleep(_RETRY_SECONDS)
