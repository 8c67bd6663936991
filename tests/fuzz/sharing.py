"""What is fuzzed of sharing: shares, proofs, keys, what runs are stored as and end with, and messages of their parties.

Shares are sealed by a checksum, which is put right here. The parties of a run get credentials that accept what they
are told, so that what a dishonest member could sign gets past the signatures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from milagro.groups import Scalar, curve
from milagro.octets import frame, i2osp, unframe
from milagro.protocols import sharing
from milagro.protocols.bls import ietf
from milagro.protocols.sharing import issuing, octet_shares, threshold_bls, voprf
from milagro.protocols.sharing.commitments import Commitments
from milagro.protocols.sharing.dleq import Dleq, Possession, prove_equal, prove_possession
from milagro.protocols.sharing.header import pack
from milagro.protocols.sharing.runs.roster import Member, Outgoing, Roster
from milagro.protocols.sharing.runs.transcript import Certificate, Outcome, Transcript, recover, verify_contradiction
from tests.fuzz.target import Target, numbered, one_of, parses, random, refused_in_the_tree

SUITE = sharing.Suite(curve("BLS12-381"))
WIDE = sharing.Suite(curve("BN254"))  # a field and an order of as many octets
SESSION = bytes(range(32))
CHECKSUM = 16


class Credulous:
    """Credentials under which every signature holds and nothing is hidden."""

    def sign(self, message: bytes) -> bytes:
        return hashlib.sha256(message).digest()

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        return None

    def seal(self, member: Member, plaintext: bytes) -> bytes:
        return plaintext

    def open(self, member: Member, sealed: bytes) -> bytes:
        return sealed


ROSTER = Roster.create([Member(i, f"member-{i}", bytes([i])) for i in (1, 2, 3)], 2)


# -- shares and proofs -------------------------------------------------------------------------------------------------
@cache
def dealt() -> list[sharing.KeyShare]:
    return sharing.deal(SUITE, SUITE.curve.random_scalar(random), 2, 3, random)


def checked(read: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
    """The input as it is, and with the version, length and checksum that it ought to have."""

    def check(octets: bytes) -> None:
        parses(octets, read)
        if len(octets) >= 9 + CHECKSUM:
            right = b"\1" + i2osp(len(octets), 8) + octets[9:-CHECKSUM]
            parses(right + hashlib.sha256(right).digest()[:CHECKSUM], read)

    return check


def plain(read: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
    return lambda octets: parses(octets, read)


SHARES: list[Callable[[bytes], None]] = [
    checked(lambda x: sharing.Share.from_bytes(SUITE, x).to_bytes()),
    checked(lambda x: sharing.Share.from_bytes(WIDE, x).to_bytes()),
    checked(lambda x: sharing.OctetShare.from_bytes(x).to_bytes()),
    checked(lambda x: issuing.ClientShare.from_bytes(SUITE, x).to_bytes()),
    checked(lambda x: issuing.ServerShare.from_bytes(SUITE, x).to_bytes()),
    checked(lambda x: threshold_bls.PartialSignature.from_bytes(SUITE, x).to_bytes()),
    checked(lambda x: voprf.Evaluation.from_bytes(SUITE, x).to_bytes()),
    plain(lambda x: sharing.SharedKey.from_bytes(SUITE, x).to_bytes()),
    plain(lambda x: sharing.KeyShare.from_bytes(SUITE, x).to_bytes()),
    plain(lambda x: sharing.KeyRing.from_bytes(SUITE, x).to_bytes()),
    plain(lambda x: sharing.Succession.from_bytes(SUITE, x).to_bytes()),
    plain(lambda x: Dleq.from_bytes(SUITE, x).to_bytes()),
    plain(lambda x: Possession.from_bytes(SUITE, x).to_bytes()),
    lambda octets: parses(octets[1:], lambda x: Commitments.from_bytes(SUITE, x, max(1, octets[0])).to_bytes()),
    plain(lambda x: Member.from_bytes(x).to_bytes()),
    plain(lambda x: Roster.from_bytes(x).to_bytes()),
]


def _wide_scalar(s: Scalar) -> bytes:
    """A share whose scalar stands in as many octets as a number of the field has."""
    header = sharing.split(SUITE, s, 2, 2, random)[0].header
    return pack(SUITE.dst("SHARE_"), header, s.to_bytes(SUITE.curve.field_bytes))


def seeds_of_shares() -> list[bytes]:
    share, E, s = dealt()[0], SUITE.curve, SUITE.curve.random_scalar(random)
    other = sharing.deal(SUITE, s, 2, 3, random)[0].key
    A = SUITE.hash_to_g1(b"input", "OPRF-INPUT_")
    signing = ietf.Suite(E)
    return numbered(
        [
            [*(one.to_bytes() for one in sharing.split(SUITE, s, 2, 2, random)), _wide_scalar(s)],
            [sharing.split(WIDE, WIDE.curve.random_scalar(random), 2, 2, random)[0].to_bytes()],
            [octet_shares.split(b"secret", 2, 2, random)[0].to_bytes()],
            [issuing.issue_client_share(share, A, random).to_bytes()],
            [issuing.issue_server_share(share).to_bytes()],
            [threshold_bls.sign(signing, share, b"message").to_bytes()],
            [voprf.evaluate(share, A, random).to_bytes()],
            [share.key.to_bytes()],
            [share.to_bytes()],
            [sharing.KeyRing(share.key, ((other, 1000),)).to_bytes(), sharing.KeyRing(other).to_bytes()],
            [sharing.Succession(share.key, other, 1000).to_bytes()],
            [prove_equal(SUITE, s, A, b"context", random)[1].to_bytes()],
            [prove_possession(SUITE, s, b"context", random).to_bytes()],
            [b"\2" + share.key.commitments.to_bytes()],
            [ROSTER.members[0].to_bytes()],
            [ROSTER.to_bytes()],
        ]
    )


def check_shares(octets: bytes) -> None:
    if len(octets) >= 2:  # the commitments take an octet more
        one_of(SHARES)(octets)


# -- runs --------------------------------------------------------------------------------------------------------------
def generation(me: int) -> sharing.KeyGeneration:
    return sharing.KeyGeneration.create(SUITE, ROSTER, SESSION, me, Credulous(), lambda n: bytes([me]) * n)


def resharing(me: int) -> sharing.Resharing:
    share = finished()[me].share
    assert share is not None
    given = (share.key, ROSTER, ROSTER, SESSION, me, Credulous())
    return sharing.Resharing.create(*given, lambda n: bytes([me]) * n, share)


def _together(parties: dict[int, Any]) -> tuple[dict[int, Any], list[bytes]]:
    """The parties at their end, and the messages that came to number 1 on the way, with b"E" for the end of a step."""
    heard: list[bytes] = []
    waiting: list[tuple[int, Outgoing]] = [(i, one) for i, party in parties.items() for one in party.begin()]
    while not all(party.over for party in parties.values()):
        for i, party in parties.items():
            if party.recovery_file is not None and not party._stored:
                heard += [b"S"] if i == 1 else []
                waiting += [(i, one) for one in party.recovery_stored()]
        for sender, one in waiting:
            for to in parties.keys() - {sender}:
                parties[to].receive(one.octets)
                heard += [one.octets] if to == 1 else []
        heard.append(b"E")
        waiting = [(i, one) for i, party in parties.items() for one in party.end_step()]
    return parties, heard


@cache
def ended(make: Callable[[int], Any]) -> tuple[dict[int, Any], list[bytes]]:
    return _together({i: make(i) for i in ROSTER.indices})


def finished() -> dict[int, Outcome]:
    return {i: party.outcome for i, party in ended(generation)[0].items()}


def check_messages(octets: bytes) -> None:
    """The fields of the input as what a party hears: a message, or what another member states in the phase.

    octets[0]: key generation or resharing; a field that begins with 0xf2 or 0xf3 is a statement of member 2 or 3.
    """
    if not octets:
        return
    make: Callable[[int], Any] = (generation, resharing)[octets[0] & 1]
    party = make(1)
    party.begin()
    with refused_in_the_tree():
        for field in unframe(octets[1:])[:64]:
            with refused_in_the_tree():
                _hears(party, field)
    again = restored(make, party.to_bytes())
    if (again.over, again.excluded, again.outbox) != (party.over, party.excluded, party.outbox):
        raise AssertionError("a party that was stored and restored is another one")


def _hears(party: Any, field: bytes) -> None:
    if field == b"E":
        party.end_step()
    elif field == b"S":
        party.recovery_stored()
    elif field[:1] in (b"\xf2", b"\xf3"):
        party.receive(_said(party, field[0] & 15, field[1:]))
    else:
        party.receive(field)


def _said(party: Any, sender: int, body: bytes) -> bytes:
    phase, step = party.place
    run, sign = party._table.run_id, Credulous().sign
    statement = SUITE.labelled("STATEMENT_", run, i2osp(sender, 2), i2osp(phase, 1), body)
    numbers = i2osp(sender, 2), i2osp(phase, 1), i2osp(step, 2)
    listed = SUITE.labelled("BUNDLE_", run, *numbers, hashlib.sha256(statement).digest())
    return frame(b"B", listed, sign(listed), frame(statement, sign(statement)))


def restored(make: Callable[[int], Any], octets: bytes) -> Any:
    if make is generation:
        return sharing.KeyGeneration.from_bytes(SUITE, ROSTER, SESSION, 1, Credulous(), octets)
    share = finished()[1].share
    assert share is not None
    return sharing.Resharing.from_bytes(share.key, ROSTER, ROSTER, SESSION, 1, Credulous(), octets, share)


def _body(message: bytes) -> bytes | None:
    """The statement in a bundle of step 1 as a field of `check_messages`."""
    kind, *_, entry = [*unframe(message), b""]
    if kind != b"B" or not entry:
        return None
    _, _, sender, _, body = unframe(unframe(entry)[0])
    return bytes([0xF0 | sender[1]]) + body


def seeds_of_messages() -> list[bytes]:
    found = []
    for number, make in enumerate((generation, resharing)):
        heard = ended(make)[1]
        bodies = [one if len(one) == 1 else _body(one) or one for one in heard]
        found += [bytes([number]) + frame(*heard), bytes([number]) + frame(*bodies)]
        found.append(bytes([number]) + frame(b"E", b"E", b"E", b"E"))
    return found


STORED: list[Callable[[bytes], None]] = [
    plain(lambda x: Transcript.from_bytes(SUITE, x).to_bytes()),
    plain(lambda x: Certificate.from_bytes(SUITE, x).to_bytes()),
    lambda x: _quietly(lambda: recover(SUITE, x, finished()[1].certificate)),
    lambda x: _quietly(lambda: verify_contradiction(SUITE, bytes(32), ROSTER.members[0], Credulous(), x)),
    lambda x: _quietly(lambda: restored(generation, x)),
    lambda x: _quietly(lambda: restored(resharing, x)),
    lambda x: _quietly(lambda: Certificate.from_bytes(SUITE, x).verify({1: ROSTER.members[0]}, Credulous(), 1)),
]


def _quietly(call: Callable[[], object]) -> None:
    with refused_in_the_tree():
        call()


def seeds_of_stored() -> list[bytes]:
    whole = finished()[1]
    first = SUITE.labelled("STATEMENT_", bytes(32), b"\0\1", b"\1", b"one")
    second = SUITE.labelled("STATEMENT_", bytes(32), b"\0\1", b"\1", b"two")
    fresh = generation(1)
    fresh.begin()
    assert whole.share is not None
    file = SUITE.labelled("RESULT_", b"\0\1", whole.share.to_bytes(), whole.certificate.transcript.to_bytes())
    return numbered(
        [
            [whole.certificate.transcript.to_bytes()],
            [whole.certificate.to_bytes()],
            [file],
            [frame(first, b"1", second, b"2")],
            [fresh.to_bytes(), ended(generation)[0][1].to_bytes()],
            [ended(resharing)[0][1].to_bytes()],
            [whole.certificate.to_bytes()],
        ]
    )


# -- repair ------------------------------------------------------------------------------------------------------------
def _repair() -> tuple[sharing.RepairPlan, sharing.RepairHelper, sharing.LostHolder, list[Outgoing]]:
    share = finished()[1].share
    assert share is not None
    plan = sharing.RepairPlan(share.key, ROSTER, (1, 2), 3, SESSION)
    helper = sharing.RepairHelper(plan, share, Credulous(), lambda n: bytes([7]) * n)
    return plan, helper, sharing.LostHolder(plan, Credulous()), helper.begin()


def check_repair(octets: bytes) -> None:
    """The fields of the input as what a helper and the holder hear."""
    _, helper, lost, _ = _repair()
    with refused_in_the_tree():
        for field in unframe(octets)[:32]:
            for party in (helper, lost):
                with refused_in_the_tree():
                    party.receive(field)
        helper.answer()
    with refused_in_the_tree():
        lost.result()


def seeds_of_repair() -> list[bytes]:
    plan, first, _, out = _repair()
    share = finished()[2].share
    assert share is not None
    second = sharing.RepairHelper(plan, share, Credulous(), lambda n: bytes([8]) * n)
    said = second.begin()
    for one in said:
        if one.to == 1:
            first.receive(one.octets)
    for one in out:
        if one.to == 2:
            second.receive(one.octets)
    to_holder = [one.octets for one in (*out, *said) if one.to in (None, 3)]
    answers = [first.answer().octets, second.answer().octets]
    return [frame(*(one.octets for one in said), *to_holder, *answers), frame(*answers)]


TARGETS = {
    "shares": Target(check_shares, seeds_of_shares),
    "run-messages": Target(check_messages, seeds_of_messages),
    "run-states": Target(one_of(STORED), seeds_of_stored),
    "repair": Target(check_repair, seeds_of_repair),
}
