"""Repair: t holders give one holder its lost share back, and learn nothing of it, nor it of theirs.

    helper i    lambda_i s_i = sum_j part_ij, random but for its sum;  D_ij = part_ij P1 to all,  part_ij to helper j
    helper j    sum_j = sum_i part_ij  to the holder                     checks part_ij P1 = D_ij
    holder      s_r = sum_j sum_j      checks sum_j D_ij = lambda_i s_i P1,  sum_j P1 = sum_i D_ij

with lambda_i the weight of s_i in f(r). (Laing and Stinson, "A Survey and Refinement of Repairable Threshold Schemes",
2018: the enrollment scheme of Nojoumian, Stinson and Grainger, here with commitments.) All t helpers are needed. One
that does wrong is named, so that the next attempt goes without it.

    RepairHelper   begin --> receive .. --> answer (once everything came, or not)
    LostHolder     receive .. --> result, or RunFailed
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING

from milagro.errors import MalformedEnvelope, MilagroError, ParameterError, VerificationError, WrongRound
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.protocols.sharing.commitments import Commitments
from milagro.protocols.sharing.refusals import RunFailed
from milagro.protocols.sharing.runs.broadcast import Signed
from milagro.protocols.sharing.runs.roster import Credentials, Outgoing, Roster, Table, run_id
from milagro.protocols.sharing.shamir import lagrange
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey

if TYPE_CHECKING:
    from milagro.groups import G1Point, Random, Scalar

KIND = "repair"


@dataclass(frozen=True)
class RepairPlan:
    """Who repairs whose share of which key; `session` is 32 octets that no other run has.

    Spec: spec/sharing.md#repair
    Raises: ParameterError unless the helpers are t other holders, in order
    """

    key: SharedKey
    roster: Roster
    helpers: tuple[int, ...]
    lost: int
    session: bytes

    def __post_init__(self) -> None:
        holders = set(self.key.holders)
        in_order = list(self.helpers) == sorted(set(self.helpers))
        if not in_order or len(self.helpers) != self.key.threshold or not {*self.helpers} <= holders - {self.lost}:
            raise ParameterError("as many other holders as the threshold repair a share")
        if self.lost not in holders or not holders <= {*self.roster.indices}:
            raise ParameterError("the lost share is of no holder, or the roster is not that of the key")

    @cached_property
    def run_id(self) -> bytes:
        """The name of the run."""
        numbers = b"".join(i2osp(index, 2) for index in (*self.helpers, self.lost))
        return run_id(self.key.suite, KIND, self.session, self.roster.to_bytes(), self.key.to_bytes(), numbers)

    def table(self, me: int, keys: Credentials) -> Table:
        """What a party's messages are made and judged with."""
        members = {member.index: member for member in self.roster.members}
        return Table(self.key.suite, self.run_id, members, me, keys)

    def weight(self, helper: int) -> Scalar:
        """lambda_i: what s_i counts in f(lost)."""
        return lagrange(self.key.suite.curve, self.helpers, self.lost)[self.helpers.index(helper)]


@dataclass(frozen=True)
class Parts:
    """D_ij of one helper for all helpers j: `REPAIR-PARTS_`, run, be(i, 2), commitments, signed.

    Spec: spec/sharing.md#repair
    """

    helper: int
    points: tuple[G1Point, ...]
    signed: Signed


def read_parts(plan: RepairPlan, table: Table, signed: Signed) -> Parts:
    """The parts with these octets, signed by their helper; whether they fit is not checked here.

    Raises: EncodingError, VerificationError
    """
    run, helper, points = table.suite.fields("REPAIR-PARTS_", signed.octets, 3)
    if run != plan.run_id or len(helper) != 2 or os2ip(helper) not in plan.helpers:
        raise MalformedEnvelope("parts of another run, or of no helper")
    table.verify(os2ip(helper), signed.octets, signed.signature)
    known = Commitments.from_bytes(table.suite, points, len(plan.helpers))
    return Parts(os2ip(helper), known.points, signed)


def parts_fit(plan: RepairPlan, parts: Parts) -> bool:
    """Whether sum_j D_ij = lambda_i s_i P1."""
    expected = plan.key.commitment(parts.helper).mul_vartime(plan.weight(parts.helper))
    return reduce(add, parts.points) == expected


def read_part(plan: RepairPlan, table: Table, signed: Signed, helper: int, to: int) -> Scalar:
    """part_ij in a message signed by helper i. Raises: EncodingError, VerificationError."""
    run, sender, receiver, part = table.suite.fields("REPAIR-PART_", signed.octets, 4)
    if (run, sender, receiver) != (plan.run_id, i2osp(helper, 2), i2osp(to, 2)):
        raise MalformedEnvelope("a part of another run, or between others")
    table.verify(helper, signed.octets, signed.signature)
    return table.suite.scalar_from_bytes(part)


