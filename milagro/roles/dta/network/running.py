"""The run in progress: each event is kept, sealed, in the transaction in which it happens.

Spec: spec/dta-network.md, Runs; Time
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from milagro.cid import CID
from milagro.errors import ConfigError, EncodingError, MilagroError, StoreError, Unavailable, VerificationError
from milagro.protocols.sharing import RunFailed
from milagro.roles import logs
from milagro.roles.dta.network.doubt import Doubting
from milagro.roles.dta.network.parties import (
    SEED_OCTETS,
    HelperParty,
    Live,
    LostParty,
    SharingParty,
    make,
    place_of,
    seed_in,
)
from milagro.roles.dta.network.records import ProposalRow, RunRow, ShareRow
from milagro.roles.lineage import run_name
from milagro.roles.switches import Proposal, Step, read

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.protocols.sharing import Outgoing

_log = logs.logger(__name__)
_ATTEMPTS_AHEAD: Final = 2


class Running(Doubting):
    """A member that takes part in runs.

    Spec: spec/dta-network.md, Runs
    """

    def live(self, connection: Connection) -> tuple[Live, RunRow, Proposal] | None:
        """The run in progress, made again from what is stored if it is not in memory."""
        run = self._tables.run(connection)
        if run is None:
            self._live = None
            return None
        row = self._tables.proposal(connection, run.proposal)
        if row is None:
            raise StoreError("the database has a run without the proposal that it is of")
        proposal = read(row.octets)
        here = self._live is not None and self._live_id == run.id
        if self._live is None or not here or self._live.events != self._tables.event_count(connection, run.id):
            try:
                self._live, self._live_id = self._restored(connection, run, proposal), run.id
            except (StoreError, VerificationError, EncodingError, ConfigError) as error:
                self._give_up(connection, run, error)
                return None
        return self._live, run, proposal

    def _restored(self, connection: Connection, run: RunRow, proposal: Proposal) -> Live:
        aad = self._context(proposal.charter.curve, "event", run.id)
        events = [self._sealing.unseal(one, aad) for one in self._tables.events(connection, run.id)]
        made = self._make(connection, proposal, run.attempt, seed_in(events[0]))
        made.restore(events)
        return made

    def _give_up(self, connection: Connection, run: RunRow, error: MilagroError) -> None:
        """Leaves a run that cannot be gone on with: for the others this node is absent from now on."""
        if isinstance(error, Unavailable):
            raise error
        self._note(connection, self.me, f"a run cannot be gone on with: {error}")
        self._drop_run(connection)
        if not self._in_doubt(connection):
            self._next_attempt(connection, run.proposal, run.attempt)

    def _make(self, connection: Connection, proposal: Proposal, attempt: int, seed: bytes) -> Live:
        standing, me = self.standing(connection), self._my_index(proposal)
        assert standing is not None  # noqa: S101 - the caller asked
        assert me is not None  # noqa: S101 - as above
        suite = self._suite(standing)
        share = self.share(connection) if proposal.base else None
        return make(suite, proposal, attempt, me, self._keys, seed, standing.key, share)

    def _begin(self, connection: Connection, row: ProposalRow, proposal: Proposal, name: bytes) -> None:
        now, seed = self._clock(), secrets.token_bytes(SEED_OCTETS)
        live = self._make(connection, proposal, row.attempt, seed)
        event, out = live.begin(seed)
        self._tables.begin_run(connection, RunRow(name, row.id, row.attempt, now, now))
        self._live, self._live_id = live, name
        self._keep_event(connection, name, proposal, 0, event)
        self._post(connection, name, proposal, out)
        _log.info("run begun", kind=proposal.kind, attempt=row.attempt)
        self._feed(connection, live, name, proposal)

    def _keep_event(self, connection: Connection, run: bytes, proposal: Proposal, number: int, event: bytes) -> None:
        aad = self._context(proposal.charter.curve, "event", run)
        self._tables.add_event(connection, run, number, self._sealing.seal(event, aad))

    def _post(self, connection: Connection, run: bytes, proposal: Proposal, out: Iterable[Outgoing]) -> None:
        by_index = {seat.index: seat.identity for one in (proposal.before, proposal.charter) for seat in one.seats}
        for one in out:
            to = proposal.members() if one.to is None else {by_index[one.to]}
            self._tell(connection, to, "run", run, one.octets)

    def _take_run(self, connection: Connection, sender: CID, run: bytes, octets: bytes) -> None:
        running = self.live(connection)
        standing = self.standing(connection)
        assert standing is not None  # noqa: S101 - the caller asked
        place = place_of(self._suite(standing), octets)
        if running is None or running[1].id != run:
            if run in self._awaited(connection):
                index = self._index_of(connection, sender)
                self._tables.keep(connection, run, index, place[1] if place else (1, 1), octets)
            return
        live, _, proposal = running
        if live.party.over:
            return
        if place is not None and place[1] > live.party.place:
            self._tables.keep(connection, run, self._index_of(connection, sender), place[1], octets)
        elif place is None or place[1] == live.party.place:
            self._keep_event(connection, run, proposal, live.events, live.receive(octets))
            self._move_on(connection)

    def _awaited(self, connection: Connection) -> set[bytes]:
        """The runs that may begin soon, so that what comes early is kept."""
        standing, found = self.standing(connection), set()
        for row in self._tables.proposals(connection, "approved"):
            proposal = read(row.octets)
            if standing is not None and standing.fits(proposal):
                attempts = range(row.attempt, row.attempt + 1 + _ATTEMPTS_AHEAD)
                found |= {run_name(self._suite(standing), proposal, one, standing.key) for one in attempts}
        return {run for run in found if not self._tables.released(connection, run)}

    def _index_of(self, connection: Connection, sender: CID) -> int:
        standing = self.standing(connection)
        seat = standing.charter.seat_of(sender) if standing else None
        if seat is None:
            for row in self._tables.proposals(connection, "approved"):
                seat = read(row.octets).charter.seat_of(sender)
                if seat is not None:
                    break
        return seat.index if seat is not None else 0

    def _feed(self, connection: Connection, live: Live, run: bytes, proposal: Proposal) -> None:
        """Takes the messages that were kept for the step that has begun."""
        for octets in self._tables.kept(connection, run, live.party.place):
            try:
                self._keep_event(connection, run, proposal, live.events, live.receive(octets))
            except MilagroError as error:
                self._note(connection, None, f"a message of a run was refused: {error}")

    def _move_on(self, connection: Connection) -> None:
        """Ends steps as long as nothing more is to come in them, or their time is over."""
        while (running := self.live(connection)) is not None:
            live, run, proposal = running
            if not live.party.over and not (live.party.ready or self._clock() >= self._deadline(run)):
                return
            if not live.party.over:
                self._end_step(connection, live, run, proposal)
            if live.party.over:
                self._conclude(connection, live, run, proposal)
                return

    def _deadline(self, run: RunRow) -> float:
        return max(run.step_at + self._settings.step_seconds, self._grace)

    def _end_step(self, connection: Connection, live: Live, run: RunRow, proposal: Proposal) -> None:
        number = live.events
        event, out, recovery = live.end_step()
        self._keep_event(connection, run.id, proposal, number, event)
        self._tables.step_of_run(connection, run.id, self._clock())
        if recovery is not None:
            self._store_recovery(connection, run, proposal, recovery)
        self._post(connection, run.id, proposal, out)
        if not live.party.over:
            self._feed(connection, live, run.id, proposal)

    def _store_recovery(self, connection: Connection, run: RunRow, proposal: Proposal, octets: bytes) -> None:
        aad = self._context(proposal.charter.curve, "recovery file", run.id)
        sealed = self._sealing.seal(octets, aad)
        self._tables.forget_shares(connection, "pending")
        pending = ShareRow(run.id[:16], "pending", b"", 0, None, run.id, run.proposal, run.attempt, sealed)
        self._tables.put_share(connection, pending)

    def _conclude(self, connection: Connection, live: Live, run: RunRow, proposal: Proposal) -> None:
        party = live.party
        self._tables.end_run(connection, run.id)
        self._live = None
        try:
            if isinstance(party, SharingParty):
                self._note_excluded(connection, party, proposal)
                self._have_outcome(connection, party, run, proposal)
            elif isinstance(party, LostParty):
                self._put_current(connection, party.result())
                self._tables.change_proposal(connection, run.proposal, state="done")
                _log.info("share repaired")
            elif isinstance(party, HelperParty):
                self._tables.change_proposal(connection, run.proposal, state="done")
        except RunFailed as failure:
            self._failed(connection, run, proposal, failure)

    def _note_excluded(self, connection: Connection, party: SharingParty, proposal: Proposal) -> None:
        names = {seat.index: seat for one in (proposal.before, proposal.charter) for seat in one.seats}
        for index, reason in party.run.excluded.items():
            if index in names and names[index].identity != self.me:
                self._note(connection, names[index].identity, f"left out of a run ({proposal.kind}): {reason}")

    def _have_outcome(self, connection: Connection, party: SharingParty, run: RunRow, proposal: Proposal) -> None:
        outcome = party.outcome()
        step = Step(proposal, run.attempt, outcome.certificate.to_bytes(), {})
        if proposal.kind == "rotate":
            self._await_endorsements(connection, step)
            return
        self._switch(connection, step)
        # Others may have been in time for fewer confirmations, and until they go over too few have shares of one set.
        self._tell(connection, proposal.members(), "step", step.to_bytes())

    def _failed(self, connection: Connection, run: RunRow, proposal: Proposal, failure: RunFailed) -> None:
        self._note(connection, None, f"{proposal.kind}, attempt {run.attempt + 1}: {failure}")
        self._tables.change_proposal(connection, run.proposal, reason=str(failure)[:500])
        if proposal.kind == "repair":
            self._tables.change_proposal(connection, run.proposal, state="failed")
        elif self._in_doubt(connection):
            self._question_doubt(connection)
        else:
            self._next_attempt(connection, run.proposal, run.attempt)
