"""What a member does about each letter, each intent of its operator, and the passing of time: each in one transaction.

    letter  --> cursor + what happened in the run, sealed + letters to send   one transaction, then they are sent
    time    --> the same for the end of a step, for a start, for a question

    proposal --approved--> ready --enough are--> run --recovery file stored, then confirmed--> outcome --> switch
                             ^                     |                                  \\--> doubt --> switch | released
                             +---- next attempt ---+

A process that is killed at any point has either done a transaction or not. What is in memory is the run, made again
from what is stored whenever a transaction fails.

Spec: spec/dta-network.md
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from milagro.cid import CID
from milagro.errors import MilagroError, NotFound, ParameterError, ProtocolError, StoreError, VerificationError
from milagro.octets import frame, i2osp, unframe
from milagro.protocols.sharing import (
    Certificate,
    KeyRing,
    KeyShare,
    RunFailed,
    SharedKey,
    Succession,
    Transcript,
    recover,
)
from milagro.protocols.sharing.runs import generation, resharing
from milagro.protocols.sharing.runs.broadcast import Signed, parse_statement
from milagro.roles import logs
from milagro.roles.dta.network import messages
from milagro.roles.dta.network.charter import Charter, CharterFile, Seat
from milagro.roles.dta.network.lineage import Standing, after, can_be_certified, certificate_of, require_quorum
from milagro.roles.dta.network.messages import Proposal, Step, read
from milagro.roles.dta.network.parties import (
    SEED_OCTETS,
    HelperParty,
    Live,
    LostParty,
    SharingParty,
    make,
    place_of,
    run_name,
    seed_in,
)
from milagro.roles.dta.network.records import NetworkTables, ProposalRow, RunRow, ShareRow
from milagro.roles.dta.network.sealing import Sealing, context

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.cbor import Value
    from milagro.protocols.sharing import Credentials, Outgoing, Suite
    from milagro.roles.correspondence.correspondent import Letter

_log = logs.logger(__name__)
_FRESH_SECONDS: Final = 3600
_STEPS_AT_ONCE: Final = 64
_FORMER_KEPT: Final = 256
_ATTEMPTS_AHEAD: Final = 2
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


class Driver:
    """One member of a network. Every method runs in the caller's transaction; `forget` follows one that failed.

    `suite_of` gives the sharing suite of a charter's curve.
    """

    def __init__(
        self,
        me: CID,
        keys: Credentials,
        tables: NetworkTables,
        sealing: Sealing,
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
        self._shown: bytes | None = None
        self._grace = self._clock() + settings.step_seconds / 2

    def forget(self) -> None:
        """Lets go of all that is in memory, because the transaction that it came about in was not done."""
        self._live, self._live_id, self._standing, self._shown = None, b"", None, None

    # -- where things stand -------------------------------------------------------------------------------------------
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

    def share(self, connection: Connection) -> KeyShare | None:
        """This node's share of the current key."""
        standing = self.standing(connection)
        rows = self._tables.shares(connection, "current")
        if standing is None or not rows or rows[0].set_id != standing.base:
            return None
        return open_share(self._sealing, self._suite(standing), rows[0])

    # -- letters ------------------------------------------------------------------------------------------------------
    def apply(self, connection: Connection, letter: Letter) -> None:
        """Takes a letter. One that is wrong changes nothing but the note that its sender gets."""
        now = self._clock()
        self._tables.note_member(connection, str(letter.sender), heard=int(now))
        try:
            kind, fields = messages.decode(letter.payload)
            self._take(connection, letter.sender, kind, fields)
        except StoreError:
            raise
        except MilagroError as error:
            self.forget()
            self._note(connection, letter.sender, f"sent what was refused: {error}")

    def _take(self, connection: Connection, sender: CID, kind: str, fields: list[Value]) -> None:
        if self.standing(connection) is None or sender not in self.circle(connection):
            return
        if kind == "run":
            self._take_run(connection, sender, messages.octets_in(fields[0]), messages.octets_in(fields[1]))
        elif kind == "ready":
            digest, attempt = messages.octets_in(fields[0]), messages.attempt_in(fields[1])
            self._take_ready(connection, sender, digest, attempt, messages.time_in(fields[2]))
        elif kind == "proposal":
            self._take_proposal(connection, sender, messages.octets_in(fields[0]), messages.list_in(fields[1]))
        elif kind == "step":
            self._take_step(connection, sender, Step.from_bytes(messages.octets_in(fields[0])))
        elif kind == "question":
            self._take_question(connection, sender, fields)
        elif kind == "verdict":
            run, statement, signature = (messages.octets_in(one) for one in fields)
            self._take_verdict(connection, sender, run, statement, signature)
        elif kind == "endorsement":
            digest, attempt = messages.octets_in(fields[0]), messages.attempt_in(fields[1])
            self._take_endorsement(connection, sender, digest, attempt, messages.octets_in(fields[2]))

    def _note(self, connection: Connection, member: CID | None, text: str) -> None:
        name = "" if member is None else str(member)
        self._tables.note(connection, int(self._clock()), name, text[:500])
        _log.warning("network", member=name, reason=text[:500])

    def _tell(self, connection: Connection, to: Iterable[CID], kind: str, *fields: Value) -> None:
        self._tables.post(connection, (str(one) for one in to if one != self.me), messages.encode(kind, *fields))

    # -- proposals ----------------------------------------------------------------------------------------------------
    def propose(self, connection: Connection, proposal: Proposal) -> None:
        """Takes a proposal of this node's own operator, and tells all of it."""
        self._add_proposal(connection, proposal, "approved")
        known = self._introductions
        bundles = [known.bundle(one) for one in sorted(proposal.members(), key=str)] if known else []
        self._tell(connection, proposal.members(), "proposal", proposal.to_bytes(), [one for one in bundles if one])

    def _add_proposal(self, connection: Connection, proposal: Proposal, state: str) -> None:
        row = ProposalRow(proposal.id, proposal.to_bytes(), state, 0, "", int(self._clock()))
        if not self._tables.add_proposal(connection, row) and state == "approved":
            known = self._tables.proposal(connection, proposal.id)
            if known is not None and known.state == "seen":
                self._tables.change_proposal(connection, proposal.id, state="approved")

    def _take_proposal(self, connection: Connection, sender: CID, octets: bytes, bundles: list[bytes]) -> None:
        standing, proposal = self.standing(connection), Proposal.from_bytes(octets)
        assert standing is not None  # noqa: S101 - the caller asked
        if proposal.charter.network != standing.charter.network or sender not in proposal.members():
            raise VerificationError("a proposal for another network, or by one who is no member")
        if not standing.fits(proposal):
            if proposal.base != standing.base:
                self._ask(connection, [sender])
            return
        seat = proposal.charter.seat_of(sender)
        if proposal.kind == "repair" and (seat is None or seat.index != proposal.lost):
            raise VerificationError("only a holder itself says that its share is lost")
        if self._introductions is not None:
            for bundle in bundles:
                self._introductions.learn(bundle)
        consents = proposal.kind in self._settings.approve
        if proposal.kind == "repair":
            self._drop_repairs(connection, proposal)
        self._add_proposal(connection, proposal, "approved" if consents else "seen")

    def _drop_repairs(self, connection: Connection, newer: Proposal) -> None:
        """A holder that asks again, asks others: what it asked before is over."""
        for row in self._tables.proposals(connection, "approved", "seen"):
            proposal = read(row.octets)
            if (proposal.kind, proposal.lost) == ("repair", newer.lost) and row.id != newer.id:
                self._tables.change_proposal(connection, row.id, state="stale", reason="it asked again")

    def _active(self, connection: Connection) -> list[tuple[ProposalRow, Proposal]]:
        """The approved proposals that start from here: all repairs, and of the others the first by its id."""
        standing = self.standing(connection)
        repairs: list[tuple[ProposalRow, Proposal]] = []
        others: list[tuple[ProposalRow, Proposal]] = []
        for row in self._tables.proposals(connection, "approved"):
            proposal = read(row.octets)
            index = self._my_index(proposal)
            if standing is None or not standing.fits(proposal) or index is None:
                continue
            if proposal.kind != "repair":
                others.append((row, proposal))
            elif index in {*proposal.helpers, proposal.lost}:
                repairs.append((row, proposal))
        return [*repairs, *others[:1]]

    def _drop_stale(self, connection: Connection) -> None:
        standing = self.standing(connection)
        for row in self._tables.proposals(connection, "approved", "seen"):
            if standing is not None and not standing.fits(read(row.octets)):
                self._tables.change_proposal(connection, row.id, state="stale", reason="the network has moved on")

    # -- readiness ----------------------------------------------------------------------------------------------------
    def _take_ready(self, connection: Connection, sender: CID, digest: bytes, attempt: int, said: int) -> None:
        now = self._clock()
        if said < now - _FRESH_SECONDS:
            return
        row = self._tables.proposal(connection, digest)
        if row is None or row.state in ("done", "stale"):
            self._answer_late(connection, sender, row)
            return
        proposal = read(row.octets)
        if sender not in proposal.members():
            raise VerificationError("ready for what it takes no part in")
        self._tables.set_ready(connection, digest, str(sender), attempt, int(now))
        mine = self._tables.ready(connection, digest).get(str(self.me))
        if mine is not None and mine[1] < now - self._settings.ask_seconds:
            self._say_ready(connection, row, proposal)
        self._catch_up(connection, row, proposal)

    def _answer_late(self, connection: Connection, sender: CID, row: ProposalRow | None) -> None:
        """Tells one that is ready for what is over what came of it; asks about what is not known."""
        if row is None:
            self._ask(connection, [sender])
            return
        self._send_steps(connection, sender, read(row.octets).base)

    def _catch_up(self, connection: Connection, row: ProposalRow, proposal: Proposal) -> None:
        """Goes to a later attempt if more than f others are in it, so that one of them is honest."""
        run = self._tables.run(connection)
        if run is not None and run.proposal == row.id:
            return
        others = [one for name, (one, _) in self._tables.ready(connection, row.id).items() if name != str(self.me)]
        needed = max(charter.roster.faults for charter in (proposal.before, proposal.charter)) + 1
        later = sorted((one for one in others if one > row.attempt), reverse=True)
        if len(later) >= needed and not self._in_doubt(connection):
            self._tables.change_proposal(connection, row.id, attempt=later[needed - 1])

    def _say_ready(self, connection: Connection, row: ProposalRow, proposal: Proposal) -> None:
        now = int(self._clock())
        self._tables.set_ready(connection, row.id, str(self.me), row.attempt, now)
        self._tell(connection, proposal.members(), "ready", row.id, row.attempt, now)

    def _is_time_to_begin(self, connection: Connection, row: ProposalRow, proposal: Proposal, run: bytes) -> bool:
        """All are ready; or a quorum is, and the rest had their time; or more than f have begun."""
        ready = {
            CID.from_text(name): at
            for name, (attempt, at) in self._tables.ready(connection, row.id).items()
            if attempt == row.attempt
        }
        if proposal.kind == "repair":
            needed = {*proposal.helpers, proposal.lost}
            return needed <= {seat.index for seat in proposal.charter.seats if seat.identity in ready}
        charters = proposal.before, proposal.charter
        begun = self._tables.senders_kept(connection, run)
        if proposal.members() <= ready.keys() or len(begun) > max(one.roster.faults for one in charters):
            return True
        times = [sorted(ready[s.identity] for s in one.seats if s.identity in ready) for one in charters]
        if any(len(found) < one.quorum for found, one in zip(times, charters, strict=True)):
            return False
        since = max(found[one.quorum - 1] for found, one in zip(times, charters, strict=True))
        return self._clock() >= since + self._settings.start_seconds

    # -- the run ------------------------------------------------------------------------------------------------------
    def _context(self, curve: str, kind: str, name: bytes) -> bytes:
        return context(curve, kind, name)

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
            aad = self._context(proposal.charter.curve, "event", run.id)
            events = [self._sealing.open(one, aad) for one in self._tables.events(connection, run.id)]
            made = self._make(connection, proposal, run.attempt, seed_in(events[0]))
            made.restore(events)
            self._live, self._live_id = made, run.id
        return self._live, run, proposal

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

    # -- the end of a run ---------------------------------------------------------------------------------------------
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
        silent = {*proposal.before.roster.indices, *proposal.charter.roster.indices} - {*outcome.qualified}
        self._switch(connection, step)
        if silent:
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

    def _next_attempt(self, connection: Connection, digest: bytes, attempt: int) -> None:
        row = self._tables.proposal(connection, digest)
        if row is not None and row.state == "approved" and row.attempt <= attempt < messages.MAX_ATTEMPT:
            self._tables.change_proposal(connection, digest, attempt=attempt + 1)

    # -- switching ----------------------------------------------------------------------------------------------------
    def _take_step(self, connection: Connection, sender: CID, step: Step) -> None:
        standing = self.standing(connection)
        assert standing is not None  # noqa: S101 - the caller asked
        if not standing.fits(step.proposal):
            known = self._tables.steps_after(connection, step.proposal.base, 1)
            if not known and step.proposal.base:
                self._ask(connection, [sender])
            return
        self._switch(connection, step)

    def _switch(self, connection: Connection, step: Step) -> None:
        """Goes over to what a step leads to, with this node's share of it if it has one; forgets the old share.

        Raises: what certificate_of and after raise
        """
        standing = self.standing(connection)
        assert standing is not None  # noqa: S101 - the caller asked
        suite, now = self._suite(standing), int(self._clock())
        certificate = certificate_of(suite, step, standing, self._keys)
        following = after(step, certificate, standing, self._keys, now)
        share = self._recovered(connection, suite, certificate)
        if step.proposal.kind == "rotate" and step.proposal.overlap_ends > now:
            self._tables.retire_share(connection, standing.base, step.proposal.overlap_ends)
        self._tables.forget_shares(connection, "current", "pending")
        if share is not None:
            self._put_current(connection, share)
        self._tables.add_step(connection, certificate.key.set_id, certificate.key.epoch, step.to_bytes())
        self._stand(connection, following)
        self._tables.set_fact(connection, "awaiting", None)
        self._drop_run(connection)
        self._tables.change_proposal(connection, step.proposal.id, state="done", reason="")
        self._drop_stale(connection)
        self._tables.forget_kept(connection)
        self._report_switch(connection, following, share)

    def _report_switch(self, connection: Connection, standing: Standing, share: KeyShare | None) -> None:
        key = standing.key
        seat = standing.charter.seat_of(self.me)
        if key is None:
            return
        _log.info("switched", epoch=key.epoch, key_id=key.key_id.hex()[:16], holder=share is not None)
        if seat is not None and seat.index in key.holders and share is None:
            self._note(connection, self.me, "this node holds a share of the key by its number, but has none: repair it")

    def _stand(self, connection: Connection, standing: Standing) -> None:
        before = self.standing(connection)
        if before is not None and before.charter.cid != standing.charter.cid:
            known = unframe(self._tables.fact(connection, "former") or b"")
            gone = [seat.identity for seat in before.charter.seats if standing.charter.seat_of(seat.identity) is None]
            former = [*known, *(one.to_bytes() for one in gone)][-_FORMER_KEPT:]
            self._tables.set_fact(connection, "former", frame(*former))
        self._tables.set_fact(connection, "charter", standing.charter.to_bytes())
        self._tables.set_fact(connection, "ring", standing.ring.to_bytes() if standing.ring else None)
        self._standing = standing

    def _put_current(self, connection: Connection, share: KeyShare) -> None:
        key = share.key
        aad = share_context(key.suite.curve.params.name, key.set_id, key.epoch)
        sealed = self._sealing.seal(share.to_bytes(), aad)
        self._tables.forget_shares(connection, "current")
        row = ShareRow(key.set_id, "current", key.key_id, key.epoch, None, b"", b"", 0, sealed)
        self._tables.put_share(connection, row)

    def _recovered(self, connection: Connection, suite: Suite, certificate: Certificate) -> KeyShare | None:
        """This node's share from the recovery file of the run, if it saw the run as those who confirmed it."""
        row = self._pending(connection)
        if row is None or row.run != certificate.transcript.run_id:
            return None
        octets = self._sealing.open(row.sealed, self._context(suite.curve.params.name, "recovery file", row.run))
        _, value, transcript = suite.fields("RESULT_", octets, 3)
        if transcript != certificate.transcript.to_bytes() or not value:
            return None  # it was late, and left out by the others
        return recover(suite, octets, certificate)

    def _drop_run(self, connection: Connection) -> None:
        run = self._tables.run(connection)
        if run is not None:
            self._tables.end_run(connection, run.id)
        self._live = None

    def _send_steps(self, connection: Connection, to: CID, base: bytes) -> None:
        for octets in self._tables.steps_after(connection, base, _STEPS_AT_ONCE):
            self._tell(connection, [to], "step", octets)

    # -- rotation -----------------------------------------------------------------------------------------------------
    def _await_endorsements(self, connection: Connection, step: Step) -> None:
        """Endorses the new key, and goes over once t holders of the old one have."""
        standing = self.standing(connection)
        assert standing is not None  # noqa: S101 - the caller asked
        self._tables.set_fact(connection, "awaiting", step.to_bytes())
        suite, seat = self._suite(standing), standing.charter.seat_of(self.me)
        key = Certificate.from_bytes(suite, step.certificate).key
        if seat is not None and standing.key is not None and seat.index in standing.key.holders:
            signature = Succession(standing.key, key, step.proposal.overlap_ends).endorse(self._keys)
            self._tables.endorse(connection, step.proposal.id, step.attempt, seat.index, signature)
            members = step.proposal.members()
            self._tell(connection, members, "endorsement", step.proposal.id, step.attempt, signature)
        self._try_succession(connection)

    def _take_endorsement(
        self, connection: Connection, sender: CID, digest: bytes, attempt: int, signature: bytes
    ) -> None:
        standing = self.standing(connection)
        seat = standing.charter.seat_of(sender) if standing else None
        if seat is not None and self._tables.proposal(connection, digest) is not None:
            self._tables.endorse(connection, digest, attempt, seat.index, signature)
            self._try_succession(connection)

    def _try_succession(self, connection: Connection) -> None:
        octets, standing = self._tables.fact(connection, "awaiting"), self.standing(connection)
        if octets is None or standing is None or standing.key is None:
            return
        step = Step.from_bytes(octets)
        key = Certificate.from_bytes(self._suite(standing), step.certificate).key
        succession = Succession(standing.key, key, step.proposal.overlap_ends)
        members = {member.index: member for member in standing.charter.roster.members}
        good: dict[int, bytes] = {}
        for index, signature in self._tables.endorsements(connection, step.proposal.id, step.attempt).items():
            with suppress(VerificationError):
                if index in standing.key.holders:
                    self._keys.verify(members[index], succession.to_bytes(), signature)
                    good[index] = signature
        if len(good) >= standing.key.threshold:
            whole = Step(step.proposal, step.attempt, step.certificate, good)
            self._switch(connection, whole)
            self._tell(connection, step.proposal.members(), "step", whole.to_bytes())

    # -- doubt --------------------------------------------------------------------------------------------------------
    def _pending(self, connection: Connection) -> ShareRow | None:
        rows = self._tables.shares(connection, "pending")
        return rows[0] if rows else None

    def _in_doubt(self, connection: Connection) -> bool:
        """Whether this node confirmed a run that is over for it, and does not know what came of it."""
        row, run = self._pending(connection), self._tables.run(connection)
        waiting = self._tables.fact(connection, "awaiting") is not None
        return row is not None and not waiting and (run is None or run.id != row.run)

    def _confirmation(self, connection: Connection, row: ShareRow) -> Signed:
        """What this node said when it had stored its recovery file, signed anew."""
        known = self._tables.proposal(connection, row.proposal)
        assert known is not None  # noqa: S101 - a proposal stays as long as its run matters
        proposal = read(known.octets)
        suite, index = self._suite_of(proposal.charter.curve), self._my_index(proposal)
        octets = self._sealing.open(row.sealed, self._context(proposal.charter.curve, "recovery file", row.run))
        transcript = Transcript.from_bytes(suite, suite.fields("RESULT_", octets, 3)[2])
        phase = generation.CONFIRM if proposal.kind in ("generate", "rotate") else resharing.CONFIRM
        parts = row.run, i2osp(index or 0, 2), i2osp(phase, 1), transcript.confirmation
        statement = suite.labelled("STATEMENT_", *parts)
        return Signed(statement, self._keys.sign(statement))

    def _question_doubt(self, connection: Connection) -> None:
        row = self._pending(connection)
        known = self._tables.proposal(connection, row.proposal) if row is not None else None
        if row is None or known is None:
            return
        standing, proposal = self.standing(connection), read(known.octets)
        base = standing.base if standing else b""
        self._tell(connection, proposal.members(), "question", base, row.run, proposal.to_bytes(), row.attempt)

    def _ask(self, connection: Connection, whom: Iterable[CID]) -> None:
        """Asks for what came after the key that is known here; each member at most once in a while."""
        standing, now = self.standing(connection), int(self._clock())
        base = standing.base if standing else b""
        asked = self._tables.members(connection)
        for one in whom:
            known = asked.get(str(one))
            if known is None or known["asked"] <= now - max(1.0, self._settings.ask_seconds / 10):
                self._tables.note_member(connection, str(one), asked=now)
                self._tell(connection, [one], "question", base, b"", b"", 0)

    def _take_question(self, connection: Connection, sender: CID, fields: list[Value]) -> None:
        base, run, octets = (messages.octets_in(one) for one in fields[:3])
        attempt, standing = messages.attempt_in(fields[3]), self.standing(connection)
        assert standing is not None  # noqa: S101 - the caller asked
        if base != standing.base:
            self._send_steps(connection, sender, base)
        elif run:
            self._give_verdict(connection, sender, run, Proposal.from_bytes(octets), attempt)

    def _give_verdict(self, connection: Connection, to: CID, run: bytes, proposal: Proposal, attempt: int) -> None:
        """Confirms again, or promises never to confirm; says nothing while this node is in the run."""
        standing, row = self.standing(connection), self._pending(connection)
        assert standing is not None  # noqa: S101 - the caller asked
        if not standing.fits(proposal) or run != run_name(self._suite(standing), proposal, attempt, standing.key):
            return
        running = self._tables.run(connection)
        if row is not None and row.run == run:
            self._tell(connection, [to], "verdict", run, *self._confirmation(connection, row))
        elif running is None or running.id != run:
            self._tables.release(connection, run)
            self._next_attempt(connection, proposal.id, attempt)
            self._tell(connection, [to], "verdict", run, b"", b"")

    def _take_verdict(
        self, connection: Connection, sender: CID, run: bytes, statement: bytes, signature: bytes
    ) -> None:
        row = self._pending(connection)
        known = self._tables.proposal(connection, row.proposal) if row is not None else None
        if row is None or known is None or row.run != run or not self._in_doubt(connection):
            return
        proposal = read(known.octets)
        seats = [one.seat_of(sender) for one in (proposal.charter, proposal.before)]
        index = next(seat.index for seat in seats if seat is not None)
        self._tables.set_verdict(connection, run, index, statement, signature)
        self._resolve_doubt(connection, row, proposal)

    def _resolve_doubt(self, connection: Connection, row: ShareRow, proposal: Proposal) -> None:
        verdicts = self._tables.verdicts(connection, row.run)
        suite = self._suite_of(proposal.charter.curve)
        octets = self._sealing.open(row.sealed, self._context(proposal.charter.curve, "recovery file", row.run))
        transcript = Transcript.from_bytes(suite, suite.fields("RESULT_", octets, 3)[2])
        members = {m.index: m for one in (proposal.before, proposal.charter) for m in one.roster.members}
        signed = {self._my_index(proposal) or 0: self._confirmation(connection, row)}
        for index, (statement, signature) in verdicts.items():
            with suppress(MilagroError):
                sender, _, body = parse_statement(suite, row.run, statement)
                self._keys.verify(members[index], statement, signature)
                if sender == index and body == transcript.confirmation:
                    signed[index] = Signed(statement, signature)
        released = [index for index, (statement, _) in verdicts.items() if not statement]
        try:
            require_quorum(signed, (proposal.before, proposal.charter))
        except VerificationError:
            if not can_be_certified(released, proposal):
                self._release_pending(connection, row)
            return
        certificate = Certificate(transcript, tuple(signed[index] for index in sorted(signed)))
        step = Step(proposal, row.attempt, certificate.to_bytes(), {})
        if proposal.kind == "rotate":
            self._await_endorsements(connection, step)
        else:
            self._switch(connection, step)
            self._tell(connection, proposal.members(), "step", step.to_bytes())

    def _release_pending(self, connection: Connection, row: ShareRow) -> None:
        """Lets go of a run that can get no certificate any more."""
        self._tables.forget_shares(connection, "pending")
        self._tables.release(connection, row.run)
        self._next_attempt(connection, row.proposal, row.attempt)
        self._note(connection, None, "a run that this node confirmed came to nothing; the shares before it stay")

    # -- time and the operator ----------------------------------------------------------------------------------------
    def tick(self, connection: Connection) -> None:
        """Does what the time, or what the operator has left, asks for."""
        if self._tables.fact(connection, "lost") is not None:
            return
        for number, kind, value in self._tables.intents(connection):
            self._tables.taken_up(connection, number)
            try:
                self._take_up(connection, kind, value)
            except StoreError:
                raise
            except MilagroError as error:
                self._note(connection, None, f"{kind}: {error}")
        if self.standing(connection) is None:
            return
        now = self._clock()
        self._tables.forget_expired(connection, int(now))
        if not self._started:
            self._started = True
            self._ask(connection, self.circle(connection))
            self._next_question = now
        self._move_on(connection)
        if now >= self._next_question:
            self._next_question = now + self._settings.ask_seconds / 4
            if self._in_doubt(connection):
                self._question_doubt(connection)
        self._start(connection)

    def _start(self, connection: Connection) -> None:
        """Says that this node is ready, and begins when it is time."""
        waiting = self._tables.fact(connection, "awaiting") is not None
        if self._tables.run(connection) is not None or waiting or self._in_doubt(connection):
            return
        for row, proposal in self._active(connection):
            if self._start_one(connection, row, proposal):
                self._move_on(connection)
                return

    def _start_one(self, connection: Connection, row: ProposalRow, proposal: Proposal) -> bool:
        standing = self.standing(connection)
        assert standing is not None  # noqa: S101 - the caller asked
        name = run_name(self._suite(standing), proposal, row.attempt, standing.key)
        if self._tables.released(connection, name):
            self._next_attempt(connection, row.id, row.attempt)
            return False
        mine = self._tables.ready(connection, row.id).get(str(self.me))
        if mine is None or mine[0] != row.attempt:
            self._say_ready(connection, row, proposal)
        if not self._is_time_to_begin(connection, row, proposal, name):
            return False
        try:
            self._begin(connection, row, proposal, name)
        except (ParameterError, RunFailed) as error:
            self._tables.change_proposal(connection, row.id, state="failed", reason=str(error))
            self._note(connection, None, f"{proposal.kind} cannot be done here: {error}")
        return True

    def show_progress(self, connection: Connection) -> None:
        """Leaves word of the run in progress where the operator's command finds it."""
        running = self.live(connection)
        text = b""
        if running is not None and not running[0].party.over:
            live, run, proposal = running
            names = {seat.index: seat.name for one in (proposal.before, proposal.charter) for seat in one.seats}
            (phase, step), missing = live.party.place, sorted(names.get(one, "?") for one in live.party.missing)
            shown = {"kind": proposal.kind, "attempt": run.attempt + 1, "phase": phase, "step": step}
            times = {"begun": int(run.begun_at), "step_ends": int(self._deadline(run))}
            text = json.dumps({**shown, **times, "waiting_for": missing}).encode()
        if text != self._shown:
            self._tables.set_fact(connection, "progress", text or None)
            self._shown = text

    def next_time(self, connection: Connection) -> float:
        """When `tick` has something to do at the latest."""
        run = self._tables.run(connection)
        return self._deadline(run) if run is not None else self._clock() + 1.0

    def _take_up(self, connection: Connection, kind: str, value: bytes) -> None:
        if kind in ("join", "join again"):
            self._join(connection, CharterFile.from_bytes(value))
            self._tables.set_fact(connection, "lost", b"1" if kind == "join again" else None)
        elif kind == "propose":
            self.propose(connection, Proposal.from_bytes(value))
        elif kind == "approve":
            row = self._tables.proposal(connection, value)
            if row is None:
                raise NotFound("there is no such proposal")
            if row.state in ("seen", "failed"):
                self._tables.change_proposal(connection, value, state="approved", reason="")
        elif kind == "repair":
            self._propose_repair(connection)

    def _join(self, connection: Connection, file: CharterFile) -> None:
        """Takes part in a network, from its first charter or from an amendment that brings this node in."""
        if self._tables.fact(connection, "charter") is not None:
            if not file.proposal:
                raise ProtocolError("this node is in a network already")
            self._add_proposal(connection, Proposal.from_bytes(file.proposal), "approved")
            return
        proposal = Proposal.from_bytes(file.proposal) if file.proposal else Proposal.generate(file.charter)
        before = proposal.before
        if proposal.charter.seat_of(self.me) is None:
            raise ParameterError("this node is no member in the charter")
        ring = None
        if file.charter.base:
            suite = self._suite_of(before.curve)
            ring = KeyRing(SharedKey.from_bytes(suite, file.charter.base))
            self._tables.set_fact(connection, "base", ring.current.set_id)
        self._stand(connection, Standing(before, ring))
        self._add_proposal(connection, proposal, "approved")
        self._started = False
        if self._introductions is not None:
            for bundle in file.bundles:
                self._introductions.learn(bundle)

    def _propose_repair(self, connection: Connection) -> None:
        """Asks as many others as the threshold, those heard last, to repair this node's share."""
        standing = self.standing(connection)
        key, seat = (standing.key, standing.charter.seat_of(self.me)) if standing else (None, None)
        if standing is None or key is None or seat is None or seat.index not in key.holders:
            raise ProtocolError("this node is no holder of the key; a refresh gives it a share")
        if self.share(connection) is not None:
            raise ProtocolError("this node has its share; there is nothing to repair")
        heard = self._tables.members(connection)
        others = [one for one in standing.charter.seats if one.index in key.holders and one.identity != self.me]
        if len(others) < key.threshold:
            raise ProtocolError(f"a repair takes {key.threshold} other holders, and there are {len(others)}")
        others.sort(key=lambda one: -_last_heard(heard, one))
        helpers = tuple(sorted(one.index for one in others[: key.threshold]))
        session = secrets.token_bytes(32)
        proposal = Proposal("repair", standing.charter, session, standing.base, None, seat.index, helpers)
        self._drop_repairs(connection, proposal)
        self.propose(connection, proposal)


def _last_heard(heard: object, seat: Seat) -> int:
    known = heard.get(str(seat.identity)) if isinstance(heard, dict) else None
    return max(known["heard"], known["reached"]) if known else 0


def share_context(curve: str, set_id: bytes, epoch: int) -> bytes:
    """What a sealed share is bound to: role, curve, kind, set and epoch."""
    return context(curve, "share", set_id + i2osp(epoch, 4))


def open_share(sealing: Sealing, suite: Suite, row: ShareRow) -> KeyShare:
    """The share in a row.

    Raises: DecryptionFailed, EncodingError
    Secret: the result
    """
    octets = sealing.open(row.sealed, share_context(suite.curve.params.name, row.set_id, row.epoch))
    return KeyShare.from_bytes(suite, octets)
