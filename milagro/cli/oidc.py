"""`milagro mfa oidc` and `milagro mfa profile`: the keys and relying parties of a provider, what it says of users."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from milagro.cli import prompts
from milagro.cli.options import CONFIG
from milagro.errors import ConfigError, ParameterError
from milagro.roles.clock import unix_now
from milagro.roles.mfa.config import read_config
from milagro.roles.mfa.oidc.claims import check_profile
from milagro.roles.mfa.oidc.keys import ProviderKeys
from milagro.roles.mfa.oidc.provider import Registry
from milagro.roles.mfa.oidc.records import OidcRecords
from milagro.roles.mfa.records import MfaRecords
from milagro.roles.mfa.service import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milagro.roles.mfa.oidc.config import OidcConfig


@click.group()
def oidc() -> None:
    """Run the OpenID Provider of an MFA server."""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[OidcConfig, MfaRecords]]:
    config = read_config(path)
    if config.oidc is None:
        raise ConfigError(f"{path} has no table [mfa.oidc], so this server is no OpenID Provider")
    records = MfaRecords(config.common.store)
    try:
        yield config.oidc, records
    finally:
        records.state.close()


def _keys(path: Path) -> ProviderKeys:
    config = read_config(path)
    return ProviderKeys(config, prompts.sealer(config.common.keys), unix_now())


@oidc.command("keys")
@CONFIG
def show_keys(path: Path) -> None:
    """List the signing keys that are published: algorithm, from when each signs, key id."""
    for key in _keys(path).published(unix_now()):
        click.echo(f"{key.alg}\t{_time(key.activates)}\t{key.kid}")


@oidc.command("rotate")
@CONFIG
def rotate(path: Path) -> None:
    """Make the next signing keys. They are published at once and sign later, so that relying parties know them."""
    for key in _keys(path).rotate(unix_now()):
        click.echo(f"{key.alg}: key {key.kid} signs from {_time(key.activates)}")


@oidc.command("allow")
@click.option("--uses", type=click.IntRange(1, 1000), default=1, show_default=True, help="For so many registrations.")
@click.option("--hours", type=click.IntRange(1, 24 * 365), default=24, show_default=True, help="How long it is good.")
@CONFIG
def allow(uses: int, hours: int, path: Path) -> None:
    """Print an initial token with which relying parties can register themselves."""
    with _opened(path) as (config, records):
        if not config.registration:
            raise ConfigError("set registration = true in [mfa.oidc] first")
        click.echo(Registry(records.state, config.clients).allow(uses, unix_now() + hours * 3600))


@oidc.command("clients")
@CONFIG
def list_clients(path: Path) -> None:
    """List the relying parties: those of the configuration, then those that registered themselves."""
    with _opened(path) as (config, records):
        known = [("configured", client) for client in config.clients]
        known += [("registered", client) for client in Registry(records.state, ()).registered()]
    for origin, client in known:
        click.echo(f"{client.client_id}\t{origin}\t{client.name}\t{client.redirect_uris[0]}")


@oidc.command("remove")
@click.argument("client_id")
@CONFIG
def remove_client(client_id: str, path: Path) -> None:
    """Forget the relying party CLIENT_ID, which registered itself; its tokens end."""
    with _opened(path) as (_, records):
        Registry(records.state, ()).remove(client_id)
    click.echo(f"{client_id} is not known here any more")


@click.command("profile")
@click.argument("user")
@click.option("--set", "changes", multiple=True, metavar="CLAIM=VALUE", help="Keep a claim; VALUE is JSON, or a text.")
@click.option("--unset", "gone", multiple=True, metavar="CLAIM", help="Forget a claim.")
@click.option("--group", "groups", multiple=True, help="Be in this group, and in those of other --group, only.")
@CONFIG
def profile(user: str, changes: tuple[str, ...], gone: tuple[str, ...], groups: tuple[str, ...], path: Path) -> None:
    """Show or change what relying parties may learn of USER: name, e-mail address, groups and so on.

    USER need not have enrolled yet.
    """
    with _opened(path) as (config, records):
        kept = OidcRecords(records.state, config.max_interactions)
        name = canonical_name(user)
        claims = {**kept.profile(name), **dict(_claim(change) for change in changes)}
        if groups:
            claims["groups"] = list(groups)
        claims = {claim: value for claim, value in claims.items() if claim not in gone}
        if changes or gone or groups:
            kept.keep_profile(name, check_profile(claims))
            if claims and not kept.is_enrolled(name):
                click.echo(f"{name} has not enrolled yet; the profile holds from then on.", err=True)
    click.echo(json.dumps(claims, indent=1, sort_keys=True, ensure_ascii=False))


def _claim(change: str) -> tuple[str, Any]:
    name, equals, text = change.partition("=")
    if not equals:
        raise ParameterError(f"{change!r} is not of the form CLAIM=VALUE")
    try:
        value = json.loads(text)
    except ValueError:
        return name, text
    return name, value if isinstance(value, (bool, list, dict)) or name == "updated_at" else text


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
