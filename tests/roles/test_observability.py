"""What a server shows of itself: metrics that the dashboard finds, traces, logs; and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import structlog
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from milagro.errors import ConfigError
from milagro.roles import logs
from milagro.roles.config import LogConfig
from milagro.roles.peer import Peer
from milagro.roles.refusals import Locked
from milagro.roles.transport import tracing
from milagro.roles.transport.config import OperatorsConfig, TracesConfig
from milagro.roles.wire import to_text
from tests.roles.stage import CONFIG, TRANSPORTS, Done, Stage, make_stage
from tests.roles.world import login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.roles.world import World

DASHBOARD = Path(tracing.__file__).with_name("grafana.json")
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
_METRIC = re.compile(r"\b(?:milagro|process)_\w+")
_GROUPED = re.compile(r"by \(([\w, ]+)\)")


@pytest.fixture(params=TRANSPORTS)
def open_stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    opened: list[Stage] = []

    def make(**changes: Any) -> Stage:
        opened.append(make_stage(request.param, tmp_path, replace(CONFIG, **changes)))
        return opened[-1]

    yield make
    for stage in opened:
        stage.close()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(LogConfig("debug", "json"), "test")
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


# -- metrics and the dashboard ------------------------------------------------------------------------------------
def exposed(texts: list[str]) -> dict[str, set[str]]:
    """Each metric that these servers show, with the names of its labels."""
    found: dict[str, set[str]] = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            labels = {name for sample in family.samples for name in sample.labels}
            for name in (family.name, *(sample.name for sample in family.samples)):
                found.setdefault(name, set()).update(labels)
    return found


def unmet(dashboard: dict[str, Any], metrics: dict[str, set[str]]) -> list[str]:
    """The queries that ask for a metric or group by a label that is not there."""
    missed = []
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            names = _METRIC.findall(target["expr"])
            labels = {"job", "instance", "le"}.union(*(metrics.get(name, set()) for name in names))
            grouped = {part.strip() for group in _GROUPED.findall(target["expr"]) for part in group.split(",")}
            if not names or not set(names) <= set(metrics) or not grouped <= labels:
                missed.append(f"{panel['title']}: {target['expr']}")
    return missed


def test_the_dashboard_asks_for_what_is_there(world: World, tmp_path: Path) -> None:
    from prometheus_client import generate_latest

    login(world.enrol())
    shown = []
    for transport in TRANSPORTS:  # what appears only when it happens
        stage = make_stage(transport, tmp_path, replace(CONFIG, body_limit=30))
        stage.send("Act", {"secret": bytes(100)})
        stage.front.metrics.connections.labels("too slow").inc()
        stage.front.metrics.tokens.labels("accepted").inc()
        shown.append(generate_latest(stage.front.metrics.registry).decode())
        stage.close()
    dta = TestClient(world.fronts[0].app)
    shown += [server.get("/metrics").text for server in (dta, world.http)]
    metrics = exposed(shown)
    dashboard = json.loads(DASHBOARD.read_text())
    assert unmet(dashboard, metrics) == []
    asked = set(_METRIC.findall(DASHBOARD.read_text()))
    ours = {
        name for name in metrics if name.startswith("milagro_") and not name.endswith(("_created", "_sum", "_count"))
    }
    families = {name.removesuffix("_total").removesuffix("_bucket") for name in asked if name.startswith("milagro_")}
    assert {name.removesuffix("_total").removesuffix("_bucket") for name in ours} == families  # nothing is left out
    for planted in ("milagro_http_requests_total", "by (reason)", "milagro_requests_waiting"):
        spoilt = json.loads(DASHBOARD.read_text().replace(planted, planted.replace("re", "xx")))
        if spoilt != dashboard:
            assert unmet(spoilt, metrics)


def test_readiness_is_a_metric() -> None:
    from milagro.errors import StoreError
    from milagro.roles.transport.metrics import Metrics
    from milagro.roles.transport.readiness import Readiness

    def broken() -> None:
        raise StoreError("gone")

    metrics = Metrics()
    metrics.watch("ready", "x", Readiness(broken).holds)
    assert metrics.registry.get_sample_value("ready") == 0


def test_labels_take_few_values_whatever_is_sent(open_stage: Callable[..., Stage]) -> None:
    stage = open_stage()
    before = series(stage)
    for number in range(50):
        if stage.transport == "http":
            stage.client.request(f"METHOD{number}", f"/page/{number}?q={number}", headers={"x-request-id": "a" * 8})  # type: ignore[union-attr]
        else:
            stage.raw("Act", bytes([number]))  # type: ignore[union-attr]
            call = stage.channel.unary_unary(f"/milagro.test.v1.Stage/Method{number}")  # type: ignore[union-attr]
            with pytest.raises(Exception, match="no such method"):
                call(b"", timeout=10)
    assert series(stage) - before < 60


def series(stage: Stage) -> int:
    return sum(len(family.samples) for family in stage.front.metrics.registry.collect())


# -- traces -------------------------------------------------------------------------------------------------------
def test_a_trace_is_handed_on_without_opentelemetry(open_stage: Callable[..., Stage], log: io.StringIO) -> None:
    stage, seen = open_stage(), []
    stage.role.action = lambda _call: seen.append(tracing.outgoing())
    stage.send("Act", {"secret": b"a"}, {"traceparent": TRACEPARENT, "tracestate": "a=b"})
    stage.send("Act", {"secret": b"a"}, {"traceparent": "00-zz-1-01"})
    stage.send("Act", {"secret": b"a"}, {"traceparent": f"00-{'0' * 32}-{PARENT}-01"})
    assert seen == [{"traceparent": TRACEPARENT, "tracestate": "a=b"}, {}, {}]
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line.get("trace_id") for line in lines if line["event"] == "request"] == [TRACE, None, None]


def test_a_peer_sends_the_trace_on() -> None:
    sent: list[httpx.Headers] = []

    def serve(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers)
        return httpx.Response(200, json={"done": True, "secret": "AAAA"})

    peer = Peer("http://127.0.0.1:1", transport=httpx.MockTransport(serve))
    peer.get("/a", Done)
    with tracing.carried({"traceparent": TRACEPARENT}):
        peer.get("/a", Done)
    assert [headers.get("traceparent") for headers in sent] == [None, TRACEPARENT]


def test_spans(open_stage: Callable[..., Stage]) -> None:
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    stage, seen = open_stage(), []
    stage.front.tracer = tracing.tracer(TracesConfig("http://127.0.0.1:4318/v1/traces", 1.0, "dta-1"), exporter)
    stage.role.action = lambda _call: seen.append(tracing.outgoing()["traceparent"])
    stage.send("Act", {"secret": b"a"}, {"traceparent": TRACEPARENT, "x-request-id": "request-17"})
    stage.send("Act", {"secret": b"a"})

    def fail(_call: Any) -> None:
        raise RuntimeError("CANARY")

    stage.role.action = fail
    stage.send("Act", {"secret": b"a"})
    ours, alone, failed = exporter.get_finished_spans()
    assert f"{ours.context.trace_id:032x}" == TRACE
    assert f"{ours.parent.span_id:016x}" == PARENT
    assert ours.attributes["milagro.request_id"] == "request-17"
    assert ours.attributes["milagro.status"] == ("200" if stage.transport == "http" else "OK")
    assert seen[0] == f"00-{TRACE}-{ours.context.span_id:016x}-01"  # the next server's parent is this span
    assert (alone.parent, seen[1][3:35]) == (None, f"{alone.context.trace_id:032x}")
    assert (ours.status.is_ok, failed.status.is_ok) == (True, False)
    assert "CANARY" not in failed.to_json()


def test_servers_are_imported_where_the_extras_are_not_installed() -> None:
    # FastAPI itself brings OpenTelemetry's API, without the part that makes spans and sends them.
    code = (
        "import sys; absent = ['opentelemetry.sdk', 'opentelemetry.exporter', 'grpc', 'google.protobuf'];"
        "sys.modules.update(dict.fromkeys(absent));"
        "import milagro.cli, milagro.roles.dta.member.http, milagro.roles.mfa.http, milagro.roles.serving;"
        "import milagro.roles.peer"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=DASHBOARD.parents[3])
    assert done.returncode == 0, done.stderr


def test_traces_without_the_extra_are_a_fault_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "milagro.roles.transport.spans", None)
    with pytest.raises(ConfigError, match=r"milagro\[otel\]"):
        tracing.tracer(TracesConfig("http://127.0.0.1:4318/v1/traces", 1.0, "dta-1"))


def test_the_framework_records_nothing_of_its_own(open_stage: Callable[..., Stage]) -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    from opentelemetry import trace as api

    exporter, provider = memory.InMemorySpanExporter(), trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "_TRACER_PROVIDER", provider)  # as a program around ours may have set it
        stage = open_stage()
        stage.send("Act", {"secret": b"a"})
        if stage.transport == "http":
            stage.client.post("/act", json={"secret": "CANARY!"})  # type: ignore[union-attr]
    assert exporter.get_finished_spans() == ()


# -- no secret ----------------------------------------------------------------------------------------------------
def test_no_secret_is_in_logs_metrics_spans_or_refusals(
    open_stage: Callable[..., Stage], log: io.StringIO, tmp_path: Path
) -> None:
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    stage = open_stage(operators=OperatorsConfig("https://i.test", "a", "s", keys, ""))
    stage.front.tracer = tracing.tracer(TracesConfig("http://127.0.0.1:4318/v1/traces", 1.0, "x"), exporter)
    canary = b"CANARY-secret-of-a-holder"
    words = [canary.decode(), to_text(canary), "CANARY-token"]
    texts: list[str] = []
    headers = {"authorization": "Bearer CANARY-token", "tracestate": "a=b", "traceparent": TRACEPARENT}

    def send(name: str, body: dict[str, Any] | None) -> None:
        answer = stage.send(name, body, headers)
        texts.append("" if answer.code == "ok" else f"{answer.text} {answer.headers}")

    send("Act", {"secret": canary, "items": [{"name": canary.decode()}]})

    def locked(_call: Any) -> None:
        raise Locked("three wrong PINs")

    def crash(_call: Any) -> None:
        raise RuntimeError("a fault in the program")

    for action in (locked, crash):
        stage.role.action = action
        send("Act", {"secret": canary, "items": [{"name": canary.decode()}]})
    send("Act", {"secret": canary * 100})
    send("Operator", None)
    if stage.transport == "http":
        wrong = ({"secret": canary.decode() + "!"}, {"secret": to_text(canary), "count": to_text(canary)})
        texts += [stage.client.post("/act", json=body, headers=headers).text for body in wrong]  # type: ignore[union-attr]
    else:
        texts.append(stage.raw("Act", b"\x0a\x7f" + canary, headers).text)  # type: ignore[union-attr]
    texts += [log.getvalue(), *(span.to_json() for span in exporter.get_finished_spans())]
    from prometheus_client import generate_latest

    texts.append(generate_latest(stage.front.metrics.registry).decode())
    assert len(log.getvalue().splitlines()) >= 10
    assert len(exporter.get_finished_spans()) == 5 + (2 if stage.transport == "http" else 1)
    for text in texts:
        for word in words:
            assert word not in text
    requests = [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "request"]
    assert all(len(line["request_id"]) >= 8 and line["transport"] == stage.transport for line in requests)
