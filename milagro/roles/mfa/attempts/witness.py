"""Asks the D-TAs of the network how far this server's replicas were, and has them keep how far they are.

All are asked at once. A standing is signed by the server itself, so a single D-TA that knows more is believed; and
n - f of n are told, f = min(n - t, (n - 1) / 2), so that of those who answer later one at least was told.

    answers of n - f    the standing is witnessed
    fewer               the server goes on with what it knows here, says so in log and figures, and asks again

Spec: spec/mpin.md#witnessing
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import MilagroError
from milagro.roles import logs
from milagro.roles.issuance.calls import NoAnswer
from milagro.roles.issuance.messages import MAX_STANDINGS, WitnessRequest
from milagro.roles.issuance.standings import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from milagro.roles.issuance import Node
    from milagro.roles.issuance.calls import Dial
    from milagro.roles.issuance.standings import Standing
    from milagro.roles.mfa.attempts.guard import Guard
    from milagro.roles.mfa.authority import NetworkAuthority
    from milagro.roles.mfa.nodes import Nodes

LOOK_SECONDS: Final = 2.0
TELL_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 15.0
_log = logs.logger(__name__)


@dataclass(frozen=True)
class Witnesses:
    """The D-TAs of now, as this server asks them."""

    nodes: Nodes
    authority: NetworkAuthority
    dial: Dial
    seconds: float

    @property
    def enough(self) -> int:
        """How many have to answer."""
        count = len(self.nodes.answer.nodes)
        return count - min(count - self.nodes.threshold, (count - 1) // 2)

    def tell(self, standings: Sequence[Standing]) -> tuple[list[Standing], int]:
        """What they know of this server's replicas, and how many of them answered."""
        signed = [one.signed(self.nodes.network, self.authority.signing) for one in standings]
        request = WitnessRequest(standings=signed)

        async def everyone() -> list[list[Standing] | None]:
            return await asyncio.gather(*(self._ask(node, request) for node in self.nodes.nodes))

        heard = [one for one in asyncio.run(everyone()) if one is not None]
        return [standing for one in heard for standing in one], len(heard)

    async def _ask(self, node: Node, request: WitnessRequest) -> list[Standing] | None:
        try:
            async with self.dial(node) as caller:
                answer = await caller.witness(request, self.seconds)
        except (NoAnswer, MilagroError) as error:
            _log.info("a D-TA does not witness", dta=node.name, reason=str(error))
            return None
        found = []
        for told in answer.standings:
            with contextlib.suppress(MilagroError):  # of a key that was replaced, or made up
                found.append(verified(told, self.nodes.network, self.authority.verifying))
        return found


class Witnessing:
    """One thread that looks at the database every other second, and asks the D-TAs every minute and after a restore.

    Without `witnesses` it only looks.
    """

    def __init__(self, guard: Guard, witnesses: Callable[[], Witnesses] | None = None) -> None:
        self._guard, self._witnesses = guard, witnesses
        self._due, self._heard = 0.0, False
        self._stop = threading.Event()

    def start(self) -> None:
        """Asks the D-TAs once, then begins to look in the background."""
        self._guard.asks = self._witnesses is not None
        self._try()
        threading.Thread(target=self._run, name="attempts", daemon=True).start()

    def stop(self) -> None:
        """Ends, without waiting for a look under way."""
        self._stop.set()
        self._guard.wake.set()

    def once(self) -> None:
        """One look at the database, and at the D-TAs if it is time.

        Raises: Unavailable, StoreError
        """
        guard = self._guard
        guard.look()
        if self._witnesses is not None and (time.monotonic() >= self._due or guard.asked != guard.restored_at):
            self.ask(self._witnesses())

    def ask(self, witnesses: Witnesses) -> None:
        """Tells the D-TAs how far this replica is, and acts on what they know.

        Raises: Unavailable, StoreError
        """
        guard, at = self._guard, self._guard.restored_at
        if not self._heard:  # what they know is heard before anything takes its place
            found, answers = witnesses.tell([guard.question()])
            self._heard = answers > 0
            guard.hear(found, guard.asked)
        found, answers = witnesses.tell(guard.standings(MAX_STANDINGS // 2)) if self._heard else ([], 0)
        enough = answers >= witnesses.enough
        if enough is not guard.witnessed:
            text = "the D-TAs witness the journal" if enough else "too few D-TAs witness the journal of attempts"
            (_log.info if enough else _log.warning)(text, answers=answers, wanted=witnesses.enough)
        self._due = time.monotonic() + (TELL_SECONDS if enough else _RETRY_SECONDS)
        guard.witnessed = enough
        guard.hear(found, at)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._guard.wake.wait(LOOK_SECONDS)
            self._guard.wake.clear()
            if not self._stop.is_set():
                self._try()

    def _try(self) -> None:
        try:
            self.once()
        except MilagroError as error:
            _log.warning("the journal of attempts cannot be compared now", reason=str(error))
        except Exception:  # noqa: BLE001 - a thread that ends silently would be found out after the next restore
            _log.error("the look at the journal of attempts failed", exc_info=True)
