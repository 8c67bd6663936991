"""`milagro health`: 0 only if the server says that it is ready, and over TLS only if it is that server."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from milagro.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

NAME = "dta-1.test"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["health", *map(str, arguments)])


def refusal(message: str) -> bytes:
    return json.dumps({"error": {"code": "unavailable", "message": message, "request_id": "-"}}).encode()


@contextlib.contextmanager
def server(
    status: int = 200, body: bytes = b"{}", tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']} {self.path}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    listening.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield listening.server_port, asked
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def certificate(folder: Path, *names: str, days: int = 1) -> tuple[Path, Path]:
    """A certificate signed by its own key, and the key."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    start = datetime.now(UTC) - timedelta(days=3)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(datetime.now(UTC) + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def serving(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


def config(folder: Path, port: int, files: tuple[Path, Path] | None = None, host: str = "0.0.0.0") -> Path:
    path = folder / "milagro.toml"
    tls = 'tls = "proxy"' if files is None else f'tls_certificate = "{files[0]}"\ntls_key = "{files[1]}"'
    path.write_text(f'[server]\nhost = "{host}"\nport = {port}\npublic_url = "https://{NAME}"\n{tls}\n')
    return path


def test_ready() -> None:
    with server() as (port, asked):
        result = run("--url", f"http://127.0.0.1:{port}")
    assert (result.exit_code, result.output) == (0, "ready\n")
    assert asked == ["127.0.0.1 /readyz"]


def test_the_configured_server_is_asked_on_this_machine(tmp_path: Path) -> None:
    with server() as (port, asked):
        result = run("--config", config(tmp_path, port))
    assert (result.exit_code, result.output) == (0, "ready\n")
    assert asked == [f"{NAME} /readyz"]


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (503, refusal("not ready; the server's log says why"), "not ready: not ready; the server's log says why\n"),
        (503, refusal("two\nlines\x1b[2J"), "not ready: twolines[2J\n"),
        (404, b"<html>", "not ready: the server answered with status 404\n"),
        (500, b"[]", "not ready: the server answered with status 500\n"),
        (302, b"", "not ready: the server answered with status 302\n"),
    ],
)
def test_any_other_answer_is_not_ready(status: int, body: bytes, text: str) -> None:
    with server(status, body) as (port, _):
        result = run("--url", f"http://127.0.0.1:{port}")
    assert (result.exit_code, result.output) == (1, text)


def test_silence_and_noise_are_not_ready() -> None:
    with server() as (port, _):
        pass
    result = run("--url", f"http://127.0.0.1:{port}")
    assert result.exit_code == 1
    assert "Connection refused" in result.output


def test_a_private_certificate_from_the_configuration(tmp_path: Path) -> None:
    files = certificate(tmp_path, NAME)
    with server(tls=serving(files)) as (port, asked):
        result = run("--config", config(tmp_path, port, files))
    assert (result.exit_code, result.output) == (0, "ready\n")
    assert len(asked) == 1


def test_a_server_that_asks_for_a_certificate_is_shown_its_own_or_the_one_named(tmp_path: Path) -> None:
    files, other = certificate(tmp_path, NAME), certificate(tmp_path / "other", NAME)
    asking = serving(files)
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(files[0])
    with server(tls=asking) as (port, asked):
        path = config(tmp_path, port, files)
        assert run("--config", path).exit_code == 0
        assert run("--config", path, "--client-certificate", other[0], "--client-key", other[1]).exit_code == 1
        assert run("--config", path, "--client-certificate", other[0], "--client-key", files[1]).exit_code == 1
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("names", "days", "text"), [(("other.test",), 1, "ostname mismatch"), ((NAME,), -1, "certificate has expired")]
)
def test_a_certificate_that_others_would_refuse(tmp_path: Path, names: tuple[str, ...], days: int, text: str) -> None:
    files = certificate(tmp_path, *names, days=days)
    with server(tls=serving(files)) as (port, asked):
        result = run("--config", config(tmp_path, port, files))
    assert result.exit_code == 1
    assert text in result.output
    assert asked == []


def test_another_server_at_the_port(tmp_path: Path) -> None:
    with server(tls=serving(certificate(tmp_path / "other", NAME))) as (port, asked):
        result = run("--config", config(tmp_path, port, certificate(tmp_path, NAME)))
    assert result.exit_code == 1
    assert "certificate does not hold" in result.output
    assert asked == []


def test_a_ca_for_a_url(tmp_path: Path) -> None:
    files = certificate(tmp_path, "localhost")
    with server(tls=serving(files)) as (port, _):
        url = f"https://localhost:{port}"
        assert run("--url", url, "--ca-certificate", files[0]).exit_code == 0
        assert run("--url", url).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "name a server"),
        (("--url", "http://dta.example"), "without https"),
        (("--config", "missing.toml"), "no configuration file"),
        (("--url", "https://localhost", "--ca-certificate", "missing.pem"), "cannot be used"),
    ],
)
def test_every_fault_is_one_line_and_exit_code_1(arguments: tuple[str, ...], text: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert text in result.output
    assert result.output.count("\n") == 1


def test_one_server_at_a_time(tmp_path: Path) -> None:
    result = run("--config", config(tmp_path, 1), "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "name one server" in result.output
