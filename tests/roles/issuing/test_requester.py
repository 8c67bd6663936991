"""The side that asks: t good answers are enough, whatever the others do, and each of those is named with its reason."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from milagro.errors import InvalidSignature, MalformedEnvelope, MilagroError, NotFound, ParameterError
from milagro.protocols import wcc
from milagro.protocols.issuance import CHOW_CHOO, Purpose, view_octets
from milagro.protocols.mpin.v2 import ServerSecret
from milagro.protocols.sharing import KeyRing, Member, Roster, Succession, deal
from milagro.protocols.sharing.refusals import InvalidProof
from milagro.roles.issuance import Reason, Registrar, Requester
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.issuance.messages import Endorsement, KeyView, SuccessionAnswer
from milagro.roles.issuance.reports import Report, TooFewAnswers
from milagro.roles.issuance.requester import Patience
from milagro.roles.issuance.requests import point_in_g2
from milagro.roles.issuance.views import signed_view
from tests.roles.issuing import byzantine
from tests.roles.issuing.byzantine import Wrong
from tests.roles.issuing.network import NETWORK, Dta, Hand, Network, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from milagro.protocols.sharing import KeyShare

DIAL = HttpDial()
PATIENT = Patience(answer=10.0, overall=20.0, linger=2.0)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    made = Network(tmp_path_factory.mktemp("network"), 2, 3, clock=lambda: int(time.time()))
    yield made
    made.close()


@pytest.fixture(scope="module")
def urls(network: Network) -> Iterator[dict[int, str]]:
    with serving(*(dta.app() for dta in network.dtas)) as found:
        yield {dta.index: url for dta, url in zip(network.dtas, found, strict=True)}


def requester(network: Network, urls: dict[int, str], patience: Patience = PATIENT, **changes: Any) -> Requester:
    return Requester(network.view(urls, **changes), DIAL, patience)


# -- what comes of it --------------------------------------------------------------------------------------------------
def test_any_t_give_the_client_secret(network: Network, urls: dict[int, str]) -> None:
    holder = network.holder()
    right = network.secret * network.suite.hash_identity(holder.identity)
    for some in combinations(network.dtas, 2):
        reached = {dta.index: urls[dta.index] for dta in some}
        got, report = requester(network, reached).client_secret(network.for_holder(holder), holder.identity, holder.key)
        assert got.point == right
        assert set(report.good) == {dta.name for dta in some}
        assert [fault.reason for fault in report.bad] == [Reason.UNREACHABLE]


def test_it_does_not_wait_for_those_who_are_not_needed(network: Network, urls: dict[int, str]) -> None:
    holder = network.holder()
    hasty = Patience(answer=5.0, overall=30.0)
    with serving(Wrong(network, network.dtas[0], byzantine.silent)) as found:
        ask = requester(network, {**urls, 1: found[0]}, hasty)
        before = time.monotonic()
        _, report = ask.client_secret(network.for_holder(holder), holder.identity, holder.key)
        assert time.monotonic() - before < 5
    assert report == Report(report.good, (), ("dta-1",))
    with pytest.raises(NotFound):
        report.of("dta-1")


def test_permits_and_server_secrets(network: Network, urls: dict[int, str]) -> None:
    holder, ask = network.holder(), requester(network, urls)
    slot = network.suite.slot_at(network.clock())
    assert slot is not None
    ticket = network.for_holder(holder, Purpose.PERMIT, slot=slot)
    permit, _ = ask.permit(ticket, holder.identity, slot, holder.key)
    assert permit.point == network.secret * network.suite.permit_point(holder.identity, slot)
    server, report = ask.server_secret(network.for_server(), network.authority.keys.opening)
    assert isinstance(server, ServerSecret)
    assert server.point == network.secret * network.suite.curve.g2
    assert len(report.good) == 3


def test_what_an_authority_signs_is_what_d_tas_take(network: Network, urls: dict[int, str]) -> None:
    holder, ask, now = network.holder(), requester(network, urls), network.clock()
    authority = Registrar(network.authority.identity, network.authority.pairs[-1].signing, network.view())
    slot = network.suite.slot_at(now)
    assert slot is not None
    client, _ = ask.client_secret(
        authority.ticket(Purpose.CLIENT_SHARE, holder.identity, now), holder.identity, holder.key
    )
    permit = authority.ticket(Purpose.PERMIT, holder.identity, now, slot=slot)
    ask.permit(permit, holder.identity, slot, holder.key)
    server, _ = ask.server_secret(authority.server_ticket(now), network.authority.keys.opening)
    E = network.suite.curve
    assert E.pairing_check([(client.point, E.g2), (-network.suite.hash_identity(holder.identity), server.point)])
    with pytest.raises(ParameterError):
        authority.ticket(Purpose.SERVER_SHARE, holder.identity, now)
    for wrong in ({"purpose": Purpose.PERMIT}, {"purpose": Purpose.CLIENT_SHARE, "slot": slot}):
        with pytest.raises(MalformedEnvelope):
            authority.ticket(holder=holder.identity, now=now, **wrong)


def test_two_parties_agree_on_a_key(tmp_path: Path) -> None:
    network = Network(tmp_path, 2, 3, purposes=CHOW_CHOO, clock=lambda: int(time.time()))
    E = network.suite.curve
    alice, bob = network.holder(), network.holder(user="bob")
    with serving(*(dta.app() for dta in network.dtas)) as found:
        ask = requester(network, dict(enumerate(found, 1)))
        ticket = network.for_holder(alice, Purpose.SENDER_KEY)
        sends, _ = ask.sender_key(ticket, alice.identity, alice.key)
        ticket = network.for_holder(bob, Purpose.RECEIVER_KEY)
        receives, _ = ask.receiver_key(ticket, bob.identity, bob.key)
        server = network.for_server()
        with pytest.raises(TooFewAnswers) as caught:
            ask.server_secret(server, network.authority.keys.opening)
    assert {fault.code for fault in caught.value.report.bad} == {"purpose-not-served"}
    assert receives == network.secret * point_in_g2(network.suite, bob.identity)
    names = alice.identity.to_bytes(), bob.identity.to_bytes()
    assert sends == wcc.sender_key(E, network.secret, wcc.hashed_identity(E, names[0]))
    waiting, pa = wcc.Sender.start(E, *names, sends, E.random_scalar(secrets.token_bytes))
    y, w = (E.random_scalar(secrets.token_bytes) for _ in range(2))
    pb, pg, key = wcc.respond(E, *names, receives, pa, y=y, w=w)
    assert waiting.finish(pb, pg) == key
    network.close()


# -- who does wrong ----------------------------------------------------------------------------------------------------
CATALOGUE = {
    byzantine.wrong_share: Reason.WRONG_SHARE,
    byzantine.wrong_proof: Reason.WRONG_SHARE,
    byzantine.other_point: Reason.WRONG_SHARE,
    byzantine.replayed_share: Reason.WRONG_SHARE,
    byzantine.replayed_answer: Reason.NOT_ITS_OWN,
    byzantine.share_of_another: Reason.NOT_ITS_OWN,
    byzantine.signed_by_another: Reason.NOT_ITS_OWN,
    byzantine.other_epoch: Reason.OTHER_EPOCH,
    byzantine.other_sharing: Reason.OTHER_EPOCH,
    byzantine.other_key: Reason.OTHER_KEY,
    byzantine.no_share: Reason.GARBAGE,
    byzantine.garbage: Reason.GARBAGE,
    byzantine.deep_json: Reason.GARBAGE,
    byzantine.no_envelope: Reason.GARBAGE,
    byzantine.zipped: Reason.GARBAGE,
    byzantine.refuses: Reason.REFUSED,
    byzantine.strange_status: Reason.REFUSED,
    byzantine.redirects: Reason.REDIRECTED,
    byzantine.overloaded: Reason.REFUSED,
    byzantine.huge: Reason.TOO_LARGE,
    byzantine.silent: Reason.SILENT,
    byzantine.drips: Reason.SLOW,
}


@pytest.mark.parametrize(("misdeed", "reason"), CATALOGUE.items(), ids=[one.__name__ for one in CATALOGUE])
def test_who_does_wrong_is_named_and_passed_over(
    network: Network, urls: dict[int, str], misdeed: byzantine.Misdeed, reason: Reason
) -> None:
    holder, bad = network.holder(), network.dtas[1]
    late = reason in (Reason.SILENT, Reason.SLOW)
    patience = Patience(1.0, 20.0, 1.5) if late else Patience(20.0, 40.0, 30.0)
    with serving(Wrong(network, bad, misdeed)) as found:
        ask = requester(network, {**urls, bad.index: found[0]}, patience)
        got, report = ask.client_secret(network.for_holder(holder), holder.identity, holder.key)
    assert got.point == network.secret * network.suite.hash_identity(holder.identity)
    assert set(report.good) == {"dta-1", "dta-3"}
    assert [(fault.name, fault.reason) for fault in report.bad] == [("dta-2", reason)]
    assert report.of("dta-2").detail.isprintable()


SOCKETS = {
    byzantine.hangs_up: Reason.UNREACHABLE,
    byzantine.speaks_no_http: Reason.UNREACHABLE,
    byzantine.stops_half_way: Reason.UNREACHABLE,
    byzantine.drips_its_head: Reason.SILENT,
}


@pytest.mark.parametrize(("misdeed", "reason"), SOCKETS.items(), ids=[one.__name__ for one in SOCKETS])
def test_who_does_not_even_speak_http_is_named(
    network: Network, urls: dict[int, str], misdeed: Callable[[socket.socket], None], reason: Reason
) -> None:
    holder = network.holder()
    with byzantine.raw(misdeed) as url:
        ask = requester(network, {**urls, 3: url}, Patience(answer=1.0, overall=20.0, linger=2.0))
        _, report = ask.client_secret(network.for_holder(holder), holder.identity, holder.key)
    assert {*report.good} == {"dta-1", "dta-2"}
    assert report.of("dta-3").reason is reason


def test_with_too_few_good_ones_each_fault_is_told(network: Network, urls: dict[int, str]) -> None:
    holder = network.holder()
    bad = [Wrong(network, network.dtas[0], byzantine.wrong_share), Wrong(network, network.dtas[1], byzantine.garbage)]
    with serving(*bad) as found:
        ask = requester(network, {1: found[0], 2: found[1], 3: urls[3]})
        with pytest.raises(TooFewAnswers) as caught:
            ask.client_secret(network.for_holder(holder), holder.identity, holder.key)
    report = caught.value.report
    assert report.good == ("dta-3",)
    assert [fault.reason for fault in report.bad] == [Reason.WRONG_SHARE, Reason.GARBAGE]
    assert "dta-1: wrong-share" in str(caught.value)


def test_the_time_for_everything_is_bounded(network: Network) -> None:
    holder = network.holder()
    bad = [
        Wrong(network, dta, misdeed)
        for dta, misdeed in zip(network.dtas, (byzantine.silent, byzantine.drips, byzantine.silent), strict=True)
    ]
    with serving(*bad) as found:
        ask = requester(network, dict(enumerate(found, 1)), Patience(answer=0.3, overall=0.8))
        before = time.monotonic()
        with pytest.raises(TooFewAnswers) as caught:
            ask.client_secret(network.for_holder(holder), holder.identity, holder.key)
        assert time.monotonic() - before < 10
    assert len(caught.value.report.bad) == 3


def test_who_is_busy_is_asked_again(network: Network, urls: dict[int, str]) -> None:
    class Busy:
        def __init__(self) -> None:
            self.asked = 0
            self.app = network.dtas[0].app()

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            self.asked += 1
            if self.asked > 2:
                await self.app(scope, receive, send)
                return
            wrong = Wrong(network, network.dtas[0], lambda *_: (503, {}, b""))
            await wrong(scope, receive, send)

    holder, busy = network.holder(), Busy()
    with serving(busy) as found:
        ask = requester(network, {1: found[0], 2: urls[2]})
        _, report = ask.client_secret(network.for_holder(holder), holder.identity, holder.key)
    assert set(report.good) == {"dta-1", "dta-2"}
    assert busy.asked == 3


def test_a_refused_ticket_is_reported_with_its_code(network: Network, urls: dict[int, str]) -> None:
    holder = network.holder()
    with pytest.raises(TooFewAnswers) as caught:
        requester(network, urls).client_secret(network.for_holder(network.holder()), holder.identity, holder.key)
    assert {fault.code for fault in caught.value.report.bad} == {"ticket-identity"}


# -- epochs and keys ---------------------------------------------------------------------------------------------------
class Keys:
    """Endorsements of the test: by the members' own identities."""

    def __init__(self, network: Network, me: Dta | None = None) -> None:
        self._network, self._me = network, me

    def sign(self, message: bytes) -> bytes:
        assert self._me is not None
        return self._me.owner.pairs[-1].signing.sign(message)

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        key = self._network.dtas[member.index - 1].owner.pairs[-1].public.signing
        try:
            key.verify(signature, message)
        except InvalidSignature:
            raise InvalidProof("not endorsed", [member.index]) from None

    def seal(self, _member: Member, plaintext: bytes) -> bytes:
        return plaintext

    def open(self, _member: Member, sealed: bytes) -> bytes:
        return sealed


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[tuple[Network, dict[int, str]]]:
    """A network of its own, whose shares change."""
    made = Network(tmp_path, 2, 3, clock=lambda: int(time.time()))
    with serving(*(dta.app() for dta in made.dtas)) as found:
        yield made, {dta.index: url for dta, url in zip(made.dtas, found, strict=True)}
    made.close()


