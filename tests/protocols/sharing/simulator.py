"""A network and its members, deterministic from a seed: loss, duplicates, reordering, delay, crash and restart.

Members take steps together. Within a step every message is sent again until it is delivered, so that honest members
hear each other; a misbehaving one may say what it likes to whom it likes, or nothing.
"""

from __future__ import annotations

import hashlib
import random as python_random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature as Rejected
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from milagro.errors import DecryptionFailed, InvalidSignature, MilagroError
from milagro.protocols.sharing.runs.roster import Member, Outgoing, Roster

TICKS = 400


@cache
def _signing_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"sign" + name.encode()).digest())


@cache
def _sealing_key(name: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(hashlib.sha256(b"seal" + name.encode()).digest())


@cache
def _public(key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(key)


@cache
def _between(name: str, sealing: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(_sealing_key(name).exchange(X25519PublicKey.from_public_bytes(sealing)))


def member(index: int, name: str | None = None) -> Member:
    """A member whose public key is an Ed25519 and an X25519 key."""
    called = name or f"member-{index}"
    public = _signing_key(called).public_key().public_bytes_raw() + _sealing_key(called).public_key().public_bytes_raw()
    return Member(index, called, public)


def roster(threshold: int, count: int, faults: int | None = None) -> Roster:
    return Roster.create([member(i) for i in range(1, count + 1)], threshold, faults)


class Keys:
    """Credentials of one member: Ed25519 signatures, and ChaCha20-Poly1305 under an X25519 agreement."""

    def __init__(self, index: int, name: str | None = None) -> None:
        self.name = name or f"member-{index}"
        self._count = 0

    def sign(self, message: bytes) -> bytes:
        return _signing_key(self.name).sign(message)

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        try:
            _public(member.public_key[:32]).verify(signature, message)
        except Rejected:
            raise InvalidSignature("a message that was not signed by its sender") from None

    def seal(self, member: Member, plaintext: bytes) -> bytes:
        nonce = hashlib.sha256(plaintext).digest()[:12]
        return nonce + _between(self.name, member.public_key[32:]).encrypt(nonce, plaintext, None)

    def open(self, member: Member, sealed: bytes) -> bytes:
        try:
            return _between(self.name, member.public_key[32:]).decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, ValueError):
            raise DecryptionFailed("a sealed message that was not sealed by its sender") from None


@dataclass(frozen=True)
class Weather:
    """What the network does to a message on its way."""

    loss: float = 0.0
    duplicates: float = 0.0
    delay: int = 0
    crashes: float = 0.0


CALM = Weather()
STORM = Weather(loss=0.5, duplicates=0.3, delay=3, crashes=0.02)


@dataclass
class Letter:
    sender: int
    to: int
    octets: bytes
    due: int = 0
    not_before: tuple[int, int] = (0, 0)


@dataclass
class Network:
    """Runs parties to their end."""

    parties: dict[int, Any]
    seed: object = 0
    weather: Weather = CALM
    restore: Callable[[int, bytes], Any] | None = None
    tampered: dict[int, Callable[[Network, int, list[Outgoing]], Iterable[Letter]]] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = python_random.Random(repr(self.seed))
        self.letters: list[Letter] = []
        self.stored: dict[int, bytes] = {}
        self.crashed = 0
        self.refused: list[tuple[int, MilagroError]] = []

    @property
    def present(self) -> list[int]:
        return [index for index in self.parties if index not in self.absent]

    def post(self, sender: int, outgoing: list[Outgoing]) -> None:
        if sender in self.tampered:
            self.letters += self.tampered[sender](self, sender, outgoing)
        else:
            self.letters += self.addressed(sender, outgoing)

    def addressed(self, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        others = [index for index in self.parties if index != sender]
        return [Letter(sender, to, one.octets) for one in outgoing for to in (others if one.to is None else [one.to])]

    def store(self, index: int) -> None:
        if self.restore is not None:
            self.stored[index] = self.parties[index].to_bytes()

    def begin(self) -> None:
        for index in self.present:
            out = self.parties[index].begin()
            self.store(index)
            self.post(index, out)

    def deliver(self) -> None:
        """One step's time: every letter arrives that is to arrive in it."""
        for tick in range(TICKS):
            self.letters = [one for one in self.letters if one.to not in self.absent and not self.parties[one.to].over]
            due = [one for one in self.letters if one.due <= tick and self.place() >= one.not_before]
            if not due:
                if not any(one.due > tick for one in self.letters):
                    return
                continue
            self.random.shuffle(due)
            arrived = [one for one in due if self.random.random() >= self.weather.loss]
            for one in arrived:
                self.hand_over(one)
                if self.random.random() >= self.weather.duplicates:
                    self.letters.remove(one)
            if self.weather.delay:
                for one in self.letters:
                    one.due = max(one.due, tick + self.random.randint(0, self.weather.delay))
            self.maybe_crash()

    def place(self) -> tuple[int, int]:
        running = [self.parties[index].place for index in self.present if not self.parties[index].over]
        return max(running, default=(99, 99))

    def hand_over(self, letter: Letter) -> None:
        try:
            self.parties[letter.to].receive(letter.octets)
        except MilagroError as error:
            self.refused.append((letter.to, error))
        self.store(letter.to)

    def maybe_crash(self) -> None:
        if self.restore is None or self.random.random() >= self.weather.crashes:
            return
        index = self.random.choice(self.present)
        self.parties[index] = self.restore(index, self.stored[index])
        self.crashed += 1
        self.post(index, self.parties[index].outbox)

    def step(self) -> None:
        self.deliver()
        for index in self.present:
            party = self.parties[index]
            if party.over:
                continue
            out = party.end_step()
            if not party.over and getattr(party, "recovery_file", None) and party.place[1] == 1:
                out = [*out, *party.recovery_stored()]
            self.store(index)
            self.post(index, out)
        for one in self.letters:
            one.due = 0

    def run(self, limit: int = 400) -> None:
        self.begin()
        for _ in range(limit):
            if all(self.parties[index].over for index in self.present):
                return
            self.step()
        raise AssertionError("the run does not end")
