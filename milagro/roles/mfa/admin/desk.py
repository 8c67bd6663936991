"""What administrators do: look at users, and change one thing at a time. Every change is logged with who made it.

Spec: spec/administration.md#changes
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from milagro.errors import MilagroError, NotFound
from milagro.roles import logs
from milagro.roles.mfa.accounts import Accounts
from milagro.roles.mfa.admin import pages
from milagro.roles.mfa.admin.access import PURPOSE
from milagro.roles.mfa.oidc.claims import check_profile
from milagro.roles.mfa.oidc.web import redirect, with_parameters
from milagro.roles.mfa.records import DeviceState
from milagro.roles.mfa.service import canonical_name, invite
from milagro.roles.refusals import InvalidRequest

if TYPE_CHECKING:
    from starlette.responses import Response

    from milagro.roles.mfa.accounts import User
    from milagro.roles.mfa.admin.access import Access, Visit
    from milagro.roles.mfa.oidc.web import Exchange

    Change = Callable[[Visit, str], Response]

PAGE: Final = 50
_log = logs.logger(__name__)


class AdminDesk:
    """The pages of one MFA server, for whom `Access` lets through."""

    def __init__(self, access: Access) -> None:
        self._access, provider = access, access.provider
        self._records, self._provider = provider.service.records, provider
        self._accounts = Accounts(self._records.state)

    # -- looking ---------------------------------------------------------------------------------------------------
    def users(self, exchange: Exchange) -> Response:
        """GET /admin."""
        return self._access.visit(exchange, pages.HOME, self._users)

    def user(self, exchange: Exchange) -> Response:
        """GET /admin/user."""
        name = canonical_name(exchange.query.get("name", ""))
        return self._access.visit(exchange, pages.address(name), lambda visit: self._user(visit, name))

    def _users(self, visit: Visit) -> Response:
        query, t = visit.exchange.query, visit.texts
        asked, after = canonical_name(query.get("q", "")), query.get("after")
        found = self._accounts.users(after, PAGE + 1, asked)
        following = found[PAGE - 1].name if len(found) > PAGE else ""
        known = {"removed": t.said_removed, "resumed": t.said_resumed, "again": t.said_again}
        said = known.get(query.get("said", ""), "")
        text = pages.users(visit, found[:PAGE], asked=asked, first=after is None, following=following, said=said)
        return visit.answer(text)

    def _user(self, visit: Visit, name: str, fault: str = "", status: int = 200) -> Response:
        try:
            account = self._accounts.user(name)
        except NotFound:
            return visit.answer(pages.refused(visit, visit.texts.no_such_user, pages.HOME), 404)
        devices = [one for one in self._records.devices(name) if one.state is not DeviceState.REMOVED]
        said = _said(visit, account)
        return visit.answer(pages.user(visit, account, devices, self._profile(name), said, fault), status)

    def _profile(self, name: str) -> dict[str, str]:
        kept = self._provider.records.profile(name)
        groups = "\n".join(kept.get("groups", ()))
        return {"name": kept.get("name", ""), "email": kept.get("email", ""), "groups": groups}

    # -- changing --------------------------------------------------------------------------------------------------
    def changes(self) -> dict[str, Callable[[Exchange], Response]]:
        """The handlers of what is posted, by their paths."""
        acts = (self._suspend, self._resume, self._remove, self._invite, self._keep)
        names = ("suspend", "resume", "remove", "invite", "profile")
        paths = [f"{pages.HOME}/{name}" for name in names]
        return {path: self._handler(path, act) for path, act in zip(paths, acts, strict=True)}

    def _handler(self, path: str, act: Change) -> Callable[[Exchange], Response]:
        def handler(exchange: Exchange) -> Response:
            try:
                self._provider.check_origin(exchange)
            except InvalidRequest as error:
                return self._provider.refuse(exchange, str(error), 403)
            name = canonical_name(exchange.form.get("user", ""))
            again = {"said": "again"}
            about_user = bool(name) and "hours" not in exchange.form  # somebody to invite may not be there yet
            back = pages.address(name, **again) if about_user else with_parameters(pages.HOME, again)
            return self._access.visit(exchange, back, lambda visit: self._act(visit, path, act, name), change=True)

        return handler

    def _act(self, visit: Visit, path: str, act: Change, name: str) -> Response:
        t, back = visit.texts, pages.address(name) if name else pages.HOME
        if visit.exchange.repeated or not self._is_own(visit.exchange, path):
            return visit.answer(pages.refused(visit, t.over, pages.HOME), 403)
        try:
            return act(visit, name)
        except NotFound:
            return visit.answer(pages.refused(visit, t.no_such_user, pages.HOME), 404)
        except MilagroError as error:
            return visit.answer(pages.refused(visit, str(error), back), 400)

    def _is_own(self, exchange: Exchange, path: str) -> bool:
        """Whether a form is of this session's page."""
        try:
            self._provider.check_form(PURPOSE, exchange, path)
        except InvalidRequest:
            return False
        return True

    def _suspend(self, visit: Visit, name: str) -> Response:
        if name == visit.user:
            return self._own(visit, name)
        self._records.suspend(name, suspended=True)
        _note("suspended", visit, name)
        self._provider.notifier.deliver()
        return redirect(pages.address(name, said="suspended"))

    def _resume(self, visit: Visit, name: str) -> Response:
        self._records.suspend(name, suspended=False)
        _note("resumed", visit, name)
        if any(one.state is not DeviceState.REMOVED for one in self._records.devices(name)):
            return redirect(pages.address(name, said="resumed"))
        return redirect(with_parameters(pages.HOME, {"said": "resumed"}))  # who has no device is no user any more

    def _remove(self, visit: Visit, name: str) -> Response:
        device = visit.exchange.form.get("device")
        mine = self._records.pinned(name, device) if device else None
        if name == visit.user and (device is None or (mine and mine.identity.digest() == visit.session.device)):
            return self._own(visit, name)
        if visit.exchange.form.get("sure") != "yes":
            return visit.answer(pages.sure(visit, name, device))
        if device is None:
            self._accounts.remove(name)
        else:
            self._records.remove(name, device)
        _note("removed" if device is None else "removed a device of", visit, name)
        self._provider.notifier.deliver()
        home = with_parameters(pages.HOME, {"said": "removed"})
        return redirect(home if device is None else pages.address(name, said="device"))

    def _invite(self, visit: Visit, name: str) -> Response:
        hours = visit.exchange.form.get("hours", "")
        if hours not in map(str, pages.HOURS):
            raise InvalidRequest("hours: none of those that the page offers")
        now, lifetime = self._provider.now(), timedelta(hours=int(hours))
        code = invite(self._records, name, now, lifetime)
        _note("invited", visit, name)
        return visit.answer(pages.invited(visit, name, code, now + int(lifetime.total_seconds()), pages.HOME))

    def _keep(self, visit: Visit, name: str) -> Response:
        form, records = visit.exchange.form, self._provider.records
        if not records.is_enrolled(name):  # commands may keep profiles of future users, pages show those that are
            raise NotFound(f"there is no user {name!r}")
        groups = list(dict.fromkeys(filter(None, map(str.strip, form.get("groups", "").splitlines()))))
        if name == visit.user and not self._access.makes_administrators(groups):
            return self._user(visit, name, visit.texts.own_groups, 409)
        old = records.profile(name)
        email = form.get("email", "").strip()
        new = {**old, "name": form.get("name", "").strip(), "email": email, "groups": groups}
        if email != old.get("email", ""):  # what was verified was the address before
            new.pop("email_verified", None)
        records.keep_profile(
            name, check_profile({claim: value for claim, value in new.items() if value not in ("", [])})
        )
        _note("changed the profile of", visit, name, groups=groups)
        return redirect(pages.address(name, said="profile"))

    def _own(self, visit: Visit, name: str) -> Response:
        return self._user(visit, name, visit.texts.own_account, 409)


def _note(what: str, visit: Visit, user: str, **more: object) -> None:
    _log.info(f"an administrator {what} a user", administrator=visit.user, user=user, **more)


def _said(visit: Visit, account: User) -> str:
    """What has just been done, as far as it is so: an address can be anybody's."""
    t, said = visit.texts, visit.exchange.query.get("said", "")
    true = {"device": t.said_device, "profile": t.said_profile, "again": t.said_again}
    true |= {"suspended": t.said_suspended} if account.suspended else {"resumed": t.said_resumed}
    return true.get(said, "") if "error" not in visit.exchange.query else ""
