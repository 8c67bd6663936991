"""`milagro dta network`: a network of D-TAs, as each of its operators commands it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from milagro.cli import prompts
from milagro.cli.audit import audit
from milagro.cli.backup import backup, restore
from milagro.cli.options import CONFIG
from milagro.errors import ConfigError, MilagroError
from milagro.roles.charter import Card, Charter, CharterFile
from milagro.roles.dta.member.config import require_network
from milagro.roles.dta.network.operator import Operator
from milagro.roles.suites import DEFAULT_CURVE, DEFAULT_SLOT_SECONDS, HASHES
from milagro.stores import files

if TYPE_CHECKING:
    from milagro.roles.dta.network.status import NetworkStatus

Command = TypeVar("Command", bound=Callable[..., Any])

_MAX_FILE = 16 << 20
_OUT = click.option("--out", required=True, type=prompts.FILE, help="Where to write the charter file for the others.")
_CARDS = click.argument("cards", nargs=-1, type=prompts.FILE)


@click.group()
def dta() -> None:
    """Run a D-TA's part in its network, and look at its log."""


for command in (audit, backup, restore):
    dta.add_command(command)


@dta.group()
def network() -> None:
    """Make a network of D-TAs, join it, look at it, change it."""


@network.command()
@CONFIG
@click.option("--name", help="What the network is called.")
@click.option("--threshold", type=click.IntRange(2, 64), help="How many members are needed.")
@click.option("--curve", default=DEFAULT_CURVE, show_default=True)
@click.option("--hash", "hash_name", type=click.Choice(HASHES), default="sha256", show_default=True)
@click.option("--slot-seconds", type=click.IntRange(0, 31_622_400), default=DEFAULT_SLOT_SECONDS, show_default=True)
@_OUT
@_CARDS
def create(
    path: Path,
    name: str | None,
    threshold: int | None,
    curve: str,
    hash_name: str,
    slot_seconds: int,
    out: Path,
    cards: tuple[Path, ...],
) -> None:
    """Found a network of this D-TA and those whose CARDS the other operators have given you."""
    others = [_card(one) for one in cards or _ask_for_cards()]
    called = name or _ask("--name", "Name of the network")
    needed = threshold or int(_ask("--threshold", f"How many of the {len(others) + 1} members are needed"))
    with _operator(path) as operator:
        key = prompts.sealer(operator.config.common.keys)
        _require_free(out)
        file = operator.create(called, needed, (curve, hash_name, slot_seconds), others, key)
        files.write_new(out, file.to_bytes())
    _show(file.charter)
    click.echo(f"Give {out} to the other operators. Each compares the network's id and types:")
    click.echo(f"  milagro dta network join {out.name}")


@network.command()
@click.argument("file", type=prompts.FILE)
@CONFIG
@click.option("--again", is_flag=True, help="This node was a member before, and its database is lost.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def join(file: Path, path: Path, again: bool, yes: bool) -> None:
    """Consent to the charter in FILE, and take part."""
    read = CharterFile.from_bytes(files.read(file, _MAX_FILE))
    with _operator(path) as operator:
        operator.check(read)
        _show(read.charter)
        if not yes and prompts.is_terminal():
            click.confirm("Join this network?", abort=True)
        operator.join(read, again=again)
    click.echo("Joined. `milagro serve dta` takes part from now on; `milagro dta network status` shows how it goes.")


@network.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--wait", type=click.IntRange(1, 86400), help="Wait so many seconds for the key; exit 6 if it is not there."
)
@click.option("--epoch", type=click.IntRange(0), help="With --wait: for this epoch or a later one.")
def status(path: Path, as_json: bool, wait: int | None, epoch: int | None) -> None:
    """Show who is there, who is missing and why, what is going on, and how many more may fail."""
    with _operator(path) as operator:
        found = operator.status()
        deadline = time.monotonic() + (wait or 0)
        while wait and not _is_there(found, epoch) and time.monotonic() < deadline:
            time.sleep(0.5)
            found = operator.status()
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else found.text())
    if wait and not _is_there(found, epoch):
        raise SystemExit(6)


def _is_there(found: NetworkStatus, wanted: int | None) -> bool:
    return found.epoch is not None and found.epoch >= (wanted or 0) and found.holds_share and not found.restored


@network.command()
@click.argument("proposal")
@CONFIG
def approve(proposal: str, path: Path) -> None:
    """Consent to the PROPOSAL whose id begins so, as `status` shows it."""
    with _operator(path) as operator:
        kind = operator.approve(proposal)
    click.echo(f"This node takes part in the {kind}.")


