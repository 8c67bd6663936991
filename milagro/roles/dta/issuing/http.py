"""Issuing over HTTP: three routes, each a plain function of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles.dta.issuing.messages import IssueAnswer, IssueRequest, KeyView, LogHead

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.dta.issuing.service import IssuingService

ISSUE = "/v1/issue"
KEYS = "/v1/keys"
HEAD = "/v1/audit/head"


def add_routes(app: FastAPI, service: IssuingService) -> None:
    """Adds the routes of issuing to an application."""

    @app.post(ISSUE, tags=["issuing"])
    def issue(request: IssueRequest) -> IssueAnswer:
        """A share of what the ticket is for, once a ticket, sealed to who may have it."""
        return service.issue(request)

    @app.get(KEYS, tags=["issuing"])
    def keys() -> KeyView:
        """The keys that are accepted now, signed by this D-TA."""
        return service.keys()

    @app.get(HEAD, tags=["audit"])
    def head() -> LogHead:
        """The head of the audit log, signed by this D-TA."""
        return service.head()
