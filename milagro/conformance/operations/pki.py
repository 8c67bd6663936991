"""Operations of hybrid signatures and of identities."""

from __future__ import annotations

from milagro.cid import CID
from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.protocols import pki, signatures
from milagro.protocols.pki import Block, Replica


@operation("signatures.public-key")
def public_key(inputs: Inputs) -> Results:
    """The public key of a seed."""
    return {"public_key": signatures.SigningKey(inputs.octets("seed")).public.to_bytes().hex()}


@operation("signatures.signed-octets")
def signed_octets(inputs: Inputs) -> Results:
    """What both algorithms sign."""
    return {
        "octets": signatures.signed_octets(
            inputs.text("label"), inputs.text("purpose"), *inputs.octet_list("fields")
        ).hex()
    }


@operation("signatures.verify")
def verify(inputs: Inputs) -> Results:
    """Nothing, if the signature is valid."""
    key = signatures.VerifyingKey.from_bytes(inputs.octets("public_key"))
    fields = inputs.octet_list("fields")
    key.verify(inputs.octets("signature"), inputs.text("label"), inputs.text("purpose"), *fields)
    return {"valid": True}


@operation("pki.block")
def block(inputs: Inputs) -> Results:
    """What stands on a block."""
    one = Block.from_bytes(inputs.octets("block"))
    return {
        "cid": str(one.cid),
        "identity": str(one.identity),
        "kind": one.operation.KIND,
        "sequence": one.sequence,
        "previous": [str(cid) for cid in one.previous],
    }


@operation("pki.next-digest")
def next_digest(inputs: Inputs) -> Results:
    """The commitment to a control key."""
    return {"next": pki.next_digest(signatures.VerifyingKey.from_bytes(inputs.octets("public_key"))).hex()}


@operation("pki.key-id")
def key_id(inputs: Inputs) -> Results:
    """The id of a key."""
    key = pki.Key(pki.Purpose(inputs.text("purpose")), inputs.text("suite"), inputs.octets("public"))
    return {"id": key.id.hex()}


@operation("pki.resolve")
def resolve(inputs: Inputs) -> Results:
    """What an identity is after all blocks and receipts, in the order in which they are given."""
    replica = Replica(CID.from_text(inputs.text("identity")))
    for octets in inputs.octet_list("blocks"):
        replica.add(octets)
    for octets in inputs.octet_list("receipts"):
        replica.add_receipt(octets)
    resolution = pki.resolve(replica)
    state = resolution.require(confirmed=inputs.flag("confirmed"), active=inputs.flag("active"))
    return {
        "control": state.control.to_bytes().hex(),
        "keys": [key.id.hex() for key in state.keys],
        "services": [f"{one.name} {one.type} {one.endpoint}" for one in state.services.values()],
        "attestations": sorted(f"{one.subject} {one.claim}" for one in state.attestations),
        "metadata": pki.did_metadata(resolution),
    }


@operation("pki.document")
def document(inputs: Inputs) -> Results:
    """The DID document in a bundle."""
    return {"document": pki.did_document(pki.resolve(Replica.from_bytes(inputs.octets("bundle"))))}


@operation("pki.heads")
def heads(inputs: Inputs) -> Results:
    """What a heads document says."""
    one = pki.Heads.from_bytes(inputs.octets("heads"))
    operations, receipts = ([str(cid) for cid in names] for names in (one.operations, one.receipts))
    return {"cid": str(one.cid), "identity": str(one.identity), "operations": operations, "receipts": receipts}


@operation("pki.heads-of")
def heads_of(inputs: Inputs) -> Results:
    """The heads document of what a bundle holds."""
    return {"heads": pki.Heads.of(Replica.from_bytes(inputs.octets("bundle"))).to_bytes().hex()}


@operation("pki.entry-signature")
def entry_signature(inputs: Inputs) -> Results:
    """What the signature of a log entry says, if the key made it."""
    one = pki.EntrySignature.from_bytes(inputs.octets("signature"))
    one.verify(inputs.octets("message"), pki.Key(pki.Purpose.SIGN, signatures.SUITE, inputs.octets("public_key")))
    return {"heads": str(one.heads), "key": one.key.hex()}