@network.command()
@CONFIG
@click.option("--add", "cards", multiple=True, type=prompts.FILE, help="Card of a new member. Can be repeated.")
@click.option("--remove", multiple=True, metavar="NAME", help="A member that goes. Can be repeated.")
@click.option("--threshold", type=click.IntRange(2, 64), help="How many are needed then; as now if not given.")
@_OUT
def reshare(path: Path, cards: tuple[Path, ...], remove: tuple[str, ...], threshold: int | None, out: Path) -> None:
    """Propose other members or another threshold; clients notice nothing."""
    if not (cards or remove or threshold):
        raise ConfigError("say what is to change: --add, --remove or --threshold; `refresh` keeps all of it")
    _amend(path, "reshare", threshold, [_card(one) for one in cards], remove, out)


@network.command()
@CONFIG
@click.argument("names", nargs=-1, required=True)
@click.option("--threshold", type=click.IntRange(2, 64), help="How many are needed then; as now if not given.")
@_OUT
def retire(path: Path, names: tuple[str, ...], threshold: int | None, out: Path) -> None:
    """Propose a network without the members NAMES; their shares are worth nothing afterwards."""
    _amend(path, "retire", threshold, [], names, out)


def _amend(path: Path, kind: str, threshold: int | None, cards: list[Card], remove: tuple[str, ...], out: Path) -> None:
    with _operator(path) as operator:
        key = prompts.sealer(operator.config.common.keys)
        _require_free(out)
        file = operator.reshare(kind, threshold, cards, remove, key)
        files.write_new(out, file.to_bytes())
    _show(file.charter)
    if cards:
        click.echo(f"Give {out} to the operators of the new members, who type: milagro dta network join {out.name}")
    click.echo("The operators of the present members see the proposal in `status` and consent with `approve`.")


@network.command()
@CONFIG
def refresh(path: Path) -> None:
    """Propose new shares of the same key for the same members: what was learnt of old ones is worth nothing then."""
    with _operator(path) as operator:
        operator.refresh()
    click.echo("Proposed.")


@network.command()
@CONFIG
def repair(path: Path) -> None:
    """Ask the others for this node's share, which is lost."""
    with _operator(path) as operator:
        operator.repair()
    click.echo("Asked. The operators of the helpers consent with `approve`, unless their servers do by configuration.")


@network.command()
@CONFIG
@click.option("--overlap-hours", type=click.IntRange(0, 24 * 366), default=24 * 7, show_default=True)
@click.option("--overlap-seconds", type=click.IntRange(1, 366 * 86400), help="Instead of hours.")
def rotate(path: Path, overlap_hours: int, overlap_seconds: int | None) -> None:
    """Propose another key. What the old one made is accepted until the overlap ends."""
    with _operator(path) as operator:
        operator.rotate(overlap_seconds or max(1, overlap_hours * 3600))
    click.echo("Proposed.")


# -- reading and showing -----------------------------------------------------------------------------------------------
@contextlib.contextmanager
def _operator(path: Path) -> Iterator[Operator]:
    operator = Operator.at(require_network(path))
    try:
        yield operator
    finally:
        operator.close()


def _card(path: Path) -> Card:
    try:
        return Card.from_bytes(files.read(path, _MAX_FILE))
    except MilagroError as error:
        raise ConfigError(f"{path} is no card of a D-TA: {error}") from error


def _require_free(path: Path) -> None:
    if path.exists():
        raise ConfigError(f"{path} exists already and is not overwritten")


def _ask(option: str, question: str) -> str:
    if not prompts.is_terminal():
        raise ConfigError(f"give {option}; there is no terminal to ask at")
    return str(click.prompt(question))


def _ask_for_cards() -> list[Path]:
    if not prompts.is_terminal():
        raise ConfigError("name the cards of the other members; there is no terminal to ask at")
    found: list[Path] = []
    while text := click.prompt("Card of another member (empty: no more)", default="", show_default=False):
        found.append(Path(text))
    return found


def _show(charter: Charter) -> None:
    click.echo(f"network  {charter.name}, charter {charter.number}: {charter.threshold} of {len(charter.seats)}")
    click.echo(f"id       {charter.network}")
    click.echo(f"suite    {charter.curve}, {charter.hash}, slots of {charter.slot_seconds} s")
    for seat in charter.seats:
        click.echo(f"  {seat.index:>3}  {seat.name:<16} {seat.identity}  {seat.url}")
