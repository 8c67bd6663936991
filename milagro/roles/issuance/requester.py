"""The side that asks: all n D-TAs at once, each answer verified, the first t good ones combined, the others reported.

    ask all --> open --> key and epoch --> proof --> t good: combine
                              |                      too few: learn the keys anew, ask again, until the time is over
                              +--> another epoch

Nobody is the leader and nobody's leave is needed: the next question may be answered by any other t.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from milagro.errors import DecryptionFailed, InvalidShare, InvalidSignature, MilagroError
from milagro.protocols.envelope import EncryptionKey
from milagro.protocols.issuance import REPLY_SUITE, Asked, Purpose
from milagro.protocols.mpin.v2 import ClientSecret, Permit, ServerSecret
from milagro.protocols.sharing import KeyRing, MixedShares, issuing
from milagro.roles.issuance.calls import Caller, Dial, NoAnswer
from milagro.roles.issuance.messages import IssueRequest, SuccessionAnswer
from milagro.roles.issuance.reports import Fault, Reason, Report, TooFewAnswers
from milagro.roles.issuance.requests import open_answer, point_in_g1, point_in_g2

if TYPE_CHECKING:
    from milagro.groups import G1Point, G2Point, Random
    from milagro.protocols.mpin.v2 import ClientKey, Identity
    from milagro.protocols.sharing import SharedKey
    from milagro.roles.issuance.views import NetworkView, Node

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 3.0
_KEY_OVER: Final = "key-over"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for one answer, for everything, and to hear the others out once enough are good."""

    answer: float = 5.0
    overall: float = 20.0
    linger: float = 0.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the shares of one purpose are read, checked and combined."""

    purpose: Purpose
    read: Callable[[bytes], Any]
    check: Callable[[SharedKey, Any, bytes], None]
    combine: Callable[[SharedKey, Sequence[Any]], Any]


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who asks: the request for each node, and the keys that open its answer."""

    request: Callable[[Node], tuple[Asked, IssueRequest]]
    keys: Sequence[EncryptionKey]


@dataclass(frozen=True, slots=True)
class _Good:
    """A share that holds, its node, and the context of its proof."""

    node: Node
    share: Any


