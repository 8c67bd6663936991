"""The OpenID certification's plans RP-Initiated Logout OP and Back-Channel Logout OP, and how else sessions end.

Spec: spec/oidc.md#logout
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.integrations.base_client import OAuthError
from joserfc import jwt
from joserfc.jwk import RSAKey

from milagro.roles.clock import unix_now
from milagro.roles.mfa.tables import SCHEMA
from milagro.stores.state import back_up, restore
from tests.roles.oidc.world import AFTER_LOGOUT, SECRET, OidcWorld, answer_of, decoded
from tests.roles.world import MFA_URL

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.roles.oidc.world import Browser, Party


@pytest.fixture(autouse=True)
def forget(op: OidcWorld) -> None:
    op.hook.tokens.clear()


def log_out(browser: Browser, **parameters: str | None) -> httpx.Response:
    return browser.http.get("/oidc/logout", params={name: text for name, text in parameters.items() if text})


def is_logged_in(rp: Party, browser: Browser) -> bool:
    found = answer_of(rp.authorize(browser, prompt="none"))
    assert "code" in found or found["error"] == "login_required"
    return "code" in found


def is_error_page(response: httpx.Response) -> bool:
    return response.status_code == 400 and 'role="alert"' in response.text and "location" not in response.headers


def asks(response: httpx.Response) -> bool:
    return response.status_code == 200 and 'action="/oidc/logout/confirm"' in response.text


# -- RP-Initiated Logout OP --------------------------------------------------------------------------------------------
def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(rp: Party) -> None:
    assert rp.metadata["end_session_endpoint"] == f"{MFA_URL}/oidc/logout"


def test_oidcc_rp_initiated_logout(rp: Party, browser: Browser) -> None:
    tokens, state = rp.tokens(browser), secrets.token_hex(8)
    response = log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER_LOGOUT, state=state)
    assert response.status_code == 303
    assert response.headers["location"] == f"{AFTER_LOGOUT}?state={state}"
    assert browser.session_cookie() is None
    assert not is_logged_in(rp, browser)


@pytest.mark.parametrize("uri", ["https://evil.test/", f"{AFTER_LOGOUT}/", "https://other.test/bye"])
def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(rp: Party, browser: Browser, uri: str) -> None:
    tokens = rp.tokens(browser)
    assert is_error_page(log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=uri))
    assert is_logged_in(rp, browser)


def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    uri = f"{AFTER_LOGOUT}?foo=bar"
    assert is_error_page(log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=uri))


def test_oidcc_rp_initiated_logout_modified_id_token_hint(rp: Party, browser: Browser) -> None:
    header, payload, signature = rp.tokens(browser)["id_token"].split(".")
    altered = f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    assert is_error_page(log_out(browser, id_token_hint=altered, post_logout_redirect_uri=AFTER_LOGOUT))
    assert is_logged_in(rp, browser)


def test_oidcc_rp_initiated_logout_bad_id_token_hint(rp: Party, browser: Browser) -> None:
    """Signed by a key that is not the provider's, under the name of one that is."""
    genuine = rp.tokens(browser)["id_token"]
    header, claims = (json.loads(decoded(genuine.split(".")[at])) for at in (0, 1))
    forged = jwt.encode(header, claims, RSAKey.generate_key(2048))
    assert is_error_page(log_out(browser, id_token_hint=forged, post_logout_redirect_uri=AFTER_LOGOUT))
    assert is_logged_in(rp, browser)


def test_oidcc_rp_initiated_logout_no_id_token_hint(rp: Party, browser: Browser) -> None:
    rp.tokens(browser)
    assert is_error_page(log_out(browser, post_logout_redirect_uri=AFTER_LOGOUT, state="x"))
    page = log_out(browser, post_logout_redirect_uri=AFTER_LOGOUT, state="x", client_id="rp")
    assert asks(page)
    assert is_logged_in(rp, browser)
    done = browser.submit(page, decision="logout")
    assert (done.status_code, done.headers["location"]) == (303, f"{AFTER_LOGOUT}?state=x")
    assert not is_logged_in(rp, browser)


