"""What every server does with a request before and after its own work."""

from __future__ import annotations

import io
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from milagro import errors
from milagro.errors import StoreError, status_of
from milagro.roles import logs
from milagro.roles.config import LogConfig, ServerConfig
from milagro.roles.refusals import Locked, TicketReused, code_of, refusal
from milagro.roles.wire import to_octets, to_text
from tests.roles.stage import CONFIG, HttpStage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Stage(HttpStage):
    """The stage, and JSON as a test wants it."""

    def __init__(self, folder: Path, config: ServerConfig = CONFIG) -> None:
        super().__init__(folder, config)
        self.client.__exit__(None, None, None)

    def act(self, **headers: str) -> Any:
        return self.client.post("/act", json={"secret": "AAAA"}, headers=headers)

    def fail(self, error: Exception) -> Any:
        def action(_call: Any) -> None:
            raise error

        self.role.action = action
        return self.act()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_codes() -> None:
    assert code_of(TicketReused("x")) == "ticket-reused"
    assert code_of(errors.NotInSubgroup("x")) == "not-in-subgroup"
    assert code_of(refusal(403, "locked", "x")) == "locked"
    assert status_of(refusal(401, "authentication-failed", "x")).exit_code == 3
    assert status_of(refusal(599, "odd", "x")).exit_code == 1


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
        {"secret": "Q0FOQVJZ", "\ud800": 1},
        {"secret": "Q0FOQVJZ", "items": [{"name": "Q0FOQVJZ", "weight": "Q0FOQVJZ"}]},
        [],
        None,
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_without_an_echo(stage: Stage, body: Any) -> None:
    answer = stage.client.post("/act", content=json.dumps(body), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid-request")
    assert "Q0FOQVJZ" not in answer.text
    assert "CANARY" not in answer.text


def test_text_that_is_not_json_is_refused(stage: Stage) -> None:
    answer = stage.client.post("/act", content=b'{"secret": "CANARY', headers={"content-type": "application/json"})
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


def test_a_large_body_is_refused_before_it_is_read_whole(stage: Stage) -> None:
    sent = []

    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            sent.append(1)
            yield b"x" * 1000

    answer = stage.client.post("/act", content=chunks())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")
    fits = b" " * 1900 + b'{"secret":"AAAA"}'
    assert stage.client.post("/act", content=fits, headers={"content-type": "application/json"}).status_code == 200


def test_health_says_alive_and_readiness_says_the_truth(stage: Stage) -> None:
    assert stage.client.get("/healthz").json() == {"status": "ok"}
    assert stage.client.get("/readyz").status_code == 200

    def broken() -> None:
        raise StoreError("the disk is gone")

    stage.role.ready = broken
    answer = stage.client.get("/readyz")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "disk" not in answer.text  # strangers may ask, too
    assert stage.client.get("/healthz").status_code == 200


def test_metrics_count_requests_by_route(stage: Stage) -> None:
    stage.act()
    stage.client.get("/no/such/page?q=CANARY")
    text = stage.client.get("/metrics").text
    assert 'milagro_http_requests_total{method="POST",route="/act",status="200"} 1.0' in text
    assert 'milagro_http_requests_total{method="GET",route="-",status="404"} 1.0' in text
    assert "CANARY" not in text


def test_the_api_describes_itself(stage: Stage) -> None:
    client = stage.client
    page = client.get("/docs")
    assert page.status_code == 200
    for source in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert source.startswith("/"), "the page asks a third party"
        assert client.get(source).status_code == 200
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/act", "/public", "/healthz", "/readyz", "/metrics"}
    assert described["components"]["schemas"]["Body"]["properties"]["secret"]["format"] == "base64url"


def test_unknown_pages_and_methods_answer_in_the_same_shape(stage: Stage) -> None:
    client = stage.client
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


def test_logs_are_json_lines_with_the_request_id(stage: Stage, log: io.StringIO) -> None:
    answer = stage.fail(Locked("three wrong PINs"))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    mine = [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]
    assert [(line["event"], line["status"]) for line in mine] == [("refused", 403), ("request", 403)]
    assert mine[0]["error"] == "locked"
    assert all(line["role"] == "test" for line in mine)


def test_a_crash_is_logged_with_its_place(stage: Stage, log: io.StringIO) -> None:
    stage.fail(RuntimeError("a fault in the program"))
    assert "a fault in the program" in log.getvalue()
    assert "Traceback" in log.getvalue()


def test_fields_with_secret_names_are_emptied(log: io.StringIO) -> None:
    logger = logs.logger("test")
    logger.info("one", ticket="CANARY", client_share="CANARY", pin="CANARY", passphrase="CANARY", slot=7, spinning=8)
    logging.getLogger("library").warning("two", extra={"token": "CANARY"})
    assert "CANARY" not in log.getvalue()
    first = json.loads(log.getvalue().splitlines()[0])
    assert (first["slot"], first["spinning"], first["ticket"]) == (7, 8, "[redacted]")
