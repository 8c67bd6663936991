"""What a server takes on: so many requests at once, so many a second from one caller. Both transports share them."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from milagro.errors import RateLimited
from milagro.roles.refusals import Busy, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.roles.transport.config import LimitsConfig, Network

_SMOOTHING = 0.1  # how much one service time moves the mean
_LONGEST_RETRY = 60.0
_IPV6_SITE = 64  # one subscriber usually has a whole /64


class Admission:
    """How many requests are under way, and which of them run.

    A request is under way from its first octet to its answer; while its handler works it holds one of `running`
    places. Whoever would wait for a place until after its deadline is turned away at once.
    """

    def __init__(self, under_way: int, running: int) -> None:
        self._limit = under_way
        self._places = running
        self._free = running
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._mean = 0.0
        self._lock = threading.Lock()  # the transports may have an event loop each
        self.under_way = 0

    @property
    def running(self) -> int:
        """How many handlers work now."""
        return self._places - self._free

    @property
    def waiting(self) -> int:
        """How many requests wait for a place."""
        return len(self._waiting)

    def enter(self, *, begins: bool = False) -> None:
        """Counts a request in. What `begins` something leaves a quarter of the limit to what goes on with it.

        Raises: Busy
        """
        limit = self._limit - self._limit // 4 if begins else self._limit
        with self._lock:
            if self.under_way >= limit:
                raise self._busy()
            self.under_way += 1

    def leave(self) -> None:
        """Counts a request out."""
        with self._lock:
            self.under_way -= 1

    async def place(self, deadline: float) -> None:
        """Waits for a place to run in, in order of arrival.

        Raises: Busy if it would come too late, TimedOut if it did
        """
        remaining = deadline - time.monotonic()
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if self._expected_wait() >= remaining:
                raise self._busy()
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
        try:
            async with asyncio.timeout(remaining):
                await turn
        except BaseException as error:
            self._give_up(turn)
            if isinstance(error, TimeoutError):
                raise _late(self._expected_wait()) from None
            raise

    def release(self, seconds: float) -> None:
        """Gives a place back after `seconds` of work, to the first who waits."""
        self.note(seconds)
        self._hand_on()

    def note(self, seconds: float) -> None:
        """Takes `seconds` into the mean of what a place is taken for."""
        self._mean += (seconds - self._mean) * (_SMOOTHING if self._mean else 1.0)

    def _hand_on(self) -> None:
        with self._lock:
            if not self._waiting:
                self._free += 1
                return
            turn = self._waiting.popleft()
        try:
            turn.get_loop().call_soon_threadsafe(self._grant, turn)
        except RuntimeError:  # that loop has ended, and with it whoever waited
            self._hand_on()

    def _grant(self, turn: asyncio.Future[None]) -> None:
        if turn.done():
            self._hand_on()
        else:
            turn.set_result(None)

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        if turn.done() and not turn.cancelled():
            self._hand_on()  # the place came as the wait ended

    def _expected_wait(self) -> float:
        return self._mean * (len(self._waiting) + 1) / self._places

    def _busy(self) -> Busy:
        error = Busy("the server is busy; try again")
        error.retry_after = min(_LONGEST_RETRY, max(1.0, self._expected_wait()))
        return error


def _late(seconds: float) -> TimedOut:
    error = TimedOut("the server took too long; try again")
    error.retry_after = min(_LONGEST_RETRY, max(1.0, seconds))
    return error


class RateLimiter:
    """A token bucket for each caller, kept as the time at which it will be full again (GCRA).

    The table is bounded: where it is full, the caller that was not seen for longest is forgotten.
    """

    def __init__(self, config: LimitsConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / config.per_second if config.per_second else 0.0
        self._depth = self._interval * config.burst
        self._size = config.callers
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    @property
    def callers(self) -> int:
        """How many callers are remembered."""
        return len(self._full_at)

    def check(self, caller: str | None) -> None:
        """Takes one token from the caller's bucket; does nothing for a caller whose address is not known.

        Raises: RateLimited
        """
        if caller is None or not self._interval:
            return
        now = self._clock()
        full_at = max(self._full_at.pop(caller, now), now) + self._interval
        wait = full_at - self._depth - now
        if wait > 1e-9:
            self._full_at[caller] = full_at - self._interval
            error = RateLimited("too many requests from this address; try again later")
            error.retry_after = wait
            raise error
        self._full_at[caller] = full_at
        if len(self._full_at) > self._size:
            self._full_at.popitem(last=False)


def caller_of(address: str | None, forwarded: str | None, proxies: tuple[Network, ...]) -> str | None:
    """Whose bucket a request empties: the connection's address, or behind a proxy the one that it reports.

    Addresses are read from the right, as every proxy appends the one that it saw; the first that is no proxy of ours
    is the caller. None for a proxy that reports nothing: its address stands for everyone behind it.
    """
    candidates = [address, *reversed((forwarded or "").split(","))] if address else []
    for text in candidates:
        try:
            found = ipaddress.ip_address(text.strip() if text else "")
        except ValueError:
            return None
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        if not any(found in network for network in proxies):
            return _site(found)
    return None


def _site(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((int(address), _IPV6_SITE), strict=False))
