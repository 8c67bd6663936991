"""The OpenID certification's plans Basic OP and Form Post OP: each of their modules as a test of the same name.

What a module sends and what it looks at is taken from its description; see docs/relying-parties/conformance.md.

Spec: spec/oidc.md#authorization, spec/oidc.md#id-token
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.integrations.base_client import OAuthError
from joserfc.errors import BadSignatureError

from milagro.roles.mfa.oidc.requests import CLAIMS_OF_SCOPE
from tests.roles.oidc.world import CALLBACK, PROFILE, answer_of, bearer, decoded
from tests.roles.world import MFA_URL

if TYPE_CHECKING:
    import httpx

    from tests.roles.oidc.world import Browser, OidcWorld, Party


@pytest.fixture(params=[None, "form_post"], ids=["basic", "form-post"])
def mode(request: pytest.FixtureRequest) -> Any:
    return request.param


def error_of(party: Party, browser: Browser, **parameters: Any) -> str:
    """The error that comes back at once, without anyone doing anything."""
    response = party.authorize(browser, **parameters)
    found = answer_of(response)
    assert (found["iss"], found.get("state")) == (MFA_URL, party.state)
    assert "code" not in found
    return found["error"]


def is_error_page(response: httpx.Response) -> bool:
    return response.status_code == 400 and "location" not in response.headers and 'role="alert"' in response.text


def test_oidcc_server(op: OidcWorld, rp: Party, browser: Browser) -> None:
    response = browser.follow(rp.authorize(browser))
    assert response.status_code == (200 if rp.mode else 303)
    tokens = rp.redeem(answer_of(response)["code"])
    assert tokens["token_type"] == "Bearer"
    claims = rp.claims(tokens)
    assert (claims["nonce"], claims["auth_time"]) == (rp.nonce, op.clock())
    assert (claims["acr"], claims["amr"]) == ("urn:milagro:acr:mpin", ["mfa", "pin"])
    assert rp.userinfo(tokens) == {"sub": claims["sub"]}


def test_oidcc_alternate_happy_flow(rp: Party, browser: Browser) -> None:
    rp.redirect_uri = f"{CALLBACK}?foo=bar"
    rp.http.redirect_uri = rp.redirect_uri
    response = browser.follow(rp.authorize(browser))
    if rp.mode is None:
        assert response.headers["location"].startswith(f"{CALLBACK}?foo=bar&code=")
    assert rp.claims(rp.redeem(answer_of(response)["code"]))


def test_oidcc_response_type_missing(rp: Party, browser: Browser) -> None:
    assert error_of(rp, browser, response_type=None) == "invalid_request"
    assert error_of(rp, browser, response_type="token") == "unsupported_response_type"


def test_oidcc_idtoken_signature(op: OidcWorld, rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    header = json.loads(_part(tokens["id_token"], 0))
    key = next(key for key in op.get("/oidc/jwks.json").json()["keys"] if key["kid"] == header["kid"])
    assert (header["alg"], key["kty"], key["use"]) == ("RS256", "RSA", "sig")
    signed, _, signature = tokens["id_token"].rpartition(".")
    altered = f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    with pytest.raises(BadSignatureError):
        rp.claims({**tokens, "id_token": altered})


def test_oidcc_idtoken_unsigned(op: OidcWorld) -> None:
    """No client gets one: a registration that asks for one is refused, which the module permits."""
    supported = op.get("/.well-known/openid-configuration").json()["id_token_signing_alg_values_supported"]
    assert sorted(supported) == ["ES256", "RS256"]
    token = op.provider.registry.allow(1, op.clock() + 60)
    body = {"redirect_uris": [CALLBACK], "id_token_signed_response_alg": "none"}
    response = op.post("/oidc/register", json=body, headers={"authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")


def test_oidcc_userinfo_get(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    assert rp.userinfo(tokens)["sub"] == rp.claims(tokens)["sub"]


def test_oidcc_userinfo_post_header(op: OidcWorld, rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    response = op.post("/oidc/userinfo", headers=bearer(tokens))
    assert response.json()["sub"] == rp.claims(tokens)["sub"]


def test_oidcc_userinfo_post_body(op: OidcWorld, rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    response = op.post("/oidc/userinfo", data={"access_token": tokens["access_token"]})
    assert response.json()["sub"] == rp.claims(tokens)["sub"]


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(rp: Party, browser: Browser) -> None:
    assert "nonce" not in rp.claims(rp.tokens(browser, nonce=None))


def check_scope(rp: Party, browser: Browser, scope: str) -> None:
    tokens = rp.tokens(browser, scope=f"openid {scope}")
    claims, info = rp.claims(tokens), rp.userinfo(tokens)
    wanted = {"preferred_username": "alice", **PROFILE}
    assert info == {"sub": claims["sub"], **{name: wanted[name] for name in CLAIMS_OF_SCOPE[scope]}}
    assert not set(claims) & set(CLAIMS_OF_SCOPE[scope])


def test_oidcc_scope_profile(rp: Party, browser: Browser) -> None:
    check_scope(rp, browser, "profile")


def test_oidcc_scope_email(rp: Party, browser: Browser) -> None:
    check_scope(rp, browser, "email")


def test_oidcc_scope_address(rp: Party, browser: Browser) -> None:
    check_scope(rp, browser, "address")


def test_oidcc_scope_phone(rp: Party, browser: Browser) -> None:
    check_scope(rp, browser, "phone")


def test_oidcc_scope_all(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser, scope="openid profile email address phone")
    found = {name for name in PROFILE if name != "groups"} | {"sub", "preferred_username"}
    assert set(rp.userinfo(tokens)) == found
    assert set(tokens["scope"].split()) == {"openid", "profile", "email", "address", "phone"}


def test_oidcc_ensure_other_scope_order_succeeds(rp: Party, browser: Browser) -> None:
    assert set(rp.userinfo(rp.tokens(browser, scope="email openid"))) == {"sub", "email", "email_verified"}


def check_display(rp: Party, browser: Browser, display: str) -> None:
    response = rp.authorize(browser, display=display)
    shown = browser.http.get("/oidc/interaction", params=_query(response)).json()
    assert (shown["display"], shown["client"]["name"]) == (display, "Example")
    assert rp.claims(rp.redeem(answer_of(browser.follow(response))["code"]))


def test_oidcc_display_page(rp: Party, browser: Browser) -> None:
    check_display(rp, browser, "page")


def test_oidcc_display_popup(rp: Party, browser: Browser) -> None:
    check_display(rp, browser, "popup")


def test_oidcc_prompt_login(op: OidcWorld, rp: Party, browser: Browser) -> None:
    first = rp.claims(rp.tokens(browser))
    op.clock.now += 2
    second = rp.claims(rp.tokens(browser, prompt="login"))
    assert browser.logins == 2
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"] + 2)


def test_oidcc_prompt_none_not_logged_in(rp: Party, browser: Browser) -> None:
    assert error_of(rp, browser, prompt="none") == "login_required"


def test_oidcc_prompt_none_logged_in(op: OidcWorld, rp: Party, browser: Browser) -> None:
    first = rp.claims(rp.tokens(browser))
    op.clock.now += 2
    second = rp.claims(rp.redeem(answer_of(rp.authorize(browser, prompt="none"))["code"]))
    assert browser.logins == 1
    assert [second[name] for name in ("sub", "auth_time", "sid")] == [
        first[name] for name in ("sub", "auth_time", "sid")
    ]


def test_oidcc_max_age_1(op: OidcWorld, rp: Party, browser: Browser) -> None:
    first = rp.claims(rp.tokens(browser))
    op.clock.now += 2
    second = rp.claims(rp.tokens(browser, max_age="1"))
    assert browser.logins == 2
    assert second["auth_time"] == first["auth_time"] + 2


def test_oidcc_max_age_10000(op: OidcWorld, rp: Party, browser: Browser) -> None:
    first = rp.claims(rp.tokens(browser, max_age="10000"))
    op.clock.now += 2
    second = rp.claims(rp.tokens(browser, max_age="10000"))
    assert browser.logins == 1
    assert second["auth_time"] == first["auth_time"]


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(rp: Party, browser: Browser) -> None:
    assert rp.claims(rp.tokens(browser, extra="foobar"))


def test_oidcc_id_token_hint(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser)
    response = rp.authorize(browser, prompt="none", id_token_hint=tokens["id_token"])
    assert rp.claims(rp.redeem(answer_of(response)["code"]))["sub"] == rp.claims(tokens)["sub"]


def test_oidcc_login_hint(rp: Party, browser: Browser) -> None:
    response = rp.authorize(browser, login_hint="alice@mail.test")
    shown = browser.http.get("/oidc/interaction", params=_query(response)).json()
    assert shown["login_hint"] == "alice@mail.test"
    assert rp.claims(rp.redeem(answer_of(browser.follow(response))["code"]))


def test_oidcc_ui_locales(rp: Party, browser: Browser) -> None:
    response = rp.authorize(browser, ui_locales="se en")
    assert browser.http.get("/oidc/interaction", params=_query(response)).json()["ui_locales"] == ["se", "en"]
    assert rp.claims(rp.redeem(answer_of(browser.follow(response))["code"]))


def test_oidcc_claims_locales(rp: Party, browser: Browser) -> None:
    assert rp.claims(rp.tokens(browser, claims_locales="se en"))


def test_oidcc_ensure_request_with_acr_values_succeeds(op: OidcWorld, rp: Party, browser: Browser) -> None:
    (supported,) = op.get("/.well-known/openid-configuration").json()["acr_values_supported"]
    assert rp.claims(rp.tokens(browser, acr_values=f"{supported} 2"))["acr"] == supported


def test_oidcc_codereuse(rp: Party, browser: Browser) -> None:
    code = rp.answer(browser)["code"]
    rp.redeem(code)
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.redeem(code)


def test_oidcc_codereuse_30seconds(op: OidcWorld, rp: Party, browser: Browser) -> None:
    code = rp.answer(browser)["code"]
    tokens = rp.redeem(code)
    assert rp.works(tokens)
    op.clock.now += 30
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.redeem(code)
    assert not rp.works(tokens)
    with pytest.raises(OAuthError, match="invalid_grant"):
        rp.refresh(tokens["refresh_token"])


def test_oidcc_ensure_registered_redirect_uri(rp: Party, browser: Browser) -> None:
    assert is_error_page(rp.authorize(browser, redirect_uri=f"{CALLBACK}/9f3a"))


def test_oidcc_ensure_post_request_succeeds(rp: Party, browser: Browser) -> None:
    first = browser.http.post("/oidc/authorize", data=rp.request())
    assert rp.claims(rp.redeem(answer_of(browser.follow(first))["code"]))["nonce"] == rp.nonce


def test_oidcc_server_client_secret_post(op: OidcWorld, browser: Browser, mode: str | None) -> None:
    rp = op.rp("posting", mode=mode, token_endpoint_auth_method="client_secret_post")
    tokens = rp.tokens(browser)
    assert json.loads(_part(tokens["id_token"], 0))["alg"] == "ES256"
    assert rp.claims(tokens)["nonce"] == rp.nonce


def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(rp: Party, browser: Browser) -> None:
    metadata = rp.metadata
    assert metadata["request_uri_parameter_supported"] is False
    assert error_of(rp, browser, request_uri="https://rp.test/request") == "request_uri_not_supported"


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    rp: Party, browser: Browser
) -> None:
    assert rp.metadata["request_parameter_supported"] is False
    assert error_of(rp, browser, request="eyJhbGciOiJub25lIn0.e30.") == "request_not_supported"


def test_oidcc_claims_essential(rp: Party, browser: Browser) -> None:
    wanted = json.dumps({"userinfo": {"name": {"essential": True}}})
    tokens = rp.tokens(browser, claims=wanted)
    assert rp.userinfo(tokens) == {"sub": rp.claims(tokens)["sub"], "name": "Alice Arden"}


def test_oidcc_ensure_request_object_with_redirect_uri(rp: Party, browser: Browser) -> None:
    """A request object that says another redirect URI is refused with all request objects, to the registered URI."""
    assert error_of(rp, browser, request="eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJ4In0.") == "request_not_supported"


def test_oidcc_refresh_token(op: OidcWorld, rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser, scope="openid offline_access", prompt="consent")
    before = rp.claims(tokens)
    op.clock.now += 5
    after = rp.refresh(tokens["refresh_token"])
    claims = rp.claims(after)
    assert [claims[name] for name in ("iss", "sub", "aud", "auth_time")] == [
        before[name] for name in ("iss", "sub", "aud", "auth_time")
    ]
    assert claims["iat"] == before["iat"] + 5
    assert "nonce" not in claims
    assert after["access_token"] != tokens["access_token"]
    other = op.rp("other", "https://other.test/callback")
    with pytest.raises(OAuthError, match="invalid_grant"):
        other.refresh(after["refresh_token"])
    assert rp.works(after)


def test_oidcc_ensure_request_with_valid_pkce_succeeds(op: OidcWorld, browser: Browser, mode: str | None) -> None:
    rp = op.rp(pkce=True, mode=mode)
    assert rp.claims(rp.tokens(browser))


def _part(token: str, number: int) -> bytes:
    return decoded(token.split(".")[number])


def _query(response: httpx.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))
