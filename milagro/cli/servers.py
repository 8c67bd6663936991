"""Which server a configuration file is of: its keys and its database, for the commands that serve all roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.roles.config import read
from milagro.roles.dta.member import config as member_config
from milagro.roles.dta.network.node import node_schema
from milagro.roles.mfa import config as mfa_config
from milagro.roles.mfa import tables as mfa_tables

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.roles.config import CommonConfig
    from milagro.stores.state import Schema


@dataclass(frozen=True, slots=True)
class Server:
    """What every server has: the common tables, files that are sealed with its key, the schema of its database."""

    common: CommonConfig
    sealed_files: tuple[Path, ...]
    schema: Schema


def server_of(path: Path) -> Server:
    """The server of the configuration in `path`.

    Raises: ConfigError with every fault
    """
    if read(path).choice("role", ("dta", "mfa")) == "mfa":
        mfa = mfa_config.read_config(path)
        return Server(mfa.common, mfa.sealed_files, mfa_tables.SCHEMA)
    member = member_config.read_config(path)
    return Server(member.common, member.sealed_files, node_schema()[0])
