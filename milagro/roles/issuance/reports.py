"""What a requester tells of the D-TAs that it asked: who was good, and what was wrong with each of the others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from milagro.errors import NotFound, ProtocolError


class Reason(StrEnum):
    """Why an answer does not count.

    Spec: spec/issuing.md
    """

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    SLOW = "slow"
    TOO_LARGE = "too-large"
    REDIRECTED = "redirected"
    GARBAGE = "garbage"
    REFUSED = "refused"
    NOT_ITS_OWN = "not-its-own"
    OTHER_EPOCH = "other-epoch"
    OTHER_KEY = "other-key"
    WRONG_SHARE = "wrong-share"


@dataclass(frozen=True, slots=True)
class Fault:
    """One D-TA whose share was not used: its name, the reason, and for people what happened."""

    name: str
    reason: Reason
    detail: str
    code: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Whose shares were good, what was wrong with others, and who was not waited for because enough were good."""

    good: tuple[str, ...]
    bad: tuple[Fault, ...]
    unheard: tuple[str, ...] = ()

    def of(self, name: str) -> Fault:
        """The fault of a D-TA.

        Raises: NotFound if it has none
        """
        for fault in self.bad:
            if fault.name == name:
                return fault
        raise NotFound(f"nothing was wrong with {name}")


class TooFewAnswers(ProtocolError):
    """Fewer D-TAs than the threshold gave a good share in time. `report` says what was wrong with the others."""

    def __init__(self, needed: int, report: Report) -> None:
        faults = "; ".join(f"{fault.name}: {fault.reason} ({fault.detail})" for fault in report.bad)
        super().__init__(f"{len(report.good)} good shares where {needed} are needed: {faults or 'nobody was asked'}")
        self.report = report
