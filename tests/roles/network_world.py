"""A network of D-TAs over HTTP on loopback, an MFA server that works with it, and devices, under one set clock."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi.testclient import TestClient

from milagro.protocols.sharing import deal
from milagro.roles.charter import Charter, CharterFile, Seat
from milagro.roles.client.device import DeviceFolder
from milagro.roles.client.service import Client
from milagro.roles.dta.issuing import AuthorityTerms
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.issuance.requester import Patience
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.authority import create_identity
from milagro.roles.mfa.network import NetworkIssuers, open_network
from milagro.roles.mfa.service import MfaService, invite
from milagro.roles.peer import Peer
from tests.roles.issuing import byzantine
from tests.roles.issuing import network as parts
from tests.roles.issuing.byzantine import Wrong
from tests.roles.issuing.network import Dta, Network, serving
from tests.roles.world import CHEAP, MFA_URL, PASSPHRASE, PIN, SLOT, application, write

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from milagro.protocols.pki import Replica
    from milagro.roles.mfa.config import MfaConfig
    from tests.roles.issuing.byzantine import Misdeed

DIAL = HttpDial()
PATIENT = Patience(answer=1.0, overall=5.0, linger=0.7)
OVERLAP = 10 * SLOT


def toml(slot: int = SLOT) -> str:
    return f"""
role = "mfa"
[server]
port = 8000
public_url = "{MFA_URL}"
[suite]
slot_seconds = {slot}
[mfa]
name = "login.test"
dta_wait_seconds = 0
[mfa.network]
charter = "charter"
answer_seconds = 1
patience_seconds = 5
"""


class Front:
    """What stands at the address of a D-TA: the D-TA, or something that does wrong."""

    def __init__(self, network: Network, dta: Dta) -> None:
        self.network, self.dta = network, dta
        self.misdeed: Misdeed | None = None
        self._app: Any = None

    def renew(self) -> None:
        self._app = self.dta.app()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.misdeed is not None and scope["path"] == "/v1/issue":
            await Wrong(self.network, self.dta, self.misdeed)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


@dataclass
class NetworkWorld:
    """Three D-TAs, of which two are enough, an MFA server, and devices."""

    folder: Path
    clock: Any  # a SetClock, or the real one
    slot: int = SLOT
    told: list[str] = field(default_factory=list)
    mfa: MfaService = field(init=False)
    config: MfaConfig = field(init=False)

    def build(self, patch: pytest.MonkeyPatch) -> NetworkWorld:
        """The D-TAs and the MFA server, at work."""
        self.found(patch)
        write(self.folder / "mfa" / "milagro.toml", toml(self.slot))
        self.config = mfa_config.read_config(self.folder / "mfa" / "milagro.toml")
        assert self.config.network is not None
        self.trust(create_identity(self.config.network, PASSPHRASE, self.clock(), CHEAP))
        self.start()
        return self

    def found(self, patch: pytest.MonkeyPatch) -> Path:
        """Serves the D-TAs, none of which trusts an authority; the file of their charter."""
        self.network = Network(self.folder, 2, 3, clock=self.clock)
        self.fronts = [Front(self.network, dta) for dta in self.network.dtas]
        self.stacks = [ExitStack() for _ in self.fronts]
        urls = [stack.enter_context(serving(front))[0] for stack, front in zip(self.stacks, self.fronts, strict=True)]
        charter = self.charter(urls)
        patch.setattr(parts, "NETWORK", charter.network)
        patch.setattr(byzantine, "NETWORK", charter.network)
        return self.hand_round(charter)

    def hand_round(self, charter: Charter) -> Path:
        """Writes the file of a charter."""
        bundles = tuple(dta.owner.replica.to_bytes() for dta in self.network.dtas)
        signer = self.network.dtas[0].owner.identity
        path = write(self.folder / "mfa" / "charter", "")
        path.write_bytes(CharterFile(charter, bundles, signer, b"-").to_bytes())
        return path

    def trust(self, authority: Replica) -> None:
        """Lets all D-TAs take the tickets of this authority."""
        self.network.directory.add(authority)
        self.network.terms = [AuthorityTerms(authority.identity, frozenset({"login.test"}))]
        for front in self.fronts:
            front.dta.service.close()
            for path in front.dta.folder.iterdir():
                path.unlink()  # it was of another network
            front.dta.open(self.network)
            front.renew()

    def charter(self, urls: list[str]) -> Charter:
        """The charter of the D-TAs at these URLs."""
        seats = tuple(
            Seat(dta.index, dta.name, dta.owner.identity, url) for dta, url in zip(self.network.dtas, urls, strict=True)
        )
        return Charter("test", "BLS12-381", "sha256", self.slot, 2, seats, bytes(32))

    # -- the server ------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Starts the MFA server, as after a restart."""
        if hasattr(self, "mfa"):
            self.mfa.close()
        suite = self.config.suite.open()
        self.issuers = open_network(self.config, suite, PASSPHRASE, DIAL, self.clock, CHEAP)
        self.mfa = MfaService(self.config, suite, self.issuers, clock=self.clock)
        app = mfa_http.create_app(self.mfa, self.config.common.server)
        self.http = TestClient(app, raise_server_exceptions=False)

    def dial(self, _url: str) -> Peer:
        return Peer(MFA_URL, transport=self.http._transport)

    def refresh(self) -> NetworkIssuers:
        self.issuers.refresh()
        return self.issuers

    # -- devices ---------------------------------------------------------------------------------------------------
    def device(self, name: str = "laptop") -> DeviceFolder:
        return DeviceFolder(self.folder / "devices" / name)

    def client(self, name: str = "laptop", folder: DeviceFolder | None = None) -> Client:
        place = folder or self.device(name)
        return Client(place, self.dial, self.clock, lambda: DIAL, PATIENT, self.told.append)

    def enrol(self, user: str = "alice", name: str = "laptop") -> Client:
        client = self.client(name)
        code = invite(self.mfa.records, user, self.clock(), timedelta(hours=24))
        client.enrol(application(user, name, code), lambda: PIN)
        return client

    def attempts(self, user: str = "alice", name: str = "laptop") -> int:
        device = self.mfa.records.pinned(user, name)
        assert device is not None
        return device.attempts

    # -- the D-TAs -------------------------------------------------------------------------------------------------
    def take_down(self, index: int) -> None:
        self.stacks[index - 1].close()

    def reshare(self) -> None:
        """Another epoch of the same key."""
        old = self.network.key
        shares = deal(self.network.sharing, self.network.secret, 2, 3, secrets.token_bytes, epoch=old.epoch + 1)
        for dta, share in zip(self.network.dtas, shares, strict=True):
            dta.hand.share = share

    def rotate(self, seconds: int = OVERLAP) -> bytes:
        """Another key, with an overlap; its id."""
        self.network.secret = self.network.suite.curve.random_scalar(secrets.token_bytes)
        shares = deal(self.network.sharing, self.network.secret, 2, 3, secrets.token_bytes)
        for dta, share in zip(self.network.dtas, shares, strict=True):
            old = dta.hand.current().share
            dta.hand.share, dta.hand.retiring = share, [(old, self.clock() + seconds)]
        return shares[0].key.key_id

    def close(self) -> None:
        if hasattr(self, "mfa"):
            self.mfa.close()
        for stack in self.stacks:
            stack.close()
        self.network.close()
