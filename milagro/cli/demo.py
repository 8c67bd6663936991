"""`milagro demo`: the whole of milagro once, with real processes on this machine.

    three D-TAs make a key of which none has more than a share --> an MFA server gets its secret from any two
    --> a client enrols and chooses a PIN --> logs in with it --> is refused with a wrong one
    --> one D-TA is killed --> a second device enrols and logs in

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

_DEADLINE = 240.0  # seconds for everything, on a machine that is very busy
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.1
_USER = "alice"
_MFA_NAME = "login.demo"
_DTA_NAMES = ("dta-one", "dta-two", "dta-three")
_THRESHOLD = 2
_STEP_SECONDS = 5  # a bound that is reached only if one of the D-TAs is away
_ARGON2_MIB = 8  # what a guess at the demo's own, random passphrase costs does not matter
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
    """Start three D-TAs, an MFA server and a client, log in, and again without one of the D-TAs."""
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

    def kill(self, name: str) -> None:
        """Ends a server as a failing machine would."""
        self._running[name].kill()
        self._running[name].wait()

    def commands(self, *lines: tuple[str, ...], **environment: str) -> list[Done]:
        """Runs commands at the same time, each to its end.

        Raises: Unavailable if one does not end in time
        """
        with contextlib.ExitStack() as stack:
            started = [(line[0], stack.enter_context(_running(line, _environment(**environment)))) for line in lines]
            return [self._done(name, process) for name, process in started]

    def _done(self, name: str, process: subprocess.Popen[str]) -> Done:
        try:
            said, complained = process.communicate(timeout=max(1.0, self.left()))
        except subprocess.TimeoutExpired:
            raise Unavailable(f"'milagro {name}' did not end in time") from None
        return Done(process.returncode, said, complained.strip())

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
        ports = _free_ports(1 + len(_DTA_NAMES))
        self._ports = dict(zip((_MFA_NAME, *_DTA_NAMES), ports, strict=True))
        self._urls = {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}
        self._passphrase = folder / "passphrase"
        self._charter = folder / "network.charter"
        digits = secrets.randbelow(10000)
        self._pin, self._wrong_pin = f"{digits:04d}", f"{(digits + 1) % 10000:04d}"

    def run(self) -> None:
        """All steps.

        Raises: DemoFailed, Unavailable
        """
        with self._step("keys", "Give three D-TAs and an MFA server an identity each"):
            self._make_identities()
        with self._step("network", "Start the D-TAs, which make a key together that takes two of them to use"):
            self._make_key()
        with self._step("mfa", "Start the MFA server, which gets its secret from the D-TAs"):
            self._start_mfa()
        with self._step("invite", f"Invite {_USER}, for a laptop and for a phone"):
            laptop, phone = self._invite(2)
        with self._step("enrol", f"Enrol {_USER}'s laptop: a client secret from the D-TAs, and a PIN"):
            self._enrol("laptop", laptop)
        with self._step("login", "Log in with the PIN"):
            self._log_in("laptop")
        with self._step("refusal", "Try a wrong PIN: it must be refused, and counted"):
            self._be_refused()
        with self._step("kill", f"Kill {_DTA_NAMES[-1]}"):
            self._servers.kill(_DTA_NAMES[-1])
        with self._step("again", f"Enrol {_USER}'s phone and log in with it: the other two D-TAs are enough"):
            self._enrol("phone", phone)
            self._log_in("phone")

    # -- servers -----------------------------------------------------------------------------------------------
    def _make_identities(self) -> None:
        _write_private(self._passphrase, secrets.token_urlsafe(24))
        pace = ("--step-seconds", str(_STEP_SECONDS))
        self._run(*(("init", "dta", *self._new(name), *pace) for name in _DTA_NAMES))
        first, *others = _DTA_NAMES
        cards = [str(self._folder / name / "dta.card") for name in others]
        options = ("--name", "demo", "--threshold", str(_THRESHOLD), "--out", str(self._charter))
        self._run(("dta", "network", "create", *options, *self._config(first), *cards))
        joins = [("dta", "network", "join", str(self._charter), "--yes", *self._config(name)) for name in others]
        (said, *_) = self._run(("init", "mfa", *self._new(_MFA_NAME), "--network", str(self._charter)), *joins)
        self._make_trusted(said)

    def _make_trusted(self, said: str) -> None:
        """Does what `init mfa` says: its bundle beside each D-TA's configuration, and its lines at the end of that."""
        lines = said[said.index("[[dta.authorities]]") :].split("\n\n", maxsplit=1)[0]
        bundle = (self._folder / _MFA_NAME / "identity" / "identity.bundle").read_bytes()
        for name in _DTA_NAMES:
            (self._folder / name / f"{_MFA_NAME}.bundle").write_bytes(bundle)
            with (self._folder / name / "milagro.toml").open("a") as file:
                file.write(f"\n{lines}\n")

    def _make_key(self) -> None:
        for name in _DTA_NAMES:
            self._servers.start(name, "dta", self._path(name))
        for name in _DTA_NAMES:
            self._servers.await_ready(name, self._urls[name])

    def _start_mfa(self) -> None:
        self._servers.start(_MFA_NAME, "mfa", self._path(_MFA_NAME))
        self._servers.await_ready(_MFA_NAME, self._urls[_MFA_NAME])

    # -- devices -----------------------------------------------------------------------------------------------
    def _invite(self, count: int) -> list[str]:
        return [said.strip() for said in self._run(*count * [("mfa", "invite", _USER, *self._config(_MFA_NAME))])]

    def _enrol(self, device: str, code: str) -> None:
        options = ("--server", self._urls[_MFA_NAME], "--user", _USER, "--code", code, "--device", device)
        self._run(("client", "enroll", *options, *self._device(device)), MILAGRO_DEMO_PIN=self._pin)

    def _log_in(self, device: str) -> None:
        (said,) = self._run(("client", "login", "--json", *self._device(device)), MILAGRO_DEMO_PIN=self._pin)
        who = json.loads(said)
        if (who["user"], who["device"]) != (_USER, device):
            raise DemoFailed("the server greeted somebody else")

    def _be_refused(self) -> None:
        line = ("client", "login", *self._device("laptop"))
        (done,) = self._servers.commands(line, MILAGRO_DEMO_PIN=self._wrong_pin)
        if done.code != _REFUSED or "authentication failed" not in done.complained:
            raise DemoFailed(f"a wrong PIN was not refused as it should be; the client said: {done.complained}")
        (said,) = self._run(("mfa", "users", "--json", *self._config(_MFA_NAME)))
        (device,) = json.loads(said)
        if device["wrong_pins"] != 1:
            raise DemoFailed(f"the server counts {device['wrong_pins']} wrong PINs instead of 1")

    # -- commands ----------------------------------------------------------------------------------------------
    def _run(self, *lines: tuple[str, ...], **environment: str) -> list[str]:
        """What each of these commands says, which run at the same time."""
        done = self._servers.commands(*lines, **environment)
        for line, each in zip(lines, done, strict=True):
            if each.code != 0:
                raise DemoFailed(f"'milagro {' '.join(line[:3])}' failed: {each.complained}")
        return [each.said for each in done]

    def _new(self, name: str) -> tuple[str, ...]:
        sealed = ("--passphrase-file", str(self._passphrase), "--argon2-memory-mib", str(_ARGON2_MIB))
        return str(self._folder / name), "--name", name, "--port", str(self._ports[name]), *sealed

    def _device(self, device: str) -> tuple[str, ...]:
        return "--folder", str(self._folder / device), "--pin-env", "MILAGRO_DEMO_PIN"

    def _config(self, name: str) -> tuple[str, ...]:
        return "--config", self._path(name)

    def _path(self, name: str) -> str:
        return str(self._folder / name / "milagro.toml")


@contextlib.contextmanager
def _running(line: tuple[str, ...], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command at work; it is gone when the block is left."""
    with _uninterrupted():
        process = subprocess.Popen(  # noqa: S603 - our own command
            _command(line),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=_listen,  # noqa: PLW1509 - there is no second thread here
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


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
