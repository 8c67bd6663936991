"""Who gets to the pages for administrators: a session opened for them, in use, of somebody in the groups.

Spec: spec/administration.md#administrators
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.roles import logs
from milagro.roles.mfa.admin import pages
from milagro.roles.mfa.admin.texts import Texts, texts_for
from milagro.roles.mfa.oidc.web import page

if TYPE_CHECKING:
    from starlette.responses import Response

    from milagro.roles.mfa.admin.config import AdminConfig
    from milagro.roles.mfa.oidc.interactions import Interactions
    from milagro.roles.mfa.oidc.provider import Provider
    from milagro.roles.mfa.oidc.records import Session
    from milagro.roles.mfa.oidc.web import Exchange

PURPOSE = "administration"
_log = logs.logger(__name__)


@dataclass(frozen=True)
class Visit:
    """One request of an administrator."""

    exchange: Exchange
    session: Session
    texts: Texts
    provider: Provider

    @property
    def user(self) -> str:
        """The administrator."""
        return self.session.user

    def token(self, path: str) -> str:
        """What a form to `path` carries. Secret: the result"""
        return self.provider.form_token(PURPOSE, self.exchange, path)

    def answer(self, text: str, status: int = 200) -> Response:
        """A page whose forms come back here."""
        return page(text, status, form_action="'self'")


class Access:
    """Lets administrators through to a page, and nobody else."""

    def __init__(self, provider: Provider, interactions: Interactions, config: AdminConfig) -> None:
        self.provider, self._interactions, self._config = provider, interactions, config

    def visit(
        self, exchange: Exchange, back: str, show: Callable[[Visit], Response], *, change: bool = False
    ) -> Response:
        """What `show` answers to an administrator; others are sent to log in and then to `back`, or find no page."""
        provider, texts = self.provider, texts_for(exchange.headers.get("accept-language", ""))
        key, now = provider.session_key(exchange), provider.now()
        session = provider.records.session(key, now)
        if session is not None and not self.may(session.user):
            _log.info("somebody who is no administrator was refused", user=session.user)
            return page(pages.no_such_page(texts, session.user), 404)
        longest = self._config.change_seconds if change else self._config.login_seconds
        if session is not None and now - session.auth_time <= longest:
            opened = provider.records.administration(key, now, self._config.idle_seconds)
            if opened is not None:
                return show(Visit(exchange, opened, texts, provider))
        if "error" in exchange.query:  # who did not want to log in is not asked again at once
            return page(pages.not_logged_in(texts), 403)
        return self._interactions.log_in_here(exchange, back, session.user if session is not None else "")

    def may(self, user: str) -> bool:
        """Whether a user is an administrator now."""
        return not self._config.groups.isdisjoint(self.provider.records.profile(user).get("groups", ()))

    def makes_administrators(self, groups: list[str]) -> bool:
        """Whether who is in these groups is an administrator."""
        return not self._config.groups.isdisjoint(groups)
