"""A token of SoftHSM: what goes wrong with it is said in our words, nothing hangs, and no wrong PIN is tried twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag, TokenFlag

import milagro
from milagro.errors import AlreadyExists, ConfigError, DecryptionFailed, Unavailable
from milagro.stores.keys import PinSource
from milagro.stores.keys.token import Token, _owner, check_flags
from milagro.stores.keys.token_sealer import TokenSealer
from tests.stores.keys.softhsm import KEY, LABEL, PIN, SoftHsm, module

CONTEXT = {"role": "dta", "epoch": "3"}


def sealer(hsm: SoftHsm, token: Token | None = None) -> TokenSealer:
    return TokenSealer(token or hsm.token(), KEY)


def release(hsm: SoftHsm) -> None:
    hsm.token().close()


# -- keys -------------------------------------------------------------------------------------------------------------
def test_a_generated_key_stays_in_the_token(hsm: SoftHsm) -> None:
    token = hsm.token()
    key_id = token.generate_key(KEY)
    assert token.key_id(KEY) == key_id
    key: Any = token._ask(lambda session: session.keys[key_id])
    wanted = {
        Attribute.EXTRACTABLE: False,
        Attribute.NEVER_EXTRACTABLE: True,
        Attribute.SENSITIVE: True,
        Attribute.ALWAYS_SENSITIVE: True,
        Attribute.LOCAL: True,
        Attribute.PRIVATE: True,
        Attribute.WRAP: False,
        Attribute.UNWRAP: False,
        Attribute.VALUE_LEN: 32,
    }
    assert token._ask(lambda _: {name: key[name] for name in wanted}) == wanted
    with pytest.raises(AlreadyExists, match=KEY):
        token.generate_key(KEY)


def test_a_missing_key_is_named(hsm: SoftHsm) -> None:
    with pytest.raises(ConfigError, match=r"no key 'node-1'.*keys generate"):
        sealer(hsm).seal(b"secret", CONTEXT)


def plant(hsm: SoftHsm, bits: int = 256, key_id: bytes = b"1", **template: bool) -> None:
    attributes = {Attribute[name]: value for name, value in template.items()}
    hsm.token()._ask(
        lambda session: session.session.generate_key(
            KeyType.AES,
            bits,
            id=key_id,
            label=KEY,
            store=True,
            capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            template=attributes,
        )
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"EXTRACTABLE": True, "SENSITIVE": True}, "could leave the token"),
        ({"EXTRACTABLE": False, "SENSITIVE": False}, "could leave the token"),
        ({"bits": 128, "EXTRACTABLE": False, "SENSITIVE": True}, "no AES-256 key"),
        ({"key_id": b"", "EXTRACTABLE": False, "SENSITIVE": True}, "has no id"),
    ],
)
def test_a_key_that_is_not_good_enough_is_refused(hsm: SoftHsm, arguments: dict[str, Any], text: str) -> None:
    plant(hsm, **arguments)
    with pytest.raises(ConfigError, match=text):
        sealer(hsm).seal(b"secret", CONTEXT)


def test_two_keys_of_one_label_are_refused(keyed: SoftHsm) -> None:
    plant(keyed, EXTRACTABLE=False, SENSITIVE=True)
    release(keyed)
    with pytest.raises(ConfigError, match="2 AES keys 'node-1'"):
        sealer(keyed).seal(b"secret", CONTEXT)


def test_a_new_key_of_the_token_opens_what_the_older_sealed(keyed: SoftHsm) -> None:
    sealed = sealer(keyed).seal(b"secret", CONTEXT)
    keyed.token().generate_key("node-2")
    newer = TokenSealer(keyed.token(), "node-2")
    assert not newer.is_current(sealed)
    assert newer.unseal(sealed, CONTEXT) == b"secret"
    assert newer.is_current(newer.seal(b"secret", CONTEXT))


def test_another_token_says_that_the_key_is_not_there(keyed: SoftHsm) -> None:
    sealed = sealer(keyed).seal(b"secret", CONTEXT)
    keyed.add("other")
    release(keyed)
    other = keyed.token("other")
    other.generate_key(KEY)
    with pytest.raises(DecryptionFailed, match="which this token does not have"):
        TokenSealer(other, KEY).unseal(sealed, CONTEXT)
    assert sealer(keyed).unseal(sealed, CONTEXT) == b"secret"  # two tokens of one module side by side


# -- PINs -------------------------------------------------------------------------------------------------------------
def test_a_wrong_pin_is_tried_once(keyed: SoftHsm) -> None:
    wrong = "CANARY-wrong-4711"
    release(keyed)
    keyed.pin_file.write_text(wrong)
    with pytest.raises(ConfigError, match="refuses the PIN") as caught:
        sealer(keyed).seal(b"secret", CONTEXT)
    assert wrong not in str(caught.value)
    # The same label with a token for which the PIN is right: only one that is not asked still refuses it.
    shutil.rmtree(keyed.tokens)
    keyed.tokens.mkdir()
    keyed.util("--init-token", "--free", "--label", LABEL, "--so-pin", "officer-2580", "--pin", wrong)
    for _ in range(3):
        with pytest.raises(ConfigError, match="not tried again"):
            sealer(keyed).seal(b"secret", CONTEXT)
    _owner(module()).refused.clear()
    assert keyed.token().generate_key(KEY)


def test_a_corrected_pin_is_tried(keyed: SoftHsm) -> None:
    release(keyed)
    keyed.pin_file.write_text("wrong-1")
    with pytest.raises(ConfigError, match="refuses the PIN"):
        sealer(keyed).seal(b"secret", CONTEXT)
    keyed.pin_file.write_text(PIN)
    assert sealer(keyed).seal(b"secret", CONTEXT)


def test_a_pin_comes_from_an_environment_variable(keyed: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    release(keyed)
    monkeypatch.setenv("MILAGRO_TEST_PIN", PIN)
    token = Token(module(), LABEL, PinSource(env="MILAGRO_TEST_PIN"))
    assert token.key_id(KEY)
    release(keyed)
    monkeypatch.delenv("MILAGRO_TEST_PIN")
    with pytest.raises(ConfigError, match="MILAGRO_TEST_PIN, which is not set"):
        token.key_id(KEY)
    with pytest.raises(ConfigError, match="no PIN for the token"):
        Token(module(), LABEL, PinSource()).key_id(KEY)
    monkeypatch.setattr(os, "environb", {b"MILAGRO_TEST_PIN": b"\xff"})
    monkeypatch.setenv("MILAGRO_TEST_PIN", "x")
    with pytest.raises(ConfigError, match="not UTF-8"):
        token.key_id(KEY)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (TokenFlag.USER_PIN_LOCKED, "is locked; its security officer"),
        (TokenFlag.USER_PIN_FINAL_TRY, "locks after one more wrong PIN"),
        (TokenFlag(0), "has no user PIN yet"),
    ],
)
def test_a_pin_that_cannot_be_tried_is_not(flags: TokenFlag, text: str) -> None:
    rest = TokenFlag.TOKEN_INITIALIZED | (TokenFlag.USER_PIN_INITIALIZED if flags else TokenFlag(0))
    with pytest.raises(ConfigError, match=text):
        check_flags(flags | rest, LABEL)
    check_flags(TokenFlag.TOKEN_INITIALIZED | TokenFlag.USER_PIN_INITIALIZED, LABEL)


# -- modules and tokens that are not there --------------------------------------------------------------------------
def test_a_missing_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no PKCS#11 module .*none\.so"):
        Token(tmp_path / "none.so", LABEL, PinSource()).key_id(KEY)


def test_what_is_no_module_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("text")
    with pytest.raises(ConfigError, match="cannot be loaded as a PKCS#11 module"):
        Token(tmp_path / "text.so", LABEL, PinSource()).key_id(KEY)


def test_a_missing_token_is_named(hsm: SoftHsm) -> None:
    with pytest.raises(Unavailable, match="token 'nowhere' is not there"):
        hsm.token("nowhere").key_id(KEY)


def test_two_tokens_of_one_label_are_refused(keyed: SoftHsm) -> None:
    keyed.add(LABEL)
    release(keyed)
    with pytest.raises(ConfigError, match="more than one token"):
        keyed.token().key_id(KEY)


def test_a_token_that_went_away_is_found_again(keyed: SoftHsm) -> None:
    one = sealer(keyed)
    sealed = one.seal(b"secret", CONTEXT)
    away = keyed.folder / "away"
    keyed.tokens.rename(away)
    for _ in range(2):
        with pytest.raises(Unavailable):
            one.seal(b"secret", CONTEXT)
        with pytest.raises(Unavailable):
            one.unseal(sealed, CONTEXT)
        with pytest.raises(Unavailable):
            one.is_current(sealed)
    away.rename(keyed.tokens)
    assert one.unseal(sealed, CONTEXT) == b"secret"
    assert one.seal(b"secret", CONTEXT)


def test_a_token_that_went_away_unused_is_not_taken_for_one_without_keys(keyed: SoftHsm) -> None:
    one = keyed.token()
    one.key_id(KEY)
    keyed.tokens.rename(keyed.folder / "away")
    with pytest.raises(Unavailable):
        one.key_id("another")


def test_a_lost_session_is_opened_again(keyed: SoftHsm) -> None:
    one = sealer(keyed)
    sealed = one.seal(b"secret", CONTEXT)
    _owner(module()).call(lambda owner: owner.library.reinitialize(), 10)
    assert one.unseal(sealed, CONTEXT) == b"secret"
    _owner(module()).call(lambda owner: owner.library.finalize(), 10)
    assert one.seal(b"secret", CONTEXT)


def test_an_altered_sealing_is_not_taken_for_a_lost_token(keyed: SoftHsm) -> None:
    one = keyed.token()
    key_id = one.key_id(KEY)
    sealed = one.encrypt(key_id, bytes(12), b"secret", b"context")
    session = one._ask(lambda session: session)
    for octets, nonce, associated in ((sealed, bytes(12), b"other"), (sealed[:-1], bytes(12), b"context"), (b"",) * 3):
        with pytest.raises(DecryptionFailed, match="was altered"):
            one.decrypt(key_id, nonce or bytes(12), octets, associated)
    assert one.decrypt(key_id, bytes(12), sealed, b"context") == b"secret"
    assert one._ask(lambda session: session) is session  # nor was the token opened again


# -- time, threads and processes ------------------------------------------------------------------------------------
def test_a_token_that_does_not_answer_is_not_waited_for(keyed: SoftHsm) -> None:
    token, go_on = keyed.token(seconds=0.2), threading.Event()
    token.key_id(KEY)
    try:
        for _ in range(3):
            with pytest.raises(Unavailable, match="answer"):
                token._ask(lambda _: go_on.wait(60))
    finally:
        go_on.set()
    patient = keyed.token(seconds=30)
    assert patient.key_id(KEY)
    assert not _owner(module())._since or time.monotonic() - (_owner(module())._since or 0) < 30


def test_threads_share_a_token(keyed: SoftHsm) -> None:
    one, busy, most = sealer(keyed), [0], [0]

    def work(_: Any) -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        time.sleep(0.001)
        busy[0] -= 1

    def run(number: int) -> bytes:
        keyed.token()._ask(work)
        return one.unseal(one.seal(b"%d" % number, CONTEXT), CONTEXT)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(100))) == [b"%d" % number for number in range(100)]
    assert most == [1]


def test_two_names_of_a_module_are_one_module(keyed: SoftHsm, tmp_path: Path) -> None:
    link = tmp_path / "link.so"
    link.symlink_to(module())
    assert _owner(link) is _owner(module())
    assert Token(link, LABEL, PinSource(file=keyed.pin_file)).key_id(KEY) == keyed.token().key_id(KEY)


FORKED = """
import os, sys
from pathlib import Path
from milagro.errors import ConfigError
from milagro.stores.keys import PinSource
from milagro.stores.keys.token import Token
from milagro.stores.keys.token_sealer import TokenSealer

