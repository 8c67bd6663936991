"""The one error tree.

Every failure that a caller can meet is a `MilagroError`. A message says what was wrong and what to do
about it. It carries no secret, and where an attacker reads it, it is no oracle: all the ways in which an
authentication fails are one `AuthenticationFailed` with one text.

    MilagroError
    +- EncodingError        octets that do not decode
    |  +- WrongLength  NonCanonical  InvalidFlags  NotOnCurve  NotInSubgroup  IdentityElement  MalformedEnvelope
    +- ParameterError       an argument that no honest caller passes
    |  +- RetiredSuite
    +- VerificationError    something that should hold does not
    |  +- AuthenticationFailed  InvalidSignature  InvalidShare  DecryptionFailed  BrokenChain
    +- ProtocolError        the right message at the wrong time
    |  +- WrongRound  Replay  OutOfOrder  Expired
    +- StoreError           the world outside said no
    |  +- NotFound  AlreadyExists  CorruptBlock  Unavailable
    |                                           +- RateLimited
    +- ConfigError
    +- BackendUnavailable
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class MilagroError(Exception):
    """Root of every error that this package raises on purpose."""


class EncodingError(MilagroError):
    """Octets that are not the encoding of what was asked for."""


class WrongLength(EncodingError):
    """The number of octets is not the one that the encoding has."""


class NonCanonical(EncodingError):
    """A number is not below its modulus, or a form is not the shortest: a second encoding of a value would exist."""


class InvalidFlags(EncodingError):
    """A prefix octet or a flag bit is not one that the encoding defines, or contradicts the rest."""


class NotOnCurve(EncodingError):
    """The coordinates do not satisfy the curve's equation, or no point has this x."""


class NotInSubgroup(EncodingError):
    """The element exists but its order does not divide r."""


class IdentityElement(EncodingError):
    """The identity stands where the protocol does not allow it, or where it has no encoding."""


class MalformedEnvelope(EncodingError):
    """A framed message is cut short, padded, repeated or out of order."""


class ParameterError(MilagroError):
    """An argument is outside the domain that the function documents."""


class RetiredSuite(ParameterError):
    """A suite that is no longer trusted was used, and nobody said that it should be."""


class VerificationError(MilagroError):
    """Something that had to hold does not."""


class AuthenticationFailed(VerificationError):
    """The party did not prove what it claimed. One text for every cause, so that it is no oracle."""

    def __init__(self, message: str = "authentication failed") -> None:
        super().__init__(message)


class InvalidSignature(VerificationError):
    """A signature does not match its key and message."""


class InvalidShare(VerificationError):
    """One or more shares do not belong to the secret. `culprits` names who sent them."""

    def __init__(self, message: str, culprits: Iterable[int | str] = ()) -> None:
        super().__init__(message)
        self.culprits = tuple(culprits)


class DecryptionFailed(VerificationError):
    """A ciphertext was not made for this key, or was altered."""


class BrokenChain(VerificationError):
    """A hash-linked record does not continue the one before it."""


class ProtocolError(MilagroError):
    """A message that is well-formed but does not fit the state of the run."""


class WrongRound(ProtocolError):
    """A step was taken out of its order, or twice."""


class Replay(ProtocolError):
    """A value that may be used once was used again."""


class OutOfOrder(ProtocolError):
    """A message came before others that precede it. `missing` has their numbers."""

    def __init__(self, message: str, missing: Iterable[int] = ()) -> None:
        super().__init__(message)
        self.missing = missing if isinstance(missing, range) else tuple(missing)


class Expired(ProtocolError):
    """A value was used after, or too long before, its time."""


class StoreError(MilagroError):
    """An adapter to the world outside failed."""


class NotFound(StoreError):
    """The store holds nothing under that name."""


class AlreadyExists(StoreError):
    """The store holds something else under that name."""


class Unavailable(StoreError):
    """The store cannot be reached now; trying again later can help, after `retry_after` seconds if that is known."""

    retry_after: float | None = None


class RateLimited(Unavailable):
    """This caller asks too often; others are served."""


class CorruptBlock(StoreError):
    """The store gave octets that are not the ones that their name was made of."""


class ConfigError(MilagroError):
    """The configuration has faults. `problems` holds each of them, so that all are seen at once."""

    def __init__(self, message: str, problems: Iterable[str] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([message, *(f"  - {problem}" for problem in self.problems)]))


class BackendUnavailable(MilagroError):
    """The arithmetic backend that was named is not installed."""


class Status(NamedTuple):
    """How an error looks from outside: HTTP status, gRPC code name, process exit code."""

    http: int
    grpc: str
    exit_code: int


_STATUS: tuple[tuple[type[MilagroError], Status], ...] = (
    # The first row whose class fits is used, so a subclass stands above its parent.
    (AuthenticationFailed, Status(401, "UNAUTHENTICATED", 3)),
    (Replay, Status(409, "ALREADY_EXISTS", 4)),
    (Expired, Status(410, "FAILED_PRECONDITION", 4)),
    (ProtocolError, Status(409, "FAILED_PRECONDITION", 4)),
    (VerificationError, Status(403, "PERMISSION_DENIED", 3)),
    (EncodingError, Status(400, "INVALID_ARGUMENT", 2)),
    (ParameterError, Status(400, "INVALID_ARGUMENT", 2)),
    (NotFound, Status(404, "NOT_FOUND", 5)),
    (AlreadyExists, Status(409, "ALREADY_EXISTS", 5)),
    (RateLimited, Status(429, "RESOURCE_EXHAUSTED", 6)),
    (Unavailable, Status(503, "UNAVAILABLE", 6)),
    (StoreError, Status(500, "INTERNAL", 5)),
    (ConfigError, Status(500, "FAILED_PRECONDITION", 2)),
    (BackendUnavailable, Status(500, "UNIMPLEMENTED", 7)),
    (MilagroError, Status(500, "INTERNAL", 1)),
)


def status_of(error: MilagroError) -> Status:
    """The HTTP status, gRPC code and exit code under which `error` is shown to the outside."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))
