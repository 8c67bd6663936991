"""Operations of threshold issuing: the octets of tickets, requests, answers, key views and logs."""

from __future__ import annotations

from milagro.cid import CID
from milagro.conformance.literals import BadLiteral
from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.protocols.issuance import (
    Asked,
    Entry,
    Head,
    Issue,
    Issued,
    Purpose,
    Restored,
    Ticket,
    context,
    entry_digest,
    origin,
    view_octets,
)


def _cid(x: Inputs, name: str) -> CID:
    return CID.from_text(x.text(name))


def _purpose(x: Inputs) -> Purpose:
    name = x.text("purpose")
    if name not in set(Purpose):
        raise BadLiteral(f"no purpose is called {name[:60]!r}")
    return Purpose(name)


def _slot(x: Inputs) -> int | None:
    return x.integer("slot") if "slot" in x else None


@operation("issuing.ticket")
def ticket(x: Inputs) -> Results:
    """The payload of a ticket."""
    digests = x.octets("subject"), x.octets("key_id"), x.octets("jti")
    times = x.integer("issued"), x.integer("expires")
    return {"payload": Ticket(_cid(x, "network"), _purpose(x), *digests, *times, _slot(x)).to_bytes().hex()}


@operation("issuing.read-ticket")
def read_ticket(x: Inputs) -> Results:
    """What a payload says."""
    read = Ticket.from_bytes(x.octets("payload"))
    digests = {"subject": read.subject.hex(), "key_id": read.key_id.hex(), "jti": read.jti.hex()}
    times = {"issued": read.issued, "expires": read.expires}
    slot = {} if read.slot is None else {"slot": read.slot}
    return {"network": str(read.network), "purpose": read.purpose.value, **digests, **times, **slot}


@operation("issuing.request")
def request(x: Inputs) -> Results:
    """What a holder signs, its digest, and the context of the answer."""
    asked = Asked(_cid(x, "network"), _cid(x, "node"), x.octets("ticket"), x.octets("reply"), x.octets("identity"))
    return {"statement": asked.statement.hex(), "digest": asked.digest.hex(), "context": context(asked)}


@operation("issuing.answer")
def answer(x: Inputs) -> Results:
    """The payload of an answer."""
    made = Issued(_purpose(x), x.octets("key_id"), x.integer("epoch"), x.octets("share"))
    return {"payload": made.to_bytes().hex()}


@operation("issuing.read-answer")
def read_answer(x: Inputs) -> Results:
    """What a payload says."""
    read = Issued.from_bytes(x.octets("payload"))
    return {
        "purpose": read.purpose.value,
        "key_id": read.key_id.hex(),
        "epoch": read.epoch,
        "share": read.share.hex(),
    }


@operation("issuing.key-view")
def key_view(x: Inputs) -> Results:
    """The octets of a key view."""
    return {"view": view_octets(_cid(x, "network"), _cid(x, "node"), x.octets("keys"), x.integer("at")).hex()}


@operation("issuing.entry")
def entry(x: Inputs) -> Results:
    """An entry of a log, and its digest."""
    if "lost_from" in x:
        event: Issue | Restored = Restored(x.integer("lost_from"))
    else:
        parties = _cid(x, "authority"), _purpose(x), x.octets("subject")
        event = Issue(*parties, x.octets("key_id"), x.integer("epoch"), x.octets("request"), x.octets("jti"), _slot(x))
    octets = Entry(x.integer("number"), x.octets("previous"), x.integer("time"), event).to_bytes()
    return {"entry": octets.hex(), "digest": entry_digest(octets).hex()}


@operation("issuing.read-entry")
def read_entry(x: Inputs) -> Results:
    """What an entry says."""
    read = Entry.from_bytes(x.octets("entry"))
    common = {"number": read.number, "previous": read.previous.hex(), "time": read.time}
    if isinstance(read.event, Restored):
        return {**common, "lost_from": read.event.lost_from}
    event = read.event
    return {
        **common,
        "authority": str(event.authority),
        "purpose": event.purpose.value,
        "subject": event.subject.hex(),
        "key_id": event.key_id.hex(),
        "epoch": event.epoch,
        "request": event.request.hex(),
        "jti": event.jti.hex(),
        **({} if event.slot is None else {"slot": event.slot}),
    }


@operation("issuing.head")
def head(x: Inputs) -> Results:
    """The head of a log, and what stands before its first entry."""
    node, network = _cid(x, "node"), _cid(x, "network")
    made = Head(node, network, x.integer("number"), x.octets("digest"), x.integer("time"))
    return {"head": made.to_bytes().hex(), "origin": origin(node, network).hex()}


@operation("issuing.read-head")
def read_head(x: Inputs) -> Results:
    """What a head says."""
    read = Head.from_bytes(x.octets("head"))
    parties = {"node": str(read.node), "network": str(read.network)}
    return {**parties, "number": read.number, "digest": read.digest.hex(), "time": read.time}