def test_oidcc_rp_initiated_logout_no_params(rp: Party, browser: Browser) -> None:
    rp.tokens(browser)
    page = log_out(browser)
    assert asks(page)
    assert "alice" in page.text
    done = browser.submit(page, decision="logout")
    assert done.status_code == 200
    assert "You are logged out" in done.text
    assert not is_logged_in(rp, browser)


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(rp: Party, browser: Browser) -> None:
    done = log_out(browser, id_token_hint=rp.tokens(browser)["id_token"])
    assert done.status_code == 200
    assert "You are logged out" in done.text
    assert not is_logged_in(rp, browser)


def test_oidcc_rp_initiated_logout_no_state(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    done = log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER_LOGOUT)
    assert done.headers["location"] == AFTER_LOGOUT


def test_oidcc_rp_initiated_logout_only_state(rp: Party, browser: Browser) -> None:
    rp.tokens(browser)
    page = log_out(browser, state="lonely")
    assert asks(page)
    done = browser.submit(page, decision="logout")
    assert (done.status_code, "lonely" in done.text) == (200, False)


def test_logout_by_post_needs_no_hint_in_a_url(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    body = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER_LOGOUT}
    first = browser.http.post("/oidc/logout", data=body)
    assert tokens["id_token"] not in first.headers["location"]
    assert browser.open(first.headers["location"]).headers["location"] == AFTER_LOGOUT
    assert not is_logged_in(rp, browser)


def test_who_stays_is_logged_in_still(rp: Party, browser: Browser) -> None:
    rp.tokens(browser)
    assert "Still logged in" in browser.submit(log_out(browser), decision="stay").text
    assert is_logged_in(rp, browser)


def test_a_hint_of_another_session_asks(op: OidcWorld, rp: Party, browser: Browser) -> None:
    old = op.rp().tokens(op.browser())
    rp.tokens(browser)
    assert asks(log_out(browser, id_token_hint=old["id_token"], post_logout_redirect_uri=AFTER_LOGOUT))


