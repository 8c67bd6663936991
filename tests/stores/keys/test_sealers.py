"""What every sealer does: one suite for passphrases, tokens, data keys, and two keys of which one takes over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milagro import cbor
from milagro.errors import ConfigError, DecryptionFailed, EncodingError, MalformedEnvelope, ParameterError
from milagro.stores.keys import (
    Argon2Cost,
    DataKey,
    Passphrase,
    PassphraseSealer,
    SealedFile,
    Sealer,
    Succession,
    context_of,
    reseal,
)
from milagro.stores.keys.token_sealer import TokenSealer
from tests.stores.keys.softhsm import KEY, SoftHsm, module

if TYPE_CHECKING:
    from collections.abc import Iterator

CHEAP = Argon2Cost(memory_kib=32, iterations=1, lanes=1)
CONTEXT = {"role": "dta", "curve": "BLS12-381", "epoch": "7", "kind": "share", "key_id": "ab" * 32}
SECRET = bytes(range(48))
REFUSALS = (DecryptionFailed, ConfigError, EncodingError)
Make = Callable[[Path, str], Sealer]


def passphrase(folder: Path, name: str) -> Sealer:
    return PassphraseSealer(Passphrase(f"correct horse {name}".encode()), CHEAP)


def token(folder: Path, name: str) -> Sealer:
    key = SoftHsm(folder).token()
    label = f"{KEY} {name}"
    try:
        key.key_id(label)
    except ConfigError:
        key.generate_key(label)
    return TokenSealer(key, label)


def data_key(folder: Path, name: str) -> Sealer:
    return DataKey.open_or_create(folder / f"{name}.key", passphrase(folder, name), {"role": "dta"})


def data_key_of_token(folder: Path, name: str) -> Sealer:
    return DataKey.open_or_create(folder / f"{name} of token.key", token(folder, name), {"role": "dta"})


def from_passphrase_to_token(folder: Path, name: str) -> Sealer:
    return Succession(token(folder, name), passphrase(folder, name))


def from_token_to_passphrase(folder: Path, name: str) -> Sealer:
    return Succession(passphrase(folder, name), token(folder, name))


MAKERS: list[Make] = [
    passphrase,
    token,
    data_key,
    data_key_of_token,
    from_passphrase_to_token,
    from_token_to_passphrase,
]
KINDS = [passphrase, token, data_key]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One token for the whole suite."""
    module()
    folder = tmp_path_factory.mktemp("hsm")
    folder.rmdir()
    made = SoftHsm(folder).build()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        made.token().close()
        yield folder
        made.token().close()


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def sealer(make: Make, place: Path) -> Sealer:
    return make(place, "first")


@pytest.mark.parametrize("secret", [b"", b"x", SECRET, bytes(3000)])
def test_what_is_sealed_comes_out(sealer: Sealer, secret: bytes) -> None:
    sealed = sealer.seal(secret, CONTEXT)
    assert sealer.unseal(sealed, CONTEXT) == secret
    assert sealer.unseal(sealed, {"kind": "share"}) == secret
    assert sealer.unseal(sealed, {}) == secret
    assert context_of(sealed) == CONTEXT
    assert sealer.is_current(sealed)


def test_a_second_object_of_the_same_key_opens_it(make: Make, place: Path) -> None:
    assert make(place, "first").unseal(make(place, "first").seal(SECRET, CONTEXT), CONTEXT) == SECRET


def test_no_two_sealings_are_alike_and_none_shows_the_secret(sealer: Sealer) -> None:
    sealings = [sealer.seal(SECRET, CONTEXT) for _ in range(8)]
    assert len(set(sealings)) == 8
    ends = {sealed.rstrip(b'\n}" ')[-20:] for sealed in sealings}
    assert len(ends) > 1
    for sealed in sealings:
        assert SECRET not in sealed
        assert SECRET.hex().encode() not in sealed


@pytest.mark.parametrize("name", CONTEXT)
def test_another_context_is_refused_by_the_name_of_what_differs(sealer: Sealer, name: str) -> None:
    sealed = sealer.seal(SECRET, CONTEXT)
    with pytest.raises(ConfigError, match=name):
        sealer.unseal(sealed, {**CONTEXT, name: "other"})
    with pytest.raises(ConfigError, match="more"):
        sealer.unseal(sealed, {**CONTEXT, "more": ""})


def test_another_key_does_not_open_it(make: Make, place: Path) -> None:
    first, other = make(place, "first"), make(place, "second")
    assert first.name
    if make not in {token, from_passphrase_to_token}:  # a token opens under all keys that it still has
        with pytest.raises(DecryptionFailed):
            other.unseal(first.seal(SECRET, CONTEXT), CONTEXT)
    if not isinstance(other, PassphraseSealer) and make is not from_token_to_passphrase:
        assert not other.is_current(first.seal(SECRET, CONTEXT))


