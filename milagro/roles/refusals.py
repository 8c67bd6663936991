"""What the servers refuse, each with the code that a caller can act on.

Every class is one of `milagro.errors`' classes, which decides its HTTP status and exit code; `code` is what stands
in the JSON body. An error without a code of its own is known by its class name: WrongLength is "wrong-length".
"""

from __future__ import annotations

import re
from typing import ClassVar

from milagro.errors import (
    AlreadyExists,
    AuthenticationFailed,
    BrokenChain,
    Expired,
    InvalidSignature,
    Late,
    MalformedEnvelope,
    MilagroError,
    NotFound,
    ParameterError,
    ProtocolError,
    RateLimited,
    Replay,
    TooLarge,
    Unavailable,
    VerificationError,
)


class TicketMalformed(MalformedEnvelope):
    """The ticket is not of its form: another version, a claim that is missing, unknown, or not of its kind."""

    code: ClassVar[str] = "ticket-malformed"


class TicketForged(InvalidSignature):
    """The ticket was altered, its signature does not fit its issuer's key, or its issuer is not trusted here."""

    code: ClassVar[str] = "ticket-forged"


class TicketExpired(Expired):
    """The ticket's time is over, has not come, or is longer than this server allows."""

    code: ClassVar[str] = "ticket-expired"


class TicketAudience(VerificationError):
    """The ticket was made for another D-TA, or for another network of them."""

    code: ClassVar[str] = "ticket-audience"


class TicketIdentity(VerificationError):
    """The ticket was made for another identity."""

    code: ClassVar[str] = "ticket-identity"


class TicketSlot(VerificationError):
    """The ticket was made for another time slot."""

    code: ClassVar[str] = "ticket-slot"


class TicketReused(Replay):
    """The ticket was used before."""

    code: ClassVar[str] = "ticket-reused"


class TicketRealm(VerificationError):
    """The authority that signed the ticket does not answer for the realm of the identity."""

    code: ClassVar[str] = "ticket-realm"


class TicketBeforeRestore(Expired):
    """The ticket is from before this D-TA's database was restored: whether it was used is not known any more."""

    code: ClassVar[str] = "ticket-before-restore"


class AuthorityPurpose(VerificationError):
    """The authority that signed the ticket may not ask for this here."""

    code: ClassVar[str] = "authority-purpose"


class PurposeNotServed(ParameterError):
    """The keys of this network are not for this purpose."""

    code: ClassVar[str] = "purpose-not-served"


class KeyOver(Expired):
    """The ticket names a key of the network that is not accepted any more, or not known."""

    code: ClassVar[str] = "key-over"


class AuthorityQuota(RateLimited):
    """The authority has had as many shares issued as it may in this time."""

    code: ClassVar[str] = "authority-quota"


class IdentityQuota(RateLimited):
    """The identity has had as many shares issued as it may in this time."""

    code: ClassVar[str] = "identity-quota"


class LogAltered(BrokenChain):
    """An entry of an audit log is not the one that the entry after it, or the head, names."""

    code: ClassVar[str] = "log-altered"


class LogTruncated(BrokenChain):
    """Entries of an audit log are missing."""

    code: ClassVar[str] = "log-truncated"


class LogReordered(BrokenChain):
    """Entries of an audit log are not in the order of their numbers."""

    code: ClassVar[str] = "log-reordered"


class LogRepeated(BrokenChain):
    """An entry of an audit log stands twice."""

    code: ClassVar[str] = "log-repeated"


class LogForked(BrokenChain):
    """An audit log does not continue the one that was seen before: its node has two histories."""

    code: ClassVar[str] = "log-forked"


class HeadForged(InvalidSignature):
    """The head of an audit log is not signed by its node."""

    code: ClassVar[str] = "head-forged"


class TooFewWitnesses(VerificationError):
    """The head of an audit log is not co-signed by as many witnesses as are asked for."""

    code: ClassVar[str] = "too-few-witnesses"


class HolderNotProven(InvalidSignature):
    """The request is not signed by the client key inside the identity."""

    code: ClassVar[str] = "holder-not-proven"


class InvitationRefused(AuthenticationFailed):
    """No such invitation for this user, or it was used or is over; one text for all of these."""

    code: ClassVar[str] = "invitation-refused"


class EmailCodeRefused(AuthenticationFailed):
    """No such code for this browser, or it was used, is over, or was tried too often; one text for all of these."""

    code: ClassVar[str] = "email-code-refused"


class MatchingCodeRefused(AuthenticationFailed):
    """The code that was typed is not the one that the other device shows."""

    code: ClassVar[str] = "matching-code-refused"


class CrossingOver(Expired):
    """The login for another device is over: out of time, refused, used, or tried with wrong codes too often."""

    code: ClassVar[str] = "crossing-over"


