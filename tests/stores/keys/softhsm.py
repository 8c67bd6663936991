"""Real tokens of SoftHSM in a folder of a test."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from milagro.stores.keys import PinSource
from milagro.stores.keys.token import Token
from tests.conftest import missing

LABEL, PIN, KEY = "milagro-test", "CANARY-pin-2580", "node-1"
_SO_PIN = "officer-2580"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


def module() -> Path:
    """The module; without one the test is skipped, and fails in CI."""
    found = [path for path in (os.environ.get("MILAGRO_SOFTHSM", ""), *_MODULES) if path and Path(path).is_file()]
    if not found or not shutil.which("softhsm2-util"):
        missing("SoftHSM is not installed; install the package softhsm2")
    return Path(found[0])


@dataclass(frozen=True)
class SoftHsm:
    """A folder with a token in it. What uses it runs with `environment`."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.configuration)}

    def build(self) -> SoftHsm:
        self.tokens.mkdir(parents=True)
        self.configuration.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.pin_file.write_text(f"{PIN}\n")
        return self.add(LABEL)

    def add(self, label: str) -> SoftHsm:
        self.util("--init-token", "--free", "--label", label, "--so-pin", _SO_PIN, "--pin", PIN)
        return self

    def util(self, *arguments: str) -> None:
        environment = {**os.environ, **self.environment}
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True, env=environment)

    def token(self, label: str = LABEL, seconds: float = 30) -> Token:
        return Token(module(), label, PinSource(file=self.pin_file), seconds)

    def toml(self, table: str = "keys") -> str:
        return (
            f'[{table}]\nkind = "pkcs11"\nmodule = "{module()}"\ntoken = "{LABEL}"\nkey = "{KEY}"\n'
            f'pin_file = "{self.pin_file}"\n'
        )
