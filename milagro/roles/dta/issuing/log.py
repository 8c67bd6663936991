"""The audit log in a D-TA's database, for those who read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select, update

from milagro.errors import BrokenChain
from milagro.protocols.issuance import Head, origin
from milagro.roles.dta.issuing.audit import SignedHead
from milagro.roles.dta.issuing.exports import Start, Writable, write_log
from milagro.roles.dta.issuing.tables import ENTRY, HEAD, LOG
from milagro.roles.dta.issuing.watermark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milagro.cid import CID
    from milagro.protocols.envelope import SigningKey
    from milagro.stores.state import State

_PAGE: Final = 1000


class AuditLog:
    """The log of one node in one network.

    Spec: spec/issuing.md#audit-log
    """

    def __init__(self, state: State, node: CID, network: CID) -> None:
        self._state, self.node, self.network = state, node, network
        self.origin = origin(node, network)

    def mark(self) -> Mark:
        """The end of the log."""
        with self._state.read() as connection:
            row = connection.execute(select(LOG.c.number, LOG.c.digest)).first()
        return Mark(0, self.origin) if row is None else Mark(row.number, bytes(row.digest))

    def digest(self, number: int) -> bytes:
        """The digest of an entry that is here; of what stands before the first one for 0.

        Raises: BrokenChain
        """
        if number == 0:
            return self.origin
        with self._state.read() as connection:
            found = connection.execute(select(ENTRY.c.digest).where(ENTRY.c.number == number)).scalar()
        if found is None:
            raise BrokenChain(f"there is no entry {number} here")
        return bytes(found)

    def entries(self, first: int = 1, last: int | None = None) -> Iterator[bytes]:
        """The octets of the entries from `first` on, up to `last`."""
        while True:
            query = select(ENTRY.c.number, ENTRY.c.octets).where(ENTRY.c.number >= first).order_by(ENTRY.c.number)
            if last is not None:
                query = query.where(ENTRY.c.number <= last)
            with self._state.read() as connection:
                rows = connection.execute(query.limit(_PAGE)).all()
            for row in rows:
                yield bytes(row.octets)
            if len(rows) < _PAGE:
                return
            first = rows[-1].number + 1

    def keep_head(self, head: SignedHead) -> None:
        """Keeps the node's last signed head."""
        with self._state.write() as connection:
            if connection.execute(update(HEAD).values(octets=head.to_bytes())).rowcount == 0:
                connection.execute(insert(HEAD).values(id=1, octets=head.to_bytes()))

    def kept_head(self) -> SignedHead | None:
        """The node's last signed head."""
        with self._state.read() as connection:
            octets = connection.execute(select(HEAD.c.octets)).scalar()
        return None if octets is None else SignedHead.from_bytes(bytes(octets))

    # -- giving out ----------------------------------------------------------------------------------------------------
    def sign(self, key: SigningKey, now: int) -> SignedHead:
        """The head of the log as it is now, signed and kept.

        Spec: spec/issuing.md#heads
        """
        mark = self.mark()
        signed = SignedHead.sign(Head(self.node, self.network, mark.number, mark.digest, now), key)
        self.keep_head(signed)
        return signed

    def export(self, file: Writable, key: SigningKey, now: int, first: int = 1) -> SignedHead:
        """Writes the log from entry `first` on, with a head that is signed now.

        Spec: spec/issuing.md
        Raises: BrokenChain if the entry before the first one is not here
        """
        start = Start(first, self.digest(first - 1))
        signed = self.sign(key, now)
        write_log(file, start, self.entries(first, signed.head.number), signed)
        return signed