class Requester:
    """Asks the D-TAs of one network. What it learns of their keys stays in `view`.

    Spec: spec/issuing.md
    """

    def __init__(
        self, view: NetworkView, dial: Dial, patience: Patience | None = None, random: Random = secrets.token_bytes
    ) -> None:
        self.view, self._dial, self._random = view, dial, random
        self._patience = patience or Patience()

    # -- what can be had -----------------------------------------------------------------------------------------------
    def client_secret(
        self, ticket: bytes, identity: Identity, key: ClientKey, key_id: bytes | None = None
    ) -> tuple[ClientSecret, Report]:
        """s A for the holder of the identity's key.

        Spec: spec/issuing.md
        Raises: TooFewAnswers
        Secret: the result
        """
        kind = self._in_g1(Purpose.CLIENT_SHARE, identity, None)
        point, report = self._run(kind, self._holder(ticket, identity, key), key_id)
        return ClientSecret(self.view.suite, identity, point), report

    def permit(
        self, ticket: bytes, identity: Identity, slot: int, key: ClientKey, key_id: bytes | None = None
    ) -> tuple[Permit, Report]:
        """s AT(slot) for the holder of the identity's key.

        Spec: spec/issuing.md
        Raises: TooFewAnswers
        Secret: the result
        """
        kind = self._in_g1(Purpose.PERMIT, identity, slot)
        point, report = self._run(kind, self._holder(ticket, identity, key), key_id)
        return Permit(self.view.suite, identity, slot, point), report

    def server_secret(
        self, ticket: bytes, keys: Sequence[EncryptionKey], key_id: bytes | None = None
    ) -> tuple[ServerSecret, Report]:
        """s Q for the authority whose identity lists these encryption keys.

        Spec: spec/issuing.md
        Raises: TooFewAnswers
        Secret: the result
        """

        def request(node: Node) -> tuple[Asked, IssueRequest]:
            return Asked(self.view.network, node.identity, ticket), IssueRequest(ticket=ticket)

        suite, random = self.view.sharing, self._random
        kind = _Kind(
            Purpose.SERVER_SHARE,
            lambda octets: issuing.ServerShare.from_bytes(suite, octets),
            lambda known, share, _context: issuing.check_server_shares(known, [share], random),
            lambda known, shares: issuing.combine_server_shares(known, shares, random),
        )
        point, report = self._run(kind, _Holder(request, keys), key_id)
        return ServerSecret(self.view.suite, point), report

    def sender_key(
        self, ticket: bytes, identity: Identity, key: ClientKey, key_id: bytes | None = None
    ) -> tuple[G1Point, Report]:
        """s A1 of a sender of Chow-Choo, whose ID is the identity's octets.

        Spec: spec/issuing.md
        Raises: TooFewAnswers
        Secret: the result
        """
        kind = self._in_g1(Purpose.SENDER_KEY, identity, None)
        return self._run(kind, self._holder(ticket, identity, key), key_id)

    def receiver_key(
        self, ticket: bytes, identity: Identity, key: ClientKey, key_id: bytes | None = None
    ) -> tuple[G2Point, Report]:
        """s B2 of a receiver of Chow-Choo, whose ID is the identity's octets.

        Spec: spec/issuing.md
        Raises: TooFewAnswers
        Secret: the result
        """
        suite, random, B = self.view.sharing, self._random, point_in_g2(self.view.suite, identity)
        kind = _Kind(
            Purpose.RECEIVER_KEY,
            lambda octets: issuing.ReceiverShare.from_bytes(suite, octets),
            lambda known, share, _context: issuing.check_receiver_shares(known, [share], B, random),
            lambda known, shares: issuing.combine_receiver_shares(known, shares, B, random),
        )
        return self._run(kind, self._holder(ticket, identity, key), key_id)

    def learn(self) -> NetworkView:
        """The view after all D-TAs were asked for their keys: later epochs, and successors of the current key.

        Spec: spec/issuing.md#key-views
        """
        asyncio.run(self._learn_within(time.monotonic() + self._patience.overall))
        return self.view

    # -- how -----------------------------------------------------------------------------------------------------------
    def _in_g1(self, purpose: Purpose, identity: Identity, slot: int | None) -> _Kind:
        A = point_in_g1(self.view.suite, purpose, identity, slot)
        suite = self.view.sharing
        return _Kind(
            purpose,
            lambda octets: issuing.ClientShare.from_bytes(suite, octets),
            lambda known, share, context: issuing.check_client_share(known, share, A, context),
            issuing.combine_checked_client_shares,
        )

    def _holder(self, ticket: bytes, identity: Identity, key: ClientKey) -> _Holder:
        """Requests by the holder of an identity, answered to a key that lives as long as the question."""
        reply = EncryptionKey.generate(self._random, REPLY_SUITE)
        octets = identity.to_bytes()

        def request(node: Node) -> tuple[Asked, IssueRequest]:
            asked = Asked(self.view.network, node.identity, ticket, reply.public.octets, octets)
            signature = key.sign(asked.statement)
            return asked, IssueRequest(ticket=ticket, identity=octets, reply_to=asked.reply, signature=signature)

        return _Holder(request, [reply])

    def _run(self, kind: _Kind, holder: _Holder, key_id: bytes | None) -> tuple[Any, Report]:
        return asyncio.run(self._until(kind, holder, key_id, time.monotonic() + self._patience.overall))

    async def _until(self, kind: _Kind, holder: _Holder, key_id: bytes | None, deadline: float) -> tuple[Any, Report]:
        """The combined secret; asks again while answers are of epochs that are not known here, and there is time."""
        wanted = self.view.key(key_id).key_id
        pause = _FIRST_PAUSE
        async with AsyncExitStack() as stack:
            callers = await self._connect(stack)
            while True:
                key = self.view.key(wanted)
                good, report = await _Round(self, kind, holder, key, deadline).run(callers)
                if len(good) >= key.threshold:
                    return kind.combine(key, [one.share for one in good[: key.threshold]]), report
                if not _is_stale(report):
                    raise TooFewAnswers(key.threshold, report)
                await self._learn(callers, deadline)
                if self.view.key(wanted) == key:
                    if not _is_moving(report) or time.monotonic() + pause >= deadline:
                        raise TooFewAnswers(key.threshold, report)
                    await asyncio.sleep(_jittered(pause))
                    pause = min(2 * pause, _LONGEST_PAUSE)

    async def _connect(self, stack: AsyncExitStack) -> dict[int, Caller | NoAnswer]:
        callers: dict[int, Caller | NoAnswer] = {}
        for node in self.view.nodes:
            try:
                callers[node.index] = await stack.enter_async_context(self._dial(node))
            except NoAnswer as fault:
                callers[node.index] = fault
        return callers

    # -- learning ------------------------------------------------------------------------------------------------------
    async def _learn_within(self, deadline: float) -> None:
        async with AsyncExitStack() as stack:
            await self._learn(await self._connect(stack), deadline)

    async def _learn(self, callers: dict[int, Caller | NoAnswer], deadline: float) -> None:
        heard = await asyncio.gather(*(self._heard(node, callers[node.index], deadline) for node in self.view.nodes))
        rings = {node.index: one[0] for node, one in zip(self.view.nodes, heard, strict=True) if one is not None}
        view = self.view
        for one in heard:
            view = view.follow(one[1]) if one is not None else view
        self.view = view.learned(rings)

    async def _heard(
        self, node: Node, caller: Caller | NoAnswer, deadline: float
    ) -> tuple[KeyRing, Sequence[SuccessionAnswer]] | None:
        if isinstance(caller, NoAnswer):
            return None
        seconds = min(self._patience.answer, max(deadline - time.monotonic(), 0.001))
        try:
            view = await caller.keys(seconds)
            return self.view.ring_of(node, view), view.successions
        except (NoAnswer, MilagroError):
            return None

    @property
    def patience(self) -> Patience:
        """How long it waits."""
        return self._patience


