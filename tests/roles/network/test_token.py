"""A network whose every key is under a PKCS#11 token: what a disk holds helps nobody without the token."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from milagro.errors import ConfigError, DecryptionFailed, EncodingError, Unavailable
from milagro.protocols.issuance import Ticket
from milagro.roles.dta.member.config import read_config
from milagro.roles.dta.member.service import Member
from milagro.roles.dta.network.parties import seed_in
from milagro.roles.sealing import open_sealer
from milagro.stores.keys import context_of
from milagro.stores.keys.header import sealed_under
from tests.roles.network.house import House
from tests.roles.network.site import ENVIRONMENT, free_ports
from tests.roles.network.test_logins import NAMES, device, make_mfa
from tests.stores.keys.softhsm import PIN, SoftHsm, module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pkcs11 import TokenFlag

KINDS = {"identity", "identity, alone", "envelope", "data-key", "data-key, alone"}  # under the token's key
KINDS |= {"seed", "event", "recovery file", "share", "ticket", "server-secret"}
_USER_PIN = "CANARY-pin-5512"


@pytest.fixture
def house(folder: Path, hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Each server has a token of its own."""
    monkeypatch.setenv("TEST_PIN", _USER_PIN)
    monkeypatch.setenv("TEST_PASSPHRASE", ENVIRONMENT["TEST_PASSPHRASE"])
    monkeypatch.chdir(folder)
    made = House(folder)
    for name in (*NAMES, "mfa", "other"):
        hsm.add(name)
        made.sealing[name] = ("--pkcs11-module", str(module()), "--token", name, "--pin-file", str(hsm.pin_file))
    hsm.token().close()
    yield made
    made.close()


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[bytes]]:
    """Every secret that is sealed while the test runs, by the kind that its context says, and every ticket."""
    from milagro.stores.keys import DataKey
    from milagro.stores.keys.token_sealer import TokenSealer

    found: dict[str, set[bytes]] = defaultdict(set)
    by_token, by_data_key, to_bytes = TokenSealer.seal, DataKey.seal, Ticket.to_bytes

    def token(self, secret, context):  # type: ignore[no-untyped-def]
        kind = context.get("kind") or context["role"]
        found[kind].add(secret)
        if kind in ("data-key", "identity"):  # a key at the end of its CBOR, a seed of two keys
            found[f"{kind}, alone"].add(secret[-32:])
        return by_token(self, secret, context)

    def data_key(self, secret, context):  # type: ignore[no-untyped-def]
        if len(secret) >= 16:  # less is the end of a step
            found[context["kind"]].add(secret)
        if context["kind"] == "event":
            with suppress(EncodingError):
                found["seed"].add(seed_in(secret))
        return by_data_key(self, secret, context)

    def ticket(self):  # type: ignore[no-untyped-def]
        octets = to_bytes(self)
        found["ticket"].add(octets)
        return octets

    monkeypatch.setattr(TokenSealer, "seal", token)
    monkeypatch.setattr(DataKey, "seal", data_key)
    monkeypatch.setattr(Ticket, "to_bytes", ticket)
    return found


def forms(secret: bytes) -> list[bytes]:
    """The octets as files may have them."""
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"=")]


