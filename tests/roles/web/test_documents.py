"""Envelopes and identities that Python wrote, read by the browser's client in Node.js."""

from __future__ import annotations

import json
import secrets
import subprocess
from typing import Any

import pytest

from milagro import cbor
from milagro.protocols import pki
from milagro.protocols.envelope import EncryptionKey, HybridSigningKey, Terms, seal
from milagro.protocols.pki.operations import Block, Change, Place, Retire, Rotate, next_digest
from milagro.protocols.signatures import SigningKey
from tests.roles.correspondents import Owner
from tests.roles.web import pages_world

CONTEXT = "milagro share v1 test"


def read(documents: list[dict[str, Any]]) -> list[Any]:
    """What the client finds in each, or the code of its refusal."""
    command = [pages_world.node(), "--no-warnings", str(pages_world.WEB / "test" / "read.mjs")]
    lines = "".join(json.dumps(one) + "\n" for one in documents)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [one.get("done", one.get("refused")) for one in map(json.loads, done.stdout.splitlines())]


# -- envelopes ---------------------------------------------------------------------------------------------------------
def test_envelopes_of_every_kind_are_opened_and_altered_ones_are_not() -> None:
    key, stranger = (EncryptionKey.generate(secrets.token_bytes) for _ in range(2))
    sender = HybridSigningKey.generate(secrets.token_bytes)
    known = {
        "key": key.to_bytes().hex(),
        "point": key.public.octets[-32:].hex(),
        "sender": sender.public.octets.hex(),
        "context": CONTEXT,
    }

    def sealed(payload: bytes, *others: EncryptionKey, **terms: Any) -> bytes:
        recipients = [one.public for one in (key, *others)]
        return seal(payload, sender, recipients, Terms(CONTEXT, 1000, **terms), secrets.token_bytes)

    payloads = [secrets.token_bytes(length) for length in (0, 1, 500, 65536, 65537, 140_000)]
    good = [sealed(one) for one in payloads]
    good += [sealed(payloads[5], signed_body=True, padded=False), sealed(payloads[2], stranger, anonymous=True)]
    small = good[2]
    flipped = [small[:at] + bytes([small[at] ^ 1]) + small[at + 1 :] for at in range(0, len(small), 211)]
    whole = [{**known, "envelope": one.hex()} for one in [*good, small[:-1], small + b"\0", *flipped]]
    wrong = [{**known, "envelope": small.hex(), "context": "another"}]
    found = read(whole + wrong)
    assert found[: len(good)] == [one.hex() for one in [*payloads, payloads[5], payloads[2]]]
    rest = found[len(good) :]
    assert set(rest) <= {"decryption-failed", "malformed-envelope", "non-canonical"} | {"invalid-signature"}
    assert rest[-1] == "invalid-signature"


# -- identities --------------------------------------------------------------------------------------------------------
def bundle(owner: Owner, *more: Block) -> dict[str, Any]:
    """The bundle of an owner with these blocks besides, whether they are valid or not."""
    blocks = [*owner.replica, *more]
    value = {
        "type": "milagro-id-bundle-1",
        "identity": owner.identity.link(),
        "operations": [block.octets for block in sorted(blocks, key=lambda one: (one.sequence, one.cid.to_bytes()))],
        "receipts": [],
    }
    return {"bundle": cbor.encode(value).hex()}


def place(owner: Owner) -> Place:
    return Place(owner.identity, (owner.identity,), 1)


def key_of(purpose: pki.Purpose) -> pki.Key:
    return pki.Key(purpose, "X", secrets.token_bytes(32))


@pytest.fixture(scope="module")
def owner() -> Owner:
    return Owner.new()


def test_the_keys_of_an_identity_are_those_that_it_lists_now(owner: Owner) -> None:
    third = SigningKey.generate(secrets.token_bytes)
    added, revoked = key_of(pki.Purpose.SIGN), owner.state.keys[0]
    edits = (pki.AddKey(added), pki.RevokeKey(revoked.id))
    change = Block.sign(Change(place(owner), 2000, edits), owner.control)
    stolen = Block.sign(Change(place(owner), 2001, (pki.AddKey(key_of(pki.Purpose.SIGN)),)), owner.control)
    following = owner.following.public, next_digest(third.public)
    rotation = Block.sign(Rotate(Place(owner.identity, (change.cid,), 2), 3000, *following), owner.following)
    listed = sorted(key.id.hex() for key in owner.state.keys)
    changed = sorted({*listed, added.id.hex()} - {revoked.id.hex()})
    found = read([bundle(owner), bundle(owner, change), bundle(owner, change, stolen, rotation)])
    assert found == [listed, changed, changed]  # what the thief wrote beside the rotation has no effect


def test_identities_that_cannot_be_relied_on(owner: Owner) -> None:
    other, third = (SigningKey.generate(secrets.token_bytes) for _ in range(2))
    added = (pki.AddKey(key_of(pki.Purpose.SIGN)),)
    fifth, sixth = (next_digest(SigningKey.generate(secrets.token_bytes).public) for _ in range(2))
    elsewhere = Place(owner.identity, (Owner.new().identity,), 1)
    wrong = {
        "broken-chain": [
            [Block.sign(Rotate(place(owner), 2000, other.public, next_digest(third.public)), other)],
            [Block.sign(Rotate(place(owner), at, owner.following.public, one), owner.following)
             for at, one in ((2000, fifth), (2001, sixth))],
            [Block.sign(Retire(place(owner), 2000), owner.control)],
            [Block.sign(Change(Place(owner.identity, (owner.identity,), 2), 2000, added), owner.control)],
        ],
        "invalid-signature": [[Block.sign(Change(place(owner), 2000, added), other)]],
        "non-canonical": [[Block.sign(Change(elsewhere, 2000, added), owner.control)]],
    }  # fmt: skip
    cases = [(code, blocks) for code, all_of in wrong.items() for blocks in all_of]
    assert read([bundle(owner, *blocks) for _, blocks in cases]) == [code for code, _ in cases]
