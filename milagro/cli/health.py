"""`milagro health`: whether a server can do its work now, as an exit code that supervisors understand: 0 or 1."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from milagro.cli import prompts
from milagro.errors import ConfigError, MilagroError, Unavailable
from milagro.stores.urls import url_fault

if TYPE_CHECKING:
    from milagro.roles.config import ServerConfig

_PATH = "/readyz"
_ANSWER_LIMIT = 1 << 14
_SHOWN = 300
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a server listens on, and where to ask it then


@click.command()
@click.option("--config", "path", type=prompts.FILE, help="Ask the server of this configuration, on this machine.")
@click.option("--url", help="Ask the server at this address.")
@click.option("--ca-certificate", type=prompts.FILE, help="With --url: trust this CA instead of the system's.")
@click.option("--client-certificate", type=prompts.FILE, help="PEM, for a server that asks callers for one.")
@click.option("--client-key", type=prompts.FILE, help="Its private key, PEM.")
@click.option("--timeout", "seconds", type=click.FloatRange(0.1, 300), default=5.0, show_default=True)
def health(
    path: Path | None,
    url: str | None,
    ca_certificate: Path | None,
    client_certificate: Path | None,
    client_key: Path | None,
    seconds: float,
) -> None:
    """Say whether a server is ready: exit code 0 if it is, 1 if it is not or does not answer.

    The server of a configuration is asked at its own port. Its certificate must be the one in the configuration and
    hold for its public URL; it is also what the server is shown if it asks for a certificate.
    """
    try:
        target = _configured(path) if path is not None else _named(url, ca_certificate)
        if path is not None and url is not None:
            raise ConfigError("name one server: --config FILE or --url URL")
        if client_certificate is not None and target.tls is not None:
            _present(target.tls, client_certificate, client_key)
        _ask(target, seconds)
    except MilagroError as error:
        # Never the error's own code: Docker keeps every code but 0 and 1 of a health check for itself.
        click.echo(f"not ready: {' '.join(str(error).split())}")
        sys.exit(1)
    click.echo("ready")


@dataclass(frozen=True, slots=True)
class _Target:
    host: str
    port: int
    server_name: str
    tls: ssl.SSLContext | None


def _configured(path: Path) -> _Target:
    from milagro.roles.config import read, read_common  # noqa: PLC0415 - needs the server extra

    reader = read(path)
    server = read_common(reader).server
    if reader.problems:
        raise ConfigError(f"{path} has faults:", reader.problems)
    host = _EVERYWHERE.get(server.host, server.host)
    return _Target(host, server.port, urlsplit(server.public_url).hostname or host, _own_trust(server))


def _own_trust(server: ServerConfig) -> ssl.SSLContext | None:
    if server.tls_certificate is None:
        return None
    trust = _trust(server.tls_certificate)
    # The chain in the file ends at an intermediate CA, or with a private CA at the server itself: that is far enough.
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _present(trust, server.tls_certificate, server.tls_key)
    return trust


def _named(url: str | None, ca_certificate: Path | None) -> _Target:
    if url is None:
        raise ConfigError("name a server: --config FILE or --url URL")
    fault = url_fault(url)
    if fault:
        raise ConfigError(f"the server's URL {fault}")
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    return _Target(host, parts.port or (443 if secure else 80), host, _trust(ca_certificate) if secure else None)


def _trust(certificates: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(certificates) if certificates else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the certificate {certificates} cannot be used: {error}") from error


def _present(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the certificate {certificate} and its key cannot be used: {error}") from error


def _ask(target: _Target, seconds: float) -> None:
    """Asks for readiness.

    Raises: Unavailable with what the server says
    """
    connection = http.client.HTTPConnection(target.host, target.port, timeout=seconds)
    try:
        connection.sock = _connected(target, seconds)
        connection.request("GET", _PATH, headers={"Host": target.server_name, "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(_ANSWER_LIMIT)
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(f"the certificate does not hold: {error.verify_message}") from error
    except (OSError, http.client.HTTPException) as error:
        where = f"{target.host}:{target.port}"
        raise Unavailable(f"nothing answers as it should at {where}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise Unavailable(_reason(answer.status, body))


def _connected(target: _Target, seconds: float) -> socket.socket:
    plain = socket.create_connection((target.host, target.port), seconds)
    if target.tls is None:
        return plain
    try:
        return target.tls.wrap_socket(plain, server_hostname=target.server_name)
    except BaseException:
        plain.close()
        raise


def _reason(status: int, body: bytes) -> str:
    try:
        said = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered with status {status}"
    return "".join(letter for letter in said if letter.isprintable())[:_SHOWN]
