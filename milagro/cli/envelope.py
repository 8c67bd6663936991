"""`milagro envelope`: keys, sealing, opening and looking, on files and pipes.

What is opened is written under another name, or to an unnamed temporary file before it goes to standard output, until
the last octet is verified: a refused envelope leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

import click

from milagro.cli import prompts
from milagro.cli.parties import BUNDLE, CONTENT, HEADS, IDENTITY, KEY_ROLE, parties
from milagro.cli.progress import Progress
from milagro.errors import AlreadyExists, ConfigError, MalformedEnvelope, Unavailable
from milagro.protocols.envelope import (
    BLS,
    HYBRID,
    SUITES,
    Armoring,
    Dearmoring,
    Opened,
    Opening,
    Policy,
    PrivateKeys,
    PublicKeys,
    Reader,
    Sealing,
    Sink,
    Terms,
    armored,
    dearmored,
    head_octets,
    inspect,
)
from milagro.protocols.envelope.armor import PUBLIC_KEYS
from milagro.protocols.envelope.suites import DEFAULT_SUITE
from milagro.stores import files
from milagro.stores.keys import Argon2Cost, Passphrase, SealedFile

Command = TypeVar("Command", bound=Callable[..., Any])

_BLOCK = 4 * 65552  # whole chunks; larger blocks leave the processor's cache


class _Source(click.File):
    """A file, or standard input where there is one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-" and sys.stdin is None:
            self.fail("standard input is closed; name a file", param, ctx)
        return super().convert(value, param, ctx)


_INPUT = click.argument("source", type=_Source("rb"), default="-")
_ARMOR_BEGIN = b"-----BEGIN "
_SIGNATURES = {"hybrid": HYBRID, "bls": BLS}

_PASSPHRASE_OPTIONS = (
    click.option("--passphrase-file", type=prompts.FILE, help="File that holds the passphrase of the key."),
    click.option("--passphrase-env", help="Environment variable that holds the passphrase of the key."),
)
_STREAM_OPTIONS = (
    click.option(
        "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write.  [default: -]"
    ),
    click.option("--overwrite", is_flag=True, help="Replace the output file if it exists."),
    click.option("--progress/--no-progress", default=None, help="Show progress on stderr.  [default: on a terminal]"),
    click.option("--retired", multiple=True, metavar="SUITE", help="Treat this suite as retired. Can be repeated."),
)

_IDENTITY_OPTIONS = (IDENTITY, BUNDLE, CONTENT, HEADS)