def _seal(table: Table, to: int, kind: bytes, octets: bytes) -> Outgoing:
    plaintext = frame(octets, table.credentials.sign(octets))
    return Outgoing(to, frame(kind, i2osp(table.me, 2), table.credentials.seal(table.members[to], plaintext)))


def _open(table: Table, sender: bytes, sealed: bytes) -> tuple[int, Signed]:
    if len(sender) != 2 or os2ip(sender) not in table.members:
        raise MalformedEnvelope("a message from no member")
    opened = table.credentials.open(table.members[os2ip(sender)], sealed)
    return os2ip(sender), Signed(*unframe(opened, 2))


class RepairHelper:
    """One of the t helpers.

    Spec: spec/sharing.md#repair
    """

    def __init__(self, plan: RepairPlan, share: KeyShare, keys: Credentials, random: Random) -> None:
        if share.key != plan.key or share.index not in plan.helpers:
            raise ParameterError("the share is not one of a helper")
        self._plan, self._table, self._random = plan, plan.table(share.index, keys), random
        self._whole = plan.weight(share.index) * share.value
        self._parts: dict[int, Parts] = {}
        self._received: dict[int, tuple[Scalar, Signed]] = {}

    def begin(self) -> list[Outgoing]:
        """D_ij for all, and part_ij for each other helper.

        Raises: WrongRound if it has begun
        """
        if self._table.me in self._parts:
            raise WrongRound("the repair has begun")
        plan, table, E = self._plan, self._table, self._plan.key.suite.curve
        drawn = [E.random_scalar(self._random) for _ in plan.helpers[1:]]
        values = [reduce(lambda a, b: a - b, drawn, self._whole), *drawn]
        points = Commitments(tuple(value * E.g1 for value in values))
        octets = table.suite.labelled("REPAIR-PARTS_", plan.run_id, i2osp(table.me, 2), points.to_bytes())
        signed = Signed(octets, table.credentials.sign(octets))
        self._parts[table.me] = Parts(table.me, points.points, signed)
        said = frame(b"D", *signed)
        out = [Outgoing(to, said) for to in (*plan.helpers, plan.lost) if to != table.me]
        for to, value in zip(plan.helpers, values, strict=True):
            own = table.suite.labelled("REPAIR-PART_", plan.run_id, *self._ends(to), value.to_bytes())
            if to == table.me:
                self._received[to] = value, Signed(own, b"")
            else:
                out.append(_seal(table, to, b"P", own))
        return out

    def _ends(self, to: int) -> tuple[bytes, bytes]:
        return i2osp(self._table.me, 2), i2osp(to, 2)

    def receive(self, octets: bytes) -> None:
        """Take in a message of another helper.

        Raises: EncodingError, VerificationError for what is no message of this repair; nothing has changed then
        """
        kind, *fields = unframe(octets, 3)
        if kind == b"D":
            parts = read_parts(self._plan, self._table, Signed(*fields))
            self._parts.setdefault(parts.helper, parts)
        elif kind == b"P":
            sender, signed = _open(self._table, *fields)
            if sender not in self._plan.helpers:
                raise VerificationError("a part of one who is no helper")
            part = read_part(self._plan, self._table, signed, sender, self._table.me)
            self._received.setdefault(sender, (part, signed))
        else:
            raise MalformedEnvelope("this is no message of a repair")

    @property
    def missing(self) -> set[int]:
        """The helpers from whom something is still to come."""
        return {index for index in self._plan.helpers if index not in self._parts or index not in self._received}

    @property
    def ready(self) -> bool:
        """Whether everything came from every helper."""
        return not self.missing

    def _complaint(self, helper: int) -> bytes | None:
        """What is wrong with a helper: nothing, that something did not come, or its own signed part."""
        if helper not in self._parts or helper not in self._received:
            return b""
        part, signed = self._received[helper]
        place = self._plan.helpers.index(self._table.me)
        if part * self._plan.key.suite.curve.g1 == self._parts[helper].points[place]:
            return None
        return frame(*signed)

    def answer(self) -> Outgoing:
        """sum_j for the holder; or else, about whom this helper complains, and no sum.

        Raises: WrongRound before `begin`
        """
        if self._table.me not in self._parts:
            raise WrongRound("the repair has not begun")
        plan, table = self._plan, self._table
        found = {index: self._complaint(index) for index in plan.helpers}
        complaints = frame(*(frame(i2osp(i, 2), one) for i, one in found.items() if one is not None))
        parts = frame(*(frame(*one.signed) for _, one in sorted(self._parts.items())))
        total = b"" if complaints else reduce(add, (part for part, _ in self._received.values())).to_bytes()
        octets = table.suite.labelled("REPAIR-SUM_", plan.run_id, i2osp(table.me, 2), total, parts, complaints)
        return _seal(table, plan.lost, b"S", octets)


