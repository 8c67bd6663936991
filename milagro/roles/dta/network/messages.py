"""What members write to each other, each as the payload of one letter, an array in deterministic CBOR.

    [1, "proposal", proposal, bundles]                  [1, "ready", proposal id, attempt, said at]
    [1, "run", run id, message of the run]              [1, "step", step]
    [1, "question", set id, run id in doubt, proposal, attempt]
    [1, "verdict", run id, statement, signature]        both empty: released
    [1, "endorsement", proposal id, attempt, signature]
    [1, "where", nonce]                                 [1, "here", nonce, set id]

Spec: spec/dta-network.md, Proposals; Messages
"""

from __future__ import annotations

from typing import Final

from milagro import cbor
from milagro.errors import MalformedEnvelope
from milagro.roles.charter import MAX_MEMBERS

VERSION: Final = 1
MAX_ATTEMPT: Final = 0xFFFF
_LIMITS: Final = cbor.Limits(octets=32 << 20)
_FIELDS: Final = {
    "proposal": 2, "ready": 3, "run": 2, "step": 1, "question": 4, "verdict": 3, "endorsement": 3,
    "where": 1, "here": 2,
}  # fmt: skip


def encode(kind: str, *fields: cbor.Value) -> bytes:
    """The payload of a letter."""
    return cbor.encode([VERSION, kind, *fields], _LIMITS)


def decode(payload: bytes) -> tuple[str, list[cbor.Value]]:
    """Kind and fields of a payload; integers are attempts or times, octets are everything else.

    Raises: EncodingError
    """
    value = cbor.decode(payload, _LIMITS)
    if not isinstance(value, tuple) or len(value) < 2 or value[0] != VERSION:
        raise MalformedEnvelope("this is no message of a network of D-TAs")
    _, kind, *fields = value
    if not isinstance(kind, str) or _FIELDS.get(kind) != len(fields):
        raise MalformedEnvelope("a message of a kind that this release does not read")
    return kind, fields


def octets_in(value: cbor.Value) -> bytes:
    """The octets in a field. Raises: MalformedEnvelope."""
    if not isinstance(value, bytes):
        raise MalformedEnvelope("a field of a message is of another type")
    return value


def list_in(value: cbor.Value) -> list[bytes]:
    """The octet strings in a field, not more than the members of two charters. Raises: MalformedEnvelope."""
    if not isinstance(value, tuple) or len(value) > 2 * MAX_MEMBERS:
        raise MalformedEnvelope("a field of a message is of another type")
    return [octets_in(one) for one in value]


def attempt_in(value: cbor.Value) -> int:
    """The attempt in a field. Raises: MalformedEnvelope."""
    return _integer(value, MAX_ATTEMPT)


def time_in(value: cbor.Value) -> int:
    """The time in a field, unix seconds. Raises: MalformedEnvelope."""
    return _integer(value, 1 << 40)


def _integer(value: cbor.Value, highest: int = 0xFFFF) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise MalformedEnvelope("a number is out of its range")
    return value
