"""Going over from one key of the network to the next, on proof; and rotation, where the old key's holders have a say.

Spec: spec/dta-network.md, Switching epochs
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from milagro.cid import CID
from milagro.errors import VerificationError
from milagro.octets import frame, unframe
from milagro.protocols.sharing import Certificate, KeyShare, Succession, recover
from milagro.roles import logs
from milagro.roles.dta.network.memory import Memory
from milagro.roles.lineage import Standing, after, certificate_of
from milagro.roles.switches import Step, read

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.protocols.sharing import Suite

_log = logs.logger(__name__)
_STEPS_AT_ONCE: Final = 64
_FORMER_KEPT: Final = 256


class Switching(Memory):
    """A member that goes over to later keys.

    Spec: spec/dta-network.md, Switching epochs
    """

    def _take_step(self, connection: Connection, sender: CID, step: Step) -> None:
        standing = self.standing(connection)
        assert standing is not None  # noqa: S101 - the caller asked
        if not standing.fits(step.proposal):
            known = self._tables.steps_after(connection, step.proposal.base, 1)
            if not known and step.proposal.base:
                self._ask(connection, [sender])
            return
        took_part = self._tables.run(connection) is not None or self._pending(connection) is not None
        self._switch(connection, step)
        if took_part:  # whoever told it may have been killed before it told all
            self._tell(connection, step.proposal.members(), "step", step.to_bytes())

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

    def _recovered(self, connection: Connection, suite: Suite, certificate: Certificate) -> KeyShare | None:
        """This node's share from the recovery file of the run, if it saw the run as those who confirmed it."""
        row = self._pending(connection)
        if row is None or row.run != certificate.transcript.run_id:
            return None
        octets = self._sealing.unseal(row.sealed, self._context(suite.curve.params.name, "recovery file", row.run))
        _, value, transcript = suite.fields("RESULT_", octets, 3)
        if transcript != certificate.transcript.to_bytes() or not value:
            return None  # it was late, and left out by the others
        return recover(suite, octets, certificate)

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

    def _drop_stale(self, connection: Connection) -> None:
        standing = self.standing(connection)
        for row in self._tables.proposals(connection, "approved", "seen"):
            if standing is not None and not standing.fits(read(row.octets)):
                self._tables.change_proposal(connection, row.id, state="stale", reason="the network has moved on")

    def _send_steps(self, connection: Connection, to: CID, base: bytes) -> None:
        for octets in self._tables.steps_after(connection, base, _STEPS_AT_ONCE):
            self._tell(connection, [to], "step", octets)

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
