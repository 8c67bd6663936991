"""`milagro dta audit`: the log of what a D-TA issued, given out, checked, and co-signed by witnesses."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from milagro.cli import prompts
from milagro.cli.options import CONFIG
from milagro.cli.parties import BUNDLE, CONTENT, HEADS, directory
from milagro.errors import BrokenChain, ConfigError, MilagroError, NotFound
from milagro.octets import frame
from milagro.protocols import pki
from milagro.roles.correspondence.keys import EnvelopeKeys, senders_of
from milagro.roles.dta.issuing.audit import Cosignature, SignedHead
from milagro.roles.dta.issuing.exports import MAGIC, Expected, LogReader, VerifiedLog, verify_log
from milagro.roles.dta.issuing.log import AuditLog
from milagro.roles.dta.member.config import read_config
from milagro.roles.dta.network.node import open_database
from milagro.stores import files
from milagro.stores.identities import IdentityFolder
from milagro.stores.keys import PassphraseSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milagro.protocols.envelope import VerifyingKey
    from milagro.roles.correspondence.directory import Directory
    from milagro.stores.keys import Passphrase

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_IN = click.argument("log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_NODE = click.option("--node", metavar="DID", required=True, help="The D-TA whose log it is.")
_LOSSES = click.option(
    "--accept-losses", is_flag=True, help="Take entries that the D-TA says were lost when its database was restored."
)
_MAX_HEAD = 1 << 14


def _passphrase_options(command: Any) -> Any:
    command = click.option("--passphrase-env", help="Environment variable that holds it.")(command)
    return click.option("--passphrase-file", type=prompts.FILE, help="File that holds the passphrase of the keys.")(
        command
    )


@click.group("audit")
def audit() -> None:
    """The log of what a D-TA issued: give it out, check it, co-sign it."""


@audit.command("export")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@CONFIG
@click.option("--first", type=click.IntRange(min=1), default=1, show_default=True, help="Entry to begin with.")
def export(output: Path, path: Path, first: int) -> None:
    """Write the log of this D-TA to OUTPUT, with a head that is signed now."""
    config = read_config(path)
    replica = IdentityFolder.at(config.node.network.identity).read()
    keys = EnvelopeKeys.read(config.node.network.identity, prompts.sealer(config.common.keys))
    signing = keys.signing(pki.resolve(replica).require()).signing
    database = open_database(config.node)
    file = files.PendingFile(output)
    try:
        charter = database.charter()
        if charter is None:
            raise NotFound("this D-TA has joined no network, so it has issued nothing")
        signed = AuditLog(database.state, replica.identity, charter.network).export(file, signing, _now(), first)
        file.commit()
    finally:
        file.abort()
        database.state.close()
    click.echo(f"entries {first} to {signed.head.number}, head {signed.head.digest.hex()}")


@audit.command("verify")
@_IN
@_NODE
@click.option("--witness", "witnesses", multiple=True, metavar="DID", help="A witness that you trust. Can be repeated.")
@click.option("--threshold", type=click.IntRange(min=0), help="How many of them; the default is all.")
@click.option("--since", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A log seen before.")
@_LOSSES
@BUNDLE
@CONTENT
@HEADS
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(
    log: Path,
    node: str,
    witnesses: tuple[str, ...],
    threshold: int | None,
    since: Path | None,
    accept_losses: bool,
    bundles: tuple[Path, ...],
    content: str | None,
    heads: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check LOG: every entry in its place, the head signed by its D-TA, co-signed by witnesses, nothing taken back."""
    if threshold is not None and threshold > len(witnesses):
        raise ConfigError(f"the threshold is {threshold}, and {len(witnesses)} witnesses are named")
    with directory(content, bundles, heads) as known:
        node_keys = _keys(known, node)
        named = {pki.identity_of(did): _keys(known, did) for did in witnesses}
    expected = Expected(
        pki.identity_of(node),
        node_keys,
        _seen(since, node_keys) if since is not None else None,
        named,
        len(witnesses) if threshold is None else threshold,
        accept_losses,
    )
    _show(_verified(log, expected), as_json)


