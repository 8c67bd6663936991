"""Doubt: a member confirmed a run, and its own end of it failed; the others may have a certificate all the same.

    asked    has gone over -> the step    has confirmed -> says so again    neither -> promises never to confirm
    asking   enough confirmations -> a certificate    too many who never will confirm the same -> the run is dropped

Spec: spec/dta-network.md, Switching epochs
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from milagro.cid import CID
from milagro.errors import MilagroError, VerificationError
from milagro.octets import i2osp
from milagro.protocols.sharing import Certificate, Transcript
from milagro.protocols.sharing.runs import generation, resharing
from milagro.protocols.sharing.runs.broadcast import Signed, parse_statement
from milagro.roles.dta.network import messages
from milagro.roles.dta.network.records import RESTORED, ShareRow
from milagro.roles.dta.network.switching import Switching
from milagro.roles.lineage import can_be_certified, require_quorum, run_name
from milagro.roles.switches import Proposal, Step, read

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.cbor import Value


class Doubting(Switching):
    """A member that finds out what came of a run that it confirmed.

    Spec: spec/dta-network.md, Switching epochs
    """

    def _question_doubt(self, connection: Connection) -> None:
        row = self._pending(connection)
        known = self._tables.proposal(connection, row.proposal) if row is not None else None
        if row is None or known is None:
            return
        standing, proposal = self.standing(connection), read(known.octets)
        base = standing.base if standing else b""
        self._tell(connection, proposal.members(), "question", base, row.run, proposal.to_bytes(), row.attempt)

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
        if self._tables.fact(connection, RESTORED) is not None:
            return  # it may have said something else before, and does not know
        if not standing.fits(proposal) or run != run_name(self._suite(standing), proposal, attempt, standing.key):
            return
        running = self._tables.run(connection)
        if row is not None and row.run == run:
            self._tell(connection, [to], "verdict", run, *self._confirmation(connection, row))
        elif running is None or running.id != run:
            self._tables.release(connection, run)
            self._next_attempt(connection, proposal.id, attempt)
            self._tell(connection, [to], "verdict", run, b"", b"")

    def _confirmation(self, connection: Connection, row: ShareRow) -> Signed:
        """What this node said when it had stored its recovery file, signed anew."""
        known = self._tables.proposal(connection, row.proposal)
        assert known is not None  # noqa: S101 - a proposal stays as long as its run matters
        proposal = read(known.octets)
        suite, index = self._suite_of(proposal.charter.curve), self._my_index(proposal)
        octets = self._sealing.unseal(row.sealed, self._context(proposal.charter.curve, "recovery file", row.run))
        transcript = Transcript.from_bytes(suite, suite.fields("RESULT_", octets, 3)[2])
        phase = generation.CONFIRM if proposal.kind in ("generate", "rotate") else resharing.CONFIRM
        parts = row.run, i2osp(index or 0, 2), i2osp(phase, 1), transcript.confirmation
        statement = suite.labelled("STATEMENT_", *parts)
        return Signed(statement, self._keys.sign(statement))

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
        octets = self._sealing.unseal(row.sealed, self._context(proposal.charter.curve, "recovery file", row.run))
        transcript = Transcript.from_bytes(suite, suite.fields("RESULT_", octets, 3)[2])
        members = {m.index: m for one in (proposal.before, proposal.charter) for m in one.roster.members}
        signed = {self._my_index(proposal) or 0: self._confirmation(connection, row)}
        never = [index for index, (statement, _) in verdicts.items() if not statement]  # will not confirm what I did
        for index, (statement, signature) in verdicts.items():
            with suppress(MilagroError):
                sender, _, body = parse_statement(suite, row.run, statement)
                self._keys.verify(members[index], statement, signature)
                if sender == index and body == transcript.confirmation:
                    signed[index] = Signed(statement, signature)
                elif sender == index:
                    never.append(index)
        try:
            require_quorum(signed, (proposal.before, proposal.charter))
        except VerificationError:
            if not can_be_certified(never, proposal):
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
