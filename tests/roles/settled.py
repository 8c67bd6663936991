"""D-TAs whose network has its key already: the shares are dealt and put into their databases."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from milagro.protocols.sharing import KeyRing, deal
from milagro.roles.charter import Charter, Seat
from milagro.roles.dta.member.config import read_config
from milagro.roles.dta.member.service import Member
from milagro.roles.dta.network.node import sharing_suite
from milagro.roles.dta.network.operator import create_identity
from milagro.roles.lineage import Standing
from tests.roles.correspondents import Owner
from tests.roles.world import CHEAP, PASSPHRASE, toml_dta, write

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.stores.keys import SealingKey


def settle(path: Path, sealing: SealingKey) -> Charter:
    """Makes the D-TA of a configuration one of three, two of which are enough; the other two are not there."""
    config = read_config(path)
    member = Member(config, sealing)
    names = [(member.name, member.node.identity), *((f"other-{at}", Owner.new().identity) for at in (1, 2))]
    url = config.common.server.public_url
    seats = tuple(Seat(at, name, identity, url if at == 1 else "") for at, (name, identity) in enumerate(names, 1))
    charter = Charter("test", "BLS12-381", "sha256", 3600, 2, seats, bytes(32))
    suite = sharing_suite(charter.curve)
    share = deal(suite, suite.curve.random_scalar(secrets.token_bytes), 2, 3, secrets.token_bytes)[0]
    driver = member.node._driver
    with member._database.state.write() as connection:
        driver._stand(connection, Standing(charter, KeyRing(share.key)))
        driver._put_current(connection, share)
    member.close()
    return charter


def settled_member(folder: Path, tables: str = "") -> Member:
    """A D-TA that holds a share, not started."""
    path = write(folder / "milagro.toml", toml_dta(store=tables))
    create_identity(read_config(path).node, PASSPHRASE, CHEAP)
    settle(path, PASSPHRASE)
    return Member(read_config(path), PASSPHRASE)
