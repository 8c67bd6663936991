"""`milagro demo`: the whole of milagro once, with real processes on this machine.

    three D-TAs make a key of which none has more than a share --> an MFA server gets its secret from any two
    --> a client enrols and chooses a PIN --> logs in with it --> is refused with a wrong one
    --> one D-TA is killed --> a second device enrols and logs in

Every step is a `milagro` command that a person could type. Ends 0 only if every step did what it should.

`milagro demo web` opens the same network for browsers, with a site to log in to, until it is told to end.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import click

from milagro.cli.demo.processes import DemoFailed, Servers, terminable
from milagro.cli.demo.report import Report
from milagro.cli.demo.steps import Demo
from milagro.errors import MilagroError

_KEEP = click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Leave the servers' files in this new folder, to look at them.",
)


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end instead of lines.")
@_KEEP
@click.pass_context
def demo(context: click.Context, as_json: bool, keep: Path | None) -> None:
    """Start three D-TAs, an MFA server and a client, log in, and again without one of the D-TAs."""
    if context.invoked_subcommand is None:
        _demo(as_json, keep)
    elif as_json or keep:
        raise click.UsageError("give the options behind the name of the command")


def _demo(as_json: bool, keep: Path | None) -> None:
    report = Report(quiet=as_json)
    failure: MilagroError | None = None
    with terminable(), contextlib.ExitStack() as stack:
        folder = _folder(keep, stack)
        try:
            Demo(folder, stack.enter_context(Servers(folder)), report).show()
        except MilagroError as error:
            failure = error
    if as_json:
        click.echo(json.dumps(report.summary(failure), indent=1))
    elif failure is None:
        click.echo(
            f"\nEverything behaved, in {report.seconds():.1f} s." + (f" Its files are in {keep}." if keep else "")
        )
    if failure is not None:
        raise failure


@demo.command("web")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, once all is up, instead of lines.")
@click.option("--no-open", is_flag=True, help="Only print the addresses; open no browser.")
@_KEEP
def web(as_json: bool, no_open: bool, keep: Path | None) -> None:
    """Open a network, an OpenID Provider, a site that uses it and a mailbox on loopback, until Ctrl-C."""
    from milagro.cli.demo.web import WebDemo, look  # noqa: PLC0415 - needs the server extra

    report = Report(quiet=as_json)
    with terminable(), contextlib.ExitStack() as stack:
        folder = _folder(keep, stack)
        shown = WebDemo(folder, stack.enter_context(Servers(folder)), report)
        stack.enter_context(shown.open())
        with contextlib.suppress(KeyboardInterrupt):  # from now on that is how it ends
            _tell(shown.addresses(), report, as_json)
            if not no_open:
                look(shown.addresses())
            shown.wait()
    if not as_json:
        click.echo("\nEnded." + (f" Its files are in {keep}." if keep else " Nothing is left."))


def _tell(addresses: dict[str, str], report: Report, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**report.summary(None), **addresses}))
        return
    click.echo(f"\n  Example site  {addresses['site']}/\n  Mailbox       {addresses['mailbox']}/")
    click.echo(
        f"  Login server  {addresses['login']}/\n\nLog in at the example site, as {addresses['user']}: the login server"
    )
    click.echo("sends a code to the mailbox, where an invitation lies as well. Ctrl-C ends everything.")


def _folder(keep: Path | None, stack: contextlib.ExitStack) -> Path:
    if keep is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="milagro-demo-")))
    try:
        keep.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise DemoFailed(f"{keep} exists already; --keep names a new folder") from None
    return keep.resolve()
