"""The shares in a node's database, opened when they are asked for.

Every call looks into the database, so that a switch by the node, or by another process on the same database, counts at
once. What was read is decoded when it changes; the share that was opened last is kept open as long as it is current.

Spec: spec/dta-network.md, Holdings
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from milagro.protocols.sharing import KeyRing
from milagro.roles.charter import Charter
from milagro.roles.dta.holdings import Holding, NotReady
from milagro.roles.dta.network.memory import open_share
from milagro.roles.dta.network.records import RESTORED

if TYPE_CHECKING:
    from milagro.protocols.sharing import KeyShare, Suite
    from milagro.roles.dta.network.records import NetworkTables, ShareRow
    from milagro.stores.keys import Sealer
    from milagro.stores.state import State


class StoredHoldings:
    """The holdings of the node whose database this is. Threads may share it.

    Spec: spec/dta-network.md, Holdings
    Secret: the shares
    """

    def __init__(self, state: State, tables: NetworkTables, sealing: Sealer, suite_of: Callable[[str], Suite]) -> None:
        self._state, self._tables, self._sealing, self._suite_of = state, tables, sealing, suite_of
        self._lock = threading.Lock()
        self._open: dict[bytes, KeyShare] = {}
        self._decoded: tuple[tuple[bytes, bytes], KeyRing] | None = None

    def current(self) -> Holding:
        """The share of the current key.

        Raises: NotReady, Unavailable
        """
        ring, rows = self._read()
        row = next((one for one in rows if one.state == "current" and one.set_id == ring.current.set_id), None)
        if row is None:
            raise NotReady("this D-TA has no share of the current key; `milagro dta network status` says what to do")
        return Holding(self._share(ring, row, rows), None)

    def find(self, key_id: bytes, now: int) -> Holding:
        """The share of the key with this id.

        Raises: Expired if that key is not accepted now, NotReady, Unavailable
        """
        ring, rows = self._read()
        key = ring.find(key_id, now)
        row = next((one for one in rows if one.set_id == key.set_id), None)
        if row is None or (row.until is not None and row.until <= now):
            raise NotReady("this D-TA has no share of that key")
        return Holding(self._share(ring, row, rows), row.until)

    def public(self, now: int) -> KeyRing:
        """The current key and those that are still accepted.

        Raises: NotReady while there is no key, Unavailable
        """
        return self._read()[0].at(now)

    def _read(self) -> tuple[KeyRing, list[ShareRow]]:
        # A switch writes all of these in one transaction, and a reader sees the database as of one moment.
        with self._state.read() as connection:
            facts, rows = self._tables.holdings(connection)
        if RESTORED in facts:
            raise NotReady("this D-TA comes back from a backup, and waits for others to say where the network is")
        if not {"ring", "charter"} <= facts.keys():
            raise NotReady("the network of this D-TA has no key yet")
        return self._ring(facts["ring"], facts["charter"]), rows

    def _ring(self, ring: bytes, charter: bytes) -> KeyRing:
        known = self._decoded  # one octet string is never decoded to two rings, so no lock
        if known is None or known[0] != (ring, charter):
            known = (ring, charter), KeyRing.from_bytes(self._suite_of(Charter.from_bytes(charter).curve), ring)
            self._decoded = known
        return known[1]

    def _share(self, ring: KeyRing, row: ShareRow, rows: list[ShareRow]) -> KeyShare:
        with self._lock:
            for gone in self._open.keys() - {one.set_id for one in rows}:
                del self._open[gone]
            if row.set_id not in self._open:
                self._open[row.set_id] = open_share(self._sealing, ring.current.suite, row)
            return self._open[row.set_id]
