r"""Coming back from a backup: a member with an older database issues nothing until it knows where the network is.

    restored --own log taken up--> asks all: where? --more than f say: here, at your key--> as before
                                                    \--later steps, of any member--> goes over, without share: repair

Spec: spec/dta-network.md, Coming back from a backup
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from milagro.roles.dta.network.records import RESTORED
from milagro.roles.dta.network.running import Running

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.cid import CID
    from milagro.roles.dta.network.records import NetworkTables

_NONCE_OCTETS: Final = 16


class Returning(Running):
    """A member that may come back from a backup.

    Spec: spec/dta-network.md, Coming back from a backup
    """

    def _return(self, connection: Connection) -> bool:
        """Whether this node is not back yet; then it asks again now and then."""
        nonce, standing = self._tables.fact(connection, RESTORED), self.standing(connection)
        if nonce is None or standing is None:
            return False
        said, others = self._tables.whereabouts(connection), standing.charter.roster.faults + 1
        here = [one for one in standing.charter.seats if said.get(str(one.identity)) == standing.base]
        if sum(one.identity != self.me for one in here) >= others:
            self._tables.set_fact(connection, RESTORED, None)
            self._tables.forget_whereabouts(connection)
            self._note(connection, self.me, "back from a backup: more than f others are at the same key")
            return False
        if self._clock() >= self._next_where:
            self._next_where = self._clock() + self._settings.ask_seconds / 4
            self._ask(connection, self.circle(connection))
            self._tell(connection, self.circle(connection), "where", nonce)
        return True

    def _take_whereabouts(self, connection: Connection, sender: CID, kind: str, fields: list[bytes]) -> None:
        """Answers where this node is, or counts an answer; one to the question of an earlier restore is none."""
        standing, nonce = self.standing(connection), fields[0]
        if kind == "where" and standing is not None and len(nonce) == _NONCE_OCTETS:
            self._tell(connection, [sender], "here", nonce, standing.base)
        elif kind == "here" and nonce == self._tables.fact(connection, RESTORED):
            self._tables.set_whereabouts(connection, str(sender), fields[1])


def come_back(connection: Connection, tables: NetworkTables) -> None:
    """Marks a node's database as an older one: what was under way is over, and it issues only when others were heard.

    Spec: spec/dta-network.md, Coming back from a backup
    """
    tables.forget_under_way(connection)
    tables.forget_whereabouts(connection)
    tables.set_fact(connection, RESTORED, secrets.token_bytes(_NONCE_OCTETS))
    if tables.fact(connection, "charter") is not None:
        tables.set_fact(connection, "lost", b"1")
