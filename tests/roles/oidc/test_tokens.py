"""Tokens: who may ask for them and how, how often, how long, and what can be asked about them.

Spec: spec/oidc.md#clients, spec/oidc.md#authorization, spec/oidc.md#tokens, spec/oidc.md#refresh,
    spec/oidc.md#id-token, spec/oidc.md#claims
"""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from authlib.integrations.base_client import OAuthError
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from milagro.roles.mfa.oidc.clients import RelyingParty
from tests.roles.oidc.world import CALLBACK, OTHER_CALLBACK, PROFILE, SECRET, OidcWorld, answer_of, bearer
from tests.roles.world import MFA_URL, SetClock
from tests.stores.databases import KINDS, store_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.roles.oidc.world import Browser, Party

BASIC = ("rp", SECRET)


@pytest.fixture
def tokens(rp: Party, browser: Browser) -> dict[str, Any]:
    return rp.tokens(browser)


def outcome(call: Any) -> str:
    """What became of a request for tokens."""
    try:
        call()
    except OAuthError as error:
        return str(error.error)
    return "tokens"


# -- client authentication ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "options",
    [
        {"auth": ("rp", "wrong" * 10)},
        {"auth": ("nobody", SECRET)},
        {"auth": ("posting", SECRET)},
        {"data": {"client_id": "rp", "client_secret": SECRET}},
        {"data": {"client_id": "rp"}},
        {"data": {"client_id": 'n\u00e9"'}},
        {"headers": {"authorization": "Basic /w=="}},
        {"headers": {"authorization": "Basic %%"}},
        {},
    ],
)
def test_clients_authenticate_as_registered_and_not_otherwise(
    op: OidcWorld, rp: Party, browser: Browser, options: dict[str, Any]
) -> None:
    code = rp.answer(browser)["code"]
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **options.pop("data", {})}
    response = op.post("/oidc/token", data=body, **options)
    assert response.json()["error"] == "invalid_client"
    assert response.status_code in {400, 401}
    for path in ("/oidc/introspect", "/oidc/revoke", "/oidc/par"):
        assert op.post(path, data={"token": "x"}, **options).json()["error"] == "invalid_client"
    assert rp.redeem(code)["access_token"]


def test_other_grants_are_refused(op: OidcWorld) -> None:
    for grant in ("client_credentials", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer", '"', ""):
        response = op.post("/oidc/token", data={"grant_type": grant}, auth=BASIC)
        assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


class Signer:
    """A client with a key of its own."""

    def __init__(self, world: OidcWorld) -> None:
        self.world, self.key = world, ECKey.generate_key("P-256")
        jwks = KeySet([self.key]).as_dict(private=False)
        client = RelyingParty("signer", "Signer", (CALLBACK,), "private_key_jwt", jwks=dict(jwks), implied_consent=True)
        if world.provider.client("signer") is not None:
            world.provider.registry.remove("signer")
        world.provider.registry.register(client, world.clock())

    def assertion(self, key: ECKey | None = None, alg: str = "ES256", **changes: Any) -> dict[str, str]:
        now = self.world.clock()
        claims = {
            "iss": "signer", "sub": "signer", "aud": MFA_URL, "exp": now + 60, "iat": now,
            "jti": secrets.token_hex(8), **changes,
        }  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": alg}, kept, key or self.key, algorithms=[alg]),
        }


def test_private_key_jwt(op: OidcWorld, browser: Browser) -> None:
    signer, rp = Signer(op), op.rp("signer", pkce=True)
    code = rp.answer(browser)["code"]
    assert rp.verifier is not None
    body = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": rp.verifier,
    }  # fmt: skip
    wrong: list[dict[str, str]] = [
        signer.assertion(ECKey.generate_key("P-256")),
        signer.assertion(aud="https://elsewhere.test"),
        signer.assertion(exp=op.clock() - 61),
        signer.assertion(exp=op.clock() + 86400),
        signer.assertion(exp=None),
        signer.assertion(jti=None),
        signer.assertion(sub="rp"),
        signer.assertion(iss="rp"),
        signer.assertion(sub=None),
        {**signer.assertion(), "client_assertion": "x.y.z"},
        {**signer.assertion(), "client_assertion_type": "x"},
    ]
    for each in wrong:
        assert op.post("/oidc/token", data={**body, **each}).json()["error"] == "invalid_client"
    right = signer.assertion()
    assert "id_token" in op.post("/oidc/token", data={**body, **right}).json()
    again = op.post("/oidc/introspect", data={"token": "x", **right})
    assert again.json()["error"] == "invalid_client"
    assert op.post("/oidc/introspect", data={"token": "x", **signer.assertion()}).json() == {"active": False}


