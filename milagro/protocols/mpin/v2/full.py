"""FULL: two-pass login that also authenticates the server and gives both sides a session key.

    client:  start_full --> FullStarted --answer(challenge, pin)--> FullAnswered --finish(confirmation)--> SessionKey

    server:  FullOne --challenge--> FullChallenged --accept--> FullCountable --(count it) verify--> FullAuthenticated
                                                                                   .message, .session_key

    R = r T, W = w T      h = Hr(transcript with V, R, W)      K = e((r + h) SEC, Q) = e(R + h T, sQ)      D = x W = w U
    PRK = HKDF-Extract(SHA-256(transcript), frame(K, D))       keys: client confirm, server confirm, session

No side has the session key before the other side's MAC was checked. A step out of order is a WrongRound.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import AuthenticationFailed, ParameterError, Replay, WrongRound
from milagro.octets import equal, frame, i2osp, os2ip
from milagro.protocols.mpin.v2.client_key import verify_signature
from milagro.protocols.mpin.v2.messages import FullChallenge, FullConfirmation, FullOne, FullTwo
from milagro.protocols.mpin.v2.permits import current_slot
from milagro.protocols.mpin.v2.sessions import (
    DEFAULT_LIMITS,
    NONCE_OCTETS,
    SESSION_OCTETS,
    Authenticated,
    Context,
    Countable,
    Limits,
    Once,
    check_age,
    check_client,
    check_latest,
    need_length,
    nonzero,
    response,
)
from milagro.protocols.mpin.v2.suite import Pin, Suite, check_now, draw, pin_octets
from milagro.protocols.mpin.v2.two_pass import check_elapsed, need_realm
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import G1Point, GTElement, Random, Scalar
    from milagro.protocols.mpin.v2.identity import Identity
    from milagro.protocols.mpin.v2.issuing import ServerSecret
    from milagro.protocols.mpin.v2.permits import Permit
    from milagro.protocols.mpin.v2.pin import Credential

_TIME_OCTETS = 8
_CLIENT_CONFIRM = b"client confirm"
_SERVER_CONFIRM = b"server confirm"
_SESSION = b"session"


# -- transcript and keys ------------------------------------------------------------------------------------------
def full_challenge_scalar(suite: Suite, context: Context, first: FullOne, asked: FullChallenge) -> Scalar:
    """y of FULL: the challenge of two-pass with R and W behind it, under FULL-CHALLENGE_.

    Spec: spec/mpin.md#full
    Raises: WrongRound if y = 0
    """
    identity = first.identity
    said = (identity.to_bytes(), identity.public_key, first.slot, first.U, first.nonce, first.R, asked.W)
    octets = frame(suite.id.encode(), *context.octets, *asked.question, *said)
    return nonzero(suite.hash_to_scalar(octets, "FULL-CHALLENGE_"))


def full_transcript(suite: Suite, context: Context, first: FullOne, asked: FullChallenge, V: bytes) -> bytes:
    """TR = frame(DST(FULL_), context.., FULL-PASS1 octets, FULL-ASK octets, V).

    Spec: spec/mpin.md#full
    """
    return suite.labelled("FULL_", *context.octets, first.to_bytes(), asked.to_bytes(), V)


class SessionKey(SecretValue):
    """The 32 octets that both sides share after FULL.

    Spec: spec/mpin.md#full
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def to_bytes(self) -> bytes:
        """The key.

        Secret: the result
        """
        return self._octets


