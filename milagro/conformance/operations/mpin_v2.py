"""Operations of M-Pin v2. Everything that travels or is stored is an input or a result in octets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from milagro.conformance.literals import BadLiteral
from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v2.client_key import check_public_key, verify_signature
from milagro.protocols.mpin.v2.two_pass import challenge_scalar


def _suite(x: Inputs) -> v2.Suite:
    slot = timedelta(seconds=x.integer("slot_seconds")) if "slot_seconds" in x else None
    return v2.Suite(x.E, x.hash_name(), slot)


def _identity(x: Inputs, name: str = "identity") -> v2.Identity:
    return v2.Identity.from_bytes(x.octets(name))


def _pinned(x: Inputs) -> v2.Identity | None:
    return _identity(x, "pinned") if "pinned" in x else None


def _context(x: Inputs) -> v2.Context:
    return v2.Context(x.text("server"), x.text("origin"), x.text("relying_party"))


def _key(x: Inputs) -> v2.ClientKey:
    kinds: dict[str, Any] = {"ed25519": v2.Ed25519Key, "ecdsa-p256-sha256": v2.P256Key}
    name = x.text("algorithm")
    if name not in kinds:
        raise BadLiteral(f"no algorithm is called {name[:40]!r}")
    key: v2.ClientKey = kinds[name].from_bytes(x.octets("key"))
    return key


def _credential(x: Inputs, suite: v2.Suite) -> v2.Credential:
    return v2.Credential(v2.Token.from_bytes(suite, x.octets("token")), _key(x))


def _permit(x: Inputs, suite: v2.Suite) -> v2.Permit | None:
    return v2.Permit.from_bytes(suite, x.octets("permit")) if "permit" in x else None


def _server_secret(x: Inputs, suite: v2.Suite) -> v2.ServerSecret:
    return v2.ServerSecret.from_bytes(suite, x.octets("server_secret"))


def _authenticated(result: v2.Authenticated) -> Results:
    return {
        "identity_digest": result.identity.digest().hex(),
        "method": result.method,
        "reference": result.reference.hex(),
        "slot": -1 if result.slot is None else result.slot,
        "at": result.at,
    }


@operation("mpin-v2.suite")
def suite(x: Inputs) -> Results:
    """Identifier, tags, and a slot in octets."""
    made = _suite(x)
    result = {"id": made.id, "tags": [made.dst(purpose).decode() for purpose in v2.PURPOSES]}
    if "now" not in x:
        return result
    slot = made.slot_at(x.integer("now"))
    return {**result, "slot": -1 if slot is None else slot, "slot_octets": made.slot_octets(slot).hex()}


@operation("mpin-v2.slot-octets")
def slot_octets(x: Inputs) -> Results:
    """The slot in octets."""
    slot = _suite(x).slot_from_octets(x.octets("octets"))
    return {"slot": -1 if slot is None else slot}


@operation("mpin-v2.identity")
def identity(x: Inputs) -> Results:
    """A new identity, its digest and its point."""
    made_suite, key = _suite(x), _key(x)
    made = v2.Identity.create(
        made_suite, x.text("realm"), x.text("user"), x.text("device"), key, x.integer("issued_at"), x.random()
    )
    return {
        "public_key": key.public_key.hex(),
        "identity": made.to_bytes().hex(),
        "digest": made.digest().hex(),
        "A": made_suite.hash_identity(made).to_bytes().hex(),
    }


@operation("mpin-v2.read-identity")
def read_identity(x: Inputs) -> Results:
    """The account key of an identity."""
    return {"account": list(_identity(x).account)}


@operation("mpin-v2.client-signature")
def client_signature(x: Inputs) -> Results:
    """A signature of the client key."""
    return {"signature": _key(x).sign(x.octets("message")).hex()}


@operation("mpin-v2.verify-client-signature")
def verify_client_signature(x: Inputs) -> Results:
    """The verdict on a signature of a client key."""
    verify_signature(x.text("algorithm"), x.octets("public_key"), x.octets("signature"), x.octets("message"))
    return {"accepted": True}


@operation("mpin-v2.check-public-key")
def public_key(x: Inputs) -> Results:
    """Whether a public key may stand in an identity."""
    check_public_key(x.text("algorithm"), x.octets("public_key"))
    return {"accepted": True}


@operation("mpin-v2.issue")
def issue(x: Inputs) -> Results:
    """Everything that one D-TA issues."""
    made, who = _suite(x), _identity(x)
    share = v2.MasterShare.from_bytes(made, x.text("issuer"), x.octets("master_share"))
    result = {
        "commitment": share.commitment().to_bytes().hex(),
        "server_share": share.server_share().to_bytes().hex(),
        "client_share": share.client_share(who).to_bytes().hex(),
    }
    return (
        {**result, "permit_share": share.permit_share(who, x.integer("slot")).to_bytes().hex()}
        if "slot" in x
        else result
    )


@operation("mpin-v2.combine-server-shares")
def combine_server_shares(x: Inputs) -> Results:
    """The server secret."""
    made = _suite(x)
    shares = [v2.ServerShare.from_bytes(made, octets) for octets in x.octet_list("shares")]
    commitments = [v2.Commitment.from_bytes(made, octets) for octets in x.octet_list("commitments")]
    return {"server_secret": v2.combine_server_shares(shares, commitments).to_bytes().hex()}


@operation("mpin-v2.combine-client-shares")
def combine_client_shares(x: Inputs) -> Results:
    """The client secret."""
    made = _suite(x)
    shares = [v2.ClientShare.from_bytes(made, octets) for octets in x.octet_list("shares")]
    return {"client_secret": v2.combine_client_shares(shares, x.raw("issuers")).to_bytes().hex()}


@operation("mpin-v2.combine-permit-shares")
def combine_permit_shares(x: Inputs) -> Results:
    """The permit."""
    made = _suite(x)
    shares = [v2.PermitShare.from_bytes(made, octets) for octets in x.octet_list("shares")]
    return {"permit": v2.combine_permit_shares(shares, x.raw("issuers")).to_bytes().hex()}


@operation("mpin-v2.permit-point")
def permit_point(x: Inputs) -> Results:
    """The point that a permit is for, and the one that a login is for."""
    made, who, slot = _suite(x), _identity(x), x.integer("slot")
    return {
        "AT": made.permit_point(who, slot).to_bytes().hex(),
        "T": made.login_point(who, slot).to_bytes().hex(),
        "slot_octets": made.slot_octets(slot).hex(),
    }


def _pin(x: Inputs, name: str = "pin") -> str | bytes:
    return x.octets(f"{name}_octets") if f"{name}_octets" in x else x.text(name)


@operation("mpin-v2.token")
def token(x: Inputs) -> Results:
    """The token, and the point of the PIN."""
    made = _suite(x)
    secret = v2.ClientSecret.from_bytes(made, x.octets("client_secret"))
    pin = _pin(x)
    return {
        "token": secret.token(pin).to_bytes().hex(),
        "pin_octets": v2.pin_octets(pin).hex(),
        "pin_point": made.pin_point(secret.identity, pin).to_bytes().hex(),
    }


@operation("mpin-v2.change-pin")
def change_pin(x: Inputs) -> Results:
    """The token under another PIN."""
    old = v2.Token.from_bytes(_suite(x), x.octets("token"))
    return {"token": old.change_pin(_pin(x, "old"), _pin(x, "new")).to_bytes().hex()}


@operation("mpin-v2.credential")
def credential(x: Inputs) -> Results:
    """Whether a token and a key belong together."""
    return {"identity_digest": _credential(x, _suite(x)).identity.digest().hex()}


# -- two-pass ---------------------------------------------------------------------------------------------------
@operation("mpin-v2.start-login")
def start_login(x: Inputs) -> Results:
    """The client's first message."""
    made = _suite(x)
    started = v2.start_login(_credential(x, made), _context(x), x.integer("now"), x.random(), _permit(x, made))
    return {"pass_one": started.message.to_bytes().hex()}


