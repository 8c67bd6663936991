"""The key schedule against HKDF of another implementation."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from milagro.octets import frame
from milagro.protocols.envelope.schedule import Schedule, commitment

LABEL = b"milagro envelope v1"
SECRET, OUTER, PLAINTEXT = bytes(range(32)), b"outer", b"header plaintext"


def hkdf(info: bytes) -> bytes:
    return HKDF(SHA256(), 32, hashlib.sha256(OUTER).digest(), info).derive(SECRET)


def test_against_the_library() -> None:
    schedule = Schedule(SECRET, OUTER)
    assert schedule.header_key == hkdf(frame(LABEL, b"header"))
    assert schedule.body_key(PLAINTEXT) == hkdf(frame(LABEL, b"body", hashlib.sha256(PLAINTEXT).digest()))
    assert commitment("S.1", SECRET) == hmac.digest(SECRET, frame(LABEL, b"commitment", b"S.1"), "sha256")


def test_every_input_counts() -> None:
    schedules = [Schedule(SECRET, OUTER), Schedule(bytes(32), OUTER), Schedule(SECRET, b"other")]
    keys = {schedule.header_key for schedule in schedules}
    keys |= {schedule.body_key(text) for schedule in schedules for text in (PLAINTEXT, b"")}
    assert len(keys) == 9
    assert len({commitment(*pair) for pair in (("S.1", SECRET), ("S.2", SECRET), ("S.1", bytes(32)))}) == 3
