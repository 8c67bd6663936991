"""Operations of the signatures: the original form and the IETF's."""

from __future__ import annotations

from milagro.conformance.literals import BadLiteral
from milagro.conformance.operations._registry import MOST_SHARES, Inputs, Results, operation
from milagro.groups import Encoding
from milagro.protocols.bls import ietf
from milagro.protocols.bls import original as bls


@operation("bls-original.sign")
def sign(x: Inputs) -> Results:
    """Hash, public key and signature."""
    E, s, message = x.E, x.scalar("s"), x.octets("message")
    return {
        "h": bls.hash_message(E, message).to_bytes(Encoding.MILAGRO).hex(),
        "public_key": bls.public_key(E, s).to_bytes(bls.PUBLIC_KEY_ENCODING).hex(),
        "signature": bls.sign(E, s, message).to_bytes(bls.SIGNATURE_ENCODING).hex(),
    }


@operation("bls-original.verify")
def verify(x: Inputs) -> Results:
    """The verdict on a signature; the signature is decoded first."""
    signature = bls.signature_from_bytes(x.E, x.octets("signature"))
    key = bls.public_key_from_bytes(x.E, x.octets("public_key"))
    bls.verify(x.E, key, x.octets("message"), signature)
    return {"accepted": True}


@operation("bls-original.aggregate")
def aggregate(x: Inputs) -> Results:
    """Sums of signatures and of keys."""
    signatures = [bls.signature_from_bytes(x.E, octets) for octets in x.octet_list("signatures")]
    keys = [bls.public_key_from_bytes(x.E, octets) for octets in x.octet_list("public_keys")]
    return {
        "signature": bls.aggregate_signatures(signatures).to_bytes(bls.SIGNATURE_ENCODING).hex(),
        "public_key": bls.aggregate_keys(keys).to_bytes(bls.PUBLIC_KEY_ENCODING).hex(),
    }


@operation("bls-original.shares")
def shares(x: Inputs) -> Results:
    """Shares of a secret, from given random octets."""
    coefficients = bls.random_coefficients(x.E, x.scalar("s"), x.size("threshold", most=MOST_SHARES), x.random())
    made = bls.make_shares(x.E, coefficients, x.size("count", most=MOST_SHARES))
    return {"shares": [[share.x, share.y.to_bytes(x.E.field_bytes).hex()] for share in made]}


def _shares(x: Inputs) -> list[tuple[int, bytes]]:
    indices, values = x.integers("x"), x.octet_list("y")
    if len(indices) != len(values):
        raise BadLiteral("as many indices as values are needed")
    return list(zip(indices, values, strict=True))


@operation("bls-original.recover-secret")
def recover_secret(x: Inputs) -> Results:
    """The secret from enough shares."""
    some = [bls.SecretShare(i, x.E.scalar_from_bytes(y)) for i, y in _shares(x)]
    return {"s": bls.recover_secret(x.E, some).to_bytes(x.E.field_bytes).hex()}


@operation("bls-original.recover-signature")
def recover_signature(x: Inputs) -> Results:
    """The signature from enough shares of it."""
    some = [bls.SignatureShare(i, bls.signature_from_bytes(x.E, y)) for i, y in _shares(x)]
    return {"signature": bls.recover_signature(x.E, some).to_bytes(bls.SIGNATURE_ENCODING).hex()}


# -- the IETF's form --------------------------------------------------------------------------------------------
_PLACEMENTS = {placement.value: placement for placement in ietf.Placement}
_SCHEMES = {scheme.value: scheme for scheme in ietf.Scheme}


def _suite(x: Inputs) -> ietf.Suite:
    placement, scheme = x.text("placement"), x.text("scheme", "NUL")
    if placement not in _PLACEMENTS or scheme not in _SCHEMES:
        raise BadLiteral("no such placement or scheme")
    return ietf.Suite(x.E, _PLACEMENTS[placement], _SCHEMES[scheme])


