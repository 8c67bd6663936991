"""[keys] of a configuration, and what a server gets from it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from milagro.errors import ConfigError, DecryptionFailed
from milagro.roles.dta.member import config as dta_config
from milagro.roles.sealing import KeysConfig, open_sealer
from tests.roles.world import toml_dta, write

if TYPE_CHECKING:
    from pathlib import Path

ROLE = {"role": "dta", "name": "dta-1"}
PASSPHRASE = '[passphrase]\nenv = "MILAGRO_TEST_PASSPHRASE"\n'


def read(folder: Path, tables: str) -> KeysConfig:
    return dta_config.read_config(write(folder / "milagro.toml", toml_dta(store=tables))).common.keys


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILAGRO_TEST_PASSPHRASE", "correct horse")
    monkeypatch.setenv("MILAGRO_TEST_OLDER", "earlier horse")


def test_without_a_table_the_passphrase_seals(tmp_path: Path) -> None:
    keys = read(tmp_path, PASSPHRASE)
    assert (keys.kind, keys.token, keys.previous) == ("file", None, None)
    assert keys == read(tmp_path, PASSPHRASE + '[keys]\nkind = "file"\n')
    sealer = open_sealer(keys)
    assert sealer.name == "passphrase"
    assert sealer.unseal(sealer.seal(b"secret", ROLE), ROLE) == b"secret"


def test_a_passphrase_may_be_asked_for(tmp_path: Path) -> None:
    keys = read(tmp_path, "")
    with pytest.raises(ConfigError, match="there is no passphrase"):
        open_sealer(keys)
    assert open_sealer(keys, lambda: "typed").name == "passphrase"


TOKEN = '[keys]\nkind = "pkcs11"\nmodule = "milagro.toml"\ntoken = "t"\nkey = "k"\npin_env = "PIN"\n'


@pytest.mark.parametrize(
    ("tables", "patterns"),
    [
        ('[keys]\nkind = "hsm"', [r"^keys\.kind is 'hsm'; it can be file, pkcs11"]),
        ('[keys]\nkind = "file"\ntoken = "t"', [r"^keys\.token is not a key that is known here"]),
        (
            '[keys]\nkind = "pkcs11"',
            [r"^keys\.module is missing", r"^keys\.token is missing", r"^keys\.key is missing", r"^keys\.pin_file or"],
        ),
        (TOKEN + 'pin_file = "pin"', [r"^keys\.pin_file or pin_env must say .* and not both"]),
        (TOKEN.replace("milagro.toml", "none.so"), [r"^keys\.module names .*none\.so, which cannot be read"]),
        (TOKEN + "timeout_seconds = 0", [r"^keys\.timeout_seconds is 0; it must be from 1 to 600"]),
        (TOKEN + "pin = 5", [r"^keys\.pin is not a key that is known here"]),
        (PASSPHRASE + "[keys.previous]", [r"^keys\.previous is the same as \[keys\]"]),
        (TOKEN + TOKEN.replace("[keys]", "[keys.previous]"), [r"^keys\.previous is the same as \[keys\]"]),
        ("[keys]\nprevious = 5", [r"^keys\.previous must be a table"]),
    ],
)
def test_faults_are_named(tmp_path: Path, tables: str, patterns: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, tables)
    problems = caught.value.problems
    for pattern in patterns:
        assert sum(bool(re.search(pattern, problem)) for problem in problems) == 1, problems


def test_the_library_for_tokens_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = read(tmp_path, TOKEN)
    monkeypatch.setitem(sys.modules, "milagro.stores.keys.token", None)
    with pytest.raises(ConfigError, match=r"pip install 'milagro\[hsm\]'"):
        open_sealer(keys)


def test_a_passphrase_takes_over_from_another(tmp_path: Path) -> None:
    older = open_sealer(read(tmp_path, '[passphrase]\nenv = "MILAGRO_TEST_OLDER"\n'))
    both = open_sealer(read(tmp_path, f'{PASSPHRASE}[keys.previous]\npassphrase_env = "MILAGRO_TEST_OLDER"\n'))
    sealed = older.seal(b"secret", ROLE)
    assert both.unseal(sealed, ROLE) == b"secret"
    with pytest.raises(DecryptionFailed):
        older.unseal(both.seal(b"secret", ROLE), ROLE)
