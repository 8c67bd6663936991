"""Two-pass login: commitment, challenge, response. The recommended form.

client:  start_login --> LoginStarted --answer(challenge, pin)--> PassTwo         (a second answer: WrongRound)

server:  PassOne --challenge--> Challenged --accept(pass two)--> Countable        (a second accept: Replay)
                                 |      ^                          |
                             to_bytes  resume          (count it) verify --> Authenticated
                                 v      |                                    (a second verify: WrongRound)
                                [ a store ]

U = x T      y = Hr(context, session id, server nonce, lifetime, identity, public key, slot, U, client nonce)
V = -(x + y) SEC                                             accept iff e(V, Q) e(U + y T, sQ) = 1
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from milagro.errors import Expired, NonCanonical, ParameterError, Replay, WrongRound
from milagro.octets import equal, frame, i2osp, os2ip
from milagro.protocols.mpin.v2.client_key import verify_signature
from milagro.protocols.mpin.v2.messages import Challenge, PassOne, PassTwo
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
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import Random, Scalar
    from milagro.protocols.mpin.v2.identity import Identity
    from milagro.protocols.mpin.v2.permits import Permit
    from milagro.protocols.mpin.v2.pin import Credential

_TIME_OCTETS = 8


def challenge_scalar(suite: Suite, context: Context, pass_one: PassOne, challenge: Challenge) -> Scalar:
    """y = Hr(frame(suite id, context.., session id, server nonce, lifetime, identity, public key, slot, U, nonce)).

    Spec: spec/mpin.md#transcript
    Raises: WrongRound if y = 0
    """
    identity = pass_one.identity
    said = (identity.to_bytes(), identity.public_key, pass_one.slot, pass_one.U, pass_one.nonce)
    octets = frame(suite.id.encode(), *context.octets, *challenge.question, *said)
    return nonzero(suite.hash_to_scalar(octets, "CHALLENGE_"))


# -- client ----------------------------------------------------------------------------------------------------------
class LoginStarted(SecretValue):
    """A client between its two passes. It answers one challenge, once.

    Spec: spec/mpin.md#two-pass
    Secret: x; two answers under one x would give SEC away
    """

    __slots__ = ("_context", "_credential", "_once", "_permit", "_started", "_x", "message")

    def __init__(
        self, credential: Credential, context: Context, permit: Permit | None, x: Scalar, started: int, message: PassOne
    ) -> None:
        self._credential = credential
        self._context = context
        self._permit = permit
        self._x = x
        self._started = started
        self._once = Once()
        self.message = message

    def answer(self, challenge: Challenge | bytes, pin: Pin, now: int) -> PassTwo:
        """The second pass: V = -(x + y) SEC, signed over both passes.

        Spec: spec/mpin.md#two-pass
        Raises: EncodingError, Expired, ParameterError; WrongRound for a second answer, y = 0 or x + y = 0
        """
        asked = challenge if isinstance(challenge, Challenge) else Challenge.from_bytes(challenge)
        suite = self._credential.suite
        suite.need(asked.suite_id)
        check_elapsed(now, self._started, asked.lifetime)
        pin_octets(pin)
        y = challenge_scalar(suite, self._context, self.message, asked)
        self._once.take_or_refuse("answering a challenge")
        V = response(suite, self._x, y, self._credential.secret_point(pin, self._permit)).to_bytes()
        unsigned = PassTwo(suite.id, asked.session_id, V, b"")
        signature = self._credential.key.sign(unsigned.signed(self._context, self.message, asked))
        return PassTwo(suite.id, asked.session_id, V, signature)


_CLIENT_LEEWAY = 5


def check_elapsed(now: int, started: int, lifetime: int) -> None:
    """Nothing, if the client's own clock says that the session can still be open.

    Spec: spec/mpin.md#sessions
    Raises: Expired
    """
    if check_now(now) < started - _CLIENT_LEEWAY:
        raise Expired("the clock ran backwards since the login began; start again")
    if now > started + lifetime:
        raise Expired("the session is over; start again")


def start_login(
    credential: Credential, context: Context, now: int, random: Random, permit: Permit | None = None
) -> LoginStarted:
    """The first pass: U = x T for a fresh x, signed with the context that the client sees.

    Draws 32 octets for the nonce, then x.
    Spec: spec/mpin.md#two-pass
    Raises: ParameterError if the permit is missing, not wanted or another's, or the server is not the realm
    """
    suite, identity = credential.suite, credential.identity
    need_realm(context, identity)
    slot = credential.slot(permit)
    nonce = draw(random, NONCE_OCTETS)
    x = suite.curve.random_scalar(random)
    U = (x * suite.login_point(identity, slot)).to_bytes()
    unsigned = PassOne(identity, suite.slot_octets(slot), nonce, b"", U)
    signature = credential.key.sign(unsigned.signed(context))
    message = PassOne(identity, unsigned.slot, nonce, signature, U)
    return LoginStarted(credential, context, permit, x, check_now(now), message)


def need_realm(context: Context, identity: Identity) -> None:
    """Nothing, if the server of the context is the one that the identity is for.

    Raises: ParameterError
    """
    if context.server != identity.realm:
        raise ParameterError("the identity is for another server than the one of this context")


# -- server ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Verifier:
    """The server's side of two-pass logins at one context.

    Spec: spec/mpin.md#two-pass, spec/mpin.md#refusals
    """

    suite: Suite
    context: Context
    limits: Limits = DEFAULT_LIMITS

    def challenge(
        self, pass_one: PassOne | bytes, pinned: Identity | None, now: int, random: Random, latest: int = 0
    ) -> Challenged:
        """A new session for a first pass that the pinned identity's key signed for this context.

        Draws 16 octets for the session id, then 32 for the nonce. `pinned` is what the relying party pinned for
        `pass_one.identity.account`, or None; `latest` the latest time at which the server remembers to have acted.
        Spec: spec/mpin.md#two-pass
        Raises: EncodingError, InvalidSignature, AuthenticationFailed (nothing or another identity pinned), Expired
            (slot, or the clock ran backwards), WrongRound (y = 0)
        """
        check_latest(now, latest, self.limits.seconds("leeway"))
        first = pass_one if isinstance(pass_one, PassOne) else PassOne.from_bytes(pass_one)
        check_client(self.suite, self.context, first.identity, first.signature, first.signed(self.context), pinned)
        current_slot(self.suite, first.slot, now, self.limits.seconds("grace"))
        session_id = draw(random, SESSION_OCTETS)
        nonce = draw(random, NONCE_OCTETS)
        asked = Challenge(self.suite.id, session_id, nonce, self.limits.seconds("lifetime"))
        return Challenged(self, first, asked, check_now(now))

    def resume(self, octets: bytes) -> Challenged:
        """The session that `Challenged.to_bytes` wrote. It is as single as the store it comes from.

        Raises: EncodingError; ParameterError if it was opened at another context
        """
        fields = self.suite.fields("STATE_", octets, 6)
        if tuple(fields[:3]) != self.context.octets:
            raise ParameterError("the session was opened at another context")
        created = os2ip(need_length("a time", fields[5], _TIME_OCTETS))
        return Challenged(self, PassOne.from_bytes(fields[3]), Challenge.from_bytes(fields[4]), created)

    def beside(self, octets: bytes) -> Verifier:
        """This verifier at the relying party that a stored session names, which may be another at the same origin.

        Spec: spec/mpin.md#split-secret
        Raises: EncodingError; ParameterError if the session was opened at another server or origin
        """
        fields = self.suite.fields("STATE_", octets, 6)
        if tuple(fields[:2]) != self.context.octets[:2]:
            raise ParameterError("the session was opened at another context")
        try:
            relying_party = fields[2].decode()
        except UnicodeDecodeError:
            raise NonCanonical("the relying party of a session is not UTF-8") from None
        return replace(self, context=replace(self.context, relying_party=relying_party))

    def review(self, octets: bytes, pinned: Identity | None, now: int) -> Challenged:
        """The session that another server of this name opened, with all that `challenge` checks checked again.

        The slot may have ended since, for as long as a session lives.
        Spec: spec/mpin.md#split-secret
        Raises: EncodingError, InvalidSignature, AuthenticationFailed, Expired, ParameterError
        """
        challenged = self.resume(octets)
        first = challenged._first
        check_client(self.suite, self.context, first.identity, first.signature, first.signed(self.context), pinned)
        current_slot(self.suite, first.slot, now, self.limits.seconds("grace") + self.limits.seconds("lifetime"))
        return challenged


class Challenged:
    """An open session: a valid first pass and the challenge to it. It accepts one second pass. Nothing in it is secret.

    Spec: spec/mpin.md#two-pass
    """

    __slots__ = ("_U", "_created", "_first", "_once", "_verifier", "_y", "message")

    def __init__(self, verifier: Verifier, first: PassOne, asked: Challenge, created: int) -> None:
        self._verifier = verifier
        self._first = first
        self._created = created
        self._once = Once()
        self._U = verifier.suite.curve.g1_from_bytes(first.U)
        self._y = challenge_scalar(verifier.suite, verifier.context, first, asked)
        self.message = asked

    def __repr__(self) -> str:
        return f"<Challenged, session {self.session_id.hex()}>"

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
        """The octets for a store: `STATE_`, context.., PASS1 octets, ASK octets, created."""
        messages = (self._first.to_bytes(), self.message.to_bytes())
        suite, context = self._verifier.suite, self._verifier.context
        return suite.labelled("STATE_", *context.octets, *messages, i2osp(self._created, _TIME_OCTETS))

    def accept(self, pass_two: PassTwo | bytes, now: int) -> Countable:
        """The attempt in a second pass that belongs to this session. Nothing has been paired yet: count it now.

        An error leaves the session open; a Countable closes it.
        Spec: spec/mpin.md#two-pass
        Raises: EncodingError, WrongRound (another session), Expired, InvalidSignature, Replay (closed already)
        """
        second = pass_two if isinstance(pass_two, PassTwo) else PassTwo.from_bytes(pass_two)
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
        result = Authenticated(identity, "two-pass", self.session_id, slot, now)
        return Countable(suite, self._U, V, self._y, result, (self.to_bytes(), second.to_bytes()))

    def attempt_name(self, second: PassTwo) -> bytes:
        """SHA-256(frame(DST(SPLIT-ATTEMPTS_), PASS1 octets, ASK octets, V)): what servers know a guess by.

        Spec: spec/mpin.md#split-secret
        """
        said = (self._first.to_bytes(), self.message.to_bytes(), second.V)
        return hashlib.sha256(self._verifier.suite.labelled("SPLIT-ATTEMPTS_", *said)).digest()