class KeySchedule(SecretValue):
    """The three keys from K and D: HKDF with SHA-256, the hash of the transcript as salt.

    Spec: spec/mpin.md#full (RFC 5869)
    Secret: all of it
    """

    __slots__ = ("_prk", "_transcript_hash", "suite")

    def __init__(self, suite: Suite, transcript: bytes, K: GTElement, D: G1Point) -> None:
        self.suite = suite
        self._transcript_hash = hashlib.sha256(transcript).digest()
        self._prk = hmac.digest(self._transcript_hash, frame(K.to_bytes(), D.to_bytes()), "sha256")

    def key(self, label: bytes) -> bytes:
        """HKDF-Expand(PRK, DST(KEY_) || label, 32): one block of the expansion.

        Secret: the result
        """
        return hmac.digest(self._prk, self.suite.dst("KEY_") + label + b"\x01", "sha256")

    def mac(self, label: bytes) -> bytes:
        """HMAC-SHA-256(key(label), frame(DST(FULL_), label, SHA-256(TR)))."""
        return hmac.digest(self.key(label), self.suite.labelled("FULL_", label, self._transcript_hash), "sha256")

    def check(self, label: bytes, mac: bytes) -> None:
        """Nothing, if `mac` is the one for this label; compared in constant time.

        Raises: AuthenticationFailed
        """
        if not equal(mac, self.mac(label)):
            raise AuthenticationFailed

    def session_key(self) -> SessionKey:
        """The key for the application."""
        return SessionKey(self.key(_SESSION))


# -- client ----------------------------------------------------------------------------------------------------------
class FullAnswered(SecretValue):
    """A client that waits for the server's proof.

    Spec: spec/mpin.md#full
    """

    __slots__ = ("_keys", "_once", "message")

    def __init__(self, keys: KeySchedule, message: FullTwo) -> None:
        self._keys = keys
        self._once = Once()
        self.message = message

    def finish(self, confirmation: FullConfirmation | bytes) -> SessionKey:
        """The session key, once the server has proved that it holds sQ.

        Spec: spec/mpin.md#full
        Raises: EncodingError, WrongRound (another session, or finished before), AuthenticationFailed
        """
        proof = FullConfirmation.from_bytes(confirmation) if isinstance(confirmation, bytes) else confirmation
        self._keys.suite.need(proof.suite_id)
        if not equal(proof.session_id, self.message.session_id):
            raise WrongRound("the confirmation belongs to another session")
        self._once.take_or_refuse("finishing this login")
        self._keys.check(_SERVER_CONFIRM, proof.mac)
        return self._keys.session_key()


class FullStarted(SecretValue):
    """A client between its two passes. It answers one challenge, once.

    Spec: spec/mpin.md#full
    Secret: x and r
    """

    __slots__ = ("_context", "_credential", "_once", "_permit", "_r", "_started", "_x", "message")

    def __init__(
        self,
        credential: Credential,
        context: Context,
        permit: Permit | None,
        x: Scalar,
        r: Scalar,
        started: int,
        message: FullOne,
    ) -> None:
        self._credential = credential
        self._context = context
        self._permit = permit
        self._x = x
        self._r = r
        self._started = started
        self._once = Once()
        self.message = message

    def answer(self, challenge: FullChallenge | bytes, pin: Pin, now: int) -> FullAnswered:
        """The second pass: V = -(x + y) SEC, the client's MAC, and a signature over both passes.

        Spec: spec/mpin.md#full
        Raises: EncodingError, Expired, ParameterError; WrongRound for a second answer, y = 0 or x + y = 0
        """
        asked = challenge if isinstance(challenge, FullChallenge) else FullChallenge.from_bytes(challenge)
        suite, context, key = self._credential.suite, self._context, self._credential.key
        suite.need(asked.suite_id)
        check_elapsed(now, self._started, asked.lifetime)
        pin_octets(pin)
        W = suite.curve.g1_from_bytes(asked.W)
        y = full_challenge_scalar(suite, context, self.message, asked)
        self._once.take_or_refuse("answering a challenge")
        SEC = self._credential.secret_point(pin, self._permit)
        V = response(suite, self._x, y, SEC).to_bytes()
        keys = self._keys(asked, V, SEC, W)
        mac = keys.mac(_CLIENT_CONFIRM)
        unsigned = FullTwo(suite.id, asked.session_id, V, b"", mac)
        signature = key.sign(unsigned.signed(context, self.message, asked))
        return FullAnswered(keys, FullTwo(suite.id, asked.session_id, V, signature, mac))

    def _keys(self, asked: FullChallenge, V: bytes, SEC: G1Point, W: G1Point) -> KeySchedule:
        """K = e((r + h) SEC, Q), D = x W."""
        suite = self._credential.suite
        transcript = full_transcript(suite, self._context, self.message, asked, V)
        h = suite.hash_to_scalar(transcript, "FULL_")
        K = suite.curve.pairing((self._r + h) * SEC, suite.curve.g2_prepared)
        return KeySchedule(suite, transcript, K, self._x * W)


