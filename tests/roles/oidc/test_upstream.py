"""Enrolment by an upstream provider, which is an MFA server of ours: whom it vouches for, only there, only once.

spec/enrolment.md#upstream, spec/enrolment.md#names
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt

from milagro.errors import ConfigError
from milagro.roles.client.service import Application
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa.upstream.enrolments import Pinned, Subjects
from milagro.roles.mfa.upstream.fetching import Bounded
from tests.roles.oidc.upstream_world import (
    CONFIRM,
    DOWN_URL,
    START,
    Relying,
    begin,
    come_back,
    confirm,
    enrolled,
    outcome,
    provider,
)
from tests.roles.world import MFA_URL, PIN, SetClock, login, toml_mfa, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.roles.oidc.upstream_world import Provider

ALICE = "alice@mail.test"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    world = provider(tmp_path_factory.mktemp("upstream"), SetClock())
    yield world
    world.close()


@pytest.fixture
def relying(upstream: Provider, tmp_path: Path) -> Iterator[Relying]:
    world = Relying.of(upstream, tmp_path, upstream.clock)
    yield world
    world.close()


def test_whom_the_provider_vouches_for_enrols_once(
    upstream: Provider, relying: Relying, capsys: pytest.CaptureFixture[str]
) -> None:
    assert relying.http.get("/v1/status").json()["upstream"] == "Example ID"
    browser = relying.browser()
    question = begin(browser, interaction="an-interaction")
    asked = {name: one for name, (one,) in parse_qs(urlsplit(question).query).items()}
    assert (asked["code_challenge_method"], asked["max_age"]) == ("S256", "300")
    assert asked["redirect_uri"] == f"{DOWN_URL}/upstream/callback"
    address = come_back(upstream, question)
    back = browser.get(address)
    assert back.headers["location"] == "/login?enrol=upstream&interaction=an-interaction"
    answer = browser.post(CONFIRM, json={})
    invited = answer.json()
    assert (answer.status_code, invited["user"], answer.headers["cache-control"]) == (200, ALICE, "no-store")
    assert outcome(browser) == "upstream-refused"
    client = relying.client("new")
    client.enrol(Application(DOWN_URL, ALICE, "new", invited["code"]), lambda: PIN)
    assert login(client).user == ALICE
    said = "".join(capsys.readouterr())
    code = parse_qs(urlsplit(address).query)["code"][0]
    for secret in (code, invited["code"], asked["state"], asked["nonce"], "alice@", "upstream-secret"):
        assert secret not in said
    assert all(url.startswith(f"{MFA_URL}/") for url in relying.between.asked)


def test_the_cookie_binds_and_scripts_do_not_see_it(upstream: Provider, relying: Relying) -> None:
    mine, other = relying.browser(), relying.browser()
    answer = mine.post(START, json={})
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", "Max-Age=600", "Path=/"):
        assert part in cookie
    address = come_back(upstream, answer.json()["continue"])
    other.get(address)
    assert outcome(other) == "upstream-refused"  # no cookie
    begin(other)
    other.get(address)
    assert outcome(other) == "upstream-refused"  # another browser's cookie
    mine.get(address)
    assert outcome(mine) == ALICE  # and nothing of it was lost


def test_a_swapped_state_is_no_answer(upstream: Provider, relying: Relying) -> None:
    """A code of somebody else in one's own answer, and one's own code in somebody else's."""
    mine, other = relying.browser(), relying.browser()
    first, second = begin(mine), begin(other)
    answers = [dict(parse_qsl(urlsplit(come_back(upstream, each)).query)) for each in (first, second)]
    mine.get("/upstream/callback", params={**answers[0], "state": answers[1]["state"]})
    assert outcome(mine) == "upstream-refused"
    begin(mine)
    other.get("/upstream/callback", params={**answers[1], "code": answers[0]["code"]})  # the verifier does not fit
    assert outcome(other) == "upstream-refused"


