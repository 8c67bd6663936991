"""The pages for administrators: who sees them, what is done there, what does not work on them, and suspension.

Spec: spec/administration.md#administrators, spec/administration.md#changes, spec/administration.md#pages,
    spec/administration.md#suspension
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from milagro.errors import ConfigError, MilagroError
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa.admin.texts import DE, EN, texts_for
from milagro.roles.refusals import Suspended, code_of
from tests.roles.oidc.world import TEXT, OidcWorld
from tests.roles.world import MFA_URL, PIN, SetClock, application, login, toml_mfa, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.roles.oidc.world import Browser

EVIL = "https://evil.test"
NASTY = "<script>alert(1)</script>\u202e\"'&"
ADMIN = '[mfa.admin]\ngroups = ["admins", "chiefs"]\n'
ACTIONS = ("suspend", "resume", "remove", "invite", "profile")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcWorld]:
    world = OidcWorld(tmp_path_factory.mktemp("admin"), SetClock(), extra=TEXT + ADMIN).build()
    world.enrol("olga", "desk")
    world.enrol("alice", "laptop")
    yield world
    world.close()


@pytest.fixture
def op(shared: OidcWorld) -> OidcWorld:
    """The world as it was: olga is an administrator, alice is not."""
    with shared.mfa.records.state.write() as connection:
        for table in ("account_profile", "browser_session", "oidc_interaction"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql("UPDATE account SET suspended = 0")
    shared.provider.records.keep_profile("olga", {"groups": ["staff", "admins"]})
    return shared


@pytest.fixture
def olga(op: OidcWorld) -> Browser:
    return entered(op, "desk")


def interaction_of(response: httpx.Response) -> str:
    assert response.status_code == 303, response.text
    where = urlsplit(response.headers["location"])
    assert (where.netloc, where.path) == ("", "/login")
    return parse_qs(where.query)["interaction"][0]


def entered(op: OidcWorld, device: str, path: str = "/admin", browser: Browser | None = None) -> Browser:
    """A browser at which someone has logged in to see `path`."""
    browser = browser or op.browser(device)
    response = browser.open(browser.log_in(interaction_of(browser.open(path))))
    assert (response.status_code, response.headers["location"]) == (303, MFA_URL + path)
    return browser


def page_of(user: str) -> str:
    return f"/admin/user?{urlencode({'name': user})}"


def token(browser: Browser, action: str, path: str = "/admin") -> str:
    """What the page's form for `action` carries; nothing if there is none on the page."""
    form = re.search(rf'action="/admin/{action}".*?name="token" value="([^"]*)"', browser.open(path).text, re.DOTALL)
    return html.unescape(form[1]) if form else ""


def act(browser: Browser, action: str, user: str, path: str = "", **fields: str) -> httpx.Response:
    """Sends a form of the user's page."""
    carried = token(browser, action, path or page_of(user))
    return post(browser, action, {"user": user, "token": carried, **fields})


