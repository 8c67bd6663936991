"""The OpenID certification's plan Config OP, and the keys: what is published, and how one follows another.

Spec: spec/oidc.md#endpoints, spec/oidc.md#discovery, spec/oidc.md#subjects, spec/oidc.md#keys
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milagro.errors import ConfigError, DecryptionFailed
from milagro.roles.mfa.oidc.keys import ProviderKeys
from milagro.stores.keys import Passphrase
from tests.roles.oidc.world import OidcWorld
from tests.roles.world import CHEAP, MFA_URL, PASSPHRASE, START

if TYPE_CHECKING:
    from tests.roles.oidc.world import Browser


def test_oidcc_discovery_endpoint_verification(op: OidcWorld) -> None:
    response = op.get("/.well-known/openid-configuration")
    assert response.headers["content-type"] == "application/json"
    found = response.json()
    assert found["issuer"] == MFA_URL
    endpoints = [name for name in found if name.endswith("_endpoint") or name == "jwks_uri"]
    assert len(endpoints) == 9
    for name in endpoints:
        assert found[name].startswith(f"{MFA_URL}/oidc/")
        assert op.get(found[name].removeprefix(MFA_URL)).status_code != 404
    assert found["response_types_supported"] == ["code"]
    assert "RS256" in found["id_token_signing_alg_values_supported"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["claims_parameter_supported"] is True
    assert found["request_uri_parameter_supported"] is False
    assert {"openid", "profile", "email"} <= set(found["scopes_supported"])
    assert {"sub", "iss", "name", "email"} <= set(found["claims_supported"])
    assert found["subject_types_supported"] == ["public", "pairwise"]


def test_the_jwks_has_public_keys_only(op: OidcWorld) -> None:
    found = op.get("/oidc/jwks.json").json()["keys"]
    assert [key["alg"] for key in found] == ["ES256", "RS256"]
    for key in found:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
        assert key["use"] == "sig"
    assert len({key["kid"] for key in found}) == 2


def test_a_key_is_published_before_it_signs_and_after(op: OidcWorld, browser: Browser) -> None:
    rp, clock, keys = op.rp(), op.clock, op.provider.keys
    started, first = clock.now, keys.signing("RS256", clock()).kid
    old = rp.tokens(browser)
    made = {key.alg: key.kid for key in keys.rotate(clock())}
    assert {key.kid for key in keys.published(clock())} >= {first, made["RS256"], made["ES256"]}
    assert keys.signing("RS256", clock()).kid == first
    clock.now = started + 3600
    assert keys.signing("RS256", clock()).kid == made["RS256"]
    assert rp.claims(rp.tokens(browser))
    assert keys.find(first, clock()) is not None
    assert op.provider.statements.read_hint(old["id_token"], clock()) is not None
    clock.now = started + 3600 + 7200
    assert keys.find(first, clock()) is None
    assert op.provider.statements.read_hint(old["id_token"], clock()) is None
    keys.rotate(clock())
    assert len(list((op.folder / "mfa" / "oidc-keys").glob("*.sealed"))) == 5


def open_keys(op: OidcWorld, passphrase: Passphrase = PASSPHRASE) -> ProviderKeys:
    return ProviderKeys(op.config, passphrase, START, CHEAP)


def test_the_keys_are_sealed_for_this_server_and_can_be_sealed_anew(op: OidcWorld) -> None:
    assert len(open_keys(op).published(START)) >= 2
    with pytest.raises(DecryptionFailed):
        open_keys(op, Passphrase(b"another"))
    sealed = op.config.sealed_files
    found = [path for path in sealed if path.parent.name == "oidc-keys"]
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    (subjects,) = [path for path in found if path.name == "subjects.sealed"]
    other = subjects.with_name(next(path.name for path in found if path != subjects))
    content = other.read_bytes()
    other.write_bytes(subjects.read_bytes())
    with pytest.raises(ConfigError, match="kind"):
        open_keys(op)
    other.write_bytes(content)


def test_subjects_are_the_same_after_a_restart_and_differ_between_users(op: OidcWorld) -> None:
    rp, other = op.rp(), op.rp("other", "https://other.test/callback", pkce=True)
    alice, bob = op.browser(), op.browser("desktop")
    first = rp.claims(rp.tokens(alice))["sub"]
    pairwise = other.claims(other.tokens(alice))["sub"]
    assert len({first, pairwise, rp.claims(rp.tokens(bob))["sub"]}) == 3
    op.start_mfa()
    again = op.rp()
    assert again.claims(again.tokens(op.browser()))["sub"] == first
