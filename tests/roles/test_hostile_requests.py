"""Whatever a stranger posts, a server answers in its one shape of error, below 500, and stays as it was."""

from __future__ import annotations

import json
import random
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from milagro.protocols.envelope import EncryptionKey
from milagro.protocols.mpin.v2 import Ed25519Key, Identity
from milagro.roles.wire import to_octets, to_text
from tests.roles.issuing.network import Holder
from tests.roles.test_login import first_pass
from tests.roles.world import PIN, SetClock, World, login

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDPOINTS = [
    "/v1/enrolments",
    "/v1/enrolments/confirm",
    "/v1/permits",
    "/v1/login/pass1",
    "/v1/login/pass2",
    "/v1/issue",
]
CASES = 120


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("world"), SetClock()).build()
    login(built.enrol())
    yield built
    built.close()


def good_bodies(world: World) -> dict[str, dict[str, Any]]:
    """For each endpoint a request that is right, or as right as can be without being spent."""
    record, key = world.device().record(), world.device().stored_key()
    assert isinstance(key, Ed25519Key)
    started, challenge = first_pass(world)
    signed = {"identity": to_text(record.identity), "at": world.clock(), "signature": to_text(bytes(64))}
    enrolment = {"user": "bob", "device": "phone", "code": "0000-0000-0000-0000", "algorithm": "ed25519"}
    holder = Holder(Identity.from_bytes(record.identity), key)
    ticket = world.issuers.client_share(holder.identity, world.clock()).ticket
    issue = holder.request(world.network.dtas[0], ticket, EncryptionKey.generate(secrets.token_bytes))
    bodies = [
        {**enrolment, "public_key": to_text(key.public_key), "signature": to_text(bytes(64))},
        signed,
        {**signed, "key_id": to_text(record.key_id)},
        {"message": to_text(started.message.to_bytes()), "key_id": to_text(record.key_id)},
        {"message": to_text(started.answer(challenge, PIN, world.clock()).to_bytes())},
        issue.model_dump(mode="json"),
    ]
    return dict(zip(ENDPOINTS, bodies, strict=True))


def spoilt(value: Any, chance: random.Random) -> Any:
    """Something near `value`, or far from it."""
    odd = [
        None,
        True,
        -1,
        1 << 70,
        0.5,
        "",
        "A" * 5000,
        "\u0000",
        "\ud800",
        "\U0010ffff",
        [],
        {},
        [value],
        {"a": value},
    ]
    if not isinstance(value, str) or chance.random() < 0.3:
        return chance.choice(odd)
    try:
        octets = bytearray(to_octets(value))
    except ValueError:  # a ticket or a name
        at = chance.randrange(len(value))
        return value[:at] + chance.choice("AZaz09-_.") + value[at + chance.randrange(3) :]
    for _ in range(chance.randrange(1, 4)):
        kind, at = chance.randrange(4), chance.randrange(len(octets) or 1)
        if kind == 0:
            octets[at : at + 1] = bytes([octets[at] ^ 1 << chance.randrange(8)]) if octets else b""
        elif kind == 1:
            del octets[at:]
        elif kind == 2:
            octets[at:at] = chance.randbytes(chance.randrange(1, 5))
        else:
            octets[at : at + 4] = chance.choice([b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01"])
    return to_text(bytes(octets))


def post(world: World, endpoint: str, body: Any) -> tuple[int, dict[str, Any]]:
    """Asks the MFA server, or a D-TA."""
    server = TestClient(world.fronts[0].app, raise_server_exceptions=False) if endpoint == "/v1/issue" else world.http
    answer = server.post(endpoint, content=json.dumps(body), headers={"content-type": "application/json"})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_spoilt_requests(world: World, endpoint: str) -> None:
    chance = random.Random(f"seed of {endpoint}")
    good = good_bodies(world)[endpoint]
    for _ in range(CASES):
        body = dict(good)
        for name in chance.sample(sorted(good), chance.randrange(1, min(2, len(good)) + 1)):
            body[name] = spoilt(good[name], chance)
        status, answer = post(world, endpoint, body)
        if body != good:
            assert 400 <= status < 500, (body, answer)
            assert set(answer["error"]) == {"code", "message", "request_id"}
    assert world.attempts() == 0
    assert login(world.client()).user == "alice"