def test_a_code_comes_back_once(upstream: Provider, relying: Relying) -> None:
    browser = relying.browser()
    address = come_back(upstream, begin(browser))
    browser.get(address)
    asked = len(relying.between.asked)
    browser.get(address)
    assert len(relying.between.asked) == asked  # the provider is not asked again
    assert outcome(browser) == ALICE
    again = relying.browser()
    begin(again)
    state = dict(parse_qsl(urlsplit(begin(again)).query))["state"]
    again.get("/upstream/callback", params={**dict(parse_qsl(urlsplit(address).query)), "state": state})
    assert outcome(again) == "upstream-refused"


@pytest.mark.parametrize("said", ["http://127.0.0.1:9", None])
def test_an_answer_of_another_issuer_is_refused(upstream: Provider, relying: Relying, said: str | None) -> None:
    browser = relying.browser()
    answer = dict(parse_qsl(urlsplit(come_back(upstream, begin(browser))).query))
    assert answer.pop("iss") == MFA_URL
    browser.get("/upstream/callback", params={**answer, **({"iss": said} if said else {})})
    assert outcome(browser) == "upstream-refused"
    assert not any(url.endswith("/oidc/token") for url in relying.between.asked)  # the code went nowhere


def forged(upstream: Provider, **changes: Any) -> Callable[[str, dict[str, Any]], Any]:
    """Makes the provider's answers hold an ID token of its own key with other claims; None leaves one out."""

    def change(path: str, found: dict[str, Any]) -> Any:
        if path != "/oidc/token":
            return found
        key = upstream.provider.keys.signing("RS256", upstream.clock())
        claims = {**jwt.decode(found["id_token"], key.key, algorithms=["RS256"]).claims, **changes}
        kept = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": key.kid}
        return {**found, "id_token": jwt.encode(header, kept, key.key, algorithms=["RS256"])}

    return change


