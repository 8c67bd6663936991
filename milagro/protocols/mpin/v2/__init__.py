"""M-Pin v2: token, PIN and client key, proved at once to a server that keeps no password.

    D-TAs       MasterShare ... shares and permits                                     issuing, permits
    client      ClientSecret --PIN--> Token + ClientKey = Credential                   pin, client_key
    login       two-pass (recommended), one-pass, FULL; or a signature                 two_pass, one_pass, full, signing
    server      .. Countable ==(count the attempt)==> verify --> Authenticated         sessions
                many at once ==(count every attempt)==> verify_batch                   batch

Sans-IO and clockless: `now` is unix seconds, `random` returns the octets that it is asked for.

Spec: spec/mpin.md
"""

from __future__ import annotations

from milagro.protocols.mpin.v2.batch import verify_batch
from milagro.protocols.mpin.v2.client_key import (
    ALGORITHMS,
    ClientKey,
    Ed25519Key,
    P256Key,
    check_public_key,
    verify_signature,
)
from milagro.protocols.mpin.v2.full import (
    FullAnswered,
    FullAuthenticated,
    FullChallenged,
    FullCountable,
    FullStarted,
    FullVerifier,
    SessionKey,
    start_full,
)
from milagro.protocols.mpin.v2.identity import Identity
from milagro.protocols.mpin.v2.issuing import (
    ClientShare,
    Commitment,
    MasterShare,
    PermitShare,
    ServerSecret,
    ServerShare,
    check_server_share,
    combine_client_shares,
    combine_permit_shares,
    combine_server_shares,
)
from milagro.protocols.mpin.v2.messages import (
    Challenge,
    FullChallenge,
    FullConfirmation,
    FullOne,
    FullTwo,
    PassOne,
    PassTwo,
)
from milagro.protocols.mpin.v2.one_pass import OnePass, OnePassVerifier, login_once
from milagro.protocols.mpin.v2.permits import Permit
from milagro.protocols.mpin.v2.pin import ClientSecret, Credential, Token
from milagro.protocols.mpin.v2.sessions import (
    Authenticated,
    Context,
    Countable,
    Limits,
    MemoryReplayCache,
    ReplayCache,
)
from milagro.protocols.mpin.v2.signing import SignatureVerifier, Signed, sign
from milagro.protocols.mpin.v2.suite import PURPOSES, Pin, Suite, pin_octets
from milagro.protocols.mpin.v2.two_pass import Challenged, LoginStarted, Verifier, start_login

__all__ = [
    "ALGORITHMS",
    "PURPOSES",
    "Authenticated",
    "Challenge",
    "Challenged",
    "ClientKey",
    "ClientSecret",
    "ClientShare",
    "Commitment",
    "Context",
    "Countable",
    "Credential",
    "Ed25519Key",
    "FullAnswered",
    "FullAuthenticated",
    "FullChallenge",
    "FullChallenged",
    "FullConfirmation",
    "FullCountable",
    "FullOne",
    "FullStarted",
    "FullTwo",
    "FullVerifier",
    "Identity",
    "Limits",
    "LoginStarted",
    "MasterShare",
    "MemoryReplayCache",
    "OnePass",
    "OnePassVerifier",
    "P256Key",
    "PassOne",
    "PassTwo",
    "Permit",
    "PermitShare",
    "Pin",
    "ReplayCache",
    "ServerSecret",
    "ServerShare",
    "SessionKey",
    "SignatureVerifier",
    "Signed",
    "Suite",
    "Token",
    "Verifier",
    "check_public_key",
    "check_server_share",
    "combine_client_shares",
    "combine_permit_shares",
    "combine_server_shares",
    "login_once",
    "pin_octets",
    "sign",
    "start_full",
    "start_login",
    "verify_batch",
    "verify_signature",
]
