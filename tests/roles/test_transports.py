"""The same requests, refusals and limits over HTTP and over gRPC: each test runs through both."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from milagro import errors
from milagro.errors import MilagroError, StoreError, Unavailable, status_of
from milagro.roles.refusals import Locked, TicketReused, code_of
from milagro.roles.transport.config import LimitsConfig
from tests.roles.stage import CONFIG, SECRET, TRANSPORTS, Answer, Stage, make_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_stage(transport: str, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    opened: list[Stage] = []

    def make(**changes: Any) -> Stage:
        opened.append(make_stage(transport, tmp_path, replace(CONFIG, **changes)))
        return opened[-1]

    yield make
    for stage in opened:
        stage.close()


@pytest.fixture
def stage(open_stage: Callable[..., Stage]) -> Stage:
    return open_stage()


def failing(stage: Stage, error: Exception) -> Answer:
    def action(_call: Any) -> None:
        raise error

    stage.role.action = action
    return stage.send("Act", SECRET)


def status_in(stage: Stage, error: MilagroError) -> int | str:
    status = status_of(error)
    if stage.transport == "http":
        return status.http
    return "INTERNAL" if status.http >= 500 and not isinstance(error, Unavailable) else status.grpc


def all_errors() -> list[type[MilagroError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MilagroError)]
    return [*found, Locked, TicketReused]


def test_an_answer_has_every_kind_of_field(stage: Stage) -> None:
    body = {
        "secret": b"\xff\x00" * 30,
        "count": -7,
        "at": (1 << 40) - 1,
        "items": [{"name": "\u00e9\U0001f600", "weight": 0}, {"name": "b"}],
        "best": {"name": ""},
    }
    answer = stage.send("Act", body)
    assert answer.code == "ok"
    assert answer.body["count"] == -7
    assert answer.body["at"] == (1 << 40) - 1
    assert answer.body["items"] == [{"name": "\u00e9\U0001f600", "weight": 0}, {"name": "b", "weight": 1}]
    assert answer.body["best"] == {"name": "", "weight": 1}
    bare = stage.send("Act", SECRET).body
    assert (bare["count"], bare["at"], bare["items"], bare["best"]) == (0, None, [], None)


def test_every_error_has_its_own_status_and_code(stage: Stage) -> None:
    for kind in all_errors():
        error = kind("what went wrong")
        answer = failing(stage, error)
        internal = status_of(error).http >= 500 and not isinstance(error, Unavailable)
        assert answer.status == status_in(stage, error), kind
        assert answer.code == ("internal" if internal else code_of(error))
        assert ("what went wrong" in answer.text) is not internal
        assert len(answer.request_id) >= 8
        assert ("retry-after" in answer.headers) is isinstance(error, Unavailable)


def test_a_crash_tells_nothing(stage: Stage) -> None:
    answer = failing(stage, RuntimeError("the master secret is forty-two"))
    assert answer.status == (500 if stage.transport == "http" else "INTERNAL")
    assert answer.code == "internal"
    assert "forty" not in answer.text


def test_a_store_that_fails_tells_nothing(stage: Stage) -> None:
    assert "secret-path" not in failing(stage, StoreError("/secret-path is full")).text


def test_a_large_request_is_refused(stage: Stage) -> None:
    answer = stage.send("Act", {"secret": bytes(1990), "items": [{"name": "a" * 20}]})
    assert answer.code == "too-large"
    assert answer.status == (413 if stage.transport == "http" else "RESOURCE_EXHAUSTED")
    assert stage.send("Act", {"secret": bytes(1000)}).code == "ok"


def test_a_slow_handler_is_answered_for(open_stage: Callable[..., Stage]) -> None:
    stage, over = open_stage(request_timeout_seconds=1), threading.Event()
    stage.role.action = lambda _call: over.wait(10)
    answer = stage.send("Act", SECRET)
    over.set()
    assert (answer.status, answer.code) == (503 if stage.transport == "http" else "UNAVAILABLE", "timed-out")
    assert int(answer.headers["retry-after"]) >= 1
    stage.role.action = lambda _call: None
    assert stage.send("Act", SECRET).code == "ok"


class Crowd:
    """Requests that are inside a handler until they are let go."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.inside, self.over = threading.Semaphore(0), threading.Event()
        self.answers: list[Answer] = []
        self.threads: list[threading.Thread] = []
        stage.role.action = self._wait

    def _wait(self, _call: Any) -> None:
        self.inside.release()
        self.over.wait(10)

    def add(self, count: int, inside: int) -> None:
        for _ in range(count):
            thread = threading.Thread(target=lambda: self.answers.append(self.stage.send("Act", SECRET)))
            thread.start()
            self.threads.append(thread)
        for _ in range(inside):
            assert self.inside.acquire(timeout=10)

    def finish(self) -> list[str]:
        self.over.set()
        for thread in self.threads:
            thread.join(20)
        return sorted(answer.code for answer in self.answers)


