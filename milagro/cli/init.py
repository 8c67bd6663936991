"""`milagro init dta|mfa DIR`: the configuration and the sealed keys of a new server."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from milagro.cli import prompts
from milagro.errors import AlreadyExists, ConfigError
from milagro.protocols import pki
from milagro.roles.config import FILE_NAME, CommonConfig
from milagro.roles.sealing import open_token
from milagro.roles.suites import SuiteConfig, require_constant_time
from milagro.stores import files
from milagro.stores.identities import BUNDLE
from milagro.stores.keys import Argon2Cost, PassphraseSource, SealingKey

Command = TypeVar("Command", bound=Callable[..., Any])

_CHARTER = "network.charter"

_SHARED_OPTIONS = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option("--public-url", help="How others reach this server; the default is its host and port."),
    click.option("--tls-certificate", type=prompts.FILE, help="Certificate chain, PEM."),
    click.option("--tls-key", type=prompts.FILE, help="Its private key, PEM."),
    click.option("--behind-proxy", is_flag=True, help="A proxy in front of this server does TLS."),
    click.option(
        "--state-folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where the sealed keys and the database go; the default is FOLDER.",
    ),
    click.option("--passphrase-file", type=prompts.FILE, help="File that holds the passphrase, now and when serving."),
    click.option("--passphrase-env", help="Environment variable that holds the passphrase, now and when serving."),
    click.option("--pkcs11-module", type=prompts.FILE, help="Seal under a key in a token, by this PKCS#11 module."),
    click.option("--token", help="The token's label."),
    click.option(
        "--key", help="The label of its key, which is made if there is none; the default is the server's name."
    ),
    click.option("--pin-file", type=prompts.FILE, help="File that holds the token's PIN, now and when serving."),
    click.option("--pin-env", help="Environment variable that holds the token's PIN, now and when serving."),
    click.option(
        "--argon2-memory-mib", type=click.IntRange(8, 2048), default=64, show_default=True, help="Cost of a guess."
    ),
)


def _shared_options(command: Command) -> Command:
    for option in reversed(_SHARED_OPTIONS):
        command = option(command)
    return command


@click.group()
def init() -> None:
    """Write the configuration and the sealed keys of a new server."""


@init.command("dta")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", help="The name of this D-TA.")
@click.option("--port", type=click.IntRange(1, 65535), default=8001, show_default=True)
@click.option(
    "--approve",
    multiple=True,
    type=click.Choice(["refresh", "repair", "rotate", "reshare", "retire"]),
    help="What the server consents to by itself. Can be repeated.  [default: refresh]",
)
@click.option("--step-seconds", type=click.IntRange(1, 3600), help="The time of a step.  [default: 20]")
@_shared_options
def init_dta(
    folder: Path, name: str | None, port: int, approve: tuple[str, ...], step_seconds: int | None, **shared: Any
) -> None:
    """Make a D-TA in FOLDER. It makes its key together with others: see `milagro dta network`."""
    from milagro.roles.dta.member.config import require_network  # noqa: PLC0415 - needs the server extra
    from milagro.roles.dta.network.operator import CARD, create_identity  # noqa: PLC0415

    called = name or _ask_for_name()
    settings = {"approve": list(approve) or None, "step_seconds": step_seconds, "start_seconds": step_seconds}
    kept = _sealed(shared, ("identity", "identity"), ("data_key", "data-key.sealed"), ("blocks", "blocks"))
    tables = [
        *_common_tables("dta", called, port, shared),
        ("dta", {"name": called}),
        ("dta.network", {"channel": "http", **kept, **settings}),
        ("dta.issuing", {"slots_ahead": 1, **_sealed(shared, ("watermark", "issuing.mark"))}),
    ]
    with _Setup(folder, tables, shared) as setup:
        config = require_network(setup.path)
        card = create_identity(config, setup.key(config.common), setup.cost)
        files.write_new(folder / CARD, card.to_bytes())
    click.echo(f"D-TA {called!r} is ready in {folder}: {pki.did_of(card.replica.identity)}")
    click.echo(f"Its card, for who founds the network: {folder / CARD}")
    click.echo(f"Take {config.network.identity / 'next'} away and keep it safe: who has it can take the identity over.")
    click.echo(f"Next: milagro dta network create|join, then milagro serve dta --config {setup.path}")


def _ask_for_name() -> str:
    if not prompts.is_terminal():
        raise click.MissingParameter(param_hint="'--name'", param_type="option")
    return str(click.prompt("Name of this D-TA"))


@init.command("mfa")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", required=True, help="The name of this server; identities are bound to it.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--relying-party", help="For whom it checks logins; the default is its name.")
@click.option(
    "--network",
    "charter_path",
    type=prompts.FILE,
    required=True,
    metavar="CHARTER",
    help="Its network of D-TAs, by the file of the network's charter, which also says the suite.",
)
@_shared_options
def init_mfa(folder: Path, name: str, port: int, relying_party: str | None, charter_path: Path, **shared: Any) -> None:
    """Make an MFA server in FOLDER, with a new identity, for a network of D-TAs."""
    from milagro.roles.mfa.authority import create_identity  # noqa: PLC0415 - needs the server extra
    from milagro.roles.mfa.config import read_config  # noqa: PLC0415
    from milagro.roles.mfa.nodes import read_charter, read_nodes  # noqa: PLC0415

    file = read_charter(charter_path)
    charter = file.charter
    suite = SuiteConfig(charter.curve, charter.hash, charter.slot_seconds)
    kept = _sealed(shared, ("identity", "identity"), ("keys", "network-keys"))
    tables = [
        *_common_tables("mfa", name, port, shared),
        ("suite", {"curve": suite.curve, "hash": suite.hash, "slot_seconds": suite.slot_seconds}),
        ("mfa", {"name": name, "relying_party": relying_party or name}),
        ("mfa.network", {"charter": _CHARTER, **kept}),
    ]
    with _Setup(folder, tables, shared) as setup:
        setup.add(_CHARTER, file.to_bytes())
        config = read_config(setup.path)
        network = config.network
        read_nodes(network.charter, network.bundles, suite)
        replica = create_identity(network, setup.key(config.common), int(time.time()), setup.cost)
    authority = {"identity": pki.did_of(replica.identity), "bundle": f"{name}.bundle", "realms": [name]}
    click.echo(f"MFA server {name!r} is ready in {folder}.")
    click.echo(f"It works with the network {charter.name!r}, {charter.network}:")
    click.echo(f"any {charter.threshold} of {', '.join(seat.name for seat in charter.seats)}.")
    click.echo(f"Each of them must trust it: give their operators the file {network.identity / BUNDLE},")
    click.echo(f"to be kept as {name}.bundle beside the D-TA's milagro.toml, and these lines for that file:")
    click.echo(to_toml([("[dta.authorities]", authority)]))
    click.echo(f"Take {network.identity / 'next'} away and keep it safe: who has it can take the identity over.")
    click.echo(f"Next, once they do: milagro serve mfa --config {setup.path}")


class _Setup:
    """A new server's folder while it is being filled: the configuration is removed again if a later step fails."""

    def __init__(self, folder: Path, tables: Iterable[tuple[str, dict[str, Any]]], shared: dict[str, Any]) -> None:
        self.path = folder / FILE_NAME
        self.cost = Argon2Cost(memory_kib=shared["argon2_memory_mib"] * 1024)
        self._folder = folder
        self._tables = tables
        self._shared = shared
        self._added: list[Path] = []

    def __enter__(self) -> _Setup:
        if self.path.exists():
            raise AlreadyExists(f"{self.path} exists already and is not overwritten")
        require_constant_time()  # before anything is written
        source = PassphraseSource(self._shared["passphrase_file"], self._shared["passphrase_env"])
        if not self._shared["pkcs11_module"]:
            self._passphrase = prompts.passphrase(source, prompts.choose_passphrase)
        files.make_folder(self._folder)
        if self._shared["state_folder"] is not None:
            files.make_folder(self._shared["state_folder"])
        files.write_new(self.path, to_toml(self._tables).encode())
        return self

    def key(self, config: CommonConfig) -> SealingKey:
        """What the new server's secrets are sealed with: a passphrase, or a token's key, made if there is none."""
        if config.keys.token is None:
            return self._passphrase
        with contextlib.suppress(AlreadyExists):
            open_token(config.keys.token).generate_key(config.keys.token.key)
        return prompts.sealer(config.keys)

    def add(self, name: str, content: bytes) -> None:
        """Puts another file beside the configuration, to be removed with it."""
        files.write_new(self._folder / name, content)
        self._added.append(self._folder / name)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for path in (self.path, *self._added):
                path.unlink(missing_ok=True)


