"""Operations of M-Pin v1."""

from __future__ import annotations

from milagro.conformance.operations._registry import Inputs, Results, operation, original
from milagro.groups import Encoding, G1Point
from milagro.protocols.mpin.v1 import (
    client,
    dvs,
    full,
    hashing,
    issuing,
    permits_encoding,
    pin_error,
    server,
    signature,
)
from milagro.protocols.original_hash import numbered_hash

_MILAGRO = Encoding.MILAGRO


@operation("mpin-v1.numbered-hash")
def numbered(x: Inputs) -> Results:
    """H(n, data)."""
    return {"hash": numbered_hash(x.E, x.integer("n"), x.octets("data"), hash_name=x.hash_name()).hex()}


@operation("mpin-v1.hashed-identity")
def hashed_identity(x: Inputs) -> Results:
    """HID and A."""
    hashed = hashing.hashed_identity(x.E, x.octets("identity"), hash_name=x.hash_name())
    return {"HID": hashed.hex(), "A": original(hashing.identity_point(x.E, hashed))}


@operation("mpin-v1.server-secret")
def server_secret(x: Inputs) -> Results:
    """Server secret shares and their sum."""
    shares = [issuing.server_secret(x.E, x.scalar(k)) for k in ("s1", "s2")]
    return {"SS1": original(shares[0]), "SS2": original(shares[1]), "SS": original(issuing.recombine_g2(shares))}


@operation("mpin-v1.client-secret")
def client_secret(x: Inputs) -> Results:
    """Client secret shares and their sum."""
    hashed = x.octets("HID")
    shares = [issuing.client_secret(x.E, x.scalar(k), hashed) for k in ("s1", "s2")]
    return {"CS1": original(shares[0]), "CS2": original(shares[1]), "CS": original(issuing.recombine_g1(shares))}


@operation("mpin-v1.recombine")
def recombine(x: Inputs) -> Results:
    """The sum of shares in G1."""
    return {"sum": original(issuing.recombine_g1([x.E.g1_from_bytes(s, _MILAGRO) for s in x.octet_list("shares")]))}


@operation("mpin-v1.token")
def token(x: Inputs) -> Results:
    """The token, and the secret again from it."""
    identity, pin = x.octets("identity"), x.integer("pin")
    result = client.extract_pin(x.E, x.g1("CS"), identity, pin, hash_name=x.hash_name())
    again = client.restore_pin(x.E, result, identity, pin, hash_name=x.hash_name())
    return {"token": original(result), "restored": original(again)}


@operation("mpin-v1.factor")
def factor(x: Inputs) -> Results:
    """The token for a factor of up to 32 bits."""
    identity, value, bits = x.octets("identity"), x.integer("factor"), x.integer("bits")
    result = client.extract_factor(x.E, x.g1("CS"), identity, value, bits, hash_name=x.hash_name())
    again = client.restore_factor(x.E, result, identity, value, bits, hash_name=x.hash_name())
    return {"token": original(result), "restored": original(again)}


@operation("mpin-v1.time-permit")
def time_permit(x: Inputs) -> Results:
    """Permit shares, their sum, and the point they belong to."""
    hashed, date = x.octets("HID"), x.integer("date")
    shares = [issuing.time_permit(x.E, x.scalar(k), hashed, date, hash_name=x.hash_name()) for k in ("s1", "s2")]
    return {
        "AT": original(hashing.permit_point(x.E, hashed, date, hash_name=x.hash_name())),
        "TP1": original(shares[0]),
        "TP2": original(shares[1]),
        "TP": original(issuing.recombine_g1(shares)),
    }


@operation("mpin-v1.day")
def day(x: Inputs) -> Results:
    """The day of a time."""
    return {"date": hashing.day_of(x.integer("seconds"))}


def _permit(x: Inputs) -> G1Point | None:
    return x.g1("permit") if "permit" in x else None


