"""The pages for administrators, as HTML. Nothing gets into them but through `escape`.

Names are what users chose: each stands in a `bdi`, so that its direction of writing ends with it, and characters that
nobody sees are shown as U+FFFD, so that no two names look alike by them.

Spec: spec/administration.md#pages
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from milagro.roles.mfa.oidc.pages import document, hidden
from milagro.roles.mfa.records import MAX_ATTEMPTS, DeviceState

if TYPE_CHECKING:
    from milagro.roles.mfa.accounts import User
    from milagro.roles.mfa.admin.access import Visit
    from milagro.roles.mfa.admin.texts import Texts
    from milagro.roles.mfa.records import Device

STYLESHEET: Final = Path(__file__).with_name("admin.css").read_bytes()
HOURS: Final = (1, 24, 72, 168, 720)
HOME: Final = "/admin"
_HEAD: Final = '<link rel="stylesheet" href="/admin/admin.css">\n'


def shown(text: str) -> str:
    """A text that somebody chose, as HTML."""
    return f"<bdi>{escape(_visible(text))}</bdi>"


def _visible(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _filled(words: str, **values: str) -> str:
    return escape(words).format_map({name: shown(value) for name, value in values.items()})


def _time(at: int) -> str:
    found = datetime.fromtimestamp(at, UTC)
    return f'<time datetime="{found:%Y-%m-%dT%H:%M:%SZ}">{found:%Y-%m-%d %H:%M} UTC</time>'


def _timed(text: str, at: int) -> str:
    return escape(text).format(time=_time(at))


def _facts(*facts: str) -> str:
    return " · ".join(f'<span class="fact">{fact}</span>' for fact in facts if fact)


def address(user: str, **more: str) -> str:
    """Where a user's page is, on this server."""
    return f"{HOME}/user?{urlencode({'name': user, **more})}"


def not_logged_in(t: Texts) -> str:
    """For who did not want to log in."""
    return _told(t, t.not_logged_in, f'<a class="button" href="{HOME}">{escape(t.log_in)}</a>')


def no_such_page(t: Texts, user: str) -> str:
    """For who is logged in as somebody that has no business here."""
    return _told(
        t, t.no_such_page, f'{_filled(t.logged_in_as, user=user)} <a href="/oidc/logout">{escape(t.log_out)}</a>'
    )


def _told(t: Texts, text: str, more: str) -> str:
    body = f"<main>\n<h1>{escape(text)}</h1>\n<p>{more}</p>\n</main>\n"
    return document(text, body, _HEAD, t.language)


def _page(visit: Visit, title: str, body: str, heading: str = "", back: str = "") -> str:
    """A page with its head line; `title` is text, `heading` the same as HTML."""
    t = visit.texts
    bar = (
        f'<header class="bar">\n<a class="home" href="{HOME}">{escape(t.administration)}</a>\n'
        f'<span class="me">{shown(visit.user)}</span>\n<a href="/oidc/logout">{escape(t.log_out)}</a>\n</header>\n'
    )
    way = f'<p class="way"><a href="{escape(back)}">← {escape(t.all_users if back == HOME else t.account)}</a></p>\n'
    main = f'<main class="wide">\n{way if back else ""}<h1>{heading or escape(title)}</h1>\n{body}</main>\n'
    return document(f"{_visible(title)} · {t.administration}", bar + main, _HEAD, t.language)


def _form(visit: Visit, path: str, fields: Mapping[str, str], inside: str, kind: str = "") -> str:
    kept = hidden({**fields, "token": visit.token(path)})
    return f'<form method="post" action="{path}"{kind and f" class={kind}"}>\n{kept}{inside}</form>\n'


def _button(text: str, kind: str = "", label: str = "") -> str:
    more = f' class="{kind}"' if kind else ""
    more += f' aria-label="{escape(label)}"' if label else ""
    return f'<button type="submit"{more}>{escape(text)}</button>\n'


def _field(name: str, label: str, value: str = "", more: str = "") -> str:
    return (
        f'<p class="field"><label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" value="{escape(value)}" autocomplete="off" {more}></p>\n'
    )


def _badge(text: str, kind: str = "") -> str:
    return f'<span class="badge {kind}">{escape(text)}</span>\n'


def _said(text: str) -> str:
    return f'<p class="notice" role="status">{escape(text)}</p>\n' if text else ""


