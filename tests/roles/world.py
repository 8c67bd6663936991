"""A network of D-TAs that hold dealt shares, an MFA server that works with it, and devices: one process, one clock."""

from __future__ import annotations

import json
import secrets
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from fastapi.testclient import TestClient

from milagro.protocols.sharing import deal
from milagro.roles.charter import Charter, CharterFile, Seat
from milagro.roles.client.device import DeviceFolder
from milagro.roles.client.service import Application, Client
from milagro.roles.dta.issuing import AuthorityTerms
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.issuance.requester import Patience
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.authority import create_identity
from milagro.roles.mfa.network import Issuers, open_network
from milagro.roles.mfa.service import MfaService, invite, no_checkpoint
from milagro.roles.peer import Peer
from milagro.stores.keys import Argon2Cost, Passphrase
from tests.canaries import plant
from tests.roles.clocks import START, SetClock
from tests.roles.issuing.byzantine import Wrong
from tests.roles.issuing.network import Dta, Network, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milagro.protocols.pki import Replica
    from milagro.roles.issuance import Node
    from milagro.roles.messages import LoginAnswer
    from milagro.roles.mfa.config import MfaConfig
    from milagro.roles.mfa.service import Checkpoint
    from tests.roles.issuing.byzantine import Misdeed

__all__ = ["START", "SetClock"]

SLOT = 3600
OVERLAP = 10 * SLOT
PIN = "CANARY-pin-2580"
WRONG = "CANARY-pin-1111"
CHEAP = Argon2Cost(memory_kib=32, iterations=1, lanes=1)
PASSPHRASE = Passphrase(b"correct horse battery staple")
MFA_URL = "http://127.0.0.1:8000"
PATIENT = Patience(answer=10.0, overall=20.0, linger=0.7)  # machines that run tests may be busy
HASTY = Patience(answer=1.0, overall=2.0)


def toml_dta(name: str = "dta-1", port: int = 8001, store: str = "") -> str:
    return f"""
role = "dta"
[server]
port = {port}
public_url = "http://127.0.0.1:{port}"
[dta]
name = "{name}"
[dta.network]
{store}"""


def toml_mfa(slot: int = SLOT, url: str = MFA_URL, store: str = "") -> str:
    return f"""
role = "mfa"
[server]
port = {urlsplit(url).port or 8000}
public_url = "{url}"
[suite]
slot_seconds = {slot}
[mfa]
name = "login.test"
dta_wait_seconds = 0
[mfa.pins]
delay_seconds = 0
[mfa.network]
charter = "charter"
answer_seconds = 10
patience_seconds = 20
{store}"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Front:
    """What stands at the address of a D-TA: the D-TA, something that does wrong, or nothing."""

    def __init__(self, network: Network, dta: Dta) -> None:
        self.network, self.dta = network, dta
        self.misdeed: Misdeed | None = None
        self.down = False
        self.app: Any = None

    def renew(self) -> None:
        self.app = self.dta.app()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.misdeed is not None and scope["path"] == "/v1/issue":
            await Wrong(self.network, self.dta, self.misdeed)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class _Nothing(httpx.AsyncBaseTransport):
    """An address at which nobody listens."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)


