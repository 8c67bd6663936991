"""Logging in with another device: what works, and what an attacker would try.

Spec: spec/oidc.md#crossing, spec/mpin.md#transcript
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select

from milagro.errors import MilagroError
from milagro.roles import purposes
from milagro.roles.client.service import _Errand
from milagro.roles.messages import LoginAnswer
from milagro.roles.mfa.oidc.crossing_records import Asking, CrossingRecords, network_hash
from milagro.roles.mfa.oidc.crossing_records import Desktop as CrossingDesktop
from milagro.roles.mfa.oidc.crossings import agent_of
from milagro.roles.mfa.oidc.tables import CROSSING
from milagro.roles.mfa.tables import SCHEMA
from milagro.roles.peer import Peer
from milagro.roles.refusals import CrossingOver, code_of
from milagro.stores.state import State
from tests.roles.oidc.world import TEXT, Browser, OidcWorld, answer_of
from tests.roles.world import MFA_URL, PIN, WRONG, SetClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milagro.roles.wire import Message
    from milagro.stores.state import Database
    from tests.roles.oidc.world import Party

EVIL = "https://evil.test"
HOST = "rp.test"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def interaction_of(response: httpx.Response) -> str:
    return parse_qs(urlsplit(response.headers["location"]).query)["interaction"][0]


def refusal(response: httpx.Response) -> str:
    assert response.status_code != 200, response.text
    code: str = response.json()["error"]["code"]
    return code


@dataclass
class Desktop:
    """A browser that shows a QR code."""

    browser: Browser
    interaction: str
    shown: dict[str, Any]

    @property
    def link(self) -> str:
        return parse_qs(urlsplit(self.shown["link"]).fragment)["crossing"][0]

    def own(self, **more: str) -> dict[str, str]:
        return {"interaction": self.interaction, "secret": self.shown["secret"], **more}

    def state(self, **more: str) -> str:
        response = post(self.browser.http, "state", self.own(**more))
        return str(response.json()["state"]) if response.status_code == 200 else refusal(response)

    def finish(self, browser: Browser | None = None, **more: str) -> httpx.Response:
        return post((browser or self.browser).http, "finish", self.own(**more))


@dataclass
class Phone:
    """A browser elsewhere with a device of a user, and no cookie of the desktop."""

    world: OidcWorld
    link: str
    device: str = "laptop"
    secret: str = ""
    host: str = HOST
    address: str = "192.0.2.7"

    def __post_init__(self) -> None:
        self.http = self.world.browser().http
        self.http.headers["x-real-ip"] = self.address

    def show(self) -> Any:
        return self.call("show").json()

    def call(self, name: str, **more: str) -> httpx.Response:
        return post(self.http, name, {"crossing": self.link, **more})

    def match(self, code: str) -> httpx.Response:
        response = self.call("match", code=code)
        if response.status_code == 200:
            self.secret = response.json()["phone"]
        return response

    def log_in(self, pin: str = PIN, purpose: str | None = None) -> LoginAnswer:
        client = self.world.client(self.device)
        client._dial = lambda _url: _PhonePeer(self)
        errand = _Errand("/oidc/crossing/login", LoginAnswer, purpose or purposes.crossing(self.link, self.host))
        return client._enter(errand, lambda: pin)

    def refused(self, pin: str = PIN, **more: Any) -> str:
        with pytest.raises(MilagroError) as caught:
            self.log_in(pin, **more)
        return code_of(caught.value)


class _PhonePeer(Peer):
    """The phone's connection: its second pass goes out with the crossing."""

    def __init__(self, phone: Phone) -> None:
        super().__init__(MFA_URL, transport=phone.world.http._transport)
        self._phone = phone

    def post(self, path: str, message: Message, answer: Any, token: str | None = None) -> Any:
        if path != "/oidc/crossing/login":
            return super().post(path, message, answer, token)
        response = self._phone.call("login", phone=self._phone.secret, **message.model_dump(mode="json"))
        assert "set-cookie" not in response.headers
        if response.status_code != 200:
            raise self._refusal(response, response.content)
        return answer.model_validate_json(json.dumps(response.json()))

    def close(self) -> None:
        pass


