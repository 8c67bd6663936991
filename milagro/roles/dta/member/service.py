"""The node and the issuing of one network, in one database.

    made --join, key generation--> holds a share --> issues
                                       |  switch of epoch: the holdings change under it
                                       +--database lost--> repair

Until the network is known there is nothing to issue, and readiness says so.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from milagro.protocols.pki import Replica, resolve
from milagro.roles import logs
from milagro.roles.clock import Clock, unix_now
from milagro.roles.dta.holdings import NotReady
from milagro.roles.dta.issuing import Authorities, IssuingNode, IssuingRecords, IssuingService
from milagro.roles.dta.issuing.watermark import Watermark
from milagro.roles.dta.network.node import Node, open_database
from milagro.roles.issuance.messages import Endorsement, SuccessionAnswer
from milagro.roles.suites import open_suite
from milagro.stores import files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from milagro.roles.charter import Charter
    from milagro.roles.dta.member.config import MemberConfig
    from milagro.roles.dta.network.status import NetworkStatus
    from milagro.stores.keys import SealingKey

_BUNDLE_LIMIT = 16 << 20
_log = logs.logger(__name__)


class Member:
    """A D-TA of a network at work. Use it as a context.

    Raises: NotFound, DecryptionFailed, ConfigError, BackendUnavailable, StoreError
    Secret: what the node holds
    """

    def __init__(self, config: MemberConfig, key: SealingKey, clock: Clock = unix_now) -> None:
        self.config, self._clock = config, clock
        self._database = open_database(config.node)
        if self._database.state.restored:
            _log.warning("the database is an older copy: join again, and repair the share")
        self.node = Node(config.node, key, self._database, clock)
        for bundle in config.issuing.bundles:
            self.node.directory.add(Replica.from_bytes(files.read(bundle, _BUNDLE_LIMIT)))
        self._authorities = Authorities(config.issuing.terms, self.node.directory)
        self._lock = threading.Lock()
        self._issuing: IssuingService | None = None

    def __enter__(self) -> Self:
        self.node.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the node's part in the network, and lets the database go."""
        self.node.close()
        with self._lock:
            if self._issuing is not None:
                self._issuing.close()
        self._database.state.close()

    @property
    def name(self) -> str:
        """The name of this D-TA."""
        return self.config.node.name

    def issuing(self) -> IssuingService:
        """What issues for the network of this D-TA.

        Raises: NotReady before the network is joined, Unavailable
        """
        with self._lock:
            if self._issuing is None:
                charter = self.node.charter()
                if charter is None:
                    raise NotReady("this D-TA has joined no network yet; `milagro dta network join` does that")
                self._issuing = self._open(charter)
            return self._issuing

    def _open(self, charter: Charter) -> IssuingService:
        config, node, now = self.config.issuing, self.node, self._clock()
        suite = open_suite(charter.curve, charter.hash, charter.slot_seconds)
        keys = node.keys.signing(resolve(node.replica).require())
        issuing = IssuingNode(
            node.identity, charter.network, suite, keys.signing, node.keys.opening, config.purposes, config.slots_ahead
        )
        records = IssuingRecords(self._database.state, Watermark(config.watermark), node.identity, charter.network, now)
        return IssuingService(issuing, node.holdings, self._authorities, records, self._clock, self.successions)

    def successions(self) -> Sequence[SuccessionAnswer]:
        """The rotations of the network's key that this node has seen proved, the oldest first."""
        return [
            SuccessionAnswer(
                succession=succession.to_bytes(),
                endorsements=[Endorsement(index=i, signature=one) for i, one in sorted(endorsed.items())],
            )
            for succession, endorsed in self.node.successions()
        ]

    def status(self) -> NetworkStatus:
        """What an operator sees of the network. Raises: Unavailable."""
        return self.node.status()

    def check_ready(self) -> None:
        """Refuses while this D-TA could not issue.

        Raises: Unavailable, NotReady, StoreError
        """
        self.node.check_ready()
        self.issuing().check_ready()
