"""Secrets that no single party holds: shared, proved, made and renewed by t of n.

    shamir, octet_shares     shares of a scalar, shares of octets
    commitments, dleq        what makes a share verifiable, one and many at once
    shared_key, issuing      a key with its holders, and what t of them issue for M-Pin
    threshold_bls, voprf     what t of them sign, or evaluate without seeing it
    runs                     making a key, giving it new shares: protocols of several parties
    repair, rotation         one lost share; another key

Sans-IO and clockless: randomness is an argument, time is the caller's.

Spec: spec/sharing.md
"""

from __future__ import annotations

from milagro.protocols.sharing import issuing, octet_shares, threshold_bls, voprf
from milagro.protocols.sharing.header import Header
from milagro.protocols.sharing.octet_shares import OctetShare
from milagro.protocols.sharing.refusals import (
    CorruptShare,
    DuplicateShare,
    InvalidProof,
    MixedShares,
    RunFailed,
    TooFewShares,
    TruncatedShare,
    UnknownVersion,
    ZeroIndex,
)
from milagro.protocols.sharing.repair import LostHolder, RepairHelper, RepairPlan
from milagro.protocols.sharing.rotation import KeyRing, Succession
from milagro.protocols.sharing.runs.generation import KeyGeneration
from milagro.protocols.sharing.runs.resharing import Resharing
from milagro.protocols.sharing.runs.roster import Credentials, Member, Outgoing, Roster, Signatures
from milagro.protocols.sharing.runs.transcript import Certificate, Outcome, Transcript, recover, verify_contradiction
from milagro.protocols.sharing.shamir import Share, combine, split
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey, deal
from milagro.protocols.sharing.suite import Suite

__all__ = [
    "Certificate",
    "CorruptShare",
    "Credentials",
    "DuplicateShare",
    "Header",
    "InvalidProof",
    "KeyGeneration",
    "KeyRing",
    "KeyShare",
    "LostHolder",
    "Member",
    "MixedShares",
    "OctetShare",
    "Outcome",
    "Outgoing",
    "RepairHelper",
    "RepairPlan",
    "Resharing",
    "Roster",
    "RunFailed",
    "Share",
    "SharedKey",
    "Signatures",
    "Succession",
    "Suite",
    "TooFewShares",
    "Transcript",
    "TruncatedShare",
    "UnknownVersion",
    "ZeroIndex",
    "combine",
    "deal",
    "issuing",
    "octet_shares",
    "recover",
    "split",
    "threshold_bls",
    "verify_contradiction",
    "voprf",
]
