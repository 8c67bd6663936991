"""What a run ends with: a transcript, the same for all, and the signatures of those who hold its outcome.

transcript    `TRANSCRIPT_`, run, kind, be(epoch, 4), be(threshold, 2), holders, commitments, dealers, left out, history
certificate   the transcript, and the signed statement of each party that it has stored its recovery file
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from milagro.errors import MalformedEnvelope, MilagroError, ParameterError
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.protocols.sharing.commitments import Commitments
from milagro.protocols.sharing.header import SET_ID_OCTETS
from milagro.protocols.sharing.refusals import InvalidProof, TooFewShares
from milagro.protocols.sharing.runs.broadcast import Signed, Statement, parse_statement
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey
from milagro.protocols.sharing.suite import Suite

if TYPE_CHECKING:
    from milagro.protocols.sharing.runs.roster import Member, Signatures


@dataclass(frozen=True)
class Transcript:
    """What happened in a run, as all honest parties saw it.

    Spec: spec/sharing.md#transcript
    """

    suite: Suite
    run_id: bytes
    kind: str
    epoch: int
    holders: tuple[int, ...]
    commitments: Commitments
    dealers: tuple[int, ...]
    excluded: tuple[tuple[int, str], ...]
    history: bytes

    def to_bytes(self) -> bytes:
        """The octets, of which everybody signs the digest."""
        numbers = i2osp(self.epoch, 4), i2osp(self.commitments.threshold, 2)
        left_out = frame(*(frame(i2osp(index, 2), reason.encode()) for index, reason in self.excluded))
        return self.suite.labelled(
            "TRANSCRIPT_",
            self.run_id,
            self.kind.encode(),
            *numbers,
            _indices(self.holders),
            self.commitments.to_bytes(),
            _indices(self.dealers),
            left_out,
            self.history,
        )

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The transcript with these octets. Raises: EncodingError."""
        run, kind, epoch, threshold, holders, points, dealers, left_out, history = suite.fields(
            "TRANSCRIPT_", octets, 9
        )
        if [len(run), len(epoch), len(threshold), len(history)] != [32, 4, 2, 32] or not os2ip(threshold):
            raise MalformedEnvelope("the fields of a transcript have other lengths")
        try:
            reasons = [unframe(entry, 2) for entry in unframe(left_out)]
            excluded = tuple((os2ip(index), reason.decode()) for index, reason in reasons)
            commitments = Commitments.from_bytes(suite, points, os2ip(threshold))
            made = cls(
                suite,
                run,
                kind.decode("ascii"),
                os2ip(epoch),
                _read_indices(holders),
                commitments,
                _read_indices(dealers),
                excluded,
                history,
            )
            made.key  # noqa: B018  - refuses holders that no key has
            again = made.to_bytes()
        except (UnicodeDecodeError, ParameterError):
            raise MalformedEnvelope("a field of a transcript is out of its range") from None
        if again != octets:
            raise MalformedEnvelope("a transcript has one encoding, and this is another")
        return made

    @property
    def digest(self) -> bytes:
        """SHA-256 of the octets."""
        return hashlib.sha256(self.to_bytes()).digest()

    @property
    def key(self) -> SharedKey:
        """The key that came out. Its set id is the start of the transcript's digest."""
        return SharedKey(self.suite, self.digest[:SET_ID_OCTETS], self.epoch, self.holders, self.commitments)

    @property
    def confirmation(self) -> bytes:
        """What a party says when it has stored its recovery file: `CONFIRMATION_`, digest."""
        return self.suite.labelled("CONFIRMATION_", self.digest)


def _indices(some: tuple[int, ...]) -> bytes:
    return b"".join(i2osp(index, 2) for index in some)


def _read_indices(octets: bytes) -> tuple[int, ...]:
    if len(octets) % 2:
        raise MalformedEnvelope("indices have 2 octets each")
    return tuple(os2ip(octets[i : i + 2]) for i in range(0, len(octets), 2))


