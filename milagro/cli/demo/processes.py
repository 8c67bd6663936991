"""The processes of the demo: servers that run until it ends, and commands that run to their end.

A server is `milagro serve` in an interpreter of its own. So is every other command, except on Linux: there the demo
imports the commands once, and each is a fork of it. That is a process with memory of its own as well, which is spared
the imports, and they are most of what a short command costs.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

import milagro
from milagro import cli
from milagro.errors import MilagroError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_DEADLINE: Final = 240.0  # seconds for everything, on a machine that is very busy
_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05
_COMMANDS: Final = ("client", "dta", "init", "mfa")
_FORKS: Final = sys.platform == "linux"  # elsewhere the system's own libraries do not survive a fork


class DemoFailed(MilagroError):
    """A step did not do what it should."""


_STOPPING = (signal.SIGINT, signal.SIGTERM)


def _listen() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """A signal waits until the block is left: between a new process and its name it would be lost to `Servers`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        _listen()


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    said: str
    complained: str


class Servers:
    """The processes that the demo started; all are stopped when the block is left, however it is left."""

    def __init__(self, folder: Path) -> None:
        self._logs = folder / "logs"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._deadline = time.monotonic() + _DEADLINE

    def __enter__(self) -> Servers:
        self._logs.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.terminate()
        limit = time.monotonic() + _STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.1, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, role: str, config: str) -> None:
        """Starts a server."""
        with (self._logs / f"{name}.log").open("wb") as log, _uninterrupted():
            # A session of its own, so that Ctrl-C reaches only this process, which then stops them in order.
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own command
                _command(("serve", role, "--config", config)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
                preexec_fn=_listen,  # noqa: PLW1509 - there is no second thread here
            )

    def await_ready(self, name: str, url: str) -> None:
        """Waits until a server says that it is ready.

        Raises: DemoFailed, Unavailable
        """
        while not _is_ready(url):
            if self._running[name].poll() is not None:
                raise DemoFailed(f"the server {name} ended early; it said: {self._last_lines(name)}")
            if self.left() <= 0:
                raise Unavailable(f"the server {name} was not ready in time; it said: {self._last_lines(name)}")
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """Finds all servers running.

        Raises: DemoFailed
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise DemoFailed(f"the server {name} ended early; it said: {self._last_lines(name)}")

    def kill(self, name: str) -> None:
        """Ends a server as a failing machine would."""
        self._running[name].kill()
        self._running[name].wait()

    def commands(self, *lines: tuple[str, ...], **environment: str) -> list[Done]:
        """Runs commands at the same time, each to its end.

        Raises: Unavailable if one does not end in time, ConfigError if the servers' libraries are missing
        """
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(_running(line, _environment(**environment))) for line in lines]
            return [command.done(line[0], self.left()) for line, command in zip(lines, started, strict=True)]

    def left(self) -> float:
        """Seconds until the demo gives up."""
        return self._deadline - time.monotonic()

    def _last_lines(self, name: str) -> str:
        lines = (self._logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "nothing"


class _Command:
    """A command at work, and the files that take what it says."""

    def __init__(self, line: tuple[str, ...], environment: dict[str, str], said: IO[bytes], heard: IO[bytes]) -> None:
        self._said, self._complained = said, heard
        self._process = _forked(line, environment, said, heard) if _FORKS else _fresh(line, environment, said, heard)

    def done(self, name: str, seconds: float) -> Done:
        """How it ended. Raises: Unavailable if it did not in so many seconds"""
        code = _ending(self._process, max(1.0, seconds))
        if code is None:
            raise Unavailable(f"'milagro {name}' did not end in time")
        return Done(code, _text(self._said), _text(self._complained).strip())

    def kill(self) -> None:
        """Ends it, if it has not ended yet."""
        self._process.kill()
        _ending(self._process, None)


@contextlib.contextmanager
def _running(line: tuple[str, ...], environment: dict[str, str]) -> Iterator[_Command]:
    """A command at work; it is gone when the block is left."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        _import_commands()
        with _uninterrupted():
            command = _Command(line, environment, said, complained)
        try:
            yield command
        finally:
            command.kill()


_Started = multiprocessing.process.BaseProcess | subprocess.Popen[bytes]


def _fresh(line: tuple[str, ...], environment: dict[str, str], said: IO[bytes], heard: IO[bytes]) -> _Started:
    return subprocess.Popen(  # noqa: S603 - our own command
        _command(line),
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=heard,
        env=environment,
        preexec_fn=_listen,  # noqa: PLW1509 - there is no second thread here
    )


def _forked(line: tuple[str, ...], environment: dict[str, str], said: IO[bytes], heard: IO[bytes]) -> _Started:
    process = multiprocessing.get_context("fork").Process(target=_become, args=(line, environment, said, heard))
    process.start()
    return process


def _become(line: tuple[str, ...], environment: dict[str, str], said: IO[bytes], heard: IO[bytes]) -> None:
    """Makes this process what `milagro LINE` would be, and ends it as that ends."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, said.fileno(), heard.fileno())):
        os.dup2(file, number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - no paths
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _listen()
    cli.main(list(line), prog_name="milagro")


def _import_commands() -> None:
    """Imports what forks are going to need; once, since a second import finds it there."""
    if _FORKS:
        for name in _COMMANDS:
            cli.main.get_command(click.Context(cli.main), name)


def _ending(process: _Started, seconds: float | None) -> int | None:
    """The exit code, or None if there is none after so many seconds."""
    if isinstance(process, subprocess.Popen):
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
    process.join(seconds)
    return process.exitcode


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-P", "-m", "milagro", *arguments]  # -P: not whatever the current folder calls milagro


def _environment(**more: str) -> dict[str, str]:
    """This process' environment, with the package that runs here in front of all others."""
    path = [str(Path(milagro.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **more}


def _is_ready(url: str) -> bool:
    # Not through a proxy that the environment may name.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Makes SIGTERM end the block like Ctrl-C does, so that the servers are stopped then as well."""
    try:
        before: Callable[[int, FrameType | None], Any] | int | None = signal.signal(signal.SIGTERM, _interrupt)
    except ValueError:  # not the main thread: nobody sends it signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
