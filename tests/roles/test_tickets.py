"""A D-TA issues once, to the right one, for the right thing, on the right word; else it says why not."""

from __future__ import annotations

import base64
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from milagro.protocols.mpin.v2 import ClientShare, Ed25519Key, Identity, PermitShare
from milagro.roles import proofs
from milagro.roles.dta.records import DtaRecords
from milagro.roles.refusals import TicketExpired, TicketReused
from milagro.roles.tickets import Authority, Purpose, RegistrationKey, Ticket
from milagro.roles.wire import to_octets, to_text
from tests.roles.rpc_world import RpcWorld
from tests.roles.world import DTA_URLS, SetClock, World
from tests.stores.databases import store_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milagro.stores.state import Database

URL = DTA_URLS["dta-1"]
OWN = RegistrationKey(secrets.token_bytes(32))  # nobody trusts this one


@dataclass
class Holder:
    """An identity with its key, which no server has pinned: a D-TA need not know."""

    world: World
    key: Ed25519Key
    identity: Identity

    @property
    def subject(self) -> str:
        return self.identity.digest().hex()

    def ticket(self, purpose: Purpose = Purpose.CLIENT_SHARE, **changes: Any) -> str:
        """A good ticket, but for `changes`."""
        now = self.world.clock()
        fields: dict[str, Any] = {
            "issuer": "login.test",
            "audience": "dta-1",
            "subject": self.subject,
            "purpose": purpose,
            "slot": None,
            "jti": secrets.token_hex(16),
            "issued_at": now,
            "expires_at": now + 120,
        }
        return self.world.authority.key.sign(Ticket(**{**fields, **changes}))

    def ask(self, ticket: str, key: Ed25519Key | None = None) -> tuple[int, str]:
        status, body = self.world.post(URL, "/v1/shares/client", self.body(ticket, key))
        return status, body["error"]["code"] if status != 200 else "issued"

    def body(self, ticket: str, key: Ed25519Key | None = None) -> dict[str, Any]:
        octets = self.identity.to_bytes()
        signature = (key or self.key).sign(proofs.share("dta-1", ticket, octets))
        return {"ticket": ticket, "identity": to_text(octets), "signature": to_text(signature)}

    def ask_permit(self, ticket: str, slot: int) -> tuple[int, str]:
        status, body = self.world.post(URL, "/v1/permits", {**self.body(ticket), "slot": slot})
        return status, body["error"]["code"] if status != 200 else "issued"


PLACES = [("http", "sqlite"), ("http", "postgresql"), ("grpc", "sqlite")]


@pytest.fixture(scope="module", params=PLACES, ids="-".join)
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    """One for all tests of a transport and a database: each has an identity of its own, and none sets the clock."""
    transport, store = request.param
    kind = RpcWorld if transport == "grpc" else World
    built = kind(tmp_path_factory.mktemp("world"), SetClock(), store=lambda: store_table(store, request)).build()
    yield built
    built.mfa.close()
    for dta in built.dtas.values():
        dta.close()
    if isinstance(built, RpcWorld):
        built.close()


@pytest.fixture
def holder(world: World) -> Holder:
    key = Ed25519Key.generate(secrets.token_bytes)
    now = world.clock()
    identity = Identity.create(world.mfa.suite, "login.test", "alice", "laptop", key, now, secrets.token_bytes)
    return Holder(world, key, identity)


