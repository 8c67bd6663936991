"""The routes of the pages for administrators, on the application of an MFA server that has [mfa.admin].

Spec: spec/administration.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.roles.mfa.admin.access import Access
from milagro.roles.mfa.admin.desk import AdminDesk
from milagro.roles.mfa.admin.pages import HOME, STYLESHEET
from milagro.roles.mfa.oidc.interactions import Interactions
from milagro.roles.mfa.oidc.routes import add, file

if TYPE_CHECKING:
    from fastapi import FastAPI

    from milagro.roles.mfa.oidc.provider import Provider
    from milagro.roles.mfa.operations import Desk


def add_administration(app: FastAPI, provider: Provider, desk: Desk) -> None:
    """Adds the routes, if the configuration names administrators."""
    config = provider.service.config.admin
    if config is None:
        return
    pages = AdminDesk(Access(provider, Interactions(provider, desk), config))
    add(app, HOME, ("GET",), pages.users)
    add(app, f"{HOME}/user", ("GET",), pages.user)
    for path, handler in pages.changes().items():
        add(app, path, ("POST",), handler)
    add(app, f"{HOME}/admin.css", ("GET",), file(STYLESHEET, "text/css; charset=utf-8"))
