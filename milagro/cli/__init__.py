"""The command `milagro`: the only place that knows arguments, standard output and exit codes.

Commands are imported when they are called, so that `milagro vectors` works without the libraries of the servers.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

import milagro
from milagro.errors import ConfigError, MilagroError, Unavailable, status_of

if TYPE_CHECKING:
    from types import FrameType

_COMMANDS = {
    "client": "milagro.cli.client:client",
    "content": "milagro.cli.content:content",
    "db": "milagro.cli.db:db",
    "demo": "milagro.cli.demo:demo",
    "dta": "milagro.cli.dta:dta",
    "envelope": "milagro.cli.envelope:envelope",
    "health": "milagro.cli.health:health",
    "id": "milagro.cli.identity:identity",
    "init": "milagro.cli.init:init",
    "keys": "milagro.cli.keys:keys",
    "mfa": "milagro.cli.mfa:mfa",
    "serve": "milagro.cli.serve:serve",
    "vectors": "milagro.cli.vectors:vectors",
}
_SHORT = {
    "client": "Enrol this device and log in with a PIN.",
    "content": "Look at a content store: a folder or IPFS.",
    "db": "Look at a server's database and upgrade it.",
    "demo": "Start three D-TAs, an MFA server and a client, log in, and again without one of the D-TAs.",
    "dta": "Run a D-TA's part in its network, and look at its log.",
    "envelope": "Seal files to others, open them, look at them.",
    "health": "Say whether a server is ready.",
    "id": "Make, change and check identities.",
    "init": "Write the configuration and the sealed keys of a new server.",
    "keys": "Look at a server's sealed secrets, and move them to another key.",
    "mfa": "Run the accounts of an MFA server.",
    "serve": "Run a server.",
    "vectors": "Check and make test vectors.",
}
_SERVER_LIBRARIES = (
    "fastapi",
    "httpx",
    "joserfc",
    "prometheus_client",
    "pydantic",
    "sqlalchemy",
    "structlog",
    "uvicorn",
)
_INTERRUPTED = 130
_TERMINATED = 143


class Commands(click.Group):
    """The top group: finds commands by name, and turns every MilagroError into one line and an exit code."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Runs the command line. The first process of a container is spared signals that it does not handle."""
        if os.getpid() == 1:
            signal.signal(signal.SIGTERM, _terminate)
        return super().main(*arguments, **options)

    def list_commands(self, _context: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command called `name`, imported now."""
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name].split(":")
        command: click.Command = getattr(_import(module), attribute)
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SHORT[name]) for name in sorted(_SHORT)])

    def invoke(self, context: click.Context) -> Any:
        """Runs a command; ends the process with the error's own exit code."""
        try:
            return super().invoke(context)
        except MilagroError as error:
            if context.params.get("debug"):
                traceback.print_exc()
            click.echo(f"error: {error}", err=True)
            sys.exit(status_of(error).exit_code)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # nobody reads any more; click ends without a word
            if context.params.get("debug"):
                traceback.print_exc()
            _let_go_of_output()
            click.echo(f"error: {error.strerror or error}: {error.filename or 'while reading or writing'}", err=True)
            sys.exit(status_of(Unavailable()).exit_code)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            sys.exit(_INTERRUPTED)


def _let_go_of_output() -> None:
    """Drops what standard output could not take; else the interpreter tries once more at its end, and complains."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(_TERMINATED)


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in _SERVER_LIBRARIES:
            raise
        raise ConfigError(
            f"this command needs the library {error.name!r}, which is not installed; pip install 'milagro[server]'"
        ) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(milagro.__version__, prog_name="milagro")
@click.option("--debug", is_flag=True, help="Show where in the program an error arose.")
def main(debug: bool) -> None:
    """Trust without certificate authorities: M-Pin servers and clients that share their secrets."""
    del debug  # Commands.invoke reads it
