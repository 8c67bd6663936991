"""The requests of enrolment by an upstream provider, beside the operations of the MFA server and behind the same gate.

Spec: spec/enrolment.md#upstream
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from anyio import to_thread
from fastapi import Request, Response

from milagro.errors import ConfigError, MilagroError
from milagro.roles import logs
from milagro.roles.mfa.oidc.families import new_secret
from milagro.roles.mfa.oidc.web import Cookies, Exchange, answer, check_origin, read, redirect, with_parameters
from milagro.roles.mfa.upstream.enrolments import LIFE_SECONDS, UpstreamEnrolments
from milagro.roles.mfa.upstream.party import Party
from milagro.roles.refusals import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from fastapi import FastAPI

    from milagro.roles.mfa.service import MfaService

CALLBACK: Final = "/upstream/callback"
_PAGE: Final = "/login"
_INTERACTION: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_log = logs.logger(__name__)


class UpstreamDesk:
    """Enrolment by an upstream provider at one MFA server."""

    def __init__(self, service: MfaService, transport: httpx.BaseTransport | None = None) -> None:
        if service.config.upstream is None:
            raise ConfigError("there is no [mfa.upstream] in the configuration")
        self.config, self._service = service.config.upstream, service
        self._origin = service.config.origin
        self.party = Party(self.config, self._origin + CALLBACK, service.now, transport)
        self.enrolments = UpstreamEnrolments(self.config, service.records.state)
        self._cookies = Cookies(secure=self._origin.startswith("https:"))

    def start(self) -> None:
        """Nothing goes on in the background."""

    def close(self) -> None:
        """Ends all connections."""
        self.party.close()

    def begin(self, exchange: Exchange) -> Response:
        """POST /upstream/start: where the browser goes, and its cookie.

        Spec: spec/enrolment.md#upstream
        Raises: InvalidRequest, Unavailable, RateLimited, Busy
        """
        check_origin(exchange, self._origin)
        back = exchange.json().get("interaction") or ""
        if back and not (isinstance(back, str) and _INTERACTION.fullmatch(back)):
            raise InvalidRequest("interaction: is none")
        browser = new_secret()
        question = self.party.question(browser)
        self.enrolments.begin(browser, back, exchange.call.caller, self._service.now())
        response = answer({"continue": question})
        self._cookies.put(response, self._cookies.enrolment, browser, LIFE_SECONDS)
        return response

    def come_back(self, exchange: Exchange) -> Response:
        """GET /upstream/callback: asks the provider who it is, once, and sends the browser to the page.

        The page's address has nothing of the answer in it, so that nothing of it is in a history or a log.
        Spec: spec/enrolment.md#upstream
        """
        browser, now = self._browser(exchange), self._service.now()
        back = self.enrolments.back(browser, now)
        try:
            self._note(exchange, browser, now)
        except MilagroError as error:
            _log.warning("the upstream provider did not vouch for a browser", reason=str(error))
        parameters = {"enrol": "upstream", **({"interaction": back} if back else {})}
        return redirect(with_parameters(_PAGE, parameters))

    def _note(self, exchange: Exchange, browser: str, now: int) -> None:
        if exchange.repeated or not browser or not self.party.is_of(browser, exchange.query):
            raise InvalidRequest("the answer is to no question of this browser")
        if not self.enrolments.take(browser, now):
            raise InvalidRequest("the answer came before, or too late")
        proven = self.party.vouched(browser, exchange.query)
        self.enrolments.note(browser, proven, self._service.now())
        _log.info("the upstream provider vouched for a browser", allowed=proven.user is not None)

    def confirm(self, exchange: Exchange) -> Response:
        """POST /upstream/confirm: the user, and an invitation, once.

        Spec: spec/enrolment.md#upstream
        Raises: InvalidRequest, UpstreamRefused, UpstreamUser
        """
        check_origin(exchange, self._origin)
        exchange.json()
        invited = self.enrolments.confirm(self._browser(exchange), self._service.now())
        _log.info("somebody was invited whom the upstream provider vouches for")
        response = answer({"user": invited.user, "code": invited.code, "expires": invited.expires})
        self._cookies.clear(response, self._cookies.enrolment)
        return response

    def _browser(self, exchange: Exchange) -> str:
        return exchange.cookies.get(self._cookies.enrolment, "")


def open_upstream(service: MfaService) -> UpstreamDesk | None:
    """The desk for enrolment by an upstream provider, if the configuration has one."""
    return None if service.config.upstream is None else UpstreamDesk(service)


def add_upstream(app: FastAPI, desk: UpstreamDesk) -> None:
    """Adds the routes."""
    _add(app, "/upstream/start", "POST", desk.begin)
    _add(app, CALLBACK, "GET", desk.come_back)
    _add(app, "/upstream/confirm", "POST", desk.confirm)


def _add(app: FastAPI, path: str, method: str, handler: Callable[[Exchange], Response]) -> None:
    async def endpoint(request: Request) -> Response:
        return await to_thread.run_sync(handler, await read(request))

    app.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_model=None)
