"""The keys between which test_resealing moves secrets, in its own process and in those that die."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.stores.keys import Argon2Cost, Passphrase, PassphraseSealer, Sealer
from milagro.stores.keys.token_sealer import TokenSealer
from tests.stores.keys.softhsm import KEY, SoftHsm

if TYPE_CHECKING:
    from pathlib import Path

CHEAP = Argon2Cost(memory_kib=32, iterations=1, lanes=1)
CONTEXT = {"role": "dta", "name": "dta-1"}
NAMES = ("share", "data.key")


def sealer(place: Path, name: str) -> Sealer:
    """`token` and `token2` are keys of the token in the folder; all other names are passphrases."""
    if name.startswith("token"):
        return TokenSealer(SoftHsm(place / "hsm").token(), KEY + name)
    return PassphraseSealer(Passphrase(name.encode()), CHEAP)
