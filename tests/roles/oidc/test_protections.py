"""What an attacker would try on the provider: each attack as a test.

Spec: spec/oidc.md#authorization, spec/oidc.md#interactions, spec/oidc.md#login-page, spec/oidc.md#cookies,
    spec/oidc.md#cross-site, spec/oidc.md#pages
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milagro.errors import MilagroError
from milagro.protocols.mpin.v2 import Context, Credential, Permit, Token, start_login
from milagro.roles.messages import FirstPass
from milagro.roles.mfa.oidc.records import INTERACTION_SECONDS
from milagro.roles.refusals import code_of
from tests.roles.oidc.world import CALLBACK, OTHER_CALLBACK, Browser, OidcWorld, answer_of, form_of
from tests.roles.world import MFA_URL, PIN, WRONG, SetClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.roles.oidc.world import Party

EVIL = "https://evil.test"


def interaction_of(response: httpx.Response) -> str:
    return parse_qs(urlsplit(response.headers["location"]).query)["interaction"][0]


def is_error_page(response: httpx.Response, status: int = 400) -> bool:
    return response.status_code == status and 'role="alert"' in response.text and "location" not in response.headers


def refused(browser: Browser, interaction: str, pin: str | None = None) -> str:
    with pytest.raises(MilagroError) as caught:
        browser.log_in(interaction, **({"pin": pin} if pin else {}))
    return code_of(caught.value)


# -- cross-site requests -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
def test_csrf_no_other_site_can_log_a_browser_in(op: OidcWorld, rp: Party, browser: Browser, headers: Any) -> None:
    key = interaction_of(rp.authorize(browser))
    before = op.attempts()
    body = {"interaction": key, "message": "AAAA"}
    response = browser.http.post("/oidc/login", json=body, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid-request")
    assert "another site" in response.json()["error"]["message"]
    assert op.attempts() == before
    cancelled = browser.http.post("/oidc/cancel", json={"interaction": key}, headers=headers)
    assert cancelled.status_code == 400


def test_csrf_a_login_is_no_form(browser: Browser, rp: Party) -> None:
    key = interaction_of(rp.authorize(browser))
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        content = json.dumps({"interaction": key, "message": "AAAA"})
        response = browser.http.post("/oidc/login", content=content, headers={"content-type": kind})
        assert response.status_code == 400


def test_csrf_consent_needs_the_form_of_this_session(op: OidcWorld, browser: Browser) -> None:
    op.enrol("erin", "watch")
    browser.device = "watch"
    rp = op.rp()
    key = interaction_of(rp.authorize(browser))
    page = browser.open(browser.log_in(key))
    action, fields = form_of(page.text)
    for wrong in ({}, {"token": "x"}, {"token": fields["token"][:-1] + "-"}):
        sent = {"interaction": key, "decision": "allow", **wrong}
        assert is_error_page(browser.http.post(action, data=sent, headers={"origin": MFA_URL}), 403)
    right = {**fields, "decision": "allow"}
    assert is_error_page(browser.http.post(action, data=right, headers={"origin": EVIL}), 403)
    stranger = op.browser()
    stranger.plant("milagro-browser", browser.http.cookies["milagro-browser"])
    assert is_error_page(stranger.http.post(action, data=right, headers={"origin": MFA_URL}), 403)
    assert browser.http.post(action, data=right, headers={"origin": MFA_URL}).status_code == 303


def test_csrf_logout_needs_the_form_of_this_session(rp: Party, browser: Browser) -> None:
    rp.tokens(browser)
    _, fields = form_of(browser.open("/oidc/logout").text)
    forged = {**fields, "token": "x", "decision": "logout"}
    response = browser.http.post("/oidc/logout/confirm", data=forged, headers={"origin": MFA_URL})
    assert is_error_page(response, 403)
    assert "code" in answer_of(rp.authorize(browser, prompt="none"))


# -- sessions ----------------------------------------------------------------------------------------------------------
def test_session_fixation_a_login_makes_a_new_cookie(rp: Party, browser: Browser) -> None:
    browser.plant("milagro-session", "planted-by-someone-else")
    rp.tokens(browser)
    first = browser.session_cookie()
    rp.tokens(browser, prompt="login")
    assert len({"planted-by-someone-else", first, browser.session_cookie()}) == 3


def test_session_fixation_who_knows_the_cookie_of_before_gets_no_code(
    op: OidcWorld, rp: Party, browser: Browser
) -> None:
    """The attacker plants the cookie that binds interactions, and waits for the victim to log in."""
    attacker = op.browser()
    key = interaction_of(rp.authorize(attacker))
    planted = attacker.http.cookies["milagro-browser"]
    browser.plant("milagro-browser", planted)
    following = browser.log_in(key)
    assert is_error_page(attacker.open(following), 410)
    old = op.browser()
    old.plant("milagro-browser", planted)
    old.plant("milagro-session", "guessed")
    assert is_error_page(old.open(following), 410)
    mallory = op.browser("desktop")
    op.rp().tokens(mallory)
    mallory.http.cookies.delete("milagro-browser", domain="127.0.0.1", path="/")
    mallory.plant("milagro-browser", planted)
    assert is_error_page(mallory.open(following), 410)
    assert answer_of(browser.follow(browser.open(following)))["code"]


def test_an_old_session_cookie_is_worthless_after_the_next_login(op: OidcWorld, rp: Party, browser: Browser) -> None:
    rp.tokens(browser)
    thief = op.browser()
    thief.plant("milagro-session", browser.session_cookie() or "")
    assert "code" in answer_of(rp.authorize(thief, prompt="none"))
    rp.tokens(browser, prompt="login")
    assert answer_of(rp.authorize(thief, prompt="none"))["error"] == "login_required"


def test_cookies_are_out_of_reach(rp: Party, browser: Browser) -> None:
    first = rp.authorize(browser).headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert part in first
    assert "Domain" not in first


def test_over_https_no_other_host_can_plant_a_cookie(tmp_path: Path) -> None:
    world = OidcWorld(tmp_path, SetClock(), url="https://login.test").build()
    world.enrol()
    browser = Browser(world, http=httpx.Client(transport=world.http._transport, base_url=world.url))
    first = world.rp().authorize(browser)
    assert first.headers["set-cookie"].startswith("__Host-milagro-browser=")
    page = browser.open(browser.log_in(interaction_of(first)))
    assert 'action="/oidc/consent"' in page.text
    assert browser.submit(page, decision="allow").headers["location"].startswith(f"{CALLBACK}?code=")
    assert {cookie.name for cookie in browser.http.cookies.jar} == {
        "__Host-milagro-browser",
        "__Host-milagro-session",
    }
    assert all(cookie.secure and cookie.path == "/" for cookie in browser.http.cookies.jar)
    token = world.provider.registry.allow(1, world.clock() + 60)
    body = {"redirect_uris": [CALLBACK], "backchannel_logout_uri": "http://127.0.0.1:22/"}
    response = world.post("/oidc/register", json=body, headers={"authorization": f"Bearer {token}"})
    assert (response.status_code, "server itself" in response.text) == (400, True)
    world.close()


# -- interactions ------------------------------------------------------------------------------------------------------
def test_an_interaction_belongs_to_its_browser(op: OidcWorld, rp: Party, browser: Browser) -> None:
    key = interaction_of(rp.authorize(browser))
    other = op.browser()
    rp.authorize(other)
    before = op.attempts()
    assert refused(other, key, WRONG) == "expired"
    assert other.http.get("/oidc/interaction", params={"interaction": key}).status_code == 410
    assert is_error_page(other.open(f"/oidc/continue?interaction={key}"), 410)
    assert op.attempts() == before


def test_an_interaction_is_over_after_its_time(op: OidcWorld, rp: Party, browser: Browser) -> None:
    key = interaction_of(rp.authorize(browser))
    op.clock.now += INTERACTION_SECONDS
    assert refused(browser, key) == "expired"
    assert is_error_page(browser.open(f"/oidc/continue?interaction={key}"), 410)


def test_an_interaction_is_used_once(rp: Party, browser: Browser) -> None:
    key = interaction_of(rp.authorize(browser))
    following = browser.log_in(key)
    assert refused(browser, key) == "replay"
    assert "code" in answer_of(browser.follow(browser.open(following)))
    assert is_error_page(browser.open(following), 410)
    assert refused(browser, key) == "expired"


def test_a_wrong_pin_logs_nobody_in(op: OidcWorld, rp: Party, browser: Browser) -> None:
    key = interaction_of(rp.authorize(browser))
    assert refused(browser, key, WRONG) == "authentication-failed"
    assert browser.session_cookie() is None
    assert browser.open(f"/oidc/continue?interaction={key}").headers["location"] == f"/login?interaction={key}"
    assert answer_of(browser.follow(browser.open(browser.log_in(key))))["code"]
    assert op.attempts() == 0


def test_who_does_not_want_to_goes_back_with_an_error(rp: Party, browser: Browser) -> None:
    key = interaction_of(rp.authorize(browser))
    found = browser.http.post("/oidc/cancel", json={"interaction": key}, headers={"origin": MFA_URL}).json()
    response = browser.open(found["continue"])
    assert answer_of(response) == {
        "error": "access_denied", "error_description": "The user has not agreed.", "state": rp.state, "iss": MFA_URL,
    }  # fmt: skip
    assert is_error_page(browser.open(found["continue"]), 410)
    assert is_error_page(browser.open(f"/oidc/continue?interaction={key}"), 410)


def test_who_does_not_agree_goes_back_with_an_error(op: OidcWorld) -> None:
    op.enrol("frank", "lamp")
    browser, rp = op.browser("lamp"), op.rp()
    found = answer_of(browser.follow(rp.authorize(browser), allow=False))
    assert (found["error"], found["state"]) == ("access_denied", rp.state)
    assert rp.answer(browser)["code"]
    assert browser.consents == 2
    assert "code" in answer_of(rp.authorize(browser, prompt="none"))
    assert answer_of(rp.authorize(browser, prompt="none", scope="openid email"))["error"] == "consent_required"
    rp.tokens(browser, prompt="consent")
    assert browser.consents == 3


@pytest.mark.parametrize(("origin", "status"), [(MFA_URL, 200), ("https://login-test.evil.test", 403)])
def test_relay_a_look_alike_site_that_passes_everything_on_gets_no_session(
    op: OidcWorld, rp: Party, origin: str, status: int
) -> None:
    """The victim's page is on the attacker's origin, and says so in what it signs; the attacker changes nothing."""
    op.client().login(lambda: PIN)  # so that there is a permit
    attacker, folder = op.browser(), op.device()
    interaction_of(rp.authorize(attacker))
    record, kept, suite = folder.record(), folder.permit(), op.mfa.suite
    assert kept is not None
    credential = Credential(Token.from_bytes(suite, record.token), folder.stored_key())
    context, permit = Context(record.server_name, origin, record.relying_party), Permit.from_bytes(suite, kept.permit)
    started = start_login(credential, context, op.clock(), secrets.token_bytes, permit)
    first = FirstPass(message=started.message.to_bytes(), key_id=record.key_id).model_dump(mode="json")
    response = attacker.http.post("/v1/login/pass1", json=first)
    assert response.status_code == status
    assert ("message" in response.json()) == (origin == MFA_URL)


# -- redirects ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.test/callback",
        f"{CALLBACK}/../evil",
        f"{CALLBACK}#x",
        f"{CALLBACK}?foo=baz",
        "https://rp.test@evil.test/callback",
        "HTTPS://rp.test/callback",
        "https://rp.test:443/callback",
        "https://rp.test.evil.test/callback",
        "//rp.test/callback",
        "javascript:alert(1)",
        "",
    ],
)
def test_open_redirect_only_registered_addresses_octet_by_octet(rp: Party, browser: Browser, uri: str) -> None:
    for more in ({}, {"prompt": "none"}, {"response_type": "token"}, {"scope": "x"}, {"response_mode": "form_post"}):
        assert is_error_page(rp.authorize(browser, redirect_uri=uri, **more))


def test_open_redirect_a_missing_or_repeated_address_is_refused(rp: Party, browser: Browser) -> None:
    assert is_error_page(rp.authorize(browser, redirect_uri=None))
    wanted = [*rp.request().items(), ("redirect_uri", EVIL)]
    assert is_error_page(browser.http.get("/oidc/authorize", params=wanted))
    assert is_error_page(browser.http.get("/oidc/authorize", params={**rp.request(), "client_id": "nobody"}))
    assert is_error_page(browser.http.get("/oidc/authorize", params={**rp.request(), "client_id": 'né"<b>'}))


def test_open_redirect_none_of_the_own_pages_leads_anywhere(browser: Browser) -> None:
    for path in ("/oidc/continue", "/oidc/return", "/oidc/logout"):
        for name in ("next", "continue", "redirect", "return", "response", "interaction", "post_logout_redirect_uri"):
            response = browser.open(f"{path}?{name}={EVIL}")
            assert "evil" not in response.headers.get("location", "")


# -- codes -------------------------------------------------------------------------------------------------------------
def test_code_injection_pkce_binds_a_code_to_who_asked(op: OidcWorld, browser: Browser) -> None:
    victim, attacker = (op.rp("app", "com.example.app:/callback", pkce=True, secret=None, **public()) for _ in range(2))
    code = victim.answer(browser)["code"]
    attacker.request()
    with pytest.raises(OAuthError, match="invalid_grant"):
        attacker.redeem(code)
    with pytest.raises(OAuthError, match="invalid_request"):
        attacker.redeem(code, code_verifier=None)
    assert victim.redeem(code)["access_token"]


def public() -> dict[str, str]:
    return {"token_endpoint_auth_method": "none"}


@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "short"},
        {"code_challenge": None},
    ],
)
def test_code_injection_no_downgrade_of_pkce(op: OidcWorld, browser: Browser, change: Any) -> None:
    rp = op.rp("app", "com.example.app:/callback", pkce=True, secret=None, **public())
    assert answer_of(rp.authorize(browser, **change))["error"] == "invalid_request"


def test_code_injection_a_verifier_without_a_challenge_is_refused(op: OidcWorld, rp: Party, browser: Browser) -> None:
    """A code of the attacker's own request, made without PKCE, is not taken from a client that uses it."""
    code = rp.answer(browser)["code"]
    with pytest.raises(OAuthError, match="invalid_request"):
        rp.redeem(code, code_verifier="v" * 43)