@operation("bls-ietf.key-gen")
def key_gen(x: Inputs) -> Results:
    """The secret key from key material."""
    info = x.octets("info")
    if x.text("form") == "ethereum":
        return {"sk": ietf.key_gen_ethereum(x.E, x.octets("ikm"), info).to_bytes().hex()}
    return {"sk": ietf.key_gen_draft05(x.E, x.octets("ikm"), x.octets("salt"), info).to_bytes().hex()}


@operation("bls-ietf.sign")
def ietf_sign(x: Inputs) -> Results:
    """Tag, public key in both encodings, signature in both encodings."""
    suite = _suite(x)
    s = ietf.secret_key_from_bytes(x.E, x.octets("sk"))
    key, signature = ietf.public_key(suite, s), ietf.sign(suite, s, x.octets("message"))
    return {
        "tag": suite.tag("SIG").decode(),
        "public_key": key.to_bytes(Encoding.ZCASH).hex(),
        "public_key_serialized": key.to_bytes(Encoding.ZCASH_UNCOMPRESSED).hex(),
        "signature": signature.to_bytes(Encoding.ZCASH).hex(),
        "signature_serialized": signature.to_bytes(Encoding.ZCASH_UNCOMPRESSED).hex(),
    }


@operation("bls-ietf.verify")
def ietf_verify(x: Inputs) -> Results:
    """The verdict on a signature."""
    suite = _suite(x)
    key = ietf.public_key_from_bytes(suite, x.octets("public_key"))
    ietf.verify(suite, key, x.octets("message"), ietf.signature_from_bytes(suite, x.octets("signature")))
    return {"accepted": True}


@operation("bls-ietf.secret-key")
def secret_key(x: Inputs) -> Results:
    """A secret key read from its octets."""
    return {"sk": ietf.secret_key_from_bytes(x.E, x.octets("sk")).to_bytes().hex()}


@operation("bls-ietf.aggregate")
def ietf_aggregate(x: Inputs) -> Results:
    """The sum of signatures."""
    suite = _suite(x)
    some = [ietf.signature_from_bytes(suite, octets) for octets in x.octet_list("signatures")]
    return {"signature": ietf.aggregate(suite, some).to_bytes(Encoding.ZCASH).hex()}


@operation("bls-ietf.aggregate-verify")
def aggregate_verify(x: Inputs) -> Results:
    """The verdict on a sum of signatures of different messages."""
    suite = _suite(x)
    keys = [ietf.public_key_from_bytes(suite, octets) for octets in x.octet_list("public_keys")]
    signature = ietf.signature_from_bytes(suite, x.octets("signature"))
    ietf.aggregate_verify(suite, keys, x.octet_list("messages"), signature)
    return {"accepted": True}


@operation("bls-ietf.fast-aggregate-verify")
def fast_aggregate_verify(x: Inputs) -> Results:
    """The verdict on a sum of signatures of one message."""
    suite = _suite(x)
    keys = [ietf.public_key_from_bytes(suite, octets) for octets in x.octet_list("public_keys")]
    signature = ietf.signature_from_bytes(suite, x.octets("signature"))
    ietf.fast_aggregate_verify(suite, keys, x.octets("message"), signature)
    return {"accepted": True}


@operation("bls-ietf.pop-prove")
def pop_prove(x: Inputs) -> Results:
    """A proof of possession and its tag."""
    suite = _suite(x)
    proof = ietf.pop_prove(suite, ietf.secret_key_from_bytes(x.E, x.octets("sk")))
    return {"tag": suite.tag("POP").decode(), "proof": proof.to_bytes(Encoding.ZCASH).hex()}


@operation("bls-ietf.pop-verify")
def pop_verify(x: Inputs) -> Results:
    """The verdict on a proof of possession."""
    suite = _suite(x)
    key = ietf.public_key_from_bytes(suite, x.octets("public_key"))
    ietf.pop_verify(suite, key, ietf.signature_from_bytes(suite, x.octets("proof")))
    return {"accepted": True}