class LostHolder:
    """The holder whose share is lost.

    Spec: spec/sharing.md#repair
    """

    def __init__(self, plan: RepairPlan, keys: Credentials) -> None:
        self._plan, self._table = plan, plan.table(plan.lost, keys)
        self._parts: dict[int, Parts] = {}
        self._sums: dict[int, tuple[bytes, bytes]] = {}
        self._two_faced: set[int] = set()
        self.reasons: dict[int, str] = {}

    def receive(self, octets: bytes) -> None:
        """Take in a message of a helper.

        Raises: EncodingError, VerificationError for what is no message of this repair; nothing has changed then
        """
        kind, *fields = unframe(octets, 3)
        if kind == b"D":
            self._note(read_parts(self._plan, self._table, Signed(*fields)))
        elif kind == b"S":
            self._receive_sum(*_open(self._table, *fields))
        else:
            raise MalformedEnvelope("this is no message of a repair")

    def _note(self, parts: Parts) -> None:
        known = self._parts.setdefault(parts.helper, parts)
        if known.signed.octets != parts.signed.octets:
            self._two_faced.add(parts.helper)
            self.reasons[parts.helper] = "said two things"
        elif not parts_fit(self._plan, parts):
            self.reasons[parts.helper] = "parts that do not fit its share"

    def _receive_sum(self, sender: int, signed: Signed) -> None:
        run, helper, total, parts, complaints = self._table.suite.fields("REPAIR-SUM_", signed.octets, 5)
        if run != self._plan.run_id or helper != i2osp(sender, 2) or sender not in self._plan.helpers:
            raise MalformedEnvelope("a sum of another run, or of no helper")
        self._table.verify(sender, signed.octets, signed.signature)
        if sender not in self._sums:
            seen = [read_parts(self._plan, self._table, Signed(*unframe(one, 2))) for one in unframe(parts)]
            for one in seen:
                self._note(one)
            self._sums[sender] = total, complaints

    @property
    def missing(self) -> set[int]:
        """The helpers that have not answered."""
        return {*self._plan.helpers} - self._sums.keys()

    @property
    def ready(self) -> bool:
        """Whether every helper has answered."""
        return not self.missing

    def result(self) -> KeyShare:
        """The share.

        Spec: spec/sharing.md#repair
        Raises: RunFailed naming each helper that is absent or wrong; where one says that nothing came from another,
            both are named, since it cannot be told which of them is at fault
        Secret: the result
        """
        plan = self._plan
        for index in plan.helpers:
            if index not in self._sums or index not in self._parts:
                self.reasons.setdefault(index, "absent")
        sums = {index: self._judge(index) for index in plan.helpers if index not in self.reasons}
        if self.reasons:
            names = ", ".join(f"{index} ({reason})" for index, reason in sorted(self.reasons.items()))
            raise RunFailed(f"the share was not repaired: {names}", self.reasons)
        values = [value for value in sums.values() if value is not None]
        return KeyShare(plan.key, plan.lost, reduce(add, values))

    def _judge(self, helper: int) -> Scalar | None:
        total, complaints = self._sums[helper]
        E, place = self._plan.key.suite.curve, self._plan.helpers.index(helper)
        try:
            if complaints:
                self._judge_complaints(helper, unframe(complaints))
                return None
            value = self._plan.key.suite.scalar_from_bytes(total)
        except MilagroError:
            self.reasons[helper] = "a malformed answer"
            return None
        if self._two_faced or any(i not in self._parts for i in self._plan.helpers):
            return value  # this helper may have seen other parts than the holder, so its sum tells nothing of it
        if value * E.g1 != reduce(add, (self._parts[i].points[place] for i in self._plan.helpers)):
            self.reasons[helper] = "a wrong sum"
        return value

    def _judge_complaints(self, helper: int, entries: Iterable[bytes]) -> None:
        for entry in entries:
            number, proof = unframe(entry, 2)
            index = os2ip(number)
            if index not in self._plan.helpers or index == helper:
                raise MalformedEnvelope("a complaint about no other helper")
            if not proof:
                self.reasons.setdefault(index, f"nothing came from it, says {helper}")
                self.reasons.setdefault(helper, f"says that nothing came from {index}")
                continue
            self._judge_proof(helper, index, Signed(*unframe(proof, 2)))

    def _judge_proof(self, helper: int, index: int, signed: Signed) -> None:
        part = read_part(self._plan, self._table, signed, index, helper)
        place = self._plan.helpers.index(helper)
        known = self._parts.get(index)
        if index in self._two_faced:
            return
        if known is not None and part * self._plan.key.suite.curve.g1 == known.points[place]:
            self.reasons[helper] = "a complaint about a right part"
        else:
            self.reasons[index] = "a wrong part"
