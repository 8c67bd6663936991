"""CIDs: the ones that IPFS has, in one form only."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milagro import cbor
from milagro.cbor import Tag
from milagro.cid import CID, Codec
from milagro.errors import CorruptBlock, EncodingError, MalformedEnvelope, NonCanonical, ParameterError, WrongLength

# Given by `ipfs block put --cid-codec=...` of Kubo 0.43.0.
KNOWN = (
    (b"", Codec.RAW, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
    (b"milagro", Codec.RAW, "bafkreidltz6botl6qfnbdwnxmxd6ltrtst3teuyagnk2mhfgp2yz4zbgcu"),
    (b"\xa0", Codec.DAG_CBOR, "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"),
)


@pytest.mark.parametrize(("content", "codec", "text"), KNOWN)
def test_the_known_ones(content: bytes, codec: Codec, text: str) -> None:
    cid = CID.of(content, codec)
    assert str(cid) == text
    assert CID.from_text(text) == cid
    assert CID.from_bytes(cid.to_bytes()) == cid
    assert CID.from_link(cbor.decode(cbor.encode(cid.link()), tags=(42,))) == cid


@given(st.binary(), st.sampled_from(Codec))
def test_every_form_comes_back(content: bytes, codec: Codec) -> None:
    cid = CID.of(content, codec)
    assert cid.digest == hashlib.sha256(content).digest()
    assert CID.from_text(str(cid)) == CID.from_bytes(cid.to_bytes()) == CID.from_link(cid.link()) == cid
    cid.check(content)
    with pytest.raises(CorruptBlock):
        cid.check(content + b"\0")


TEXT = str(CID.of(b"milagro"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", WrongLength),
        (TEXT[:-1], WrongLength),
        (TEXT + "=", WrongLength),
        (TEXT.upper(), MalformedEnvelope),
        ("B" + TEXT[1:].upper(), MalformedEnvelope),
        ("z" + TEXT[1:], MalformedEnvelope),
        (TEXT[:20] + "1" + TEXT[21:], MalformedEnvelope),
        (TEXT[:20] + "ı" + TEXT[21:], MalformedEnvelope),
        (TEXT[:-1] + "b" if TEXT[-1] in "aeimquy" else TEXT[:-1] + "7", NonCanonical),
        ("QmTkzDwWqPbnAh5YiV5VwcTLnGdwSNsNTn2aDxdXBFca7D", WrongLength),
    ],
)
def test_other_texts_are_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        CID.from_text(text)


OCTETS = CID.of(b"milagro").to_bytes()


@pytest.mark.parametrize(("at", "value"), [(0, 0), (0, 2), (1, 0x70), (1, 0x56), (2, 0x13), (3, 0x1F)])
def test_other_versions_codecs_and_hashes_are_refused(at: int, value: int) -> None:
    octets = bytearray(OCTETS)
    octets[at] = value
    with pytest.raises(MalformedEnvelope):
        CID.from_bytes(bytes(octets))


@pytest.mark.parametrize(
    "value",
    [
        OCTETS,
        str(CID.of(b"")),
        None,
        Tag(41, b"\0" + OCTETS),
        Tag(42, OCTETS),
        Tag(42, b"\1" + OCTETS),
        Tag(42, b"\0" + OCTETS + b"\0"),
        Tag(42, "text"),
    ],
)
def test_other_links_are_refused(value: cbor.Value) -> None:
    with pytest.raises(EncodingError):
        CID.from_link(value)


def test_a_digest_has_32_octets() -> None:
    with pytest.raises(ParameterError):
        CID(Codec.RAW, b"short")
