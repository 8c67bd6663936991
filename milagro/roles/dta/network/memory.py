"""What a member has in memory and in its database, and how it speaks: the ground that the rest of the driver stands on.

Every method runs in the caller's transaction.

Spec: spec/dta-network.md, What a node keeps
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from milagro.cid import CID
from milagro.octets import unframe
from milagro.protocols.sharing import KeyRing, KeyShare
from milagro.roles import logs
from milagro.roles.charter import Charter
from milagro.roles.dta.network import messages
from milagro.roles.dta.network.parties import Live
from milagro.roles.dta.network.records import NetworkTables, ShareRow
from milagro.roles.dta.network.sealing import context
from milagro.roles.lineage import Standing
from milagro.roles.switches import Proposal, read

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.cbor import Value
    from milagro.protocols.sharing import Credentials, Suite
    from milagro.stores.keys import Sealer

_log = logs.logger(__name__)
UP_SECONDS: Final = 30  # who was heard so long ago is taken to be there
CONSENTS: Final = ("refresh", "repair", "rotate", "reshare", "retire")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a node paces itself, and to what it consents without its operator.

    Spec: spec/dta-network.md, Time
    """

    step_seconds: float = 20.0
    start_seconds: float = 20.0
    ask_seconds: float = 60.0
    approve: frozenset[str] = frozenset({"refresh"})


class Introductions(Protocol):
    """What is known of members' identities, and what is learned of new ones."""

    def bundle(self, identity: CID) -> bytes | None:
        """The bundle of an identity, if it is known."""

    def learn(self, bundle: bytes) -> None:
        """Takes a bundle. Raises: MilagroError if it is none."""


class Memory:
    """One member's standing, shares and notes.

    `suite_of` gives the sharing suite of a charter's curve.
    """

    def __init__(
        self,
        me: CID,
        keys: Credentials,
        tables: NetworkTables,
        sealing: Sealer,
        suite_of: Callable[[str], Suite],
        settings: Settings,
        clock: Callable[[], float] = time.time,
        introductions: Introductions | None = None,
    ) -> None:
        self._introductions = introductions
        self.me, self._keys, self._tables, self._sealing = me, keys, tables, sealing
        self._suite_of, self._settings, self._clock = suite_of, settings, clock
        self._live: Live | None = None
        self._live_id = b""
        self._standing: Standing | None = None
        self._started = False
        self._next_question = 0.0
        self._next_where = 0.0
        self._shown: bytes | None = None
        self._bare_since: float | None = None
        self._grace = self._clock() + settings.step_seconds / 2

    def forget(self) -> None:
        """Lets go of all that is in memory, because the transaction that it came about in was not done."""
        self._live, self._live_id, self._standing, self._shown = None, b"", None, None

    def standing(self, connection: Connection) -> Standing | None:
        """Charter in force and keys; None before a charter was joined."""
        if self._standing is None:
            octets = self._tables.fact(connection, "charter")
            if octets is None:
                return None
            charter, ring = Charter.from_bytes(octets), self._tables.fact(connection, "ring")
            suite = self._suite_of(charter.curve)
            self._standing = Standing(charter, KeyRing.from_bytes(suite, ring) if ring else None)
        return self._standing

    def circle(self, connection: Connection) -> set[CID]:
        """All with whom letters are exchanged: the members, those before a proposal that is open, and those after."""
        standing = self.standing(connection)
        if standing is None:
            return set()
        found = {seat.identity for seat in standing.charter.seats}
        for row in self._tables.proposals(connection, "approved"):
            found |= read(row.octets).members()
        former = self._tables.fact(connection, "former") or b""
        found |= {CID.from_bytes(one) for one in unframe(former)}
        return found - {self.me}

    def _suite(self, standing: Standing) -> Suite:
        return self._suite_of(standing.charter.curve)

    def _my_index(self, proposal: Proposal) -> int | None:
        for charter in (proposal.charter, proposal.before):
            seat = charter.seat_of(self.me)
            if seat is not None:
                return seat.index
        return None

    def _context(self, curve: str, kind: str, run: bytes) -> dict[str, str]:
        return context(curve, kind, run=run.hex())

    def share(self, connection: Connection) -> KeyShare | None:
        """This node's share of the current key."""
        standing = self.standing(connection)
        rows = self._tables.shares(connection, "current")
        if standing is None or not rows or rows[0].set_id != standing.base:
            return None
        return open_share(self._sealing, self._suite(standing), rows[0])

    def _put_current(self, connection: Connection, share: KeyShare) -> None:
        key = share.key
        aad = share_context(key.suite.curve.params.name, key.set_id, key.epoch)
        sealed = self._sealing.seal(share.to_bytes(), aad)
        self._tables.forget_shares(connection, "current")
        row = ShareRow(key.set_id, "current", key.key_id, key.epoch, None, b"", b"", 0, sealed)
        self._tables.put_share(connection, row)

    def _pending(self, connection: Connection) -> ShareRow | None:
        rows = self._tables.shares(connection, "pending")
        return rows[0] if rows else None

    def _in_doubt(self, connection: Connection) -> bool:
        """Whether this node confirmed a run that is over for it, and does not know what came of it."""
        row, run = self._pending(connection), self._tables.run(connection)
        waiting = self._tables.fact(connection, "awaiting") is not None
        return row is not None and not waiting and (run is None or run.id != row.run)

    def _next_attempt(self, connection: Connection, digest: bytes, attempt: int) -> None:
        row = self._tables.proposal(connection, digest)
        if row is not None and row.state == "approved" and row.attempt <= attempt < messages.MAX_ATTEMPT:
            self._tables.change_proposal(connection, digest, attempt=attempt + 1)

    def _drop_run(self, connection: Connection) -> None:
        run = self._tables.run(connection)
        if run is not None:
            self._tables.end_run(connection, run.id)
        self._live = None

    def _note(self, connection: Connection, member: CID | None, text: str) -> None:
        name = "" if member is None else str(member)
        self._tables.note(connection, int(self._clock()), name, text[:500])
        _log.warning("network", member=name, reason=text[:500])

    def _tell(self, connection: Connection, to: Iterable[CID], kind: str, *fields: Value) -> None:
        self._tables.post(connection, (str(one) for one in to if one != self.me), messages.encode(kind, *fields))


def share_context(curve: str, set_id: bytes, epoch: int) -> dict[str, str]:
    """What a sealed share is bound to: role, curve, kind, set and epoch."""
    return context(curve, "share", set=set_id.hex(), epoch=str(epoch))


def open_share(sealing: Sealer, suite: Suite, row: ShareRow) -> KeyShare:
    """The share in a row.

    Raises: DecryptionFailed, EncodingError
    Secret: the result
    """
    octets = sealing.unseal(row.sealed, share_context(suite.curve.params.name, row.set_id, row.epoch))
    return KeyShare.from_bytes(suite, octets)
