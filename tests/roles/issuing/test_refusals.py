"""A D-TA issues once, to the right one, for the right thing, on the right word; else it says why not, each by name."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milagro.cid import CID
from milagro.errors import EncodingError, MilagroError, ParameterError
from milagro.groups import curve
from milagro.protocols import pki
from milagro.protocols.envelope import EncryptionKey, Reader, Terms, open_envelope, seal
from milagro.protocols.issuance import MAX_LIFETIME, Asked, Issued, Purpose, Ticket, check_purposes, context, subject_of
from milagro.protocols.mpin.v2 import Suite
from milagro.protocols.sharing import issuing
from milagro.roles import refusals
from milagro.roles.correspondence.keys import recipients_of, senders_of
from milagro.roles.dta.issuing import AuthorityTerms
from milagro.roles.issuance.messages import IssueRequest
from milagro.roles.issuance.requests import open_answer
from milagro.roles.issuance.tickets import CONTEXT
from tests.roles.correspondents import Owner
from tests.roles.issuing.network import NETWORK, REALM, Holder, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLY = EncryptionKey.generate(secrets.token_bytes)
PERMITS = Purpose.PERMIT


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """One for the tests that leave no trace but a holder of their own."""
    made = Network(tmp_path_factory.mktemp("network"), per_hour=10**6, per_day=10**6)
    yield made
    made.close()


@pytest.fixture
def holder(network: Network) -> Holder:
    return network.holder()


def issue(network: Network, request: IssueRequest, at: int = 0) -> bytes:
    return bytes(network.dtas[at].service.issue(request).envelope)


def share_of(network: Network, holder: Holder, ticket: bytes, at: int = 0) -> Issued:
    dta = network.dtas[at]
    envelope = issue(network, holder.request(dta, ticket, REPLY), at)
    return open_answer(holder.asked(dta, ticket, REPLY), envelope, [REPLY], senders_of(dta.owner.state.keys))


def refused(network: Network, holder: Holder, ticket: bytes, kind: type[MilagroError], **changes: Any) -> None:
    dta = network.dtas[0]
    before = dta.service.records.log.mark()
    with pytest.raises(kind) as caught:
        dta.service.issue(holder.request(dta, ticket, REPLY, **changes))
    assert type(caught.value) is kind
    assert dta.service.records.log.mark() == before


# -- what is issued ----------------------------------------------------------------------------------------------------
def test_a_good_ticket_gets_a_share_with_its_proof(network: Network, holder: Holder) -> None:
    ticket = network.for_holder(holder)
    issued = share_of(network, holder, ticket)
    assert (issued.key_id, issued.epoch) == (network.key.key_id, 0)
    share = issuing.ClientShare.from_bytes(network.sharing, issued.share)
    A = network.suite.hash_identity(holder.identity)
    asked = holder.asked(network.dtas[0], ticket, REPLY)
    issuing.check_client_share(network.key, share, A, asked.digest)
    with pytest.raises(issuing.InvalidProof):
        issuing.check_client_share(network.key, share, A, bytes(32))


def test_a_permit_is_a_share_for_its_slot(network: Network, holder: Holder) -> None:
    slot = network.suite.slot_at(network.clock())
    assert slot is not None
    issued = share_of(network, holder, network.for_holder(holder, PERMITS, slot=slot + 1))
    share = issuing.ClientShare.from_bytes(network.sharing, issued.share)
    assert network.suite.permit_point(holder.identity, slot + 1) == share.A


def test_a_server_share_goes_to_the_keys_that_the_authority_lists_and_to_nobody_else(network: Network) -> None:
    ticket, dta = network.for_server(), network.dtas[0]
    envelope = issue(network, IssueRequest(ticket=ticket))
    asked = Asked(NETWORK, dta.owner.identity, ticket)
    opened = open_answer(asked, envelope, network.authority.keys.opening, senders_of(dta.owner.state.keys))
    issuing.check_server_shares(
        network.key, [issuing.ServerShare.from_bytes(network.sharing, opened.share)], secrets.token_bytes
    )
    with pytest.raises(MilagroError):
        open_answer(asked, envelope, [REPLY], senders_of(dta.owner.state.keys))


def test_the_answer_is_for_its_request_and_of_its_node(network: Network, holder: Holder) -> None:
    one, two = (network.for_holder(holder) for _ in range(2))
    dta, other = network.dtas[:2]
    envelope = issue(network, holder.request(dta, one, REPLY))
    for asked, node in (
        (holder.asked(dta, two, REPLY), dta),
        (holder.asked(dta, one, REPLY), other),
        (replace(holder.asked(dta, one, REPLY), network=CID.of(b"another")), dta),
    ):
        with pytest.raises(MilagroError):
            open_answer(asked, envelope, [REPLY], senders_of(node.owner.state.keys))


# -- what is refused ---------------------------------------------------------------------------------------------------
def test_octets_that_are_no_ticket(network: Network, holder: Holder) -> None:
    refused(network, holder, bytes(300), refusals.TicketMalformed)
    good = network.for_holder(holder)
    refused(network, holder, good[:2000], refusals.TicketMalformed)
    recipients = [key for dta in network.dtas for key in recipients_of(dta.owner.state)]
    for payload in (b"", b"\xa0", network.ticket(holder.subject).to_bytes() + b"\0"):
        terms = Terms(CONTEXT, network.clock())
        octets = seal(payload, network.authority.pairs[0].signing, recipients, terms, secrets.token_bytes)
        refused(network, holder, octets, refusals.TicketMalformed)


def test_an_altered_ticket_and_one_of_nobody(network: Network, holder: Holder) -> None:
    good = network.for_holder(holder)
    for at in (len(good) // 2, len(good) - 20):
        refused(network, holder, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], refusals.TicketForged)
    refused(network, holder, network.sealed(network.ticket(holder.subject), by=Owner.new()), refusals.TicketForged)
    recipients = [key for dta in network.dtas for key in recipients_of(dta.owner.state)]
    terms = Terms("another context", network.clock())
    payload = network.ticket(holder.subject).to_bytes()
    octets = seal(payload, network.authority.pairs[0].signing, recipients, terms, secrets.token_bytes)
    refused(network, holder, octets, refusals.TicketForged)


def test_a_revoked_key_signs_no_tickets(tmp_path: Path) -> None:
    network = Network(tmp_path)
    holder, dta = network.holder(), network.dtas[0]
    thief = network.authority.copy()
    dta.service.issue(holder.request(dta, network.for_holder(holder), REPLY))
    network.authority.new_keys()
    network.directory.add(network.authority.replica)
    stolen = network.sealed(network.ticket(holder.subject), by=thief)
    dta.service.issue(holder.request(dta, stolen, REPLY))  # for half a minute the old keys count
    network.clock.now += 30
    refused(network, holder, network.sealed(network.ticket(holder.subject), by=thief), refusals.TicketForged)
    dta.service.issue(holder.request(dta, network.for_holder(holder), REPLY))
    replica = network.authority.replica
    replica.add(pki.retire(replica, network.authority.control, 1002).octets)
    network.directory.add(replica)
    network.clock.now += 30
    refused(network, holder, network.for_holder(holder), refusals.TicketForged)
    network.close()


@pytest.mark.parametrize(
    ("issued", "lifetime"), [(-300, 300), (-301, 120), (6, 120), (0, MAX_LIFETIME + 1), (0, 0), (5, -10)]
)
def test_a_ticket_out_of_its_time(network: Network, holder: Holder, issued: int, lifetime: int) -> None:
    now = network.clock()
    ticket = network.for_holder(holder, issued=now + issued, expires=now + issued + lifetime)
    refused(network, holder, ticket, refusals.TicketExpired)


@pytest.mark.parametrize(("issued", "lifetime"), [(-299, 300), (5, 1), (0, MAX_LIFETIME)])
def test_a_ticket_at_the_edge_of_its_time(network: Network, holder: Holder, issued: int, lifetime: int) -> None:
    now = network.clock()
    share_of(network, holder, network.for_holder(holder, issued=now + issued, expires=now + issued + lifetime))


def test_a_ticket_for_others(network: Network, holder: Holder) -> None:
    ticket = network.ticket(holder.subject)
    refused(network, holder, network.sealed(ticket, to=network.dtas[1:]), refusals.TicketAudience)
    refused(network, holder, network.for_holder(holder, network=CID.of(b"another")), refusals.TicketAudience)


def test_a_ticket_for_another_identity_or_realm(network: Network, holder: Holder) -> None:
    refused(network, holder, network.for_holder(network.holder()), refusals.TicketIdentity)
    stranger = network.holder(realm="other.example")
    refused(network, stranger, network.for_holder(stranger), refusals.TicketRealm)
    elsewhere = Holder.new(Suite(curve("BN254", backend="native")), network.clock())
    refused(network, elsewhere, network.for_holder(elsewhere), refusals.TicketIdentity)
    other = network.sealed(network.ticket(bytes(32), Purpose.SERVER_SHARE))
    with pytest.raises(refusals.TicketIdentity):
        issue(network, IssueRequest(ticket=other))


def test_a_request_that_another_key_signs(network: Network, holder: Holder) -> None:
    ticket, dta = network.for_holder(holder), network.dtas[0]
    refused(network, holder, ticket, refusals.HolderNotProven, signature=bytes(64))
    stranger = replace(network.holder(), identity=holder.identity)
    refused(network, stranger, ticket, refusals.HolderNotProven)
    other_reply = EncryptionKey.generate(secrets.token_bytes).public.octets
    refused(network, holder, ticket, refusals.HolderNotProven, reply_to=other_reply)
    for_another = holder.key.sign(holder.asked(network.dtas[1], ticket, REPLY).statement)
    refused(network, holder, ticket, refusals.HolderNotProven, signature=for_another)
    other_ticket = holder.key.sign(holder.asked(dta, network.for_holder(holder), REPLY).statement)
    refused(network, holder, ticket, refusals.HolderNotProven, signature=other_ticket)
    share_of(network, holder, ticket)


def test_a_request_of_the_wrong_shape(network: Network, holder: Holder) -> None:
    ticket = network.for_holder(holder)
    for missing in ("identity", "reply_to", "signature"):
        refused(network, holder, ticket, refusals.InvalidRequest, **{missing: None})
    refused(network, holder, network.for_server(), refusals.InvalidRequest)
    small_order = REPLY.public.octets[:-32] + bytes(32)
    asked = replace(holder.asked(network.dtas[0], ticket, REPLY), reply=small_order)
    with pytest.raises(EncodingError):
        issue(
            network,
            holder.request(
                network.dtas[0], ticket, REPLY, reply_to=small_order, signature=holder.key.sign(asked.statement)
            ),
        )
    share_of(network, holder, ticket)  # nothing was spent by all that


def test_a_slot_that_is_not_now(network: Network, holder: Holder) -> None:
    slot = network.suite.slot_at(network.clock())
    assert slot is not None
    for wrong in (slot - 2, slot + 2):
        refused(network, holder, network.for_holder(holder, PERMITS, slot=wrong), refusals.TicketSlot)


def test_what_a_network_or_an_authority_may_not_have_issued(network: Network, holder: Holder) -> None:
    for purpose in (Purpose.SENDER_KEY, Purpose.RECEIVER_KEY):
        refused(network, holder, network.for_holder(holder, purpose), refusals.PurposeNotServed)


def test_an_authority_has_its_own_purposes(tmp_path: Path) -> None:
    network = Network(tmp_path)
    network.terms[0] = replace(network.terms[0], purposes=frozenset({PERMITS}))
    network.dtas[0].service.close()
    network.dtas[0].open(network)
    holder = network.holder()
    refused(network, holder, network.for_holder(holder), refusals.AuthorityPurpose)
    share_of(network, holder, network.for_holder(holder, PERMITS))
    network.close()


def test_one_authority_cannot_enrol_in_the_realm_of_another(tmp_path: Path) -> None:
    network, other = Network(tmp_path), Owner.new()
    network.directory.add(other.replica)
    network.terms.append(AuthorityTerms(other.identity, frozenset({"other.example"})))
    for dta in network.dtas:
        dta.service.close()
        dta.open(network)
    ours, theirs = network.holder(), network.holder(realm="other.example")
    refused(network, ours, network.sealed(network.ticket(ours.subject), by=other), refusals.TicketRealm)
    share_of(network, theirs, network.sealed(network.ticket(theirs.subject), by=other))
    taken = network.sealed(
        network.ticket(subject_of(network.authority.identity.to_bytes()), Purpose.SERVER_SHARE), by=other
    )
    with pytest.raises(refusals.TicketIdentity):
        issue(network, IssueRequest(ticket=taken))
    network.close()


def test_a_key_that_is_not_accepted(network: Network, holder: Holder) -> None:
    refused(network, holder, network.for_holder(holder, key_id=bytes(32)), refusals.KeyOver)


# -- quotas ------------------------------------------------------------------------------------------------------------
def test_quotas_are_counted_by_authority_and_by_identity(tmp_path: Path) -> None:
    network = Network(tmp_path, per_hour=5, per_day=7)
    ours, others = network.holder(), [network.holder(user=f"user {i}") for i in range(9)]
    limit = network.terms[0].identity_per_day[Purpose.CLIENT_SHARE]
    network.terms[0] = replace(
        network.terms[0], identity_per_day={**network.terms[0].identity_per_day, Purpose.CLIENT_SHARE: 2}
    )
    assert limit > 2
    network.dtas[0].service.close()
    network.dtas[0].open(network)
    for _ in range(2):
        share_of(network, ours, network.for_holder(ours))
    refused(network, ours, network.for_holder(ours), refusals.IdentityQuota)
    share_of(network, ours, network.for_holder(ours, PERMITS))
    for other in others[:2]:
        share_of(network, other, network.for_holder(other))
    with pytest.raises(refusals.AuthorityQuota) as caught:
        share_of(network, others[2], network.for_holder(others[2]))
    assert caught.value.retry_after == 3600 - network.clock() % 3600
    network.clock.now += 3600
    for other in others[2:4]:
        share_of(network, other, network.for_holder(other))
    refused(network, others[4], network.for_holder(others[4]), refusals.AuthorityQuota)  # of the day
    network.clock.now += 86400
    share_of(network, ours, network.for_holder(ours))
    network.dtas[0].service.records.forget(network.clock())
    used = network.dtas[0].service.records.quotas(network.terms[0], network.clock())
    assert (used.authority_hour, used.authority_day) == (1, 1)
    network.close()


def test_what_is_refused_counts_nothing(tmp_path: Path) -> None:
    network = Network(tmp_path, per_hour=1)
    ours, other = network.holder(), network.holder(user="bob")
    for _ in range(3):
        refused(network, ours, network.for_holder(other), refusals.TicketIdentity)
    ticket = network.for_holder(ours)
    share_of(network, ours, ticket)
    refused(network, other, network.for_holder(other), refusals.AuthorityQuota)
    share_of(network, ours, ticket)  # again is not once more
    network.close()


# -- octets ------------------------------------------------------------------------------------------------------------
TICKET = Ticket(NETWORK, Purpose.PERMIT, bytes(range(32)), bytes(32), bytes(range(16)), 1_800_000_000, 1_800_000_120, 7)


def test_the_octets_of_a_ticket_are_frozen() -> None:
    assert TICKET.to_bytes().hex() == (
        "a9000101582401551220" + NETWORK.digest.hex() + "02667065726d6974035820" + bytes(range(32)).hex()
        + "045820" + bytes(32).hex() + "0550" + bytes(range(16)).hex() + "061a6b49d200071a6b49d2780807"
    )  # fmt: skip
    assert Ticket.from_bytes(TICKET.to_bytes()) == TICKET


def test_the_digest_of_a_request_is_frozen() -> None:
    asked = Asked(NETWORK, CID.of(b"a node"), b"ticket", b"reply", b"identity")
    assert asked.digest.hex() == "84558e914a56e151e551407e5a6d74cb55c73b81ebac78ecce78846609621e57"
    assert context(asked) == f"milagro share v1 {NETWORK} {asked.digest.hex()}"
    by_hand = [b"milagro issue request v1", NETWORK.to_bytes(), CID.of(b"a node").to_bytes()]
    by_hand += [hashlib.sha256(b"ticket").digest(), b"MLKEM768-X25519.1", b"reply", b"identity"]
    statement = b"".join(len(field).to_bytes(4, "big") + field for field in by_hand)
    assert asked.digest == hashlib.sha256(statement).digest()
    others = [
        replace(asked, ticket=b""),
        replace(asked, reply=b""),
        replace(asked, identity=b"", reply=b"replyidentity"),
    ]
    assert len({one.digest for one in [asked, *others]}) == 1 + len(others)


@given(st.integers(0, len(TICKET.to_bytes()) - 1), st.binary(max_size=8), st.integers(0, 8))
@settings(max_examples=200, deadline=None)
def test_no_octets_make_the_reader_of_tickets_fail_otherwise(at: int, junk: bytes, drop: int) -> None:
    octets = TICKET.to_bytes()
    made = octets[:at] + junk + octets[at + drop :]
    with contextlib.suppress(EncodingError):
        assert Ticket.from_bytes(made).to_bytes() == made


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bit_of_a_ticket_can_be_changed(network: Network, holder: Holder, data: st.DataObject) -> None:
    good = network.for_holder(holder)
    at = data.draw(st.integers(0, len(good) - 1))
    altered = good[:at] + bytes([good[at] ^ 1 << data.draw(st.integers(0, 7))]) + good[at + 1 :]
    dta = network.dtas[0]
    with pytest.raises(MilagroError):
        dta.service.issue(holder.request(dta, altered, REPLY))


def test_receivers_and_pins_never_share_a_key() -> None:
    for mixed in ({Purpose.CLIENT_SHARE, Purpose.RECEIVER_KEY}, set(), set(Purpose), {PERMITS, Purpose.SENDER_KEY}):
        with pytest.raises(ParameterError):
            check_purposes(frozenset(mixed))


def test_a_ticket_shows_nothing_on_its_way(network: Network, holder: Holder) -> None:
    sealed = network.for_holder(holder)
    assert holder.subject not in sealed
    assert REALM.encode() not in sealed
    reader = Reader(network.dtas[0].owner.keys.opening, senders_of(network.authority.state.keys), CONTEXT)
    assert holder.subject in open_envelope(sealed, reader)[0]