@dataclass
class World:
    """Three D-TAs, of which two are enough, an MFA server, and devices; reached without sockets."""

    folder: Path
    clock: Any  # a SetClock, or the real one
    slot: int = SLOT
    checkpoint: Checkpoint = no_checkpoint
    store: Callable[[], str] = str  # the table [store] of the MFA server, or more tables; none: a SQLite file
    url: str = MFA_URL  # of the MFA server
    sockets: bool = False  # the D-TAs listen
    patience: Patience = PATIENT
    told: list[str] = field(default_factory=list)
    mfa: MfaService = field(init=False)
    config: MfaConfig = field(init=False)

    def build(self) -> World:
        """The D-TAs and the MFA server, at work."""
        self.found(sockets=self.sockets)
        path = write(self.folder / "mfa" / "milagro.toml", toml_mfa(self.slot, self.url, self.store()))
        self.config = mfa_config.read_config(path)
        self.trust(create_identity(self.config.network, PASSPHRASE, self.clock(), CHEAP))
        self.start_mfa()
        return self

    def found(self, *, sockets: bool = False) -> Path:
        """The D-TAs, none of which trusts an authority yet; the file of their charter."""
        self.network = Network(self.folder, 2, 3, clock=self.clock, slot_seconds=self.slot, start=False)
        self._plant()
        self.fronts = [Front(self.network, dta) for dta in self.network.dtas]
        self._stacks = [ExitStack() for _ in self.fronts]
        urls = [f"http://127.0.0.1:{9001 + at}" for at in range(3)]
        if sockets:
            pairs = zip(self._stacks, self.fronts, strict=True)
            urls = [stack.enter_context(serving(front))[0] for stack, front in pairs]
        self.dta_dial = HttpDial() if sockets else HttpDial(transport=self._transport)
        charter = self.charter(urls)
        self.network.id = charter.network
        return self.hand_round(charter)

    def _plant(self) -> None:
        plant("a passphrase", PASSPHRASE.reveal())
        plant("the secret of a network", self.network.secret.to_bytes())
        for dta in self.network.dtas:
            plant("a D-TA's share", dta.hand.current().share.value.to_bytes())

    def hand_round(self, charter: Charter) -> Path:
        """Writes the file of a charter."""
        bundles = tuple(dta.owner.replica.to_bytes() for dta in self.network.dtas)
        signer = self.network.dtas[0].owner.identity
        path = write(self.folder / "mfa" / "charter", "")
        path.write_bytes(CharterFile(charter, bundles, signer, b"-").to_bytes())
        return path

    def trust(self, authority: Replica) -> None:
        """Starts the D-TAs, which take the tickets of this authority."""
        self.network.directory.add(authority)
        self.network.terms = [AuthorityTerms(authority.identity, frozenset({"login.test"}))]
        self.network.start()
        for front in self.fronts:
            front.renew()

    def charter(self, urls: list[str]) -> Charter:
        """The charter of the D-TAs at these URLs."""
        seats = tuple(
            Seat(dta.index, dta.name, dta.owner.identity, url) for dta, url in zip(self.network.dtas, urls, strict=True)
        )
        return Charter("test", "BLS12-381", "sha256", self.slot, 2, seats, bytes(32))

    # -- the server ------------------------------------------------------------------------------------------------
    def start_mfa(self) -> None:
        """Starts the MFA server, as after a restart."""
        if hasattr(self, "mfa"):
            self.mfa.close()
        suite = self.config.suite.open()
        self.issuers = open_network(self.config, suite, PASSPHRASE, self.dta_dial, self.clock, CHEAP)
        self.mfa = MfaService(self.config, suite, self.issuers, clock=self.clock, checkpoint=self.checkpoint)
        self._plant_secrets()
        self.http = TestClient(self.application(), raise_server_exceptions=False)

    def application(self) -> Any:
        """The MFA server as a web application."""
        return mfa_http.create_app(self.mfa, self.config.common.server)

    def dial(self, _url: str) -> Peer:
        return Peer(MFA_URL, transport=self.http._transport)

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        headers = {"content-type": "application/json"}
        answer = self.http.post(path, content=json.dumps(body), headers=headers)
        return answer.status_code, answer.json()

    def _plant_secrets(self) -> None:
        for secret in self.issuers._held.secrets.values() if self.issuers._held else ():
            plant("a server secret", secret.point.to_bytes())

    def refresh(self) -> Issuers:
        self.issuers.refresh()
        self._plant_secrets()
        return self.issuers

    # -- devices ---------------------------------------------------------------------------------------------------
    def device(self, name: str = "laptop") -> DeviceFolder:
        return DeviceFolder(self.folder / "devices" / name)

    def client(self, name: str = "laptop", folder: DeviceFolder | None = None) -> Client:
        place = folder or self.device(name)
        return Client(place, self.dial, self.clock, lambda: self.dta_dial, self.patience, self.told.append)

    def invite(self, user: str = "alice") -> str:
        return planted_code(invite(self.mfa.records, user, self.clock(), timedelta(hours=24)))

    def enrol(self, user: str = "alice", name: str = "laptop", folder: str | None = None) -> Client:
        client = self.client(folder or name)
        client.enrol(Application(self.url, user, name, self.invite(user)), lambda: plant("a PIN", PIN))
        plant("a device's token", self.device(folder or name).record().token)
        return client

    def attempts(self, user: str = "alice", name: str = "laptop") -> int:
        device = self.mfa.records.pinned(user, name)
        assert device is not None
        return device.attempts

    # -- the D-TAs -------------------------------------------------------------------------------------------------
    def _transport(self, node: Node) -> httpx.AsyncBaseTransport:
        front = self.fronts[node.index - 1]
        return _Nothing() if front.down else httpx.ASGITransport(front, raise_app_exceptions=False)

    def take_down(self, *indices: int) -> None:
        for index in indices:
            self.fronts[index - 1].down = True
            self._stacks[index - 1].close()

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
        for stack in self._stacks:
            stack.close()
        self.network.close()


def planted_code(code: str) -> str:
    """An invitation code, sought in logs as people may write it."""
    for written in (code, code.lower(), code.replace("-", "")):
        plant("an invitation code", written)
    return code


def application(user: str, name: str, code: str, algorithm: str = "ed25519") -> Application:
    return Application(MFA_URL, user, name, code, algorithm)


def login(client: Client, pin: str = PIN) -> LoginAnswer:
    return client.login(lambda: pin)