def test_code_injection_a_code_is_its_clients(op: OidcWorld, rp: Party, browser: Browser) -> None:
    code = rp.answer(browser)["code"]
    posting = op.rp("posting", token_endpoint_auth_method="client_secret_post")
    with pytest.raises(OAuthError, match="invalid_grant"):
        posting.redeem(code)
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.redeem(code, redirect_uri=f"{CALLBACK}?foo=bar")
    assert rp.redeem(code)["access_token"]


def test_a_code_is_over_after_a_minute(op: OidcWorld, rp: Party, browser: Browser) -> None:
    code = rp.answer(browser)["code"]
    op.clock.now += 60
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.redeem(code)


# -- mix-up and substitution -------------------------------------------------------------------------------------------
def test_mix_up_every_answer_names_its_issuer(rp: Party, browser: Browser) -> None:
    assert rp.metadata["authorization_response_iss_parameter_supported"] is True
    for more in ({"prompt": "none"}, {"response_type": "x"}, {"scope": "email"}, {}):
        found = answer_of(browser.follow(rp.authorize(browser, **more)))
        assert found["iss"] == rp.metadata["issuer"]
        assert ("code" in found) == (more == {})


def test_token_substitution_each_token_is_of_one_client(op: OidcWorld, rp: Party, browser: Browser) -> None:
    other = op.rp("other", OTHER_CALLBACK, pkce=True)
    mine, theirs = rp.tokens(browser), other.tokens(browser)
    assert (rp.claims(mine)["aud"], other.claims(theirs)["aud"]) == ("rp", "other")
    assert "azp" not in rp.claims(mine)
    assert rp.claims(mine)["sid"] != other.claims(theirs)["sid"]
    assert rp.claims(mine)["sub"] != other.claims(theirs)["sub"]
    hint = other.authorize(browser, prompt="none", id_token_hint=mine["id_token"])
    assert answer_of(hint)["error"] == "invalid_request"
    with pytest.raises(OAuthError, match="invalid_grant"):
        other.refresh(mine["refresh_token"])
    swapped = {**theirs, "access_token": mine["access_token"]}
    with pytest.raises(AssertionError):
        other.claims(swapped)
    assert rp.refresh(mine["refresh_token"])["access_token"]


