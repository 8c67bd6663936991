"""Vectors of what M-Pin v2 refuses, row by row of the table in the spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro.conformance.topics._book import Book, flipped
from milagro.conformance.topics.curves import need_stray_point
from milagro.conformance.topics.mpin_v2 import ALGORITHMS, DEFAULT, NOW, PIN, SPEC, World, refused_somehow
from milagro.errors import (
    AuthenticationFailed,
    EncodingError,
    Expired,
    IdentityElement,
    InvalidFlags,
    InvalidSignature,
    MalformedEnvelope,
    NotInSubgroup,
    ParameterError,
    Replay,
    WrongRound,
)
from milagro.groups import Encoding


def refusals(backend: str) -> Book:
    """Everything that a server or a client must refuse, row by row of the table in the spec."""
    book = Book("mpin-v2/refusals", SPEC + "refusals", backend, DEFAULT)
    for algorithm in ALGORITHMS:
        world = World(book, algorithm=algorithm)
        _pass_one(world)
        _pass_two(world)
        _client(world)
        _one_message(world)
    _points(World(book))
    return book


def _pass_one(world: World) -> None:
    good, other = world.challenge_inputs(), World(world.book, algorithm=ALGORITHMS[world.algorithm == ALGORITHMS[0]])
    octets = good["pass_one"]
    for name, value in {
        "empty": "",
        "cut": octets[:-2],
        "one-more-octet": octets + "00",
        "length-field": "ff" + octets[2:],
        "label-of-pass-two": octets.replace(b"PASS1_".hex(), b"PASS2_".hex(), 1),
    }.items():
        refused_somehow(
            world, f"pass-one-{name}", "mpin-v2.challenge", {**good, "pass_one": value}, EncodingError, None
        )
    for name, change, error in (
        ("signature-changed", {"pass_one": flipped(octets)}, InvalidSignature),
        ("other-origin", {"origin": "https://evil.example.net"}, InvalidSignature),
        ("other-relying-party", {"relying_party": "other"}, InvalidSignature),
        ("other-server", {"server": "mfa.example.net"}, AuthenticationFailed),
        ("another-identity-pinned", {"pinned": other.identity}, AuthenticationFailed),
    ):
        world.bad(f"pass-one-{name}", "mpin-v2.challenge", {**good, **change}, error)
    nobody = {k: v for k, v in good.items() if k != "pinned"}
    world.bad("pass-one-nothing-pinned", "mpin-v2.challenge", nobody, AuthenticationFailed)
    world.bad("pass-one-of-another-suite", "mpin-v2.challenge", {**good, "hash": "sha512"}, MalformedEnvelope)


def _pass_two(world: World) -> None:
    good, sessions = world.accept_inputs(), "sessions"
    octets = good["pass_two"]
    for name, value in {"empty": "", "cut": octets[:-2], "one-more-octet": octets + "00"}.items():
        refused_somehow(world, f"pass-two-{name}", "mpin-v2.accept", {**good, "pass_two": value}, EncodingError, None)
    for name, change, error, spec in (
        ("signature-changed", {"pass_two": flipped(octets)}, InvalidSignature, None),
        ("state-of-another-origin", {"origin": "https://evil.example.net"}, ParameterError, None),
        ("session-expired", {"now": NOW + 1 + 120}, Expired, sessions),
        ("clock-ran-backwards", {"now": NOW + 1 - 6}, Expired, sessions),
        ("second-time", {"twice": True}, Replay, sessions),
        ("verified-twice", {"verify_twice": True}, WrongRound, sessions),
    ):
        world.bad(f"pass-two-{name}", "mpin-v2.accept", {**good, **change}, error, spec=spec)
    for name, now in {"last-second": NOW + 1 + 119, "clock-a-little-back": NOW + 1 - 5}.items():
        world.good(f"pass-two-{name}", "mpin-v2.accept", {**good, "now": now}, sessions)
    _other_session(world, good)
    for name, secret in {"of-one-issuer": world.issued[0]["server_share"]}.items():
        refused_somehow(
            world, f"server-secret-{name}", "mpin-v2.accept", {**good, "server_secret": secret}, EncodingError, None
        )


def _other_session(world: World, good: dict[str, Any]) -> None:
    inputs = world.challenge_inputs()
    asked = world.run("mpin-v2.challenge", {**inputs, "random": inputs["random"] + "/other"})
    world.bad("pass-two-of-another-session", "mpin-v2.accept", {**good, "state": asked["state"]}, WrongRound)


def _client(world: World) -> None:
    asked = world.run("mpin-v2.challenge", world.challenge_inputs())
    good = world.client(ask=asked["ask"], pin=PIN, answered_at=NOW + 2)
    world.bad("client-answers-twice", "mpin-v2.answer", {**good, "twice": True}, WrongRound, spec="sessions")
    world.bad("client-answers-late", "mpin-v2.answer", {**good, "answered_at": NOW + 121}, Expired, spec="sessions")
    world.bad(
        "client-clock-ran-backwards", "mpin-v2.answer", {**good, "answered_at": NOW - 6}, Expired, spec="sessions"
    )
    for name, octets in {"cut": asked["ask"][:-2], "empty": ""}.items():
        refused_somehow(world, f"client-ask-{name}", "mpin-v2.answer", {**good, "ask": octets}, EncodingError, None)
    world.bad(
        "client-other-realm", "mpin-v2.start-login", {**world.client(), "server": "mfa.example.net"}, ParameterError
    )
    world.bad("context-empty-origin", "mpin-v2.start-login", {**world.client(), "origin": ""}, ParameterError)


def _one_message(world: World) -> None:
    sent = world.run("mpin-v2.login-once", world.client(pin=PIN))["message"]
    good = world.server(message=sent, pinned=world.identity, server_secret=world.server_secret)
    for name, value in {"empty": "", "cut": sent[:-2], "one-more-octet": sent + "00"}.items():
        refused_somehow(
            world, f"one-pass-{name}", "mpin-v2.accept-once", {**good, "message": value}, EncodingError, None
        )
    for name, change, error in (
        ("signature-changed", {"message": flipped(sent)}, InvalidSignature),
        ("too-far-ahead", {"now": NOW - 6}, Expired),
        ("other-server", {"server": "mfa.example.net"}, AuthenticationFailed),
    ):
        world.bad(f"one-pass-{name}", "mpin-v2.accept-once", {**good, **change}, error)


def _points(world: World) -> None:
    """A point in a message is checked like any other; the secret of a server too."""
    E = world.book.E(DEFAULT)
    good = world.accept_inputs()
    secret, size = good["server_secret"], 192
    stray = need_stray_point(world.book, DEFAULT, "G2")
    outside = E.g2_codec(Encoding.ZCASH).encode(E.g2_ops.from_affine(*stray)).hex()
    for name, octets, error in (
        ("not-compressed", f"{int(secret[-size:][:2], 16) & 0x7F:02x}" + secret[-size:][2:], InvalidFlags),
        ("outside-the-subgroup", outside, NotInSubgroup),
        ("identity", "c0" + "00" * 95, IdentityElement),
    ):
        world.bad(
            f"server-secret-{name}",
            "mpin-v2.accept",
            {**good, "server_secret": secret[:-size] + octets},
            error,
            layer="groups",
        )
    refused_somehow(
        world, "server-secret-short", "mpin-v2.accept", {**good, "server_secret": secret[:-2]}, EncodingError, None
    )


TOPICS: tuple[Callable[[str], Book], ...] = (refusals,)
