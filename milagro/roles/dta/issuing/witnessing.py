"""What this D-TA witnesses for MFA servers: the latest standing of each of their replicas, for ever.

Spec: spec/mpin.md#witnessing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from milagro.errors import ParameterError
from milagro.roles.dta.issuing.tables import STANDING
from milagro.roles.issuance.messages import MAX_STANDINGS, ReplicaStanding, WitnessAnswer
from milagro.roles.issuance.standings import verified
from milagro.roles.refusals import HolderNotProven
from milagro.stores.state import put

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.cid import CID
    from milagro.roles.dta.issuing.authorities import Authorities
    from milagro.roles.issuance.messages import WitnessRequest
    from milagro.stores.state import State


class Witness:
    """Keeps standings of the authorities that this D-TA trusts. Threads share it."""

    def __init__(self, network: CID, authorities: Authorities, state: State) -> None:
        self._network, self._authorities, self._state = network, authorities, state

    def hear(self, request: WitnessRequest, now: int) -> WitnessAnswer:
        """All that was known of the replicas of the server that asks; what it says is kept where it is later.

        Raises: InvalidSignature, TicketForged if it is not trusted here, ParameterError if it has too many replicas
        """
        keys = self._authorities.senders(now)
        for told in request.standings:
            verified(told, self._network, keys)
        names = {self._authorities.of(told.signing_key).terms.name for told in request.standings}
        if len(names) != 1:
            raise HolderNotProven("the standings are of several servers")
        (name,) = names
        with self._state.write(f"standings {name}") as connection:
            known = _known(connection, name)
            for told in request.standings:
                if told.replica not in known or _follows(told, known[told.replica]):
                    known.setdefault(told.replica, told)
                    put(connection, STANDING, {"authority": name} | dict(told))
            if len(known) > MAX_STANDINGS:
                raise ParameterError(f"a server has {MAX_STANDINGS} replicas at most, with those that are gone")
        return WitnessAnswer(standings=list(known.values()))


def _known(connection: Connection, authority: str) -> dict[bytes, ReplicaStanding]:
    columns = [column for column in STANDING.columns if column.name != "authority"]
    rows = connection.execute(select(*columns).where(STANDING.c.authority == authority).order_by(STANDING.c.replica))
    found = [ReplicaStanding(**row._mapping) for row in rows]
    return {one.replica: one for one in found}


def _follows(told: ReplicaStanding, known: ReplicaStanding) -> bool:
    """Whether it is later. Two that differ in what they drew at one start are no continuation of each other."""
    forked = told.start == known.start and told.run != known.run and not told.gone
    return _rank(known) < _rank(told) and not forked


def _rank(one: ReplicaStanding) -> tuple[bool, int, int, int]:
    return one.gone, one.start, one.mark, one.epoch