@pytest.mark.parametrize("other", KINDS)
def test_another_kind_of_key_says_so(make: Make, place: Path, other: Make) -> None:
    first, second = make(place, "first"), other(place, "third")
    if make in {other, data_key_of_token} or isinstance(first, Succession):
        return
    with pytest.raises(ConfigError):
        first.unseal(second.seal(SECRET, CONTEXT), CONTEXT)
    assert not first.is_current(second.seal(SECRET, CONTEXT))


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_altered_octets_are_refused_by_name(sealer: Sealer, data: st.DataObject) -> None:
    sealed = sealer.seal(SECRET, CONTEXT)
    at, bits = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(1, 255))
    altered = sealed[:at] + bytes([sealed[at] ^ bits]) + sealed[at + 1 :]
    if not same(altered, sealed):
        with pytest.raises(REFUSALS):
            sealer.unseal(altered, CONTEXT)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_truncated_or_longer_octets_are_refused_by_name(sealer: Sealer, data: st.DataObject) -> None:
    sealed = sealer.seal(SECRET, CONTEXT)
    cut = data.draw(st.integers(0, len(sealed) - 2))
    for changed in (sealed[:cut], sealed + b"\x00", sealed[: cut // 2] + sealed[cut:]):
        if not same(changed, sealed):
            with pytest.raises(REFUSALS):
                sealer.unseal(changed, CONTEXT)


def same(left: bytes, right: bytes) -> bool:
    """Whether they are one text for JSON, which takes any space for another, and either case of a digit of ours."""
    try:
        return bool(json.loads(left.lower()) == json.loads(right.lower()))
    except (ValueError, RecursionError):
        return left == right


def with_context(sealed: bytes, context: dict[str, str]) -> bytes:
    """The same sealing, with another context written over it."""
    if sealed[:1] == b"{":
        return json.dumps({**json.loads(sealed), "context": context}).encode()
    record = cbor.decode(sealed)
    assert isinstance(record, dict)
    return cbor.encode({**record, 4: context})


@given(name=st.sampled_from(sorted(CONTEXT)), value=st.text(max_size=8))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_altered_context_is_refused(sealer: Sealer, name: str, value: str) -> None:
    sealed = sealer.seal(SECRET, CONTEXT)
    assert sealer.unseal(with_context(sealed, CONTEXT), CONTEXT) == SECRET
    less = {key: text for key, text in CONTEXT.items() if key != name}
    for context in ({**CONTEXT, name: value + "."}, less, {**CONTEXT, value + ".": ""}):
        with pytest.raises(DecryptionFailed):
            sealer.unseal(with_context(sealed, context), {})


@pytest.mark.parametrize("octets", [b"", b"{}", b"[]", b"\xa0", b"\xa5", b"\xff", b"[" * 16000, bytes(20)])
def test_other_octets_are_refused(sealer: Sealer, octets: bytes) -> None:
    with pytest.raises((MalformedEnvelope, ConfigError)):
        sealer.unseal(octets, {})


def test_what_would_be_too_long_to_open_is_not_sealed(sealer: Sealer) -> None:
    with pytest.raises(ParameterError):
        sealer.seal(bytes(1 << 24), CONTEXT)


def test_nothing_is_shown(sealer: Sealer) -> None:
    assert "horse" not in f"{sealer!r} {sealer.name}"
    assert "CANARY" not in f"{sealer!r} {sealer.name}"


@pytest.mark.parametrize("before", KINDS)
def test_secrets_move_from_each_kind_to_each(make: Make, place: Path, before: Make) -> None:
    current, previous = make(place, "new"), before(place, "old")
    old = previous.seal(SECRET, CONTEXT)
    new = reseal(old, current, previous)
    assert new is not None
    assert current.unseal(new, CONTEXT) == SECRET
    assert context_of(new) == CONTEXT
    assert reseal(new, current, previous) is None
    both = Succession(current, previous)
    assert both.unseal(old, CONTEXT) == both.unseal(new, CONTEXT) == SECRET
    assert both.is_current(new)
    assert reseal(both.seal(SECRET, CONTEXT), current, previous) is None
    with pytest.raises(DecryptionFailed):
        both.unseal(with_context(old, {"role": "mfa"}), {})


def test_a_file_holds_any_sealing(sealer: Sealer, tmp_path: Path) -> None:
    file = SealedFile(tmp_path / "a.sealed")
    file.create(SECRET, sealer, CONTEXT)
    assert file.open(sealer, {"role": "dta"}) == SECRET
    file.replace(b"another", sealer, CONTEXT)
    assert file.open(sealer, CONTEXT) == b"another"
    with pytest.raises(ConfigError, match=r"a\.sealed.*epoch"):
        file.open(sealer, {"epoch": "8"})
