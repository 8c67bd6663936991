"""An identity as a W3C DID: `did:milagro:<cid>`, and its DID document.

Keys of known suites become Multikeys (W3C Controlled Identifiers 1.0): z, base58btc, over a multicodec prefix and
the octets. A key of both Ed25519 and ML-DSA-65 is two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from milagro.cid import CID
from milagro.errors import EncodingError, MalformedEnvelope
from milagro.protocols import signatures
from milagro.protocols.pki.edits import Key, Purpose
from milagro.protocols.pki.resolution import Resolution

METHOD: Final = "did:milagro:"
CONTEXTS: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1")
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

# Multicodec table: prefixes in unsigned varints.
_ED25519, _ML_DSA_65 = b"\xed\x01", b"\x91\x24"
_X25519, _ML_KEM_768 = b"\xec\x01", b"\x8c\x24"
_BLS_G1 = b"\xea\x01"
_RAW = b"\x55"

_PARTS: Final[dict[tuple[Purpose, str], tuple[tuple[str, bytes, int], ...]]] = {
    (Purpose.SIGN, signatures.SUITE): (("ed25519", _ED25519, 32), ("ml-dsa-65", _ML_DSA_65, 1952)),
    (Purpose.SIGN, "ED25519.1"): (("ed25519", _ED25519, 32),),
    (Purpose.ENCRYPT, "MLKEM768-X25519.1"): (("ml-kem-768", _ML_KEM_768, 1184), ("x25519", _X25519, 32)),
    (Purpose.ENCRYPT, "X25519.1"): (("x25519", _X25519, 32),),
    (Purpose.BLS, "BLS12-381-AUG.1"): (("bls", _BLS_G1, 48),),
}
_RELATIONS: Final[dict[Purpose, tuple[str, ...]]] = {
    Purpose.SIGN: ("authentication", "assertionMethod"),
    Purpose.ENCRYPT: ("keyAgreement",),
    Purpose.BLS: ("assertionMethod",),
    Purpose.MPIN: ("authentication",),
}


def did_of(identity: CID) -> str:
    """`did:milagro:<cid>`.

    Spec: spec/dpki.md#did
    """
    return f"{METHOD}{identity}"


def identity_of(did: str) -> CID:
    """The identity in a DID.

    Spec: spec/dpki.md#did
    Raises: EncodingError
    """
    if not did.startswith(METHOD):
        raise MalformedEnvelope(f"a DID of this method begins with {METHOD}")
    try:
        return CID.from_text(did.removeprefix(METHOD))
    except EncodingError as error:
        raise type(error)(f"the DID is malformed: {error}") from None


def did_document(resolution: Resolution) -> dict[str, Any]:
    """The DID document, as JSON values; what `Resolution.require` refuses has none, but a retired identity has.

    Spec: spec/dpki.md#did
    Raises: BrokenChain
    """
    state = resolution.require(active=False)
    did = did_of(resolution.identity)
    document: dict[str, Any] = {"@context": list(CONTEXTS), "id": did, "verificationMethod": []}
    if state.retired:
        return document
    control = Key(Purpose.SIGN, signatures.SUITE, state.control.to_bytes())
    for name, prefix, octets in _parts(control):
        method = _method(did, f"control-{name}", prefix + octets)
        document["verificationMethod"].append(method)
        document.setdefault("capabilityInvocation", []).append(method["id"])
    for key in state.keys:
        for name, prefix, octets in _parts(key):
            method = _method(did, f"{key.id.hex()}-{name}", prefix + octets)
            document["verificationMethod"].append(method)
            for relation in _RELATIONS[key.purpose]:
                document.setdefault(relation, []).append(method["id"])
    if state.services:
        document["service"] = [
            {"id": f"{did}#{one.name}", "type": one.type, "serviceEndpoint": one.endpoint}
            for one in state.services.values()
        ]
    return document


def did_metadata(resolution: Resolution) -> dict[str, Any]:
    """What a resolver says beside the document.

    Spec: spec/dpki.md#did
    """
    state = resolution.state
    return {
        "deactivated": state.retired,
        "versionId": str(max(resolution.heads, key=CID.to_bytes)),
        "milagro": {
            "epoch": state.epoch,
            "sequence": state.sequence,
            "heads": [str(cid) for cid in resolution.heads],
            "forks": [
                {"kind": str(f.kind), "settled": f.settled, "operations": [str(cid) for cid in f.operations]}
                for f in resolution.forks
            ],
            "superseded": [str(cid) for cid in resolution.superseded],
            "unconfirmed": [str(cid) for cid in resolution.unconfirmed],
            "waiting": [str(cid) for cid in resolution.waiting],
        },
    }


def _parts(key: Key) -> Iterator[tuple[str, bytes, bytes]]:
    """The name, multicodec prefix and octets of each key in a key; of an unknown suite, all of it as it is."""
    parts = _PARTS.get((key.purpose, key.suite), ())
    if sum(size for _, _, size in parts) != len(key.public):
        yield key.purpose.value, _RAW, key.public
        return
    at = 0
    for name, prefix, size in parts:
        yield name, prefix, key.public[at : at + size]
        at += size


def _method(did: str, name: str, multicodec: bytes) -> dict[str, str]:
    return {"id": f"{did}#{name}", "type": "Multikey", "controller": did, "publicKeyMultibase": base58btc(multicodec)}


def base58btc(octets: bytes) -> str:
    """Multibase z: the octets as a number in base 58, a 1 for each zero octet in front."""
    number, digits = int.from_bytes(octets, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "z" + "1" * (len(octets) - len(octets.lstrip(b"\0"))) + digits