def post(http: httpx.Client, name: str, body: Any, **headers: str) -> httpx.Response:
    return http.post(f"/oidc/crossing/{name}", json=body, headers={"origin": MFA_URL, **headers})


def started(rp: Party, browser: Browser, **more: Any) -> Desktop:
    key = interaction_of(rp.authorize(browser, **more))
    told = {"user-agent": FIREFOX, "x-real-ip": "192.0.2.7"}
    response = post(browser.http, "start", {"interaction": key}, **told)
    assert response.status_code == 200, response.text
    return Desktop(browser, key, response.json())


@pytest.fixture
def desktop(rp: Party, browser: Browser) -> Desktop:
    return started(rp, browser)


@pytest.fixture
def phone(op: OidcWorld, desktop: Desktop) -> Phone:
    return Phone(op, desktop.link)


# -- what works --------------------------------------------------------------------------------------------------------
def test_the_phone_logs_in_and_the_desktop_has_the_session(rp: Party, desktop: Desktop, phone: Phone) -> None:
    browser, shown = desktop.browser, desktop.shown
    assert shown["link"].startswith(f"{MFA_URL}/login#crossing=")
    assert len(shown["qr"]) == len(shown["qr"][0]) > 20
    assert (desktop.state(), shown["seconds"]) == ("open", 180)
    asked = phone.show()
    assert (asked["client"], asked["browser"]) == ({"name": "Example", "host": HOST}, "Firefox · Linux")
    assert asked["same_network"] is True
    assert Phone(phone.world, phone.link, address="198.51.100.9").show()["same_network"] is False
    assert Phone(phone.world, phone.link, address="2001:db8::1").show()["same_network"] is None
    browser.plant("milagro-session", "planted-by-someone-else")
    assert phone.match(shown["code"]).status_code == 200
    assert desktop.state() == "matched"
    assert phone.refused(WRONG) == "authentication-failed"
    assert desktop.state() == "matched"
    assert phone.log_in().user == "alice"
    assert desktop.state() == "done"
    assert browser.session_cookie() == "planted-by-someone-else"
    done = desktop.finish()
    assert browser.session_cookie() not in (None, "planted-by-someone-else")
    assert rp.redeem(answer_of(browser.follow(browser.open(done.json()["continue"])))["code"])["access_token"]
    assert list(phone.http.cookies) == []
    assert refusal(desktop.finish()) == "crossing-over"
    assert desktop.state() == "crossing-over"


def test_the_user_of_the_phone_refuses(desktop: Desktop, phone: Phone) -> None:
    assert phone.call("deny").status_code == 200
    assert desktop.state() == "denied"
    assert refusal(phone.call("show")) == refusal(phone.match(desktop.shown["code"])) == "crossing-over"
    assert refusal(desktop.finish()) == "crossing-over"


def test_the_user_of_the_phone_refuses_after_the_code(desktop: Desktop, phone: Phone) -> None:
    phone.match(desktop.shown["code"])
    assert phone.call("deny").status_code == 200
    assert phone.refused() == "crossing-over"
    assert refusal(phone.call("deny")) == "crossing-over"


def test_the_desktop_stops(rp: Party, desktop: Desktop, phone: Phone) -> None:
    assert post(desktop.browser.http, "stop", desktop.own()).status_code == 200
    assert refusal(phone.call("show")) == "crossing-over"
    assert "code" in answer_of(
        desktop.browser.follow(desktop.browser.open(desktop.browser.log_in(desktop.interaction)))
    )


# -- its time, and once ------------------------------------------------------------------------------------------------
def test_a_crossing_is_over_after_its_time(op: OidcWorld, rp: Party, desktop: Desktop, phone: Phone) -> None:
    other = started(rp, op.browser())
    late = Phone(op, other.link)
    late.match(other.shown["code"])
    late.log_in()
    phone.match(desktop.shown["code"])
    before = op.attempts()
    op.clock.now += 180
    assert refusal(phone.call("show")) == phone.refused(WRONG) == desktop.state() == "crossing-over"
    assert refusal(other.finish()) == "crossing-over"
    assert op.attempts() == before


def test_another_start_ends_the_one_before(desktop: Desktop, phone: Phone) -> None:
    again = post(desktop.browser.http, "start", {"interaction": desktop.interaction}).json()
    assert again["link"] != desktop.shown["link"]
    assert refusal(phone.call("show")) == desktop.state() == "crossing-over"


