"""The DID document, held against another library's idea of one."""

from __future__ import annotations

import json

import pytest
from pydid import DIDDocument
from pydid.did import DID

from milagro.errors import EncodingError, ParameterError
from milagro.protocols import pki, signatures
from milagro.protocols.pki.did import base58btc
from tests.protocols.pki.history import begun, key, named, put

ENCRYPT = pki.Key(pki.Purpose.ENCRYPT, "MLKEM768-X25519.1", bytes(1216))
SIGN = pki.Key(pki.Purpose.SIGN, signatures.SUITE, key("s").public.to_bytes())
MPIN = pki.Key(pki.Purpose.MPIN, "BN254", b"\x04" + bytes(64))


def test_another_library_takes_the_document() -> None:
    service = pki.SetService("dta", "MilagroDTA", "https://dta.example:8001/x?y=z")
    replica = begun(named(1), pki.AddKey(ENCRYPT), pki.AddKey(SIGN), pki.AddKey(MPIN), service)
    document = pki.did_document(pki.resolve(replica))
    assert DID.is_valid(document["id"])
    read = DIDDocument.deserialize(json.loads(json.dumps(document)))
    assert str(read.id) == pki.did_of(replica.identity)
    assert len(read.verification_method or []) == 2 + 1 + 2 + 2 + 1
    for relation in ("authentication", "assertionMethod", "keyAgreement", "capabilityInvocation"):
        for reference in document[relation]:
            assert read.dereference(reference)
    assert read.dereference(f"{document['id']}#dta")


def test_a_service_takes_no_name_of_a_key() -> None:
    for name in ("control-ed25519", f"{SIGN.id.hex()}-ed25519"):
        with pytest.raises(ParameterError):
            pki.SetService(name, "T", "https://dta.example")
    names = ("control", "Control-ed25519", SIGN.id.hex(), f"{SIGN.id.hex()[1:]}-x")
    services = [pki.SetService(name, "T", "https://dta.example") for name in names]
    DIDDocument.deserialize(pki.did_document(pki.resolve(begun(pki.AddKey(SIGN), *services))))


@pytest.mark.parametrize("endpoint", [":", "x:", "1a:b", "name.example", "https://a b", "https://ü.example", 'x:"'])
def test_an_endpoint_is_a_uri(endpoint: str) -> None:
    with pytest.raises(ParameterError):
        pki.SetService("dta", "T", endpoint)
    assert pki.SetService("dta", "T", "https://[::1]:80/a?b=%20#c").endpoint


def test_multikeys_have_the_prefixes_of_their_kinds() -> None:
    document = pki.did_document(pki.resolve(begun(pki.AddKey(SIGN))))
    shown = {one["id"].rsplit("#")[1]: one["publicKeyMultibase"] for one in document["verificationMethod"]}
    # z6Mk is how every Multikey of Ed25519 begins.
    assert shown["control-ed25519"].startswith("z6Mk")
    assert shown[f"{SIGN.id.hex()}-ed25519"].startswith("z6Mk")
    assert shown["control-ed25519"] == base58btc(b"\xed\x01" + key("0").public.ed25519)


def test_base58() -> None:
    # draft-msporny-base58-03, section 5
    assert base58btc(b"Hello World!") == "z2NEpo7TZRRrLZSi2U"
    assert base58btc(b"\x00\x00\x28\x7f\xb4\xcd") == "z11233QC4"


def test_a_retired_identity_is_deactivated() -> None:
    replica = begun(named(1))
    put(replica, pki.retire(replica, key("0"), 1001))
    resolution = pki.resolve(replica)
    assert pki.did_document(resolution)["verificationMethod"] == []
    assert pki.did_metadata(resolution)["deactivated"] is True
    json.dumps(pki.did_metadata(resolution))


def test_a_did_is_read_strictly() -> None:
    identity = begun().identity
    assert pki.identity_of(pki.did_of(identity)) == identity
    for text in ("did:key:z6Mk", f"did:milagro:{identity}x", f"did:milagro:{str(identity).upper()}", "did:milagro:"):
        with pytest.raises(EncodingError):
            pki.identity_of(text)
