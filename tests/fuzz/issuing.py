"""What is fuzzed of threshold issuing: tickets, answers, entries and heads of the audit log, and exports of it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from functools import cache

from milagro.cid import CID
from milagro.protocols.envelope import HybridSigningKey
from milagro.protocols.issuance import Entry, Head, Issue, Issued, Purpose, Restored, Ticket, entry_digest, origin
from milagro.roles.dta.issuing.audit import Cosignature, SignedHead
from milagro.roles.dta.issuing.exports import Expected, Start, verify_log, write_log
from tests.fuzz.target import Target, numbered, one_of, parses, refused_in_the_tree

NODE, NETWORK, WITNESS = (CID.of(name) for name in (b"a node", b"a network", b"a witness"))
NOW = 1_800_000_000


@cache
def key() -> HybridSigningKey:
    return HybridSigningKey(hashlib.shake_256(b"issuing").digest(64))


def entries() -> list[bytes]:
    issue = Issue(WITNESS, Purpose.PERMIT, bytes(32), bytes(32), 1, bytes(32), bytes(16), 5)
    made = [Entry(1, origin(NODE, NETWORK), NOW, issue).to_bytes()]
    made.append(Entry(2, entry_digest(made[-1]), NOW, issue).to_bytes())
    made.append(Entry(9, bytes(32), NOW, Restored(3)).to_bytes())
    return made


def exports() -> Iterable[bytes]:
    some = entries()
    for log in ([], some[:1], some[:2], some):
        digest = entry_digest(log[-1]) if log else origin(NODE, NETWORK)
        head = Head(NODE, NETWORK, Entry.from_bytes(log[-1]).number if log else 0, digest, NOW)
        file = io.BytesIO()
        signed, cosigned = SignedHead.sign(head, key()), Cosignature.sign(head, WITNESS, key(), NOW)
        write_log(file, Start(1, origin(NODE, NETWORK)), log, signed, [cosigned])
        yield file.getvalue()


def check_export(octets: bytes) -> None:
    keys = {key().public.id: key().public}
    witnesses = {WITNESS: keys}
    for losses in (False, True):
        expected = Expected(NODE, keys, witnesses=witnesses, threshold=1, accept_losses=losses)
        with refused_in_the_tree():
            verify_log(io.BytesIO(octets), expected)


def _formats() -> list[Iterable[bytes]]:
    permit = Ticket(NETWORK, Purpose.PERMIT, bytes(32), bytes(32), bytes(16), NOW, NOW + 9, 5)
    share = Ticket(NETWORK, Purpose.CLIENT_SHARE, bytes(32), bytes(32), bytes(16), NOW, NOW + 9)
    head = Head(NODE, NETWORK, 3, bytes(32), NOW)
    return [
        [permit.to_bytes(), share.to_bytes()],
        [Issued(Purpose.RECEIVER_KEY, bytes(32), 3, bytes(9)).to_bytes()],
        entries(),
        [head.to_bytes()],
        [SignedHead.sign(head, key()).to_bytes()],
        [Cosignature.sign(head, WITNESS, key(), NOW).to_bytes()],
    ]


check_formats = one_of(
    [
        lambda octets: parses(octets, lambda given: Ticket.from_bytes(given).to_bytes()),
        lambda octets: parses(octets, lambda given: Issued.from_bytes(given).to_bytes()),
        lambda octets: parses(octets, lambda given: Entry.from_bytes(given).to_bytes()),
        lambda octets: parses(octets, lambda given: Head.from_bytes(given).to_bytes()),
        lambda octets: parses(octets, lambda given: SignedHead.from_bytes(given).to_bytes()),
        lambda octets: parses(octets, lambda given: Cosignature.from_bytes(given).to_bytes()),
    ]
)

TARGETS = {
    "issuing": Target(check_formats, lambda: numbered(_formats())),
    "issuing-exports": Target(check_export, exports),
}