WRONG_CLAIMS: Any = (
    {"iss": "https://other.test"},
    {"aud": "rp"},
    {"aud": "rp", "azp": "down"},
    {"aud": ["down", "rp"], "azp": "rp"},
    {"nonce": "another"},
    {"nonce": None},
    {"exp": 1},
    {"exp": None},
    {"iat": 1 << 40},
    {"sub": ""},
    {"sub": 7},
    {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    {"auth_time": None},
    {"auth_time": 1},
)


def test_an_id_token_with_a_wrong_claim_is_refused(upstream: Provider, relying: Relying) -> None:
    for changes in WRONG_CLAIMS:
        relying.between.change = forged(upstream, **changes)
        assert enrolled(upstream, relying) == "upstream-refused", changes
    relying.between.change = forged(upstream)
    assert enrolled(upstream, relying) == ALICE  # so the claims it were


def test_substituted_tokens_are_refused(upstream: Provider, relying: Relying) -> None:
    party = upstream.rp()
    others = party.tokens(upstream.browser("desk"), scope="openid email")  # bob's, for another relying party

    def substituted(**tokens: str) -> str:
        relying.between.change = lambda path, found: {**found, **tokens} if path == "/oidc/token" else found
        return enrolled(upstream, relying)

    assert substituted(id_token=others["id_token"], access_token=others["access_token"]) == "upstream-refused"
    assert substituted(id_token=others["id_token"]) == "upstream-refused"
    assert substituted(access_token=others["access_token"]) == "upstream-refused"
    assert substituted(token_type="mac") == "upstream-refused"
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    body = others["id_token"].split(".")[1]
    assert substituted(id_token=f"{none}.{body}.") == "upstream-refused"
    hmac = jwt.encode({"alg": "HS256"}, {"sub": "x"}, _symmetric(), algorithms=["HS256"])
    assert substituted(id_token=hmac) == "upstream-refused"
    relying.between.change = lambda path, found: {**found, "sub": "x"} if path == "/oidc/userinfo" else found
    assert enrolled(upstream, relying) == "upstream-refused"


def _symmetric() -> Any:
    from joserfc.jwk import OctKey

    return OctKey.generate_key(256)


def test_only_verified_addresses_of_allowed_domains(upstream: Provider, relying: Relying) -> None:
    def said(**claims: Any) -> str:
        relying.between.change = lambda path, found: {**found, **claims} if path == "/oidc/userinfo" else found
        return enrolled(upstream, relying)

    assert said(email_verified=False) == "upstream-user"
    assert said(email_verified="true") == "upstream-user"
    assert said(email="alice@evil.test") == "upstream-user"
    assert said(email="alice@evil.test@mail.test") == "upstream-user"
    assert said(email=["alice@mail.test"]) == "upstream-user"


def test_an_address_that_goes_to_somebody_else_takes_no_account_along(upstream: Provider, relying: Relying) -> None:
    assert enrolled(upstream, relying) == ALICE
    relying.between.change = lambda path, found: {**found, "email": ALICE} if path == "/oidc/userinfo" else found
    assert enrolled(upstream, relying, "desk") == "upstream-user"  # bob has alice's address now
    relying.between.change = lambda path, found: (
        {**found, "email": "arden@mail.test"} if path == "/oidc/userinfo" else found
    )
    assert enrolled(upstream, relying) == ALICE  # and alice has another, and is who she was
    subjects = Subjects(relying.mfa.records.state)
    (pinned,) = subjects.all()
    assert (pinned.user, pinned.issuer) == (ALICE, MFA_URL)


def test_an_account_of_another_way_is_not_taken_unless_linked(upstream: Provider, relying: Relying) -> None:
    relying.enrol(ALICE, "laptop")
    assert enrolled(upstream, relying) == "upstream-user"
    subject = upstream.rp().claims(upstream.rp().tokens(upstream.browser("phone")))["sub"]
    subjects = Subjects(relying.mfa.records.state)
    subjects.link(Pinned(ALICE, MFA_URL, subject, 1))
    assert enrolled(upstream, relying) == ALICE
    subjects.unlink(ALICE)
    assert enrolled(upstream, relying) == "upstream-user"


def test_existing_accounts_are_linked_where_the_operator_says_so(upstream: Provider, tmp_path: Path) -> None:
    text = 'link_existing = true\nclaim = "preferred_username"\nscopes = ["openid", "profile"]'
    named = Relying.of(upstream, tmp_path / "named", upstream.clock, text)
    object.__setattr__(named.desk.config, "allowed", ("alice",))
    try:
        named.enrol("alice", "laptop")
        assert enrolled(upstream, named) == "alice"
        assert enrolled(upstream, named, "desk") == "upstream-user"
    finally:
        named.close()


def test_an_invitation_of_it_replaces_a_device_if_that_is_asked_for(upstream: Provider, relying: Relying) -> None:
    browser = relying.browser()
    browser.get(come_back(upstream, begin(browser)))
    first = confirm(browser)[1]
    relying.client("old").enrol(Application(DOWN_URL, ALICE, "laptop", first["code"]), lambda: PIN)
    before = relying.mfa.records.pinned(ALICE, "laptop")
    browser.get(come_back(upstream, begin(browser)))
    second = confirm(browser)[1]
    client = relying.client("again")
    with pytest.raises(Exception, match="have it removed first"):
        client.enrol(Application(DOWN_URL, ALICE, "laptop", second["code"]), lambda: PIN)
    client.enrol(Application(DOWN_URL, ALICE, "laptop", second["code"], replace=True), lambda: PIN)
    assert relying.mfa.records.pinned(ALICE, "laptop") != before
    assert login(client).user == ALICE


def test_it_ends_in_time_and_with_what_is_too_much(upstream: Provider, relying: Relying) -> None:
    browser = relying.browser()
    address = come_back(upstream, begin(browser))
    browser.get(address)
    upstream.clock.now += 600
    try:
        assert outcome(browser) == "upstream-refused"
    finally:
        upstream.clock.now -= 600
    enrolments = relying.desk.enrolments
    for at in range(100):
        enrolments.begin(f"browser {at}", "", "192.0.2.7", relying.clock())
    with pytest.raises(Exception, match="of this network"):
        enrolments.begin("one more", "", "192.0.2.7", relying.clock())


def test_requests_of_other_sites_start_and_confirm_nothing(relying: Relying) -> None:
    browser = relying.browser()
    for path in (START, CONFIRM):
        for headers in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}):
            assert browser.post(path, json={}, headers=headers).status_code == 400
        assert browser.post(path, data={"a": "b"}).status_code == 400
    assert browser.post(START, json={"interaction": "//evil.test"}).status_code == 400
    assert browser.get("/upstream/callback?code=a&state=b").headers["location"] == "/login?enrol=upstream"
    assert browser.get("/upstream/callback?error=access_denied").headers["location"] == "/login?enrol=upstream"