@dataclass(frozen=True)
class Certificate:
    """A transcript with the statements of those who confirmed it.

    Spec: spec/sharing.md#transcript
    """

    transcript: Transcript
    confirmations: tuple[Signed, ...]

    @property
    def key(self) -> SharedKey:
        """The key that came out."""
        return self.transcript.key

    def to_bytes(self) -> bytes:
        """frame(transcript, frame(statement, signature), ..)."""
        return frame(self.transcript.to_bytes(), *(frame(*one) for one in self.confirmations))

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The certificate with these octets; `verify` says whether it is one. Raises: EncodingError."""
        first, *rest = unframe(octets) or [b""]
        return cls(Transcript.from_bytes(suite, first), tuple(Signed(*unframe(one, 2)) for one in rest))

    def verify(self, members: Mapping[int, Member], credentials: Signatures, needed: int) -> tuple[int, ...]:
        """The indices of those who confirmed the transcript, at least `needed` of them.

        Spec: spec/sharing.md#transcript
        Raises: TooFewShares; InvalidProof for a confirmation that is none, or is not by a member
        """
        signers: set[int] = set()
        for signed in self.confirmations:
            signers.add(self._signer(members, credentials, signed))
        if len(signers) < needed:
            raise TooFewShares(f"{len(signers)} members confirmed the transcript where {needed} are needed")
        return tuple(sorted(signers))

    def _signer(self, members: Mapping[int, Member], credentials: Signatures, signed: Signed) -> int:
        transcript = self.transcript
        try:
            sender, _, body = parse_statement(transcript.suite, transcript.run_id, signed.octets)
            if sender in members and body == transcript.confirmation:
                credentials.verify(members[sender], signed.octets, signed.signature)
                return sender
        except MilagroError:
            pass
        raise InvalidProof("a confirmation of a transcript is none")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a party has at the end: the certificate, its share if it is a holder, and what was said twice.

    Spec: spec/sharing.md#transcript
    Secret: share
    """

    certificate: Certificate
    share: KeyShare | None
    qualified: tuple[int, ...]

    @property
    def key(self) -> SharedKey:
        """The key that came out."""
        return self.certificate.key


def recovery_file(transcript: Transcript, share: KeyShare | None, me: int) -> bytes:
    """What a party stores, sealed, before the key may be used: `RESULT_`, be(me, 2), share, transcript.

    Spec: spec/sharing.md#transcript
    Secret: the result
    """
    value = b"" if share is None else share.to_bytes()
    return transcript.suite.labelled("RESULT_", i2osp(me, 2), value, transcript.to_bytes())


def recover(suite: Suite, octets: bytes, certificate: Certificate) -> KeyShare:
    """The share in a recovery file, if the certificate (verified before) is of the same transcript.

    Spec: spec/sharing.md#transcript
    Raises: EncodingError, InvalidProof
    """
    me, value, transcript = suite.fields("RESULT_", octets, 3)
    if transcript != certificate.transcript.to_bytes():
        raise InvalidProof("a recovery file and a certificate of different runs")
    share = KeyShare.from_bytes(suite, value)
    if i2osp(share.index, 2) != me or share.key != certificate.key:
        raise InvalidProof("a recovery file holds a share of another key")
    return share


def verify_contradiction(suite: Suite, run: bytes, member: Member, credentials: Signatures, evidence: bytes) -> None:
    """Nothing, if the evidence shows that the member said two things in one phase of a run.

    Spec: spec/sharing.md#broadcast
    Raises: InvalidProof
    """
    try:
        parts = unframe(evidence, 4)
        both = [Signed(*parts[:2]), Signed(*parts[2:])]
        said = [parse_statement(suite, run, one.octets) for one in both]
        for one in both:
            credentials.verify(member, one.octets, one.signature)
    except MilagroError:
        raise InvalidProof("this is no evidence") from None
    if {one[:2] for one in said} != {(member.index, said[0][1])} or said[0][2] == said[1][2]:
        raise InvalidProof("this is no evidence of two statements")


def confirmed(said: Mapping[int, Statement], transcript: Transcript) -> tuple[Signed, ...]:
    """The confirmations among what was said, in the order of the indices."""
    return tuple(one.signed for _, one in sorted(said.items()) if one.body == transcript.confirmation)
