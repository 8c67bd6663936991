"""A network cut in two: the smaller part issues nothing that is of use, the larger one goes on, and all do when healed.

Each D-TA is a process in a network namespace of its own, with TLS. Short form: 2-of-3. MILAGRO_NETWORK=long: 3-of-5,
and the larger part renews its shares meanwhile.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from milagro.cid import CID
from milagro.groups import curve
from milagro.protocols import pki
from milagro.protocols.issuance import Purpose
from milagro.protocols.mpin.v2 import Suite
from milagro.protocols.pki import Replica
from milagro.roles.issuance import NetworkView, Node, Registrar, Requester
from milagro.roles.issuance.agreement import agreed, hear
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.issuance.reports import Report, TooFewAnswers
from milagro.roles.issuance.requester import Patience
from tests.roles.correspondents import Owner
from tests.roles.issuing.network import REALM, Holder
from tests.roles.network.namespaces import Namespaces, namespaces, why_not
from tests.roles.network.site import Site
from tests.roles.tls import TestAuthority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milagro.groups import G1Point

LONG = os.environ.get("MILAGRO_NETWORK") == "long"
LARGER, SMALLER, THRESHOLD = ("abc", "de", 3) if LONG else ("ab", "c", 2)
LINES = f'realms = ["{REALM}"]\nidentity_per_day = {{ client-share = 100 }}\n'
EVERYBODY = {*LARGER, *SMALLER}


class CutSite(Site):
    """D-TAs, each in its namespace, with certificates for their addresses there."""

    def __init__(self, folder: Path, wires: Namespaces) -> None:
        super().__init__(folder)
        self.wires, self.certificates = wires, TestAuthority(folder)

    def listening(self, name: str) -> tuple[str, ...]:
        address = self.wires.addresses[name]
        chain, key = self.certificates.issue(name, address)
        return ("--host", address, "--tls-certificate", str(chain), "--tls-key", str(key))

    def inside(self, name: str) -> list[str]:
        return ["ip", "netns", "exec", self.wires.name(name)]

    def trust_certificates(self, *names: str) -> None:
        for name in names:
            config = self.folder / name / "milagro.toml"
            line = f'[dta.network]\nca_certificate = "{self.certificates.path}"\n'
            config.write_text(config.read_text().replace("[dta.network]\n", line))


class Asker:
    """An authority that the D-TAs trust, and holders that ask from where a member is."""

    def __init__(self, site: CutSite) -> None:
        self.site, self.owner = site, Owner.new()
        self.suite = Suite(curve("BN254", backend="native"), "sha256", timedelta(hours=1))
        self.dial = HttpDial(site.certificates.path)
        self.holder = Holder.new(self.suite, int(time.time()))
        self.view: NetworkView | None = None
        self.had: G1Point | None = None

    def introduce(self, *names: str) -> None:
        bundle = self.site.folder / "authority.bundle"
        bundle.write_bytes(self.owner.replica.to_bytes())
        lines = f'[[dta.authorities]]\nidentity = "{pki.did_of(self.owner.identity)}"\n'
        for name in names:
            self.site.trust(name, "authority", bundle, f'{lines}bundle = "authority.bundle"\n{LINES}')

    def learn(self, network: str, where: str) -> None:
        """Learns the network's key from those who are there."""
        nodes = tuple(self._node(index, name) for index, name in enumerate(sorted(EVERYBODY), 1))
        view = NetworkView(CID.from_text(network), self.suite, nodes, ())
        with self.site.wires.inside(where):
            rings, _ = hear(view, self.dial, 10.0)
        ring = agreed(rings, THRESHOLD)
        assert ring is not None
        self.view = NetworkView(view.network, self.suite, nodes, (ring.current,))

    def _node(self, index: int, name: str) -> Node:
        replica = Replica.from_bytes((self.site.folder / name / "identity" / "identity.bundle").read_bytes())
        url = f"https://{self.site.wires.addresses[name]}:{self.site.ports[name]}"
        return Node(index, name, replica.identity, pki.resolve(replica).require(), url)

    def ask(self, where: str) -> Report:
        """What comes of asking everybody from where a member is; what is had is right. Raises: TooFewAnswers."""
        assert self.view is not None
        now, holder, keys = int(time.time()), self.holder, self.owner.pairs[-1]
        ticket = Registrar(self.owner.identity, keys.signing, self.view).ticket(
            Purpose.CLIENT_SHARE, holder.identity, now
        )
        with self.site.wires.inside(where):
            requester = Requester(self.view, self.dial, Patience(answer=8.0, overall=16.0, linger=8.0))
            secret, report = requester.client_secret(ticket, holder.identity, holder.key)
        self.had = self.had or secret.point
        assert secret.point == self.had  # whoever issues, and of whatever epoch
        return report


@pytest.fixture
def wires() -> Iterator[Namespaces]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with namespaces(LARGER, SMALLER) as made:
        yield made


@pytest.fixture
def site(folder: Path, wires: Namespaces) -> Iterator[CutSite]:
    made = CutSite(folder, wires)
    yield made
    made.close()


def test_a_part_that_is_too_small_issues_nothing_and_the_other_goes_on(site: CutSite) -> None:
    names, asker = sorted(EVERYBODY), Asker(site)
    site.init(*names)
    site.trust_certificates(*names)
    asker.introduce(*names)
    site.found(THRESHOLD, *names)
    site.serve(*names)
    state = site.wait(*names)[0]
    asker.learn(state["network"], "a")
    assert {*asker.ask("a").good} == EVERYBODY == {*asker.ask(SMALLER[0]).good}

    site.wires.cut()
    assert {*asker.ask("a").good} == {*LARGER}
    check_smaller(asker)
    if LONG:
        site.network("refresh", "a")
        site.wait(*LARGER, epoch=1)
        asker.learn(state["network"], "a")
        assert {*asker.ask("a").good} == {*LARGER}
        check_smaller(asker)  # with shares that nobody else has any more

    site.wires.heal()
    site.wait(*names, epoch=2 if LONG else 0)  # those who were left out ask for a refresh
    asker.learn(state["network"], "a")
    deadline = time.monotonic() + 60
    while {*asker.ask(SMALLER[0]).good} != EVERYBODY:
        assert time.monotonic() < deadline
    site.stop()


def check_smaller(asker: Asker) -> None:
    with pytest.raises(TooFewAnswers) as caught:
        asker.ask(SMALLER[0])
    assert {*caught.value.report.good} <= {*SMALLER}