@operation("mpin-v1.client-two-pass")
def client_two_pass(x: Inputs) -> Results:
    """The client's messages: U, UT, V."""
    date = x.integer("date", 0)
    state, commitment = client.ClientTwoPass.start(
        x.E,
        x.octets("identity"),
        x.g1("token"),
        x.integer("pin"),
        x.scalar("x"),
        permit=_permit(x),
        date=date,
        hash_name=x.hash_name(),
    )
    result = {"U": original(commitment.for_date(0))}
    if commitment.ut is not None:
        result["UT"] = original(commitment.ut)
    return {**result, "V": original(state.respond(x.scalar("y")))}


@operation("mpin-v1.client-responds-twice")
def client_responds_twice(x: Inputs) -> Results:
    """A second response of one state."""
    state, _ = client.ClientTwoPass.start(
        x.E, x.octets("identity"), x.g1("token"), x.integer("pin"), x.scalar("x"), hash_name=x.hash_name()
    )
    state.respond(x.scalar("y"))
    return {"V": original(state.respond(x.scalar("y2")))}


def _commitment(x: Inputs) -> client.Commitment:
    return client.Commitment(x.g1("U"), x.g1("UT") if "UT" in x else None)


@operation("mpin-v1.server-two-pass")
def server_two_pass(x: Inputs) -> Results:
    """The server's verdict."""
    key = x.g2("client_key") if "client_key" in x else None
    state = server.ServerTwoPass.start(
        x.E,
        x.g2("SS"),
        x.octets("identity"),
        _commitment(x),
        x.scalar("y"),
        date=x.integer("date", 0),
        client_key=key,
        hash_name=x.hash_name(),
    )
    state.verify(x.g1("V"))
    return {"accepted": True}


@operation("mpin-v1.evidence")
def evidence(x: Inputs) -> Results:
    """What a rejected run shows, and the PIN error in it."""
    state = server.ServerTwoPass.start(
        x.E,
        x.g2("SS"),
        x.octets("identity"),
        _commitment(x),
        x.scalar("y"),
        date=x.integer("date", 0),
        hash_name=x.hash_name(),
    )
    try:
        state.verify(x.g1("V"), evidence=True)
    except server.ProofRejected as rejection:
        return {
            "E": rejection.e.to_bytes().hex(),
            "F": rejection.f.to_bytes().hex(),
            "pin_error": pin_error.pin_error(x.E, rejection.e, rejection.f),
        }
    return {"accepted": True}


@operation("mpin-v1.pin-error")
def search(x: Inputs) -> Results:
    """The PIN error in two elements of GT."""
    return {"pin_error": pin_error.pin_error(x.E, x.gt("E"), x.gt("F"))}


@operation("mpin-v1.time-challenge")
def time_challenge(x: Inputs) -> Results:
    """y of a one-pass run."""
    y = hashing.time_challenge(x.E, x.integer("time"), x.g1("U"), x.octets("message"), hash_name=x.hash_name())
    return {"y": y.to_bytes(x.E.field_bytes).hex()}


@operation("mpin-v1.client-one-pass")
def client_one_pass(x: Inputs) -> Results:
    """The client's one message."""
    sent = client.one_pass(
        x.E,
        x.octets("identity"),
        x.g1("token"),
        x.integer("pin"),
        x.scalar("x"),
        time=x.integer("time"),
        message=x.octets("message"),
        permit=_permit(x),
        date=x.integer("date", 0),
        hash_name=x.hash_name(),
    )
    result = {"U": original(sent.commitment.for_date(0)), "V": original(sent.v)}
    return {**result, "UT": original(sent.commitment.ut)} if sent.commitment.ut is not None else result


@operation("mpin-v1.server-one-pass")
def server_one_pass(x: Inputs) -> Results:
    """The server's verdict on one message."""
    sent = client.OnePass(_commitment(x), x.g1("V"), x.integer("time"))
    server.verify_one_pass(
        x.E,
        x.g2("SS"),
        x.octets("identity"),
        sent,
        message=x.octets("message"),
        date=x.integer("date", 0),
        hash_name=x.hash_name(),
    )
    return {"accepted": True}


