"""D-TAs whose letters travel through real Kubo daemons: a key is made, renewed, and shares of it are issued."""

from __future__ import annotations

import json
import re
import secrets
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from milagro.protocols import pki
from milagro.protocols.envelope import PrivateKeys
from milagro.protocols.issuance import Purpose
from milagro.protocols.mpin.v2 import Ed25519Key, Identity
from milagro.protocols.pki import Replica, resolve
from milagro.protocols.sharing import KeyRing
from milagro.protocols.signatures import SigningKey
from milagro.roles.charter import CharterFile
from milagro.roles.correspondence.keys import listed
from milagro.roles.issuance import NetworkView, Node, Registrar, Requester
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.suites import open_suite
from milagro.roles.wire import to_octets
from milagro.stores.identities import read_bundle
from tests.roles.network.site import Site
from tests.stores.daemons import Daemon, make_swarm
from tests.stores.test_content import ipfs_library

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES, REALM = ("a", "b", "c"), "login.test"


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[list[Daemon]]:
    ipfs_library()
    daemons = make_swarm(tmp_path, len(NAMES))
    yield daemons
    for daemon in daemons:
        daemon.kill()


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    made = Site(folder)
    yield made
    made.close()


def go_through(site: Site, name: str, daemon: Daemon) -> None:
    """Letters of this D-TA go through the daemon; its own server takes none."""
    path = Path(site.config(name))
    text, count = re.subn(r'(?m)^channel = "http"$', f'channel = "ipfs"\nipfs_url = "{daemon.url}"', path.read_text())
    assert count == 1
    path.write_text(text)


def make_authority(site: Site) -> Registrar:
    """An authority that all D-TAs trust, with the view of the network that their charter gives."""
    keys = PrivateKeys.generate(secrets.token_bytes)
    control, following = (SigningKey.generate(secrets.token_bytes) for _ in range(2))
    edits = [pki.AddKey(key) for key in listed(keys.public)]
    block = pki.create(control, following.public, 1, edits)
    replica = Replica(block.cid)
    replica.add(block.octets)
    for name in NAMES:
        (site.folder / name / "authority.bundle").write_bytes(replica.to_bytes())
        lines = f'identity = "{pki.did_of(block.cid)}"\nrealms = ["{REALM}"]\nbundle = "authority.bundle"\n'
        with Path(site.config(name)).open("a") as file:
            file.write("\n[[dta.authorities]]\n" + lines)
    charter = CharterFile.from_bytes((site.folder / "first.charter").read_bytes()).charter
    suite = open_suite(charter.curve, charter.hash, charter.slot_seconds)
    states = [resolve(read_bundle(site.folder / seat.name / "identity" / "identity.bundle")) for seat in charter.seats]
    nodes = [
        Node(seat.index, seat.name, seat.identity, state.require(), seat.url)
        for seat, state in zip(charter.seats, states, strict=True)
    ]
    return Registrar(block.cid, keys.signing, NetworkView(charter.network, suite, tuple(nodes), ()))


def with_key(view: NetworkView) -> NetworkView:
    with urllib.request.urlopen(view.nodes[0].url + "/v1/keys") as answer:
        ring = KeyRing.from_bytes(view.sharing, to_octets(json.load(answer)["keys"]))
    return NetworkView(view.network, view.suite, view.nodes, (ring.current,))


def issued_by(authority: Registrar) -> tuple[str, ...]:
    """The D-TAs that gave good shares of one client secret."""
    view = with_key(authority.view)
    key = Ed25519Key.generate(secrets.token_bytes)
    holder = Identity.create(view.suite, REALM, "alice", "laptop", key, int(time.time()), secrets.token_bytes)
    authority.view = view
    ticket = authority.ticket(Purpose.CLIENT_SHARE, holder, int(time.time()))
    _, report = Requester(view, HttpDial()).client_secret(ticket, holder, key)
    assert not report.bad
    return tuple(report.good)


def test_a_network_over_pubsub_makes_a_key_renews_it_and_issues(site: Site, swarm: list[Daemon]) -> None:
    site.init(*NAMES)
    for name, daemon in zip(NAMES, swarm, strict=True):
        go_through(site, name, daemon)
    site.found(2, *NAMES)
    authority = make_authority(site)
    site.serve(*NAMES)
    key = site.wait(*NAMES)[0]["key_id"]
    assert len(issued_by(authority)) >= 2
    site.network("refresh", "a")
    assert {one["key_id"] for one in site.wait(*NAMES, epoch=1)} == {key}
    assert len(issued_by(authority)) >= 2
    site.stop()
    said = "".join(path.read_text() for path in site.folder.glob("*.log"))
    assert "Traceback" not in said
