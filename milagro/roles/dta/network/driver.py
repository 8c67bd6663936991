r"""What a member does about each letter, each intent of its operator, and the passing of time: each in one transaction.

    letter  --> cursor + what happened in the run, sealed + letters to send   one transaction, then they are sent
    time    --> the same for the end of a step, for a start, for a question

    proposal --approved--> ready --enough are--> run --recovery file stored, then confirmed--> outcome --> switch
                             ^                     |                                  \--> doubt --> switch | released
                             +---- next attempt ---+

A process that is killed at any point has either done a transaction or not. What is in memory is the run, made again
from what is stored whenever a transaction fails.

Spec: spec/dta-network.md
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from milagro.cid import CID
from milagro.errors import MilagroError, NotFound, ParameterError, ProtocolError, Unavailable, VerificationError
from milagro.protocols.sharing import KeyRing, RunFailed, SharedKey
from milagro.roles.charter import CharterFile, Seat
from milagro.roles.dta.network import messages
from milagro.roles.dta.network.memory import UP_SECONDS
from milagro.roles.dta.network.records import ProposalRow
from milagro.roles.dta.network.returning import Returning
from milagro.roles.lineage import Standing, run_name
from milagro.roles.switches import Proposal, Step, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from milagro.cbor import Value
    from milagro.roles.correspondence.correspondent import Letter

_FRESH_SECONDS: Final = 3600
_PATIENCE: Final = 10


class Driver(Returning):
    """One member of a network. Every method runs in the caller's transaction; `forget` follows one that failed.

    memory < switching < doubt < running < returning < driver: each stands on the one before, and calls none after it.

    Spec: spec/dta-network.md
    """

    def apply(self, connection: Connection, letter: Letter) -> None:
        """Takes a letter. One that is wrong changes nothing but the note that its sender gets."""
        now = self._clock()
        self._tables.note_member(connection, str(letter.sender), heard=int(now))
        try:
            kind, fields = messages.decode(letter.payload)
            self._take(connection, letter.sender, kind, fields)
        except Unavailable:
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
        elif kind in ("where", "here"):
            self._take_whereabouts(connection, sender, kind, [messages.octets_in(one) for one in fields])

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
        if any(charters[0].seat_of(seat.identity) is None and seat.identity not in ready for seat in charters[1].seats):
            return False  # a resharing for new members waits for them
        times = [sorted(ready[s.identity] for s in one.seats if s.identity in ready) for one in charters]
        if any(len(found) < one.quorum for found, one in zip(times, charters, strict=True)):
            return False
        since = max(found[one.quorum - 1] for found, one in zip(times, charters, strict=True))
        return self._clock() >= since + self._settings.start_seconds

    def tick(self, connection: Connection) -> None:
        """Does what the time, or what the operator has left, asks for."""
        if self._tables.fact(connection, "lost") is not None:
            return
        for number, kind, value in self._tables.intents(connection):
            self._tables.taken_up(connection, number)
            try:
                self._take_up(connection, kind, value)
            except Unavailable:
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
        if self._return(connection):
            return
        if now >= self._next_question:
            self._next_question = now + self._settings.ask_seconds / 4
            if self._in_doubt(connection):
                self._question_doubt(connection)
        self._start(connection)
        self._want_share(connection)

    def _want_share(self, connection: Connection) -> None:
        """Proposes a refresh after a while without a share: sooner if all others are there, so that none is left out.

        It asks for no more than what every member may propose, and only where its operator consents to refreshes.
        """
        now, standing = self._clock(), self.standing(connection)
        if standing is None or not self._lacks_share(connection, standing):
            self._bare_since = None
            return
        self._bare_since = now if self._bare_since is None else self._bare_since
        others = [seat for seat in standing.charter.seats if seat.identity != self.me]
        known = self._tables.members(connection)
        there = all(_last_heard(known, seat) >= now - UP_SECONDS and not _fault(known, seat) for seat in others)
        if now >= self._bare_since + self._settings.ask_seconds * (1 if there else _PATIENCE):
            self._bare_since = now
            self._note(connection, self.me, "this node has no share of the key: it proposes a refresh")
            self.propose(
                connection, Proposal("refresh", standing.charter, secrets.token_bytes(32), standing.base, None)
            )

    def _lacks_share(self, connection: Connection, standing: Standing) -> bool:
        """Whether this member of a network with a key has no share of it, and nothing is under way to give it one."""
        if standing.key is None or standing.charter.seat_of(self.me) is None or "refresh" not in self._settings.approve:
            return False
        if any(row.set_id == standing.base for row in self._tables.shares(connection, "current")):
            return False
        waiting = self._tables.fact(connection, "awaiting") is not None or self._in_doubt(connection)
        return not waiting and self._tables.run(connection) is None and not self._active(connection)

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


def _last_heard(known: Mapping[str, Mapping[str, Any]], seat: Seat) -> int:
    one = known.get(str(seat.identity))
    return max(one["heard"], one["reached"]) if one else 0


def _fault(known: Mapping[str, Mapping[str, Any]], seat: Seat) -> str:
    return str(known[str(seat.identity)]["fault"]) if str(seat.identity) in known else ""
