"""Writers agree with a second, hand-made writer; readers return what was written."""

from __future__ import annotations

import random

import pytest

from milagro.errors import IdentityElement
from milagro.groups import Curve, Encoding, curve
from tests.groups.malformed import Sheet


def scalars(E: Curve, count: int, seed: int) -> list[int]:
    source = random.Random(seed)
    return [1, 2, E.order - 1, *(source.randrange(1, E.order) for _ in range(count))]


def test_points_are_written_as_the_second_writer_writes_them(any_curve: Curve) -> None:
    E = any_curve
    for encoding in E.encodings:
        one, two = Sheet(E, "G1", encoding), Sheet(E, "G2", encoding)
        for k in scalars(E, 6, 1):
            P, Q = E.g1 * E.scalar(k), E.g2 * E.scalar(k)
            assert P.to_bytes(encoding) == one.write(*one.affine(P._handle))
            assert Q.to_bytes(encoding) == two.write(*two.affine(Q._handle))


def test_points_are_read_as_they_were_written(any_curve: Curve) -> None:
    E = any_curve
    for encoding in E.encodings:
        for k in scalars(E, 4, 2):
            P, Q = E.g1 * E.scalar(k), E.g2 * E.scalar(k)
            assert E.g1_from_bytes(P.to_bytes(encoding), encoding) == P
            assert E.g1_from_bytes((-P).to_bytes(encoding), encoding) == -P
            assert E.g2_from_bytes(Q.to_bytes(encoding), encoding) == Q
            assert E.g2_from_bytes((-Q).to_bytes(encoding), encoding) == -Q


def test_the_milagro_reader_takes_both_forms(any_curve: Curve) -> None:
    E = any_curve
    P = E.g1 * E.scalar(7)
    for point in (P, -P):
        assert E.g1_from_bytes(point.to_bytes(Encoding.MILAGRO_COMPRESSED), Encoding.MILAGRO) == point


def test_the_identity_has_no_milagro_encoding(any_curve: Curve) -> None:
    E = any_curve
    for encoding in (Encoding.MILAGRO, Encoding.MILAGRO_COMPRESSED):
        for point in (E.g1_identity, E.g2_identity):
            with pytest.raises(IdentityElement):
                point.to_bytes(encoding)
    with pytest.raises(IdentityElement):
        E.g1_identity.coordinates()


def test_lengths(any_curve: Curve) -> None:
    E, n = any_curve, any_curve.field_bytes
    lengths = {
        Encoding.MILAGRO: (2 * n + 1, 4 * n),
        Encoding.MILAGRO_COMPRESSED: (n + 1, 4 * n),
        Encoding.ZCASH: (n, 2 * n),
        Encoding.ZCASH_UNCOMPRESSED: (2 * n, 4 * n),
        Encoding.EIP197: (2 * n, 4 * n),
        Encoding.TAGGED: (n + 1, 2 * n + 1),
    }
    for encoding in E.encodings:
        assert (len(E.g1.to_bytes(encoding)), len(E.g2.to_bytes(encoding))) == lengths[encoding]
    assert len(E.gt_one.to_bytes()) == 12 * n
    assert len(E.gt_one.trace_bytes()) == 4 * n
    assert len(E.scalar(1).to_bytes()) == E.scalar_bytes


def test_bytearray_and_memoryview_are_octets_too(any_curve: Curve) -> None:
    E = any_curve
    octets = E.g1.to_bytes()
    assert E.g1_from_bytes(bytearray(octets)) == E.g1
    assert E.g1_from_bytes(memoryview(octets)) == E.g1


def test_scalars_are_read_with_leading_zeros(any_curve: Curve) -> None:
    E = any_curve
    for k in (0, 1, E.order - 1):
        short, long = E.scalar(k).to_bytes(), E.scalar(k).to_bytes(E.field_bytes)
        assert short == k.to_bytes(E.scalar_bytes, "big")
        assert long == k.to_bytes(E.field_bytes, "big")
        assert E.scalar_from_bytes(short) == E.scalar_from_bytes(long) == E.scalar(k)


def test_the_default_encodings() -> None:
    names = {"BLS12-381": Encoding.ZCASH, "BN_SNARK1": Encoding.EIP197, "BN254CX": Encoding.TAGGED}
    for name, encoding in names.items():
        assert curve(name, backend="reference").default_encoding is encoding


def test_the_generators_of_bls12_381_as_others_write_them() -> None:
    """The compressed generators that every library for BLS12-381 has (ZCash protocol specification, 5.4.9.2)."""
    E = curve("BLS12-381", backend="reference")
    assert E.g1.to_bytes().hex() == (
        "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
    )
    assert E.g2.to_bytes().hex() == (
        "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
    )
    assert E.g1_identity.to_bytes().hex() == "c0" + "00" * 47


def test_the_generators_of_bn_snark1_as_ethereum_writes_them() -> None:
    """The generators of EIP-196 and EIP-197."""
    E = curve("BN_SNARK1", backend="reference")
    assert E.g1.to_bytes().hex() == f"{1:064x}{2:064x}"
    assert E.g2.to_bytes().hex() == (
        "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
        "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
        "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
        "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
    )
