"""The field is SLIP-39's: words that its reference implementation makes are recovered with it, and the other way round.

Words, checksum and encryption are the reference implementation's here; the polynomials are ours.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from milagro.protocols.sharing.octet_shares import interpolate
from tests.protocols.sharing.sources import random_from

SECRET, DIGEST = 255, 254  # where SLIP-39 puts them


@pytest.fixture(scope="module")
def slip39() -> Any:
    return pytest.importorskip("shamir_mnemonic", reason="the reference implementation of SLIP-39 is not installed")


def encrypted_secret(slip39: Any, words: list[str]) -> bytes:
    ciphertext: bytes = slip39.recover_ems(slip39.decode_mnemonics(words)).ciphertext
    return ciphertext


def digest(key: bytes, secret: bytes) -> bytes:
    return hmac.digest(key, secret, "sha256")[:4]


@pytest.mark.parametrize("size", [16, 32])
def test_words_of_the_reference_implementation_are_recovered(slip39: Any, size: int) -> None:
    master = random_from(size)(size)
    (words,) = slip39.generate_mnemonics(1, [(3, 5)], master, b"passphrase", iteration_exponent=0)
    encrypted = encrypted_secret(slip39, words[:3])
    shares = [slip39.share.Share.from_mnemonic(one) for one in words]
    for some in combinations(shares, 3):
        points = [(share.index, share.value) for share in some]
        assert interpolate(points, SECRET) == encrypted
        found = interpolate(points, DIGEST)
        assert found[:4] == digest(found[4:], encrypted)


def test_what_is_shared_here_is_recovered_by_the_reference_implementation(slip39: Any) -> None:
    random, master = random_from("slip"), random_from("master")(16)
    (words,) = slip39.generate_mnemonics(1, [(3, 5)], master, b"", iteration_exponent=0)
    pattern = [slip39.share.Share.from_mnemonic(one) for one in words]
    secret, key = encrypted_secret(slip39, words[:3]), random(12)
    base = [(0, random(16)), (DIGEST, digest(key, secret) + key), (SECRET, secret)]
    values = {0: base[0][1], **{x: interpolate(base, x) for x in range(1, 5)}}
    made = [replace(one, value=values[one.index]) for one in pattern]
    assert [one.value for one in made] != [one.value for one in pattern]
    assert slip39.combine_mnemonics([one.mnemonic() for one in made[2:]], b"") == master