def test_a_hint_of_another_client_is_refused(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    assert is_error_page(log_out(browser, id_token_hint=tokens["id_token"], client_id="other"))


# -- Back-Channel Logout OP --------------------------------------------------------------------------------------------
def logout_claims(op: OidcWorld, rp: Party) -> list[dict[str, Any]]:
    for token in op.hook.tokens:
        header = json.loads(decoded(token.split(".")[0]))
        assert header["typ"] == "logout+jwt"
    return [jwt.decode(token, op.keys(), algorithms=["RS256"]).claims for token in op.hook.tokens]


def test_oidcc_backchannel_logout_discovery_endpoint_verification(rp: Party) -> None:
    assert rp.metadata["backchannel_logout_supported"] is True
    assert rp.metadata["backchannel_logout_session_supported"] is True


def test_oidcc_backchannel_rp_initiated_logout(op: OidcWorld, rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    claims = rp.claims(tokens)
    log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER_LOGOUT)
    (told,) = logout_claims(op, rp)
    assert [told[name] for name in ("iss", "aud", "sub", "sid")] == [
        claims[name] for name in ("iss", "aud", "sub", "sid")
    ]
    assert told["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert (told["iat"], told["exp"] > told["iat"], len(told["jti"])) == (op.clock(), True, 32)
    assert "nonce" not in told
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.refresh(tokens["refresh_token"])
    assert not rp.works(tokens)


def test_a_client_that_does_not_hear_is_told_again(op: OidcWorld, rp: Party, browser: Browser) -> None:
    op.hook.status = 503
    log_out(browser, id_token_hint=rp.tokens(browser)["id_token"])
    assert len(op.hook.tokens) == 1
    op.hook.status = 200
    op.provider.notifier.deliver()
    assert len(op.hook.tokens) == 1
    for seconds in (10, 100):
        op.clock.now += seconds
        op.provider.notifier.deliver()
    assert len(op.hook.tokens) == 2
    assert len({claims["jti"] for claims in logout_claims(op, rp)}) == 2


def test_logout_leaves_what_was_asked_to_outlive_it(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser, scope="openid offline_access", prompt="consent")
    log_out(browser, id_token_hint=tokens["id_token"])
    assert rp.refresh(tokens["refresh_token"])["access_token"]


def test_another_user_on_the_browser_ends_the_session_before(op: OidcWorld, rp: Party, browser: Browser) -> None:
    alice = rp.tokens(browser)
    browser.device = "desktop"
    bob = rp.tokens(browser, prompt="login")
    assert rp.claims(bob)["sub"] != rp.claims(alice)["sub"]
    assert not rp.works(alice)
    assert [claims["sub"] for claims in logout_claims(op, rp)] == [rp.claims(alice)["sub"]]
    assert rp.works(bob)


# -- suspension and removal --------------------------------------------------------------------------------------------
def test_suspension_ends_sessions_and_refresh_at_once(op: OidcWorld, rp: Party) -> None:
    op.enrol("dave", "phone")
    browser = op.browser("phone")
    tokens = rp.tokens(browser)
    offline = rp.tokens(browser, scope="openid offline_access", prompt="consent")
    waiting = rp.answer(browser)["code"]
    op.mfa.records.suspend("dave", suspended=True)
    try:
        assert not rp.works(tokens)
        assert not is_logged_in(rp, browser)
        for refused in (tokens, offline):
            with pytest.raises(OAuthError, match="invalid_grant"):
                rp.refresh(refused["refresh_token"])
        with pytest.raises(OAuthError, match="invalid_grant"):
            rp.redeem(waiting)
        op.provider.notifier.deliver()
        assert len(logout_claims(op, rp)) == 1
    finally:
        op.mfa.records.suspend("dave", suspended=False)
    assert not is_logged_in(rp, browser)
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.refresh(offline["refresh_token"])
    assert rp.works(rp.tokens(browser))


def test_a_suspension_by_a_replica_of_an_older_release_counts_as_well(op: OidcWorld, rp: Party) -> None:
    """It knows nothing of sessions and ends none."""
    op.enrol("hans", "radio")
    browser = op.browser("radio")
    tokens = rp.tokens(browser)
    with op.mfa.records.state.write() as connection:
        connection.exec_driver_sql("UPDATE account SET suspended = 1 WHERE \"user\" = 'hans'")
    assert not rp.works(tokens)
    assert not is_logged_in(rp, browser)


def test_removing_a_device_ends_what_it_logged_in(op: OidcWorld, rp: Party) -> None:
    op.enrol("carol", "tablet")
    carol, alice = op.browser("tablet"), op.browser()
    gone, kept = rp.tokens(carol), rp.tokens(alice)
    op.mfa.records.remove("carol", "tablet")
    assert not rp.works(gone)
    assert rp.works(kept)
    assert not is_logged_in(rp, carol)


def test_who_is_logged_out_already_goes_on_with_the_state(rp: Party, browser: Browser) -> None:
    done = log_out(browser, post_logout_redirect_uri=AFTER_LOGOUT, client_id="rp", state="a b&c")
    assert dict(parse_qsl(urlsplit(done.headers["location"]).query)) == {"state": "a b&c"}


def test_a_restored_copy_of_the_database_revives_no_session(tmp_path: Path) -> None:
    world = OidcWorld(tmp_path / "world", unix_now).build()
    world.enrol("alice", "laptop")
    browser, rp = world.browser(), world.rp()
    tokens = rp.tokens(browser, scope="openid offline_access", prompt="consent")
    cookie = browser.session_cookie() or ""
    back_up(world.mfa.records.state, tmp_path / "copy")
    log_out(browser, id_token_hint=tokens["id_token"])
    world.post("/oidc/revoke", data={"token": tokens["refresh_token"]}, auth=("rp", SECRET))
    world.mfa.close()
    restore(world.config.common.store, SCHEMA, tmp_path / "copy")
    world.start_mfa()
    again = world.browser()
    again.plant("milagro-session", cookie)
    assert not is_logged_in(rp, again)
    assert not rp.works(tokens)
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.refresh(tokens["refresh_token"])
    world.close()
