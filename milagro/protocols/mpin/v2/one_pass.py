"""One-pass login: the challenge is a hash, freshness comes from time and a replay cache.

client:  login_once --> OnePass
server:  OnePass --accept--> Countable --(count it) verify--> Authenticated
                   |
               replay cache: the same login twice is a Replay

y = Hr(context, identity, public key, slot, time, nonce, U)      V = -(x + y) SEC
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import Expired, Replay
from milagro.octets import frame, i2osp
from milagro.protocols.mpin.v2.identity import Identity
from milagro.protocols.mpin.v2.permits import current_slot
from milagro.protocols.mpin.v2.sessions import (
    DEFAULT_LIMITS,
    NONCE_OCTETS,
    Authenticated,
    Context,
    Countable,
    Limits,
    ReplayCache,
    check_client,
    check_latest,
    nonzero,
    response,
)
from milagro.protocols.mpin.v2.suite import Pin, Suite, check_now, draw
from milagro.protocols.mpin.v2.timed import TIME_OCTETS, TimedMessage
from milagro.protocols.mpin.v2.two_pass import need_realm

if TYPE_CHECKING:
    from milagro.groups import Random, Scalar
    from milagro.protocols.mpin.v2.permits import Permit
    from milagro.protocols.mpin.v2.pin import Credential


@dataclass(frozen=True, slots=True)
class OnePass(TimedMessage):
    """`ONEPASS-MESSAGE_`, identity, slot, time, nonce, U, V, sig.

    Spec: spec/mpin.md#one-pass
    """

    LABEL = "ONEPASS-MESSAGE_"

    def signed(self, context: Context) -> bytes:
        """What the signature is over: frame(label, context.., identity, slot, time, nonce, U, V)."""
        return frame(self._label(), *context.octets, *self._start(), self.V)

    def replay_key(self, context: Context) -> bytes:
        """SHA-256(frame(label, context.., identity, slot, time, nonce, U)): the same login has the same key."""
        return hashlib.sha256(frame(self._label(), *context.octets, *self._start())).digest()


def one_pass_scalar(suite: Suite, context: Context, identity: Identity, *said: bytes) -> Scalar:
    """y = Hr(frame(suite id, context.., identity, public key, slot, time, nonce, U), ONEPASS_).

    Spec: spec/mpin.md#one-pass
    Raises: WrongRound if y = 0
    """
    octets = frame(suite.id.encode(), *context.octets, identity.to_bytes(), identity.public_key, *said)
    return nonzero(suite.hash_to_scalar(octets, "ONEPASS_"))


def login_once(
    credential: Credential, context: Context, pin: Pin, now: int, random: Random, permit: Permit | None = None
) -> OnePass:
    """A login in one message: U = x T, V = -(x + y) SEC with y a hash over time, nonce and context.

    Draws 32 octets for the nonce, then x.
    Spec: spec/mpin.md#one-pass
    Raises: ParameterError; WrongRound if y = 0 or x + y = 0
    """
    suite, identity = credential.suite, credential.identity
    need_realm(context, identity)
    slot = credential.slot(permit)
    slot_octets, time_octets = suite.slot_octets(slot), i2osp(check_now(now), TIME_OCTETS)
    nonce = draw(random, NONCE_OCTETS)
    x = suite.curve.random_scalar(random)
    U = (x * suite.login_point(identity, slot)).to_bytes()
    y = one_pass_scalar(suite, context, identity, slot_octets, time_octets, nonce, U)
    V = response(suite, x, y, credential.secret_point(pin, permit)).to_bytes()
    unsigned = OnePass(identity, slot_octets, now, nonce, U, V, b"")
    signature = credential.key.sign(unsigned.signed(context))
    return OnePass(identity, slot_octets, now, nonce, U, V, signature)


class OnePassVerifier:
    """The server's side of one-pass logins at one context. It remembers the latest time that it was shown.

    `latest` is the latest time that the server has on record from before it was started.

    Spec: spec/mpin.md#one-pass
    """

    __slots__ = ("_latest", "_lock", "context", "limits", "replays", "suite")

    def __init__(
        self, suite: Suite, context: Context, replays: ReplayCache, limits: Limits = DEFAULT_LIMITS, latest: int = 0
    ) -> None:
        self.suite = suite
        self.context = context
        self.replays = replays
        self.limits = limits
        self._latest = latest
        self._lock = threading.Lock()

    def _check_time(self, time: int, now: int) -> None:
        leeway, window = self.limits.seconds("leeway"), self.limits.seconds("window")
        with self._lock:
            self._latest = check_latest(now, self._latest, leeway)
        if not now - window <= time <= now + leeway:
            raise Expired("the login is too old, or from a clock that is ahead; log in again")

    def accept(self, message: OnePass | bytes, pinned: Identity | None, now: int) -> Countable:
        """The attempt in a login message that was not seen before. Nothing has been paired yet: count it now.

        Spec: spec/mpin.md#one-pass
        Raises: EncodingError, InvalidSignature, AuthenticationFailed (nothing or another identity pinned), Expired,
            Replay, WrongRound (y = 0)
        """
        login = message if isinstance(message, OnePass) else OnePass.from_bytes(message)
        suite, context, identity = self.suite, self.context, login.identity
        check_client(suite, context, identity, login.signature, login.signed(context), pinned)
        self._check_time(login.time, now)
        slot = current_slot(suite, login.slot, now, self.limits.seconds("grace"))
        U = suite.curve.g1_from_bytes(login.U)
        V = suite.curve.g1_from_bytes(login.V)
        said = (login.slot, i2osp(login.time, TIME_OCTETS), login.nonce, login.U)
        y = one_pass_scalar(suite, context, identity, *said)
        key = login.replay_key(context)
        keep = self.limits.seconds("window") + self.limits.seconds("leeway")
        if not self.replays.add(key, login.time + keep):
            raise Replay("this login was used already; log in again")
        return Countable(suite, U, V, y, Authenticated(identity, "one-pass", key, slot, now))
