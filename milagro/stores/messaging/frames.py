"""What travels on a channel: an entry, which is a sender's newest; or the question for one.

    0x01 | block of the log entry
    0x02 | CBOR [topic, sender, sequence]: who knows an entry of that log after this one, say so

Spec: spec/messaging.md#frames
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from milagro import cbor
from milagro.errors import MalformedEnvelope
from milagro.stores.messaging.entry import MAX_ENTRY_OCTETS, MAX_NAME_OCTETS, MAX_SEQUENCE, Entry

MAX_FRAME_OCTETS: Final = MAX_ENTRY_OCTETS + 1
_ENTRY: Final = b"\x01"
_QUESTION: Final = b"\x02"
_QUESTION_LIMITS: Final = cbor.Limits(octets=512, items=8, depth=1)


@dataclass(frozen=True, slots=True)
class Question:
    """Asks for the newest entry of a log, from whoever knows one after `sequence`."""

    topic: str
    sender: str
    sequence: int


def encode(frame: Entry | Question) -> bytes:
    """The octets of a frame.

    Spec: spec/messaging.md#frames
    """
    if isinstance(frame, Entry):
        return _ENTRY + frame.block
    return _QUESTION + cbor.encode([frame.topic, frame.sender, frame.sequence], _QUESTION_LIMITS)


def decode(octets: bytes) -> Entry | Question:
    """The frame in these octets; the signature of an entry is still to be checked.

    Spec: spec/messaging.md#frames
    Raises: MalformedEnvelope, NonCanonical, WrongLength
    """
    if octets[:1] == _ENTRY:
        return Entry.decode(octets[1:])
    if octets[:1] == _QUESTION:
        return _question(cbor.decode(octets[1:], _QUESTION_LIMITS))
    raise MalformedEnvelope("the frame is of no known kind")


def _question(value: cbor.Value) -> Question:
    match value:
        case (str(topic), str(sender), int(sequence)) if not isinstance(sequence, bool):
            fits = 0 <= sequence <= MAX_SEQUENCE
            fits = fits and all(1 <= len(name.encode()) <= MAX_NAME_OCTETS for name in (topic, sender))
            if fits:
                return Question(topic, sender, sequence)
    raise MalformedEnvelope("the question is not a topic, a sender and a sequence number")
