"""Dynamic registration, and the clients that the configuration names.

Spec: spec/oidc.md#clients, spec/oidc.md#registration
"""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from joserfc.jwk import ECKey, KeySet, OctKey

from milagro.errors import ConfigError
from milagro.roles.mfa.config import read_config
from tests.roles.oidc.world import CALLBACK, TEXT, OidcWorld
from tests.roles.tls import TestAuthority
from tests.roles.world import toml_mfa, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.roles.oidc.world import Browser


def register(op: OidcWorld, body: Any, token: str | None = None) -> httpx.Response:
    given = op.provider.registry.allow(1, op.clock() + 60) if token is None else token
    return op.post("/oidc/register", json=body, headers={"authorization": f"Bearer {given}"})


def test_a_client_registers_and_logs_in(op: OidcWorld, browser: Browser) -> None:
    body = {
        "redirect_uris": [CALLBACK], "client_name": "Registered", "scope": "openid email",
        "post_logout_redirect_uris": ["https://rp.test/bye"], "backchannel_logout_uri": op.hook.url,
        "id_token_signed_response_alg": "ES256", "subject_type": "pairwise", "logo_uri": "https://rp.test/logo.png",
    }  # fmt: skip
    response = register(op, body)
    assert response.status_code == 201
    found = response.json()
    assert found["grant_types"] == ["authorization_code"]
    assert (found["client_secret_expires_at"], found["subject_type"]) == (0, "pairwise")
    rp = op.rp(found["client_id"], secret=found["client_secret"])
    tokens = rp.tokens(browser, scope="openid email")
    assert rp.claims(tokens)["aud"] == found["client_id"]
    assert "refresh_token" not in tokens
    assert "Registered" in browser.pages[0].text
    op.hook.tokens.clear()
    done = browser.http.get("/oidc/logout", params={"id_token_hint": tokens["id_token"]})
    assert "You are logged out" in done.text
    assert len(op.hook.tokens) == 1
    op.provider.registry.remove(found["client_id"])
    assert not rp.works(tokens)


def test_an_initial_token_is_good_so_many_times_and_so_long(op: OidcWorld) -> None:
    body = {"redirect_uris": [CALLBACK]}
    token = op.provider.registry.allow(2, op.clock() + 60)
    assert [register(op, body, token).status_code for _ in range(3)] == [201, 201, 401]
    late = op.provider.registry.allow(1, op.clock() + 60)
    op.clock.now += 60
    for wrong in (late, "x", ""):
        response = register(op, body, wrong)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
        assert "Bearer" in response.headers["www-authenticate"]


def jwks(key: Any, *, private: bool = False) -> dict[str, Any]:
    return dict(KeySet([key]).as_dict(private=private))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://rp.test"}, "invalid_client_metadata"),
        ({"redirect_uris": ["http://rp.test/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://rp.test/#x"]}, "invalid_client_metadata"),
        ({"redirect_uris": ["https://user@rp.test/"]}, "invalid_client_metadata"),
        ({"redirect_uris": ["https://*.test/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, None),
        ({"redirect_uris": ["data:text/html,x"]}, None),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": ["x"]}, "invalid_client_metadata"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(OctKey.generate_key(256), private=True)},
            "invalid_client_metadata",
        ),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(ECKey.generate_key("P-256"), private=True)},
            "invalid_client_metadata",
        ),
        ({"jwks_uri": "https://rp.test/jwks"}, "invalid_client_metadata"),
        ({"backchannel_logout_uri": "http://rp.test/"}, "invalid_client_metadata"),
        ({"client_name": 7}, "invalid_client_metadata"),
        ({"scope": "openid admin"}, "invalid_client_metadata"),
        ({"scope": "email"}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "HS256"}, "invalid_client_metadata"),
        (
            {"subject_type": "pairwise", "redirect_uris": ["https://a.test/", "https://b.test/"]},
            "invalid_client_metadata",
        ),
        ({"sector_identifier_uri": "http://127.0.0.1/list"}, "invalid_client_metadata"),
    ],
)
def test_metadata_that_is_not_safe_is_refused(op: OidcWorld, change: dict[str, Any], error: str | None) -> None:
    body = {"redirect_uris": [CALLBACK], **change}
    response = register(op, {name: value for name, value in body.items() if value is not None})
    assert response.status_code == 400
    assert response.json()["error"] in ({error} if error else {"invalid_redirect_uri", "invalid_client_metadata"})


