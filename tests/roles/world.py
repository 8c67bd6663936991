"""A small world for role tests: two D-TAs, an MFA server and devices in one process, under one clock that is set."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi.testclient import TestClient

from milagro.roles.client.device import DeviceFolder
from milagro.roles.client.service import Application, Client
from milagro.roles.dta import config as dta_config
from milagro.roles.dta import http as dta_http
from milagro.roles.dta import service as dta_service
from milagro.roles.dta.service import DtaService
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa import keys as mfa_keys
from milagro.roles.mfa.additive import AdditiveIssuers
from milagro.roles.mfa.service import MfaService, invite, no_checkpoint
from milagro.roles.peer import Peer
from milagro.stores.keys import Argon2Cost, Passphrase

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from milagro.roles.messages import LoginAnswer
    from milagro.roles.mfa.config import MfaConfig
    from milagro.roles.mfa.service import Checkpoint
    from milagro.roles.tickets import Authority

START = 1_800_000_000
SLOT = 3600
PIN = "2580"
WRONG = "1111"
CHEAP = Argon2Cost(memory_kib=32, iterations=1, lanes=1)
PASSPHRASE = Passphrase(b"correct horse battery staple")
MFA_URL = "http://127.0.0.1:8000"
DTA_URLS = {"dta-1": "http://127.0.0.1:8001", "dta-2": "http://127.0.0.1:8002"}


class SetClock:
    """A clock that goes only when it is told to."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def toml_dta(
    name: str, key: bytes, port: int = 8001, slot: int = SLOT, authority: str = "login.test", store: str = ""
) -> str:
    return f"""
role = "dta"
[server]
port = {port}
public_url = "http://127.0.0.1:{port}"
[suite]
slot_seconds = {slot}
[dta]
name = "{name}"
[[dta.authorities]]
name = "{authority}"
public_key = "{key.hex()}"
{store}"""


def toml_mfa(slot: int = SLOT, urls: dict[str, str] = DTA_URLS, port: int = 8000, store: str = "") -> str:
    dtas = "".join(f'[[mfa.dtas]]\nname = "{name}"\nurl = "{url}"\n' for name, url in urls.items())
    return f"""
role = "mfa"
[server]
port = {port}
public_url = "http://127.0.0.1:{port}"
[suite]
slot_seconds = {slot}
[mfa]
name = "login.test"
dta_wait_seconds = 0
{dtas}{store}"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@dataclass
class World:
    """All servers of one test, reached without sockets."""

    folder: Path
    clock: Any  # a SetClock, or the real one
    slot: int = SLOT
    checkpoint: Checkpoint = no_checkpoint
    store: Callable[[], str] = str  # the table [store] of each server; none: a SQLite file
    dtas: dict[str, DtaService] = field(default_factory=dict)
    http: dict[str, TestClient] = field(default_factory=dict)
    mfa: MfaService = field(init=False)
    authority: Authority = field(init=False)
    config: MfaConfig = field(init=False)

    def build(self) -> World:
        path = write(self.folder / "mfa" / "milagro.toml", toml_mfa(self.slot, store=self.store()))
        self.config = mfa_config.read_config(path)
        key = mfa_keys.create_registration_key(self.config, PASSPHRASE, secrets.token_bytes, CHEAP)
        self.authority = mfa_keys.open_authority(self.config, PASSPHRASE)
        for name, url in DTA_URLS.items():
            text = toml_dta(name, key, int(url.rsplit(":", 1)[1]), self.slot, store=self.store())
            config = dta_config.read_config(write(self.folder / name / "milagro.toml", text))
            dta_service.create_master_share(config, PASSPHRASE, secrets.token_bytes, CHEAP)
            self.start_dta(name)
        self.start_mfa()
        return self

    def start_dta(self, name: str) -> None:
        config = dta_config.read_config(self.folder / name / "milagro.toml")
        if name in self.dtas:
            self.dtas[name].close()
        self.dtas[name] = dta_service.open_service(config, PASSPHRASE, self.clock)
        app = dta_http.create_app(self.dtas[name], config.common.server)
        self.http[DTA_URLS[name]] = TestClient(app, raise_server_exceptions=False)

    def start_mfa(self) -> None:
        suite = self.config.suite.open()
        if self.config.server_secret.exists():
            self.mfa.close()
            secret = mfa_keys.open_server_secret(self.config, suite, PASSPHRASE)
        else:
            fetch = mfa_keys.KeyFetch(self.config, suite, self.authority, lambda dta: self.dial(dta.url), self.clock)
            secret = fetch.run(PASSPHRASE)
        issuers = AdditiveIssuers(self.config, self.authority, secret)
        self.mfa = MfaService(self.config, suite, issuers, clock=self.clock, checkpoint=self.checkpoint)
        app = mfa_http.create_app(self.mfa, self.config.common.server)
        self.http[MFA_URL] = TestClient(app, raise_server_exceptions=False)

    def dial(self, url: str) -> Peer:
        return Peer(url, transport=self.http[url]._transport)

    def invite(self, user: str = "alice") -> str:
        return invite(self.mfa.records, user, self.clock(), timedelta(hours=24))

    def client(self, name: str = "laptop") -> Client:
        return Client(DeviceFolder(self.folder / "devices" / name), self.dial, self.clock)

    def enrol(self, user: str = "alice", name: str = "laptop", folder: str | None = None) -> Client:
        client = self.client(folder or name)
        client.enrol(application(user, name, self.invite(user)), lambda: PIN)
        return client

    def post(self, url: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        headers = {"content-type": "application/json"}
        answer = self.http[url].post(path, content=json.dumps(body), headers=headers)
        return answer.status_code, answer.json()

    def attempts(self, user: str = "alice", name: str = "laptop") -> int:
        device = self.mfa.records.pinned(user, name)
        assert device is not None
        return device.attempts


def application(user: str, name: str, code: str, algorithm: str = "ed25519") -> Application:
    return Application(MFA_URL, user, name, code, algorithm)


def login(client: Client, pin: str = PIN) -> LoginAnswer:
    return client.login(lambda: pin)
