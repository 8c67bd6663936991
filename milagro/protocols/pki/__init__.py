"""The decentralized PKI: identities that name themselves, and change without an authority.

    owner.create --Block--> Replica.add (anywhere, in any order) --resolve--> Resolution --require--> State

Spec: spec/dpki.md
"""

from milagro.protocols.pki.did import did_document, did_metadata, did_of, identity_of
from milagro.protocols.pki.edits import (
    KEY_ID_OCTETS,
    AddKey,
    Attest,
    Edit,
    Key,
    Purpose,
    RemoveService,
    RevokeKey,
    SetService,
    Withdraw,
)
from milagro.protocols.pki.entries import EntrySignature
from milagro.protocols.pki.heads import Heads
from milagro.protocols.pki.operations import (
    Block,
    Change,
    Create,
    Operation,
    Place,
    Retire,
    Rotate,
    Witnesses,
    next_digest,
)
from milagro.protocols.pki.owner import change, create, retire, rotate
from milagro.protocols.pki.receipts import Memory, Receipt, give_receipt
from milagro.protocols.pki.replica import Replica
from milagro.protocols.pki.resolution import Fork, ForkKind, Resolution, State, resolve
from milagro.protocols.signatures import VerifyingKey

__all__ = [
    "KEY_ID_OCTETS",
    "AddKey",
    "Attest",
    "Block",
    "Change",
    "Create",
    "Edit",
    "EntrySignature",
    "Fork",
    "ForkKind",
    "Heads",
    "Key",
    "Memory",
    "Operation",
    "Place",
    "Purpose",
    "Receipt",
    "RemoveService",
    "Replica",
    "Resolution",
    "Retire",
    "RevokeKey",
    "Rotate",
    "SetService",
    "State",
    "VerifyingKey",
    "Withdraw",
    "Witnesses",
    "change",
    "create",
    "did_document",
    "did_metadata",
    "did_of",
    "give_receipt",
    "identity_of",
    "next_digest",
    "resolve",
    "retire",
    "rotate",
]
