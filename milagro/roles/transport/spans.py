"""Spans by OpenTelemetry; imported only where [traces] asks for them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import milagro
from milagro.roles.transport.tracing import carried, incoming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from milagro.roles.transport.config import TracesConfig

_FORMAT = TraceContextTextMapPropagator()


class Spans:
    """One span a request, with its request id, as a child of the caller's."""

    def __init__(self, config: TracesConfig, exporter: Any = None) -> None:
        resource = Resource.create({"service.name": config.service_name, "service.version": milagro.__version__})
        self._provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(config.ratio))
        self._provider.add_span_processor(
            SimpleSpanProcessor(exporter) if exporter else BatchSpanProcessor(_otlp(config.endpoint))
        )
        self._tracer = self._provider.get_tracer("milagro", milagro.__version__)

    @contextlib.contextmanager
    def serve(self, transport: str, name: str, headers: Mapping[str, str], request_id: str) -> Iterator[None]:
        """A span around one request; its context is what goes on to other servers."""
        attributes = {"rpc.system" if transport == "grpc" else "network.protocol.name": transport}
        span = self._tracer.start_as_current_span(
            name,
            context=_FORMAT.extract(incoming(headers)),
            kind=SpanKind.SERVER,
            attributes={**attributes, "milagro.request_id": request_id},
            record_exception=False,  # what an exception says is for the log, where secrets are looked after
            set_status_on_exception=False,
        )
        with span:
            onward: dict[str, str] = {}
            _FORMAT.inject(onward)
            with carried(onward):
                yield

    def end(self, status: str, failed: bool) -> None:
        """Notes the status on the current span."""
        span = trace.get_current_span()
        span.set_attribute("milagro.status", status)
        if failed:
            span.set_status(StatusCode.ERROR)

    def close(self) -> None:
        """Sends the spans that are not sent yet."""
        self._provider.shutdown()


def _otlp(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above

    return OTLPSpanExporter(endpoint=endpoint)
