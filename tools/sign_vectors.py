"""Writes vectors/signed/: what holds signatures of ML-DSA-65, which draw randomness, so that each run gives others.

These files are made when a format changes, and otherwise kept and only checked. Keys come from the seeds that the
cases' labels name, so that anyone can go on from them.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from milagro import backend  # noqa: E402
from milagro.cid import CID  # noqa: E402
from milagro.conformance.topics._book import Book, flipped, written  # noqa: E402
from milagro.errors import BrokenChain, InvalidSignature, MalformedEnvelope, NonCanonical, WrongLength  # noqa: E402
from milagro.protocols import pki  # noqa: E402
from milagro.protocols.pki import Block, Replica  # noqa: E402
from milagro.protocols.signatures import SigningKey  # noqa: E402

SOURCE = "signed once by tools/sign_vectors.py; keys are SHAKE256 of their names"
SIGNATURES, DPKI = "spec/signatures.md#", "spec/dpki.md#"


def key(name: str) -> SigningKey:
    """The signing key of a name."""
    return SigningKey(hashlib.shake_256(name.encode()).digest(64))


def signatures(backend_name: str) -> Book:
    """Keys, what is signed, and what is refused."""
    book = Book("signed/signatures", SIGNATURES + "signing", backend_name, source=SOURCE)
    signer = key("signer")
    public = book.good("key", "signatures.public-key", {"seed": signer.to_bytes().hex()}, spec=SIGNATURES + "keys")
    parts = {"label": "milagro vectors v1", "purpose": "test", "fields": ["", "616263"]}
    book.good("signed-octets", "signatures.signed-octets", parts)
    signature = signer.sign("milagro vectors v1", "test", b"", b"abc").hex()
    case = {**parts, **public, "signature": signature}
    book.good("valid", "signatures.verify", case)
    changes: dict[str, dict[str, Any]] = {
        "ed25519-changed": {"signature": flipped(signature, 3)},
        "ml-dsa-changed": {"signature": flipped(signature)},
        "other-fields": {"fields": ["616263", ""]},
        "other-purpose": {"purpose": "toast"},
        "other-label": {"label": "milagro vectors v2"},
        "other-key": {"public_key": key("other").public.to_bytes().hex()},
        "cut-short": {"signature": signature[:-2]},
    }
    for name, change in changes.items():
        book.bad(name, "signatures.verify", {**case, **change}, InvalidSignature)
    book.bad("key-cut-short", "signatures.verify", {**case, "public_key": public["public_key"][:-2]}, WrongLength)
    return book


def put(replica: Replica, block: Block) -> Block:
    """The block, now in the replica."""
    replica.add(block.octets)
    return block


def copied(replica: Replica) -> Replica:
    """A replica that goes its own way."""
    return Replica.from_bytes(replica.to_bytes())


def listed(replica: Replica) -> dict[str, Any]:
    """The inputs of pki.resolve."""
    receipts = [receipt.to_bytes().hex() for block in replica for receipt in replica.receipts(block.cid)]
    return {"identity": str(replica.identity), "blocks": [one.octets.hex() for one in replica], "receipts": receipts}


def begun(witnesses: pki.Witnesses | None = None) -> Replica:
    """An identity with two keys and a service."""
    edits = (
        pki.AddKey(pki.Key(pki.Purpose.BLS, "BLS12-381-AUG.1", bytes(range(48)))),
        pki.AddKey(pki.Key(pki.Purpose.SIGN, "ED25519+MLDSA65.1", key("messages").public.to_bytes())),
        pki.SetService("dta", "MilagroDTA", "https://dta.example:8001"),
    )
    block = pki.create(key("control 0"), key("control 1").public, 1700000000, edits, witnesses)
    replica = Replica(block.cid)
    replica.add(block.octets)
    return replica


def identity(backend_name: str) -> Book:
    """Blocks, histories, forks, receipts, documents."""
    book = Book("signed/identity", DPKI + "resolution", backend_name, source=SOURCE)
    replica = begun()
    created = replica[replica.identity]
    book.good("create", "pki.block", {"block": created.octets.hex()}, spec=DPKI + "identity")
    book.good("created", "pki.resolve", listed(replica), spec=DPKI + "state")
    for name in ("control 0", "control 1"):
        public = {"public_key": key(name).public.to_bytes().hex()}
        book.good(f"next-{name[-1]}", "pki.next-digest", public, spec=DPKI + "rotation")
    entry = {"purpose": "bls", "suite": "BLS12-381-AUG.1", "public": bytes(range(48)).hex()}
    book.good("key-id", "pki.key-id", entry, spec=DPKI + "keys")
    _bad_blocks(book, created)
    edits: list[pki.Edit] = [pki.SetService("mfa", "MilagroMFA", "https://mfa.example"), pki.RemoveService("dta")]
    edits += [pki.Attest(replica.identity, "itself"), pki.RevokeKey(pki.resolve(replica).state.keys[0].id)]
    good = put(replica, pki.change(replica, key("control 0"), 1700000001, edits))
    book.good("change", "pki.block", {"block": good.octets.hex()}, spec=DPKI + "blocks")
    book.good("changed", "pki.resolve", listed(replica), spec=DPKI + "edits")
    book.good("changed-document", "pki.document", {"bundle": replica.to_bytes().hex()}, spec=DPKI + "did")
    cut = replica.to_bytes().hex()[:-2]
    book.bad("bundle-cut-short", "pki.document", {"bundle": cut}, MalformedEnvelope, layer="cbor")
    _stolen(book, copied(replica), good.cid)
    _bad_histories(book, replica, good)
    _forked(book, copied(replica))
    _witnessed(book)
    ended = copied(replica)
    put(ended, pki.retire(ended, key("control 0"), 1700000009))
    book.good("retired", "pki.resolve", listed(ended), spec=DPKI + "retirement")
    book.bad("retired-not-active", "pki.resolve", {**listed(ended), "active": True}, BrokenChain)
    book.good("retired-document", "pki.document", {"bundle": ended.to_bytes().hex()}, spec=DPKI + "bundles")
    return book


def _bad_blocks(book: Book, block: Block) -> None:
    octets = block.octets.hex()
    spec = DPKI + "blocks"
    book.bad("block-cut-short", "pki.block", {"block": octets[:-2]}, MalformedEnvelope, layer="cbor", spec=spec)
    book.bad("block-trailing", "pki.block", {"block": octets + "00"}, MalformedEnvelope, layer="cbor", spec=spec)
    long_head = "b80" + "2" + octets[2:]
    book.bad("block-long-head", "pki.block", {"block": long_head}, NonCanonical, layer="cbor", spec=spec)
    changed = Block.from_bytes(bytes.fromhex(flipped(octets)))
    case = {"identity": str(changed.cid), "blocks": [changed.octets.hex()], "receipts": []}
    book.bad("block-signature-changed", "pki.resolve", case, InvalidSignature, spec=spec)


def _stolen(book: Book, replica: Replica, last: CID) -> None:
    put(
        replica,
        pki.change(replica, key("control 0"), 1700000002, [pki.SetService("mfa", "T", "https://thief.example")]),
    )
    put(replica, pki.retire(replica, key("control 0"), 1700000003))
    put(replica, pki.rotate(replica, key("control 1"), key("control 2").public, 1700000004, since=[last]))
    book.good("stolen-key-rotated-away", "pki.resolve", listed(replica), spec=DPKI + "rotation")
    place = pki.Place(replica.identity, (last,), 2)
    thief = pki.Rotate(place, 1700000005, key("control 0").public, pki.next_digest(key("thief").public))
    case = listed(replica)
    case["blocks"] = [*case["blocks"], Block.sign(thief, key("control 0")).octets.hex()]
    book.bad("thief-rotates", "pki.resolve", case, BrokenChain, spec=DPKI + "rotation")


def _bad_histories(book: Book, replica: Replica, last: Block) -> None:
    edits = (pki.RemoveService("mfa"),)
    rows = {
        "sequence-skips": (pki.Change(pki.Place(replica.identity, (last.cid,), 3), 0, edits), "control 0", BrokenChain),
        "other-key": (pki.Change(pki.Place(replica.identity, (last.cid,), 2), 0, edits), "control 1", InvalidSignature),
        "earlier-and-later": (
            pki.Change(
                pki.Place(replica.identity, tuple(sorted((replica.identity, last.cid), key=CID.to_bytes)), 2), 0, edits
            ),
            "control 0",
            BrokenChain,
        ),
    }
    for name, (operation, signer, error) in rows.items():
        case = listed(replica)
        case["blocks"] = [*case["blocks"], Block.sign(operation, key(signer)).octets.hex()]
        book.bad(name, "pki.resolve", case, error, spec=DPKI + "log")
    shuffled = listed(replica)
    shuffled["blocks"] = [*reversed(shuffled["blocks"]), *shuffled["blocks"]]
    book.good("any-order-and-twice", "pki.resolve", shuffled, spec=DPKI + "replicas")
    book.good("last-change", "pki.block", {"block": last.octets.hex()}, spec=DPKI + "log")


def _forked(book: Book, left: Replica) -> None:
    right = copied(left)
    put(left, pki.change(left, key("control 0"), 1700000006, [pki.SetService("a", "T", "https://a.example")]))
    put(right, pki.change(right, key("control 0"), 1700000006, [pki.SetService("a", "T", "https://b.example")]))
    left.merge(right)
    book.good("changes-side-by-side", "pki.resolve", listed(left), spec=DPKI + "forks")
    right = copied(left)
    put(left, pki.rotate(left, key("control 1"), key("control 2").public, 1700000007))
    put(right, pki.rotate(right, key("control 1"), key("thief").public, 1700000007))
    left.merge(right)
    book.bad("rotations-contradict", "pki.resolve", listed(left), BrokenChain, spec=DPKI + "forks")


def _witnessed(book: Book) -> None:
    witnesses = pki.Witnesses(2, tuple(key(f"witness {n}").public for n in range(3)))
    left = begun(witnesses)
    right = copied(left)
    put(left, pki.rotate(left, key("control 1"), key("control 2").public, 1700000007, witnesses=witnesses))
    chosen = put(right, pki.rotate(right, key("control 1"), key("thief").public, 1700000007, witnesses=witnesses))
    left.merge(right)
    spec = DPKI + "witnesses"
    for n in range(2):
        if n:
            book.bad("too-few-receipts", "pki.resolve", listed(left), BrokenChain, spec=spec)
        for cid in (left.identity, chosen.cid):
            left.add_receipt(pki.Receipt.sign(left.identity, cid, key(f"witness {n}")).to_bytes())
    book.good("witnesses-decide", "pki.resolve", {**listed(left), "confirmed": True}, spec=spec)
    case = listed(left)
    case["receipts"] = [flipped(case["receipts"][0])]
    book.bad("receipt-changed", "pki.resolve", case, InvalidSignature, spec=spec)


def finding(backend_name: str) -> Book:
    """Heads documents, and signatures on log entries."""
    book = Book("signed/finding", DPKI + "finding", backend_name, source=SOURCE)
    replica = begun()
    right = copied(replica)
    put(replica, pki.change(replica, key("control 0"), 1700000001, [pki.RemoveService("dta")]))
    put(right, pki.change(right, key("control 0"), 1700000001, [pki.RemoveService("mfa")]))
    replica.merge(right)
    replica.add_receipt(pki.Receipt.sign(replica.identity, replica.identity, key("witness 0")).to_bytes())
    book.good("heads-of", "pki.heads-of", {"bundle": replica.to_bytes().hex()})
    heads = pki.Heads.of(replica)
    octets = heads.to_bytes().hex()
    book.good("heads", "pki.heads", {"heads": octets})
    swapped = heads.to_bytes().replace(heads.operations[0].to_bytes(), b"?" * 36)
    swapped = swapped.replace(heads.operations[1].to_bytes(), heads.operations[0].to_bytes())
    swapped = swapped.replace(b"?" * 36, heads.operations[1].to_bytes())
    book.bad("heads-descend", "pki.heads", {"heads": swapped.hex()}, NonCanonical)
    book.bad("heads-cut-short", "pki.heads", {"heads": octets[:-2]}, MalformedEnvelope, layer="cbor")
    other = heads.to_bytes().replace(b"heads-1", b"heads-2").hex()
    book.bad("heads-of-another-type", "pki.heads", {"heads": other}, MalformedEnvelope)
    _entries(book, heads.cid)
    return book


def _entries(book: Book, heads: CID) -> None:
    spec = DPKI + "entries"
    made = pki.EntrySignature.sign(b"an entry", heads, key("messages"))
    case = {
        "signature": made.to_bytes().hex(),
        "message": b"an entry".hex(),
        "public_key": key("messages").public.to_bytes().hex(),
    }
    elsewhere = pki.EntrySignature(begun().identity, made.key, made.signature)
    changes: dict[str, dict[str, Any]] = {
        "entry-other-message": {"message": b"another".hex()},
        "entry-other-key": {"public_key": key("other").public.to_bytes().hex()},
        "entry-other-heads": {"signature": elsewhere.to_bytes().hex()},
        "entry-signature-changed": {"signature": flipped(case["signature"])},
    }
    book.good("entry", "pki.entry-signature", case, spec=spec)
    for name, change in changes.items():
        book.bad(name, "pki.entry-signature", {**case, **change}, InvalidSignature, spec=spec)
    cut = {**case, "signature": case["signature"][:-2]}
    book.bad("entry-cut-short", "pki.entry-signature", cut, MalformedEnvelope, spec=spec, layer="cbor")


TOPICS = {"signatures": signatures, "identity": identity, "finding": finding}


def main() -> None:
    """Writes the files that are named, or all of them, anew."""
    for topic in [TOPICS[name] for name in sys.argv[1:] or TOPICS]:
        book = topic(backend.default_name())
        path = ROOT / "vectors" / f"{book.topic}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written(book.document()), encoding="utf-8", newline="\n")
        print(f"{path.relative_to(ROOT)}: {len(book.cases)} cases")


if __name__ == "__main__":
    main()
