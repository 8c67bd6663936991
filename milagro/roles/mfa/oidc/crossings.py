"""Logging in with another device: a browser asks, a phone answers, and the session is the browser's that asked.

    desktop: start ---- link as a QR code, matching code ---->  phone: show, match (the code is typed), login (PIN)
             state .. state, finish: a new session cookie  <----------------------------------'

The phone gets no session, and nothing that it learns gives it one.

Spec: spec/oidc.md#crossing
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from milagro.errors import Expired, NotFound, Replay
from milagro.roles import logs, purposes
from milagro.roles.messages import LoginAnswer
from milagro.roles.mfa import qr
from milagro.roles.mfa.logins import log_in
from milagro.roles.mfa.oidc.crossing_records import Asking, CrossingRecords, Desktop, network_hash
from milagro.roles.mfa.oidc.families import new_secret
from milagro.roles.mfa.oidc.interactions import second_pass, text_of
from milagro.roles.mfa.oidc.web import Exchange, answer
from milagro.roles.mfa.pins import network_of
from milagro.roles.refusals import CrossingOver, OtherNetwork

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from starlette.responses import Response

    from milagro.protocols.mpin.v2 import Authenticated
    from milagro.roles.mfa.oidc.crossing_records import Crossing
    from milagro.roles.mfa.oidc.interactions import Interactions
    from milagro.roles.mfa.oidc.provider import Provider
    from milagro.roles.mfa.operations import Desk

_OVER: Final = "this login for another device is over; start again there"
_BROWSERS: Final = (("Firefox", "Firefox"), ("Edg", "Edge"), ("Chrom", "Chrome"), ("Safari", "Safari"))
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_log = logs.logger(__name__)


class Crossings:
    """What the two pages of a login with another device call. All of it is POSTed as JSON by pages of this origin."""

    def __init__(self, provider: Provider, desk: Desk, interactions: Interactions) -> None:
        self._provider, self._desk, self._interactions = provider, desk, interactions
        self._records = CrossingRecords(provider.records.state, provider.config.max_interactions)

    # -- the desktop -----------------------------------------------------------------------------------------------
    def start(self, exchange: Exchange) -> Response:
        """POST /oidc/crossing/start: the link, its QR code, the code to be typed, and what only this page has.

        Spec: spec/oidc.md#crossing
        Raises: Expired if the interaction is over or another browser's, Replay if someone has logged in for it,
            NotFound if no other device may log in for it
        """
        body, provider = self._body(exchange), self._provider
        desktop = Desktop(text_of(body, "interaction"), provider.browser(exchange), new_secret())
        now = provider.now()
        found = provider.records.interaction(desktop.interaction, desktop.browser, now) if desktop.browser else None
        if found is None:
            raise Expired("this login is over, or was begun in another browser")
        if found.fresh:
            raise Replay("someone has logged in for this interaction already; go on, or start again")
        if not provider.is_crossable(found.request.client_id):
            raise NotFound("the administration has no logins with another device")
        link, code = new_secret(), f"{secrets.randbelow(1_000_000):06d}"
        expires = min(now + provider.config.crossing_seconds, found.expires)
        asking = Asking(agent_of(exchange.headers.get("user-agent", "")), network_of(exchange.call.caller))
        self._records.begin(link, code, desktop, asking, expires, now)
        address = f"{provider.url(provider.config.login_page)}#crossing={link}"
        told = {"link": address, "qr": qr.rows(address), "code": code, "secret": desktop.secret}
        return answer({**told, "seconds": expires - now})

    def state(self, exchange: Exchange) -> Response:
        """POST /oidc/crossing/state: how far it is: open, matched, done, denied, failed. Raises: CrossingOver"""
        step = self._records.step(self._desktop(exchange), self._provider.now())
        return answer({"state": str(step)})

    def finish(self, exchange: Exchange) -> Response:
        """POST /oidc/crossing/finish: gives this browser a new session of who logged in on the phone.

        Spec: spec/oidc.md#crossing
        Raises: CrossingOver; Replay if the interaction is over
        """
        desktop = self._desktop(exchange)
        who = LoginAnswer.model_validate_json(self._records.take(desktop, self._provider.now()))
        return self._interactions.bind(exchange, desktop.interaction, who)

    def stop(self, exchange: Exchange) -> Response:
        """POST /oidc/crossing/stop: the desktop does not wait any more; the link is worth nothing."""
        self._records.stop(self._desktop(exchange), self._provider.now())
        return answer({})

    # -- the phone -------------------------------------------------------------------------------------------------
    def show(self, exchange: Exchange) -> Response:
        """POST /oidc/crossing/show: who asks, and from where, as far as it is known. Raises: CrossingOver"""
        link = text_of(self._body(exchange), "crossing")
        found = self._found(exchange, link)
        name, host = self._asker(found)
        told = {"client": {"name": name, "host": host}, "login_hint": found.request.login_hint or None}
        near = _is_near(found, link, exchange)
        return answer({**told, "browser": found.agent, "same_network": near, "expires": found.expires})

    def match(self, exchange: Exchange) -> Response:
        """POST /oidc/crossing/match: what only this phone has from now on, for the code that the desktop shows.

        Raises: MatchingCodeRefused, CrossingOver, OtherNetwork
        """
        body, phone = self._body(exchange), new_secret()
        link = text_of(body, "crossing")
        self._found(exchange, link)
        self._records.match(link, text_of(body, "code"), phone, self._provider.now())
        return answer({"phone": phone})

    def log_in(self, exchange: Exchange) -> Response:
        """POST /oidc/crossing/login: the second pass of a login that is signed for this crossing. It sets no cookie.

        Spec: spec/oidc.md#crossing
        Raises: as the operation PassTwo; CrossingOver, OtherNetwork, before an attempt is counted
        """
        body, now = self._body(exchange), self._provider.now()
        link, phone = text_of(body, "crossing"), text_of(body, "phone")
        found = self._found(exchange, link)
        self._records.check_matched(link, phone, now)
        bound: list[bool] = []

        def bind(connection: Connection, who: Authenticated) -> None:
            bound.append(self._records.finish(connection, link, phone, _login(who), now))

        purpose = purposes.crossing(link, self._asker(found)[1])
        who = log_in(self._desk, second_pass(body, "crossing", "phone"), exchange.call, purpose, bind)
        if bound != [True]:
            raise CrossingOver(_OVER)
        _log.info("logged in for another browser", identity=who.identity_digest.hex())
        return answer(who.model_dump(mode="json", exclude_none=True))

    def deny(self, exchange: Exchange) -> Response:
        """POST /oidc/crossing/deny: the phone's user did not ask for this login. Raises: CrossingOver"""
        self._records.deny(text_of(self._body(exchange), "crossing"), self._provider.now())
        _log.info("a login for another browser was refused")
        return answer({})

    def _body(self, exchange: Exchange) -> dict[str, Any]:
        self._provider.check_origin(exchange)
        if self._provider.config.crossing == "off":
            raise NotFound("this server has no logins with another device")
        body: dict[str, Any] = exchange.json()
        return body

    def _desktop(self, exchange: Exchange) -> Desktop:
        body = self._body(exchange)
        return Desktop(text_of(body, "interaction"), self._provider.browser(exchange), text_of(body, "secret"))

    def _found(self, exchange: Exchange, link: str) -> Crossing:
        found = self._records.find(link, self._provider.now())
        if self._provider.config.crossing == "same-network" and not _is_near(found, link, exchange):
            raise OtherNetwork("this server lets people log in for another device in the same network only")
        return found

    def _asker(self, found: Crossing) -> tuple[str, str]:
        """The name and host of the site that the login is for. Raises: CrossingOver"""
        client = self._provider.client(found.request.client_id)
        if client is None:
            raise CrossingOver(_OVER)
        parts = urlsplit(found.request.redirect_uri)
        return client.name, parts.hostname or parts.scheme


def agent_of(header: str) -> str:
    """The family of a browser and its system, as it says itself: "Firefox · Linux"."""
    browser = next((name for mark, name in _BROWSERS if mark in header), "")
    system = next((name for mark, name in _SYSTEMS if mark in header), "")
    return " · ".join(filter(None, (browser, system)))


def _is_near(found: Crossing, link: str, exchange: Exchange) -> bool | None:
    """Whether both are in one network; None where that is not known, as between IPv4 and IPv6."""
    own = network_hash(link, network_of(exchange.call.caller))
    if own is None or found.network is None or own[:1] != found.network[:1]:
        return None
    return own == found.network


def _login(who: Authenticated) -> str:
    identity = who.identity
    login = LoginAnswer(user=identity.user, device=identity.device, identity_digest=identity.digest(), at=who.at)
    return login.model_dump_json(exclude_none=True)
