"""A message signed by token, PIN and client key, for the holder of the server secret (designated verifier).

client:  sign(message) --> Signed
server:  Signed, message --accept--> Countable --(count it: a wrong PIN is a guess here too) verify--> Authenticated

y = Hr(context, identity, public key, slot, time, nonce, U, message)      V = -(x + y) SEC
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.errors import Expired
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
    check_client,
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
class Signed(TimedMessage):
    """`SIGNED-MESSAGE_`, identity, slot, time, nonce, U, V, sig. The message itself is not inside.

    Spec: spec/mpin.md#signing
    """

    LABEL = "SIGNED-MESSAGE_"

    def signed(self, context: Context, message: bytes) -> bytes:
        """What the client key signs: frame(label, context.., identity, slot, time, nonce, U, V, message)."""
        return frame(self._label(), *context.octets, *self._start(), self.V, message)


def signing_scalar(suite: Suite, context: Context, identity: Identity, *said: bytes) -> Scalar:
    """y = Hr(frame(suite id, context.., identity, public key, slot, time, nonce, U, message), SIGN_).

    Spec: spec/mpin.md#signing
    Raises: WrongRound if y = 0
    """
    octets = frame(suite.id.encode(), *context.octets, identity.to_bytes(), identity.public_key, *said)
    return nonzero(suite.hash_to_scalar(octets, "SIGN_"))


def sign(
    credential: Credential,
    context: Context,
    message: bytes,
    pin: Pin,
    now: int,
    random: Random,
    permit: Permit | None = None,
) -> Signed:
    """A signature over `message`: U = x T, V = -(x + y) SEC, and the client key over it all.

    Draws 32 octets for the nonce, then x.
    Spec: spec/mpin.md#signing
    Raises: ParameterError; WrongRound if y = 0 or x + y = 0
    """
    suite, identity = credential.suite, credential.identity
    need_realm(context, identity)
    slot = credential.slot(permit)
    slot_octets, time_octets = suite.slot_octets(slot), i2osp(check_now(now), TIME_OCTETS)
    nonce = draw(random, NONCE_OCTETS)
    x = suite.curve.random_scalar(random)
    U = (x * suite.login_point(identity, slot)).to_bytes()
    y = signing_scalar(suite, context, identity, slot_octets, time_octets, nonce, U, message)
    V = response(suite, x, y, credential.secret_point(pin, permit)).to_bytes()
    unsigned = Signed(identity, slot_octets, now, nonce, U, V, b"")
    signature = credential.key.sign(unsigned.signed(context, message))
    return Signed(identity, slot_octets, now, nonce, U, V, signature)


@dataclass(frozen=True, slots=True)
class SignatureVerifier:
    """The verifier's side of signatures at one context.

    Spec: spec/mpin.md#signing
    """

    suite: Suite
    context: Context
    limits: Limits = DEFAULT_LIMITS

    def accept(self, signed: Signed | bytes, message: bytes, pinned: Identity | None, now: int) -> Countable:
        """The attempt in a signature. Nothing has been paired yet: a wrong PIN counts here as in a login.

        `Authenticated.at` of the result is the time in the signature.
        Spec: spec/mpin.md#signing
        Raises: EncodingError, InvalidSignature, AuthenticationFailed (nothing or another identity pinned), Expired (a
            time to come, or a slot that is not the one of the time), WrongRound (y = 0)
        """
        given = signed if isinstance(signed, Signed) else Signed.from_bytes(signed)
        suite, context, identity = self.suite, self.context, given.identity
        check_client(suite, context, identity, given.signature, given.signed(context, message), pinned)
        if given.time > check_now(now) + self.limits.seconds("leeway"):
            raise Expired("the signature is from a time to come")
        slot = current_slot(suite, given.slot, given.time, self.limits.seconds("grace"))
        U = suite.curve.g1_from_bytes(given.U)
        V = suite.curve.g1_from_bytes(given.V)
        said = (given.slot, i2osp(given.time, TIME_OCTETS), given.nonce, given.U, message)
        y = signing_scalar(suite, context, identity, *said)
        key = hashlib.sha256(given.signed(context, message)).digest()
        return Countable(suite, U, V, y, Authenticated(identity, "signing", key, slot, given.time))
