"""Keys decode strictly; armor has one text for each octet string."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro import cbor
from milagro.errors import EncodingError, MalformedEnvelope, NonCanonical, NotInSubgroup, NotOnCurve, WrongLength
from milagro.protocols.envelope import (
    BLS,
    HYBRID,
    Armoring,
    Dearmoring,
    EncryptionKey,
    EncryptionPublicKey,
    PrivateKeys,
    PublicKeys,
    VerifyingKey,
    armored,
    dearmored,
)
from milagro.protocols.envelope.suites import MLKEM768_X25519, MLKEM1024_P384
from tests.protocols.envelope.parties import ALICE, ALICE_BLS, BOB, octets, random_from

P384_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973


@pytest.mark.parametrize("signatures", [HYBRID, BLS])
@pytest.mark.parametrize("suite", [MLKEM768_X25519, MLKEM1024_P384])
def test_keys_come_back(signatures: str, suite: str) -> None:
    keys = PrivateKeys.generate(random_from("keys"), signatures, suite)
    assert PrivateKeys.from_bytes(keys.to_bytes()).public == keys.public
    assert PublicKeys.from_bytes(keys.public.to_bytes()) == keys.public
    assert PrivateKeys.generate(random_from("keys"), signatures, suite).public == keys.public
    slot = keys.public.encryption.seal_slot(bytes(32))
    assert keys.encryption.open_slot(slot) == bytes(32)


def change(key: EncryptionPublicKey, at: int, value: bytes) -> bytes:
    return key.octets[:at] + value + key.octets[at + len(value) :]


SMALL_ORDER = [
    (0).to_bytes(32, "little"),
    (1).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
]


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_an_x25519_key_of_small_order(point: bytes) -> None:
    with pytest.raises(NotInSubgroup):
        EncryptionPublicKey(MLKEM768_X25519, change(BOB.public.encryption, 1184, point))


def test_encryption_keys_that_are_none() -> None:
    key = BOB.public.encryption
    for value in (2**255 - 19, 2**255 - 1, 2**256 - 1):
        with pytest.raises(NonCanonical):
            EncryptionPublicKey(MLKEM768_X25519, change(key, 1184, value.to_bytes(32, "little")))
    for coefficients in (b"\x01\x0d\x00", b"\x00\x10\xd0", b"\xff\xff\xff"):  # 3329 is 0xd01
        with pytest.raises(NonCanonical):
            EncryptionPublicKey(MLKEM768_X25519, change(key, 300, coefficients))
    for wrong in (key.octets[:-1], key.octets + b"\0", b""):
        with pytest.raises(WrongLength):
            EncryptionPublicKey(MLKEM768_X25519, wrong)
    with pytest.raises(MalformedEnvelope):
        EncryptionPublicKey("SIKE-P751.1", key.octets)
    strong = EncryptionKey.generate(random_from("strong"), MLKEM1024_P384)
    for at, value, error in ((1568, b"\x05", NotOnCurve), (1660, bytes(5), NotOnCurve), (0, b"\xff\xff", NonCanonical)):
        with pytest.raises(error):
            EncryptionPublicKey(MLKEM1024_P384, change(strong.public, at, value))
    for scalar in (0, P384_ORDER, 2**384 - 1):
        with pytest.raises(NonCanonical):
            EncryptionKey(MLKEM1024_P384, bytes(64) + scalar.to_bytes(48, "big"))


def test_signing_keys_that_are_none() -> None:
    for suite, key in ((HYBRID, ALICE.signing), (BLS, ALICE_BLS.signing)):
        for wrong in (key.public.octets[:-1], key.public.octets + b"\0", b""):
            with pytest.raises(WrongLength):
                VerifyingKey(suite, wrong)
        with pytest.raises(WrongLength):
            type(key)(key.to_bytes()[:-1])
    with pytest.raises(MalformedEnvelope):
        VerifyingKey("RSA.1", b"")
    with pytest.raises(EncodingError):
        VerifyingKey(BLS, b"\xff" * 48)


@pytest.mark.parametrize(
    "change", [{0: 2}, {1: "RSA.1"}, {2: b""}, {3: "SIKE-P751.1"}, {4: b"x"}, {5: 0}, {-1: 0}, {0: None}]
)
def test_key_files_that_are_none(change: dict[int, object]) -> None:
    for kind, keys in ((PublicKeys, ALICE.public), (PrivateKeys, ALICE)):
        fields = cbor.decode(keys.to_bytes())  # type: ignore[attr-defined]
        with pytest.raises(EncodingError):
            kind.from_bytes(cbor.encode({**fields, **change}))  # type: ignore[attr-defined, dict-item]


# -- armor -----------------------------------------------------------------------------------------------------------
@settings(deadline=None)
@given(st.binary(max_size=500), st.integers(1, 97), st.booleans())
def test_armor_comes_back_in_any_pieces(whole: bytes, size: int, crlf: bool) -> None:
    armoring, dearmoring = Armoring(), Dearmoring()
    text = b"".join([armoring.update(whole[at : at + size]) for at in range(0, len(whole), size)] + [armoring.finish()])
    assert text == armored(whole)
    assert all(len(line) <= 64 for line in text.split(b"\n"))
    if crlf:
        text = text.replace(b"\n", b"\r\n")
    got = b"".join(dearmoring.update(text[at : at + size]) for at in range(0, len(text), size))
    assert got + dearmoring.finish() == whole
    assert dearmored(text.removesuffix(b"\n").removesuffix(b"\r")) == whole


@settings(deadline=None)
@given(st.binary(max_size=200), st.data())
def test_a_changed_armor_is_refused_or_is_another_octet_string(whole: bytes, data: st.DataObject) -> None:
    text = bytearray(armored(whole))
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(EncodingError):
        assert dearmored(bytes(text)) != whole


GOOD = armored(octets("armor", 100))


def dearmored_in(pieces: list[bytes]) -> bytes:
    dearmoring = Dearmoring()
    parts = [dearmoring.update(piece) for piece in pieces]
    return b"".join(parts) + dearmoring.finish()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n" + GOOD,
        b"Subject: hello\n" + GOOD,
        GOOD + b"\n",
        GOOD + GOOD,
        GOOD[: GOOD.index(b"-----END")],
        GOOD.replace(b"ENVELOPE", b"ENVELOPES"),
        GOOD.replace(b"=", b""),
        GOOD.replace(b"==", b"="),
        GOOD.replace(b"=", b"=="),
        GOOD.replace(b"\n", b"\n\n", 1),
        GOOD.replace(b"\n", b" \n"),
        GOOD.replace(b"\n-----END", b"A\n-----END"),
        GOOD[:40] + b"\n" + GOOD[40:],
        GOOD[:40] + b"-" + GOOD[41:],
        b"-----BEGIN MILAGRO ENVELOPE-----\n" + b"A" * 100_000,
        b"-----BEGIN MILAGRO ENVELOPE-----\nAAAA\nAAAA\n-----END MILAGRO ENVELOPE-----\n",
    ],
)
def test_texts_that_are_no_armor(text: bytes) -> None:
    for pieces in ([text], text.splitlines(keepends=True), [bytes([octet]) for octet in text[:4096]]):
        with pytest.raises(EncodingError):
            dearmored_in(pieces)


def test_bits_that_mean_nothing() -> None:
    with pytest.raises(NonCanonical):
        dearmored(armored(b"a").replace(b"YQ==", b"YR=="))