def reshared(network: Network, epoch: int, secret: Any = None) -> list[KeyShare]:
    return deal(network.sharing, secret or network.secret, 2, 3, secrets.token_bytes, epoch=epoch)


def test_an_epoch_that_changed_is_followed(moving: tuple[Network, dict[int, str]]) -> None:
    network, urls = moving
    holder, ask = network.holder(), requester(network, urls)
    ticket = network.for_holder(holder)
    first, _ = ask.client_secret(ticket, holder.identity, holder.key)
    for dta, share in zip(network.dtas, reshared(network, 1), strict=True):
        dta.hand.share = share
    second, report = ask.client_secret(network.for_holder(holder), holder.identity, holder.key)
    assert second.point == first.point
    assert len(report.good) >= 2
    assert ask.view.current.epoch == 1


def test_a_key_view_that_fewer_than_t_hold_is_not_followed(moving: tuple[Network, dict[int, str]]) -> None:
    network, urls = moving
    ask, before = requester(network, urls), network.key
    network.dtas[0].hand.share = reshared(network, 7)[0]
    assert ask.learn().current == before
    other = reshared(network, 7)
    network.dtas[1].hand.share = other[1]  # two that do not say the same
    assert ask.learn().current == before
    strange = network.suite.curve.random_scalar(secrets.token_bytes)
    for dta, share in zip(network.dtas, reshared(network, 8, strange), strict=True):
        dta.hand.share = share  # all of them, but it is another key than the pinned one
    assert ask.learn().current == before