def start_full(
    credential: Credential, context: Context, now: int, random: Random, permit: Permit | None = None
) -> FullStarted:
    """The first pass: U = x T and R = r T for fresh x and r, signed with the context that the client sees.

    Draws 32 octets for the nonce, then x, then r.
    Spec: spec/mpin.md#full
    Raises: ParameterError if the permit is missing, not wanted or another's, or the server is not the realm
    """
    suite, identity = credential.suite, credential.identity
    need_realm(context, identity)
    slot = credential.slot(permit)
    nonce = draw(random, NONCE_OCTETS)
    x = suite.curve.random_scalar(random)
    r = suite.curve.random_scalar(random)
    T = suite.login_point(identity, slot)
    U, R, slot_octets = (x * T).to_bytes(), (r * T).to_bytes(), suite.slot_octets(slot)
    signature = credential.key.sign(FullOne(identity, slot_octets, nonce, b"", U, R).signed(context))
    message = FullOne(identity, slot_octets, nonce, signature, U, R)
    return FullStarted(credential, context, permit, x, r, check_now(now), message)


# -- server ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class FullVerifier:
    """The server's side of FULL logins at one context.

    Spec: spec/mpin.md#full
    """

    suite: Suite
    context: Context
    limits: Limits = DEFAULT_LIMITS

    def challenge(
        self, full_one: FullOne | bytes, pinned: Identity | None, now: int, random: Random, latest: int = 0
    ) -> FullChallenged:
        """A new session for a first pass that the pinned identity's key signed for this context; W = w T.

        Draws 16 octets for the session id, then 32 for the nonce, then w.
        Spec: spec/mpin.md#full
        Raises: as Verifier.challenge of two-pass
        """
        check_latest(now, latest, self.limits.seconds("leeway"))
        suite = self.suite
        first = full_one if isinstance(full_one, FullOne) else FullOne.from_bytes(full_one)
        check_client(suite, self.context, first.identity, first.signature, first.signed(self.context), pinned)
        slot = current_slot(suite, first.slot, now, self.limits.seconds("grace"))
        session_id = draw(random, SESSION_OCTETS)
        nonce = draw(random, NONCE_OCTETS)
        w = suite.curve.random_scalar(random)
        W = (w * suite.login_point(first.identity, slot)).to_bytes()
        asked = FullChallenge(suite.id, session_id, nonce, self.limits.seconds("lifetime"), W)
        return FullChallenged(self, first, asked, check_now(now), w)

    def resume(self, octets: bytes) -> FullChallenged:
        """The session that `FullChallenged.to_bytes` wrote. It is as single as the store it comes from.

        Raises: EncodingError; ParameterError if it was opened at another context
        """
        fields = self.suite.fields("FULL-STATE_", octets, 7)
        if tuple(fields[:3]) != self.context.octets:
            raise ParameterError("the session was opened at another context")
        created = os2ip(need_length("a time", fields[5], _TIME_OCTETS))
        w = self.suite.scalar_from_bytes(fields[6])
        return FullChallenged(self, FullOne.from_bytes(fields[3]), FullChallenge.from_bytes(fields[4]), created, w)


