"""Operations of the Chow-Choo key agreement."""

from __future__ import annotations

from milagro.conformance.operations._registry import Inputs, Results, operation, original
from milagro.protocols import wcc


@operation("wcc.keys")
def keys(x: Inputs) -> Results:
    """Both keys of one identity."""
    hashed = wcc.hashed_identity(x.E, x.octets("identity"), hash_name=x.hash_name())
    s = x.scalar("s")
    return {"sender": original(wcc.sender_key(x.E, s, hashed)), "receiver": original(wcc.receiver_key(x.E, s, hashed))}


@operation("wcc.run")
def run(x: Inputs) -> Results:
    """A whole run between a sender and a receiver: messages, challenges, both keys."""
    E, name, a, b = x.E, x.hash_name(), x.octets("sender"), x.octets("receiver")
    key_a, key_b = x.g1("sender_key"), x.g2("receiver_key")
    state, pa = wcc.Sender.start(E, a, b, key_a, x.scalar("x"), hash_name=name)
    pb, pg, key = wcc.respond(E, a, b, key_b, pa, y=x.scalar("y"), w=x.scalar("w"), hash_name=name)
    transcript = wcc.Transcript(E, a, b, pa, pb, pg, name)
    return {
        "Pa": original(pa),
        "Pb": original(pb),
        "Pg": original(pg),
        "pia": transcript.pia.to_bytes(E.field_bytes).hex(),
        "pib": transcript.pib.to_bytes(E.field_bytes).hex(),
        "sender_session_key": state.finish(pb, pg).hex(),
        "receiver_session_key": key.hex(),
    }


@operation("wcc.respond")
def respond(x: Inputs) -> Results:
    """The receiver's answer to a first message."""
    pb, pg, key = wcc.respond(
        x.E,
        x.octets("sender"),
        x.octets("receiver"),
        x.g2("receiver_key"),
        x.g1("Pa"),
        y=x.scalar("y"),
        w=x.scalar("w"),
        hash_name=x.hash_name(),
    )
    return {"Pb": original(pb), "Pg": original(pg), "key": key.hex()}


@operation("wcc.finish-twice")
def finish_twice(x: Inputs) -> Results:
    """A second answer to one sender."""
    state, _ = wcc.Sender.start(
        x.E, x.octets("sender"), x.octets("receiver"), x.g1("sender_key"), x.scalar("x"), hash_name=x.hash_name()
    )
    state.finish(x.g2("Pb"), x.g1("Pg"))
    return {"key": state.finish(x.g2("Pb"), x.g1("Pg")).hex()}
