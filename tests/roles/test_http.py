"""What every server does with a request before and after its own work."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from milagro import errors
from milagro.errors import MilagroError, StoreError, Unavailable, status_of
from milagro.roles import logs
from milagro.roles.config import LogConfig, ServerConfig
from milagro.roles.http import Metrics, application
from milagro.roles.refusals import Locked, TicketReused, code_of, refusal
from milagro.roles.wire import Message, Octets, to_octets, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = ServerConfig(
    host="127.0.0.1",
    port=8000,
    public_url="http://127.0.0.1:8000",
    tls_certificate=None,
    tls_key=None,
    body_limit=2000,
    request_timeout_seconds=5,
    max_requests=4,
)


class Body(Message):
    secret: Octets
    count: int = 0


class Stage:
    """An application whose one endpoint does what the test wants."""

    def __init__(self, config: ServerConfig = CONFIG) -> None:
        self.action: Any = lambda: None
        self.ready: Any = lambda: None
        self.metrics = Metrics()
        app = application("Test", "A test.", config, lambda: self.ready(), self.metrics)  # noqa: PLW0108 - set later

        @app.post("/act")
        def act(_body: Body) -> dict[str, bool]:
            self.action()
            return {"done": True}

        self.client = TestClient(app, raise_server_exceptions=False)

    def act(self, **headers: str) -> Any:
        return self.client.post("/act", json={"secret": "AAAA"}, headers=headers)

    def fail(self, error: Exception) -> Any:
        def action() -> None:
            raise error

        self.action = action
        return self.act()


def all_errors() -> Iterator[type[MilagroError]]:
    yield from (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MilagroError))
    yield from (Locked, TicketReused)


@pytest.mark.parametrize("kind", list(all_errors()), ids=lambda kind: kind.__name__)
def test_every_error_has_one_shape_and_its_own_status(kind: type[MilagroError]) -> None:
    error = kind("what went wrong")
    answer = Stage().fail(error)
    body = answer.json()["error"]
    assert answer.status_code == status_of(error).http
    assert set(body) == {"code", "message", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    internal = answer.status_code >= 500 and not isinstance(error, Unavailable)
    assert body["code"] == ("internal" if internal else code_of(error))
    assert (body["message"] == "what went wrong") is not internal


def test_codes() -> None:
    assert code_of(TicketReused("x")) == "ticket-reused"
    assert code_of(errors.NotInSubgroup("x")) == "not-in-subgroup"
    assert code_of(refusal(403, "locked", "x")) == "locked"
    assert status_of(refusal(401, "authentication-failed", "x")).exit_code == 3
    assert status_of(refusal(599, "odd", "x")).exit_code == 1


def test_a_crash_tells_nothing() -> None:
    answer = Stage().fail(RuntimeError("the master secret is forty-two"))
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "forty" not in answer.text


def test_a_store_that_fails_tells_nothing() -> None:
    assert "secret-path" not in Stage().fail(StoreError("/secret-path is full")).text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"secret": "CANARY!"},
        {"secret": "Q0FOQVJZ="},
        {"secret": "Q0FOQVJZ", "count": "1"},
        {"secret": "Q0FOQVJZ", "count": 1.0},
        {"secret": "Q0FOQVJZ", "more": 1},
        {"secret": 5},
        {"secret": ""},
        {"secret": "AB"},
        [],
        None,
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_without_an_echo(body: Any) -> None:
    answer = Stage().client.post("/act", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid-request")
    assert "Q0FOQVJZ" not in answer.text
    assert "CANARY" not in answer.text


def test_text_that_is_not_json_is_refused() -> None:
    answer = Stage().client.post("/act", content=b'{"secret": "CANARY', headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid-request")
    assert "CANARY" not in answer.text


def test_octets_have_one_spelling() -> None:
    for octets in (b"\x00", b"\xff\xfe", bytes(range(50))):
        assert to_octets(to_text(octets)) == octets
    for text in ("AB", "AA==", "A", "+/8", " AA", "AA\n", "", 5):
        if text == "":
            continue
        with pytest.raises(ValueError, match="base64url"):
            to_octets(text)


def test_a_large_body_is_refused_before_it_is_read_whole() -> None:
    stage = Stage()
    sent = []

    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            sent.append(1)
            yield b"x" * 1000

    answer = stage.client.post("/act", content=chunks())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")
    fits = b" " * 1900 + b'{"secret":"AAAA"}'
    assert stage.client.post("/act", content=fits, headers={"content-type": "application/json"}).status_code == 200


def test_a_slow_handler_is_answered_for() -> None:
    stage = Stage(replace(CONFIG, request_timeout_seconds=0.2))
    over = threading.Event()
    stage.action = lambda: over.wait(10)
    answer = stage.act()
    over.set()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "timed-out")
    stage.action = lambda: None
    assert stage.act().status_code == 200


def test_too_many_requests_at_once_are_shed() -> None:
    stage = Stage(replace(CONFIG, max_requests=2))
    inside, over = threading.Semaphore(0), threading.Event()

    def wait() -> None:
        inside.release()
        over.wait(10)

    stage.action = wait
    answers: list[int] = []
    with stage.client:  # one event loop for all threads
        threads = [threading.Thread(target=lambda: answers.append(stage.act().status_code)) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert inside.acquire(timeout=5)
        assert inside.acquire(timeout=5)
        answer = stage.act()
        over.set()
        for thread in threads:
            thread.join()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert answers == [200, 200]


def test_request_ids_are_taken_over_if_they_are_harmless() -> None:
    stage = Stage()
    assert stage.act(**{"x-request-id": "abc-123.DEF_4"}).headers["x-request-id"] == "abc-123.DEF_4"
    for odd in ("short", "a" * 65, "with space", 'quote"quote'):
        assert stage.act(**{"x-request-id": odd}).headers["x-request-id"] != odd


def test_health_says_alive_and_readiness_says_the_truth() -> None:
    stage = Stage()
    assert stage.client.get("/healthz").json() == {"status": "ok"}
    assert stage.client.get("/readyz").status_code == 200

    def broken() -> None:
        raise StoreError("the disk is gone")

    stage.ready = broken
    answer = stage.client.get("/readyz")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "disk" not in answer.text  # strangers may ask, too
    assert stage.client.get("/healthz").status_code == 200


def test_metrics_count_requests_by_route() -> None:
    stage = Stage()
    stage.act()
    stage.client.get("/no/such/page?q=CANARY")
    text = stage.client.get("/metrics").text
    assert 'milagro_http_requests_total{method="POST",route="/act",status="200"} 1.0' in text
    assert 'milagro_http_requests_total{method="GET",route="-",status="404"} 1.0' in text
    assert "CANARY" not in text


def test_the_api_describes_itself() -> None:
    client = Stage().client
    page = client.get("/docs")
    assert page.status_code == 200
    for source in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert source.startswith("/"), "the page asks a third party"
        assert client.get(source).status_code == 200
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/act", "/healthz", "/readyz", "/metrics"}
    assert described["components"]["schemas"]["Body"]["properties"]["secret"]["format"] == "base64url"


def test_unknown_pages_and_methods_answer_in_the_same_shape() -> None:
    client = Stage().client
    for answer, code in ((client.get("/nowhere"), "not-found"), (client.get("/act"), "method-not-allowed")):
        assert answer.json()["error"]["code"] == code
        assert answer.headers["cache-control"] == "no-store"


# -- logs ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    import structlog

    logs.configure(LogConfig("info", "json"), "test")
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_logs_are_json_lines_with_the_request_id(log: io.StringIO) -> None:
    answer = Stage().fail(Locked("three wrong PINs"))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    mine = [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]
    assert [(line["event"], line["status"]) for line in mine] == [("refused", 403), ("request", 403)]
    assert mine[0]["error"] == "locked"
    assert all(line["role"] == "test" for line in mine)


def test_a_crash_is_logged_with_its_place(log: io.StringIO) -> None:
    Stage().fail(RuntimeError("a fault in the program"))
    assert "a fault in the program" in log.getvalue()
    assert "Traceback" in log.getvalue()


def test_fields_with_secret_names_are_emptied(log: io.StringIO) -> None:
    logger = logs.logger("test")
    logger.info("one", ticket="CANARY", client_share="CANARY", pin="CANARY", passphrase="CANARY", slot=7, spinning=8)
    logging.getLogger("library").warning("two", extra={"token": "CANARY"})
    assert "CANARY" not in log.getvalue()
    first = json.loads(log.getvalue().splitlines()[0])
    assert (first["slot"], first["spinning"], first["ticket"]) == (7, 8, "[redacted]")