def contents(folder: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def secrets_of(member: Member) -> list[bytes]:
    """What the member has in memory: share, seeds of its keys."""
    share = member.node.holdings.current().share.value.to_bytes()
    keys = [key for pair in member.node.keys.pairs for key in (pair.signing.to_bytes(), pair.encryption.to_bytes())]
    return [share, *(part for key in keys for part in (key, key[:32], key[-32:]))]


def test_a_network_under_tokens_and_what_a_stolen_disk_tells(
    house: House, hsm: SoftHsm, sealed: dict[str, set[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    house.init(*NAMES)
    house.found(2, *NAMES)
    make_mfa(house, port)
    house.serve(*NAMES)
    house.wait(*NAMES)
    house.serve_mfa()
    code = house.run("mfa", "invite", "alice", "--config", house.config("mfa")).strip()
    enrolment = ("--server", f"http://127.0.0.1:{port}", "--user", "alice", "--device", "laptop", "--code", code)
    device(house, "enroll", *enrolment)
    assert "logged in as alice" in device(house, "login")
    in_memory = secrets_of(house.members["a"])
    house.stop()

    stolen = Path(shutil.copytree(house.folder / "a", house.folder / "stolen"))
    for path in [stolen / "data-key.sealed", *stolen.glob("identity/**/*.key")]:
        assert "token" in sealed_under(path.read_bytes())
        assert context_of(path.read_bytes())["role"]
    disk = contents(stolen)
    assert set(sealed) == KINDS
    for secret in [*in_memory, *(one for some in sealed.values() for one in some), PIN.encode()]:
        assert len(secret) >= 12  # so that none is found by chance
        assert not any(form in disk for form in forms(secret)), sealed_name(sealed, secret)
    assert code.encode() not in disk
    errors_without_the_token(stolen, hsm, monkeypatch)
    out_of_the_token_and_back(house)


def out_of_the_token_and_back(house: House) -> None:
    """All sealed files of a member move, and the member serves again after each move."""
    path = Path(house.config("a"))
    inside = path.read_text()
    token = re.search(r"\[keys\]\n((?:.+\n)+)", inside)
    assert token is not None
    passphrase = '[passphrase]\nenv = "TEST_PASSPHRASE"\n'
    outside = inside.replace(token[0], f'{passphrase}[keys]\nkind = "file"\n')
    anew = inside.replace('key = "a"', 'key = "a-2"')
    moves = (
        (f"{outside}[keys.previous]\n{token[1]}", outside, "passphrase"),
        (f'{anew}{passphrase}[keys.previous]\nkind = "file"\n', anew, "token"),
    )
    for moving, after, kind in moves:
        path.write_text(moving)
        if kind == "token":
            assert "has the key 'a-2' now" in house.run("keys", "generate", "--config", str(path))
        said = house.run("keys", "reseal", "--config", str(path))
        assert said.count(": sealed under the") == 4, said  # data key, envelope keys, control key, the next one
        assert house.run("keys", "reseal", "--config", str(path)).count(": was already under the") == 4
        shown = json.loads(house.run("keys", "show", "--json", "--config", str(path)))
        assert [kind in one["sealed_under"] for one in shown] == [True] * 4
        path.write_text(after)
        house.serve("a", "b")
        house.serve_mfa()
        assert "logged in as alice" in device(house, "login")  # without c, so with what a holds
        (house.folder / "device" / "permit.json").unlink()
        assert "logged in as alice" in device(house, "login")
        house.stop()


def sealed_name(sealed: dict[str, set[bytes]], secret: bytes) -> str:
    return next((kind for kind, some in sealed.items() if secret in some), "held in memory")


def errors_without_the_token(stolen: Path, hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, another one, another one that says it is it, a wrong PIN, a locked PIN; with the right one it opens."""
    config, toml = stolen / "milagro.toml", (stolen / "milagro.toml").read_text()
    hsm.token("other").generate_key("a")
    with pytest.raises(Unavailable, match=r"token 'lost' is not there; is it plugged in"):
        open_with(config, toml.replace('token = "a"', 'token = "lost"'))
    with pytest.raises(DecryptionFailed, match=r"which this token does not have"):
        open_with(config, toml.replace('token = "a"', 'token = "other"'))
    with pytest.raises(ConfigError, match=r"names a passphrase|names a token|sealed under"):
        open_with(config, re.sub(r"\[keys\]\n(.+\n)+", '[passphrase]\nenv = "TEST_PASSPHRASE"\n', toml))
    right = hsm.pin_file.read_text()
    hsm.pin_file.write_text("99999999\n")
    with pytest.raises(ConfigError, match=r"token 'a' refuses the PIN") as caught:
        open_with(config, toml)
    assert "99999999" not in str(caught.value)
    hsm.pin_file.write_text(right)
    with pytest.raises(ConfigError, match=r"PIN of the token 'a' is locked; its security officer"):
        open_locked(config, toml, monkeypatch)
    open_with(config, toml)


def open_with(config: Path, toml: str) -> None:
    """Starts the member with this configuration, and ends it."""
    config.write_text(toml)
    read = read_config(config)
    try:
        with Member(read, open_sealer(read.common.keys)):
            pass
    finally:
        close_token(toml)


def close_token(toml: str) -> None:
    """Logs out, so that the next use logs in."""
    from milagro.stores.keys import PinSource
    from milagro.stores.keys.token import Token

    if "pkcs11" in toml:
        Token(module(), "a", PinSource()).close()


def open_locked(config: Path, toml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SoftHSM never locks a PIN, so the flag that a token would show is put there."""
    from milagro.stores.keys import token

    check = token.check_flags

    def locked(flags: TokenFlag, label: str) -> None:
        check(flags | token.TokenFlag.USER_PIN_LOCKED, label)

    with monkeypatch.context() as patch:
        patch.setattr(token, "check_flags", locked)
        open_with(config, toml)