when, module, label, key, pin = sys.argv[1:]
sealer = TokenSealer(Token(Path(module), label, PinSource(file=Path(pin))), key)
if when == "after":
    sealer.seal(b"secret", {})
child = os.fork()
if child == 0:
    try:
        opened = sealer.unseal(sealer.seal(b"secret", {}), {})
        print("child", opened.decode(), flush=True)
    except ConfigError as error:
        print("child refused:", error, flush=True)
        again = TokenSealer(Token(Path(module), label, PinSource(file=Path(pin))), key)
        try:
            again.seal(b"secret", {})
        except ConfigError:
            print("child refused again", flush=True)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print("parent", sealer.unseal(sealer.seal(b"secret", {}), {}).decode(), flush=True)
"""


def forked(hsm: SoftHsm, when: str) -> list[str]:
    arguments = [sys.executable, "-c", FORKED, when, str(module()), LABEL, KEY, str(hsm.pin_file)]
    environment = {**os.environ, **hsm.environment, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
    result = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_a_child_opens_the_token_itself_if_its_parent_did_not(keyed: SoftHsm) -> None:
    assert forked(keyed, "before") == ["child secret", "parent secret"]


def test_a_child_does_not_use_its_parents_session(keyed: SoftHsm) -> None:
    refused, again, parent = forked(keyed, "after")
    assert "forked from one that had opened" in refused
    assert (again, parent) == ("child refused again", "parent secret")
