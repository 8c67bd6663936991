"""Suites, identities, client keys, limits: what they are and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from milagro import errors
from milagro.groups import curve
from milagro.octets import frame, unframe
from milagro.protocols.mpin import v2


def test_suite_ids(backend_name: str) -> None:
    def name(curve_name: str, hash_name: Any = "sha256") -> str:
        return v2.Suite(curve(curve_name, backend=backend_name), hash_name).id

    assert name("BLS12-381") == "MPIN-V2_BLS12381G1_XMD:SHA-256_SSWU_RO_"
    assert name("BN254CX", "sha512").endswith("_XMD:SHA-512_SVDW_RO_")


def test_the_default_curve(backend_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILAGRO_BACKEND", backend_name)
    assert v2.Suite() == v2.Suite(curve("BLS12-381", backend=backend_name))


def test_no_tag_is_another_one_and_none_is_too_long(any_curve: Any) -> None:
    suite = v2.Suite(any_curve)
    tags = [suite.dst(purpose) for purpose in v2.PURPOSES]
    assert len(set(tags)) == len(v2.PURPOSES)
    assert max(map(len, tags)) <= 255
    points = {suite.hash_to_g1_vartime(b"x", purpose) for purpose in ("ID_", "PERMIT_", "PIN_")}
    assert len(points) == 3
    with pytest.raises(errors.ParameterError):
        suite.dst("NEW_")


@pytest.mark.parametrize("slot", [timedelta(0), timedelta(milliseconds=1500), timedelta(days=367), -timedelta(days=1)])
def test_slots_that_no_suite_has(backend_name: str, slot: timedelta) -> None:
    with pytest.raises(errors.ParameterError):
        v2.Suite(curve("BN254CX", backend=backend_name), slot=slot)


def test_a_hash_that_no_suite_has(backend_name: str) -> None:
    with pytest.raises(errors.ParameterError):
        v2.Suite(curve("BN254CX", backend=backend_name), "md5")  # type: ignore[arg-type]


# -- identity ------------------------------------------------------------------------------------------------------
def test_an_identity_reads_back(deployment: Any) -> None:
    octets = deployment.identity.to_bytes()
    assert v2.Identity.from_bytes(octets) == deployment.identity
    assert deployment.identity.account == ("alice", "phone")
    assert len(deployment.identity.digest()) == 32


def test_text_is_normalised_when_made_and_required_when_read(deployment: Any) -> None:
    composed = replace(deployment.identity, user="z\u00e4")
    assert replace(deployment.identity, user="za\u0308") == composed
    fields = unframe(composed.to_bytes())
    fields[2] = "za\u0308".encode()
    with pytest.raises(errors.NonCanonical):
        v2.Identity.from_bytes(frame(*fields))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"MPIN-V3_X"),
        (0, b""),
        (1, b""),
        (1, b"x" * 254),
        (2, b"a\x00b"),
        (2, b"\xff"),
        (2, b"x" * 257),
        (3, b"x" * 65),
        (4, b"\x00" * 7),
        (4, b"\x00" * 9),
        (4, b"\xff" * 8),
        (5, b"\x00" * 15),
        (6, b"rsa"),
        (7, b"\x00" * 31),
        (7, b"\x01" + b"\x00" * 31),
        (8, b"more"),
    ],
)
def test_identities_that_are_refused(deployment: Any, at: int, value: bytes) -> None:
    fields = [*unframe(deployment.identity.to_bytes()), b""][: max(8, at + 1)]
    fields[at] = value
    with pytest.raises(errors.EncodingError):
        v2.Identity.from_bytes(frame(*fields))


def test_the_salt_makes_a_re_enrolled_identity_new(deployment: Any) -> None:
    again = deployment.new_identity(deployment.key)
    assert again != deployment.identity
    assert again.account == deployment.identity.account
    assert deployment.suite.hash_identity(again) != deployment.suite.hash_identity(deployment.identity)


# -- client keys ---------------------------------------------------------------------------------------------------
KEYS = [v2.Ed25519Key.from_bytes(bytes(range(32))), v2.P256Key.from_bytes(bytes(range(1, 33)))]


@pytest.mark.parametrize("key", KEYS, ids=v2.ALGORITHMS)
def test_signatures(key: v2.ClientKey) -> None:
    signature = key.sign(b"octets")
    assert len(signature) == 64
    assert signature == key.sign(b"octets")
    v2.verify_signature(key.algorithm, key.public_key, signature, b"octets")
    for bad in (signature[::-1], bytes(64), bytes([signature[0] ^ 1]) + signature[1:], signature[:32] + bytes(32)):
        with pytest.raises(errors.InvalidSignature):
            v2.verify_signature(key.algorithm, key.public_key, bad, b"octets")
    with pytest.raises(errors.InvalidSignature):
        v2.verify_signature(key.algorithm, key.public_key, signature, b"octet")
    for bad in (signature[:-1], signature + b"\x00", b""):
        with pytest.raises(errors.WrongLength):
            v2.verify_signature(key.algorithm, key.public_key, bad, b"octets")


@pytest.mark.parametrize("key", KEYS, ids=v2.ALGORITHMS)
def test_keys_read_back(key: Any) -> None:
    assert type(key).from_bytes(key.to_bytes()).public_key == key.public_key
    with pytest.raises(errors.WrongLength):
        type(key).from_bytes(b"short")


def test_ed25519_vector_of_the_rfc() -> None:
    key = v2.Ed25519Key.from_bytes(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public_key.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")


def test_p256_vector_of_the_rfc() -> None:
    key = v2.P256Key.from_bytes(bytes.fromhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"))
    assert key.public_key.hex().startswith("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")
    assert key.sign(b"sample").hex() == (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )


SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.mark.parametrize("octets", SMALL_ORDER)
def test_ed25519_keys_of_small_order(octets: str) -> None:
    with pytest.raises(errors.NotInSubgroup):
        v2.check_public_key("ed25519", bytes.fromhex(octets))


def test_public_keys_that_are_none() -> None:
    p = 2**255 - 19
    with pytest.raises(errors.NonCanonical):
        v2.check_public_key("ed25519", p.to_bytes(32, "little"))
    with pytest.raises(errors.NotOnCurve):
        v2.check_public_key("ed25519", (2).to_bytes(32, "little"))
    point = KEYS[1].public_key
    with pytest.raises(errors.NotOnCurve):
        v2.check_public_key("ecdsa-p256-sha256", point[:-1] + bytes([point[-1] ^ 1]))
    with pytest.raises(errors.InvalidFlags):
        v2.check_public_key("ecdsa-p256-sha256", b"\x06" + point[1:])
    with pytest.raises(errors.WrongLength):
        v2.check_public_key("ecdsa-p256-sha256", b"\x02" + point[1:33])
    with pytest.raises(errors.ParameterError):
        v2.check_public_key("rsa", point)


@pytest.mark.parametrize("number", [0, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551])
def test_p256_private_keys_out_of_range(number: int) -> None:
    with pytest.raises(errors.NonCanonical):
        v2.P256Key.from_bytes(number.to_bytes(32, "big"))


def test_a_key_from_elsewhere_can_stand_in(deployment: Any, now: int) -> None:
    class Token:
        """A key behind some device: it shows what ClientKey asks for and nothing else."""

        algorithm = deployment.key.algorithm
        public_key = deployment.key.public_key

        def sign(self, octets: bytes) -> bytes:
            return bytes(deployment.key.sign(octets))

    credential = v2.Credential(deployment.credential.token, Token())
    deployment.countable(credential=credential).verify(deployment.server_secret)


# -- context, limits, PIN, randomness --------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["server", "origin", "relying_party"])
@pytest.mark.parametrize("value", ["", "x" * 513, "a\nb", "\ud800", 7])
def test_contexts_that_are_refused(deployment: Any, field: str, value: Any) -> None:
    with pytest.raises(errors.ParameterError):
        replace(deployment.context, **{field: value})


@pytest.mark.parametrize(
    "limit",
    [
        {"lifetime": timedelta(0)},
        {"window": timedelta(0)},
        {"leeway": -timedelta(seconds=1)},
        {"grace": timedelta(milliseconds=1)},
        {"lifetime": timedelta(days=2)},
    ],
)
def test_limits_that_are_refused(limit: dict[str, timedelta]) -> None:
    with pytest.raises(errors.ParameterError):
        v2.Limits(**limit)


@pytest.mark.parametrize("pin", ["", b"", "x" * 1025, 1234, None, "\ud800"])
def test_pins_that_are_refused(deployment: Any, now: int, pin: Any) -> None:
    with pytest.raises(errors.ParameterError):
        v2.pin_octets(pin)
    started, challenged = deployment.challenged()
    with pytest.raises(errors.ParameterError):
        started.answer(challenged.message, pin, now)
    started.answer(challenged.message, "1234", now)  # x was not used up by it


def test_a_broken_source_of_randomness(deployment: Any) -> None:
    with pytest.raises(errors.ParameterError):
        v2.start_login(deployment.credential, deployment.context, 0, lambda n: bytes(n - 1), deployment.permit)
