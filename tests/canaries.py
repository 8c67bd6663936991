"""No secret in any log: what a session's servers and clients say is gathered, and searched for the secrets it made.

    plant(label, secret) ─▶ secrets-PID.jsonl ──┐
    heard(name, text)    ─▶ said-PID ───────────┴─▶ at the end, in the first process: found? the session has failed

Gathered by itself: what tests print and log as pytest captures it, servers in threads and child processes that inherit
its streams with them; files that processes write their output to; and what processes say on a standard error that a
test reads with `communicate`. What a server logs to a file of its own, a fixture hands over (`collect`).

Planted by itself: every token that the product makes as text, and the word CANARY-. What else a test makes and wants
kept secret, it plants. A canary is found as it is, in hexadecimal, base64 (at any offset), base64url and URL-quoted.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import _pytest.terminal

Secret = TypeVar("Secret", str, bytes)
MARK = b"CANARY-"
SHORTEST = 8  # octets; shorter ones would be found where they are not
_PIECE = 32  # of a long secret, its middle and its end are sought: logs cut, and beginnings are often formats
_NAME = b"\n\x00"  # a record begins with it and the name of who speaks
_BITS = 22
_BLOCK = 1 << 20  # words that are looked at in one go


def forms(secret: bytes) -> set[bytes]:
    """How octets are written in logs."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    found |= {quote(secret, safe=safe).encode() for safe in ("", "/")}
    for offset, skipped in enumerate((0, 2, 3)):  # whatever stands before it in what is encoded
        whole = (offset + len(secret)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(bytes(offset) + secret)[skipped:whole])
    return {form for form in found if len(form) >= SHORTEST}


def pieces(secret: bytes) -> list[bytes]:
    """What is sought of a secret."""
    if len(secret) <= 2 * _PIECE:
        return [secret]
    middle = (len(secret) - _PIECE) // 2
    return [secret[middle : middle + _PIECE], secret[-_PIECE:]]


