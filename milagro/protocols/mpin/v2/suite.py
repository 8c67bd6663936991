"""The suite: one curve, one hash, one slot length, and from them every hash and label that M-Pin v2 uses.

Nothing else in this profile hashes to a group or starts a message, so no two purposes can share a tag.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from milagro.errors import MalformedEnvelope, ParameterError, WrongLength
from milagro.groups import Curve, Xmd, curve
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.params import SSWU

if TYPE_CHECKING:
    from milagro.groups import G1Point, Random, Scalar
    from milagro.protocols.mpin.v2.identity import Identity

HashName = Literal["sha256", "sha384", "sha512"]
Pin = str | bytes

PREFIX = "MPIN-V2_"
DEFAULT_CURVE = "BLS12-381"
PURPOSES = (
    *("ID_", "PERMIT_", "PIN_", "CHALLENGE_", "ONEPASS_", "SIGN_", "FULL-CHALLENGE_", "FULL_", "KEY_"),
    *("COMMITMENT_", "SERVER-SHARE_", "CLIENT-SHARE_", "PERMIT-SHARE_"),
    *("SERVER-SECRET_", "CLIENT-SECRET_", "TIME-PERMIT_", "TOKEN_"),
    *("PASS1_", "ASK_", "PASS2_", "STATE_", "ONEPASS-MESSAGE_", "SIGNED-MESSAGE_"),
    *("FULL-PASS1_", "FULL-ASK_", "FULL-PASS2_", "FULL-CONFIRM_", "FULL-STATE_"),
)
"""Everything that a tag or label can be for, where a client takes part."""

SPLIT_PURPOSES = ("SPLIT-DEALING_", "SPLIT-SHARE_", "SPLIT-ATTEMPTS_", "SPLIT-WEIGHTS_", "SPLIT-PARTIAL_")
"""Those between servers that hold shares of one server secret."""

MAX_PIN = 1024
MAX_MESSAGE = 8192  # octets of any message or stored value; the largest honest one is below 4096
_SLOT_OCTETS = 12
_MAX_SLOT = 366 * 86400
_HASHES: tuple[HashName, ...] = ("sha256", "sha384", "sha512")


def check_now(now: int) -> int:
    """`now`, if it is a time in whole unix seconds that fits eight octets.

    Raises: ParameterError
    """
    if isinstance(now, bool) or not isinstance(now, int) or not 0 <= now < 1 << 62:
        raise ParameterError("a time is an integer of unix seconds, not negative")
    return now


def draw(random: Random, count: int) -> bytes:
    """`count` octets from the source of randomness.

    Raises: ParameterError if it returns another number of them
    """
    octets = bytes(random(count))
    if len(octets) != count:
        raise ParameterError(f"the source of randomness gave {len(octets)} octets instead of {count}")
    return octets


def pin_octets(pin: Pin) -> bytes:
    """The octets of a PIN or passphrase: text in NFC as UTF-8, octets as they are.

    Spec: spec/mpin.md#pin
    Shape: 1..1024 octets
    Raises: ParameterError
    Secret: the result
    """
    if not isinstance(pin, str | bytes):
        raise ParameterError("a PIN is text or octets")
    try:
        octets = unicodedata.normalize("NFC", pin).encode() if isinstance(pin, str) else pin
    except UnicodeEncodeError:
        raise ParameterError("a PIN holds a code point that is not a character") from None
    if not 1 <= len(octets) <= MAX_PIN:
        raise ParameterError(f"a PIN has 1 to {MAX_PIN} octets")
    return octets


def read_labelled(octets: bytes, purpose: str, count: int) -> tuple[str, list[bytes]]:
    """The suite id and the `count` fields behind the label of a message for `purpose`.

    Spec: spec/mpin.md#suite
    Raises: WrongLength if it is too long, MalformedEnvelope if it is something else
    """
    if len(octets) > MAX_MESSAGE:
        raise WrongLength(f"a message has at most {MAX_MESSAGE} octets")
    fields = unframe(octets, count + 1)
    label = fields[0].decode("ascii", errors="replace")  # what is replaced is not ASCII any more either
    suite_id = label.removesuffix(purpose)
    named = suite_id != label and suite_id.startswith(PREFIX) and suite_id.endswith("_RO_")
    if not named or not label.isascii():
        raise MalformedEnvelope(f"this is not a {purpose.rstrip('_')} value of M-Pin v2")
    return suite_id, fields[1:]


def _default_curve() -> Curve:
    return curve(DEFAULT_CURVE)


@dataclass(frozen=True)
class Suite:
    """A curve, the hash behind every hash here, and the length of a time slot (None: no permits).

    Spec: spec/mpin.md#suite
    Shape: slot of whole seconds, 1 second to 366 days
    Raises: ParameterError
    """

    curve: Curve = field(default_factory=_default_curve)
    hash: HashName = "sha256"
    slot: timedelta | None = None

    def __post_init__(self) -> None:
        if self.hash not in _HASHES:
            raise ParameterError(f"the hash of a suite is one of {', '.join(_HASHES)}")
        if self.slot is not None:
            seconds = self.slot.total_seconds()
            if seconds != int(seconds) or not 1 <= seconds <= _MAX_SLOT:
                raise ParameterError("a slot lasts a whole number of seconds, from 1 second to 366 days")

    @cached_property
    def expander(self) -> Xmd:
        """expand_message_xmd with the suite's hash."""
        return Xmd(self.hash)

    @cached_property
    def id(self) -> str:
        """MPIN-V2_ || suite_g1 || _XMD:HASH_ || MAP || _RO_."""
        params = self.curve.params
        mapping = "SSWU" if isinstance(params.map_g1, SSWU) else "SVDW"
        return f"{PREFIX}{params.suite_g1}_{self.expander.name}_{mapping}_RO_"

    def dst(self, purpose: str) -> bytes:
        """The domain separation tag, or label, for `purpose`: id || purpose.

        Spec: spec/mpin.md#suite
        Raises: ParameterError for a purpose that the specification does not name
        """
        if purpose not in PURPOSES and purpose not in SPLIT_PURPOSES:
            raise ParameterError(f"M-Pin v2 has no purpose {purpose!r}")
        return (self.id + purpose).encode()

    # -- labelled values ---------------------------------------------------------------------------------------
    def labelled(self, purpose: str, *fields: bytes) -> bytes:
        """frame(id || purpose, fields..): how every message and stored value begins."""
        return frame(self.dst(purpose), *fields)

    def fields(self, purpose: str, octets: bytes, count: int) -> list[bytes]:
        """The fields of `labelled`.

        Raises: WrongLength, MalformedEnvelope
        """
        suite_id, fields = read_labelled(octets, purpose, count)
        self.need(suite_id)
        return fields

    def need(self, suite_id: str) -> None:
        """Nothing, if a value with this suite id is of this suite.

        Raises: MalformedEnvelope
        """
        if suite_id != self.id:
            raise MalformedEnvelope(f"a value of another suite was given to {self.id}")

    def scalar_from_bytes(self, octets: bytes) -> Scalar:
        """The scalar with these octets; other than `Curve.scalar_from_bytes`, in one length only.

        Shape: scalar_bytes octets
        Raises: WrongLength, NonCanonical
        Secret: the octets
        """
        if len(octets) != self.curve.scalar_bytes:
            raise WrongLength(f"a scalar: expected {self.curve.scalar_bytes} octets, got {len(octets)}")
        return self.curve.scalar_from_bytes(octets)

    # -- hashes ------------------------------------------------------------------------------------------------
    def hash_to_g1_vartime(self, message: bytes, purpose: str) -> G1Point:
        """H1(message, purpose): hash_to_curve of a public message into G1 under the tag of `purpose`."""
        return self.curve.hash_to_g1_vartime(message, self.dst(purpose), expander=self.expander)

    def hash_to_scalar(self, message: bytes, purpose: str) -> Scalar:
        """Hr(message, purpose): hash_to_field modulo r under the tag of `purpose`."""
        return self.curve.hash_to_scalar(message, self.dst(purpose), expander=self.expander)

    def _identity_octets(self, identity: Identity) -> bytes:
        if identity.suite_id != self.id:
            raise ParameterError("the identity is of another suite")
        return identity.to_bytes()

    def hash_identity(self, identity: Identity) -> G1Point:
        """A = H1(identity, ID_).

        Spec: spec/mpin.md#identity
        Raises: ParameterError if the identity is of another suite
        """
        return self.hash_to_g1_vartime(self._identity_octets(identity), "ID_")

    def permit_point(self, identity: Identity, slot: int) -> G1Point:
        """AT = H1(frame(slot length, slot number, identity), PERMIT_).

        Spec: spec/mpin.md#permits
        Raises: ParameterError if the suite has no slots, or the number or the identity does not fit it
        """
        message = frame(*self._slot_fields(slot), self._identity_octets(identity))
        return self.hash_to_g1_vartime(message, "PERMIT_")

    def pin_point(self, identity: Identity, pin: Pin) -> G1Point:
        """H1(frame(identity, pin), PIN_).

        Spec: spec/mpin.md#pin
        Raises: ParameterError
        Secret: the result; constant time in the PIN's value on the native backend
        """
        message = frame(self._identity_octets(identity), pin_octets(pin))
        return self.curve.hash_to_g1(message, self.dst("PIN_"), expander=self.expander)

    def login_point(self, identity: Identity, slot: int | None) -> G1Point:
        """T = A + AT(slot), or A without permits.

        Spec: spec/mpin.md#permits
        Raises: ParameterError if a slot is given to a suite without permits, or none to one with
        """
        if (slot is None) != (self.slot is None):
            raise ParameterError("a slot goes with a suite that has permits, and only with one")
        A = self.hash_identity(identity)
        return A if slot is None else A + self.permit_point(identity, slot)

    # -- slots -------------------------------------------------------------------------------------------------
    @property
    def slot_seconds(self) -> int | None:
        """The length of a slot in seconds, or None."""
        return None if self.slot is None else int(self.slot.total_seconds())

    def slot_at(self, now: int) -> int | None:
        """floor(now / slot length), or None without permits.

        Spec: spec/mpin.md#permits
        """
        seconds = self.slot_seconds
        return None if seconds is None else check_now(now) // seconds

    def _slot_fields(self, slot: int) -> tuple[bytes, bytes]:
        seconds = self.slot_seconds
        if seconds is None:
            raise ParameterError("this suite has no time slots")
        return i2osp(seconds, 4), i2osp(check_now(slot), 8)

    def slot_octets(self, slot: int | None) -> bytes:
        """A slot in a message: its length in 4 octets, its number in 8; empty without permits.

        Spec: spec/mpin.md#permits
        Raises: ParameterError
        """
        if slot is None and self.slot is None:
            return b""
        if slot is None:
            raise ParameterError("this suite needs a time slot")
        return b"".join(self._slot_fields(slot))

    def slot_from_octets(self, octets: bytes) -> int | None:
        """The slot number in a message.

        Raises: MalformedEnvelope if the length of the slot is not this suite's
        """
        expected = b"" if self.slot_seconds is None else i2osp(self.slot_seconds, 4)
        if len(octets) != (_SLOT_OCTETS if expected else 0) or octets[:4] != expected:
            raise MalformedEnvelope("the time slot does not have the form of this suite")
        slot = os2ip(octets[4:])
        if slot >= 1 << 62:
            raise MalformedEnvelope("the time slot is out of range")
        return slot if expected else None
