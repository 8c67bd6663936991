"""`milagro demo`: the whole of milagro once, with real processes on this machine.

    two D-TAs start --> an MFA server fetches its key shares from both --> a client enrols and chooses a PIN
    --> logs in with it --> is refused with a wrong one

Every step is a `milagro` command that a person could type. Ends 0 only if every step did what it should.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import milagro
from milagro.errors import AuthenticationFailed, MilagroError, Unavailable, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_DEADLINE = 55.0  # seconds for everything
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.1
_USER = "alice"
_MFA_NAME = "login.demo"
_DTA_NAMES = ("dta-one", "dta-two")
_REFUSED = status_of(AuthenticationFailed()).exit_code


class DemoFailed(MilagroError):
    """A step did not do what it should."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end instead of lines.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Leave the servers' files in this new folder, to look at them.",
)
def demo(as_json: bool, keep: Path | None) -> None:
    """Start two D-TAs, an MFA server and a client, and log in."""
    report = Report(quiet=as_json)
    failure: MilagroError | None = None
    with _terminable(), contextlib.ExitStack() as stack:
        folder = _folder(keep, stack)
        try:
            Demo(folder, stack.enter_context(Servers(folder)), report).run()
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


@dataclass
class Report:
    """What has been shown so far."""

    quiet: bool
    started: float = field(default_factory=time.monotonic)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self.started

    @contextlib.contextmanager
    def step(self, name: str, text: str) -> Iterator[None]:
        """One step: shown when it begins, and marked when it ends."""
        began = time.monotonic()
        if not self.quiet:
            click.echo(f"{len(self.steps) + 1}. {text} ... ", nl=False)
        done = False
        try:
            yield
            done = True
        finally:
            seconds = round(time.monotonic() - began, 2)
            self.steps.append({"step": name, "text": text, "ok": done, "seconds": seconds})
            if not self.quiet:
                click.echo(f"{'ok' if done else 'FAILED'} ({seconds:.1f} s)")

    def summary(self, failure: MilagroError | None) -> dict[str, Any]:
        """The report as JSON."""
        result = {"ok": failure is None, "seconds": round(self.seconds(), 2), "steps": self.steps}
        return result if failure is None else {**result, "error": str(failure)}


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

    def start(self, name: str, url: str, *arguments: str) -> None:
        """Starts a server and waits until it says that it is ready.

        Raises: DemoFailed
        """
        with (self._logs / f"{name}.log").open("wb") as log, _uninterrupted():
            # A session of its own, so that Ctrl-C reaches only this process, which then stops them in order.
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own command
                _command(arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
                preexec_fn=_listen,  # noqa: PLW1509 - there is no second thread here
            )
        while not _is_ready(url):
            if self._running[name].poll() is not None:
                raise DemoFailed(f"the server {name} ended early; it said: {self._last_lines(name)}")
            if self.left() <= 0:
                raise Unavailable(f"the server {name} was not ready in time; it said: {self._last_lines(name)}")
            time.sleep(_POLL_SECONDS)

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end.

        Raises: Unavailable if it does not end in time
        """
        try:
            return subprocess.run(  # noqa: S603 - our own command
                _command(arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=max(1.0, self.left()),
                env=_environment(**environment),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"'milagro {arguments[0]}' did not end in time") from None

    def left(self) -> float:
        """Seconds until the demo gives up."""
        return self._deadline - time.monotonic()

    def _last_lines(self, name: str) -> str:
        lines = (self._logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "nothing"


class Demo:
    """The steps."""

    def __init__(self, folder: Path, servers: Servers, report: Report) -> None:
        self._folder = folder
        self._servers = servers
        self._step = report.step
        ports = _free_ports(3)
        self._urls = [f"http://127.0.0.1:{port}" for port in ports]
        self._ports = [str(port) for port in ports]
        self._passphrase = folder / "passphrase"
        digits = secrets.randbelow(10000)
        self._pin, self._wrong_pin = f"{digits:04d}", f"{(digits + 1) % 10000:04d}"

    def run(self) -> None:
        """All steps.

        Raises: DemoFailed, Unavailable
        """
        with self._step("keys", "Make keys for two D-TAs and an MFA server"):
            self._make_keys()
        with self._step("dtas", "Start the two D-TAs, each with its own half of a master secret"):
            for at, name in enumerate(_DTA_NAMES, 1):
                self._servers.start(name, self._urls[at], "serve", "dta", "--config", self._config(name))
        with self._step("mfa", "Start the MFA server, which fetches its key shares from both"):
            self._servers.start(_MFA_NAME, self._urls[0], "serve", "mfa", "--config", self._config(_MFA_NAME))
        with self._step("invite", f"Invite {_USER}"):
            code = self._run("mfa", "invite", _USER, "--config", self._config(_MFA_NAME)).strip()
        with self._step("enrol", f"Enrol {_USER}'s device: a client share from each D-TA, and a PIN"):
            self._enrol(code)
        with self._step("login", "Log in with the PIN"):
            self._log_in()
        with self._step("refusal", "Try a wrong PIN: it must be refused, and counted"):
            self._be_refused()

    def _make_keys(self) -> None:
        _write_private(self._passphrase, secrets.token_urlsafe(24))
        shared = ("--passphrase-file", str(self._passphrase))
        dtas = [f"--dta={name}={url}" for name, url in zip(_DTA_NAMES, self._urls[1:], strict=True)]
        mfa = self._folder / _MFA_NAME
        said = self._run("init", "mfa", str(mfa), "--name", _MFA_NAME, "--port", self._ports[0], *dtas, *shared)
        authority = said.split("--authority ")[1].split()[0]
        for name, port in zip(_DTA_NAMES, self._ports[1:], strict=True):
            options = ("--name", name, "--port", port, "--authority", authority)
            self._run("init", "dta", str(self._folder / name), *options, *shared)

    def _enrol(self, code: str) -> None:
        options = ("--server", self._urls[0], "--user", _USER, "--code", code, "--device", "laptop")
        self._run("client", "enroll", *options, *self._device(), MILAGRO_DEMO_PIN=self._pin)

    def _log_in(self) -> None:
        said = json.loads(self._run("client", "login", "--json", *self._device(), MILAGRO_DEMO_PIN=self._pin))
        if said["user"] != _USER:
            raise DemoFailed("the server greeted somebody else")
        self._check_count(0)

    def _be_refused(self) -> None:
        done = self._servers.command("client", "login", *self._device(), MILAGRO_DEMO_PIN=self._wrong_pin)
        if done.returncode != _REFUSED or "authentication failed" not in done.stderr:
            raise DemoFailed(f"a wrong PIN was not refused as it should be; the client said: {done.stderr.strip()}")
        self._check_count(1)

    def _check_count(self, expected: int) -> None:
        (device,) = json.loads(self._run("mfa", "users", "--json", "--config", self._config(_MFA_NAME)))
        if device["wrong_pins"] != expected:
            raise DemoFailed(f"the server counts {device['wrong_pins']} wrong PINs instead of {expected}")

    def _run(self, *arguments: str, **environment: str) -> str:
        done = self._servers.command(*arguments, **environment)
        if done.returncode != 0:
            raise DemoFailed(f"'milagro {' '.join(arguments[:2])}' failed: {done.stderr.strip()}")
        return done.stdout

    def _device(self) -> tuple[str, ...]:
        return "--folder", str(self._folder / "device"), "--pin-env", "MILAGRO_DEMO_PIN"

    def _config(self, name: str) -> str:
        return str(self._folder / name / "milagro.toml")


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-P", "-m", "milagro", *arguments]  # -P: not whatever the current folder calls milagro


def _environment(**more: str) -> dict[str, str]:
    """This process' environment, with the package that runs here in front of all others."""
    path = [str(Path(milagro.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **more}


def _folder(keep: Path | None, stack: contextlib.ExitStack) -> Path:
    if keep is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="milagro-demo-")))
    try:
        keep.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise DemoFailed(f"{keep} exists already; --keep names a new folder") from None
    return keep.resolve()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def _is_ready(url: str) -> bool:
    # Not through a proxy that the environment may name.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
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
