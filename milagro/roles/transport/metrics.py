"""The figures of one server, for Prometheus. Every label takes few values, whatever callers send."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

import milagro

if TYPE_CHECKING:
    from collections.abc import Callable

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self.counter("milagro_http_requests", "HTTP requests", "method", "route", "status")
        self.seconds = self._histogram("milagro_http_request_seconds", "Time to answer over HTTP", "method", "route")
        self.calls = self.counter("milagro_grpc_requests", "gRPC requests", "method", "code")
        self.call_seconds = self._histogram("milagro_grpc_request_seconds", "Time to answer over gRPC", "method")
        self.turned_away = self.counter(
            "milagro_turned_away",
            "Requests not taken on: busy, rate-limited, timed-out, too-large",
            "transport",
            "reason",
        )
        self.tokens = self.counter(
            "milagro_operator_tokens", "Bearer tokens of operators by what became of them", "result"
        )
        self.connections = self.counter(
            "milagro_connections_refused", "Connections closed for being one too many or too slow", "reason"
        )
        build = Gauge(
            "milagro_build", "Always 1; the labels say what runs", ("version", "python"), registry=self.registry
        )
        build.labels(milagro.__version__, platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """A counter that /metrics shows."""
        return Counter(name, text, labels, registry=self.registry)

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when /metrics is."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=_BUCKETS)
