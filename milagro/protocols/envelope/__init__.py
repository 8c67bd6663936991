"""The Milagro encrypted envelope: signed inside the encryption, to any number of recipients, of any size.

    PrivateKeys, PublicKeys           a party's keys
    seal, Sealing, Terms              from a payload to an envelope
    open_envelope, Opening, Reader    from an envelope to a verified payload
    inspect                           what everybody sees of one
    SenderState, ReceiverState        replay, loss and reordering within a channel
    armored, dearmored                text form

Time and randomness are arguments, except for what HPKE and ML-DSA draw within `cryptography`.
"""

from __future__ import annotations

from milagro.protocols.envelope.armor import Armoring, Dearmoring, armored, dearmored
from milagro.protocols.envelope.header import Body, Header, Position
from milagro.protocols.envelope.keys import PrivateKeys, PublicKeys
from milagro.protocols.envelope.opening import (
    Evidence,
    Memory,
    Opened,
    Opening,
    Outline,
    Reader,
    Sink,
    head_octets,
    inspect,
    open_envelope,
    open_into,
)
from milagro.protocols.envelope.order import ReceiverState, SenderState
from milagro.protocols.envelope.padding import padme
from milagro.protocols.envelope.sealing import Sealing, Terms, seal
from milagro.protocols.envelope.signatures import (
    BLS,
    HYBRID,
    BlsSigningKey,
    HybridSigningKey,
    SigningKey,
    VerifyingKey,
    aggregate,
    verify_aggregate,
)
from milagro.protocols.envelope.suites import SUITES, EncryptionKey, EncryptionPublicKey, Policy

__all__ = [
    "BLS",
    "HYBRID",
    "SUITES",
    "Armoring",
    "BlsSigningKey",
    "Body",
    "Dearmoring",
    "EncryptionKey",
    "EncryptionPublicKey",
    "Evidence",
    "Header",
    "HybridSigningKey",
    "Memory",
    "Opened",
    "Opening",
    "Outline",
    "Policy",
    "Position",
    "PrivateKeys",
    "PublicKeys",
    "Reader",
    "ReceiverState",
    "Sealing",
    "SenderState",
    "SigningKey",
    "Sink",
    "Terms",
    "VerifyingKey",
    "aggregate",
    "armored",
    "dearmored",
    "head_octets",
    "inspect",
    "open_envelope",
    "open_into",
    "padme",
    "seal",
    "verify_aggregate",
]