def _common_tables(role: str, name: str, port: int, shared: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    certificate, key = shared["tls_certificate"], shared["tls_key"]
    scheme = "https" if certificate or shared["behind_proxy"] else "http"
    host = f"[{shared['host']}]" if ":" in shared["host"] else shared["host"]
    server = {
        "host": shared["host"],
        "port": port,
        "public_url": shared["public_url"] or f"{scheme}://{host}:{port}",
        "tls": "proxy" if shared["behind_proxy"] else None,
        "tls_certificate": _absolute(certificate),
        "tls_key": _absolute(key),
    }
    passphrase = {"file": _absolute(shared["passphrase_file"]), "env": shared["passphrase_env"]}
    store = {
        "path": _in_state_folder(shared, "state.sqlite") or "state.sqlite",
        "epoch_file": _in_state_folder(shared, "state.epoch"),
    }
    tables = [("", {"role": role}), ("server", server), ("store", store)]
    return [
        *tables,
        ("passphrase", passphrase),
        ("keys", _keys_table(name, shared)),
        ("log", {"level": "info", "format": "json"}),
    ]


def _keys_table(name: str, shared: dict[str, Any]) -> dict[str, Any]:
    module, token = shared["pkcs11_module"], shared["token"]
    if not module:
        given = [option for option in ("token", "key", "pin_file", "pin_env") if shared[option]]
        if given:
            raise ConfigError(f"--{given[0].replace('_', '-')} is for a token: give --pkcs11-module, too")
        return {}
    if not token:
        raise ConfigError("--pkcs11-module needs --token, the token's label")
    return {
        "kind": "pkcs11",
        "module": _absolute(module),
        "token": token,
        "key": shared["key"] or name,
        "pin_file": _absolute(shared["pin_file"]),
        "pin_env": shared["pin_env"],
    }


def _sealed(shared: dict[str, Any], *entries: tuple[str, str]) -> dict[str, str | None]:
    """The entries for sealed files; None, so left out, if they lie beside the configuration."""
    return {key: _in_state_folder(shared, name) for key, name in entries}


def _in_state_folder(shared: dict[str, Any], name: str) -> str | None:
    folder: Path | None = shared["state_folder"]
    return None if folder is None else str(folder.resolve() / name)


def to_toml(tables: Iterable[tuple[str, dict[str, Any]]]) -> str:
    """The tables as TOML; entries that are None are left out, and so are tables with nothing in them."""
    lines: list[str] = []
    for name, entries in tables:
        # Every JSON string and every JSON number without exponent is a TOML one.
        body = [f"{key} = {json.dumps(value)}" for key, value in entries.items() if value is not None]
        if body:
            lines += [f"\n[{name}]"] if name else []
            lines += body
    return "\n".join(lines) + "\n"


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
