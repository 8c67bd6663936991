"""Resharing: the holders of a key give it new shares, for the same members or others, with the same public key.

    1 DEAL      old holder i: g_i with g_i(0) = s_i, C_ik = g_ik P1, sealed for new holder j: g_i(j); C_i0 = s_i P1
    2 COMPLAIN  3 ANSWER     (dealing)
    4 CONFIRM   recovery file stored; transcript signed
                s'_j = sum lambda_i g_i(j),  C'_k = sum lambda_i C_ik  over the first t of the old holders that are left

(Desmedt and Jajodia 1997; Wong, Wang and Wing, "Verifiable Secret Redistribution for Archive Systems", 2002.)
Refreshing is resharing to the same roster: what was learnt of old shares is worth nothing against new ones, because the
new polynomial is random but for its value at 0. The old share is not touched: whoever has the outcome of a run decides
to go over to it, and one that failed has changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from milagro.errors import MilagroError, ParameterError
from milagro.groups.batches import weighted_sum
from milagro.protocols.sharing.commitments import Commitments
from milagro.protocols.sharing.header import MAX_EPOCH
from milagro.protocols.sharing.runs.dealing import Dealing, Plan, Reasons
from milagro.protocols.sharing.runs.dealt import DEAL, DealtRun
from milagro.protocols.sharing.runs.engine import Bodies, seed_in, seed_of, stream
from milagro.protocols.sharing.runs.roster import Credentials, Member, Roster, Table, run_id
from milagro.protocols.sharing.runs.transcript import Transcript
from milagro.protocols.sharing.shamir import lagrange
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey

if TYPE_CHECKING:
    from milagro.groups import Random

CONFIRM = 4
KIND = "resharing"


def all_members(old: Roster, new: Roster) -> dict[int, Member]:
    """The members of both rosters by their indices.

    Spec: spec/sharing.md#resharing
    Raises: ParameterError if an index belongs to two members
    """
    found = {member.index: member for member in old.members}
    for member in new.members:
        if found.setdefault(member.index, member) != member:
            raise ParameterError(f"index {member.index} belongs to another member of the old roster")
    return found


def common_faults(old: Roster, new: Roster) -> int:
    """The most members of both rosters that can be faulty while neither has more than it allows.

    Spec: spec/sharing.md#resharing
    """
    both = len({*old.indices} & {*new.indices})
    leaving = min(len(old.indices) - both, old.faults)
    joining = min(len(new.indices) - both, new.faults)
    return leaving + joining + min(both, old.faults - leaving, new.faults - joining)


class Resharing(DealtRun):
    """One party of a resharing: an old holder, a new one, or both.

    Spec: spec/sharing.md#resharing
    """

    CONFIRM = CONFIRM

    def __init__(
        self,
        key: SharedKey,
        rosters: tuple[Roster, Roster],
        session: bytes,
        me: int,
        keys: Credentials,
        seed: bytes,
        share: KeyShare | None,
    ) -> None:
        old, new = rosters
        if old.threshold != key.threshold or not {*key.holders} <= {*old.indices} or key.epoch >= MAX_EPOCH:
            raise ParameterError("the old roster is not that of the key")
        if share is not None and (share.key != key or share.index != me):
            raise ParameterError("the old share is of another key or member")
        fields = old.to_bytes(), new.to_bytes(), key.to_bytes()
        run = run_id(key.suite, KIND, session, *fields)
        super().__init__(Table(key.suite, run, all_members(old, new), me, keys), seed, common_faults(old, new))
        self._key, self._old, self._new, self._suite = key, old, new, key.suite
        # A holder without its share cannot deal; it can get a new one, and is left out of the dealers by its silence.
        plan = Plan(key.holders, new.indices, new.threshold, blinded=False)
        self._dealing = Dealing(self, self._table, plan, DEAL)
        if share is not None:
            self._dealing.draw(share.value, stream(seed, b"polynomial"))
        self._weights = stream(seed, b"weights")
        self._chosen: tuple[int, ...] = ()

    @classmethod
    def create(
        cls,
        key: SharedKey,
        old: Roster,
        new: Roster,
        session: bytes,
        me: int,
        keys: Credentials,
        random: Random,
        share: KeyShare | None = None,
    ) -> Self:
        """A new party, with its old share if it has one. `session` is 32 octets that no other run has. Draws 32 octets.

        Raises: ParameterError
        """
        return cls(key, (old, new), session, me, keys, seed_of(random), share)

    @classmethod
    def from_bytes(
        cls,
        key: SharedKey,
        old: Roster,
        new: Roster,
        session: bytes,
        me: int,
        keys: Credentials,
        octets: bytes,
        share: KeyShare | None = None,
    ) -> Self:
        """The party whose state was stored, in the same run and with the same old share.

        Raises: EncodingError, ProtocolError for the state of another run or party
        """
        made = cls(key, (old, new), session, me, keys, seed_in(key.suite, octets), share)
        made._restore(octets)
        return made

    def _check_bound(self) -> None:
        for roster in (self._old, self._new):
            if len([index for index in roster.indices if index in self.excluded]) > roster.faults:
                raise self.failed("more parties are absent or wrong than a roster allows")

    def _read_dealings(self, bodies: Bodies) -> Reasons:
        """Commitments whose constant is the s_i P1 that is known; an old holder may say that it has lost its share."""
        dealing = {index: body for index, body in bodies.items() if body or index not in self._key.holders}
        reasons = super()._read_dealings(dealing)
        for index in list(self._dealing.commitments):
            if self._dealing.commitments[index].constant != self._key.commitment(index):
                del self._dealing.commitments[index]
                reasons[index] = "a share that is not the one of the key"
        return reasons

    def _dealt(self) -> int:
        """The first t old holders whose dealings stand: every honest party chooses the same."""
        dealers = self._dealers()
        if len(dealers) < self._key.threshold:
            raise self.failed("too few old holders dealt")
        self._chosen = tuple(dealers[: self._key.threshold])
        return CONFIRM

    def _combined(self) -> Commitments:
        """C'_k = sum lambda_i C_ik."""
        E, weights = self._suite.curve, lagrange(self._suite.curve, self._chosen)
        rows = [self._dealing.commitments[index].points for index in self._chosen]
        return Commitments(tuple(weighted_sum(E, column, weights) for column in zip(*rows, strict=True)))

    def _conclude(self) -> tuple[Transcript, KeyShare | None]:
        points = self._combined()
        if points.constant != self._key.public or points.constant.is_identity():
            raise self.failed("the public key would change; the old shares stay")
        holders = tuple(index for index in self._new.indices if index not in self.excluded)
        transcript = Transcript(
            self._suite,
            self._table.run_id,
            KIND,
            self._key.epoch + 1,
            holders,
            points,
            self._chosen,
            self._left_out(),
            self._history.digest(),
        )
        try:
            return transcript, self._new_share(transcript.key)
        except MilagroError:
            raise self.failed("the parts do not make a share") from None

    def _new_share(self, key: SharedKey) -> KeyShare | None:
        if self._table.me not in key.holders:
            return None
        total = self._suite.curve.scalar(0)
        for index, weight in zip(self._chosen, lagrange(self._suite.curve, self._chosen), strict=True):
            total = total + weight * self._dealing.openings[index].value
        return KeyShare(key, self._table.me, total)
