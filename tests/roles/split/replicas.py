"""Replicas of one MFA server that share its secret: on one database, each on a port of its own, in one process."""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milagro.protocols.mpin.v2 import PassTwo, ServerSecret, start_login
from milagro.roles.mfa import http as mfa_http
from milagro.roles.mfa.network import Issuers, open_network
from milagro.roles.mfa.service import MfaService
from milagro.roles.mfa.split.config import SplitConfig
from milagro.roles.mfa.split.dealt import DealtFolder, Replica, deal_out
from milagro.roles.purposes import context_for
from tests.roles.issuing.network import serving
from tests.roles.test_login import CONTEXT, credential_of, key_id_of
from tests.roles.world import CHEAP, PASSPHRASE, PIN, World

if TYPE_CHECKING:
    from milagro.roles.mfa.config import MfaConfig
    from milagro.roles.mfa.service import LoggedIn

NAMES = ("a", "b", "c")
LATE = 60.0


class Door:
    """What stands at the address of a replica: the replica, or nothing that answers."""

    def __init__(self) -> None:
        self.app: Any = None
        self.down = False
        self.asked: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (self.down or self.app is None):
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        self.asked.append(scope.get("path", ""))
        await self.app(scope, receive, send)


class Replicas:
    """t of n replicas of the world's MFA server, which itself is stopped and has no secret any more."""

    def __init__(self, world: World, threshold: int = 2, count: int = 3) -> None:
        self.world, self._stack = world, ExitStack()
        self.key_id = key_id_of(world)  # of the token
        self.doors = [Door() for _ in range(count)]
        urls = self._stack.enter_context(serving(*self.doors))
        self.replicas = [Replica(index=i, name=NAMES[i - 1], url=url) for i, url in enumerate(urls, 1)]
        self.configs = [self._config(i) for i in range(1, count + 1)]
        self.deal(threshold)
        self._spend_whole()
        self.running: list[MfaService] = [self._start(number) for number in range(count)]

    def __getitem__(self, number: int) -> MfaService:
        return self.running[number]

    def _config(self, index: int) -> MfaConfig:
        folder = self.world.folder / "replicas" / NAMES[index - 1]
        split = SplitConfig(folder / "split", folder / "attempts.sqlite", None, 30)
        network = replace(self.world.config.network, keys=folder / "network-keys")
        return replace(self.world.config, split=split, network=network)

    def folder_of(self, config: MfaConfig) -> DealtFolder:
        keys = self.world.issuers._keys
        assert config.split is not None
        return DealtFolder(config.split.folder, keys.suite, keys.context, PASSPHRASE, CHEAP)

    def deal(self, threshold: int = 2) -> bytes:
        """Splits the secret of the current key, as the command does."""
        held = self.world.issuers.held
        secret = held.secrets[held.ring.current.key_id]
        assert isinstance(secret, ServerSecret)
        folders = [self.folder_of(config) for config in self.configs]
        return deal_out(secret, held.ring.current.public, threshold, self.replicas, folders)

    def _spend_whole(self) -> None:
        self.whole = self.world.issuers.held.secrets[self.key_id]
        self.world.issuers._keys.forget()

    def issuers(self, number: int) -> Issuers:
        config = self.configs[number]
        return open_network(config, self.world.mfa.suite, PASSPHRASE, self.world.dta_dial, self.world.clock, CHEAP)

    def _start(self, number: int) -> MfaService:
        service = MfaService(self.configs[number], self.world.mfa.suite, self.issuers(number), clock=self.world.clock)
        self.doors[number].app = mfa_http.create_app(service, self.configs[number].common.server)
        return service

    def restart(self, number: int) -> None:
        self.running[number].close()
        self.running[number] = self._start(number)

    def counted(self, number: int) -> int:
        """The attempts of alice's laptop that this replica counts by itself."""
        joining = self.running[number].joining
        device = self.world.mfa.records.pinned("alice", "laptop")
        assert joining is not None
        assert device is not None
        return joining._counters.attempts(device.identity.digest())

    def prepare(self, number: int, pin: str = PIN, name: str = "laptop", purpose: str | None = None) -> bytes:
        """The second pass of a login at this replica."""
        credential, permit = credential_of(self.world, name)
        context = context_for(CONTEXT.server, CONTEXT.origin, CONTEXT.relying_party, purpose)
        started = start_login(credential, context, self.world.clock(), secrets.token_bytes, permit)
        asked = self.running[number].pass_one(started.message.to_bytes(), self.key_id, purpose)
        answer: PassTwo = started.answer(asked, pin, self.world.clock())
        return answer.to_bytes()

    def login(self, number: int, pin: str = PIN) -> LoggedIn:
        return self.running[number].pass_two(self.prepare(number, pin))

    def settled(self, *numbers: int) -> None:
        """Waits until these replicas count nothing: a login is answered before the others have been told."""
        end = time.monotonic() + LATE
        while any(self.counted(number) for number in numbers):
            assert time.monotonic() < end, [self.counted(number) for number in numbers]
            time.sleep(0.01)

    def close(self) -> None:
        for service in self.running:
            service.close()
        self._stack.close()


def whole_files(folder: Path) -> list[Path]:
    return list(folder.rglob("network-keys/*.sealed"))
