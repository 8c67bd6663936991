"""The envelope beside raw AES-256-GCM of the same library in the same run, and its fixed cost a message.

`test_throughput` measures in turn, round after round, the processor time of both, and prints the ratios; the table of
pytest-benchmark has the single figures. The promise is a ratio of at most 1.5 for sealing and for opening with a keyed
body. A signed body (more than one recipient) is hashed as well; its yardstick is AES-GCM and SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from milagro.protocols.envelope import (
    EncryptionKey,
    PrivateKeys,
    Reader,
    Sealing,
    Terms,
    open_envelope,
    open_into,
    padme,
    seal,
)

MIB = 1 << 20
SIZE = 64 * MIB
PIECE = 1 << 16
BLOCK = 4 * PIECE
ROUNDS = 15
CONTEXT = "bench/1"


class Nowhere:
    """A sink without a bottom."""

    def write(self, octets: bytes) -> None:
        """Forgets."""

    def commit(self) -> None:
        """Nothing."""

    def abort(self) -> None:
        """Nothing."""


@cache
def parties() -> tuple[PrivateKeys, PrivateKeys, Reader]:
    alice, bob = PrivateKeys.generate(os.urandom), PrivateKeys.generate(os.urandom)
    return alice, bob, Reader([bob.encryption], {alice.signing.public.id: alice.signing.public}, CONTEXT)


def steps(size: int, *, signed: bool) -> dict[str, Callable[[], None]]:
    """Sealing and opening `size` octets, each beside the raw operations on as many pieces of the same size."""
    alice, bob, reader = parties()
    terms, payload = Terms(CONTEXT, 1, signed_body=signed), os.urandom(size)
    whole = seal(payload, alice.signing, [bob.public.encryption], terms, os.urandom)
    leaving, arriving = cut(payload, BLOCK), cut(whole, BLOCK)

    def sealed() -> None:
        sealing = Sealing(alice.signing, [bob.public.encryption], terms, os.urandom)
        for block in leaving:
            sealing.update(block)
        for _ in sealing.finish():
            pass

    def opened() -> None:
        open_into(arriving, reader, Nowhere())

    return {"seal": sealed, "open": opened, **raw_steps(cut(payload, PIECE), signed=signed)}


def raw_steps(pieces: list[bytes], *, signed: bool) -> dict[str, Callable[[], None]]:
    """AES-256-GCM, and SHA-256 for a signed body, over the same pieces."""
    cipher, nonce = AESGCM(bytes(32)), bytes(12)
    chunks = [cipher.encrypt(nonce, piece, None) for piece in pieces]

    def sealed() -> None:
        digest = hashlib.sha256()
        for piece in pieces:
            cipher.encrypt(nonce, piece, None)
            if signed:
                digest.update(piece)

    def opened() -> None:
        digest = hashlib.sha256()
        for chunk in chunks:
            piece = cipher.decrypt(nonce, chunk, None)
            if signed:
                digest.update(piece)

    return {"raw seal": sealed, "raw open": opened}


def cut(whole: bytes, size: int) -> list[bytes]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def seconds(step: Callable[[], None]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def ratios(size: int, rounds: int, *, signed: bool) -> dict[str, float]:
    """The median, over rounds, of ours/raw."""
    made = steps(size, signed=signed)
    found: dict[str, list[float]] = {"seal": [], "open": []}
    for _ in range(rounds):
        for name, values in found.items():
            values.append(seconds(made[name]) / seconds(made[f"raw {name}"]))
    return {name: statistics.median(values) for name, values in found.items()}


@pytest.mark.parametrize("signed", [False, True], ids=["keyed", "signed"])
def test_throughput(benchmark: Any, signed: bool) -> None:
    measuring = benchmark.enabled
    size, rounds = (SIZE, ROUNDS) if measuring else (2 * MIB, 1)
    assert padme(size) == size  # so that both work on the same number of octets
    found = benchmark.pedantic(lambda: ratios(size, rounds, signed=signed), rounds=1)
    if measuring:
        print(f"\nenvelope, {'signed' if signed else 'keyed'} body, {size // MIB} MiB: ", end="")
        print(", ".join(f"{name} {ratio:.2f}x raw" for name, ratio in found.items()))
        benchmark.extra_info.update(found)


@pytest.mark.parametrize("step", ["seal", "open"])
@pytest.mark.parametrize("kind", ["1 KiB to one", "1 KiB to ten", "1 KiB anonymous"])
def test_message(benchmark: Any, kind: str, step: str) -> None:
    alice, bob, reader = parties()
    others = [EncryptionKey.generate(os.urandom).public for _ in range(9 if kind.endswith("ten") else 0)]
    terms = Terms(CONTEXT, 1, anonymous=kind.endswith("anonymous"))
    payload, to = os.urandom(1024), [bob.public.encryption, *others]
    envelope = seal(payload, alice.signing, to, terms, os.urandom)
    benchmark.group = f"envelope {step}"
    if step == "seal":
        benchmark(seal, payload, alice.signing, to, terms, os.urandom)
    else:
        assert benchmark(open_envelope, envelope, reader)[0] == payload