# -- refresh -----------------------------------------------------------------------------------------------------------
def test_a_refresh_repeated_at_once_gives_the_same_next_token(op: OidcWorld, rp: Party, tokens: dict[str, Any]) -> None:
    first = rp.refresh(tokens["refresh_token"])
    op.clock.now += 9
    second = rp.refresh(tokens["refresh_token"])
    assert second["refresh_token"] == first["refresh_token"] != tokens["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert rp.works(first)
    assert rp.works(second)


@pytest.mark.parametrize("late", [True, False])
def test_a_refresh_token_that_was_stolen_ends_the_family(
    op: OidcWorld, rp: Party, tokens: dict[str, Any], late: bool
) -> None:
    """Either the grace is over, or the next token is in use already."""
    first = rp.refresh(tokens["refresh_token"])
    newest = first if late else rp.refresh(first["refresh_token"])
    op.clock.now += 10 if late else 1
    assert outcome(lambda: rp.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert outcome(lambda: rp.refresh(newest["refresh_token"])) == "invalid_grant"
    assert not rp.works(newest)


def test_a_refresh_may_narrow_the_scope_and_not_widen_it(rp: Party, browser: Browser) -> None:
    tokens = rp.tokens(browser, scope="openid email profile")
    narrow = rp.refresh(tokens["refresh_token"], scope="openid email")
    assert set(rp.userinfo(narrow)) == {"sub", "email", "email_verified"}
    wide = rp.refresh(narrow["refresh_token"], scope="openid email profile")
    assert "name" in rp.userinfo(wide)
    assert outcome(lambda: rp.refresh(wide["refresh_token"], scope="openid phone")) == "invalid_scope"


def test_access_ends_after_ten_minutes_and_refresh_after_thirty_days(op: OidcWorld, rp: Party) -> None:
    browser = op.browser()
    tokens = rp.tokens(browser, scope="openid offline_access", prompt="consent")
    op.clock.now += 600
    assert not rp.works(tokens)
    later = rp.refresh(tokens["refresh_token"])
    assert rp.works(later)
    op.clock.now += 12 * 3600
    assert answer_of(rp.authorize(browser, prompt="none"))["error"] == "login_required"
    later = rp.refresh(later["refresh_token"])
    op.clock.now += 30 * 86400
    assert outcome(lambda: rp.refresh(later["refresh_token"])) == "invalid_grant"


def test_refresh_ends_with_the_session_unless_it_was_asked_to_outlive_it(op: OidcWorld, rp: Party) -> None:
    tokens = rp.tokens(op.browser())
    op.clock.now += 12 * 3600
    assert outcome(lambda: rp.refresh(tokens["refresh_token"])) == "invalid_grant"


def test_a_client_without_refresh_gets_none(op: OidcWorld, browser: Browser) -> None:
    rp = op.rp("narrow", OTHER_CALLBACK, pkce=True)
    tokens = rp.tokens(browser, scope="openid email profile offline_access")
    assert "refresh_token" not in tokens
    assert tokens["scope"] == "openid email"


# -- at the same moment ------------------------------------------------------------------------------------------------
@pytest.fixture(params=KINDS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OidcWorld]:
    """A provider of its own on each kind of database."""
    world = OidcWorld(tmp_path, SetClock(), store=lambda: store_table(request.param, request)).build()
    world.enrol("alice", "laptop")
    yield world
    world.close()


def at_once(call: Any, arguments: Any) -> list[Any]:
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(call, arguments))


def test_at_the_same_moment_each_thing_is_used_once(fresh: OidcWorld) -> None:
    rp, browser = fresh.rp(), fresh.browser()
    code, parties = rp.answer(browser)["code"], [fresh.rp() for _ in range(6)]
    found = at_once(lambda party: outcome(lambda: party.redeem(code)), parties)
    assert sorted(found) == ["invalid_grant"] * 5 + ["tokens"]
    tokens = rp.tokens(browser)
    given = at_once(lambda party: party.refresh(tokens["refresh_token"]), parties)
    assert len({each["refresh_token"] for each in given}) == 1
    assert all(rp.works(each) for each in given)
    key = rp.authorize(browser, prompt="login").headers["location"].rpartition("=")[2]
    following = browser.log_in(key)
    answers = at_once(lambda _: browser.open(following).status_code, range(6))
    assert sorted(answers) == [303] + [410] * 5
    fresh.provider.records.sweep(fresh.clock() + 60 * 86400)
    assert answer_of(rp.authorize(browser, prompt="none"))["error"] == "login_required"


# -- introspection and revocation --------------------------------------------------------------------------------------
def introspect(op: OidcWorld, token: str, auth: tuple[str, str] = BASIC) -> dict[str, Any]:
    response = op.post("/oidc/introspect", data={"token": token}, auth=auth)
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def test_introspection(op: OidcWorld, rp: Party, tokens: dict[str, Any]) -> None:
    found = introspect(op, tokens["access_token"])
    assert found == {
        "active": True, "iss": MFA_URL, "sub": rp.claims(tokens)["sub"], "aud": "rp", "client_id": "rp",
        "scope": "openid", "token_type": "Bearer", "iat": op.clock(), "exp": op.clock() + 600,
        "auth_time": op.clock(),
    }  # fmt: skip
    assert introspect(op, tokens["refresh_token"])["token_type"] == "refresh_token"
    assert introspect(op, tokens["access_token"], ("gateway", SECRET)) == found
    for stranger in (("narrow", SECRET), ("other", SECRET)):
        assert introspect(op, tokens["access_token"], stranger) == {"active": False}
    op.clock.now += 600
    assert introspect(op, tokens["access_token"]) == {"active": False}


def test_revocation(op: OidcWorld, rp: Party, tokens: dict[str, Any]) -> None:
    def revoke(token: str, auth: tuple[str, str] = BASIC) -> int:
        return op.post("/oidc/revoke", data={"token": token}, auth=auth).status_code

    assert revoke(tokens["access_token"], ("narrow", SECRET)) == 400
    assert rp.works(tokens)
    assert revoke(tokens["access_token"]) == 200
    assert not rp.works(tokens)
    later = rp.refresh(tokens["refresh_token"])
    assert revoke(later["refresh_token"]) == 200
    assert not rp.works(later)
    assert outcome(lambda: rp.refresh(later["refresh_token"])) == "invalid_grant"
    assert revoke("unknown") == 200


def test_userinfo_takes_a_token_in_one_place(op: OidcWorld, rp: Party, tokens: dict[str, Any]) -> None:
    token = tokens["access_token"]
    for response, status, error in (
        (op.get("/oidc/userinfo"), 401, ""),
        (op.get("/oidc/userinfo", params={"access_token": token}), 401, ""),
        (op.get("/oidc/userinfo", headers={"authorization": "Bearer x"}), 401, "invalid_token"),
        (op.post("/oidc/userinfo", headers=bearer(tokens), data={"access_token": token}), 400, "invalid_request"),
    ):
        assert (response.status_code, response.json().get("error", "")) == (status, error)
        assert response.headers["www-authenticate"].startswith('Bearer realm="userinfo"')
        assert error in response.headers["www-authenticate"]


# -- pushed requests ---------------------------------------------------------------------------------------------------
def test_pushed_requests(op: OidcWorld, browser: Browser) -> None:
    rp = op.rp("pushing", OTHER_CALLBACK, pkce=True)
    auth = ("pushing", SECRET)
    assert answer_of(rp.authorize(browser))["error"] == "invalid_request"
    response = op.post("/oidc/par", data=rp.request(), auth=auth)
    assert response.status_code == 201
    reference = response.json()["request_uri"]
    assert (response.json()["expires_in"], reference.startswith("urn:ietf:params:oauth:request_uri:")) == (90, True)
    asked = {"client_id": "pushing", "request_uri": reference}
    stranger = browser.http.get("/oidc/authorize", params={**asked, "client_id": "other"})
    assert stranger.status_code == 400
    response = op.post("/oidc/par", data=rp.request(), auth=auth)
    asked["request_uri"] = response.json()["request_uri"]
    found = browser.http.get("/oidc/authorize", params={**asked, "redirect_uri": "https://evil.test", "scope": "x"})
    assert rp.claims(rp.redeem(answer_of(browser.follow(found))["code"]))["nonce"] == rp.nonce
    assert browser.http.get("/oidc/authorize", params=asked).status_code == 400


def test_a_pushed_request_is_checked_when_it_is_pushed(op: OidcWorld, browser: Browser) -> None:
    rp = op.rp("pushing", OTHER_CALLBACK, pkce=True)
    auth = ("pushing", SECRET)
    for change, error in (
        ({"redirect_uri": "https://evil.test"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"request_uri": "x"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
    ):
        response = op.post("/oidc/par", data={**rp.request(), **change}, auth=auth)
        assert (response.status_code, response.json()["error"]) == (400, error)
    kept = op.post("/oidc/par", data=rp.request(), auth=auth).json()
    op.clock.now += 90
    asked = {"client_id": "pushing", "request_uri": kept["request_uri"]}
    assert browser.http.get("/oidc/authorize", params=asked).status_code == 400


# -- claims ------------------------------------------------------------------------------------------------------------
def test_claims_are_of_scopes_that_the_client_may_have(op: OidcWorld, browser: Browser) -> None:
    wanted = json.dumps({"userinfo": {"name": None, "email": {"essential": True}}, "id_token": {"email": None}})
    rp = op.rp("narrow", OTHER_CALLBACK, pkce=True)
    tokens = rp.tokens(browser, claims=wanted)
    assert set(rp.userinfo(tokens)) == {"sub", "email"}
    assert rp.claims(tokens)["email"] == PROFILE["email"]
    assert "name" not in rp.claims(tokens)


def test_what_the_claims_parameter_asks_for_is_agreed_to(op: OidcWorld) -> None:
    op.enrol("gina", "clock")
    browser, rp = op.browser("clock"), op.rp()
    rp.tokens(browser)
    assert "e-mail" not in browser.pages[0].text
    rp.tokens(browser, claims=json.dumps({"userinfo": {"email": None}}))
    assert browser.consents == 2
    assert "Your e-mail address" in browser.pages[1].text


def test_groups_reach_the_relying_party(op: OidcWorld, browser: Browser) -> None:
    rp = op.rp("other", OTHER_CALLBACK, pkce=True)
    tokens = rp.tokens(browser, scope="openid groups profile")
    assert rp.userinfo(tokens)["groups"] == ["staff", "ops"]
    assert rp.claims(tokens)["groups"] == ["staff", "ops"]
    assert rp.claims(tokens)["preferred_username"] == "alice"


def test_the_claims_parameter_can_name_the_user_and_the_acr(op: OidcWorld, rp: Party, browser: Browser) -> None:
    sub = rp.claims(rp.tokens(browser))["sub"]
    own, other = ({"id_token": {"sub": {"value": value}}} for value in (sub, "somebody"))
    assert "code" in answer_of(rp.authorize(browser, prompt="none", claims=json.dumps(own)))
    assert answer_of(rp.authorize(browser, prompt="none", claims=json.dumps(other)))["error"] == "login_required"
    assert rp.answer(browser, claims=json.dumps(other))["error"] == "login_required"
    acr = {"id_token": {"acr": {"essential": True, "values": ["urn:other"]}}}
    found = answer_of(rp.authorize(browser, claims=json.dumps(acr)))
    assert found["error"] == "unmet_authentication_requirements"
    acr["id_token"]["acr"]["values"].append("urn:milagro:acr:mpin")
    assert "code" in answer_of(rp.authorize(browser, claims=json.dumps(acr)))


def test_hwk_is_said_only_of_keys_that_the_operator_knows(op: OidcWorld) -> None:
    from dataclasses import replace

    rp = op.rp()
    assert rp.claims(rp.tokens(op.browser()))["amr"] == ["mfa", "pin"]
    before = op.provider.config
    op.provider.config = replace(before, hardware_algorithms=("ed25519",))
    try:
        assert rp.claims(rp.tokens(op.browser()))["amr"] == ["mfa", "pin", "hwk"]
    finally:
        op.provider.config = before