def resigned(holder: Holder, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """A token with any claims under the trusted key, put together by hand."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    header = header or {"alg": "Ed25519", "typ": "milagro-ticket+jwt"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    seed = holder.world.authority.key._key.as_dict(private=True)["d"]
    key = Ed25519PrivateKey.from_private_bytes(to_octets(seed))
    return ".".join([*parts, to_text(key.sign(".".join(parts).encode()))])


def claims_of(ticket: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(to_octets(ticket.split(".")[1]))
    return claims


def test_a_good_ticket_gets_the_share_once(holder: Holder) -> None:
    ticket = holder.ticket()
    status, body = holder.world.post(URL, "/v1/shares/client", holder.body(ticket))
    assert status == 200
    assert body["issuer"] == "dta-1"
    share = ClientShare.from_bytes(holder.world.mfa.suite, to_octets(body["share"]))
    assert share.identity == holder.identity
    assert holder.ask(ticket) == (409, "ticket-reused")


def test_a_ticket_made_by_the_authority_is_a_good_one(holder: Holder) -> None:
    now = holder.world.clock()
    assert holder.ask(holder.world.authority.ticket("dta-1", holder.subject, Purpose.CLIENT_SHARE, now)) == (
        200,
        "issued",
    )


def test_a_handmade_token_is_refused_for_nothing_but_its_faults(holder: Holder) -> None:
    assert holder.ask(resigned(holder, claims_of(holder.ticket()))) == (200, "issued")


FAULTS: dict[str, tuple[Callable[[Holder], str], int, str]] = {
    "another audience": (lambda h: h.ticket(audience="dta-2"), 403, "ticket-audience"),
    "another identity": (lambda h: h.ticket(subject="00" * 32), 403, "ticket-identity"),
    "another purpose": (lambda h: h.ticket(Purpose.SERVER_SHARE), 403, "ticket-purpose"),
    "a permit's purpose": (lambda h: h.ticket(Purpose.PERMIT, slot=5), 403, "ticket-purpose"),
    "expired": (lambda h: h.ticket(expires_at=h.world.clock(), issued_at=h.world.clock() - 100), 410, "ticket-expired"),
    "from the future": (
        lambda h: h.ticket(issued_at=h.world.clock() + 60, expires_at=h.world.clock() + 100),
        410,
        "ticket-expired",
    ),
    "too long": (lambda h: h.ticket(expires_at=h.world.clock() + 301), 410, "ticket-expired"),
    "ends before it begins": (lambda h: h.ticket(expires_at=h.world.clock() - 1), 410, "ticket-expired"),
    "unknown issuer": (
        lambda h: Authority("login.other", OWN).ticket("dta-1", h.subject, Purpose.CLIENT_SHARE, h.world.clock()),
        403,
        "ticket-forged",
    ),
    "trusted name, own key": (
        lambda h: Authority("login.test", OWN).ticket("dta-1", h.subject, Purpose.CLIENT_SHARE, h.world.clock()),
        403,
        "ticket-forged",
    ),
    "flipped signature": (lambda h: flip(h.ticket()), 403, "ticket-forged"),
    "claims changed under the signature": (
        lambda h: swap(h.ticket(audience="dta-2"), h.ticket()),
        403,
        "ticket-forged",
    ),
    "no signature": (lambda h: unsigned(h.ticket()), 400, "ticket-malformed"),
    "signed with a secret": (lambda h: header_of(h, alg="HS256"), 400, "ticket-malformed"),
    "type of another token": (lambda h: header_of(h, typ="JWT"), 400, "ticket-malformed"),
    "a header that brings its key": (lambda h: header_of(h, jwk={"kty": "OKP"}), 400, "ticket-malformed"),
    "a claim too many": (lambda h: with_claims(h, admin=True), 400, "ticket-malformed"),
    "a claim too few": (lambda h: without_claim(h, "jti"), 400, "ticket-malformed"),
    "unknown purpose": (lambda h: with_claims(h, purpose="master-secret"), 400, "ticket-malformed"),
    "a purpose that is no text": (lambda h: with_claims(h, purpose=["client-share"]), 400, "ticket-malformed"),
    "several audiences": (lambda h: with_claims(h, aud=["dta-1", "dta-2"]), 400, "ticket-malformed"),
    "time in text": (lambda h: with_claims(h, exp="1800000100"), 400, "ticket-malformed"),
    "time in a fraction": (lambda h: with_claims(h, exp=h.world.clock() + 0.5), 400, "ticket-malformed"),
    "time that is true": (lambda h: with_claims(h, iat=True), 400, "ticket-malformed"),
    "negative time": (lambda h: with_claims(h, iat=-1), 400, "ticket-malformed"),
    "a slot where none belongs": (lambda h: with_claims(h, slot=7), 400, "ticket-malformed"),
    "a slot of null": (lambda h: with_claims(h, slot=None), 400, "ticket-malformed"),
    "an id that is not ours": (lambda h: with_claims(h, jti="../x"), 400, "ticket-malformed"),
    "not a token": (lambda h: "a" * 30 + ".b.c", 400, "ticket-malformed"),
    "claims that are no object": (lambda h: array_claims(h.ticket()), 400, "ticket-malformed"),
}


def flip(ticket: str) -> str:
    head, _, signature = ticket.rpartition(".")
    octets = bytearray(to_octets(signature))
    octets[5] ^= 1
    return f"{head}.{to_text(bytes(octets))}"


def swap(claims_from: str, signature_from: str) -> str:
    header, claims, _ = claims_from.split(".")
    return f"{header}.{claims}.{signature_from.rsplit('.', 1)[1]}"


def unsigned(ticket: str) -> str:
    header = to_text(json.dumps({"alg": "none", "typ": "milagro-ticket+jwt"}).encode())
    return f"{header}.{ticket.split('.')[1]}.AA"


def array_claims(ticket: str) -> str:
    header, _, signature = ticket.split(".")
    return f"{header}.{to_text(b'[1,2,3]')}.{signature}"


def header_of(holder: Holder, **changes: Any) -> str:
    header = {"alg": "Ed25519", "typ": "milagro-ticket+jwt", **changes}
    return resigned(holder, claims_of(holder.ticket()), header)


def with_claims(holder: Holder, **changes: Any) -> str:
    return resigned(holder, {**claims_of(holder.ticket()), **changes})


def without_claim(holder: Holder, name: str) -> str:
    claims = claims_of(holder.ticket())
    del claims[name]
    return resigned(holder, claims)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_ticket_is_refused_with_its_own_code(holder: Holder, fault: str) -> None:
    make, status, code = FAULTS[fault]
    assert holder.ask(make(holder)) == (status, code)
    assert holder.world.dtas["dta-1"]._records.issued(holder.subject, "client-share") == 0


def test_a_stolen_ticket_is_of_no_use_without_the_client_key(holder: Holder) -> None:
    ticket = holder.ticket()
    assert holder.ask(ticket, Ed25519Key.generate(secrets.token_bytes)) == (403, "holder-not-proven")
    assert holder.ask(ticket) == (200, "issued")  # and the attempt did not spend it


def test_an_authority_speaks_for_its_own_realm_only(holder: Holder) -> None:
    now = holder.world.clock()
    identity = Identity.create(
        holder.world.mfa.suite, "login.other", "alice", "laptop", holder.key, now, secrets.token_bytes
    )
    foreign = Holder(holder.world, holder.key, identity)
    assert foreign.ask(foreign.ticket()) == (403, "ticket-identity")


def test_the_server_share_goes_only_to_the_authority_itself(holder: Holder) -> None:
    def ask(ticket: str) -> tuple[int, str]:
        status, body = holder.world.post(URL, "/v1/shares/server", {"ticket": ticket})
        return status, body["error"]["code"] if status != 200 else "issued"

    assert ask(holder.ticket(Purpose.SERVER_SHARE)) == (403, "ticket-identity")
    assert ask(holder.ticket(Purpose.SERVER_SHARE, subject="login.test", audience="dta-2")) == (403, "ticket-audience")
    assert ask(holder.ticket(Purpose.CLIENT_SHARE, subject="login.test")) == (403, "ticket-purpose")
    good = holder.ticket(Purpose.SERVER_SHARE, subject="login.test")
    assert ask(good) == (200, "issued")
    assert ask(good) == (409, "ticket-reused")


def test_a_permit_is_for_the_slot_of_its_ticket_and_near(holder: Holder) -> None:
    slot = holder.world.mfa.suite.slot_at(holder.world.clock())
    assert slot is not None
    ticket = holder.ticket(Purpose.PERMIT, slot=slot)
    assert holder.ask_permit(ticket, slot + 1) == (403, "ticket-slot")
    assert holder.ask_permit(holder.ticket(Purpose.PERMIT, slot=slot + 2), slot + 2) == (403, "ticket-slot")
    assert holder.ask_permit(holder.ticket(Purpose.PERMIT, slot=slot - 2), slot - 2) == (403, "ticket-slot")
    assert holder.ask_permit(holder.ticket(), slot) == (403, "ticket-purpose")
    status, body = holder.world.post(URL, "/v1/permits", {**holder.body(ticket), "slot": slot})
    assert status == 200
    assert PermitShare.from_bytes(holder.world.mfa.suite, to_octets(body["share"])).slot == slot
    assert holder.ask_permit(ticket, slot) == (409, "ticket-reused")


def test_a_hundred_uses_of_one_ticket_at_once_give_one_share(holder: Holder) -> None:
    body = holder.body(holder.ticket())
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: holder.world.post(URL, "/v1/shares/client", body), range(100)))
    assert sorted(status for status, _ in answers) == [200] + [409] * 99
    assert holder.world.dtas["dta-1"]._records.issued(holder.subject, "client-share") == 1


def test_a_spent_ticket_stays_spent_after_a_restart(holder: Holder) -> None:
    ticket = holder.ticket()
    assert holder.ask(ticket) == (200, "issued")
    holder.world.start_dta("dta-1")
    assert holder.ask(ticket) == (409, "ticket-reused")


def test_a_forgotten_ticket_stays_refused_when_the_clock_runs_backwards(database: Database) -> None:
    records = DtaRecords(database)
    old = Ticket("login.test", "dta-1", "aa", Purpose.CLIENT_SHARE, None, "1" * 32, 1000, 1100)
    records.spend(old, 1000)
    with pytest.raises(TicketReused):
        records.spend(old, 1000)
    assert records.forget_spent(before=1100) == 0
    assert records.forget_spent(before=2000) == 1
    with pytest.raises(TicketExpired):
        records.spend(old, 1000)
    newer = Ticket("login.test", "dta-1", "aa", Purpose.CLIENT_SHARE, None, "2" * 32, 1001, 1101)
    records.spend(newer, 1001)
    assert records.forget_spent(before=3000) == 1
    with pytest.raises(TicketExpired):
        records.spend(newer, 1001)
    records.state.close()


def test_tickets_that_an_older_database_may_have_seen_are_refused(database: Database, tmp_path: Path) -> None:
    guarded = replace(database, epoch_file=tmp_path / "state.epoch")
    records = DtaRecords(guarded, clock=lambda: 1010)
    before = Ticket("login.test", "dta-1", "aa", Purpose.CLIENT_SHARE, None, "1" * 32, 1000, 1100)
    records.spend(before, 1000)
    with records.state.write() as connection:  # yesterday's database is put back
        connection.exec_driver_sql("DELETE FROM spent_ticket")
        connection.exec_driver_sql("UPDATE schema_state SET epoch = 0")
    records.state.close()
    for now in (1010, 1020):  # it is recognised at the first start, and stays known
        records = DtaRecords(guarded, clock=lambda now=now: now)  # type: ignore[misc]
        with pytest.raises(TicketExpired, match="older than this D-TA's database"):
            records.spend(before, now)
        records.spend(Ticket("login.test", "dta-1", "aa", before.purpose, None, f"{now}" * 8, 1016, 1111), now)
        records.state.close()


def test_the_registration_key_shows_only_its_public_part() -> None:
    assert OWN._key.as_dict(private=True)["d"] not in repr(OWN)
    assert OWN.public_key.hex() in repr(OWN)