def post(browser: Browser, action: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    return browser.http.post(f"/admin/{action}", data=fields, headers={"origin": browser.world.url, **headers})


def refused(op: OidcWorld, device: str = "laptop") -> str:
    with pytest.raises(MilagroError) as caught:
        login(op.client(device))
    return code_of(caught.value)


# -- who ---------------------------------------------------------------------------------------------------------------
def test_nobody_sees_a_page_who_has_not_logged_in_for_it(op: OidcWorld) -> None:
    browser = op.browser("desk")
    op.rp().tokens(browser)  # a session, but not for this
    key = interaction_of(browser.open("/admin"))
    assert "Users" not in browser.open("/admin").text
    for action in ACTIONS:
        assert interaction_of(post(browser, action, {"user": "alice"}))
    shown = browser.open(f"/oidc/interaction?interaction={key}").json()
    assert (shown["client"]["name"], shown["client"]["host"]) == ("Administration", "127.0.0.1")
    assert shown["login_hint"] == "olga"
    assert not op.mfa.records.devices("alice")[0].suspended
    entered(op, "desk", browser=browser)
    assert browser.open("/admin").status_code == 200


def test_there_is_no_such_page_for_who_is_in_no_group(op: OidcWorld) -> None:
    op.provider.records.keep_profile("alice", {"groups": ["Admins", "admins2", "staff"]})
    alice = entered(op, "laptop")
    for path in ("/admin", page_of("olga"), page_of("alice")):
        response = alice.open(path)
        assert response.status_code == 404
        assert "olga" not in response.text
    forged = alice.http.cookies["milagro-session"]
    assert forged
    for action in ACTIONS:
        assert post(alice, action, {"user": "olga", "token": "x", "sure": "yes"}).status_code == 404
    assert not op.mfa.records.devices("olga")[0].suspended


def test_who_leaves_the_group_is_out_at_once(op: OidcWorld, olga: Browser) -> None:
    carried = token(olga, "suspend", page_of("alice"))
    op.provider.records.keep_profile("olga", {"groups": ["staff"]})
    assert olga.open("/admin").status_code == 404
    assert post(olga, "suspend", {"user": "alice", "token": carried}).status_code == 404
    op.provider.records.keep_profile("olga", {"groups": ["chiefs"]})
    assert olga.open("/admin").status_code == 200


def test_a_suspended_administrator_is_out_at_once(op: OidcWorld, olga: Browser) -> None:
    carried = token(olga, "suspend", page_of("alice"))
    op.mfa.records.suspend("olga", suspended=True)
    assert interaction_of(olga.open("/admin"))
    assert interaction_of(post(olga, "suspend", {"user": "alice", "token": carried}))
    op.mfa.records.suspend("olga", suspended=False)
    assert interaction_of(olga.open("/admin"))
    assert not op.mfa.records.devices("alice")[0].suspended


@pytest.mark.parametrize(("pauses", "inside"), [([599] * 4, True), ([600], False), ([599] * 6 + [7], False)])
def test_a_session_ends_when_nobody_uses_it_and_after_an_hour(
    op: OidcWorld, olga: Browser, pauses: list[int], inside: bool
) -> None:
    for pause in pauses:
        op.clock.now += pause
        response = olga.open("/admin")
    assert response.status_code == (200 if inside else 303)


def test_a_change_needs_a_login_of_the_last_minutes(op: OidcWorld, olga: Browser) -> None:
    op.clock.now += 301
    response = act(olga, "suspend", "alice")
    key = interaction_of(response)
    assert not op.mfa.records.devices("alice")[0].suspended
    back = olga.open(olga.log_in(key)).headers["location"]
    assert back == f"{MFA_URL}/admin/user?name=alice&said=again"
    assert "nothing has been changed yet" in olga.open(back).text
    op.clock.now += 300
    assert act(olga, "suspend", "alice").status_code == 303
    assert op.mfa.records.devices("alice")[0].suspended


def test_logging_out_and_another_login_end_it(op: OidcWorld, olga: Browser) -> None:
    op.rp().tokens(olga, prompt="login")  # a login for somebody else is none for this
    assert interaction_of(olga.open("/admin"))
    entered(op, "desk", browser=olga)
    assert olga.submit(olga.open("/oidc/logout"), decision="logout").status_code == 200
    assert interaction_of(olga.open("/admin"))


def test_who_does_not_want_to_log_in_is_not_asked_again_at_once(op: OidcWorld) -> None:
    browser = op.browser("desk")
    key = interaction_of(browser.open("/admin"))
    found = browser.http.post("/oidc/cancel", json={"interaction": key}, headers={"origin": MFA_URL}).json()
    where = browser.open(found["continue"]).headers["location"]
    assert where.startswith(f"{MFA_URL}/admin?error=access_denied")
    response = browser.open(where)
    assert response.status_code == 403
    assert 'href="/admin"' in response.text


def test_the_interaction_gives_no_code_to_anybody(op: OidcWorld) -> None:
    """It is of no client, so there is nothing to redeem; and it cannot be asked for from outside."""
    browser = op.browser("desk")
    for client in ("", "administration", "milagro"):
        asked = {"client_id": client, "redirect_uri": MFA_URL, "response_type": "code", "scope": "openid"}
        assert browser.open(f"/oidc/authorize?{urlencode(asked)}").status_code == 400
    key = interaction_of(browser.open("/admin"))
    where = browser.log_in(key)
    stranger = op.browser("laptop")
    assert stranger.open(where).status_code == 410
    assert browser.open(where).headers["location"] == f"{MFA_URL}/admin"
    assert browser.open(where).status_code == 410


# -- what --------------------------------------------------------------------------------------------------------------
def test_users_are_found_and_come_in_pages(op: OidcWorld, olga: Browser) -> None:
    names = [f"user-{number:03}" for number in range(60)]
    with op.mfa.records.state.write() as connection:
        for name in (*names, "100%", "a_b"):
            connection.exec_driver_sql(f"INSERT INTO account (\"user\", suspended, created) VALUES ('{name}', 1, 7)")
    try:
        first = olga.open("/admin?q=USER-").text
        assert names[49] in first
        assert names[50] not in first
        link = re.search(r'href="([^"]*after=[^"]*)"', first)
        assert link is not None
        second = olga.open(html.unescape(link[1])).text
        assert names[49] not in second
        assert names[59] in second
        assert "after=" not in second
        for text, found in (("%25", ["100%"]), ("_", ["a_b"]), ("nobody", [])):
            shown = re.findall(r'/admin/user\?name=[^"]*"><bdi>([^<]*)<', olga.open(f"/admin?q={text}").text)
            assert shown == found
    finally:
        with op.mfa.records.state.write() as connection:
            connection.exec_driver_sql("DELETE FROM account WHERE created = 7")


def test_suspend_and_resume(op: OidcWorld, olga: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    login(op.client("laptop"))
    where = act(olga, "suspend", "alice").headers["location"]
    assert "The account is suspended." in olga.open(where).text
    assert refused(op) == "suspended"
    assert 'role="status"' not in olga.open(where.replace("said=suspended", "said=resumed")).text
    where = act(olga, "resume", "alice").headers["location"]
    assert "The user can log in again." in olga.open(where).text
    login(op.client("laptop"))
    said = capsys.readouterr()
    for line in ("an administrator suspended a user", "an administrator resumed a user"):
        assert re.search(rf"{line}.*administrator=olga.*user=alice|administrator.*olga.*{line}", said.out + said.err)


def test_nobody_shuts_himself_out(op: OidcWorld, olga: Browser) -> None:
    op.enrol("olga", "second", folder="olga-second")
    text = olga.open(page_of("olga")).text
    assert 'action="/admin/suspend"' not in text
    assert text.count('action="/admin/remove"') == 1  # the second device
    for action, more in (("suspend", {}), ("remove", {"sure": "yes"}), ("remove", {"sure": "yes", "device": "desk"})):
        carried = token(olga, action, page_of("alice"))
        assert post(olga, action, {"user": "olga", "token": carried, **more}).status_code == 409
    assert act(olga, "profile", "olga", groups="staff").status_code == 409
    assert op.provider.records.profile("olga")["groups"] == ["staff", "admins"]
    assert act(olga, "remove", "olga", device="second", sure="yes").status_code == 303
    assert olga.open("/admin").status_code == 200


def test_a_change_that_was_given_up_is_not_said_to_be_near(op: OidcWorld, olga: Browser) -> None:
    back = olga.open(f"{page_of('alice')}&said=again&error=access_denied")
    assert back.status_code == 200
    assert "nothing has been changed yet" not in back.text


def test_remove_asks_first(op: OidcWorld, olga: Browser) -> None:
    op.enrol("ben", "ben-laptop")
    op.enrol("ben", "ben-phone")
    question = act(olga, "remove", "ben", device="ben-phone")
    assert "Remove <bdi>ben-phone</bdi> of <bdi>ben</bdi>?" in question.text
    assert len(op.mfa.records.devices("ben")) == 2
    where = olga.submit(question).headers["location"]
    assert "The device is removed." in olga.open(where).text
    assert "ben-phone" not in olga.open(where).text
    assert refused(op, "ben-phone") == "unknown-identity"
    login(op.client("ben-laptop"))
    where = olga.submit(act(olga, "remove", "ben")).headers["location"]
    assert "The account is removed." in olga.open(where).text
    assert refused(op, "ben-laptop") in {"authentication-failed", "unknown-identity"}
    assert olga.open(page_of("ben")).status_code == 404


def test_an_invitation_is_shown_once(op: OidcWorld, olga: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    response = act(olga, "invite", "carla", "/admin", hours="72")
    code = re.search(r"<code>([0-9A-Z-]{19})</code>", response.text)
    assert code is not None
    assert response.headers["cache-control"] == "no-store"
    assert code[1] not in str(response.url) + str(response.headers)
    client = op.client("carla")
    client.enrol(application("carla", "carla", code[1]), lambda: PIN)
    login(client)
    for hours in ("0", "25", "", "-1", "x"):
        assert act(olga, "invite", "carla", "/admin", hours=hours).status_code == 400
    assert act(olga, "invite", "a\x07b", "/admin", hours="1").status_code == 400
    said = capsys.readouterr()
    assert "an administrator invited a user" in said.out + said.err
    assert code[1] not in said.out + said.err
    assert code[1] not in olga.open(page_of("carla")).text


def test_a_profile_is_changed(op: OidcWorld, olga: Browser) -> None:
    kept = {"name": "Alice", "email": "a@x.test", "email_verified": True, "locale": "en", "groups": ["one"]}
    op.provider.records.keep_profile("alice", kept)
    fields = {"name": " Alice Arden ", "email": "a@x.test", "groups": "two\r\n\r\none\r\ntwo\r\n"}
    assert act(olga, "profile", "alice", **fields).status_code == 303
    assert op.provider.records.profile("alice") == {**kept, "name": "Alice Arden", "groups": ["two", "one"]}
    act(olga, "profile", "alice", name="", email="b@x.test", groups="")
    assert op.provider.records.profile("alice") == {"email": "b@x.test", "locale": "en"}
    assert act(olga, "profile", "alice", groups="x" * 257).status_code == 400
    assert act(olga, "profile", "nobody", page_of("alice")).status_code == 404


# -- what does not work ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
@pytest.mark.parametrize("action", ACTIONS)
def test_csrf_of_another_site(op: OidcWorld, olga: Browser, action: str, headers: dict[str, str]) -> None:
    fields = {"user": "alice", "token": token(olga, action, page_of("alice")), "sure": "yes", "hours": "1"}
    if action == "resume":
        op.mfa.records.suspend("alice", suspended=True)
        fields["token"] = token(olga, action, page_of("alice"))
    before = op.mfa.records.devices("alice")
    for browser in (olga, op.browser("desk")):
        assert post(browser, action, fields, **headers).status_code == 403
    assert op.mfa.records.devices("alice") == before
    assert op.provider.records.profile("alice") == {}


@pytest.mark.parametrize("action", ACTIONS)
def test_csrf_a_form_is_of_this_session_and_this_page(op: OidcWorld, olga: Browser, action: str) -> None:
    other = token(olga, "profile" if action == "suspend" else "suspend", page_of("alice"))
    for wrong in ("", "x", other):
        fields = {"user": "alice", "token": wrong, "sure": "yes", "hours": "1", "groups": "admins"}
        assert post(olga, action, fields).status_code == 403
    right = token(olga, "invite")
    entered(op, "desk", browser=op.browser("desk"))
    second = entered(op, "desk")
    assert post(second, "invite", {"user": "alice", "token": right, "hours": "1"}).status_code == 403
    assert op.provider.records.profile("alice") == {}
    assert len(op.mfa.records.devices("alice")) == 1
    assert not op.mfa.records.devices("alice")[0].suspended


def test_a_parameter_twice_is_refused(op: OidcWorld, olga: Browser) -> None:
    carried = token(olga, "suspend", page_of("alice"))
    body = urlencode([("user", "olga"), ("user", "alice"), ("token", carried)])
    form = {"content-type": "application/x-www-form-urlencoded", "origin": MFA_URL}
    assert olga.http.post("/admin/suspend", content=body, headers=form).status_code == 403
    assert not op.mfa.records.devices("alice")[0].suspended


def test_no_change_by_get(olga: Browser) -> None:
    for action in ACTIONS:
        assert olga.open(f"/admin/{action}?user=alice&sure=yes").status_code == 405


def test_names_and_profiles_are_text(op: OidcWorld, olga: Browser) -> None:
    with op.mfa.records.state.write() as connection:
        statement = 'INSERT INTO account ("user", suspended, created) VALUES (?, 1, 7)'
        connection.exec_driver_sql(statement, (NASTY,))
    try:
        evil = {"name": NASTY, "email": NASTY, "groups": [NASTY, "</textarea><script>alert(2)</script>"]}
        op.provider.records.keep_profile(NASTY, evil)
        asked = urlencode({"q": NASTY, "after": ""})
        where = page_of(NASTY)
        pages = [
            olga.open("/admin"),
            olga.open(f"/admin?{asked}"),
            olga.open(f"{where}&said={NASTY}"),
            act(olga, "remove", NASTY, where),
            act(olga, "remove", NASTY, where, device=NASTY),
            act(olga, "profile", NASTY, where, name=NASTY, groups=NASTY),
            act(olga, "invite", NASTY, "/admin", hours="1"),
            olga.open("/admin/user?name=%3Cscript%3E"),
        ]
        for response in pages:
            assert "<script" not in response.text
            shown = re.sub(r'value="[^"]*"|<textarea.*?</textarea>', "", response.text, flags=re.DOTALL)
            assert "\u202e" not in shown
        assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;\ufffd" in pages[0].text
        assert pages[5].headers["location"].startswith("/admin/user?name=%3Cscript%3E")
        assert act(olga, "resume", NASTY, where).headers["location"] == "/admin?said=resumed"
        assert "<script" not in olga.open(where).text
    finally:
        with op.mfa.records.state.write() as connection:
            connection.exec_driver_sql("DELETE FROM account WHERE created = 7")


def test_clickjacking_and_what_a_page_may_load(op: OidcWorld, olga: Browser) -> None:
    pages = [
        olga.open("/admin"),
        olga.open(page_of("alice")),
        olga.open(page_of("nobody")),
        act(olga, "remove", "alice"),
        act(olga, "invite", "alice", hours="1"),
        entered(op, "laptop").open("/admin"),
    ]
    for response in pages:
        policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
        assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3
        assert policy["form-action"] in {"'self'", "'none'"}
        assert "script-src" not in policy
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "same-origin"
        assert response.text.count("<h1>") == 1
        assert re.search(r"<script|\son[a-z]+=|style=|https?://", response.text) is None


def test_no_page_leads_elsewhere(op: OidcWorld, olga: Browser) -> None:
    for name in ("next", "continue", "redirect", "return", "back", "said", "error", "q", "after", "name"):
        for path in ("/admin", "/admin/user"):
            for browser in (olga, op.browser("desk")):
                response = browser.open(f"{path}?{name}={EVIL}")
                assert not response.headers.get("location", "/").startswith(("http", "//"))


def test_without_the_table_there_is_nothing(tmp_path: Any, op: OidcWorld) -> None:
    without = OidcWorld(tmp_path / "without", SetClock()).build()
    try:
        assert without.get("/admin").status_code == 404
        assert without.get("/admin").headers["content-type"] == "application/json"
    finally:
        without.close()


@pytest.mark.parametrize("table", ["[mfa.admin]\n", "[mfa.admin]\ngroups = []\n", ADMIN + "idle_seconds = 5\n", ADMIN])
def test_a_configuration_that_does_not_fit_is_refused(tmp_path: Any, table: str) -> None:
    provider = "" if table == ADMIN else "[mfa.oidc]\n"
    write(tmp_path / "charter", "x")
    path = write(tmp_path / "milagro.toml", toml_mfa(store=provider + table))
    with pytest.raises(ConfigError, match="admin"):
        mfa_config.read_config(path)


def test_languages(olga: Browser) -> None:
    assert [texts_for(text) for text in ("de-AT,en;q=0.5", "fr, de;q=0.3", "en;q=0.2,de;q=0.9")] == [DE] * 3
    assert [texts_for(text) for text in ("", "fr", "*", "de;q=0.1,en", "de;q=x,en", ";;,=")] == [EN] * 6
    german = olga.http.get("/admin", headers={"accept-language": "de"}).text
    assert '<html lang="de">' in german
    assert "Jemanden einladen" in german


# -- suspension --------------------------------------------------------------------------------------------------------
def test_suspension_acts_at_once(op: OidcWorld, olga: Browser) -> None:
    """Sessions, tokens, interactions, and logins between their passes; and all but new ones stay ended."""
    rp, browser = op.rp(), op.browser("laptop")
    tokens = rp.tokens(browser, scope="openid offline_access")
    logged_in, waiting = op.browser("laptop"), op.browser("laptop")
    key = interaction_of(rp.authorize(logged_in, prompt="login"))
    where = logged_in.log_in(key)
    open_key = interaction_of(rp.authorize(waiting))
    passes: list[str] = []

    def between(path: str) -> None:
        passes.append(path)
        if path == "/oidc/login":
            act(olga, "suspend", "alice")

    with pytest.raises(MilagroError) as caught:
        log_in_and(waiting, open_key, between)
    assert (code_of(caught.value), passes[-1]) == ("suspended", "/oidc/login")
    for _ in range(2):
        assert not rp.works(tokens)
        with pytest.raises(Exception, match="invalid_grant"):
            rp.refresh(tokens["refresh_token"])
        assert logged_in.open(where).status_code == 410
        op.mfa.records.suspend("alice", suspended=False)  # what has ended stays ended
    assert interaction_of(rp.authorize(browser))
    login(op.client("laptop"))


def log_in_and(browser: Browser, key: str, before: Any) -> None:
    """Logs in, and calls `before` with the path of each of the browser's own requests."""
    post = browser.http.post

    def posting(path: str, **options: Any) -> httpx.Response:
        before(path)
        return post(path, **options)

    browser.http.post = posting  # type: ignore[method-assign,assignment]
    try:
        browser.log_in(key)
    finally:
        browser.http.post = post  # type: ignore[method-assign]


def test_a_login_that_was_right_gives_no_session_after_suspension(op: OidcWorld) -> None:
    """The second pass was verified, then the account was suspended, then the session would have been made."""
    browser = op.browser("laptop")
    key = interaction_of(op.rp().authorize(browser))
    records = op.provider.records
    real = records.log_in

    def late(*arguments: Any) -> bool:
        op.mfa.records.suspend("alice", suspended=True)
        try:
            return real(*arguments)
        finally:
            op.mfa.records.suspend("alice", suspended=False)

    records.log_in = late  # type: ignore[method-assign]
    try:
        with pytest.raises(MilagroError) as caught:
            browser.log_in(key)
    finally:
        records.log_in = real  # type: ignore[method-assign]
    assert code_of(caught.value) == Suspended.code
    assert browser.session_cookie() is None


def test_a_suspended_user_gets_no_permit(op: OidcWorld) -> None:
    op.clock.now += 2 * op.slot  # the permit that the device has is over
    op.mfa.records.suspend("alice", suspended=True)
    assert refused(op) == "suspended"