class FullChallenged(SecretValue):
    """An open session: a valid first pass, the challenge to it, and w. It accepts one second pass.

    Spec: spec/mpin.md#full
    Secret: w
    """

    __slots__ = ("_R", "_U", "_created", "_first", "_once", "_verifier", "_w", "_y", "message")

    def __init__(self, verifier: FullVerifier, first: FullOne, asked: FullChallenge, created: int, w: Scalar) -> None:
        self._verifier = verifier
        self._first = first
        self._created = created
        self._w = w
        self._once = Once()
        self._U = verifier.suite.curve.g1_from_bytes(first.U)
        self._R = verifier.suite.curve.g1_from_bytes(first.R)
        self._y = full_challenge_scalar(verifier.suite, verifier.context, first, asked)
        self.message = asked

    @property
    def identity(self) -> Identity:
        """Who logs in."""
        return self._first.identity

    @property
    def session_id(self) -> bytes:
        """The name of the session, 16 octets."""
        return self.message.session_id

    @property
    def expires(self) -> int:
        """The first second at which a second pass is too late."""
        return self._created + self.message.lifetime

    def to_bytes(self) -> bytes:
        """The octets for a store: `FULL-STATE_`, context.., FULL-PASS1 octets, FULL-ASK octets, created, w.

        Secret: the result
        """
        suite, context = self._verifier.suite, self._verifier.context
        messages = (self._first.to_bytes(), self.message.to_bytes())
        created = i2osp(self._created, _TIME_OCTETS)
        return suite.labelled("FULL-STATE_", *context.octets, *messages, created, self._w.to_bytes())

    def accept(self, full_two: FullTwo | bytes, now: int) -> FullCountable:
        """The attempt in a second pass that belongs to this session. Nothing has been paired yet: count it now.

        An error leaves the session open; a FullCountable closes it.
        Spec: spec/mpin.md#full
        Raises: EncodingError, WrongRound (another session), Expired, InvalidSignature, Replay (closed already)
        """
        second = full_two if isinstance(full_two, FullTwo) else FullTwo.from_bytes(full_two)
        suite, context, identity = self._verifier.suite, self._verifier.context, self.identity
        suite.need(second.suite_id)
        if not equal(second.session_id, self.session_id):
            raise WrongRound("the answer belongs to another session")
        check_age(now, self._created, self.message.lifetime, self._verifier.limits.seconds("leeway"))
        signed = second.signed(context, self._first, self.message)
        verify_signature(identity.algorithm, identity.public_key, second.signature, signed)
        V = suite.curve.g1_from_bytes(second.V)
        if not self._once.take():
            raise Replay("this session has had its answer; start a new one")
        slot = suite.slot_from_octets(self._first.slot)
        result = Authenticated(identity, "full", self.session_id, slot, now)
        transcript = full_transcript(suite, context, self._first, self.message, second.V)
        countable = Countable(suite, self._U, V, self._y, result)
        return FullCountable(suite, countable, transcript, self._R, self._w * self._U, second.mac)


class FullCountable(SecretValue):
    """An attempt that the client key stands for. Count it, durably, and then call `verify`, once.

    Spec: spec/mpin.md#sessions
    """

    __slots__ = ("_D", "_R", "_countable", "_mac", "_suite", "_transcript")

    def __init__(
        self, suite: Suite, countable: Countable, transcript: bytes, R: G1Point, D: G1Point, mac: bytes
    ) -> None:
        self._suite = suite
        self._countable = countable
        self._transcript = transcript
        self._R = R
        self._D = D
        self._mac = mac

    @property
    def identity(self) -> Identity:
        """Whose attempt it is."""
        return self._countable.identity

    @property
    def slot(self) -> int | None:
        """The slot of the permit, or None."""
        return self._countable.slot

    @property
    def method(self) -> str:
        """The form of the login, "full"."""
        return self._countable.method

    @property
    def reference(self) -> bytes:
        """The session id."""
        return self._countable.reference

    def verify(self, server_secret: ServerSecret) -> FullAuthenticated:
        """The login, the server's proof and the session key, if the equation and the client's MAC hold.

        Spec: spec/mpin.md#full
        Raises: AuthenticationFailed whatever is wrong; WrongRound the second time; ParameterError if the secret is of
            another suite
        """
        authenticated = self._countable.verify(server_secret)
        suite = self._suite
        h = suite.hash_to_scalar(self._transcript, "FULL_")
        P = self._R + h * suite.login_point(self.identity, self.slot)
        if P.is_identity():
            raise AuthenticationFailed
        keys = KeySchedule(suite, self._transcript, suite.curve.pairing(P, server_secret.prepared), self._D)
        keys.check(_CLIENT_CONFIRM, self._mac)
        message = FullConfirmation(suite.id, authenticated.reference, keys.mac(_SERVER_CONFIRM))
        return FullAuthenticated(authenticated, message, keys.session_key())


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FullAuthenticated(SecretValue):
    """A login that was accepted, the server's proof for the client, and the key that both share."""

    authenticated: Authenticated
    message: FullConfirmation
    session_key: SessionKey
