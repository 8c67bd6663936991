"""`milagro id`: identities that name themselves, made, changed, and looked up in what others hand on."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from milagro.cid import CID
from milagro.cli import prompts
from milagro.cli.parties import CONTENT, HEADS, directory, warn_of_first_only
from milagro.errors import BrokenChain, ConfigError, EncodingError, NotFound
from milagro.protocols import pki
from milagro.protocols.envelope import PrivateKeys, PublicKeys
from milagro.roles.correspondence.keys import EnvelopeKeys, listed
from milagro.stores import files
from milagro.stores.identities import IdentityFolder, gather, read_bundle
from milagro.stores.keys import Argon2Cost, Passphrase

Command = TypeVar("Command", bound=Callable[..., Any])

_MAX_KEY_FILE = 4096
_FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
_NEXT = click.option(
    "--next-folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the next control key is kept; the default is FOLDER/next, a medium that you take away is better.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_PASSPHRASE = (
    click.option("--passphrase-file", type=prompts.FILE, help="File that holds the passphrase of the keys."),
    click.option("--passphrase-env", help="Environment variable that holds it."),
    click.option(
        "--argon2-memory-mib", type=click.IntRange(8, 2048), default=64, show_default=True, help="Cost of a guess."
    ),
)
_EDITS = (
    click.option("--add-key", multiple=True, metavar="PURPOSE:SUITE:FILE", help="Add a public key, raw octets."),
    click.option("--revoke-key", multiple=True, metavar="ID", help="Revoke a key."),
    click.option("--service", multiple=True, metavar="NAME:TYPE=URI", help="Set a service."),
    click.option("--remove-service", multiple=True, metavar="NAME", help="Remove a service."),
)
_WITNESSES = (
    click.option("--witness", multiple=True, type=prompts.FILE, help="Public key file of a witness. Can be repeated."),
    click.option("--witness-threshold", type=click.IntRange(1, 16), help="How many of them; more than half."),
)


def _with(options: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.group("id")
def identity() -> None:
    """Make, change and check identities."""


@identity.command("new")
@_FOLDER
@_with(_EDITS)
@_with(_WITNESSES)
@_NEXT
@click.option("--without-keys", is_flag=True, help="Do not make keys for envelopes.")
@_with(_PASSPHRASE)
@_JSON
def new(
    folder: Path,
    next_folder: Path | None,
    witness: tuple[Path, ...],
    witness_threshold: int | None,
    without_keys: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make an identity in FOLDER: its control key, the one after it, and keys to sign and open envelopes with."""
    edits, witnesses = _edits(options), _witnesses(witness, witness_threshold)
    files.make_folder(folder)
    owned = IdentityFolder.at(folder, next_folder)
    owned.require_new()
    secret = _passphrase(options, prompts.choose_passphrase)
    if not without_keys:
        edits += _listing(EnvelopeKeys.create(folder, secret, _cost(options)).public)
    replica = owned.create(secret, _now(), edits, witnesses, _cost(options))
    _show(pki.resolve(replica), as_json)
    if not as_json and next_folder is None:
        click.echo(f"Take {owned.next_folder} away and keep it safe: who has it can take the identity over.", err=True)


@identity.command("show")
@_FOLDER
@_JSON
def show(folder: Path, as_json: bool) -> None:
    """Show the identity in FOLDER."""
    _show(pki.resolve(IdentityFolder.at(folder).read()), as_json)


@identity.command("change")
@_FOLDER
@_with(_EDITS)
@click.option("--new-keys", is_flag=True, help="Make new keys for envelopes, and revoke those in FOLDER.")
@_with(_PASSPHRASE)
@_JSON
def change(folder: Path, new_keys: bool, as_json: bool, **options: Any) -> None:
    """Add and revoke keys, set and remove services."""
    edits, owned = _edits(options), IdentityFolder.at(folder)
    replica, secret = owned.read(), _passphrase(options)
    _warn_of_nothing(edits, pki.resolve(replica).state)
    control = owned.control(replica, secret)
    if new_keys:
        edits += _renewal(folder, pki.resolve(replica).state, secret, _cost(options))
    _add(owned, replica, pki.change(replica, control, _now(), edits), as_json)


@identity.command("attest")
@_FOLDER
@click.argument("did")
@click.argument("claim")
@click.option("--withdraw", is_flag=True, help="Do not say it any more.")
@_with(_PASSPHRASE)
@_JSON
def attest(folder: Path, did: str, claim: str, withdraw: bool, as_json: bool, **options: Any) -> None:
    """Say CLAIM of the identity DID."""
    kind = pki.Withdraw if withdraw else pki.Attest
    _edit(folder, [kind(pki.identity_of(did), claim)], options, as_json)


