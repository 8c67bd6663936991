"""The beginning that both runs share: their first three phases, in which shares are dealt and complaints are judged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from milagro.protocols.sharing.runs.concluding import ConcludingRun

if TYPE_CHECKING:
    from milagro.groups import Random
    from milagro.protocols.sharing.runs.dealing import Dealing, Reasons
    from milagro.protocols.sharing.runs.engine import Bodies

DEAL, COMPLAIN, ANSWER = range(1, 4)


class DealtRun(ConcludingRun):
    """A run that begins with dealing. `ANSWER` takes place only where there is something to answer.

    Spec: spec/sharing.md#dealing
    """

    FIRST = DEAL
    _dealing: Dealing
    _weights: Random

    def _say(self, phase: int) -> bytes | None:
        if phase == DEAL:
            return self._dealing.body()
        if phase == COMPLAIN:
            return self._dealing.read_shares(self._dealers(), self._weights)
        if phase == ANSWER:
            return self._dealing.answers_body()
        self._enter_confirmation()
        return None

    def _judge(self, phase: int, bodies: Bodies) -> int | None:
        if phase == DEAL:
            self._leave_out_all(self._read_dealings(bodies))
            return COMPLAIN
        if phase == COMPLAIN:
            self._leave_out_all(self._dealing.judge_complaints(bodies, self.excluded))
            self._dealing.open = {j: by for j, by in self._dealing.open.items() if j not in self.excluded}
            return ANSWER if self._dealing.open else self._dealt()
        if phase == ANSWER:
            self._leave_out_all(self._dealing.judge_answers(bodies))
            return self._dealt()
        self._judge_confirmations(bodies)
        return None

    def _dealers(self) -> list[int]:
        """Those whose commitments stand and who are not left out."""
        return [index for index in sorted(self._dealing.commitments) if index not in self.excluded]

    def _leave_out_all(self, reasons: Mapping[int, str]) -> None:
        """Raises: RunFailed if that is more than may be."""
        for index, reason in sorted(reasons.items()):
            self._leave_out(index, reason)
        self._check_bound()

    def _read_dealings(self, bodies: Bodies) -> Reasons:
        """Who dealt what cannot be."""
        return self._dealing.read_dealings(bodies)

    @abstractmethod
    def _dealt(self) -> int:
        """The phase after dealing, when the dealers are known who stay. Raises: RunFailed."""