def test_too_many_requests_at_once_are_shed(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage(max_requests=2)
    crowd = Crowd(stage)
    crowd.add(2, 2)
    answer = stage.send("Act", SECRET)
    assert (answer.status, answer.code) == (503 if stage.transport == "http" else "UNAVAILABLE", "busy")
    assert int(answer.headers["retry-after"]) >= 1
    assert crowd.finish() == ["ok", "ok"]
    assert stage.send("Act", SECRET).code == "ok"


def test_requests_wait_for_a_place_to_run_in(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage(max_requests=8, limits=LimitsConfig(running=1))
    crowd = Crowd(stage)
    crowd.add(3, 1)
    for _ in range(100):
        if stage.front.admission.waiting == 2:
            break
        time.sleep(0.05)
    assert (stage.front.admission.running, stage.front.admission.waiting) == (1, 2)
    assert crowd.finish() == ["ok"] * 3
    assert (stage.front.admission.running, stage.front.admission.waiting, stage.front.admission.under_way) == (0, 0, 0)


def test_whoever_would_wait_too_long_is_turned_away_at_once(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage(max_requests=8, limits=LimitsConfig(running=1))
    stage.front.admission.note(3600)
    crowd = Crowd(stage)
    crowd.add(1, 1)
    answer = stage.send("Act", SECRET)
    assert answer.code == "busy"
    assert int(answer.headers["retry-after"]) == 60
    assert crowd.finish() == ["ok"]


def test_a_place_is_held_until_the_handler_is_done(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage(request_timeout_seconds=1, max_requests=8, limits=LimitsConfig(running=1))
    over = threading.Event()
    stage.role.action = lambda _call: over.wait(10)
    assert stage.send("Act", SECRET).code == "timed-out"
    assert stage.front.admission.running == 1  # nobody waits for it any more, but its thread still works
    assert stage.send("Act", SECRET).code in ("timed-out", "busy")
    over.set()
    for _ in range(100):
        if stage.front.admission.running == 0:
            break
        time.sleep(0.05)
    assert stage.front.admission.running == 0
    stage.role.action = lambda _call: None
    assert stage.send("Act", SECRET).code == "ok"


def test_a_caller_that_asks_too_often_is_refused(open_stage: Callable[..., Stage]) -> None:
    limits = LimitsConfig(per_second=1, burst=3, address_header="x-forwarded-for")
    stage = open_stage(limits=limits)
    if stage.transport == "http":
        stage.client._transport.client = ("127.0.0.1", 1)  # type: ignore[union-attr]
    first = {"x-forwarded-for": "192.0.2.7"}
    answers = [stage.send("Act", SECRET, first) for _ in range(4)]
    assert [answer.code for answer in answers] == ["ok", "ok", "ok", "rate-limited"]
    assert answers[3].status == (429 if stage.transport == "http" else "RESOURCE_EXHAUSTED")
    assert int(answers[3].headers["retry-after"]) == 1
    assert stage.send("Act", SECRET, {"x-forwarded-for": "192.0.2.8"}).code == "ok"
    # What a caller writes in front of what the proxy appends is nobody's address.
    assert stage.send("Act", SECRET, {"x-forwarded-for": "192.0.2.9, 192.0.2.7"}).code == "rate-limited"
    assert len(stage.role.calls) == 4


def test_request_ids_are_taken_over_if_they_are_harmless(stage: Stage) -> None:
    assert stage.send("Act", SECRET, {"x-request-id": "abc-123.DEF_4"}).request_id == "abc-123.DEF_4"
    assert stage.role.calls[-1].request_id == "abc-123.DEF_4"
    for odd in ("short", "a" * 65, "with space", 'quote"quote'):
        assert stage.send("Act", SECRET, {"x-request-id": odd}).request_id != odd


def test_readiness_says_the_truth(stage: Stage) -> None:
    assert stage.is_ready()

    def broken() -> None:
        raise StoreError("the disk is gone")

    stage.role.ready = broken
    assert not stage.is_ready()
    stage.role.ready = lambda: None
    assert stage.is_ready()
    stage.front.readiness.drain()
    assert not stage.is_ready()


def test_requests_are_counted_by_operation(stage: Stage) -> None:
    stage.send("Act", SECRET)
    failing(stage, Locked("x"))
    value = stage.front.metrics.registry.get_sample_value
    if stage.transport == "http":
        labels = [{"method": "POST", "route": "/act", "status": status} for status in ("200", "403")]
        name = "milagro_http_requests_total"
    else:
        labels = [{"method": "Act", "code": code} for code in ("OK", "PERMISSION_DENIED")]
        name = "milagro_grpc_requests_total"
    assert [value(name, each) for each in labels] == [1, 1]


def test_a_handler_sees_who_calls_and_how_long_it_has(stage: Stage) -> None:
    stage.send("Act", SECRET)
    call = stage.role.calls[-1]
    assert call.transport == stage.transport
    assert (call.operator, call.certificate) == (None, None)
    assert 0 < call.remaining() <= 5


def test_what_is_not_configured_is_not_served(stage: Stage) -> None:
    for name in ("Operator", "Peer"):
        answer = stage.send(name, None)
        assert (answer.status, answer.code) == (404 if stage.transport == "http" else "UNIMPLEMENTED", "not-found")
    assert stage.send("Public", None).body == {"operator": None, "subject": None, "dns_names": []}
