"""The end that both runs share: compute the transcript, store the recovery file, say so, and count who did."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from milagro.errors import WrongRound
from milagro.protocols.sharing.refusals import RunFailed
from milagro.protocols.sharing.runs.engine import Bodies, Run
from milagro.protocols.sharing.runs.transcript import Certificate, Outcome, Transcript, confirmed, recovery_file

if TYPE_CHECKING:
    from milagro.protocols.sharing.runs.roster import Outgoing
    from milagro.protocols.sharing.shared_key import KeyShare


class ConcludingRun(Run):
    """A run whose last phase is `CONFIRM`.

    Spec: spec/sharing.md#transcript
    """

    _transcript: Transcript | None = None
    _share: KeyShare | None = None
    _stored = False
    _outcome: Outcome | None = None

    @abstractmethod
    def _conclude(self) -> tuple[Transcript, KeyShare | None]:
        """The transcript and this party's share. Raises: RunFailed."""

    def _left_out(self) -> tuple[tuple[int, str], ...]:
        return tuple(sorted(self.excluded.items()))

    @property
    def recovery_file(self) -> bytes | None:
        """What must be stored, sealed, before `recovery_stored` is called; None as long as there is nothing.

        Secret: the result
        """
        if self._transcript is None or self.over:
            return None
        return recovery_file(self._transcript, self._share, self._table.me)

    def recovery_stored(self) -> list[Outgoing]:
        """This party's confirmation: it is the first that anyone hears of its having a share.

        Raises: WrongRound if there is no recovery file, or it was called before
        """
        if self._transcript is None or self._stored or self.over or self.place[1] > 1:
            raise WrongRound("there is nothing to confirm now")
        self._stored = True
        self._events.append(b"S")
        return self._speak(self._transcript.confirmation)

    def _enter_confirmation(self) -> None:
        self._transcript, self._share = self._conclude()

    def _judge_confirmations(self, bodies: Bodies) -> None:
        transcript = self._transcript
        if transcript is None or not self._stored:
            raise RunFailed("this party did not store its recovery file in time", culprits=[self._table.me])
        for index, body in bodies.items():
            if body != transcript.confirmation:
                self._leave_out(index, "confirmed another transcript")
        self._check_bound()
        said = {index: one[0] for index, one in self._current.outcomes().items() if len(one) == 1}
        signed = confirmed(said, transcript)
        qualified = tuple(index for index in sorted(bodies) if index not in self.excluded)
        self._outcome = Outcome(Certificate(transcript, signed), self._share, qualified)

    @property
    def outcome(self) -> Outcome:
        """What came out.

        Raises: RunFailed naming the culprits if the run failed, WrongRound if it is not over
        """
        if self.failure is not None:
            raise self.failure
        if self._outcome is None:
            raise WrongRound("the run is not over")
        return self._outcome