@audit.command("cosign")
@_IN
@_NODE
@click.option("--identity", type=_FOLDER, required=True, help="Folder of your identity.")
@_LOSSES
@BUNDLE
@CONTENT
@HEADS
@_passphrase_options
def cosign(
    log: Path,
    node: str,
    identity: Path,
    accept_losses: bool,
    bundles: tuple[Path, ...],
    content: str | None,
    heads: tuple[str, ...],
    passphrase_file: Path | None,
    passphrase_env: str | None,
) -> None:
    """Check that LOG continues what you co-signed before, and add your signature to it.

    What you co-signed last is kept in the folder of your identity; the first time, LOG begins with entry 1.
    """
    with directory(content, bundles, heads, identity / "known") as known:
        node_keys = _keys(known, node)
    memory = identity / "audit" / f"{pki.identity_of(node)}.head"
    before = _seen(memory, node_keys) if memory.exists() else None
    found = _verified(log, Expected(pki.identity_of(node), node_keys, before, accept_losses=accept_losses))
    if before is None and found.first != 1:
        raise BrokenChain("you have co-signed nothing of this log before, so it has to begin with entry 1")
    replica = IdentityFolder.at(identity).read()
    keys = EnvelopeKeys.read(identity, _passphrase(passphrase_file, passphrase_env))
    signing = keys.signing(pki.resolve(replica).require()).signing
    made = Cosignature.sign(found.head.head, replica.identity, signing, _now())
    files.make_folder(memory.parent)
    files.replace(memory, found.head.to_bytes())  # before the signature is given: no other head after this one
    _append(log, frame(made.to_bytes()))
    click.echo(f"co-signed {pki.did_of(found.head.head.node)} up to entry {found.head.head.number}")


# -- parts -------------------------------------------------------------------------------------------------------------
def _now() -> int:
    return int(time.time())


def _passphrase(file: Path | None, env: str | None) -> Passphrase:
    return prompts.passphrase(PassphraseSource(file, env))


def _keys(known: Directory, did: str) -> Mapping[bytes, VerifyingKey]:
    """The signing keys that an identity lists now."""
    keys = senders_of(known.find(pki.identity_of(did)).require().keys)
    if not keys:
        raise NotFound(f"{did} lists no key to sign with, as far as is known here; --bundle or --heads tells more")
    return keys


def _verified(log: Path, expected: Expected) -> VerifiedLog:
    with log.open("rb") as file:
        try:
            return verify_log(file, expected)
        except MilagroError as error:
            raise _named(error, log) from error


def _named(error: MilagroError, log: Path) -> MilagroError:
    error.args = (f"{log}: {error}",)
    return error


def _seen(path: Path, keys: Mapping[bytes, VerifyingKey]) -> Any:
    """The head in an export, or in a file that holds nothing else."""
    with path.open("rb") as file:
        octets = file.read(len(MAGIC))
    if octets == MAGIC:
        with path.open("rb") as file:
            reader = LogReader(file)
            for _ in reader.entries():
                pass
        signed = reader.head
    else:
        signed = SignedHead.from_bytes(files.read(path, _MAX_HEAD))
    if signed is None:
        raise NotFound(f"{path} has no head")
    signed.verify(keys)
    return signed.head


def _append(log: Path, octets: bytes) -> None:
    pending = files.PendingFile(log, overwrite=True)
    try:
        with log.open("rb") as file:
            while piece := file.read(1 << 20):
                pending.write(piece)
        pending.write(octets)
        pending.commit()
    finally:
        pending.abort()


def _show(found: VerifiedLog, as_json: bool) -> None:
    head = found.head.head
    shown = {
        "node": pki.did_of(head.node),
        "network": str(head.network),
        "first": found.first,
        "last": head.number,
        "entries": found.entries,
        "digest": head.digest.hex(),
        "time": head.time,
        "lost": [list(one) for one in found.lost],
        "cosigners": [pki.did_of(one) for one in found.cosigners],
    }
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(f"{shown['node']}: entries {found.first} to {head.number} hold, head {head.digest.hex()}")
    for first, last in found.lost:
        click.echo(f"  lost     {first} to {last}, by a restore of the D-TA's database")
    for witness in found.cosigners:
        click.echo(f"  witness  {pki.did_of(witness)}")
