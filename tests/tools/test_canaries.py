"""The search for secrets in logs finds them, in every place and form, and does not say them."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.canaries import Heard, Search, pieces, plant

ROOT = Path(__file__).resolve().parents[2]
SECRET = b"a secret/of ~20+ octets\xff"
SUITE = """
import logging, subprocess, sys, threading
from milagro.roles.mfa.oidc.families import new_secret
from tests.canaries import collect, heard, plant

HIDDEN = "-".join(("correct", "horse", "battery"))

def test_prints():
    print("x", plant("the printed", "printed " + HIDDEN).encode().hex())

def test_logs():
    logging.getLogger("any").warning("%s", plant("the logged", "logged " + HIDDEN))

def test_process(tmp_path):
    plant("the child's", "child " + HIDDEN)
    with (tmp_path / "log").open("ab") as log:
        subprocess.run([sys.executable, "-c", f"print('child {HIDDEN}')"], stdout=log, stderr=log, check=True)
    (tmp_path / "log").unlink()

def test_error():
    plant("the one on standard error", "error " + HIDDEN)
    program = f"import sys; sys.stderr.write('error {HIDDEN}')"
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

def test_file(tmp_path):
    (tmp_path / "access.log").write_text("GET /?code=" + new_secret())
    collect(tmp_path / "access.log", tmp_path / "none.log")

def test_mark():
    heard("a console", "CAN" + "ARY-1")

def test_harmless():
    plant("one that nobody says", "silent " + HIDDEN)
    print("all is well", HIDDEN)
"""
FOUND = [
    "test_error standard error of a process: the one on standard error",
    "test_file access.log: a token made for test_suite.test_file",
    "test_logs captured log call: the logged",
    "test_mark a console: a text that begins with the word for canaries",
    "test_prints captured stdout call: the printed",
    "test_process output of a process: the child's",
]


@pytest.mark.parametrize("spread", [(), ("-n", "2")], ids=["alone", "spread"])
def test_a_session_in_which_somebody_says_a_secret_fails(tmp_path: Path, spread: tuple[str, ...]) -> None:
    suite = tmp_path / "test_suite.py"
    suite.write_text(SUITE)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.canaries",
        "-p",
        "no:cacheprovider",
        *spread,
        str(suite),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 1, done.stdout
    assert "7 passed" in done.stdout
    said = [line.partition("::")[2] for line in done.stdout.splitlines() if line.startswith("test_suite.py::")]
    assert said == FOUND
    assert "horse" not in done.stdout
    calm = subprocess.run(
        [*command, "-k", "harmless"], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    )
    assert calm.returncode == 0, calm.stdout
    assert "canaries: 1 secrets" in calm.stdout


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        SECRET.hex().encode(),
        SECRET.hex().upper().encode(),
        quote(SECRET).encode(),
        quote(SECRET, safe="").encode(),
        base64.b64encode(SECRET),
        base64.urlsafe_b64encode(SECRET).rstrip(b"="),
        base64.b64encode(b"1" + SECRET + b"behind"),
        base64.urlsafe_b64encode(b"22" + SECRET + b"behind"),
    ],
)
def test_every_form_is_found(written: bytes) -> None:
    search = Search({SECRET: "it"})
    for before in range(9):
        text = bytes(before) + written + b" and more"
        assert {label for _, label in search.places(text)} == {"it"}
        assert list(search.places(text.replace(written, written[: len(written) // 2]))) == []


@given(st.lists(st.binary(min_size=8, max_size=80), min_size=1, max_size=5), st.binary(max_size=60))
def test_what_is_there_is_found_and_nothing_else(canaries: list[bytes], around: bytes) -> None:
    search = Search({secret: secret.hex() for secret in canaries})
    for secret in canaries:
        text = around + secret + around
        found = dict.fromkeys(label for _, label in search.places(text))
        assert secret.hex() in found
    other = secrets.token_bytes(400)
    assert not any(label in map(bytes.hex, canaries) for _, label in search.places(other))


def test_of_a_long_one_a_part_is_enough() -> None:
    long = secrets.token_bytes(200)
    search = Search({long: "it"})
    assert all(len(piece) == 32 for piece in pieces(long))
    for part in (long[:150], long[120:]):
        assert {label for _, label in search.places(b"cut: " + part)} == {"it"}


def test_none_is_too_short(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a PIN is too short"):
        Heard(tmp_path).plant("a PIN", b"1234")
    with pytest.raises(ValueError, match="too short"):
        plant("a PIN", "2580")