def test_it_is_matched_finished_and_taken_once_by_parallel_requests(
    op: OidcWorld, desktop: Desktop, phone: Phone
) -> None:
    phones = [Phone(op, desktop.link) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        matched = list(pool.map(lambda one: one.match(desktop.shown["code"]).status_code, phones))
        assert sorted(matched) == [200] + 5 * [410]
        first = next(one for one in phones if one.secret)
        phone.secret = first.secret
        phone.log_in()
        assert first.refused() == "crossing-over"
        taken = list(pool.map(lambda _: desktop.finish().status_code, range(6)))
    assert sorted(taken) == [200] + 5 * [410]


def test_two_logins_at_once_for_one_crossing_give_one(op: OidcWorld, desktop: Desktop, phone: Phone) -> None:
    """Both second passes are under way before either is answered: the last statement decides."""
    phone.match(desktop.shown["code"])
    other = Phone(op, desktop.link, secret=phone.secret)
    inner: list[str] = []

    def between(name: str) -> None:
        if name == "counted" and not inner:
            inner.append("")
            inner[0] = other.log_in().user

    op.mfa._checkpoint = between
    try:
        assert phone.refused() == "crossing-over"
    finally:
        op.mfa._checkpoint = lambda _name: None
    assert (inner, desktop.state()) == (["alice"], "done")
    assert op.attempts() == 0


def test_an_interaction_that_went_on_without_it_takes_no_login(desktop: Desktop, phone: Phone) -> None:
    phone.match(desktop.shown["code"])
    following = desktop.browser.log_in(desktop.interaction)
    assert phone.refused() == "crossing-over"
    assert refusal(post(desktop.browser.http, "start", {"interaction": desktop.interaction})) == "replay"
    assert answer_of(desktop.browser.follow(desktop.browser.open(following)))["code"]


def test_each_step_is_taken_once_among_replicas(database: Database) -> None:
    replicas = [CrossingRecords(State(database, SCHEMA), 100) for _ in range(3)]
    desktop, now = CrossingDesktop("interaction", "cookie", "secret"), 1_800_000_000

    def finish(at: int) -> bool:
        with replicas[at % 3]._state.write(f"device {at}") as connection:
            return replicas[at % 3].finish(connection, "link", phones[0], f"login {at}", now)

    def refused(act: Callable[[], object]) -> bool:
        try:
            act()
        except CrossingOver:
            return True
        return False

    replicas[0].begin("link", "123456", desktop, Asking("", None), now + 180, now)
    with ThreadPoolExecutor(6) as pool:
        tried = pool.map(lambda at: refused(lambda: replicas[at % 3].match("link", "123456", f"{at}", now)), range(6))
        phones = [f"{at}" for at, over in enumerate(tried) if not over]
        assert len(phones) == 1
        assert sorted(pool.map(finish, range(6))) == [*5 * [False], True]
        assert sorted(pool.map(lambda at: refused(lambda: replicas[at % 3].take(desktop, now)), range(6))) == [
            False,
            *5 * [True],
        ]
    for replica in replicas:
        replica._state.close()


# -- codes -------------------------------------------------------------------------------------------------------------
def test_three_wrong_codes_end_it(op: OidcWorld, desktop: Desktop, phone: Phone) -> None:
    wrong = f"{(int(desktop.shown['code']) + 1) % 1_000_000:06d}"
    others = [Phone(op, desktop.link) for _ in range(12)]
    with ThreadPoolExecutor(6) as pool:
        said = [refusal(one) for one in pool.map(lambda one: one.match(wrong), others)]
    assert sorted(said) == 10 * ["crossing-over"] + 2 * ["matching-code-refused"]
    assert desktop.state() == "failed"
    assert refusal(phone.match(desktop.shown["code"])) == "crossing-over"


def test_the_code_is_taken_as_people_type_it(desktop: Desktop, phone: Phone) -> None:
    assert refusal(phone.match(desktop.shown["code"][:-1])) == "matching-code-refused"
    code = desktop.shown["code"]
    assert phone.match(f" {code[:3]} {code[3:]} ").status_code == 200


def test_without_the_code_no_pin_counts(op: OidcWorld, desktop: Desktop, phone: Phone) -> None:
    before = op.attempts()
    phone.secret = "guessed"
    assert phone.refused(WRONG) == "crossing-over"
    assert (op.attempts(), desktop.state()) == (before, "open")


# -- who it belongs to -------------------------------------------------------------------------------------------------
def test_the_session_is_only_for_the_browser_and_the_page_that_asked(
    op: OidcWorld, rp: Party, desktop: Desktop, phone: Phone
) -> None:
    other = op.browser()
    mine = started(rp, other)
    phone.match(desktop.shown["code"])
    phone.log_in()
    stolen = {"interaction": desktop.interaction, "secret": desktop.shown["secret"]}
    assert refusal(desktop.finish(op.browser())) == "crossing-over"  # no cookie
    assert refusal(desktop.finish(other)) == "crossing-over"  # another browser's
    assert refusal(desktop.finish(secret=mine.shown["secret"])) == "crossing-over"  # another page's
    assert refusal(desktop.finish(interaction=mine.interaction)) == "crossing-over"  # another interaction's
    assert refusal(mine.finish(**stolen)) == refusal(mine.finish()) == "crossing-over"
    assert (
        refusal(desktop.finish(secret=desktop.link)) == refusal(desktop.finish(secret=phone.secret)) == "crossing-over"
    )
    assert desktop.finish().status_code == 200


def test_one_cannot_be_started_for_another_browsers_interaction(op: OidcWorld, rp: Party, desktop: Desktop) -> None:
    other = op.browser()
    rp.authorize(other)
    assert refusal(post(other.http, "start", {"interaction": desktop.interaction})) == "expired"
    assert refusal(post(op.browser().http, "start", {"interaction": desktop.interaction})) == "expired"
    assert desktop.state() == "open"


def test_fixation_who_knows_the_desktops_cookie_has_no_session(op: OidcWorld, desktop: Desktop, phone: Phone) -> None:
    """The attacker planted the cookie that binds interactions, and so knows it."""
    attacker = op.browser()
    attacker.plant("milagro-browser", desktop.browser.http.cookies["milagro-browser"])
    phone.match(desktop.shown["code"])
    phone.log_in()
    assert refusal(desktop.finish(attacker, secret="guessed")) == "crossing-over"
    following = desktop.finish().json()["continue"]
    assert attacker.open(following).status_code == 410
    assert answer_of(desktop.browser.follow(desktop.browser.open(following)))["code"]


def test_what_was_signed_for_one_crossing_or_for_none_is_good_for_no_other(
    op: OidcWorld, rp: Party, desktop: Desktop, phone: Phone
) -> None:
    other = started(rp, op.browser())
    phone.match(desktop.shown["code"])
    before = op.attempts()
    wrong = [purposes.crossing(other.link, HOST), purposes.crossing(phone.link, "bank.test"), purposes.ADD_DEVICE]
    assert [phone.refused(purpose=one) for one in wrong] == 3 * ["parameter-error"]
    client = op.client()
    plain = _Errand("/v1/login/pass2", LoginAnswer, purposes.crossing(desktop.link, HOST))
    with pytest.raises(MilagroError, match="another context"):
        client._enter(plain, lambda: PIN)
    assert op.attempts() == before
    assert phone.log_in().user == "alice"


@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
def test_csrf_no_other_site_takes_part(desktop: Desktop, phone: Phone, headers: Any) -> None:
    body = {**desktop.own(), "crossing": phone.link, "code": desktop.shown["code"], "phone": "x", "message": "AAAA"}
    for name in ("start", "state", "finish", "stop", "show", "match", "login", "deny"):
        response = desktop.browser.http.post(f"/oidc/crossing/{name}", json=body, headers=headers)
        assert (refusal(response), "another site" in response.text) == ("invalid-request", True)
        plain = {"origin": MFA_URL, "content-type": "text/plain"}
        as_form = desktop.browser.http.post(f"/oidc/crossing/{name}", content=json.dumps(body), headers=plain)
        assert refusal(as_form) == "invalid-request"
    assert desktop.state() == "open"


def test_a_suspended_user_logs_nobody_in(op: OidcWorld, rp: Party) -> None:
    op.enrol("gus", "tablet")
    for moment in ("before", "after"):
        desktop = started(rp, op.browser())
        phone = Phone(op, desktop.link, "tablet")
        phone.match(desktop.shown["code"])
        if moment == "before":
            op.mfa.records.suspend("gus", suspended=True)
            assert phone.refused() == "suspended"
            assert desktop.state() == "matched"
            op.mfa.records.suspend("gus", suspended=False)
        else:
            phone.log_in()
            op.mfa.records.suspend("gus", suspended=True)
            assert refusal(desktop.finish()) == "suspended"
            assert "milagro-session" not in desktop.browser.http.cookies


# -- what is kept, and what is said ------------------------------------------------------------------------------------
def test_nothing_in_the_database_can_be_presented(op: OidcWorld, desktop: Desktop, phone: Phone) -> None:
    phone.match(desktop.shown["code"])
    with op.mfa.records.state.read() as connection:
        kept = repr(connection.execute(CROSSING.select()).all())
    for secret in (phone.link, phone.secret, desktop.shown["secret"], desktop.shown["code"], desktop.interaction):
        assert secret not in kept


def test_only_where_the_operator_wants_it(tmp_path: Path) -> None:
    text = TEXT.replace("[mfa.oidc]\n", '[mfa.oidc]\ncrossing = "off"\n', 1)
    world = OidcWorld(tmp_path, SetClock(), extra=text).build()
    browser = world.browser()
    key = interaction_of(world.rp().authorize(browser))
    assert browser.http.get("/oidc/interaction", params={"interaction": key}).json()["crossing"] is False
    assert refusal(post(browser.http, "start", {"interaction": key})) == "not-found"
    world.close()


def test_no_other_device_logs_in_for_the_administration(tmp_path: Path) -> None:
    """Whoever gets an administrator to scan a code and type digits would have all accounts, not one."""
    world = OidcWorld(tmp_path, SetClock(), extra=TEXT + '[mfa.admin]\ngroups = ["admins"]\n').build()
    browser = world.browser()
    key = interaction_of(browser.open("/admin"))
    shown = browser.http.get("/oidc/interaction", params={"interaction": key}).json()
    assert (shown["client"]["name"], shown["crossing"]) == ("Administration", False)
    assert refusal(post(browser.http, "start", {"interaction": key})) == "not-found"
    with world.mfa.records.state.read() as connection:
        assert connection.execute(select(CROSSING)).all() == []
    other = interaction_of(world.rp().authorize(browser))
    assert browser.http.get("/oidc/interaction", params={"interaction": other}).json()["crossing"] is True
    assert post(browser.http, "start", {"interaction": other}).status_code == 200
    world.close()


def test_only_in_one_network_where_the_operator_wants_that(tmp_path: Path) -> None:
    text = TEXT.replace("[mfa.oidc]\n", '[mfa.oidc]\ncrossing = "same-network"\n', 1)
    world = OidcWorld(tmp_path, SetClock(), extra=text).build()
    world.enrol()
    desktop = started(world.rp(), world.browser())
    phone = Phone(world, desktop.link)
    for address in ("198.51.100.9", "2001:db8::1", "unknown"):
        far = Phone(world, desktop.link, address=address)
        assert refusal(far.call("show")) == refusal(far.match(desktop.shown["code"])) == "other-network"
    phone.match(desktop.shown["code"])
    phone.http.headers["x-real-ip"] = "198.51.100.9"
    assert phone.refused() == "other-network"
    phone.http.headers["x-real-ip"] = phone.address
    assert phone.log_in().user == "alice"
    world.close()


def test_networks_are_compared_without_being_kept() -> None:
    assert network_hash("a", None) is None
    four, six = network_hash("a", "192.0.2.7"), network_hash("a", "2001:db8::/56")
    assert four is not None
    assert six is not None
    assert (four[:1], six[:1], len(four)) == (b"4", b"6", 33)
    assert network_hash("b", "192.0.2.7") != four


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (FIREFOX, "Firefox · Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari · iOS"),
        ("<script>curl", ""),
        ("", ""),
    ],
)
def test_of_a_browser_only_its_family_is_told(header: str, name: str) -> None:
    assert agent_of(header) == name
