"""Whatever a stranger posts, a server answers in its one shape of error, below 500, and stays as it was."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.roles.test_tickets import Holder

from milagro.roles.wire import to_octets, to_text
from tests.roles.test_login import first_pass
from tests.roles.world import DTA_URLS, MFA_URL, PIN, SetClock, World, login

if TYPE_CHECKING:
    from collections.abc import Iterator

DTA = DTA_URLS["dta-1"]
ENDPOINTS = [
    (DTA, "/v1/shares/client"),
    (DTA, "/v1/shares/server"),
    (DTA, "/v1/permits"),
    (MFA_URL, "/v1/enrolments"),
    (MFA_URL, "/v1/enrolments/confirm"),
    (MFA_URL, "/v1/permits"),
    (MFA_URL, "/v1/login/pass1"),
    (MFA_URL, "/v1/login/pass2"),
]
CASES = 120


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("world"), SetClock()).build()
    login(built.enrol())
    yield built
    built.mfa.close()


def good_bodies(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    """For each endpoint a request that is right, or as right as can be without being spent."""
    from milagro.roles.tickets import Purpose

    from milagro.roles.client.device import DeviceFolder

    device = DeviceFolder(world.folder / "devices" / "laptop")
    record, key = device.record(), device.stored_key()
    from milagro.protocols.mpin.v2 import Ed25519Key, Identity

    assert isinstance(key, Ed25519Key)
    holder = Holder(world, key, Identity.from_bytes(record.identity))
    started, challenge = first_pass(world)
    slot = world.mfa.suite.slot_at(world.clock()) or 0
    signed = {"identity": to_text(record.identity), "at": world.clock(), "signature": to_text(bytes(64))}
    enrolment = {"user": "bob", "device": "phone", "code": "0000-0000-0000-0000", "algorithm": "ed25519"}
    return {
        ENDPOINTS[0]: holder.body(holder.ticket()),
        ENDPOINTS[1]: {"ticket": holder.ticket(Purpose.SERVER_SHARE, subject="login.test")},
        ENDPOINTS[2]: {**holder.body(holder.ticket(Purpose.PERMIT, slot=slot)), "slot": slot},
        ENDPOINTS[3]: {**enrolment, "public_key": to_text(key.public_key), "signature": to_text(bytes(64))},
        ENDPOINTS[4]: signed,
        ENDPOINTS[5]: signed,
        ENDPOINTS[6]: {"message": to_text(started.message.to_bytes())},
        ENDPOINTS[7]: {"message": to_text(started.answer(challenge, PIN, world.clock()).to_bytes())},
    }


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


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint[1])
def test_spoilt_requests(world: World, endpoint: tuple[str, str]) -> None:
    chance = random.Random(f"seed of {endpoint}")
    good = good_bodies(world)[endpoint]
    for _ in range(CASES):
        body = dict(good)
        for name in chance.sample(sorted(good), chance.randrange(1, min(2, len(good)) + 1)):
            body[name] = spoilt(good[name], chance)
        status, answer = world.post(*endpoint, body)
        if body != good:
            assert 400 <= status < 500, (body, answer)
            assert set(answer["error"]) == {"code", "message", "request_id"}
    assert world.attempts() == 0
    assert login(world.client()).user == "alice"