def _with(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.group()
def envelope() -> None:
    """Seal files to others, open them, look at them."""


@envelope.command()
@click.argument("name", type=click.Path(path_type=Path))
@click.option("--signatures", type=click.Choice(sorted(_SIGNATURES)), default="hybrid", show_default=True)
@click.option("--suite", type=click.Choice(sorted(SUITES)), default=DEFAULT_SUITE, show_default=True)
@click.option("--argon2-memory-mib", type=click.IntRange(8, 2048), default=64, show_default=True)
@_with(*_PASSPHRASE_OPTIONS)
def keygen(
    name: Path,
    signatures: str,
    suite: str,
    argon2_memory_mib: int,
    passphrase_file: Path | None,
    passphrase_env: str | None,
) -> None:
    """Make keys: NAME.key, sealed under a passphrase, and NAME.pub to give away."""
    private, public = name.with_name(name.name + ".key"), name.with_name(name.name + ".pub")
    for path in (private, public):
        if path.exists():
            raise AlreadyExists(f"the file {path} exists already and is not overwritten")
    passphrase = prompts.passphrase_by_options(passphrase_file, passphrase_env, prompts.choose_passphrase)
    keys = PrivateKeys.generate(secrets.token_bytes, _SIGNATURES[signatures], suite)
    fingerprint = keys.public.fingerprint.hex()
    cost = Argon2Cost(memory_kib=argon2_memory_mib * 1024)
    SealedFile(private).create(keys.to_bytes(), passphrase, {**KEY_ROLE, "fingerprint": fingerprint}, cost)
    files.write_new(public, armored(keys.public.to_bytes(), PUBLIC_KEYS))
    click.echo(f"Private keys: {private}\nPublic keys:  {public}\nFingerprint:  {fingerprint}")


@envelope.command()
@_INPUT
@click.option("--key", "sender", type=prompts.FILE, help="Your private keys, if you have no identity.")
@click.option("--to", "recipients", multiple=True, required=True, help="A recipient: a file of public keys, or a DID.")
@click.option("--context", required=True, help="What this is for; the recipient must expect the same text.")
@click.option("--content-type", help="What the payload is, for example text/plain.")
@click.option("--anonymous", is_flag=True, help="Do not show for whom it is, nor for how many.")
@click.option("--sign-body", is_flag=True, help="Sign the payload, as evidence for third parties.")
@click.option("--padding/--no-padding", default=True, show_default=True, help="Hide the exact length.")
@click.option("--armor", is_flag=True, help="Write text.")
@_with(*_IDENTITY_OPTIONS, *_STREAM_OPTIONS, *_PASSPHRASE_OPTIONS)
def seal(source: IO[bytes], sender: Path | None, recipients: tuple[str, ...], armor: bool, **options: Any) -> None:
    """Seal SOURCE, or standard input, to one or more recipients."""
    with parties(options) as known:
        to = known.recipients(recipients)
        keys = known.signing(sender, _passphrase(options))
    terms = Terms(
        options["context"],
        int(time.time()),
        content_type=options["content_type"],
        signed_body=options["sign_body"],
        anonymous=options["anonymous"],
        padded=options["padding"],
    )
    sealing = Sealing(keys.signing, to, terms, secrets.token_bytes, _policy(options))
    with _shown(source, options) as blocks, _output(options, _Passing) as sink:
        parts = _sealed(sealing, blocks)
        for part in _armored(parts) if armor else parts:
            sink.write(part)
        sink.commit()


@envelope.command("open")
@_INPUT
@click.option("--key", "keys", type=prompts.FILE, multiple=True, help="Your private keys, or older ones.")
@click.option(
    "--from", "senders", multiple=True, required=True, help="Whom it may be from: a file of public keys, or a DID."
)
@click.option("--context", required=True, help="What it must have been sealed for.")
@click.option("--allow-retired", is_flag=True, help="Open it even if its suite is no longer trusted.")
@_with(*_IDENTITY_OPTIONS, *_STREAM_OPTIONS, *_PASSPHRASE_OPTIONS)
def open_(source: IO[bytes], keys: tuple[Path, ...], senders: tuple[str, ...], context: str, **options: Any) -> None:
    """Open SOURCE, or standard input; text or octets. Nothing is written unless everything is verified."""
    with parties(options) as found:
        known = found.senders(senders)
        here = found.opening(keys, _passphrase(options))
    reader = Reader(
        [private.encryption for private in here],
        {key_id: key for key_id, (_, key) in known.items()},
        context,
        _policy(options, allow_retired=options["allow_retired"]),
    )
    with _shown(source, options) as blocks, _output(options, _Withholding) as sink:
        opening = Opening(reader, sink)
        for block in _dearmored(blocks):
            opening.feed(block)
        opened = opening.finish()
    _tell(opened, known[opened.header.sender][0])


@envelope.command("inspect")
@_INPUT
@click.option("--retired", multiple=True, metavar="SUITE", help="Treat this suite as retired. Can be repeated.")
def inspect_(source: IO[bytes], retired: tuple[str, ...]) -> None:
    """Show what anybody can see of SOURCE, an envelope or a file of public keys. Nothing of it is proven."""
    blocks = iter(lambda: source.read(_BLOCK), b"")
    start = next(blocks, b"")
    if start.startswith(_ARMOR_BEGIN + PUBLIC_KEYS.encode()):
        keys = PublicKeys.from_bytes(dearmored(start, PUBLIC_KEYS))
        click.echo(f"public keys: {keys.signing.suite}, {keys.encryption.suite}")
        click.echo(f"fingerprint: {keys.fingerprint.hex()}")
        click.echo(f"signing key id: {keys.signing.id.hex()}\nencryption key id: {keys.encryption.id.hex()}")
        return
    outline = inspect(_head(_dearmored(_chained(start, blocks))), Policy(retired=frozenset(retired)))
    click.echo(f"identifier: {outline.identifier.hex()}")
    click.echo(f"suite: {outline.suite}{' (retired)' if outline.retired else ''}")
    click.echo(f"head: {outline.head_octets} octets, {outline.slots} slots")
    click.echo("recipients: anonymous" if outline.anonymous else "recipients, by encryption key id:")
    for key_id in outline.key_ids:
        click.echo(f"  {key_id.hex()}")


# -- keys --------------------------------------------------------------------------------------------------------------
def _passphrase(options: dict[str, Any]) -> Passphrase:
    return prompts.passphrase_by_options(options["passphrase_file"], options["passphrase_env"])


def _policy(options: dict[str, Any], *, allow_retired: bool = False) -> Policy:
    if unknown := set(options["retired"]) - set(SUITES):
        raise ConfigError(f"no suite is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(SUITES))}")
    return Policy(frozenset(options["retired"]), allow_retired)


# -- streams -----------------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def _shown(source: IO[bytes], options: dict[str, Any]) -> Iterator[Iterator[bytes]]:
    """The blocks of the input, which show their progress."""
    with Progress(_size(source), options["progress"]) as progress:

        def blocks() -> Iterator[bytes]:
            while block := source.read(_BLOCK):
                yield block
                progress.add(len(block))

        yield blocks()


def _size(source: IO[bytes]) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        here = source.tell()
        end = source.seek(0, os.SEEK_END)
        source.seek(here)
        return end - here
    return None


@contextlib.contextmanager
def _output(options: dict[str, Any], pipe: Callable[[], Sink]) -> Iterator[Sink]:
    """Where the result goes; what was not committed when the block is left is removed."""
    path: Path | None = options["output"]
    sink: Sink
    if path is None or str(path) == "-":
        if sys.stdout is None:
            raise ConfigError("standard output is closed; name a file with -o")
        sink = pipe()
    elif path.exists() and not path.is_file():  # --overwrite would put a file in the place of a device
        raise AlreadyExists(f"{path} is no regular file and is not replaced; leave -o out and redirect the output")
    elif path.exists() and not options["overwrite"]:
        raise AlreadyExists(f"the file {path} exists already and is not overwritten; --overwrite replaces it")
    else:
        sink = files.PendingFile(path, overwrite=options["overwrite"])
    try:
        with _ended_by_signals():
            yield sink
    finally:
        sink.abort()


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A block that signals to end the process leave as an interrupt does, so that what was written is removed."""

    def leave(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    found = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        for number in [number for number, handler in found.items() if handler is signal.SIG_DFL]:
            signal.signal(number, leave)
        yield
    finally:
        for number, handler in found.items():
            signal.signal(number, handler)


class _Passing:
    """Standard output for an envelope, which is of no use to anybody before its last chunk."""

    def write(self, octets: bytes) -> None:
        sys.stdout.buffer.write(octets)

    def commit(self) -> None:
        sys.stdout.buffer.flush()

    def abort(self) -> None:
        """Nothing: what is cut short does not open."""


class _Withholding:
    """Standard output for a payload. It cannot take back what it has given away, so it gets nothing before `commit`."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by commit and abort

    def write(self, octets: bytes) -> None:
        try:
            self._file.write(octets)
        except OSError as error:
            raise Unavailable(f"the temporary file cannot be written: {error.strerror}") from error

    def commit(self) -> None:
        self._file.seek(0)
        while block := self._file.read(_BLOCK):
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
        self._file.close()

    def abort(self) -> None:
        self._file.close()


def _sealed(sealing: Sealing, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield sealing.head
    for block in blocks:
        yield from sealing.update(block)
    yield from sealing.finish()


def _armored(parts: Iterator[bytes]) -> Iterator[bytes]:
    armoring = Armoring()
    for part in parts:
        yield armoring.update(part)
    yield armoring.finish()


def _dearmored(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The octets of an input that is either text or octets already."""
    start = b""
    while len(start) < len(_ARMOR_BEGIN) and (block := next(blocks, b"")):
        start += block
    blocks = _chained(start, blocks)
    if not start.startswith(_ARMOR_BEGIN):
        yield from blocks
        return
    dearmoring = Dearmoring()
    for block in blocks:
        yield dearmoring.update(block)
    yield dearmoring.finish()


def _chained(start: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from blocks


def _head(blocks: Iterator[bytes]) -> bytes:
    octets = b""
    for block in blocks:
        octets += block
        if len(octets) >= 16 and len(octets) >= head_octets(octets):
            return octets
    raise MalformedEnvelope("the envelope is cut short")


def _tell(opened: Opened, sender: str) -> None:
    sealed_at = datetime.fromtimestamp(min(opened.header.timestamp, 253402300799), UTC).isoformat()
    click.echo(f"verified: {opened.length} octets from {sender}, sealed at {sealed_at}", err=True)