def test_a_key_view_is_signed_by_its_node(network: Network) -> None:
    view, node = network.view(), network.view().nodes[0]
    good = network.dtas[0].service.keys()
    assert view.ring_of(node, good).current == network.key
    ring = KeyRing(reshared(network, 3)[0].key).to_bytes()
    key = network.dtas[1].owner.pairs[-1].signing
    octets = view_octets(NETWORK, node.identity, ring, good.at)
    by_another = KeyView(
        node=str(node.identity),
        network=str(NETWORK),
        keys=ring,
        at=good.at,
        signing_key=key.public.id,
        signature=key.sign(signed_view(key.public.suite, octets)),
    )
    for wrong in (
        by_another,
        good.model_copy(update={"keys": ring}),
        good.model_copy(update={"at": good.at + 1}),
        good.model_copy(update={"node": str(view.nodes[1].identity)}),
        good.model_copy(update={"network": str(node.identity)}),
    ):
        with pytest.raises(MilagroError):
            view.ring_of(node, wrong)


def test_a_rotation_is_followed_and_both_keys_serve_within_the_overlap(moving: tuple[Network, dict[int, str]]) -> None:
    network, urls = moving
    roster = Roster.create([Member(dta.index, dta.name, dta.owner.identity.to_bytes()) for dta in network.dtas], 2)
    ask = requester(network, urls, roster=roster, endorsers=Keys(network))
    holder, old = network.holder(), network.key
    secret = network.suite.curve.random_scalar(secrets.token_bytes)
    new, ends = reshared(network, 0, secret), network.clock() + 600
    for dta, share in zip(network.dtas, new, strict=True):
        was = dta.hand.current().share
        dta.hand.share, dta.hand.retiring = share, [(was, ends)]
    succession = Succession(old, new[0].key, ends)
    endorsed = [
        Endorsement(index=dta.index, signature=succession.endorse(Keys(network, dta))) for dta in network.dtas[:2]
    ]
    answer = SuccessionAnswer(succession=succession.to_bytes(), endorsements=endorsed)
    short = answer.model_copy(update={"endorsements": endorsed[:1]})
    forged = answer.model_copy(update={"endorsements": [endorsed[0], endorsed[1].model_copy(update={"index": 3})]})
    for wrong in (short, forged):
        with pytest.raises(MilagroError):
            ask.view.succeeded(wrong)
        assert ask.view.follow([wrong]).current == old
    for dta in network.dtas:
        dta.service._successions = lambda: [answer]
    assert ask.learn().keys == (new[0].key, old)
    point = network.suite.hash_identity(holder.identity)
    for key, right in ((new[0].key, secret), (old, network.secret)):
        ticket = network.for_holder(holder, key_id=key.key_id)
        got, _ = ask.client_secret(ticket, holder.identity, holder.key, key.key_id)
        assert got.point == right * point
    for dta in network.dtas:
        dta.hand.retiring = []
    with pytest.raises(TooFewAnswers) as caught:
        ask.client_secret(network.for_holder(holder, key_id=old.key_id), holder.identity, holder.key, old.key_id)
    assert {fault.code for fault in caught.value.report.bad} == {"key-over"}
    with pytest.raises(InvalidSignature):
        ask.client_secret(network.for_holder(holder), holder.identity, holder.key, bytes(32))