@operation("mpin-v2.answer")
def answer(x: Inputs) -> Results:
    """Both messages of a client."""
    made = _suite(x)
    started = v2.start_login(_credential(x, made), _context(x), x.integer("now"), x.random(), _permit(x, made))
    if x.flag("twice"):
        started.answer(x.octets("ask"), _pin(x), x.integer("answered_at"))
    second = started.answer(x.octets("ask"), _pin(x), x.integer("answered_at"))
    return {"pass_one": started.message.to_bytes().hex(), "pass_two": second.to_bytes().hex()}


@operation("mpin-v2.challenge")
def challenge(x: Inputs) -> Results:
    """The server's answer to a first message, and what it stores."""
    made, context = _suite(x), _context(x)
    first = v2.PassOne.from_bytes(x.octets("pass_one"))
    challenged = v2.Verifier(made, context).challenge(first, _pinned(x), x.integer("now"), x.random())
    return {
        "ask": challenged.message.to_bytes().hex(),
        "state": challenged.to_bytes().hex(),
        "session_id": challenged.session_id.hex(),
        "expires": challenged.expires,
        "y": challenge_scalar(made, context, first, challenged.message).to_bytes().hex(),
    }


@operation("mpin-v2.accept")
def accept(x: Inputs) -> Results:
    """The verdict on a second message."""
    made = _suite(x)
    challenged = v2.Verifier(made, _context(x)).resume(x.octets("state"))
    if x.flag("twice"):
        challenged.accept(x.octets("pass_two"), x.integer("now"))
    counted = challenged.accept(x.octets("pass_two"), x.integer("now"))
    if x.flag("verify_twice"):
        counted.verify(_server_secret(x, made))
    return _authenticated(counted.verify(_server_secret(x, made)))


