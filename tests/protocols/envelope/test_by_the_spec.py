"""A second reader, written from spec/envelope.md with nothing of the package but CBOR: it must read what we seal."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from milagro import cbor
from milagro.cbor import Limits
from milagro.protocols.envelope import PrivateKeys
from tests.protocols.envelope.parties import ALICE, BOB, CAROL, CONTEXT, NOW, octets, send

LABEL, SUITE, SIGNATURES = b"milagro envelope v1", b"MLKEM768-X25519.1", b"ED25519+MLDSA65.1"
PIECE, SIGNATURE = 65536, 64 + 3309


def H(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def frame(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def fields_of(framed: bytes) -> list[bytes]:
    found = []
    while framed:
        length = int.from_bytes(framed[:4], "big")
        found.append(framed[4 : 4 + length])
        framed = framed[4 + length :]
    return found


def open_slot(private: bytes, slot: bytes, key_id: bytes) -> bytes:
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    key = hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(private[:64]),
        x25519.X25519PrivateKey.from_private_bytes(private[64:]),
    )
    return suite.decrypt(slot, key, info=frame(LABEL, b"slot", SUITE, key_id))


def verify(public: bytes, signature: bytes, signed: bytes) -> None:
    ed25519.Ed25519PublicKey.from_public_bytes(public[:32]).verify(signature[:64], signed)
    mldsa.MLDSA65PublicKey.from_public_bytes(public[32:]).verify(signature[64:], signed, LABEL)


def read(envelope: bytes, who: PrivateKeys, sender: PrivateKeys) -> tuple[dict[int, Any], bytes]:
    """Header and payload."""
    assert envelope[:8] == b"MLGENV" + (1).to_bytes(2, "big")
    lengths = int.from_bytes(envelope[8:12], "big"), int.from_bytes(envelope[12:16], "big")
    outer, sealed = envelope[16 : 16 + lengths[0]], envelope[16 + lengths[0] : 16 + sum(lengths)]
    public = frame(LABEL, b"encryption key", SUITE, who.public.encryption.octets)
    fields: Any = cbor.decode(outer, Limits(1 << 23))
    (slot,) = [sealed_secret for key_id, sealed_secret in fields[2] if key_id == H(public)]
    secret = open_slot(who.encryption.to_bytes(), slot, H(public))
    assert fields[0].encode() == SUITE
    assert fields[1] == hmac.digest(secret, frame(LABEL, b"commitment", SUITE), "sha256")

    def key(*info: bytes) -> bytes:
        return HKDF(SHA256(), 32, H(outer), frame(LABEL, *info)).derive(secret)

    plaintext = AESGCM(key(b"header")).decrypt(bytes(12), sealed, H(outer))
    octets, signature, zeros = fields_of(plaintext)
    assert zeros == bytes(len(zeros))
    signing = sender.public.signing.octets
    verify(signing, signature, frame(LABEL, SIGNATURES, b"header", H(outer), octets))
    header: Any = cbor.decode(octets)
    assert header[0] == H(frame(LABEL, b"signing key", SIGNATURES, signing))
    body, pieces, trailer = envelope[16 + sum(lengths) :], [], 8 + SIGNATURE * header[4]
    for number in range(1 << 32):
        last = len(body) <= PIECE + trailer + 16
        chunk, body = (body, b"") if last else (body[: PIECE + 16], body[PIECE + 16 :])
        nonce = number.to_bytes(11, "big") + bytes([last])
        pieces.append(AESGCM(key(b"body", H(plaintext))).decrypt(nonce, chunk, None))
        if last:
            break
    whole, end = b"".join(pieces)[:-trailer], pieces[-1][-trailer:]
    payload = whole[: int.from_bytes(end[:8], "big")]
    assert whole[len(payload) :] == bytes(len(whole) - len(payload))
    if header[4]:
        verify(signing, end[8:], frame(LABEL, SIGNATURES, b"body", H(plaintext), end[:8], H(payload)))
    return header, payload


@pytest.mark.parametrize("length", [0, 1, 1000, PIECE - 1, PIECE, PIECE + 1, 200_000])
@pytest.mark.parametrize("padded", [True, False])
def test_it_reads_what_we_seal(length: int, padded: bool) -> None:
    payload = octets("spec", length)
    header, got = read(send(payload, padded=padded), BOB, ALICE)
    assert got == payload
    assert header == {0: ALICE.signing.public.id, 1: (BOB.encryption.id,), 2: CONTEXT, 3: NOW, 4: 0}
    for who in (BOB, CAROL):
        assert read(send(payload, BOB, CAROL, padded=padded), who, ALICE)[1] == payload
