"""The configuration of a D-TA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milagro.roles.config import CommonConfig, Reader, read, read_common
from milagro.roles.suites import SuiteConfig, read_suite

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class DtaConfig:
    """A D-TA: its name, its suite, its sealed share, and whose tickets it takes."""

    common: CommonConfig
    suite: SuiteConfig
    name: str
    sealed_share: Path
    authorities: dict[str, bytes]
    slots_ahead: int

    @property
    def sealed_files(self) -> tuple[Path, ...]:
        """The files that `milagro keys` is about."""
        return (self.sealed_share,)


def read_config(path: Path) -> DtaConfig:
    """The configuration in `path`.

    Raises: ConfigError with every fault
    """
    top = read(path)
    top.choice("role", ("dta",))
    own = top.table("dta")
    config = DtaConfig(
        common=read_common(top),
        suite=read_suite(top.table("suite", required=False)),
        name=own.text("name", limit=64),
        sealed_share=own.path("sealed_share", "master-share.sealed"),
        authorities=_read_authorities(own.tables("authorities")),
        slots_ahead=own.integer("slots_ahead", 0, 400, 1),
    )
    top.finish(path)
    return config


def _read_authorities(readers: list[Reader]) -> dict[str, bytes]:
    authorities: dict[str, bytes] = {}
    for reader in readers:
        name, key = reader.text("name", limit=253), reader.hexadecimal("public_key", 32)
        if name in authorities:
            reader.fault("name", f"is {name!r}, which another authority has already")
        authorities[name] = key
    return authorities