@identity.command("rotate")
@_FOLDER
@_with(_EDITS)
@_with(_WITNESSES)
@_NEXT
@click.option("--since", multiple=True, metavar="CID", help="The last operation that is yours; later ones are dropped.")
@_with(_PASSPHRASE)
@_JSON
def rotate(
    folder: Path,
    next_folder: Path | None,
    since: tuple[str, ...],
    witness: tuple[Path, ...],
    witness_threshold: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Bring the next control key into force, and make the one after it."""
    owned = IdentityFolder.at(folder, next_folder)
    replica = owned.read()
    witnesses = _witnesses(witness, witness_threshold) or pki.resolve(replica).state.witnesses
    last, edits, secret = [CID.from_text(text) for text in since], _edits(options), _passphrase(options)
    _warn_of_nothing(edits, pki.resolve(replica).state)
    owned.rotate(replica, secret, _now(), edits, witnesses, last, _cost(options))
    _show(pki.resolve(replica), as_json)


@identity.command("retire")
@_FOLDER
@_with(_PASSPHRASE)
@click.confirmation_option(prompt="Nothing follows a retirement. Retire this identity?")
@_JSON
def retire(folder: Path, as_json: bool, **options: Any) -> None:
    """End the identity."""
    owned = IdentityFolder.at(folder)
    replica = owned.read()
    replica.add(pki.retire(replica, owned.control(replica, _passphrase(options)), _now()).octets)
    owned.save(replica)
    _show(pki.resolve(replica), as_json)


@identity.command("resolve")
@click.argument("did")
@click.argument("bundles", nargs=-1, type=prompts.FILE)
@CONTENT
@HEADS
@click.option("--confirmed", is_flag=True, help="Refuse operations that not enough witnesses have signed.")
def resolve(did: str, bundles: tuple[Path, ...], content: str | None, heads: tuple[str, ...], confirmed: bool) -> None:
    """Print the DID document of DID, from BUNDLES that others have handed on, and from a content store.

    From a content store alone comes the first document; with --heads, all operations up to there.
    Forks and whatever else is odd are in the metadata. An identity that must not be relied on ends in an error, after
    its metadata.
    """
    wanted = pki.identity_of(did)
    if not bundles and content is None:
        raise ConfigError("name one or more bundles of the identity, or a store to fetch it from with --content")
    with directory(content) as known:
        known.add(gather(wanted, bundles))
        for text in heads:
            known.find(wanted, CID.from_text(text))
        resolution = known.find(wanted)
    if not bundles and not heads:
        warn_of_first_only(resolution, "a bundle or --heads tells")
    answer: dict[str, Any] = {"didDocument": None, "didDocumentMetadata": pki.did_metadata(resolution)}
    try:
        resolution.require(confirmed=confirmed, active=False)
        answer["didDocument"] = pki.did_document(resolution)
    finally:
        click.echo(json.dumps(answer, indent=2))


@identity.command("publish")
@_FOLDER
@click.option("--content", metavar="FOLDER|ipfs|URL", required=True, help="Where: a folder, or a Kubo daemon.")
def publish(folder: Path, content: str) -> None:
    """Put the identity in FOLDER into a content store; print its DID and the name of its heads."""
    replica = IdentityFolder.at(folder).read()
    with directory(content) as known:
        heads = known.publish(replica)
    click.echo(f"{pki.did_of(replica.identity)}\nheads: {heads}")


@identity.command("verify")
@click.argument("bundle", type=prompts.FILE)
@click.option("--did", help="The identity that it has to be of.")
@click.option("--confirmed", is_flag=True, help="Refuse operations that not enough witnesses have signed.")
@_JSON
def verify(bundle: Path, did: str | None, confirmed: bool, as_json: bool) -> None:
    """Check BUNDLE, without a network: every signature, every link, and that nothing in it contradicts itself."""
    replica = read_bundle(bundle)
    if did is not None and pki.identity_of(did) != replica.identity:
        raise BrokenChain(f"{bundle} is of {pki.did_of(replica.identity)}")
    resolution = pki.resolve(replica)
    resolution.require(confirmed=confirmed)
    _show(resolution, as_json)


# -- reading options ---------------------------------------------------------------------------------------------------
def _now() -> int:
    return int(time.time())


def _passphrase(options: dict[str, Any], ask: Callable[[], str] = prompts.ask_passphrase) -> Passphrase:
    return prompts.passphrase_by_options(options["passphrase_file"], options["passphrase_env"], ask)


def _cost(options: dict[str, Any]) -> Argon2Cost:
    return Argon2Cost(memory_kib=1024 * options["argon2_memory_mib"])


def _edits(options: dict[str, Any]) -> list[pki.Edit]:
    edits: list[pki.Edit] = [_key(text) for text in options["add_key"]]
    edits += [pki.RevokeKey(_key_id(text)) for text in options["revoke_key"]]
    edits += [_service(text) for text in options["service"]]
    return edits + [pki.RemoveService(name) for name in options["remove_service"]]


def _key(text: str) -> pki.AddKey:
    purpose, _, rest = text.partition(":")
    suite, _, path = rest.partition(":")
    if purpose not in set(pki.Purpose) or not suite or not path:
        raise ConfigError(f"a key is PURPOSE:SUITE:FILE, PURPOSE one of {', '.join(pki.Purpose)}; got {text!r}")
    return pki.AddKey(pki.Key(pki.Purpose(purpose), suite, files.read(Path(path), _MAX_KEY_FILE)))


def _warn_of_nothing(edits: list[pki.Edit], state: pki.State) -> None:
    """Says so of a key or a service that is not there: a slip of the pen revokes nothing that counts."""
    listed_ids = {key.id for key in state.keys}
    for edit in edits:
        if isinstance(edit, pki.RevokeKey) and edit.key_id not in listed_ids:
            click.echo(
                f"warning: the identity lists no key {edit.key_id.hex()}; the id is revoked all the same", err=True
            )
        if isinstance(edit, pki.RemoveService) and edit.name not in state.services:
            click.echo(f"warning: the identity has no service {edit.name!r}", err=True)


def _listing(keys: PublicKeys) -> list[pki.Edit]:
    return [pki.AddKey(key) for key in listed(keys)]


def _key_id(text: str) -> bytes:
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != pki.KEY_ID_OCTETS:
        raise ConfigError(f"the id of a key is {2 * pki.KEY_ID_OCTETS} hexadecimal digits, not {text!r}")
    return octets


def _service(text: str) -> pki.SetService:
    start, _, uri = text.partition("=")
    name, _, kind = start.partition(":")
    return pki.SetService(name, kind, uri)


def _witnesses(paths: tuple[Path, ...], threshold: int | None) -> pki.Witnesses | None:
    if not paths:
        return None
    try:
        keys = tuple(pki.VerifyingKey.from_bytes(files.read(path, _MAX_KEY_FILE)) for path in paths)
    except EncodingError as error:
        raise ConfigError(f"a witness's key cannot be read: {error}") from error
    return pki.Witnesses(threshold or len(paths) // 2 + 1, keys)


# -- working and showing -------------------------------------------------------------------------------------------
def _edit(folder: Path, edits: list[pki.Edit], options: dict[str, Any], as_json: bool) -> None:
    owned = IdentityFolder.at(folder)
    replica = owned.read()
    control = owned.control(replica, _passphrase(options))
    _add(owned, replica, pki.change(replica, control, _now(), edits), as_json)


def _add(owned: IdentityFolder, replica: pki.Replica, block: pki.Block, as_json: bool) -> None:
    replica.add(block.octets)
    owned.save(replica)
    _show(pki.resolve(replica), as_json)


def _renewal(folder: Path, state: pki.State, secret: Passphrase, cost: Argon2Cost) -> list[pki.Edit]:
    """The edits that put new envelope keys in the place of those whose private halves are in the folder."""
    older: tuple[PrivateKeys, ...] = ()
    with contextlib.suppress(NotFound):
        older = EnvelopeKeys.read(folder, secret).pairs
    here = {key.id for keys in older for key in listed(keys.public)}
    revoked = [pki.RevokeKey(key.id) for key in state.keys if key.id in here]
    return [*revoked, *_listing(EnvelopeKeys.create(folder, secret, cost).public)]


def _show(resolution: pki.Resolution, as_json: bool) -> None:
    state, metadata = resolution.state, pki.did_metadata(resolution)
    keys = [{"id": k.id.hex(), "purpose": str(k.purpose), "suite": k.suite} for k in state.keys]
    services = [{"name": s.name, "type": s.type, "endpoint": s.endpoint} for s in state.services.values()]
    said = sorted((pki.did_of(one.subject), one.claim) for one in state.attestations)
    if as_json:
        attestations = [{"subject": subject, "claim": claim} for subject, claim in said]
        shown = {"did": pki.did_of(resolution.identity), "keys": keys, "services": services}
        click.echo(json.dumps({**shown, "attestations": attestations, **metadata}, indent=2))
        return
    click.echo(pki.did_of(resolution.identity))
    click.echo(f"  operations to {state.sequence}, control key number {state.epoch}{', retired' * state.retired}")
    for key in keys:
        click.echo(f"  key      {key['id']}  {key['purpose']}  {key['suite']}")
    for service in services:
        click.echo(f"  service  {service['name']}  {service['type']}  {service['endpoint']}")
    for subject, claim in said:
        click.echo(f"  attests  {subject}  {claim}")
    for fork in resolution.forks:
        operations = ", ".join(str(cid) for cid in fork.operations)
        click.echo(f"  fork     {fork.kind}, {'settled' if fork.settled else 'NOT settled'}: {operations}")
    if resolution.superseded:
        click.echo(f"  dropped  {len(resolution.superseded)} operations that a rotation left behind")
    if resolution.unconfirmed:
        click.echo(f"  lacking  receipts for {len(resolution.unconfirmed)} operations")
