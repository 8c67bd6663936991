"""A PIN given as digits does what the integer does, and never becomes one."""

from __future__ import annotations

import pytest

from milagro.errors import NonCanonical, WrongLength
from milagro.groups import Curve
from milagro.protocols.mpin.v1 import client, full
from milagro.protocols.mpin.v1.hashing import hashed_identity
from milagro.protocols.mpin.v1.issuing import client_secret

IDENTITY = b"alice"


@pytest.mark.parametrize("digits", [b"0", b"7", b"0042", b"1234", b"9999"])
def test_digits_are_the_integer(any_curve: Curve, digits: bytes) -> None:
    E = any_curve
    secret = client_secret(E, E.scalar(987654321), hashed_identity(E, IDENTITY))
    by_digits, by_integer = client.pin_from_digits(E, digits), int(digits)
    token = client.extract_pin(E, secret, IDENTITY, by_digits)
    assert token == client.extract_pin(E, secret, IDENTITY, by_integer)
    assert client.restore_pin(E, token, IDENTITY, by_digits) == secret
    assert client.combined_secret(E, IDENTITY, token, by_digits) == secret
    runs = [
        client.one_pass(E, IDENTITY, token, pin, E.scalar(77), time=1_700_000_000).v for pin in (by_digits, by_integer)
    ]
    assert runs[0] == runs[1]


def test_the_key_of_full_is_the_same(any_curve: Curve) -> None:
    E = any_curve
    token = E.g1 * E.scalar(5)
    values = full.precompute(E, token, IDENTITY)
    keys = [
        full.client_session_key(
            E, values, pin, r=E.scalar(3), x=E.scalar(4), transcript=b"transcript", w_point=E.g1 * E.scalar(9)
        )
        for pin in (client.pin_from_digits(E, b"1234"), 1234)
    ]
    assert keys[0] == keys[1]


def test_what_is_no_pin_is_refused(any_curve: Curve) -> None:
    for digits in (b"", b"12345"):
        with pytest.raises(WrongLength):
            client.pin_from_digits(any_curve, digits)
    for digits in (b"12a4", b"-123", b" 123", b"12\xb24"):
        with pytest.raises(NonCanonical):
            client.pin_from_digits(any_curve, digits)