def test_a_succession_cannot_bring_its_own_threshold(network: Network) -> None:
    """Endorsed by one, over a forged old key of the same public part whose threshold is one."""
    roster = Roster.create([Member(dta.index, dta.name, dta.owner.identity.to_bytes()) for dta in network.dtas], 2)
    view = network.view(roster=roster, endorsers=Keys(network))
    forged = deal(network.sharing, network.secret, 1, 3, secrets.token_bytes)[0].key
    succession = Succession(forged, reshared(network, 0, network.suite.curve.scalar(5))[0].key, network.clock() + 600)
    endorsed = [Endorsement(index=1, signature=succession.endorse(Keys(network, network.dtas[0])))]
    with pytest.raises(InvalidSignature):
        view.succeeded(SuccessionAnswer(succession=succession.to_bytes(), endorsements=endorsed))


def test_a_node_without_a_share_is_passed_over(moving: tuple[Network, dict[int, str]]) -> None:
    network, urls = moving
    holder = network.holder()
    network.dtas[2].hand.share = None
    _, report = requester(network, urls).client_secret(network.for_holder(holder), holder.identity, holder.key)
    assert report.of("dta-3").reason is Reason.REFUSED
    assert isinstance(network.dtas[0].hand, Hand)
    assert replace(report, bad=()).bad == ()
