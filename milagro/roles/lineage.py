"""From one key of a network to the next: what a node believes of a switch, whoever tells it.

A step is proved by the certificate of its run: the transcript, confirmed by a quorum of the members before and of those
after. A node that knows the charter and the key before needs nobody's word for what came after.

Spec: spec/dta-network.md, Switching epochs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from milagro.errors import (
    EncodingError,
    InvalidSignature,
    MalformedEnvelope,
    NotFound,
    ProtocolError,
    VerificationError,
)
from milagro.protocols import pki
from milagro.protocols.sharing import Certificate, KeyRing, RepairPlan, Roster, Succession
from milagro.protocols.sharing.refusals import InvalidProof, TooFewShares
from milagro.protocols.signatures import VerifyingKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from milagro.cid import CID
    from milagro.protocols.sharing import SharedKey, Signatures, Suite
    from milagro.roles.charter import Charter
    from milagro.roles.correspondence.directory import Directory
    from milagro.roles.switches import Proposal, Step

LABEL: Final = "milagro dta network v1"
_ID: Final = pki.KEY_ID_OCTETS


@dataclass(frozen=True)
class Standing:
    """Where the network is, as this node knows: the charter in force, and the keys that are accepted."""

    charter: Charter
    ring: KeyRing | None = None

    @property
    def key(self) -> SharedKey | None:
        """The current key."""
        return self.ring.current if self.ring else None

    @property
    def base(self) -> bytes:
        """The set id of the current key; empty before the first."""
        return self.ring.current.set_id if self.ring else b""

    def fits(self, proposal: Proposal) -> bool:
        """Whether a proposal starts from here."""
        same = proposal.previous is None and proposal.charter.cid == self.charter.cid
        follows = proposal.previous is not None and proposal.previous.cid == self.charter.cid
        fits_key = self.key is None or not proposal.charter.base or not follows
        return (same or follows) and proposal.base == self.base and (fits_key or self._is_base(proposal))

    def _is_base(self, proposal: Proposal) -> bool:
        return self.key is not None and proposal.charter.base == self.key.to_bytes()


def certificate_of(suite: Suite, step: Step, standing: Standing, keys: Signatures) -> Certificate:
    """The certificate of a step from where the network stands, everything about it verified but endorsements.

    Spec: spec/dta-network.md, Switching epochs
    Raises: EncodingError, VerificationError, ProtocolError
    """
    proposal = step.proposal
    if not standing.fits(proposal):
        raise ProtocolError("the switch does not start from where this network is")
    certificate = Certificate.from_bytes(suite, step.certificate)
    transcript = certificate.transcript
    if transcript.run_id != run_name(suite, proposal, step.attempt, standing.key):
        raise VerificationError("a certificate of another run than the one that was proposed")
    if proposal.kind not in ("generate", "rotate"):
        _check_same_key(standing.key, certificate)
    charters = {charter.cid: charter for charter in (proposal.before, proposal.charter)}.values()
    members = {member.index: member for charter in charters for member in charter.roster.members}
    signers = certificate.verify(members, keys, 1)
    require_quorum(signers, charters)
    return certificate


def require_quorum(signers: Iterable[int], charters: Iterable[Charter]) -> None:
    """Nothing, if enough members of each charter are among the signers.

    Raises: TooFewShares
    """
    said = set(signers)
    for charter in charters:
        count = len(said & {*charter.roster.indices})
        if count < charter.quorum:
            raise TooFewShares(f"{count} members confirmed the run where {charter.quorum} are needed")


def can_be_certified(released: Iterable[int], proposal: Proposal) -> bool:
    """Whether a run that these members will never confirm can still get a certificate."""
    said = set(released)
    charters = {charter.cid: charter for charter in (proposal.before, proposal.charter)}.values()
    return all(len({*charter.roster.indices} - said) >= charter.quorum for charter in charters)


def _check_same_key(key: SharedKey | None, certificate: Certificate) -> None:
    new = certificate.key
    if key is None or new.key_id != key.key_id or new.epoch != key.epoch + 1:
        raise InvalidProof("a resharing keeps the public key and goes to the next epoch")


def after(step: Step, certificate: Certificate, standing: Standing, keys: Signatures, now: int) -> Standing:
    """Where the network stands after a step whose certificate was verified.

    Raises: InvalidProof, TooFewShares if too few holders of the old key endorse its successor
    """
    charter, ring = step.proposal.charter, standing.ring
    if ring is None:
        return Standing(charter, KeyRing(certificate.key))
    if step.proposal.kind != "rotate":
        return Standing(charter, ring.reshared(certificate.key))
    succession = Succession(ring.current, certificate.key, step.proposal.overlap_ends)
    succession.verify(endorsers(standing), step.endorsements, keys)
    # Learned of after the overlap, the old key is not accepted any more; the new one still follows it.
    kept = replace(ring.at(now), current=ring.current).retiring
    pair = ((ring.current, succession.overlap_ends),) if succession.overlap_ends > now else ()
    return Standing(charter, KeyRing(certificate.key, (*kept, *pair)))


def endorsers(standing: Standing) -> Roster:
    """The roster that endorses the successor of the current key."""
    return standing.charter.roster


def run_name(suite: Suite, proposal: Proposal, attempt: int, key: SharedKey | None) -> bytes:
    """The id of the run that an attempt is. Raises: ParameterError, MalformedEnvelope if it does not fit the key."""
    from milagro.protocols.sharing.runs import generation, resharing  # noqa: PLC0415 - only their names
    from milagro.protocols.sharing.runs.roster import run_id  # noqa: PLC0415

    session, roster = proposal.session_of(attempt), proposal.charter.roster
    if proposal.kind in ("generate", "rotate"):
        return run_id(suite, generation.KIND, session, roster.to_bytes())
    if key is None:
        raise MalformedEnvelope("there is no key yet that could be given new shares")
    if proposal.kind == "repair":
        return RepairPlan(key, roster, proposal.helpers, proposal.lost, session).run_id
    fields = proposal.before.roster.to_bytes(), roster.to_bytes(), key.to_bytes()
    return run_id(suite, resharing.KIND, session, *fields)


def verify(directory: Directory, identity: CID, purpose: str, message: bytes, signature: bytes) -> None:
    """Nothing, if a key that the identity ever listed signed the message.

    Raises: InvalidSignature
    """
    try:
        keys = directory.keys(identity)
        found = next(key for key in keys if key.id == signature[:_ID] and key.purpose is pki.Purpose.SIGN)
        verifying = VerifyingKey.from_bytes(found.public)
    except (StopIteration, NotFound, EncodingError):
        raise InvalidSignature("a signature is of no key of this member") from None
    verifying.verify(signature[_ID:], LABEL, purpose, message)
