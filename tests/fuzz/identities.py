"""What is fuzzed of the DPKI and of names: blocks, receipts, bundles, DIDs, CIDs, links, keys and signatures.

ML-DSA-65 signs slowly and its signatures cannot be guessed, so a bundle is put together from the input and signed here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache

from milagro import cbor
from milagro.cid import CID, LINK_TAG, Codec, links
from milagro.errors import MilagroError
from milagro.protocols import pki
from milagro.protocols.pki.operations import LABEL, Block
from milagro.protocols.signatures import PUBLIC_OCTETS, SIGNATURE_OCTETS, SigningKey, VerifyingKey
from tests.fuzz.target import Target, numbered, one_of, parses, refused_in_the_tree


@cache
def key(name: str) -> SigningKey:
    return SigningKey(hashlib.shake_256(name.encode()).digest(64))


@cache
def history() -> pki.Replica:
    """An identity with every kind of edit, a witness, a rotation and a retirement."""
    some = pki.Key(pki.Purpose.BLS, "BLS12-381-AUG.1", bytes([5]) * 48)
    witnesses = pki.Witnesses(1, (key("witness").public,))
    first = pki.create(key("0"), key("1").public, 1000, [pki.AddKey(some)], witnesses)
    replica = pki.Replica(first.identity)
    replica.add(first.octets)
    edits: list[pki.Edit] = [pki.SetService("dta", "D-TA", "https://a.example/"), pki.Attest(first.cid, "friend")]
    replica.add(pki.change(replica, key("0"), 1001, edits).octets)
    edits = [pki.RemoveService("dta"), pki.Withdraw(first.cid, "friend"), pki.RevokeKey(some.id)]
    replica.add(pki.change(replica, key("0"), 1002, edits).octets)
    replica.add(pki.rotate(replica, key("1"), key("2").public, 1003, [pki.AddKey(some)]).octets)
    receipt, _ = pki.give_receipt(replica, first.cid, key("witness"), {})
    replica.add_receipt(receipt.to_bytes())
    replica.add(pki.retire(replica, key("1"), 1004).octets)
    return replica


# -- operations --------------------------------------------------------------------------------------------------------
def check_blocks(octets: bytes) -> None:
    parses(octets, lambda given: Block.from_bytes(given).octets)


def check_operations(octets: bytes) -> None:
    """The input as an operation under the right signature: what a malicious owner, or a new release, can write."""
    with refused_in_the_tree():
        value = cbor.decode(octets[: 1 << 16], tags=(LINK_TAG,))
        for signer in ("0", "1"):
            signature = key(signer).sign(LABEL, "operation", octets[: 1 << 16])
            replica = pki.Replica(history().identity)
            replica.merge(history())
            replica.add(cbor.encode({"operation": value, "signature": signature}))
            _resolves(replica)


def check_bundles(octets: bytes) -> None:
    """A bundle, and in its place the blocks and receipts of one that was damaged, added one by one."""
    parses(octets, lambda given: pki.Replica.from_bytes(given).to_bytes())
    replica = pki.Replica(history().identity)
    with refused_in_the_tree():
        fields = cbor.decode(octets, cbor.Limits(octets=1 << 20, items=1 << 12, depth=4), tags=(LINK_TAG,))
        if not isinstance(fields, dict):
            return
        for name, add in (("operations", replica.add), ("receipts", replica.add_receipt)):
            some = fields.get(name)
            for one in some if isinstance(some, tuple) else ():
                with refused_in_the_tree():
                    add(bytes(one) if isinstance(one, bytes) else b"")
        _resolves(replica)
    if len(replica) and pki.Replica.from_bytes(replica.to_bytes()).to_bytes() != replica.to_bytes():
        raise AssertionError("a replica is not what its bundle says")


def _resolves(replica: pki.Replica) -> None:
    with refused_in_the_tree():
        resolution = pki.resolve(replica)
        json.dumps([pki.did_document(resolution), pki.did_metadata(resolution)])


def check_receipts(octets: bytes) -> None:
    parses(octets, lambda given: pki.Receipt.from_bytes(given).to_bytes())


def seeds_of_bundles() -> list[bytes]:
    whole = history()
    part = pki.Replica(whole.identity)
    for block in list(whole)[:2]:
        part.add(block.octets)
    return [part.to_bytes(), whole.to_bytes()]


def seeds_of_operations() -> list[bytes]:
    return [cbor.encode(block.operation.value()) for block in history()]


def receipts() -> list[bytes]:
    whole = history()
    return [receipt.to_bytes() for block in whole for receipt in whole.receipts(block.cid)]


# -- names and keys ----------------------------------------------------------------------------------------------------
def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def check_links(octets: bytes) -> None:
    with refused_in_the_tree():
        for cid in links(octets):
            if cid.link().value != b"\0" + cid.to_bytes():
                raise AssertionError("a link is not what it was read from")


def check_signature(octets: bytes) -> None:
    try:
        key("0").public.verify(octets, "label", "purpose", b"message")
    except MilagroError:
        return
    raise AssertionError("a signature was made without the key")


NAMES = [
    lambda given: parses(given, lambda octets: CID.from_bytes(octets).to_bytes()),
    lambda given: parses(given, lambda octets: str(CID.from_text(_text(octets))).encode()),
    lambda given: parses(given, lambda octets: pki.did_of(pki.identity_of(_text(octets))).encode()),
    check_links,
    lambda given: parses(given, lambda octets: VerifyingKey.from_bytes(octets).to_bytes()),
    check_signature,
]


def seeds_of_names() -> list[bytes]:
    cids = [CID.of(b"content"), CID.of(b"content", Codec.DAG_CBOR)]
    linked = cbor.encode({"a": cids[0].link(), "b": [cids[1].link(), 1, "x", None, True, {"c": -1}]})
    return numbered(
        [
            [cid.to_bytes() for cid in cids],
            [str(cid).encode() for cid in cids],
            [pki.did_of(cid).encode() for cid in cids],
            [linked],
            [key("0").public.to_bytes(), bytes(PUBLIC_OCTETS)],
            [key("0").sign("label", "purpose", b"other message"), bytes(SIGNATURE_OCTETS)],
        ]
    )


def _blocks() -> Iterable[bytes]:
    return [block.octets for block in history()]


TARGETS = {
    "identity-blocks": Target(check_blocks, _blocks),
    "identity-operations": Target(check_operations, seeds_of_operations),
    "identity-bundles": Target(check_bundles, seeds_of_bundles),
    "receipts": Target(check_receipts, receipts),
    "names": Target(one_of(NAMES), seeds_of_names),
}
