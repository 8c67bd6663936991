"""What is fuzzed of the servers' edges: the bodies of requests and answers, and configuration files."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from milagro.errors import ConfigError
from milagro.roles import messages, wire
from milagro.roles.dta.member import config as dta_config
from milagro.roles.mfa import config as mfa_config
from tests.fuzz.target import Target, numbered, one_of


# -- bodies --------------------------------------------------------------------------------------------------------
def _kinds() -> list[type[wire.Message]]:
    found = {**vars(messages), **vars(wire)}.values()
    kinds = {one for one in found if isinstance(one, type) and issubclass(one, wire.Message)}
    return sorted(kinds - {wire.Message}, key=lambda kind: kind.__name__)


def _body(kind: type[wire.Message]) -> Callable[[bytes], None]:
    def check(octets: bytes) -> None:
        with contextlib.suppress(ValidationError):  # which servers and peers turn into an answer or an error
            body = kind.model_validate_json(octets)
            again = kind.model_validate_json(body.model_dump_json())
            if again != body:
                raise AssertionError(f"{octets!r} is read as {again}")

    return check


def seeds_of_bodies() -> list[bytes]:
    return numbered([[_example(kind)] for kind in _kinds()])


_VALUES = (
    "AAAA",
    "A" * 43,
    "A" * 86,
    "A" * 400,
    "b" + "a" * 58,
    "ed25519",
    "0123456789-0123",
    "https://dta.example",
    7,
    True,
    [],
)


def _example(kind: type[wire.Message]) -> bytes:
    """An object with all fields of a message, each with the first of some values that the field takes."""
    return json.dumps({name: _value(kind, name) for name in kind.model_fields}).encode()


def _value(kind: type[wire.Message], name: str) -> Any:
    detail = {"code": "refused", "message": "no", "request_id": "1"}
    ticket = {"network": "b" + "a" * 58, "version": "A" * 43, "key": "AAAA", "ticket": "A" * 400}
    return next(value for value in (*_VALUES, detail, ticket, None) if _takes(kind, name, value))


def _takes(kind: type[wire.Message], name: str, value: object) -> bool:
    try:
        kind.model_validate({name: value})
    except ValidationError as error:
        return all(fault["loc"][:1] != (name,) for fault in error.errors())
    return True


# -- configuration -------------------------------------------------------------------------------------------------
def check_configuration(octets: bytes) -> None:
    """A configuration file of any octets, read as that of either server."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "milagro.toml"
        path.write_bytes(octets)
        for read in (dta_config.read_config, mfa_config.read_config):
            with contextlib.suppress(ConfigError):
                read(path)


DTA = """
role = "dta"
[server]
port = 8001
public_url = "http://127.0.0.1:8001"
tls_certificate = "certificate.pem"
tls_key = "key.pem"
[dta]
name = "dta-1"
[dta.network]
step_seconds = 20
[dta.issuing]
slots_ahead = 1
[[dta.authorities]]
identity = "did:milagro:00"
realms = ["login.test"]
"""
MFA = """
role = "mfa"
[server]
port = 8000
public_url = "http://127.0.0.1:8000"
[store]
path = "state.sqlite"
[log]
level = "info"
[passphrase]
env = "PASSPHRASE"
[suite]
slot_seconds = 3600
[mfa]
name = "login.test"
dta_wait_seconds = 0
[mfa.network]
charter = "network.charter"
"""


def seeds_of_configuration() -> list[bytes]:
    return [DTA.encode(), MFA.encode()]


TARGETS = {
    "bodies": Target(one_of([_body(kind) for kind in _kinds()]), seeds_of_bodies),
    "configuration": Target(check_configuration, seeds_of_configuration),
}