def test_no_other_host_is_asked(upstream: Provider, relying: Relying) -> None:
    relying.between.change = lambda path, found: (
        {**found, "token_endpoint": "http://127.0.0.1:9/token"} if path.endswith("configuration") else found
    )
    answer = relying.browser().post(START, json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert all(url.startswith(f"{MFA_URL}/") for url in relying.between.asked)
    bounded = Bounded(relying.desk.config, upstream.http._transport)
    with pytest.raises(httpx.UnsupportedProtocol):
        bounded.handle_request(httpx.Request("GET", "http://127.0.0.1:9/"))


class Endless(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)


def test_a_provider_without_end_is_left(relying: Relying) -> None:
    class Large(httpx.BaseTransport):
        def handle_request(self, _request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Endless())

    with pytest.raises(httpx.ReadError):
        Bounded(relying.desk.config, Large()).handle_request(httpx.Request("GET", f"{MFA_URL}/"))


def test_what_the_browser_has_is_in_no_table(upstream: Provider, relying: Relying) -> None:
    browser = relying.browser()
    asked = dict(parse_qsl(urlsplit(begin(browser)).query))
    cookie = browser.cookies["milagro-enrolment"]
    content = b"".join(path.read_bytes() for path in (relying.folder / "mfa").glob("state.sqlite*"))
    for secret in (cookie, asked["state"], asked["nonce"], asked["code_challenge"]):
        assert secret.encode() not in content
    assert hashlib.sha256(cookie.encode()).digest() not in content  # the session's hash is another


def test_a_mailbox_is_not_enough_for_an_account_of_the_provider(upstream: Provider, relying: Relying) -> None:
    from milagro.roles.mfa.mail.config import EmailConfig
    from milagro.roles.mfa.mail.enrolments import EmailEnrolments

    state = relying.mfa.records.state
    config = EmailConfig("a@b.test", ("*",), relying.folder, None, 900, 9, 9, 99)
    enrolments = EmailEnrolments(config, state, lambda: "AAAA-BBBB")
    asked = enrolments.ask(ALICE, None, relying.clock())
    assert enrolled(upstream, relying) == ALICE
    with pytest.raises(Exception, match="enrols by the upstream provider"):
        enrolments.confirm(asked.browser, "AAAA-BBBB", relying.clock())
    free = enrolments.ask("carol@mail.test", None, relying.clock())
    assert enrolments.confirm(free.browser, "AAAA-BBBB", relying.clock()).user == "carol@mail.test"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('issuer = "http://id.example"', "without https"),
        ('issuer = "https://id.example/?a=b"', "a query or a fragment"),
        ('issuer = "https://id.example"\nscopes = ["email"]', "must have openid"),
        ('issuer = "https://id.example"\norigins = ["https://id.example/path"]', "origins has one"),
        ('issuer = "https://id.example"\nauth_method = "client_secret_basic"', "secret_file is missing"),
        ('issuer = "https://id.example"\nalgorithms = ["none"]', "it can have ES256"),
    ],
)
def test_faults_of_the_configuration(tmp_path: Path, text: str, fault: str) -> None:
    write(tmp_path / "charter", "")
    table = f'[mfa.upstream]\nclient_id = "down"\nallowed = ["*"]\n{text}\n'
    if "auth_method" not in text:
        table += 'auth_method = "none"\n'
    with pytest.raises(ConfigError) as caught:
        mfa_config.read_config(write(tmp_path / "milagro.toml", toml_mfa(store=table)))
    assert fault in "".join(caught.value.problems)
