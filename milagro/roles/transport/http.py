"""The HTTP application of a server: a route for each of its operations, and those that every server has.

An error leaves as {"error": {"code", "message", "request_id"}} with the status of `milagro.errors.status_of`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

import milagro
from milagro.errors import MilagroError, Status
from milagro.roles.refusals import InvalidRequest
from milagro.roles.transport.faults import Fault, fault_of
from milagro.roles.transport.front import Front
from milagro.roles.transport.gate import Gate, answer
from milagro.roles.transport.operations import Caller, Operation
from milagro.roles.wire import ErrorBody, faults_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.roles.transport.readiness import Readiness

_CODES = {404: "not-found", 405: "method-not-allowed"}
# FastAPI's own spans and logs would show what a refused request held.
_NO_TELEMETRY = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)
_SECURITY: dict[Caller, list[dict[str, list[str]]]] = {
    Caller.PUBLIC: [],
    Caller.OPERATOR: [{"operator": []}],
    Caller.PEER: [{"peer": []}],
}
_SCHEMES = {
    "operator": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "peer": {"type": "mutualTLS"},
}


def application(title: str, description: str, front: Front) -> FastAPI:
    """The application of one server."""
    # The documentation page brings its scripts along: no request leaves for a third party.
    app = FastAPIOffline(
        title=title,
        description=description,
        version=milagro.__version__,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        responses={"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}},
    )
    app.state.front = front
    app.add_exception_handler(MilagroError, _on_milagro_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    _add_health(app, front.readiness)
    _add_metrics(app, front)
    for operation in front.operations():
        _add_operation(app, operation)
        if operation.cross_origin:
            _add_preflight(app, operation)
    _describe_security(app, front)
    # Added last, so outermost: whatever leaves, the crash of a handler included, leaves through it.
    app.add_middleware(Gate, front=front)
    return app


def _add_operation(app: FastAPI, operation: Operation) -> None:
    app.add_api_route(
        operation.path,
        _endpoint(operation),
        methods=[operation.method],
        operation_id=operation.name,
        summary=operation.summary,
        tags=[operation.tag],
        response_model=operation.answer,
        openapi_extra={"security": _SECURITY[operation.caller]} if operation.caller is not Caller.PUBLIC else None,
    )


def _add_preflight(app: FastAPI, operation: Operation) -> None:
    """What a browser asks before a page of another origin may call it (Fetch, CORS-preflight request)."""
    headers = {
        "access-control-allow-methods": operation.method,
        "access-control-allow-headers": "content-type",
        "access-control-max-age": "7200",
    }

    def preflight() -> Response:
        return Response(status_code=204, headers=headers)

    app.add_api_route(operation.path, preflight, methods=["OPTIONS"], include_in_schema=False)


def _endpoint(operation: Operation) -> Callable[..., Any]:
    """What FastAPI describes; what is asked of an operation is answered by the gate."""

    def endpoint(**_parameters: Any) -> Any:
        raise AssertionError("the gate answers for the operations")

    body = inspect.Parameter("body", inspect.Parameter.KEYWORD_ONLY, annotation=operation.request)
    endpoint.__signature__ = inspect.Signature([body] if operation.request.model_fields else [])  # type: ignore[attr-defined]
    endpoint.__annotations__ = {"body": operation.request}
    return endpoint


def _describe_security(app: FastAPI, front: Front) -> None:
    used = {operation.caller for operation in front.operations()} - {Caller.PUBLIC}
    make = app.openapi

    def described() -> dict[str, Any]:
        schema = make()
        if used:
            schemes = {str(caller): _SCHEMES[caller] for caller in used}
            schema.setdefault("components", {})["securitySchemes"] = schemes
        return schema

    app.openapi = described  # type: ignore[method-assign]


async def _on_milagro_error(request: Request, error: Exception) -> Response:
    return _refuse(request, fault_of(error))


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    found = cast("RequestValidationError", error).errors()
    return _refuse(request, fault_of(InvalidRequest(faults_text(found, skip=1))))


async def _on_http_error(request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    if refused.status_code == 400:  # the body is no JSON that can be read at all
        return _refuse(request, fault_of(InvalidRequest("body: JSON decode error")))
    status = Status(refused.status_code, "UNKNOWN", 1)
    response = _refuse(request, Fault(status, _CODES.get(refused.status_code, "refused"), str(refused.detail)))
    response.headers.update(refused.headers or {})
    return response


def _refuse(request: Request, fault: Fault) -> Response:
    cast("Front", request.app.state.front).count("http", fault)
    return answer(fault)


def _add_health(app: FastAPI, readiness: Readiness) -> None:
    @app.get("/healthz", tags=["operation"])
    async def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operation"])
    def ready() -> dict[str, str]:
        """The process can do its work now: its keys are loaded and its database takes writes."""
        readiness.require()
        return {"status": "ready"}


def _add_metrics(app: FastAPI, front: Front) -> None:
    @app.get("/metrics", tags=["operation"], response_class=Response)
    def show() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(front.metrics.registry), media_type=CONTENT_TYPE_LATEST)