def _fault(text: str) -> str:
    return f'<p class="fault" role="alert">{escape(text)}</p>\n' if text else ""


# -- users -------------------------------------------------------------------------------------------------------------
def users(visit: Visit, found: Iterable[User], *, asked: str, first: bool, following: str, said: str = "") -> str:
    """A page of users, those with `asked` in their names; `following` is the name to go on after."""
    t = visit.texts
    rows = "".join(_row(t, user) for user in found)
    listed = f'<ul class="list">\n{rows}</ul>\n' if rows else f"<p>{escape(t.nobody)}</p>\n"
    search = (
        f'<form method="get" action="{HOME}" role="search" class="line">\n{_field("q", t.find, asked, "type=search")}'
        f"{_button(t.search, 'second')}</form>\n"
    )
    heading = f"<h2>{_filled(t.found, text=asked)}</h2>\n" if asked else ""
    invite = (
        f'<section>\n<h2>{escape(t.invite_somebody)}</h2>\n<p class="small">{escape(t.invite_hint)}</p>\n'
        f"{_invitation(visit, _field('user', t.user_name, '', 'maxlength=256 required'), {})}</section>\n"
    )
    links = _links(t, asked, following, first=first)
    return _page(visit, t.users, _said(said) + search + heading + listed + links + invite)


def _links(t: Texts, asked: str, following: str, *, first: bool) -> str:
    kept = {"q": asked} if asked else {}
    links = [] if first else [(f"{HOME}?{urlencode(kept)}" if kept else HOME, t.first_page)]
    if following:
        links.append((f"{HOME}?{urlencode({**kept, 'after': following})}", t.next_page))
    made = "".join(f'<a class="button" href="{escape(link)}">{escape(text)}</a>\n' for link, text in links)
    return f'<nav class="pages" aria-label="{escape(t.users)}">\n{made}</nav>\n' if made else ""


def _row(t: Texts, user: User) -> str:
    badge = _badge(t.suspended, "bad") if user.suspended else ""
    return (
        f'<li><span class="about"><a href="{escape(address(user.name))}">{shown(user.name)}</a>\n{badge}'
        f"<small>{_facts(_devices(t, user.devices), _last(t, user.last_login))}</small></span></li>\n"
    )


def _devices(t: Texts, count: int) -> str:
    return escape(t.one_device if count == 1 else t.devices.format(count=count) if count else t.no_devices)


def _last(t: Texts, at: int | None) -> str:
    return escape(t.never) if at is None else _timed(t.last_login, at)


def _invitation(visit: Visit, field: str, fields: Mapping[str, str]) -> str:
    t = visit.texts
    options = "".join(
        f'<option value="{hours}"{" selected" if hours == 24 else ""}>'
        f"{escape(t.one_hour if hours == 1 else t.hours.format(count=hours))}</option>\n"
        for hours in HOURS
    )
    choice = (
        f'<p class="field"><label for="hours">{escape(t.good_for)}</label>\n'
        f'<select id="hours" name="hours">\n{options}</select></p>\n'
    )
    return _form(visit, "/admin/invite", fields, field + choice + _button(t.invite), "line")


# -- one user ----------------------------------------------------------------------------------------------------------
def user(
    visit: Visit, account: User, devices: Iterable[Device], profile: Mapping[str, str], said: str = "", fault: str = ""
) -> str:
    """One user: account, devices, invitation, profile."""
    t = visit.texts
    state = _badge(t.suspended, "bad") if account.suspended else _badge(t.active, "good")
    times = _facts(_timed(t.created, account.created), _last(t, account.last_login))
    facts = f'<p class="facts">{state}<small>{times}</small></p>\n'
    rows = "".join(_device(visit, device) for device in devices)
    listed = f'<ul class="list">\n{rows}</ul>\n' if rows else f"<p>{escape(t.no_devices)}</p>\n"
    body = (
        f"{_said(said)}{_fault(fault)}{facts}{_account(visit, account)}"
        f"<section>\n<h2>{escape(t.devices_title)}</h2>\n{listed}</section>\n"
        f"{'' if account.suspended else _one_more(visit, account.name)}{_profile(visit, account.name, profile)}"
    )
    return _page(visit, account.name, body, shown(account.name), HOME)


