"""Operations of runs: whole runs of several parties, in step, with Ed25519 keys made from their names.

Private messages are not sealed here: what seals them is the caller's, and no result depends on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidSignature as Rejected
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.errors import InvalidSignature
from milagro.protocols.sharing.repair import LostHolder, RepairHelper, RepairPlan
from milagro.protocols.sharing.rotation import KeyRing, Succession
from milagro.protocols.sharing.runs.concluding import ConcludingRun
from milagro.protocols.sharing.runs.generation import KeyGeneration
from milagro.protocols.sharing.runs.resharing import Resharing
from milagro.protocols.sharing.runs.roster import Member, Outgoing, Roster
from milagro.protocols.sharing.runs.transcript import Certificate, recover
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey
from milagro.protocols.sharing.suite import Suite


class OpenLetters:
    """Credentials of a member with an Ed25519 key from its index, which seal nothing."""

    def __init__(self, index: int) -> None:
        self._key = _key(index)

    def sign(self, message: bytes) -> bytes:
        """The signature."""
        return self._key.sign(message)

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        """Nothing, if the member signed it."""
        try:
            Ed25519PublicKey.from_public_bytes(member.public_key).verify(signature, message)
        except (Rejected, ValueError):
            raise InvalidSignature("a message that its sender did not sign") from None

    def seal(self, member: Member, plaintext: bytes) -> bytes:
        """The plaintext."""
        return plaintext

    def open(self, member: Member, sealed: bytes) -> bytes:
        """The same."""
        return sealed


def _key(index: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"member %d" % index).digest())


def _roster(threshold: int, indices: Iterable[int]) -> Roster:
    return Roster.create(
        [Member(i, f"member {i}", _key(i).public_key().public_bytes_raw()) for i in indices], threshold
    )


def _run(parties: Mapping[int, ConcludingRun]) -> list[Outgoing]:
    """Runs the parties to their end; gives what the first one sent first."""
    mail = {index: party.begin() for index, party in parties.items()}
    first = next(iter(mail.values()))
    while not all(party.over for party in parties.values()):
        for index, sent in mail.items():
            for one in sent:
                for to, party in parties.items():
                    if to != index and one.to in (None, to):
                        party.receive(one.octets)
        mail = {index: _next(party) for index, party in parties.items()}
    return first


def _next(party: ConcludingRun) -> list[Outgoing]:
    sent = party.end_step()
    if party.recovery_file is not None and party.place == (party.CONFIRM, 1):
        sent = [*sent, *party.recovery_stored()]
    return sent


def _outcome(parties: Mapping[int, ConcludingRun], first: list[Outgoing]) -> Results:
    outcomes = {index: party.outcome for index, party in parties.items()}
    certificate = next(iter(outcomes.values())).certificate
    return {
        "first_message": first[-1].octets.hex(),
        "state": next(iter(parties.values())).to_bytes()[:512].hex(),
        "certificate": certificate.to_bytes().hex(),
        "key": certificate.key.to_bytes().hex(),
        "shares": [one.share.to_bytes().hex() if one.share else "" for one in outcomes.values()],
        "same": len({one.certificate.transcript.digest for one in outcomes.values()}) == 1,
    }


@operation("sharing.generate")
def generate(x: Inputs) -> Results:
    """A key generation of all members but the absent ones."""
    suite, roster = Suite(x.E), _roster(x.integer("threshold"), x.integers("members"))
    present = [index for index in roster.indices if index not in x.integers("absent")]
    session, random = x.octets("session"), x.random()
    parties = {
        index: KeyGeneration.create(suite, roster, session, index, OpenLetters(index), random) for index in present
    }
    return _outcome(parties, _run(parties))


@operation("sharing.reshare")
def reshare(x: Inputs) -> Results:
    """A resharing by the members of two rosters."""
    suite = Suite(x.E)
    shares = {one.index: one for one in (KeyShare.from_bytes(suite, octets) for octets in x.octet_list("shares"))}
    key = next(iter(shares.values())).key
    old, new = _roster(key.threshold, x.integers("old")), _roster(x.integer("threshold"), x.integers("new"))
    session, random = x.octets("session"), x.random()
    parties = {
        i: Resharing.create(key, old, new, session, i, OpenLetters(i), random, shares.get(i))
        for i in sorted({*old.indices, *new.indices})
    }
    return _outcome(parties, _run(parties))


@operation("sharing.verify-certificate")
def verify_certificate(x: Inputs) -> Results:
    """Who confirmed a transcript, and the share in a recovery file, if one is given."""
    suite, roster = Suite(x.E), _roster(x.integer("threshold"), x.integers("members"))
    certificate = Certificate.from_bytes(suite, x.octets("certificate"))
    members = {member.index: member for member in roster.members}
    signers = certificate.verify(members, OpenLetters(0), x.integer("needed"))
    found: Results = {"signers": list(signers), "left_out": [list(one) for one in certificate.transcript.excluded]}
    if "recovery_file" in x:
        found["share"] = recover(suite, x.octets("recovery_file"), certificate).to_bytes().hex()
    return found


@operation("sharing.repair")
def repair(x: Inputs) -> Results:
    """A repair of one lost share."""
    suite, random = Suite(x.E), x.random()
    shares = {one.index: one for one in (KeyShare.from_bytes(suite, octets) for octets in x.octet_list("shares"))}
    key = next(iter(shares.values())).key
    plan = RepairPlan(
        key, _roster(key.threshold, x.integers("members")), tuple(shares), x.integer("lost"), x.octets("session")
    )
    helpers = {index: RepairHelper(plan, share, OpenLetters(index), random) for index, share in shares.items()}
    holder = LostHolder(plan, OpenLetters(plan.lost))
    sent = [one for helper in helpers.values() for one in helper.begin()]
    for one in sent:
        (holder if one.to == plan.lost else helpers[one.to or 0]).receive(one.octets)
    for helper in helpers.values():
        holder.receive(helper.answer().octets)
    return {"messages": [one.octets.hex() for one in sent], "share": holder.result().to_bytes().hex()}


@operation("sharing.rotate")
def rotate(x: Inputs) -> Results:
    """A succession, its endorsements, and the keys that a ring accepts."""
    suite, now = Suite(x.E), x.integers("times")
    old, new = (SharedKey.from_bytes(suite, x.octets(name)) for name in ("old", "new"))
    succession = Succession(old, new, x.integer("overlap_ends"))
    roster = _roster(old.threshold, x.integers("members"))
    signed = {index: succession.endorse(OpenLetters(index)) for index in x.integers("endorsers")}
    succession.verify(roster, signed, OpenLetters(0))
    ring = KeyRing(old).rotate(succession, now[0])
    return {
        "succession": succession.to_bytes().hex(),
        "endorsements": [octets.hex() for octets in signed.values()],
        "ring": ring.to_bytes().hex(),
        "accepted": [[key.key_id.hex() for key in ring.accepted(time)] for time in now],
    }