def test_token_substitution_kinds_of_tokens_are_not_each_other(op: OidcWorld, rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    for wrong in (tokens["refresh_token"], tokens["id_token"], "", "x"):
        assert not rp.works({"access_token": wrong})
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.refresh(tokens["access_token"])
    told = op.provider.statements.logout_token(op.config.oidc.clients[0], "s", "i", op.clock())
    assert answer_of(rp.authorize(browser, id_token_hint=told))["error"] == "invalid_request"


# -- pages -------------------------------------------------------------------------------------------------------------
def test_clickjacking_no_page_goes_into_a_frame(op: OidcWorld, rp: Party, browser: Browser) -> None:
    rp.tokens(browser)
    pages = [
        rp.authorize(browser, redirect_uri=EVIL),
        browser.follow(rp.authorize(browser, prompt="consent")),
        browser.open("/oidc/logout"),
        op.browser().open("/oidc/logout"),
        browser.follow(rp.authorize(browser, response_mode="form_post")),
        *browser.pages,
    ]
    for page in pages:
        if page.status_code == 303:
            continue
        policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
        assert policy["frame-ancestors"] == "'none'"
        assert policy["default-src"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["cache-control"] == "no-store"
        assert "http:" not in page.text.replace(MFA_URL, "")
        assert '<html lang="en">' in page.text
        assert page.text.count("<h1>") == 1
    assert len(browser.pages) >= 1


def test_the_form_post_page_sends_itself(op: OidcWorld, browser: Browser) -> None:
    response = browser.follow(op.rp(mode="form_post").authorize(browser))
    policy = response.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "form-action https://rp.test" in policy
    assert '<script src="/oidc/submit.js" defer></script>' in response.text
    assert browser.open("/oidc/submit.js").text == "document.forms[0].submit();\n"
    assert re.search(r"\son[a-z]+=", response.text) is None


def test_a_page_shows_what_a_request_says_as_text(op: OidcWorld, browser: Browser) -> None:
    rp = op.rp()
    state = '"><script>alert(1)</script>'
    response = browser.follow(rp.authorize(browser, response_mode="form_post", state=state))
    assert "<script>alert" not in response.text
    assert answer_of(response)["state"] == state


def test_no_secret_is_in_a_log_or_a_stored_row(
    op: OidcWorld, rp: Party, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = rp.tokens(browser)
    code = rp.answer(browser)["code"]
    again = rp.refresh(tokens["refresh_token"])
    rp.http.post("/oidc/login", json={"interaction": "canary-interaction", "message": "canary"})
    log = capsys.readouterr()
    canaries = [
        code, tokens["access_token"], tokens["refresh_token"], again["refresh_token"], tokens["id_token"],
        browser.session_cookie() or "", browser.http.cookies["milagro-browser"], "canary-interaction",
    ]  # fmt: skip
    stored = b"".join(path.read_bytes() for path in (op.folder / "mfa").glob("state.sqlite*"))
    for secret in canaries:
        assert len(secret) >= 18
        assert secret not in log.out + log.err
        assert secret.encode() not in stored


def test_parameters_that_are_not_text_are_refused(op: OidcWorld, browser: Browser) -> None:
    assert browser.open("/oidc/authorize?client_id=%ff").status_code == 400
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert op.post("/oidc/token", content=b"grant_type=%ff", headers=form).status_code == 400
    many = "&".join(f"a{number}=1" for number in range(200))
    assert op.post("/oidc/token", content=many.encode(), headers=form).status_code == 400
    twice = "grant_type=refresh_token&grant_type=authorization_code"
    assert op.post("/oidc/token", content=twice.encode(), headers=form).json()["error"] == "invalid_request"


def test_an_answer_keeps_the_state_as_it_was(rp: Party, browser: Browser) -> None:
    state = "a+b %/?&=#é\t"
    response = browser.follow(rp.authorize(browser, state=state))
    assert dict(parse_qsl(urlsplit(response.headers["location"]).query))["state"] == state


NAMES = [
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "claims", "display",
    "response_mode", "code_challenge", "code_challenge_method", "id_token_hint", "request", "request_uri", "grant_type",
    "code", "refresh_token", "client_secret", "client_assertion", "client_assertion_type", "token", "code_verifier",
]  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["code", "rp", "app", CALLBACK, "openid", "none", "form_post", "S256", "{}", '{"id_token": {"sub": 1}}']
    ),
    st.sampled_from(
        ["authorization_code", "refresh_token", "urn:ietf:params:oauth:request_uri:x", "a.b.c", "0", "\u0000"]
    ),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(given_parameters=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8))
def test_whatever_is_asked_is_refused_and_leads_nowhere_else(
    op: OidcWorld, browser: Browser, given_parameters: dict[str, str]
) -> None:
    start = {"response_type": "code", "client_id": "rp", "redirect_uri": CALLBACK, "scope": "openid"}
    response = browser.http.get("/oidc/authorize", params={**start, **given_parameters})
    assert response.status_code in {200, 303, 400}
    where = response.headers.get("location", "/")
    assert where.startswith(("/login?interaction=", f"{CALLBACK}?error=", "/"))
    assert not where.startswith("//")
    assert browser.http.post("/oidc/authorize", data=given_parameters).status_code in {303, 400}
    for path in ("/oidc/token", "/oidc/par", "/oidc/revoke", "/oidc/introspect"):
        answered = op.post(path, data=given_parameters)
        assert answered.status_code in {400, 401}
        assert answered.json()["error"]
    for path in ("/oidc/consent", "/oidc/logout/confirm"):
        assert browser.http.post(path, data=given_parameters).status_code in {403, 410}
