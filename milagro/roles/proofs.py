"""What a client signs with its own key to show that it, and no bearer of a stolen ticket, is asking.

Each statement is a list of framed fields that opens with its purpose, so that none can be taken for another or for
a pass of a login.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from milagro.octets import frame, i2osp
from milagro.protocols.mpin.v2 import Identity, verify_signature


class Statement(Enum):
    """What a proof is about."""

    ENROL = b"MILAGRO-ROLES-V1_ENROL"
    CONFIRM = b"MILAGRO-ROLES-V1_CONFIRM"
    PERMITS = b"MILAGRO-ROLES-V1_PERMITS"
    DEVICES = b"MILAGRO-ROLES-V1_DEVICES"
    REMOVE_DEVICE = b"MILAGRO-ROLES-V1_REMOVE-DEVICE"
    CONFIRM_DEVICE = b"MILAGRO-ROLES-V1_CONFIRM-DEVICE"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who wants to be enrolled: the invited user, the device's name, the invitation's code, and the client key."""

    user: str
    device: str
    code: str
    algorithm: str
    public_key: bytes
    replace: bool = False  # whether the user's device of this name is to go

    def __repr__(self) -> str:
        return f"Applicant(user={self.user!r}, device={self.device!r})"


def enrolment(server: str, origin: str, applicant: Applicant) -> bytes:
    """The octets that ask the MFA server to enrol the holder of the client key as this user's device.

    Spec: spec/enrolment.md#replacing
    """
    words = (server, origin, applicant.user, applicant.device, applicant.code, applicant.algorithm)
    fields = (Statement.ENROL.value, *(word.encode() for word in words), applicant.public_key)
    return frame(*fields, b"replace") if applicant.replace else frame(*fields)


def confirmation(server: str, origin: str, identity: bytes, at: int) -> bytes:
    """The octets that tell the MFA server that the device has its shares."""
    return frame(Statement.CONFIRM.value, server.encode(), origin.encode(), identity, i2osp(at, 8))


def permits(server: str, origin: str, identity: bytes, at: int, key_id: bytes) -> bytes:
    """The octets that ask the MFA server at the time `at` for a ticket for a permit under the key `key_id`."""
    return frame(Statement.PERMITS.value, server.encode(), origin.encode(), identity, i2osp(at, 8), key_id)


def devices(server: str, origin: str, identity: bytes, at: int) -> bytes:
    """The octets that ask the MFA server which devices the user has."""
    return frame(Statement.DEVICES.value, server.encode(), origin.encode(), identity, i2osp(at, 8))


def remove_device(server: str, origin: str, identity: bytes, at: int, name: str) -> bytes:
    """The octets that ask the MFA server to remove the user's device of this name."""
    about = server.encode(), origin.encode(), identity, i2osp(at, 8), name.encode()
    return frame(Statement.REMOVE_DEVICE.value, *about)


def confirm_device(server: str, origin: str, identity: bytes, at: int, name: str, code: str) -> bytes:
    """The octets that tell the MFA server that the user's device of this name is the one that shows this code."""
    about = server.encode(), origin.encode(), identity, i2osp(at, 8), name.encode(), code.encode()
    return frame(Statement.CONFIRM_DEVICE.value, *about)


def device_code(identity: bytes) -> str:
    """Six digits by which a user knows an identity: SHA-256(frame(label, identity)), its first 8 octets mod 10^6.

    Spec: spec/mpin.md#second-device
    """
    digest = hashlib.sha256(frame(b"MILAGRO-ROLES-V1_DEVICE-CODE", identity)).digest()
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06d}"


def verify(identity: Identity, signature: bytes, statement: bytes) -> None:
    """Refuses unless the client key inside `identity` signed `statement`.

    Raises: InvalidSignature
    """
    verify_signature(identity.algorithm, identity.public_key, signature, statement)