# -- one message --------------------------------------------------------------------------------------------------
@operation("mpin-v2.login-once")
def login_once(x: Inputs) -> Results:
    """The message of a one-pass login."""
    made = _suite(x)
    sent = v2.login_once(_credential(x, made), _context(x), _pin(x), x.integer("now"), x.random(), _permit(x, made))
    return {"message": sent.to_bytes().hex()}


@operation("mpin-v2.accept-once")
def accept_once(x: Inputs) -> Results:
    """The verdict on a one-pass login."""
    made = _suite(x)
    verifier = v2.OnePassVerifier(made, _context(x), v2.MemoryReplayCache())
    if "seen_at" in x:
        verifier.accept(x.octets("message"), _pinned(x), x.integer("seen_at"))
    counted = verifier.accept(x.octets("message"), _pinned(x), x.integer("now"))
    return _authenticated(counted.verify(_server_secret(x, made)))


@operation("mpin-v2.sign")
def sign(x: Inputs) -> Results:
    """A signature over a message."""
    made = _suite(x)
    signed = v2.sign(
        _credential(x, made), _context(x), x.octets("message"), _pin(x), x.integer("now"), x.random(), _permit(x, made)
    )
    return {"signature": signed.to_bytes().hex()}


@operation("mpin-v2.verify-signature")
def verify(x: Inputs) -> Results:
    """The verdict on a signature over a message."""
    made = _suite(x)
    counted = v2.SignatureVerifier(made, _context(x)).accept(
        x.octets("signature"), x.octets("message"), _pinned(x), x.integer("now")
    )
    return _authenticated(counted.verify(_server_secret(x, made)))


# -- FULL -----------------------------------------------------------------------------------------------------------
@operation("mpin-v2.full-challenge")
def full_challenge(x: Inputs) -> Results:
    """The server's answer to a first FULL message, and what it stores."""
    verifier = v2.FullVerifier(_suite(x), _context(x))
    challenged = verifier.challenge(x.octets("full_one"), _pinned(x), x.integer("now"), x.random())
    return {"ask": challenged.message.to_bytes().hex(), "state": challenged.to_bytes().hex()}


@operation("mpin-v2.full-client")
def full_client(x: Inputs) -> Results:
    """All that a FULL client sends, and the session key if there is a confirmation."""
    made = _suite(x)
    started = v2.start_full(_credential(x, made), _context(x), x.integer("now"), x.random(), _permit(x, made))
    result = {"full_one": started.message.to_bytes().hex()}
    if "ask" not in x:
        return result
    answered = started.answer(x.octets("ask"), _pin(x), x.integer("answered_at"))
    result["full_two"] = answered.message.to_bytes().hex()
    if "confirmation" in x:
        result["session_key"] = answered.finish(x.octets("confirmation")).to_bytes().hex()
    return result


@operation("mpin-v2.full-accept")
def full_accept(x: Inputs) -> Results:
    """The verdict on a second FULL message, the confirmation and the session key."""
    made = _suite(x)
    challenged = v2.FullVerifier(made, _context(x)).resume(x.octets("state"))
    done = challenged.accept(x.octets("full_two"), x.integer("now")).verify(_server_secret(x, made))
    return {
        **_authenticated(done.authenticated),
        "confirmation": done.message.to_bytes().hex(),
        "session_key": done.session_key.to_bytes().hex(),
    }