@contextmanager
def listing(folder: Path, content: Any) -> Iterator[str]:
    """A site that shows a list over https; the address of the list."""
    authority = TestAuthority(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("rp.test"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority.path))
        yield f"https://127.0.0.1:{server.server_port}/list"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (["https://a.test/", "https://b.test/", "https://c.test/"], 201),
        (["https://a.test/"], 400),
        ({"https://a.test/": 1}, 400),
        (["https://a.test/", "https://b.test/", "x" * 70000], 400),
    ],
)
def test_a_sector_is_one_that_lists_all_redirect_uris(op: OidcWorld, tmp_path: Path, content: Any, status: int) -> None:
    with listing(tmp_path, content) as uri:
        body = {"subject_type": "pairwise", "redirect_uris": ["https://a.test/", "https://b.test/"]}
        response = register(op, {**body, "sector_identifier_uri": uri})
    assert response.status_code == status
    if status == 201:
        client = op.provider.client(response.json()["client_id"])
        assert client is not None
        assert client.sector_identifier == "127.0.0.1"


def test_a_refused_registration_uses_no_token_up(op: OidcWorld) -> None:
    token = op.provider.registry.allow(1, op.clock() + 60)
    assert register(op, {"redirect_uris": []}, token).status_code == 400
    assert register(op, {"redirect_uris": [CALLBACK]}, token).status_code == 201


def test_a_client_with_a_key_registers(op: OidcWorld) -> None:
    keys = jwks(ECKey.generate_key("P-256"))
    body = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt", "jwks": keys}
    found = register(op, body).json()
    assert found["jwks"] == keys
    assert "client_secret" not in found


# -- the configuration -------------------------------------------------------------------------------------------------
def faults(folder: Path, text: str) -> list[str]:
    write(folder / "secret", "s" * 40)
    write(folder / "short", "s" * 31)
    write(folder / "charter", "")
    path = write(folder / "milagro.toml", toml_mfa() + text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    return list(caught.value.problems)


def client(**entries: str) -> str:
    found = {"id": '"rp"', "redirect_uris": '["https://rp.test/"]', "secret_file": '"secret"', **entries}
    return "[mfa.oidc]\n[[mfa.oidc.clients]]\n" + "".join(f"{key} = {value}\n" for key, value in found.items() if value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (client(redirect_uris='["http://rp.test/"]'), "redirect_uris has 'http://rp.test/', which is not https"),
        (client(redirect_uris='["https://rp.test/#x"]'), "redirect_uris has"),
        (client(redirect_uris='["myapp:/x"]'), "scheme of an app's own"),
        (client(redirect_uris='["/callback"]'), "must be absolute"),
        (client(secret_file=""), "secret_file is missing"),
        (client(secret_file='"short"'), "at least 32 random characters"),
        (client(auth_method='"private_key_jwt"', secret_file=""), "jwks_file is missing"),
        (client(auth_method='"secret"'), "auth_method is 'secret'"),
        (client(scopes='["email"]'), "scopes must have 'openid'"),
        (client(scopes='["openid", "admin"]'), "scopes has 'admin'"),
        (client(subject='"pairwise"', redirect_uris='["https://a.test/", "https://b.test/"]'), "sector must be given"),
        (client(colour='"red"'), "colour is not a key"),
        (client() + client().partition("\n")[2], "id is 'rp', which another client has already"),
        ('[mfa.oidc]\nlogin_page = "//evil.test"\n', "login_page must be a path"),
    ],
)
def test_a_faulty_client_is_named(tmp_path: Path, text: str, fault: str) -> None:
    assert any(fault in found for found in faults(tmp_path, text)), faults(tmp_path, text)


def test_the_configuration_keeps_no_secret(op: OidcWorld) -> None:
    assert "more than 32" not in repr(op.config)
    assert TEXT.count("[[mfa.oidc.clients]]") == len(op.config.oidc.clients if op.config.oidc else ())
