"""One D-TA of a network in this process, made by the commands of its operator, with a share that was dealt to it."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from milagro.cli import main
from milagro.protocols import pki
from milagro.protocols.envelope import PrivateKeys
from milagro.protocols.pki import Replica
from milagro.protocols.sharing import KeyRing, deal
from milagro.protocols.signatures import SigningKey
from milagro.roles.correspondence.keys import listed
from milagro.roles.dta.member.config import read_config
from milagro.roles.dta.member.http import create_app
from milagro.roles.dta.member.service import Member
from milagro.roles.dta.network.node import sharing_suite
from milagro.roles.lineage import Standing
from milagro.stores.keys import Passphrase

if TYPE_CHECKING:
    from fastapi import FastAPI

NAMES, THRESHOLD, REALM = ("a", "b", "c"), 2, "login.test"
ENVIRONMENT = {"TEST_PASSPHRASE": "CANARY-passphrase-3c1f"}


class MemberWorld:
    """The first of three members; the others are not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = PrivateKeys.generate(secrets.token_bytes)
        self._make()
        config = read_config(folder / "a" / "milagro.toml")
        self.member = Member(config, Passphrase(ENVIRONMENT["TEST_PASSPHRASE"].encode()))
        self.app: FastAPI = create_app(self.member, config.common.server)
        self.member.node.start()
        self._deal()

    def _run(self, *arguments: str) -> None:
        done = CliRunner().invoke(main, arguments, env=ENVIRONMENT)
        assert done.exit_code == 0, done.output

    def _make(self) -> None:
        sealed = ("--passphrase-env", "TEST_PASSPHRASE", "--argon2-memory-mib", "8")
        for number, name in enumerate(NAMES):
            self._run(
                "init", "dta", str(self.folder / name), "--network", "--name", name, "--port", str(1 + number), *sealed
            )
        cards = [str(self.folder / name / "dta.card") for name in NAMES[1:]]
        config = str(self.folder / "a" / "milagro.toml")
        out = ("--name", "test", "--threshold", str(THRESHOLD), "--curve", "BN254", "--out", str(self.folder / "c1"))
        self._run("dta", "network", "create", *out, "--config", config, *cards)
        control, following = (SigningKey.generate(secrets.token_bytes) for _ in range(2))
        block = pki.create(control, following.public, 1, [pki.AddKey(key) for key in listed(self.authority.public)])
        replica = Replica(block.cid)
        replica.add(block.octets)
        (self.folder / "a" / "authority.bundle").write_bytes(replica.to_bytes())
        with Path(config).open("a") as file:
            lines = f'identity = "{pki.did_of(block.cid)}"\nrealms = ["{REALM}"]\nbundle = "authority.bundle"\n'
            file.write("\n[[dta.authorities]]\n" + lines + "\n[limits]\nper_second = 0\n")

    def _deal(self) -> None:
        """A share as the node keeps its own, of a key that was not made by all of them together."""
        node = self.member.node
        deadline = time.monotonic() + 30
        while (charter := node.charter()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        suite = sharing_suite(charter.curve)
        share = deal(suite, suite.curve.random_scalar(secrets.token_bytes), THRESHOLD, len(NAMES), secrets.token_bytes)[
            0
        ]
        with node._database.state.write() as connection:
            node._driver._put_current(connection, share)
            node._driver._stand(connection, Standing(charter, KeyRing(share.key)))

    def close(self) -> None:
        self.member.close()