class _Round:
    """One question to all, under one epoch of one key."""

    def __init__(self, requester: Requester, kind: _Kind, holder: _Holder, key: SharedKey, deadline: float) -> None:
        self._view, self._patience = requester.view, requester.patience
        self._kind, self._holder, self._key, self._deadline = kind, holder, key, deadline
        self._last: dict[int, Fault] = {}  # of those who are asked again

    async def run(self, callers: dict[int, Caller | NoAnswer]) -> tuple[list[_Good], Report]:
        """The good shares in the order in which they came, and the report."""
        waiting = {asyncio.ensure_future(self._one(node, callers[node.index])): node for node in self._view.nodes}
        good: list[_Good] = []
        bad: dict[int, Fault] = {}
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, timeout=self._left(good), return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                for task in done:
                    node, result = waiting.pop(task), task.result()
                    if isinstance(result, Fault):
                        bad[node.index] = result
                    else:
                        good.append(result)
        finally:
            unheard = [node for task, node in waiting.items() if task.cancel()]
            await asyncio.gather(*waiting, return_exceptions=True)
        return good, self._report(good, bad, unheard)

    def _left(self, good: list[_Good]) -> float:
        left = max(self._deadline - time.monotonic(), 0.0)
        return min(left, self._patience.linger) if len(good) >= self._key.threshold else left

    def _report(self, good: list[_Good], bad: dict[int, Fault], unheard: list[Node]) -> Report:
        bad = self._last | bad
        if len(good) < self._key.threshold:
            late = {one.index: Fault(one.name, Reason.SILENT, "no answer before the time was over") for one in unheard}
            bad = late | bad
        for one in good:
            bad.pop(one.node.index, None)
        faults = tuple(bad[index] for index in sorted(bad))
        names = tuple(node.name for node in unheard if node.index not in bad)
        return Report(tuple(one.node.name for one in good), faults, names)

    # -- one D-TA ------------------------------------------------------------------------------------------------------
    async def _one(self, node: Node, caller: Caller | NoAnswer) -> _Good | Fault:
        if isinstance(caller, NoAnswer):
            return _fault(node, caller)
        try:
            asked, request = self._holder.request(node)
            envelope = await self._envelope(node, caller, request)
            return self._judged(node, asked, envelope)
        except NoAnswer as fault:
            return _fault(node, fault)

    async def _envelope(self, node: Node, caller: Caller, request: IssueRequest) -> bytes:
        """The answer to a request that is the same however often it is sent."""
        pause = _FIRST_PAUSE
        while True:
            seconds = min(self._patience.answer, max(self._deadline - time.monotonic(), 0.001))
            try:
                answer = await caller.issue(request, seconds)
            except NoAnswer as fault:
                self._last[node.index] = _fault(node, fault)
                wait = _jittered(pause) if fault.retry_after is None else fault.retry_after
                if not fault.again or time.monotonic() + wait >= self._deadline:
                    raise
            else:
                return bytes(answer.envelope)
            await asyncio.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _judged(self, node: Node, asked: Asked, envelope: bytes) -> _Good:
        """The share, if it is a good one of this node. Raises: NoAnswer."""
        key = self._key
        try:
            issued = open_answer(asked, envelope, self._holder.keys, node.signing)
            if issued.key_id != key.key_id or issued.purpose is not self._kind.purpose:
                raise NoAnswer(Reason.OTHER_KEY, "its share is of another key, or for another purpose")
            if issued.epoch != key.epoch:
                raise NoAnswer(Reason.OTHER_EPOCH, f"its share is of epoch {issued.epoch}, not of {key.epoch}")
            share = self._kind.read(issued.share)
            if share.header.index != node.index:
                raise NoAnswer(Reason.NOT_ITS_OWN, f"its share is that of number {share.header.index}")
            self._kind.check(key, share, asked.digest)
        except (DecryptionFailed, InvalidSignature):
            raise NoAnswer(Reason.NOT_ITS_OWN, "its answer is of somebody else, or to another request") from None
        except MixedShares:
            raise NoAnswer(Reason.OTHER_EPOCH, "its share is of another sharing of the key") from None
        except InvalidShare:
            raise NoAnswer(
                Reason.WRONG_SHARE, "its share does not fit its commitment, or its proof not the share"
            ) from None
        except MilagroError as error:
            raise NoAnswer(Reason.GARBAGE, f"its answer does not decode: {error}") from None
        return _Good(node, share)


def _fault(node: Node, fault: NoAnswer) -> Fault:
    return Fault(node.name, fault.reason, fault.detail, fault.code, fault.retry_after)


def _is_stale(report: Report) -> bool:
    """Whether the keys may have changed: somebody answers under another epoch, or knows the key no more."""
    return _is_moving(report) or any(fault.code == _KEY_OVER for fault in report.bad)


def _is_moving(report: Report) -> bool:
    """Whether D-TAs answer under another epoch: so long, asking again may find them all under one."""
    return any(fault.reason is Reason.OTHER_EPOCH for fault in report.bad)


def _jittered(seconds: float) -> float:
    """From half to one and a half of it, so that those who failed together do not come back together."""
    return seconds * (0.5 + secrets.randbelow(1000) / 1000)