@operation("mpin-v1.full")
def full_run(x: Inputs) -> Results:
    """A whole FULL run: precomputed values, all messages, transcript hash, both keys."""
    E, name, identity, date = x.E, x.hash_name(), x.octets("identity"), x.integer("date", 0)
    precomputed = full.precompute(E, x.g1("token"), identity, hash_name=name)
    state, commitment, r_point = full.FullClient.start(
        E,
        identity,
        x.g1("token"),
        precomputed,
        x.integer("pin"),
        x=x.scalar("x"),
        r=x.scalar("r"),
        permit=_permit(x),
        date=date,
        hash_name=name,
    )
    serving = full.FullServer.start(
        E, x.g2("SS"), identity, commitment, r_point, y=x.scalar("y"), w=x.scalar("w"), date=date, hash_name=name
    )
    y, w_point = serving.challenge
    v, client_key = state.respond(y, w_point)
    server_key = serving.finish(v)
    hashed = hashing.hashed_identity(E, identity, hash_name=name)
    transcript = hashing.transcript_hash(
        E, hashed, commitment=commitment.for_date(date), v=v, y=y, r_point=r_point, w_point=w_point, hash_name=name
    )
    return {
        "g1": precomputed.g1.to_bytes().hex(),
        "g2": precomputed.g2.to_bytes().hex(),
        "R": original(r_point),
        "W": original(w_point),
        "V": original(v),
        "HASH_ALL": transcript.hex(),
        "client_key": client_key.hex(),
        "server_key": server_key.hex(),
    }


@operation("mpin-v1.client-key")
def client_key(x: Inputs) -> Results:
    """Pa, the extended identity, and the secret for it."""
    E, name = x.E, x.hash_name()
    key = dvs.client_public_key(E, x.scalar("z"))
    identity = dvs.extended_identity(x.octets("identity"), key)
    hashed = hashing.hashed_identity(E, identity, hash_name=name)
    shares = [issuing.client_secret(E, x.scalar(k), hashed) for k in ("s1", "s2")]
    secret = dvs.client_key_secret(x.scalar("z"), issuing.recombine_g1(shares))
    return {"Pa": original(key), "identity": identity.hex(), "secret": original(secret)}


@operation("mpin-v1.require-bound")
def require_bound(x: Inputs) -> Results:
    """Whether an identity ends with the key it is used with."""
    dvs.require_bound(x.octets("identity"), x.g2("Pa"))
    return {"bound": True}


@operation("mpin-v1.sign")
def sign(x: Inputs) -> Results:
    """A client-key signature."""
    sent = signature.sign(
        x.E,
        x.octets("identity"),
        x.g1("token"),
        x.integer("pin"),
        x=x.scalar("x"),
        time=x.integer("time"),
        message=x.octets("message"),
        hash_name=x.hash_name(),
    )
    return {"U": original(sent.commitment.for_date(0)), "V": original(sent.v)}


@operation("mpin-v1.verify-signature")
def verify_signature(x: Inputs) -> Results:
    """The verdict on a client-key signature."""
    sent = client.OnePass(client.Commitment(x.g1("U")), x.g1("V"), x.integer("time"))
    signature.verify(
        x.E, x.g2("SS"), x.octets("identity"), sent, x.octets("message"), client_key=x.g2("Pa"), hash_name=x.hash_name()
    )
    return {"accepted": True}


@operation("mpin-v1.obfuscate")
def obfuscate(x: Inputs) -> Results:
    """An obfuscated point, which is found again in it."""
    octets = permits_encoding.encode(x.E, x.g1("P"), x.random())
    return {"octets": octets.hex(), "P": original(permits_encoding.decode(x.E, octets))}


@operation("mpin-v1.deobfuscate")
def deobfuscate(x: Inputs) -> Results:
    """The point in obfuscated octets."""
    return {"P": original(permits_encoding.decode(x.E, x.octets("octets")))}
