"""Slots opened by hand, by RFC 9180 and draft-ietf-hpke-pq: with the library's KEMs and its AEAD, not with its HPKE."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from milagro.protocols.envelope.suites import MLKEM768_X25519, MLKEM1024_P384, EncryptionKey
from tests.protocols.envelope.parties import random_from

SECRET = bytes(range(32))
INFO = b"milagro envelope v1", b"slot"
AES_256_GCM = 2


def shared_768(private: bytes, enc: bytes) -> bytes:
    """X-Wing: SHA3-256(ss_M || ss_X || ct_X || pk_X || label)."""
    lattice, point = mlkem.MLKEM768PrivateKey.from_seed_bytes(private[:64]), enc[1088:]
    scalar = x25519.X25519PrivateKey.from_private_bytes(private[64:])
    both = lattice.decapsulate(enc[:1088]) + scalar.exchange(x25519.X25519PublicKey.from_public_bytes(point))
    return hashlib.sha3_256(both + point + scalar.public_key().public_bytes_raw() + rb"\.//^" + b"\\").digest()


def shared_1024(private: bytes, enc: bytes, public: bytes) -> bytes:
    lattice, point = mlkem.MLKEM1024PrivateKey.from_seed_bytes(private[:64]), enc[1568:]
    scalar = ec.derive_private_key(int.from_bytes(private[64:], "big"), ec.SECP384R1())
    x = scalar.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point))
    both = lattice.decapsulate(enc[:1568]) + x
    return hashlib.sha3_256(both + point + public[1568:] + b"MLKEM1024-P384").digest()


def key_and_nonce(kem: int, kdf: int, name: str, shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    """KeySchedule of RFC 9180, section 5.1, in base mode."""
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (kem, kdf, AES_256_GCM))

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, name)

    def expand(prk: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(prk, labelled + b"\1", name)[:length]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)


def opened(key: EncryptionKey, slot: bytes) -> bytes:
    fields = (*INFO, key.suite.encode(), key.id)
    info = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    if key.suite == MLKEM768_X25519:
        enc, made = slot[:1120], (0x647A, 1, "sha256", shared_768(key.to_bytes(), slot[:1120]))
    else:
        enc = slot[:1665]
        made = (0x0051, 2, "sha384", shared_1024(key.to_bytes(), enc, key.public.octets))
    aead, nonce = key_and_nonce(*made, info)
    return AESGCM(aead).decrypt(nonce, slot[len(enc) :], b"")


@pytest.mark.parametrize("suite", [MLKEM768_X25519, MLKEM1024_P384])
def test_a_slot_is_what_the_standards_say(suite: str) -> None:
    key = EncryptionKey.generate(random_from(suite), suite)
    slot = key.public.seal_slot(SECRET)
    assert opened(key, slot) == SECRET == key.open_slot(slot)
    with pytest.raises(InvalidTag):
        opened(key, slot[:-1] + bytes([slot[-1] ^ 1]))
