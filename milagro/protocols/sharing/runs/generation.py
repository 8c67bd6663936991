"""Distributed key generation: t of n hold a key that nobody has ever had.

    1 DEAL      D_jk = a_jk P1 + b_jk H, and sealed for each i: f_j(i) and f'_j(i)
    2 COMPLAIN  3 ANSWER     (dealing)              now the dealers, and with them the key, are fixed: nobody knows it
    4 EXTRACT   A_jk = a_jk P1, and a proof of possession of a_j0
    5 DISPUTE   "f_j(i) P1 is not sum i^k A_jk", with f_j(i) and f'_j(i), which fit the D_jk
    6 REVEAL    of a dealer whose A_jk are missing or wrong everyone opens its share, and the A_jk are computed
    7 CONFIRM   recovery file stored; transcript signed                             s = sum f_j(0), s_i = sum f_j(i)

(Gennaro, Jarecki, Krawczyk and Rabin, "Secure Distributed Key Generation for Discrete-Log Based Cryptosystems",
J. Cryptology 20, 2007.) Phases 3 and 6 take place only where there is something to answer or to reveal.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Self

from milagro.errors import MilagroError
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.protocols.sharing.commitments import Commitments, Opening, check_openings, commit, fits
from milagro.protocols.sharing.dleq import Possession, prove_possession, verify_possession
from milagro.protocols.sharing.refusals import InvalidProof
from milagro.protocols.sharing.runs.dealing import Dealing, Plan
from milagro.protocols.sharing.runs.dealt import DEAL, DealtRun
from milagro.protocols.sharing.runs.engine import Bodies, seed_in, seed_of, stream
from milagro.protocols.sharing.runs.roster import Credentials, Roster, Table, run_id
from milagro.protocols.sharing.runs.transcript import Transcript
from milagro.protocols.sharing.shared_key import KeyShare

if TYPE_CHECKING:
    from milagro.groups import Random
    from milagro.protocols.sharing.suite import Suite

EXTRACT, DISPUTE, REVEAL, CONFIRM = range(4, 8)
KIND = "key generation"


class KeyGeneration(DealtRun):
    """One party of a key generation.

    Spec: spec/sharing.md#key-generation
    """

    CONFIRM = CONFIRM

    def __init__(self, suite: Suite, roster: Roster, session: bytes, me: int, keys: Credentials, seed: bytes) -> None:
        members = {member.index: member for member in roster.members}
        run = run_id(suite, KIND, session, roster.to_bytes())
        super().__init__(Table(suite, run, members, me, keys), seed, roster.faults)
        self._roster, self._suite = roster, suite
        plan = Plan(roster.indices, roster.indices, roster.threshold, blinded=True)
        self._dealing = Dealing(self, self._table, plan, DEAL)
        self._dealing.draw(None, stream(seed, b"polynomials"))
        self._weights = stream(seed, b"weights")
        self._feldman: dict[int, Commitments] = {}
        self._qualified: tuple[int, ...] = ()
        self._exposed: dict[int, dict[int, Opening]] = {}

    @classmethod
    def create(cls, suite: Suite, roster: Roster, session: bytes, me: int, keys: Credentials, random: Random) -> Self:
        """A new party. `session` is 32 octets on which all agree and that no other run has. Draws 32 octets.

        Raises: ParameterError
        """
        return cls(suite, roster, session, me, keys, seed_of(random))

    @classmethod
    def from_bytes(
        cls, suite: Suite, roster: Roster, session: bytes, me: int, keys: Credentials, octets: bytes
    ) -> Self:
        """The party whose state was stored, in the same run.

        Raises: EncodingError, ProtocolError for the state of another run or party
        """
        made = cls(suite, roster, session, me, keys, seed_in(suite, octets))
        made._restore(octets)
        return made

    # -- what is said in each phase ----------------------------------------------------------------------------------
    def _say(self, phase: int) -> bytes | None:
        if phase == EXTRACT:
            return self._extraction()
        if phase == DISPUTE:
            return self._disputes()
        if phase == REVEAL:
            return self._openings_of(sorted(self._exposed))
        return super()._say(phase)

    def _judge(self, phase: int, bodies: Bodies) -> int | None:
        if phase == EXTRACT:
            self._leave_out_all(self._read_extractions(bodies))
            return DISPUTE
        if phase == DISPUTE:
            self._leave_out_all(self._judge_disputes(bodies))
            return REVEAL if self._exposed else CONFIRM
        if phase == REVEAL:
            self._leave_out_all(self._read_reveals(bodies))
            return CONFIRM
        return super()._judge(phase, bodies)

    def _dealt(self) -> int:
        """From here on the key is fixed: whoever is left out later, its part is computed by the others."""
        self._qualified = tuple(self._dealers())
        return EXTRACT

    # -- extraction --------------------------------------------------------------------------------------------------
    def _context(self, index: int) -> bytes:
        return frame(self._table.run_id, i2osp(index, 2))

    def _extraction(self) -> bytes:
        if self._table.me not in self._qualified:
            return b""
        f = self._dealing.coefficients
        proof = prove_possession(self._suite, f[0], self._context(self._table.me), stream(self._seed, b"possession"))
        return frame(commit(self._suite, f).to_bytes(), proof.to_bytes())

    def _read_extractions(self, bodies: Bodies) -> dict[int, str]:
        reasons: dict[int, str] = {}
        for index in self._qualified:
            known = self._read_extraction(index, bodies[index]) if index in bodies else None
            if known is None:
                self._exposed[index] = {}
                if index in bodies:
                    reasons[index] = "commitments or proof of possession not valid"
            else:
                self._feldman[index] = known
        return reasons

    def _read_extraction(self, index: int, body: bytes) -> Commitments | None:
        try:
            points, proof = unframe(body, 2)
            known = Commitments.from_bytes(self._suite, points, self._roster.threshold)
            possession = Possession.from_bytes(self._suite, proof)
            verify_possession(self._suite, known.constant, possession, self._context(index))
        except MilagroError:
            return None
        return known

    # -- disputes ----------------------------------------------------------------------------------------------------
    def _disputes(self) -> bytes:
        dealers = sorted(self._feldman)
        values = [self._dealing.openings[j].value for j in dealers]
        pairs = zip(dealers, values, strict=True)
        openings = [Opening(self._feldman[j], self._table.me, value) for j, value in pairs]
        try:
            check_openings(self._suite, openings, self._weights)
        except InvalidProof as error:
            return self._openings_of([dealers[int(place)] for place in error.culprits])
        return b""

    def _openings_of(self, dealers: list[int]) -> bytes:
        """frame(frame(be(dealer, 2), frame(s, s')), ..): this party's shares of them, opened to all."""
        entries = []
        for index in dealers:
            one = self._dealing.openings[index]
            blinding = one.blinding or self._suite.curve.scalar(0)
            entries.append(frame(i2osp(index, 2), frame(one.value.to_bytes(), blinding.to_bytes())))
        return frame(*entries)

    def _read_openings(self, index: int, body: bytes) -> dict[int, Opening] | None:
        """What a party opens of dealers; None if it cannot be read, or does not fit what was dealt."""
        found: dict[int, Opening] = {}
        try:
            for entry in unframe(body):
                dealer, opening = unframe(entry, 2)
                number = os2ip(dealer)
                if number not in self._qualified or number in found:
                    return None
                found[number] = self._dealing.read_opening(number, index, opening)
        except MilagroError:
            return None
        return found if all(self._dealing.opens(one) for one in found.values()) else None

    def _judge_disputes(self, bodies: Bodies) -> dict[int, str]:
        reasons: dict[int, str] = {}
        for index, body in bodies.items():
            opened = self._read_openings(index, body)
            if opened is None or any(j not in self._feldman for j in opened):
                reasons[index] = "a dispute with a share that was not dealt"
                continue
            for dealer, one in opened.items():
                if fits(self._suite, self._feldman[dealer], index, one.value):
                    reasons[index] = "a dispute about right commitments"
                else:
                    self._exposed[dealer] = {}
                    reasons[dealer] = "commitments that do not fit its shares"
        for dealer in self._exposed:
            self._feldman.pop(dealer, None)
        return reasons

    # -- reveal ------------------------------------------------------------------------------------------------------
    def _read_reveals(self, bodies: Bodies) -> dict[int, str]:
        reasons: dict[int, str] = {}
        for index, body in bodies.items():
            opened = self._read_openings(index, body)
            if opened is None or opened.keys() != self._exposed.keys():
                reasons[index] = "a wrong share opened"
                continue
            for dealer, one in opened.items():
                self._exposed[dealer][index] = one
        for dealer, shares in self._exposed.items():
            some = sorted(shares.items())[: self._roster.threshold]
            if len(some) < self._roster.threshold:
                raise self.failed("too few shares were opened")
            self._feldman[dealer] = self._recomputed([(index, one) for index, one in some])
        return reasons

    def _recomputed(self, shares: list[tuple[int, Opening]]) -> Commitments:
        """A_0 .. A_(t-1) of a polynomial from t of its values, which are public by now."""
        E, r = self._suite.curve, self._suite.curve.order
        points = [(index, os2ip(one.value.to_bytes())) for index, one in shares]
        return Commitments(tuple(E.scalar(a) * E.g1 for a in coefficients(points, r)))

    # -- end ---------------------------------------------------------------------------------------------------------
    def _conclude(self) -> tuple[Transcript, KeyShare | None]:
        total = reduce(add, (self._feldman[index] for index in self._qualified))
        holders = tuple(index for index in self._roster.indices if index not in self.excluded)
        transcript = Transcript(
            self._suite,
            self._table.run_id,
            KIND,
            0,
            holders,
            total,
            self._qualified,
            self._left_out(),
            self._history.digest(),
        )
        value = reduce(add, (self._dealing.openings[index].value for index in self._qualified))
        try:
            return transcript, KeyShare(transcript.key, self._table.me, value)
        except MilagroError:
            raise self.failed("the parts do not make a key") from None


def coefficients(points: list[tuple[int, int]], r: int) -> list[int]:
    """The coefficients modulo r of the polynomial through t public points, lowest first.

    Spec: spec/sharing.md#key-generation
    """
    result = [0] * len(points)
    for x, y in points:
        basis, scale = [1], y
        for other, _ in points:
            if other != x:
                basis = [(a - other * b) % r for a, b in zip([0, *basis], [*basis, 0], strict=True)]
                scale = scale * pow(x - other, -1, r) % r
        result = [(total + scale * b) % r for total, b in zip(result, basis, strict=True)]
    return result
