"""What is served to browsers, and what pages of other origins may ask."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from milagro.errors import ParameterError
from milagro.protocols.mpin.v2 import P256Key
from milagro.roles import proofs
from milagro.roles.dta.member.operations import SERVICE as MEMBER
from milagro.roles.mfa import pages
from milagro.roles.mfa.operations import SERVICE as MFA
from milagro.roles.transport.operations import Caller, NoRequest, Operation
from milagro.roles.wire import Message, to_text
from tests.roles.world import MFA_URL, PIN, SetClock, World, login

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE = {"origin": "https://elsewhere.example"}
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world that stays as it is, for all that is only looked at."""
    built = World(tmp_path_factory.mktemp("served"), SetClock()).build()
    yield built
    built.close()


# -- pages -------------------------------------------------------------------------------------------------------------
def rules(policy: str) -> dict[str, str]:
    return dict(rule.split(" ", 1) for rule in policy.split("; "))


@pytest.mark.parametrize("path", ["/", "/login", "/login?interaction=abc"])
def test_the_page_lets_nothing_else_in(served: World, path: str) -> None:
    answer = served.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = rules(answer.headers["content-security-policy"])
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"]) == ("'self'", "'self'")
    assert set(policy["connect-src"].split()) == {"'self'", *(dta.url for dta in served.issuers.names())}
    for rule in ("frame-ancestors", "base-uri", "form-action", "trusted-types"):
        assert policy[rule] == "'none'"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "style=" not in answer.text
    assert "<script>" not in answer.text


def test_its_files_are_kept_until_they_change(served: World) -> None:
    for name, kind in (
        ("app.js", "text/javascript"),
        ("milagro-client.js", "text/javascript"),
        ("app.css", "text/css"),
    ):
        answer = served.http.get(f"/client/{name}")
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = served.http.get(f"/client/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..%2findex.html", "%2e%2e/app.js", "app.js/"])
def test_no_other_file_is_to_be_had(served: World, name: str) -> None:
    assert served.http.get(f"/client/{name}").status_code == 404


def test_an_address_that_a_policy_cannot_name_is_left_out() -> None:
    found = rules(
        pages.policy(["https://dta.example:8001/x", "https://a;script-src *", "https://[::1]:9", "http://x y"])
    )
    assert found["connect-src"] == "'self' https://[::1]:9 https://dta.example:8001"
    assert found["script-src"] == "'self'"


# -- pages of other origins --------------------------------------------------------------------------------------------
def test_any_page_may_ask_a_dta_for_shares_and_keys_and_for_nothing_else(served: World) -> None:
    dta = TestClient(served.network.dtas[0].app(), raise_server_exceptions=False)
    wish = {**ELSEWHERE, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    preflight = dta.options("/v1/issue", headers=wish)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    refused = dta.post("/v1/issue", json={}, headers=ELSEWHERE)
    assert (refused.status_code, refused.headers[ALLOWED]) == (400, "*")  # a page may see why
    assert dta.get("/v1/keys", headers=ELSEWHERE).headers[ALLOWED] == "*"
    for path in ("/v1/status", "/v1/audit/head", "/metrics", "/readyz"):
        assert ALLOWED not in dta.get(path, headers=ELSEWHERE).headers
    assert not any(name.endswith("allow-credentials") for name in {*preflight.headers, *refused.headers})


def test_the_mfa_server_answers_pages_of_its_own_only(served: World) -> None:
    for operation in (one for one in MFA.operations if one.caller is not Caller.OPERATOR):
        wish = {**ELSEWHERE, "access-control-request-method": operation.method}
        asked = served.http.options(operation.path, headers=wish)
        assert asked.status_code == 405
        answered = served.http.request(operation.method, operation.path, headers=ELSEWHERE)
        assert ALLOWED not in {*asked.headers, *answered.headers}
    assert {one.name for one in MEMBER.operations if one.cross_origin} == {"Issue", "Keys"}


def test_only_public_operations_are_for_pages_of_other_origins() -> None:
    with pytest.raises(ParameterError, match="public operations only"):
        Operation("X", "X.", print, NoRequest, Message, "/x", "GET", Caller.OPERATOR, cross_origin=True)  # type: ignore[arg-type]


# -- devices -----------------------------------------------------------------------------------------------------------
def ask(world: World, path: str, *, at: int | None = None, name: str | None = None, key: Any = None) -> Any:
    """What alice's laptop is answered; `key` signs in the place of its own."""
    folder = world.device("laptop")
    identity, now = folder.record().identity, world.clock() if at is None else at
    about = ("login.test", MFA_URL, identity, now)
    statement = proofs.devices(*about) if name is None else proofs.remove_device(*about, name)
    body = {
        "identity": to_text(identity),
        "at": now,
        "signature": to_text((key or folder.stored_key()).sign(statement)),
    }
    answer = world.http.post(path, json=body if name is None else {**body, "name": name})
    return answer.json() if answer.status_code == 200 else answer.json()["error"]["code"]


def test_devices_are_the_users_own_and_need_a_recent_login(world: World) -> None:
    client = world.enrol()
    world.enrol("alice", "phone")
    world.enrol("bob", "tablet")
    assert ask(world, "/v1/devices") == "login-needed"
    login(client)
    found = ask(world, "/v1/devices")
    assert found["user"] == "alice"
    assert [(one["name"], one["current"], one["state"]) for one in found["devices"]] == [
        ("laptop", True, "active"),
        ("phone", False, "active"),
    ]
    assert ask(world, "/v1/devices/remove", name="tablet") == "not-found"  # it is bob's
    assert ask(world, "/v1/devices/remove", name="phone") == {"name": "phone"}
    assert world.mfa.records.pinned("alice", "phone") is None
    assert world.mfa.records.pinned("bob", "tablet") is not None
    world.clock.now += 601
    assert ask(world, "/v1/devices") == "login-needed"


def test_devices_are_shown_to_the_holder_of_the_key_and_once(world: World) -> None:
    login(world.enrol())
    assert ask(world, "/v1/devices", key=P256Key.generate(secrets.token_bytes)) == "holder-not-proven"
    assert ask(world, "/v1/devices", at=world.clock() - 61) == "expired"
    # What asks for the list is not what removes a device.
    folder = world.device("laptop")
    identity, now = folder.record().identity, world.clock()
    signature = to_text(folder.stored_key().sign(proofs.devices("login.test", MFA_URL, identity, now)))
    body = {"identity": to_text(identity), "at": now, "signature": signature, "name": "laptop"}
    assert world.http.post("/v1/devices/remove", json=body).json()["error"]["code"] == "holder-not-proven"
    world.mfa.records.suspend("alice", suspended=True)
    assert ask(world, "/v1/devices") == "suspended"


def test_a_locked_device_is_shown_as_locked_and_shows_nothing(world: World) -> None:
    login(world.enrol())
    phone = world.enrol("alice", "phone")
    for _ in range(3):
        with pytest.raises(Exception, match="authentication failed"):
            login(phone, "0000")
    assert [one["locked"] for one in ask(world, "/v1/devices")["devices"]] == [False, True]
    assert PIN not in str(ask(world, "/v1/devices"))
