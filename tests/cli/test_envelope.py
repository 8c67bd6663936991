"""`milagro envelope` on files and pipes: what comes back, what is refused, and what a refusal leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from milagro.cli import main
from milagro.cli.progress import Progress

if TYPE_CHECKING:
    from click.testing import Result

PHRASE = ("--passphrase-env", "TEST_PASSPHRASE")
CONTEXT = ("--context", "cli-test/1")


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSPHRASE", "correct horse")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PASSPHRASE", "correct horse")
        for name in ("alice", "bob", "carol"):
            assert run("keygen", str(folder / name), "--argon2-memory-mib", "8", *PHRASE).exit_code == 0
    return folder


# The command, and then the peak of its memory in KiB.
MEASURED = """
import atexit, sys
from milagro.cli import main
from tests.protocols.envelope.stream_through import peak_kib
atexit.register(lambda: print(peak_kib(), file=sys.stderr))
main()
"""
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["envelope", *arguments], input=stdin)


def sealed(keys: Path, *more: str, to: str = "bob", stdin: bytes | None = None) -> Result:
    return run("seal", "--key", f"{keys}/alice.key", "--to", f"{keys}/{to}.pub", *CONTEXT, *PHRASE, *more, stdin=stdin)


def opened(keys: Path, *more: str, who: str = "bob", stdin: bytes | None = None, sender: str = "alice") -> Result:
    return run(
        "open", "--key", f"{keys}/{who}.key", "--from", f"{keys}/{sender}.pub", *CONTEXT, *PHRASE, *more, stdin=stdin
    )


@pytest.mark.parametrize("options", [(), ("--armor",), ("--anonymous",), ("--sign-body",), ("--no-padding",)])
def test_from_pipe_to_pipe(keys: Path, options: tuple[str, ...]) -> None:
    payload = bytes(range(256)) * 700
    envelope = sealed(keys, *options, stdin=payload)
    assert envelope.exit_code == 0, envelope.stderr
    assert (b"-----BEGIN MILAGRO ENVELOPE-----" in envelope.stdout_bytes) == ("--armor" in options)
    result = opened(keys, stdin=envelope.stdout_bytes)
    assert result.exit_code == 0, result.stderr
    assert result.stdout_bytes == payload
    assert "verified: 179200 octets from the owner of" in result.stderr


def test_from_file_to_file(keys: Path, tmp_path: Path) -> None:
    plain, envelope, back = tmp_path / "plain", tmp_path / "sealed", tmp_path / "back"
    plain.write_bytes(b"hello" * 50_000)
    assert sealed(keys, str(plain), "-o", str(envelope), "--to", f"{keys}/carol.pub").exit_code == 0
    for who in ("bob", "carol"):
        assert opened(keys, str(envelope), "-o", str(back), "--overwrite", who=who).exit_code == 0
        assert back.read_bytes() == plain.read_bytes()
    assert back.stat().st_mode & 0o777 == 0o600
    again = opened(keys, str(envelope), "-o", str(back))
    assert again.exit_code == 5
    assert "not overwritten" in again.stderr


def test_a_refused_envelope_leaves_nothing(keys: Path, tmp_path: Path) -> None:
    envelope = bytearray(sealed(keys, stdin=os.urandom(300_000)).stdout_bytes)
    envelope[-1] ^= 1
    for octets, code in ((bytes(envelope), 3), (bytes(envelope[:-100]), 3), (b"", 2), (b"nonsense" * 9, 2)):
        result = opened(keys, stdin=octets)
        assert (result.exit_code, result.stdout_bytes) == (code, b"")
        assert opened(keys, "-o", str(tmp_path / "out"), stdin=octets).exit_code == code
        assert list(tmp_path.iterdir()) == []


def test_wrong_key_sender_context_passphrase(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    envelope = sealed(keys, stdin=b"x").stdout_bytes
    assert opened(keys, who="carol", stdin=envelope).exit_code == 3
    assert opened(keys, sender="carol", stdin=envelope).exit_code == 3
    assert opened(keys, "--context", "another", stdin=envelope).exit_code == 3
    monkeypatch.setenv("TEST_PASSPHRASE", "wrong")
    refused = opened(keys, stdin=envelope)
    assert refused.exit_code == 3
    assert "passphrase" in refused.stderr


def test_retired_suites(keys: Path) -> None:
    envelope, retired = sealed(keys, stdin=b"x").stdout_bytes, ("--retired", "MLKEM768-X25519.1")
    assert sealed(keys, *retired, stdin=b"x").exit_code == 2
    assert opened(keys, *retired, stdin=envelope).exit_code == 2
    assert opened(keys, *retired, "--allow-retired", stdin=envelope).stdout_bytes == b"x"
    assert "(retired)" in run("inspect", *retired, stdin=envelope).stdout
    assert "no suite is called" in opened(keys, "--retired", "ROT13", stdin=envelope).stderr


def test_inspect_shows_what_anybody_sees(keys: Path) -> None:
    shown = run("inspect", stdin=(keys / "bob.pub").read_bytes())
    assert shown.exit_code == 0
    key_id = shown.stdout.split("encryption key id: ")[1].strip()
    for options in ((), ("--armor",)):
        result = run("inspect", stdin=sealed(keys, *options, stdin=b"x").stdout_bytes)
        assert result.exit_code == 0, result.stderr
        assert "suite: MLKEM768-X25519.1" in result.stdout
        assert key_id in result.stdout
    hidden = run("inspect", stdin=sealed(keys, "--anonymous", stdin=b"x").stdout_bytes)
    assert "recipients: anonymous" in hidden.stdout
    assert key_id not in hidden.stdout
    assert run("inspect", stdin=b"MLGENV").exit_code == 2


def test_keygen_keeps_what_is_there_and_seals_the_private_half(keys: Path) -> None:
    before = (keys / "alice.key").read_bytes()
    assert run("keygen", str(keys / "alice"), *PHRASE).exit_code == 5
    assert (keys / "alice.key").read_bytes() == before
    assert (keys / "alice.key").stat().st_mode & 0o777 == 0o600
    made = run("keygen", str(keys / "voter"), "--signatures", "bls", "--argon2-memory-mib", "8", *PHRASE)
    assert made.exit_code == 0
    fingerprint = made.stdout.split("Fingerprint:")[1].strip()
    assert f"fingerprint: {fingerprint}" in run("inspect", str(keys / "voter.pub")).stdout
    assert fingerprint in (keys / "voter.key").read_text(encoding="utf-8")


def test_a_damaged_file_of_public_keys_is_named(keys: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pub"
    bad.write_bytes((keys / "bob.pub").read_bytes()[:-50])
    result = run("seal", "--key", f"{keys}/alice.key", "--to", str(bad), *CONTEXT, *PHRASE, stdin=b"x")
    assert result.exit_code == 2
    assert str(bad) in result.stderr


def test_real_processes_in_a_pipe(keys: Path, tmp_path: Path) -> None:
    """64 MiB from process to process; the one that opens stays below 100 MiB."""
    plain = tmp_path / "plain"
    with plain.open("wb") as file:
        for _ in range(64):
            file.write(os.urandom(1 << 20))
    command = [sys.executable, "-m", "milagro", "envelope"]
    seal = [*command, "seal", str(plain), "--key", f"{keys}/alice.key", "--to", f"{keys}/bob.pub", *CONTEXT, *PHRASE]
    open_ = [
        sys.executable,
        "-c",
        MEASURED,
        "envelope",
        "open",
        "--key",
        f"{keys}/bob.key",
        "--from",
        f"{keys}/alice.pub",
        *CONTEXT,
        *PHRASE,
    ]
    with (tmp_path / "back").open("wb") as back, (tmp_path / "log").open("wb") as log:
        first = subprocess.Popen([*seal, "--progress"], stdout=subprocess.PIPE, stderr=log)
        second = subprocess.run(
            open_, stdin=first.stdout, stdout=back, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT
        )
        assert first.wait(60) == 0
    assert second.returncode == 0, second.stderr
    assert int(second.stderr.split()[-1]) < 100 * 1024
    assert b"% " in (tmp_path / "log").read_bytes()
    assert (tmp_path / "back").read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_a_process_that_is_told_to_end_leaves_no_part_of_a_file(
    keys: Path, tmp_path: Path, signal_: signal.Signals
) -> None:
    to = ("--key", f"{keys}/alice.key", "--to", f"{keys}/bob.pub")
    command = [sys.executable, "-m", "milagro", "envelope", "seal", "/dev/zero", *to, *CONTEXT, *PHRASE]
    with subprocess.Popen(
        [*command, "-o", str(tmp_path / "sealed")],
        stderr=subprocess.PIPE,
        cwd=ROOT,
        # A shell starts what it puts in the background with SIGINT ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        deadline = time.monotonic() + 60
        try:
            while not any(path.stat().st_size for path in tmp_path.iterdir()):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(signal_)
            assert process.wait(60) == 128 + signal_
        finally:
            process.kill()  # else it would fill the disk
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("size", [10, 300_000])
def test_a_full_disk_behind_standard_output_is_one_line(keys: Path, size: int) -> None:
    to = ("--key", f"{keys}/alice.key", "--to", f"{keys}/bob.pub")
    command = [sys.executable, "-m", "milagro", "envelope", "seal", *to, *CONTEXT, *PHRASE]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(command, input=bytes(size), stdout=full, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    assert result.returncode == 6
    assert result.stderr.startswith(b"error: No space left on device")
    assert result.stderr.count(b"\n") == 1


def test_what_is_no_regular_file_is_not_replaced(keys: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for more in ((), ("--overwrite",)):
        result = sealed(keys, "-o", str(pipe), *more, stdin=b"x")
        assert result.exit_code == 5
        assert "no regular file" in result.stderr
    assert pipe.is_fifo()


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_standard_stream_is_named(keys: Path, closed: str) -> None:
    to = f"--key {keys}/alice.key --to {keys}/bob.pub --context x --passphrase-env TEST_PASSPHRASE"
    command = f"echo x | {{ '{sys.executable}' -m milagro envelope seal {to} {closed}; }}"
    result = subprocess.run(["sh", "-c", command], capture_output=True, check=False, cwd=ROOT)
    assert result.returncode == 2
    assert b"is closed; name a file" in result.stderr
    assert b"Traceback" not in result.stderr


def test_the_cure_for_a_missing_passphrase_is_an_option(keys: Path) -> None:
    to = ("--key", f"{keys}/alice.key", "--to", f"{keys}/bob.pub")
    result = run("seal", *to, *CONTEXT, stdin=b"x")
    assert result.exit_code == 2
    assert "--passphrase-file" in result.stderr


def test_the_progress_line() -> None:
    known, unknown = Progress(200 << 20, shown=False), Progress(None, shown=False)
    for progress in (known, unknown):
        progress.add(50 << 20)
    assert known.text(2.0) == f"[{'#' * 8:<30}]  25%  50.0 MiB, 25 MiB/s"
    assert unknown.text(2.0) == "50.0 MiB, 25 MiB/s"
