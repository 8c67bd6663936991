"""What is sealed comes back, whole and verified, whatever the sizes of payload and pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import ParameterError, WrongLength, WrongRound
from milagro.protocols.envelope import (
    BLS,
    Body,
    EncryptionKey,
    Memory,
    Opening,
    Position,
    PrivateKeys,
    Sealing,
    aggregate,
    inspect,
    open_into,
    padme,
    seal,
    verify_aggregate,
)
from milagro.protocols.envelope.stream import PIECE_OCTETS
from milagro.protocols.envelope.suites import MLKEM768_X25519, MLKEM1024_P384
from tests.protocols.envelope.parties import (
    ALICE,
    ALICE_BLS,
    BOB,
    CAROL,
    CONTEXT,
    EVERYBODY,
    MALLORY,
    NOW,
    octets,
    random_from,
    reader,
    receive,
    send,
    terms,
)

EDGES = (0, 1, 2, 1023, PIECE_OCTETS - 1, PIECE_OCTETS, PIECE_OCTETS + 1, 2 * PIECE_OCTETS, 200 * 1024)


@pytest.mark.parametrize("length", EDGES)
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("anonymous", [True, False])
def test_a_payload_comes_back(length: int, padded: bool, anonymous: bool) -> None:
    payload = octets("payload", length)
    envelope = send(payload, BOB, CAROL, padded=padded, anonymous=anonymous)
    for who in (BOB, CAROL):
        got, opened = receive(envelope, who)
        assert got == payload
        assert opened.length == length
        assert opened.header.sender == ALICE.signing.public.id
        assert (opened.header.context, opened.header.timestamp) == (CONTEXT, NOW)
        assert {BOB.encryption.id, CAROL.encryption.id} <= set(opened.header.recipients)
        assert opened.identifier == inspect(envelope).identifier


@pytest.mark.parametrize("payload", [bytes(5), bytes(PIECE_OCTETS), bytes(200_000), b"a" + bytes(99_999) + b"b\0\0"])
@pytest.mark.parametrize("padded", [True, False])
def test_zeros_of_the_payload_are_not_padding(payload: bytes, padded: bool) -> None:
    assert receive(send(payload, BOB, CAROL, padded=padded))[0] == payload
    assert receive(send(payload, padded=padded))[0] == payload


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 300_000),
    st.lists(st.integers(1, 150_000), min_size=1, max_size=8),
    st.lists(st.integers(1, 150_000), min_size=1, max_size=8),
    st.booleans(),
)
def test_the_pieces_do_not_matter(length: int, written: list[int], read: list[int], signed: bool) -> None:
    payload = octets("pieces", length)
    sealing = Sealing(ALICE.signing, [BOB.public.encryption], terms(signed_body=signed), random_from("pieces"))
    parts = [sealing.head]
    for piece in cut(payload, written):
        parts += sealing.update(piece)
    envelope = b"".join([*parts, *sealing.finish()])
    memory = Memory()
    opened = open_into(cut(envelope, read), reader(), memory)
    assert memory.payload == payload
    assert opened.identifier == sealing.identifier


def cut(whole: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at, turn = [], 0, 0
    while at < len(whole):
        pieces.append(whole[at : at + sizes[turn % len(sizes)]])
        at, turn = at + len(pieces[-1]), turn + 1
    return pieces


def test_single_octets_are_pieces_too() -> None:
    payload = octets("single", 3000)
    sealing = Sealing(ALICE.signing, [BOB.public.encryption], terms(), random_from("single"))
    parts = [sealing.head]
    for at in range(len(payload)):
        parts += sealing.update(payload[at : at + 1])
    memory = Memory()
    open_into((bytes([octet]) for octet in b"".join([*parts, *sealing.finish()])), reader(), memory)
    assert memory.payload == payload


def test_a_reused_buffer_is_not_kept() -> None:
    payload, memory = octets("buffer", 150_000), Memory()
    envelope, buffer, opening = send(payload), bytearray(10_000), Opening(reader(), memory)
    for at in range(0, len(envelope), len(buffer)):
        piece = envelope[at : at + len(buffer)]
        buffer[: len(piece)] = piece
        opening.feed(memoryview(buffer)[: len(piece)])  # type: ignore[arg-type]
        buffer[:] = bytes(len(buffer))
    opening.finish()
    assert memory.payload == payload


def test_the_default_is_a_keyed_body_for_one_and_a_signed_one_for_several() -> None:
    for envelope, body, signatures in (
        (send(b"x"), Body.KEYED, 1),
        (send(b"x", signed_body=True), Body.SIGNED, 2),
        (send(b"x", BOB, CAROL), Body.SIGNED, 2),
        (send(b"x", anonymous=True), Body.SIGNED, 2),
    ):
        opened = receive(envelope)[1]
        assert opened.header.body is body
        assert len(opened.evidence) == signatures
        for evidence in opened.evidence:
            ALICE.signing.public.verify(evidence.signature, evidence.octets)


def test_a_thousand_recipients() -> None:
    random = random_from("thousand")
    keys = [EncryptionKey.generate(random) for _ in range(1000)]
    payload = octets("thousand", 1000)
    envelope = seal(payload, ALICE.signing, [key.public for key in keys], terms(), random)
    for key in (keys[0], keys[499], keys[999]):
        assert receive(envelope, keys=[key])[0] == payload
    assert inspect(envelope).slots == 1000
    anonymous = seal(payload, ALICE.signing, [key.public for key in keys], terms(anonymous=True), random)
    assert receive(anonymous, keys=[keys[123]])[0] == payload
    assert inspect(anonymous).slots == 1024


def test_the_other_suites() -> None:
    strong = PrivateKeys.generate(random_from("strong"), BLS, MLKEM1024_P384)
    envelope = send(b"x", strong, sender=ALICE_BLS)
    payload, opened = receive(envelope, strong)
    assert payload == b"x"
    assert opened.header.sender == ALICE_BLS.signing.public.id
    assert inspect(envelope).suite == MLKEM1024_P384
    with pytest.raises(ParameterError, match="one suite"):
        send(b"x", BOB, strong)


def test_bls_signatures_of_envelopes_add_up() -> None:
    senders = [PrivateKeys.generate(random_from(f"bls {i}"), BLS) for i in range(3)]
    evidence = []
    for sender in senders:
        directory = {sender.signing.public.id: sender.signing.public}
        evidence.append(receive(send(b"vote", sender=sender), senders=directory)[1].evidence[0])
    total = aggregate([one.signature for one in evidence])
    keys = [sender.signing.public for sender in senders]
    verify_aggregate(keys, [one.octets for one in evidence], total)


def test_an_older_key_still_opens() -> None:
    newer = PrivateKeys.generate(random_from("bob, later"))
    assert receive(send(b"x"), keys=[newer.encryption, BOB.encryption])[0] == b"x"
    assert receive(send(b"x", anonymous=True), keys=[newer.encryption, BOB.encryption])[0] == b"x"


def test_everything_in_the_terms_arrives() -> None:
    position = Position("orders", 7, octets("previous", 32))
    said = terms(position=position, content_type="application/cbor", notes={-1: "hello", -70000: (1, b"x")})
    envelope = seal(b"x", ALICE.signing, [BOB.public.encryption], said, random_from("said"))
    header = receive(envelope)[1].header
    assert (header.position, header.content_type) == (position, "application/cbor")
    assert header.notes == {-1: "hello", -70000: (1, b"x")}


def test_the_header_is_known_before_the_payload_and_no_earlier() -> None:
    envelope = send(octets("early", 300_000))
    end = inspect(envelope).head_octets
    opening = Opening(reader(), Memory())
    opening.feed(envelope[: end - 1])
    assert opening.header is None
    opening.feed(envelope[end - 1 : end])
    assert opening.header is not None
    opening.abort()


def test_what_is_over_is_over() -> None:
    sealing = Sealing(ALICE.signing, [BOB.public.encryption], terms(), random_from("over"))
    list(sealing.finish())
    for again in (lambda: sealing.update(b"x"), sealing.finish):
        with pytest.raises(WrongRound):
            again()
    opening = Opening(reader(), Memory())
    opening.feed(send(b"x"))
    opening.finish()
    opening.abort()
    for once_more in (lambda: opening.feed(b""), opening.finish):
        with pytest.raises(WrongRound):
            once_more()


@pytest.mark.parametrize(
    "changes",
    [
        {"context": ""},
        {"context": "x" * 1025},
        {"timestamp": -1},
        {"content_type": ""},
        {"notes": {1: 2}},
        {"notes": {-1: 1.5}},
    ],
)
def test_terms_that_no_envelope_has_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        send(b"x", **changes)


def test_recipients_that_no_envelope_has_are_refused() -> None:
    for keys in ([], [BOB.public.encryption] * 2):
        with pytest.raises(ParameterError):
            seal(b"x", ALICE.signing, keys, terms(), random_from("nobody"))
    with pytest.raises(ParameterError):
        seal(b"x", ALICE.signing, [BOB.public.encryption], terms(), lambda count: bytes(count - 1))


@settings(deadline=None)
@given(st.integers(0, 1 << 50))
def test_padme_costs_at_most_twelve_percent(length: int) -> None:
    padded = padme(length)
    assert length <= padded <= length * 1.12 + 0.5
    assert padme(padded) == padded
    assert len(bin(padded).rstrip("0")) - 2 <= max(2, padded.bit_length().bit_length() + 1)


def test_padding_hides_small_differences_of_length() -> None:
    assert len({len(send(bytes(length))) for length in range(100_000, 100_300)}) == 1
    assert len(send(bytes(100_300), padded=False)) - len(send(bytes(100_000), padded=False)) == 300


def test_an_envelope_opens_with_either_table_of_senders_only_if_the_key_fits_its_id() -> None:
    assert EVERYBODY[ALICE.signing.public.id] == ALICE.signing.public
    assert MALLORY.public.fingerprint != ALICE.public.fingerprint
    with pytest.raises(WrongLength):
        EncryptionKey(MLKEM768_X25519, b"short")