class Search:
    """Finds many canaries at once: a bitmap of what their first octets hash to leaves few places to look at."""

    def __init__(self, canaries: dict[bytes, str]) -> None:
        self._forms: dict[bytes, list[tuple[bytes, str]]] = {}
        for secret, label in canaries.items():
            for form in {form for piece in pieces(secret) for form in forms(piece)}:
                self._forms.setdefault(form[:SHORTEST], []).append((form, label))
        self._bitmap = np.zeros(1 << _BITS, dtype=bool)
        if self._forms:
            self._bitmap[self._hash(np.frombuffer(b"".join(self._forms), dtype="<u8"))] = True

    @staticmethod
    def _hash(words: Any) -> Any:
        return (words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _BITS)

    def places(self, said: bytes) -> Iterator[tuple[int, str]]:
        """Where something is, and its label."""
        for shift in range(min(SHORTEST, len(said))):
            words = np.frombuffer(said, "<u8", (len(said) - shift) // SHORTEST, shift)
            for begin in range(0, len(words), _BLOCK):
                hits = np.flatnonzero(self._bitmap[self._hash(words[begin : begin + _BLOCK])])
                for at in ((begin + hits) * SHORTEST + shift).tolist():
                    for form, label in self._forms.get(said[at : at + SHORTEST], ()):
                        if said.startswith(form, at):
                            yield at, label
        for form in {MARK, MARK.hex().encode(), base64.b64encode(MARK)[:9]}:
            at = said.find(form)
            while at >= 0:
                yield at, "a text that begins with the word for canaries"
                at = said.find(form, at + 1)


@dataclass
class Heard:
    """The folder of a session, in which each of its processes has files of its own."""

    folder: Path
    planted: set[bytes] = field(default_factory=set)
    following: list[tuple[subprocess.Popen[Any], int, str]] = field(default_factory=list)

    def plant(self, label: str, secret: bytes) -> None:
        if len(secret) < SHORTEST:
            raise ValueError(f"{label} is too short to be sought in logs: it has {len(secret)} octets")
        if secret in self.planted:
            return
        self.planted.add(secret)
        with (self.folder / f"secrets-{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps([label, secret.hex()]) + "\n")

    def say(self, name: str, said: bytes) -> None:
        if said.strip():
            with (self.folder / f"said-{os.getpid()}").open("ab") as file:
                file.write(_NAME + name.encode() + b"\n" + said)

    def follow(self, process: subprocess.Popen[Any], number: int, name: str) -> None:
        """Remembers a file that a process writes to, from here on, whatever becomes of its name."""
        with contextlib.suppress(OSError):
            opened = os.fstat(number)
            if stat.S_ISREG(opened.st_mode):
                reading = os.open(f"/proc/self/fd/{number}", os.O_RDONLY)
                os.lseek(reading, opened.st_size, os.SEEK_SET)
                self.following.append((process, reading, name))

    def gather(self, *, all_of_them: bool = False) -> None:
        """Reads the files of processes that are over."""
        waiting = []
        for process, reading, name in self.following:
            if all_of_them or process.returncode is not None:
                with os.fdopen(reading, "rb") as file:
                    self.say(name, file.read())
            else:
                waiting.append((process, reading, name))
        self.following = waiting

    def found(self) -> tuple[set[str], int, int]:
        """Who said what (labels, not secrets), how many canaries were sought, and in how many octets."""
        canaries: dict[bytes, str] = {}
        for path in self.folder.glob("secrets-*.jsonl"):
            for label, secret in map(json.loads, path.read_text().splitlines()):
                canaries[bytes.fromhex(secret)] = label
        search, complaints, octets = Search(canaries), set(), 0
        for path in self.folder.glob("said-*"):
            said = path.read_bytes()
            octets += len(said)
            for at, label in search.places(said):
                begin = said.rfind(_NAME, 0, at) + len(_NAME)
                complaints.add(f"{said[begin : said.find(10, begin)].decode(errors='replace')}: {label}")
        return complaints, len(canaries), octets


_heard: Heard | None = None
_key = pytest.StashKey[tuple[set[str], int, int]]()


def plant(label: str, secret: Secret) -> Secret:
    """`secret`, which from now on must not be in any log."""
    if _heard is not None:
        _heard.plant(label, secret.encode() if isinstance(secret, str) else secret)
    return secret


def heard(name: str, said: str | bytes) -> None:
    """Keeps what somebody said for the search."""
    if _heard is not None:
        _heard.say(f"{_test()} {name}", said.encode() if isinstance(said, str) else said)


def collect(*files: Path) -> None:
    """Keeps what stands in log files, those that are there."""
    for path in files:
        if path.is_file():
            heard(path.name, path.read_bytes())


def _test() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "?").partition(" ")[0].partition("[")[0]


# -- what happens by itself ------------------------------------------------------------------------------------------
def _hear_processes(ear: Heard) -> Callable[[], None]:
    """From now on hears what processes write to files, and on a standard error that is read by `communicate`."""
    begin, communicate = subprocess.Popen.__init__, subprocess.Popen.communicate

    @wraps(begin)
    def start(self: Any, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        streams = {options.get("stdout"), options.get("stderr")} - {None, subprocess.PIPE, subprocess.DEVNULL}
        for number in {one if isinstance(one, int) else one.fileno() for one in streams} - {subprocess.STDOUT}:
            ear.follow(self, number, f"{_test()} output of a process")

    @wraps(communicate)
    def read(self: Any, *arguments: Any, **options: Any) -> Any:
        out, error = communicate(self, *arguments, **options)
        if error:
            ear.say(f"{_test()} standard error of a process", error if isinstance(error, bytes) else error.encode())
        return out, error

    subprocess.Popen.__init__, subprocess.Popen.communicate = start, read  # type: ignore[method-assign]

    def back() -> None:
        subprocess.Popen.__init__, subprocess.Popen.communicate = begin, communicate  # type: ignore[method-assign]

    return back


def _plant_tokens(ear: Heard) -> Callable[[], None]:
    """From now on plants what the product makes with `secrets.token_urlsafe`: it makes nothing but secrets with it."""
    made = secrets.token_urlsafe

    @wraps(made)
    def token_urlsafe(nbytes: int | None = None) -> str:
        token, caller = made(nbytes), sys._getframe(1)
        if caller.f_globals.get("__name__", "").startswith("milagro."):
            maker = caller.f_back or caller
            ear.plant(f"a token made for {maker.f_globals.get('__name__')}.{maker.f_code.co_name}", token.encode())
        return token

    secrets.token_urlsafe = token_urlsafe

    def back() -> None:
        secrets.token_urlsafe = made

    return back


def pytest_configure(config: pytest.Config) -> None:
    global _heard  # noqa: PLW0603 - fixtures and worlds plant without a handle
    told = getattr(config, "workerinput", {}).get("canaries")
    _heard = Heard(Path(told or tempfile.mkdtemp(prefix="milagro-heard-")))
    config.add_cleanup(_hear_processes(_heard))
    config.add_cleanup(_plant_tokens(_heard))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Another process of the session (xdist) uses the same folder."""
    assert _heard is not None
    node.workerinput["canaries"] = str(_heard.folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[Any]:
    result = yield
    assert _heard is not None
    _heard.gather()
    return result


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    assert _heard is not None
    _heard.gather(all_of_them=True)
    if not hasattr(session.config, "workerinput"):
        session.config.stash[_key] = result = _heard.found()
        if result[0] and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        elif not result[0]:
            shutil.rmtree(_heard.folder, ignore_errors=True)


class _Output:
    """Hears what tests print and log, in the process that all reports come to."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        assert _heard is not None
        name = report.nodeid.partition("[")[0]
        for kind, said in report.sections:
            if kind.startswith("Captured"):
                _heard.say(f"{name} {kind.lower()}", said.encode(errors="replace"))


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Output())


def pytest_terminal_summary(terminalreporter: _pytest.terminal.TerminalReporter) -> None:
    complaints, planted, octets = terminalreporter.config.stash.get(_key, (set(), 0, 0))
    terminalreporter.write_line(f"canaries: {planted} secrets, sought in {octets / 1e6:.1f} MB of logs")
    if complaints:
        assert _heard is not None
        terminalreporter.section("secrets in logs", red=True, bold=True)
        for line in sorted(complaints):
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"what was heard is in {_heard.folder}")