def _one_more(visit: Visit, name: str) -> str:
    t, form = visit.texts, _invitation(visit, "", {"user": name})
    return f'<section>\n<h2>{escape(t.invite)}</h2>\n<p class="small">{escape(t.invite_hint)}</p>\n{form}</section>\n'


def _device(visit: Visit, device: Device) -> str:
    t, name = visit.texts, device.identity.device
    mine = device.identity.digest() == visit.session.device
    badges = _badge(t.this_device, "good") if mine else ""
    badges += _badge(t.locked, "bad") if device.locked else ""
    badges += _badge(t.pending) if device.state is DeviceState.PENDING else ""
    tried = escape(t.attempts.format(count=device.attempts)) if 0 < device.attempts < MAX_ATTEMPTS else ""
    facts = _facts(tried, _last(t, device.last_login), _timed(t.created, device.identity.issued_at))
    about = f'<span class="about"><strong>{shown(name)}</strong>\n{badges}<small>{facts}</small></span>\n'
    label = t.remove_device.format(device=_visible(name))
    fields = {"user": device.identity.user, "device": name}
    remove = "" if mine else _form(visit, "/admin/remove", fields, _button(t.remove, "danger", label))
    return f"<li>{about}{remove}</li>\n"


def _profile(visit: Visit, name: str, profile: Mapping[str, str]) -> str:
    t = visit.texts
    inside = _field("name", t.name, profile["name"], "maxlength=256")
    inside += _field("email", t.email, profile["email"], "type=email maxlength=254")
    inside += (
        f'<p class="field"><label for="groups">{escape(t.groups)}</label><span class="small" id="groups-hint">'
        f'{escape(t.groups_hint)}</span><textarea id="groups" name="groups" rows="3" aria-describedby="groups-hint">\n'
        f"{escape(profile['groups'])}</textarea></p>\n{_button(t.save, 'second')}"
    )
    form = _form(visit, "/admin/profile", {"user": name}, inside, "fields")
    return f'<section>\n<h2>{escape(t.profile)}</h2>\n<p class="small">{escape(t.profile_hint)}</p>\n{form}</section>\n'


def _account(visit: Visit, account: User) -> str:
    t, fields = visit.texts, {"user": account.name}
    if account.name == visit.user:
        return f"<section>\n<h2>{escape(t.account)}</h2>\n<p>{escape(t.yourself)}</p>\n</section>\n"
    if account.suspended:
        change, hint = _form(visit, "/admin/resume", fields, _button(t.resume)), t.resume_hint
    else:
        change, hint = _form(visit, "/admin/suspend", fields, _button(t.suspend, "danger")), t.suspend_hint
    remove = _form(visit, "/admin/remove", fields, _button(t.remove, "danger"))
    return (
        f'<section>\n<h2>{escape(t.account)}</h2>\n<p class="small">{escape(hint)}</p>\n'
        f'<div class="line">\n{change}{remove}</div>\n</section>\n'
    )


# -- what follows ------------------------------------------------------------------------------------------------------
def sure(visit: Visit, name: str, device: str | None) -> str:
    """Whether the user, or one device, is to be removed."""
    t = visit.texts
    title = t.remove_user_title if device is None else t.remove_device_title
    values = {"user": name} if device is None else {"user": name, "device": device}
    text = t.remove_user_sure if device is None else t.remove_device_sure
    inside = _button(t.remove_yes, "danger solid")
    inside += f'<a class="button" href="{escape(address(name))}">{escape(t.keep)}</a>\n'
    body = f"<p>{escape(text)}</p>\n{_form(visit, '/admin/remove', {**values, 'sure': 'yes'}, inside, 'line')}"
    return _page(visit, title.format(**values), body, _filled(title, **values), address(name))


def invited(visit: Visit, name: str, code: str, until: int, back: str) -> str:
    """The one-time code. Secret: the result"""
    t = visit.texts
    body = (
        f'<p class="code"><code>{escape(code)}</code></p>\n<p>{_timed(t.invited_text, until)}</p>\n'
        f"<p>{escape(t.invited_once)}</p>\n"
    )
    return _page(visit, t.invited_title.format(user=name), body, _filled(t.invited_title, user=name), back)


def refused(visit: Visit, text: str, back: str) -> str:
    """Why something was not done."""
    return _page(visit, visit.texts.refused, _fault(text), back=back)
