"""What the sharing protocols refuse, by name: a share that is spoilt, and shares that do not go together.

    EncodingError        UnknownVersion  TruncatedShare (a WrongLength)  CorruptShare  ZeroIndex
    InvalidShare         MixedShares  DuplicateShare  TooFewShares  InvalidProof
    ProtocolError        RunFailed (a run of several parties that ended without a result)

Spec: spec/sharing.md#refusals
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from milagro.errors import EncodingError, InvalidShare, ProtocolError, WrongLength


class UnknownVersion(EncodingError):
    """The first octet of a share is not a version that this library reads."""


class TruncatedShare(WrongLength):
    """A share is shorter than it says it is."""


class CorruptShare(EncodingError):
    """The checksum of a share does not fit its octets."""


class ZeroIndex(EncodingError):
    """A share has index 0, where the secret itself stands."""


class MixedShares(InvalidShare):
    """Shares of different sets, epochs or thresholds were put together."""


class DuplicateShare(InvalidShare):
    """One index stands twice. `culprits` has the indices."""


class TooFewShares(InvalidShare):
    """There are fewer shares than the threshold."""


class InvalidProof(InvalidShare):
    """A proof about a share does not hold. `culprits` has the places or indices of those that fail."""


class RunFailed(ProtocolError):
    """A run of several parties ended without a result. `culprits` names members, `reasons` says what each did."""

    def __init__(self, message: str, reasons: Mapping[int, str] | None = None, *, culprits: Iterable[int] = ()) -> None:
        self.reasons = dict(reasons or {})
        self.culprits = tuple(sorted({*self.reasons, *culprits}))
        super().__init__(message)
