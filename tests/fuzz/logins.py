"""What is fuzzed of M-Pin: v2 messages, identities, stored values and sessions; what v1 reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from milagro.groups import Encoding, curve
from milagro.octets import frame, unframe
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v1 import client, hashing, permits_encoding
from milagro.protocols.mpin.v2.messages import FullChallenge, FullConfirmation, FullOne, FullTwo
from tests.fuzz.target import Target, numbered, one_of, parses, random, refused_in_the_tree

NOW = 1_700_000_000
SUITE = v2.Suite(curve("BLS12-381"), slot=timedelta(days=1))
CONTEXT = v2.Context("mfa.example", "https://login.example", "shop")


@cache
def enrolled() -> dict[str, Any]:
    """A client, its server, and every value that either stores."""
    key = v2.Ed25519Key.generate(random)
    identity = v2.Identity.create(SUITE, "mfa.example", "alice", "phone", key, NOW, random)
    master = v2.MasterShare.generate(SUITE, "one.example", random)
    slot = SUITE.slot_at(NOW)
    assert slot is not None
    client, permit = master.client_share(identity), master.permit_share(identity, slot)
    secret = v2.combine_client_shares([client], ["one.example"])
    return {
        "identity": identity,
        "master": master,
        "key": key,
        "client share": client,
        "permit share": permit,
        "server share": master.server_share(),
        "commitment": master.commitment(),
        "server secret": v2.combine_server_shares([master.server_share()], [master.commitment()]),
        "client secret": secret,
        "permit": v2.combine_permit_shares([permit], ["one.example"]),
        "credential": v2.Credential(secret.token("1234"), key),
    }


@cache
def verifiers() -> tuple[v2.Verifier, v2.FullVerifier]:
    return v2.Verifier(SUITE, CONTEXT, v2.Limits()), v2.FullVerifier(SUITE, CONTEXT, v2.Limits())


def plain(read: Callable[[bytes], bytes]) -> Callable[[bytes], None]:
    return lambda octets: parses(octets, read)


MESSAGES: list[Callable[[bytes], None]] = [
    plain(lambda x: v2.Identity.from_bytes(x).to_bytes()),
    *(
        plain(lambda x, kind=kind: kind.from_bytes(x).to_bytes())  # type: ignore[misc]
        for kind in (
            *(v2.PassOne, v2.Challenge, v2.PassTwo, v2.OnePass, v2.Signed),
            *(FullOne, FullChallenge, FullTwo, FullConfirmation),
        )
    ),
]
STORED: list[Callable[[bytes], None]] = [
    *(
        plain(lambda x, kind=kind: kind.from_bytes(SUITE, x).to_bytes())  # type: ignore[misc]
        for kind in (
            *(v2.Commitment, v2.ServerShare, v2.ClientShare, v2.PermitShare, v2.ServerSecret),
            *(v2.Token, v2.ClientSecret, v2.Permit),
        )
    ),
    plain(lambda x: v2.MasterShare.from_bytes(SUITE, "one.example", x).to_bytes()),
    plain(lambda x: v2.Ed25519Key.from_bytes(x).to_bytes()),
    plain(lambda x: v2.P256Key.from_bytes(x).to_bytes()),
    lambda x: _resumes(lambda: verifiers()[0].resume(x).to_bytes(), x),
    lambda x: _resumes(lambda: verifiers()[1].resume(x).to_bytes(), x),
    lambda x: _quietly(lambda: v2.check_public_key("ed25519", x)),
    lambda x: _quietly(lambda: v2.check_public_key("ecdsa-p256-sha256", x)),
    lambda x: _quietly(lambda: v2.verify_signature("ecdsa-p256-sha256", x[:65], x[65:], b"message")),
]


def _quietly(call: Callable[[], object]) -> None:
    with refused_in_the_tree():
        call()


def _resumes(call: Callable[[], bytes], octets: bytes) -> None:
    with refused_in_the_tree():  # of another context is a ParameterError here
        again = call()
        if again != octets:
            raise AssertionError(f"a session of {octets.hex()} that was resumed is {again.hex()}")


def seeds_of_messages() -> list[bytes]:
    return numbered([[enrolled()["identity"].to_bytes()], *([one] for one in _messages())])


@cache
def _messages() -> list[bytes]:
    """A good message of each kind, in the order of MESSAGES."""
    there, given = enrolled(), (enrolled()["credential"], CONTEXT)
    started = v2.start_login(*given, now=NOW, random=random, permit=there["permit"])
    challenged = verifiers()[0].challenge(started.message, there["identity"], NOW, random)
    full = v2.start_full(*given, NOW, random, there["permit"])
    asked = verifiers()[1].challenge(full.message, there["identity"], NOW, random)
    answered = full.answer(asked.message, "1234", NOW)
    return [
        started.message.to_bytes(),
        challenged.message.to_bytes(),
        started.answer(challenged.message, "1234", NOW).to_bytes(),
        v2.login_once(*given, "1234", NOW, random, there["permit"]).to_bytes(),
        v2.sign(*given, b"message", "1234", NOW, random, there["permit"]).to_bytes(),
        full.message.to_bytes(),
        asked.message.to_bytes(),
        answered.message.to_bytes(),
        FullConfirmation(SUITE.id, bytes(16), bytes(32)).to_bytes(),
    ]


def seeds_of_stored() -> list[bytes]:
    there, given = enrolled(), (enrolled()["credential"], CONTEXT)
    started = v2.start_login(*given, now=NOW, random=random, permit=there["permit"])
    full = v2.start_full(*given, NOW, random, there["permit"])
    p256 = v2.P256Key.generate(random)
    names = ("commitment", "server share", "client share", "permit share", "server secret")
    return numbered(
        [
            *([there[name].to_bytes()] for name in names),
            [there["credential"].token.to_bytes()],
            [there["client secret"].to_bytes()],
            [there["permit"].to_bytes()],
            [there["master"].to_bytes(), bytes(16) + there["master"].to_bytes()],
            [there["key"].to_bytes()],
            [p256.to_bytes()],
            [verifiers()[0].challenge(started.message, there["identity"], NOW, random).to_bytes()],
            [verifiers()[1].challenge(full.message, there["identity"], NOW, random).to_bytes()],
            [there["key"].public_key],
            [p256.public_key],
            [p256.public_key + p256.sign(b"message")],
        ]
    )


# -- sessions ----------------------------------------------------------------------------------------------------------
def check_sessions(octets: bytes) -> None:
    """octets[0]: what a server is sent. The client's key signs the fields that follow, as a dishonest client's would.

    So that they get to the points behind the signature, the fields replace those of a good message in its signed form.
    """
    if not octets:
        return
    there, kind, rest = enrolled(), octets[0] % 3, octets[1:]
    verifier, full = verifiers()
    with refused_in_the_tree():
        points = [*unframe(rest), b"", b""]
        if kind == 0:
            good = v2.PassOne.from_bytes(_messages()[0])
            first = _signed(v2.PassOne(good.identity, good.slot, good.nonce, b"", points[0]))
            verifier.challenge(first, there["identity"], NOW, random)
        elif kind == 1:
            whole = FullOne.from_bytes(_messages()[5])
            second = _signed(FullOne(whole.identity, whole.slot, whole.nonce, b"", *points[:2]))
            full.challenge(second, there["identity"], NOW, random)
        else:
            started = v2.start_login(there["credential"], CONTEXT, now=NOW, random=random, permit=there["permit"])
            verifier.challenge(started.message, there["identity"], NOW, random)
            started.answer(v2.Challenge.from_bytes(rest), "1234", NOW)


def _signed(message: Any) -> Any:
    return replace(message, signature=enrolled()["key"].sign(message.signed(CONTEXT)))


def seeds_of_sessions() -> list[bytes]:
    first, whole = v2.PassOne.from_bytes(_messages()[0]), FullOne.from_bytes(_messages()[5])
    return [b"\0" + frame(first.U), b"\1" + frame(whole.U, whole.R), b"\2" + _messages()[1]]


# -- v1 ----------------------------------------------------------------------------------------------------------------
CX = curve("BN254CX")
V1: list[Callable[[bytes], None]] = [
    lambda x: _quietly(lambda: client.pin_from_digits(CX, x)),
    lambda x: _quietly(lambda: permits_encoding.decode(CX, x)),
    lambda x: _quietly(lambda: hashing.received(CX.g1_from_bytes(x, Encoding.MILAGRO, allow_identity=True))),
    lambda x: _quietly(lambda: hashing.received(CX.g2_from_bytes(x, Encoding.MILAGRO, allow_identity=True))),
]


def seeds_of_v1() -> list[bytes]:
    point = CX.random_scalar(random) * CX.g1
    return numbered(
        [
            [b"1234", b"0"],
            [permits_encoding.encode(CX, point, random)],
            [point.to_bytes(Encoding.MILAGRO), point.to_bytes(Encoding.MILAGRO_COMPRESSED)],
            [CX.g2.to_bytes(Encoding.MILAGRO), bytes(128)],
        ]
    )


TARGETS = {
    "mpin-messages": Target(one_of(MESSAGES), seeds_of_messages),
    "mpin-stored": Target(one_of(STORED), seeds_of_stored),
    "mpin-sessions": Target(check_sessions, seeds_of_sessions),
    "mpin-v1": Target(one_of(V1), seeds_of_v1),
}
