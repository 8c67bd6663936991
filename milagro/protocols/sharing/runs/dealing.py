"""Dealing in a run: every dealer shares a secret with every receiver, and who says that a share is wrong is heard.

    deal        commitments, and for each receiver its share, signed and sealed, in one statement
    complain    "what j sealed cannot be opened", or j's own signed message, which shows that its share is wrong
    answer      j opens the share of each who says that it cannot be opened

A signed wrong share proves its dealer's fault; a signed right one, or a signature that is none, the complainer's. Who
is at fault when something cannot be opened cannot be told, but one of the two is, since statements are not lost: so a
share that is opened to all was known to a wrong party before. A dealer of whom t parties say so is left out: at most
t - 1 may be wrong together, so one of them is honest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import MalformedEnvelope, MilagroError
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.protocols.sharing.commitments import (
    Commitments,
    Opening,
    check_openings,
    commit,
    commit_blinded,
    fits,
    fits_blinded,
)
from milagro.protocols.sharing.refusals import InvalidProof
from milagro.protocols.sharing.runs.broadcast import Signed
from milagro.protocols.sharing.shamir import evaluate, random_polynomial

if TYPE_CHECKING:
    from milagro.groups import Random, Scalar
    from milagro.protocols.sharing.runs.engine import Bodies, Run
    from milagro.protocols.sharing.runs.roster import Table

Reasons = dict[int, str]


@dataclass(frozen=True)
class Plan:
    """Who deals to whom, with which threshold, and whether the commitments are blinded (Pedersen) or not (Feldman).

    Spec: spec/sharing.md#dealing
    """

    dealers: tuple[int, ...]
    receivers: tuple[int, ...]
    threshold: int
    blinded: bool


class Dealing:
    """The shares that one party has dealt and received.

    Spec: spec/sharing.md#dealing
    """

    def __init__(self, run: Run, table: Table, plan: Plan, phase: int) -> None:
        self._run, self._table, self._plan, self._phase = run, table, plan, phase
        self.commitments: dict[int, Commitments] = {}
        self.openings: dict[int, Opening] = {}
        self.coefficients: list[Scalar] = []
        self._blinding: list[Scalar] = []
        self._received: dict[int, tuple[bytes, Signed]] = {}
        self.open: dict[int, set[int]] = {}

    # -- deal --------------------------------------------------------------------------------------------------------
    def draw(self, secret: Scalar | None, random: Random) -> None:
        """Draw this party's polynomial, with f(0) = secret or, if that is None, random."""
        E = self._table.suite.curve
        if self._table.me in self._plan.dealers:
            first = E.random_scalar(random) if secret is None else secret
            self.coefficients = random_polynomial(E, first, self._plan.threshold, random)
            if self._plan.blinded:
                self._blinding = random_polynomial(E, E.random_scalar(random), self._plan.threshold, random)

    def body(self) -> bytes:
        """The commitments of this party and the shares, sealed; empty if it does not deal."""
        if not self.coefficients:
            return b""
        bodies = self.private_bodies()
        sealed = [
            self._run.seal_for(to, self._phase, bodies[to]) if to in bodies else b"" for to in self._plan.receivers
        ]
        return frame(self._commitments().to_bytes(), *sealed)

    def _commitments(self) -> Commitments:
        suite = self._table.suite
        if self._plan.blinded:
            return commit_blinded(suite, self.coefficients, self._blinding)
        return commit(suite, self.coefficients)

    def private_bodies(self) -> dict[int, bytes]:
        """What each other receiver is told: frame(s) or frame(s, s')."""
        others = [index for index in self._plan.receivers if index != self._table.me]
        return {index: frame(*self._values(index)) for index in others} if self.coefficients else {}

    def _values(self, index: int) -> list[bytes]:
        E = self._table.suite.curve
        polynomials = [self.coefficients, *([self._blinding] if self._plan.blinded else [])]
        return [evaluate(E, f, index).to_bytes() for f in polynomials]

    def read_dealings(self, bodies: Bodies) -> Reasons:
        """Read what the dealers committed to, and the share that is for this party; who said something else."""
        reasons: Reasons = {}
        for index, body in bodies.items():
            if index in self._plan.dealers:
                try:
                    points, *sealed = unframe(body, 1 + len(self._plan.receivers))
                    known = Commitments.from_bytes(self._table.suite, points, self._plan.threshold)
                except MilagroError:
                    reasons[index] = "malformed commitments"
                    continue
                self.commitments[index] = known
                self._open_share(index, sealed)
            elif body:
                reasons[index] = "commitments of one who does not deal"
        return reasons

    def _open_share(self, dealer: int, sealed: list[bytes]) -> None:
        me = self._table.me
        if me in self._plan.receivers and me != dealer:
            with suppress(MilagroError):  # what cannot be opened is complained about
                place = self._plan.receivers.index(me)
                self._received[dealer] = self._run.open_from(dealer, self._phase, sealed[place])

    # -- complain ----------------------------------------------------------------------------------------------------
    def read_shares(self, dealers: Iterable[int], random: Random) -> bytes:
        """This party's complaints against dealers; the shares that fit are kept."""
        me = self._table.me
        if me not in self._plan.receivers:
            return b""
        found: dict[int, Opening] = {}
        complaints: dict[int, bytes] = {}
        for dealer in sorted(dealers):
            if dealer == me:
                self.openings[me] = self.read_opening(me, me, frame(*self._values(me)))
            elif dealer not in self._received:
                complaints[dealer] = b""
            else:
                self._read_share(dealer, found, complaints)
        for dealer in self._wrong(found, random):
            complaints[dealer] = frame(*self._received[dealer][1])
            del found[dealer]
        self.openings.update(found)
        return frame(*(frame(i2osp(dealer, 2), complaints[dealer]) for dealer in sorted(complaints)))

    def _read_share(self, dealer: int, found: dict[int, Opening], complaints: dict[int, bytes]) -> None:
        body, signed = self._received[dealer]
        try:
            found[dealer] = self.read_opening(dealer, self._table.me, body)
        except MilagroError:
            complaints[dealer] = frame(*signed)

    def _wrong(self, found: dict[int, Opening], random: Random) -> list[int]:
        dealers = list(found)
        try:
            check_openings(self._table.suite, list(found.values()), random)
        except InvalidProof as error:
            return [dealers[int(place)] for place in error.culprits]
        return []

    def read_opening(self, dealer: int, index: int, body: bytes) -> Opening:
        """The share in a body. Raises: EncodingError."""
        suite = self._table.suite
        values = [suite.scalar_from_bytes(one) for one in unframe(body, 2 if self._plan.blinded else 1)]
        return Opening(self.commitments[dealer], index, values[0], values[1] if self._plan.blinded else None)

    def opens(self, one: Opening) -> bool:
        """Whether a share fits its commitments."""
        suite = self._table.suite
        if one.blinding is None:
            return fits(suite, one.commitments, one.index, one.value)
        return fits_blinded(suite, one.commitments, one.index, one.value, one.blinding)

    def judge_complaints(self, bodies: Bodies, excluded: Mapping[int, str]) -> Reasons:
        """Who is at fault by what was complained about; what is left to answer is in `open`."""
        reasons: Reasons = {}
        for complainer, body in bodies.items():
            try:
                complaints = self._read_complaints(complainer, body)
            except MilagroError:
                reasons[complainer] = "malformed complaints"
                continue
            for dealer, proof in complaints.items():
                if dealer in self.commitments and dealer not in excluded:
                    self._judge_complaint(complainer, dealer, proof, reasons)
        self.open = {dealer: by - reasons.keys() for dealer, by in self.open.items()}
        for dealer, by in self.open.items():
            if len(by) >= self._plan.threshold:
                reasons.setdefault(dealer, "its shares reached too few")
        self.open = {dealer: by for dealer, by in self.open.items() if by and dealer not in reasons}
        return reasons

    def _read_complaints(self, complainer: int, body: bytes) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for entry in unframe(body):
            dealer, proof = unframe(entry, 2)
            index = os2ip(dealer)
            if len(dealer) != 2 or index not in self._plan.dealers or index in found or index == complainer:
                raise MalformedEnvelope("a complaint is about nobody, or stands twice")
            found[index] = proof
        if found and complainer not in self._plan.receivers:
            raise MalformedEnvelope("a complaint by one who receives nothing")
        return found

    def _judge_complaint(self, complainer: int, dealer: int, proof: bytes, reasons: Reasons) -> None:
        if not proof:
            self.open.setdefault(dealer, set()).add(complainer)
            return
        try:
            phase, body = self._run.read_private(dealer, complainer, Signed(*unframe(proof, 2)))
        except MilagroError:
            reasons[complainer] = "a complaint with a false proof"
            return
        if phase != self._phase:
            reasons[complainer] = "a complaint with a false proof"
        elif self._fits(dealer, complainer, body):
            reasons[complainer] = "a complaint about a right share"
        else:
            reasons[dealer] = "a wrong share"

    def _fits(self, dealer: int, index: int, body: bytes) -> bool:
        try:
            return self.opens(self.read_opening(dealer, index, body))
        except MilagroError:
            return False

    # -- answer ------------------------------------------------------------------------------------------------------
    def answers_body(self) -> bytes:
        """The shares that this party opens for those who could not open them."""
        accusers = sorted(self.open.get(self._table.me, ()))
        return frame(*(frame(i2osp(index, 2), frame(*self._values(index))) for index in accusers))

    def judge_answers(self, bodies: Bodies) -> Reasons:
        """Who did not answer rightly; the shares that were opened for this party are kept."""
        reasons: Reasons = {}
        for index, body in bodies.items():
            accusers = self.open.get(index, set())
            answers = self._read_answers(index, body)
            if answers is None or answers.keys() != accusers:
                reasons[index] = "complaints not answered" if accusers else "an answer to no complaint"
            elif not all(self.opens(one) for one in answers.values()):
                reasons[index] = "a wrong share opened"
            elif self._table.me in answers:
                self.openings[index] = answers[self._table.me]
        return reasons

    def _read_answers(self, dealer: int, body: bytes) -> dict[int, Opening] | None:
        found: dict[int, Opening] = {}
        try:
            for entry in unframe(body):
                index, opening = unframe(entry, 2)
                found[os2ip(index)] = self.read_opening(dealer, os2ip(index), opening)
        except (MilagroError, KeyError):
            return None
        return found