class OtherNetwork(VerificationError):
    """This server lets people log in for another device in the same network only."""

    code: ClassVar[str] = "other-network"


class DeviceWaiting(VerificationError):
    """The device waits until another one of the user confirms it."""

    code: ClassVar[str] = "device-waiting"


class UpstreamRefused(AuthenticationFailed):
    """The upstream provider did not vouch for this browser's user, or too late, or for another browser."""

    code: ClassVar[str] = "upstream-refused"


class UpstreamUser(VerificationError):
    """The upstream provider vouches for somebody who may not be this user, or any user here."""

    code: ClassVar[str] = "upstream-user"


class UpstreamOnly(VerificationError):
    """The account belongs to somebody at the upstream provider, so a mailbox of its name is not enough."""

    code: ClassVar[str] = "upstream-only"


class DevicePinned(AlreadyExists):
    """The account has an identity for this device; a second one is refused."""

    code: ClassVar[str] = "device-pinned"


class Suspended(VerificationError):
    """The account is suspended: it gets no permits and no logins."""

    code: ClassVar[str] = "suspended"


class Locked(VerificationError):
    """Three wrong PINs in a row; only a new enrolment helps."""

    code: ClassVar[str] = "locked"


class TooSoon(RateLimited):
    """After a wrong PIN the device waits; nothing was counted, and the same answer is good later."""

    code: ClassVar[str] = "too-soon"


class NetworkBudget(RateLimited):
    """The caller's network has had as many wrong PINs as it may in this hour."""

    code: ClassVar[str] = "network-budget"


class ServerBudget(RateLimited):
    """The server has had as many wrong PINs as it may in this hour; a device whose last PIN was wrong waits."""

    code: ClassVar[str] = "server-budget"


class LoginNeeded(VerificationError):
    """The request needs a login with the device's PIN just before it."""

    code: ClassVar[str] = "login-needed"


class UnknownIdentity(NotFound):
    """No account has this identity. Said only to the holder of the identity's own key."""

    code: ClassVar[str] = "unknown-identity"


class Busy(Unavailable):
    """Too much is under way; trying again later helps."""

    code: ClassVar[str] = "busy"


class TimedOut(Unavailable):
    """The request took longer than it may."""

    code: ClassVar[str] = "timed-out"


class NotArrived(Late):
    """The request's body did not arrive in time."""

    code: ClassVar[str] = "timed-out"


class InvalidRequest(ParameterError):
    """The request does not have the shape that is documented."""

    code: ClassVar[str] = "invalid-request"


class TokenMissing(AuthenticationFailed):
    """The operation is for operators, and the request has no bearer token."""

    code: ClassVar[str] = "token-missing"


class TokenMalformed(AuthenticationFailed):
    """The bearer token is not a signed JWT with the claims that are needed, or its algorithm is not allowed."""

    code: ClassVar[str] = "token-malformed"


class TokenForged(AuthenticationFailed):
    """The bearer token is not signed by a key of the issuer."""

    code: ClassVar[str] = "token-forged"


class TokenExpired(AuthenticationFailed):
    """The bearer token's time is over."""

    code: ClassVar[str] = "token-expired"


class TokenNotYetValid(AuthenticationFailed):
    """The bearer token's time has not come."""

    code: ClassVar[str] = "token-not-yet-valid"


class TokenIssuer(AuthenticationFailed):
    """The bearer token was made by another issuer."""

    code: ClassVar[str] = "token-issuer"


class TokenAudience(AuthenticationFailed):
    """The bearer token was made for another server."""

    code: ClassVar[str] = "token-audience"


class TokenScope(VerificationError):
    """The bearer token does not allow what was asked for."""

    code: ClassVar[str] = "token-scope"


class CertificateMissing(AuthenticationFailed):
    """The operation is for peers, and the connection has no client certificate."""

    code: ClassVar[str] = "certificate-missing"


_BY_STATUS: dict[int, type[MilagroError]] = {
    400: ParameterError,
    401: AuthenticationFailed,
    403: VerificationError,
    404: NotFound,
    408: Late,
    409: ProtocolError,
    410: Expired,
    413: TooLarge,
    422: ParameterError,
    429: RateLimited,
    503: Unavailable,
}


def refusal(status: int, code: str, message: str, retry_after: float | None = None) -> MilagroError:
    """The error that another server's answer stands for: class by status, with that server's own code."""
    error = _BY_STATUS.get(status, MilagroError)(message)
    error.__dict__["code"] = code
    if isinstance(error, Unavailable):
        error.retry_after = retry_after
    return error


def code_of(error: MilagroError) -> str:
    """The code of `error`: its own, else its class name in lower case with hyphens."""
    code = getattr(error, "code", None)
    if isinstance(code, str):
        return code
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(error).__name__).lower()
