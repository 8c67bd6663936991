"""What a D-TA of a network does for those who ask: it issues shares, tells of its keys, and of its log."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import Expired
from milagro.protocols.envelope import EncryptionPublicKey
from milagro.protocols.issuance import M_PIN, REPLY_SUITE, Asked, Issued, Purpose, check_purposes, view_octets
from milagro.protocols.sharing import issuing
from milagro.roles import logs
from milagro.roles.clock import Clock, unix_now
from milagro.roles.dta.issuing.checking import Checked, RequestChecker
from milagro.roles.dta.issuing.records import Use
from milagro.roles.dta.issuing.witnessing import Witness
from milagro.roles.issuance.messages import IssueAnswer, KeyView, LogHead
from milagro.roles.issuance.requests import point_in_g1, point_in_g2, seal_answer
from milagro.roles.issuance.views import signed_view
from milagro.roles.refusals import KeyOver

if TYPE_CHECKING:
    from milagro.cid import CID
    from milagro.groups import Random
    from milagro.protocols.envelope import EncryptionKey, SigningKey
    from milagro.protocols.mpin.v2 import Suite
    from milagro.protocols.sharing import KeyShare
    from milagro.roles.dta.holdings import Holding, Holdings
    from milagro.roles.dta.issuing.audit import SignedHead
    from milagro.roles.dta.issuing.authorities import Authorities
    from milagro.roles.dta.issuing.exports import Writable
    from milagro.roles.dta.issuing.records import IssuingRecords
    from milagro.roles.issuance.messages import IssueRequest, SuccessionAnswer, WitnessAnswer, WitnessRequest

_log = logs.logger(__name__)
_FORGET_EVERY: Final = 3600
_VIEW_SECONDS: Final = 60
_HEAD_SECONDS: Final = 60

Successions = Callable[[], Sequence["SuccessionAnswer"]]
"""The rotations that holders have endorsed, the oldest first."""


@dataclass(frozen=True, slots=True)
class IssuingNode:
    """One D-TA in one network: its identity with the keys of the moment, and what the network issues.

    Raises: ParameterError if the network were to issue for M-Pin and for key agreement
    Secret: signing, opening
    """

    identity: CID
    network: CID
    suite: Suite
    signing: SigningKey
    opening: Sequence[EncryptionKey]
    purposes: frozenset[Purpose] = M_PIN
    slots_ahead: int = 1

    def __post_init__(self) -> None:
        check_purposes(self.purposes)


def no_successions() -> Sequence[SuccessionAnswer]:
    """None: a network whose key was never rotated."""
    return ()


class IssuingService:
    """A D-TA that issues. Threads may share it.

    Spec: spec/issuing.md
    Secret: what `holdings` give; it leaves only as shares, sealed
    """

    def __init__(
        self,
        node: IssuingNode,
        holdings: Holdings,
        authorities: Authorities,
        records: IssuingRecords,
        clock: Clock = unix_now,
        successions: Successions = no_successions,
        random: Random = secrets.token_bytes,
    ) -> None:
        self.node, self.records = node, records
        self._holdings, self._clock, self._successions, self._random = holdings, clock, successions, random
        fixed = node.network, node.suite, node.purposes, node.slots_ahead
        self._checker = RequestChecker(*fixed, authorities, node.opening)
        self._witness = Witness(node.network, authorities, records.state)
        self._lock = threading.Lock()
        self._view: tuple[tuple[bytes, int], KeyView] | None = None
        self._forget_at = 0

    # -- issuing -------------------------------------------------------------------------------------------------------
    def issue(self, request: IssueRequest) -> IssueAnswer:
        """The share that the ticket is for, sealed to who may have it.

        Spec: spec/issuing.md#answers
        Raises: the refusals of a ticket; HolderNotProven, KeyOver, AuthorityQuota, IdentityQuota; EncodingError
        """
        now = self._clock()
        parties = self.node.network, self.node.identity
        asked = Asked(*parties, request.ticket, request.reply_to or b"", request.identity or b"")
        checked = self._checker.check(asked, request.signature, now)
        recipients = _recipients(asked, checked)
        holding = self._find(checked.ticket.key_id, now)
        epoch = holding.share.key.epoch
        terms, purpose = checked.authority.terms, checked.ticket.purpose
        fresh = self.records.use(Use(checked.ticket, terms, asked.digest, epoch), now)
        _log.info("issued", purpose=purpose.value, authority=terms.name, epoch=epoch, again=not fresh)
        self._keep_up(now)
        share = self._share(holding.share, checked, asked.digest)
        issued = Issued(purpose, checked.ticket.key_id, epoch, share)
        return IssueAnswer(envelope=seal_answer(asked, issued, self.node.signing, recipients, now, self._random))

    def _find(self, key_id: bytes, now: int) -> Holding:
        try:
            return self._holdings.find(key_id, now)
        except Expired:
            raise KeyOver("the key that the ticket names is not accepted here; ask for the network's keys") from None

    def _share(self, share: KeyShare, checked: Checked, context: bytes) -> bytes:
        suite, purpose, identity = self.node.suite, checked.ticket.purpose, checked.identity
        if identity is None:
            return issuing.issue_server_share(share).to_bytes()
        if purpose is Purpose.RECEIVER_KEY:
            return issuing.issue_receiver_share(share, point_in_g2(suite, identity)).to_bytes()
        A = point_in_g1(suite, purpose, identity, checked.ticket.slot)
        return issuing.issue_client_share(share, A, self._random, context).to_bytes()

    def _keep_up(self, now: int) -> None:
        with self._lock:
            due, self._forget_at = now >= self._forget_at, max(self._forget_at, now + _FORGET_EVERY)
        if due:
            self.records.forget(now)

    # -- what everybody may know ---------------------------------------------------------------------------------------
    def keys(self) -> KeyView:
        """The keys that are accepted now, signed; the same for a minute unless they change.

        Spec: spec/issuing.md#key-views
        Raises: ProtocolError while there is no key
        """
        now = self._clock()
        ring = self._holdings.public(now).to_bytes()
        at = now - now % _VIEW_SECONDS
        with self._lock:
            if self._view is None or self._view[0] != (ring, at):
                self._view = (ring, at), self._signed(ring, at)
            return self._view[1]

    def _signed(self, ring: bytes, at: int) -> KeyView:
        node, key = self.node, self.node.signing
        view = view_octets(node.network, node.identity, ring, at)
        return KeyView(
            node=str(node.identity),
            network=str(node.network),
            keys=ring,
            at=at,
            signing_key=key.public.id,
            signature=key.sign(signed_view(key.public.suite, view)),
            successions=list(self._successions()),
        )

    def witness(self, request: WitnessRequest) -> WitnessAnswer:
        """The standings of the replicas of the MFA server that asks, with what it tells now.

        Spec: spec/mpin.md#witnessing
        Raises: InvalidSignature, TicketForged, ParameterError
        """
        return self._witness.hear(request, self._clock())

    # -- the log -------------------------------------------------------------------------------------------------------
    def head(self) -> LogHead:
        """The head of the audit log, signed; at most a minute old if the log has moved on.

        Spec: spec/issuing.md#heads
        """
        now, log = self._clock(), self.records.log
        kept, mark = log.kept_head(), log.mark()
        if kept is None or (kept.head.number != mark.number and not 0 <= now - kept.head.time < _HEAD_SECONDS):
            kept = log.sign(self.node.signing, now)
        return LogHead(head=kept.head.to_bytes(), signing_key=kept.key_id, signature=kept.signature)

    def export(self, file: Writable, first: int = 1) -> SignedHead:
        """Writes the log from entry `first` on, with a head that is signed now.

        Spec: spec/issuing.md
        Raises: BrokenChain if the entry before the first one is not here
        """
        log = self.records.log
        return log.export(file, self.node.signing, self._clock(), first)

    # -- operation -----------------------------------------------------------------------------------------------------
    def check_ready(self) -> None:
        """Refuses while the database takes no writes, or there is no key to issue with.

        Raises: Unavailable, ProtocolError
        """
        self.records.state.check()
        self._holdings.current()

    def close(self) -> None:
        """Lets the database go."""
        self.records.close()


def _recipients(asked: Asked, checked: Checked) -> Sequence[EncryptionPublicKey]:
    """Who may open the answer: decided before the ticket is spent, so that a bad key costs nothing."""
    if checked.identity is None:
        return checked.authority.reply_keys
    return [EncryptionPublicKey(REPLY_SUITE, asked.reply)]
