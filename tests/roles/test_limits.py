"""Token buckets and callers' addresses."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milagro.errors import RateLimited
from milagro.roles.refusals import Busy, TimedOut
from milagro.roles.transport.config import LOOPBACK, LimitsConfig, networks
from milagro.roles.transport.limits import Admission, RateLimiter, caller_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def allowed(limiter: RateLimiter, caller: str, count: int) -> int:
    done = 0
    for _ in range(count):
        try:
            limiter.check(caller)
        except RateLimited:
            continue
        done += 1
    return done


def test_a_bucket_empties_and_fills() -> None:
    clock = Clock()
    limiter = RateLimiter(LimitsConfig(per_second=10, burst=5), clock)
    assert allowed(limiter, "a", 20) == 5
    assert allowed(limiter, "b", 20) == 5  # each caller has a bucket of its own
    clock.now += 0.1
    assert allowed(limiter, "a", 20) == 1
    clock.now += 100
    assert allowed(limiter, "a", 20) == 5


@given(st.lists(st.floats(min_value=0, max_value=3), min_size=1, max_size=60), st.integers(1, 20), st.integers(1, 20))
def test_no_caller_gets_more_than_burst_and_rate(steps: list[float], rate: int, burst: int) -> None:
    clock = Clock()
    limiter = RateLimiter(LimitsConfig(per_second=rate, burst=burst), clock)
    done = 0
    for step in steps:
        clock.now += step
        done += allowed(limiter, "a", 3)
    assert done <= burst + rate * sum(steps) + 1e-6


def test_what_is_told_to_wait_may_come_after_it() -> None:
    clock = Clock()
    limiter = RateLimiter(LimitsConfig(per_second=2, burst=1), clock)
    limiter.check("a")
    with pytest.raises(RateLimited) as caught:
        limiter.check("a")
    assert caught.value.retry_after == pytest.approx(0.5)
    clock.now += 0.5
    limiter.check("a")


def test_the_table_is_bounded_and_forgets_the_quietest() -> None:
    clock = Clock()
    limiter = RateLimiter(LimitsConfig(per_second=1, burst=1, callers=100), clock)
    for number in range(10_000):
        limiter.check(f"caller {number}")
        assert allowed(limiter, "loud", 1) == (number == 0)  # whoever keeps asking is not forgotten
    assert limiter.callers == 100


def test_no_limit() -> None:
    limiter = RateLimiter(LimitsConfig(per_second=0))
    assert allowed(limiter, "a", 1000) == 1000
    RateLimiter(LimitsConfig(per_second=1, burst=1)).check(None)


PROXIES = networks((*LOOPBACK, "10.0.0.0/8"))


@pytest.mark.parametrize(
    ("address", "forwarded", "caller"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),  # a stranger's header counts for nothing
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", None, None),
        ("127.0.0.1", "", None),
        ("10.0.0.1", "nonsense", None),
        ("testclient", "198.51.100.1", None),
        (None, "198.51.100.1", None),
        ("2001:db8:1:2:3::4", None, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        ("::1", "2001:db8::1", "2001:db8::/64"),
    ],
)
def test_whose_bucket(address: str | None, forwarded: str | None, caller: str | None) -> None:
    assert caller_of(address, forwarded, PROXIES) == caller


# -- places -------------------------------------------------------------------------------------------------------
def test_places_go_in_order_and_none_is_lost() -> None:
    async def scene() -> list[int]:
        admission, order = Admission(100, 2), []

        async def visit(number: int) -> None:
            await admission.place(time.monotonic() + 60)
            order.append(number)
            await asyncio.sleep(0)
            admission.release(0.0)

        await asyncio.gather(*(visit(number) for number in range(50)))
        assert (admission.running, admission.waiting) == (0, 0)
        return order

    assert asyncio.run(scene()) == list(range(50))


@pytest.mark.parametrize(("limit", "beginning"), [(1, 1), (3, 3), (4, 3), (256, 192)])
def test_what_begins_something_leaves_a_quarter_to_what_goes_on(limit: int, beginning: int) -> None:
    admission = Admission(limit, 1)
    for _ in range(beginning):
        admission.enter(begins=True)
    with pytest.raises(Busy):
        admission.enter(begins=True)
    for _ in range(limit - beginning):
        admission.enter()
    with pytest.raises(Busy):
        admission.enter()


def test_whoever_gives_up_leaves_its_turn_to_the_next() -> None:
    async def scene() -> None:
        admission = Admission(100, 1)
        await admission.place(time.monotonic() + 60)
        with pytest.raises(TimedOut):
            await admission.place(time.monotonic() + 0.01)
        leaving = asyncio.ensure_future(admission.place(time.monotonic() + 60))
        staying = asyncio.ensure_future(admission.place(time.monotonic() + 60))
        await asyncio.sleep(0)
        admission.release(0.0)  # its turn has come, and it is cancelled before it knows
        leaving.cancel()
        await asyncio.wait_for(staying, 5)
        assert (admission.running, admission.waiting) == (1, 0)
        admission.release(0.0)
        assert admission.running == 0

    asyncio.run(scene())


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    async def scene() -> None:
        admission = Admission(100, 1)
        admission.note(10.0)
        await admission.place(time.monotonic() + 1)  # a free place is given whatever was before
        with pytest.raises(Busy) as caught:
            await admission.place(time.monotonic() + 1)
        assert caught.value.retry_after == 10.0
        assert admission.waiting == 0

    asyncio.run(scene())
