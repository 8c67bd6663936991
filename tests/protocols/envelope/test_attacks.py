"""What an attacker tries, by name. Each must be refused, and must leave nothing in the sink."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from milagro import cbor
from milagro.cbor import Limits
from milagro.errors import (
    DecryptionFailed,
    EncodingError,
    InvalidSignature,
    MalformedEnvelope,
    MilagroError,
    ParameterError,
    RetiredSuite,
    VerificationError,
    WrongRound,
)
from milagro.octets import frame
from milagro.protocols.envelope import (
    Body,
    EncryptionKey,
    Header,
    Memory,
    Opened,
    Opening,
    Policy,
    PrivateKeys,
    Sealing,
    aggregate,
    inspect,
    open_into,
    verify_aggregate,
)
from milagro.protocols.envelope.header import header_plaintext, open_header, seal_header, split_plaintext
from milagro.protocols.envelope.labels import digest
from milagro.protocols.envelope.outer import Outer, Slot, preamble, read_preamble
from milagro.protocols.envelope.schedule import Schedule, commitment
from milagro.protocols.envelope.sealing import Head, make_head
from milagro.protocols.envelope.signatures import signed_octets
from milagro.protocols.envelope.stream import ChunkSealer, trailer_length
from milagro.protocols.envelope.suites import MLKEM768_X25519
from tests.protocols.envelope.parties import (
    ALICE,
    ALICE_BLS,
    BOB,
    CAROL,
    CONTEXT,
    MALLORY,
    NOW,
    octets,
    random_from,
    reader,
    receive,
    send,
    terms,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET = octets("content secret", 32)


class Watched(Memory):
    """A sink that remembers whether anything was ever written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.aborted = 0

    def write(self, piece: bytes) -> None:
        self.written += len(piece)
        super().write(piece)

    def abort(self) -> None:
        self.aborted += 1
        super().abort()


def refused(
    envelope: bytes, error: type[MilagroError], who: PrivateKeys = BOB, *, before_the_body: bool = True
) -> None:
    sink = Watched()
    with pytest.raises(error) as caught:
        open_into([envelope], reader(who), sink)
    assert type(caught.value) is error
    assert sink.aborted == 1
    assert not (before_the_body and sink.written)
    with pytest.raises(WrongRound):
        _ = sink.payload


class Seen:
    """An envelope as one of its recipients can take it apart: with the content secret."""

    def __init__(self, envelope: bytes, who: PrivateKeys) -> None:
        first, second = read_preamble(envelope[:16])
        self.outer_octets, self.sealed = envelope[16 : 16 + first], envelope[16 + first : 16 + first + second]
        self.body = envelope[16 + first + second :]
        self.outer = Outer.from_bytes(self.outer_octets)
        (slot,) = [slot for slot in self.outer.slots if slot.key_id == who.encryption.id]
        self.secret = who.encryption.open_slot(slot.octets)
        self.schedule = Schedule(self.secret, self.outer_octets)
        self.plaintext = open_header(self.schedule.header_key, self.outer_octets, self.sealed)
        self.header_octets, self.signature = split_plaintext(self.plaintext)

    def behind(self, outer: Outer, header: bytes, signature: bytes, payload: bytes) -> bytes:
        """A new envelope around a header and a signature that exist already."""
        octets, plaintext = outer.to_bytes(), header_plaintext(header, signature)
        schedule = Schedule(self.secret, octets)
        sealed = seal_header(schedule.header_key, octets, plaintext)
        return preamble(octets, sealed) + octets + sealed + chunks(schedule.body_key(plaintext), payload)


def chunks(key: bytes, payload: bytes, trailer: bytes | None = None) -> bytes:
    sealer = ChunkSealer(key, hashed=False)
    parts = sealer.update(payload)
    return b"".join([*parts, *sealer.finish(trailer or trailer_length(len(payload)), padded=False)])


def made(
    header: bytes, *, slots: Sequence[Slot] | None = None, secret: bytes = SECRET, sender: PrivateKeys = ALICE
) -> Head:
    """A head that a dishonest sender makes: any header, any slots."""
    slots = slots or [Slot(BOB.encryption.id, BOB.public.encryption.seal_slot(secret))]
    return make_head(MLKEM768_X25519, secret, slots, header, sender.signing)


def finished(head: Head, payload: bytes = b"x", body: Body = Body.KEYED, sender: PrivateKeys = ALICE) -> bytes:
    sealing = Sealing.behind(head, sender.signing, body)
    return b"".join([sealing.head, *sealing.update(payload), *sealing.finish()])


def fields(**changes: object) -> dict[Any, Any]:
    names = {"sender": 0, "recipients": 1, "context": 2, "timestamp": 3, "body": 4, "position": 5, "content_type": 6}
    good = {0: ALICE.signing.public.id, 1: (BOB.encryption.id,), 2: CONTEXT, 3: NOW, 4: 0}
    return good | {names[name]: value for name, value in changes.items()}


# -- strip and re-sign, forwarding -----------------------------------------------------------------------------------
def test_strip_and_resign_without_opening() -> None:
    """The old format's fault: the signature stood outside. Here there is nothing outside to strip."""
    envelope = send(b"the idea of alice")
    assert ALICE.signing.public.id not in envelope
    assert CONTEXT.encode() not in envelope
    first, second = read_preamble(envelope[:16])
    forged = send(b"y", sender=MALLORY)
    theirs = read_preamble(forged[:16])
    header_of_mallory = forged[16 + theirs[0] : 16 + sum(theirs)]
    refused(
        preamble(envelope[16 : 16 + first], header_of_mallory)
        + envelope[16 : 16 + first]
        + header_of_mallory
        + envelope[16 + first + second :],
        DecryptionFailed,
    )


def test_strip_and_resign_by_a_recipient_shows_the_recipient() -> None:
    """Who can open can say the same again, but only under their own name and with their own signature."""
    seen = Seen(send(b"the idea of alice", BOB, CAROL), BOB)
    header = cbor.decode(seen.header_octets)
    assert isinstance(header, dict)
    stolen = cbor.encode({**header, 0: MALLORY.signing.public.id})
    refused(seen.behind(seen.outer, stolen, seen.signature, b"x"), InvalidSignature, CAROL)


def test_surreptitious_forwarding() -> None:
    """Bob passes Alice's signed header on to Carol, whom Alice did not name."""
    seen = Seen(send(b"I love you"), BOB)
    to_carol = Outer(
        seen.outer.suite,
        seen.outer.commitment,
        (Slot(CAROL.encryption.id, CAROL.public.encryption.seal_slot(seen.secret)),),
    )
    refused(seen.behind(to_carol, seen.header_octets, seen.signature, b"I love you"), InvalidSignature, CAROL)


def test_forwarding_by_a_sender_who_named_others() -> None:
    """A dishonest sender slips an envelope to somebody outside the list of recipients that it signed."""
    keys = [BOB, CAROL]
    slots = sorted(
        (Slot(who.encryption.id, who.public.encryption.seal_slot(SECRET)) for who in keys),
        key=lambda s: s.key_id or b"",
    )
    header = Header(ALICE.signing.public.id, (BOB.encryption.id,), CONTEXT, NOW).to_bytes()
    refused(finished(made(header, slots=slots)), InvalidSignature, CAROL)
    refused(finished(made(header, slots=slots)), InvalidSignature, BOB)


def test_forwarding_in_an_anonymous_envelope() -> None:
    """The slots show no names, so only the signed list of recipients says that Carol is not one."""
    slots = [Slot(None, who.public.encryption.seal_slot(SECRET)) for who in (BOB, CAROL, ALICE, MALLORY)]
    others = [octets(f"throwaway {i}", 32) for i in range(3)]
    ids = tuple(sorted([BOB.encryption.id, *others]))
    header = Header(ALICE.signing.public.id, ids, CONTEXT, NOW, Body.SIGNED).to_bytes()
    envelope = finished(made(header, slots=slots), body=Body.SIGNED)
    assert receive(envelope, BOB)[0] == b"x"
    refused(envelope, InvalidSignature, CAROL)


def test_a_signature_is_worth_nothing_under_another_outer_map() -> None:
    seen = Seen(send(b"x"), BOB)
    again = Outer(
        seen.outer.suite,
        seen.outer.commitment,
        (Slot(BOB.encryption.id, BOB.public.encryption.seal_slot(seen.secret)),),
    )
    refused(seen.behind(again, seen.header_octets, seen.signature, b"x"), InvalidSignature)


def test_another_context() -> None:
    with pytest.raises(InvalidSignature, match="another context"):
        receive(send(b"x", context="milagro-test/1 other"))


def test_an_unknown_sender() -> None:
    with pytest.raises(InvalidSignature, match="whose key was not given"):
        receive(send(b"x"), senders={MALLORY.signing.public.id: MALLORY.signing.public})
    with pytest.raises(InvalidSignature):  # a table that maps the id to another key
        receive(send(b"x"), senders={ALICE.signing.public.id: MALLORY.signing.public})


@pytest.mark.parametrize("part", ["classical", "lattice"])
def test_one_half_of_a_hybrid_signature_is_not_enough(part: str) -> None:
    signed = signed_octets(ALICE.signing.suite, "test")
    good, other = ALICE.signing.sign(signed), MALLORY.signing.sign(signed)
    mixed = good[:64] + other[64:] if part == "classical" else other[:64] + good[64:]
    ALICE.signing.public.verify(good, signed)
    for bad in (mixed, good[:64], good[64:], b""):
        with pytest.raises(InvalidSignature):
            ALICE.signing.public.verify(bad, signed)


def test_an_aggregate_with_one_wrong_signature() -> None:
    messages = [b"one", b"two"]
    signatures = [ALICE_BLS.signing.sign(message) for message in messages]
    keys = [ALICE_BLS.signing.public] * 2
    verify_aggregate(keys, messages, aggregate(signatures))
    for wrong in (aggregate(signatures[:1]), b"", bytes(96)):
        with pytest.raises(InvalidSignature):
            verify_aggregate(keys, messages, wrong)
    with pytest.raises(InvalidSignature):
        verify_aggregate([ALICE.signing.public], [b"one"], signatures[0])


# -- insiders and key commitment -------------------------------------------------------------------------------------
def test_a_recipient_cannot_replace_the_body_for_the_others() -> None:
    """Bob has the body key. With several recipients the body is signed, so Carol notices."""
    seen = Seen(send(b"pay 10 to bob", BOB, CAROL), BOB)
    head = preamble(seen.outer_octets, seen.sealed) + seen.outer_octets + seen.sealed
    forged = trailer_length(14) + bytes(64 + 3309)
    body = chunks(seen.schedule.body_key(seen.plaintext), b"pay 99 to bob!", forged)
    refused(head + body, InvalidSignature, CAROL, before_the_body=False)


def test_a_signature_over_another_body_of_the_same_sender() -> None:
    one, two = Seen(send(b"one", BOB, CAROL), BOB), Seen(send(b"two", BOB, CAROL, seed="two"), BOB)
    old = trailer_of(two)
    head = preamble(one.outer_octets, one.sealed) + one.outer_octets + one.sealed
    refused(
        head + chunks(one.schedule.body_key(one.plaintext), b"two", old), InvalidSignature, CAROL, before_the_body=False
    )


def trailer_of(seen: Seen) -> bytes:
    plain = AESGCM(seen.schedule.body_key(seen.plaintext)).decrypt(bytes(11) + b"\1", seen.body, None)
    return plain[-(8 + 64 + 3309) :]


def test_a_keyed_body_with_several_recipients() -> None:
    ids = sorted([BOB.encryption.id, CAROL.encryption.id])
    keys = {who.encryption.id: who for who in (BOB, CAROL)}
    slots = [Slot(key_id, keys[key_id].public.encryption.seal_slot(SECRET)) for key_id in ids]
    header = cbor.encode(fields(recipients=tuple(ids)))
    refused(finished(made(header, slots=slots)), MalformedEnvelope)
    with pytest.raises(ParameterError):
        Header(ALICE.signing.public.id, tuple(ids), CONTEXT, NOW)


def test_two_recipients_with_two_secrets() -> None:
    """Invisible salamanders: AES-GCM does not commit to its key, the outer map does."""
    ids = sorted([BOB.encryption.id, CAROL.encryption.id])
    secrets = {BOB.encryption.id: SECRET, CAROL.encryption.id: octets("another secret", 32)}
    keys = {who.encryption.id: who.public.encryption for who in (BOB, CAROL)}
    slots = [Slot(key_id, keys[key_id].seal_slot(secrets[key_id])) for key_id in ids]
    header = Header(ALICE.signing.public.id, tuple(ids), CONTEXT, NOW, Body.SIGNED).to_bytes()
    envelope = finished(made(header, slots=slots), body=Body.SIGNED)
    assert receive(envelope, BOB)[0] == b"x"
    refused(envelope, DecryptionFailed, CAROL)


def test_a_commitment_to_another_secret() -> None:
    slots = (Slot(BOB.encryption.id, BOB.public.encryption.seal_slot(SECRET)),)
    outer = Outer(MLKEM768_X25519, commitment(MLKEM768_X25519, bytes(32)), slots).to_bytes()
    schedule = Schedule(SECRET, outer)
    header = Header(ALICE.signing.public.id, (BOB.encryption.id,), CONTEXT, NOW).to_bytes()
    signature = ALICE.signing.sign(signed_octets(ALICE.signing.suite, "header", digest(outer), header))
    plaintext = header_plaintext(header, signature)
    sealed = seal_header(schedule.header_key, outer, plaintext)
    body = chunks(schedule.body_key(plaintext), b"x")
    refused(preamble(outer, sealed) + outer + sealed + body, DecryptionFailed)


def test_a_slot_with_a_secret_of_another_length() -> None:
    slots = (Slot(BOB.encryption.id, BOB.public.encryption.seal_slot(SECRET)),)
    with pytest.raises(MalformedEnvelope):
        Outer(MLKEM768_X25519, bytes(32), (Slot(BOB.encryption.id, slots[0].octets + b"\0"),))
    with pytest.raises(ParameterError):
        Schedule(SECRET + b"\0", b"")


# -- outsiders -------------------------------------------------------------------------------------------------------
def test_a_recipient_who_is_not_named() -> None:
    for anonymous in (True, False):
        refused(send(b"x", BOB, CAROL, anonymous=anonymous), DecryptionFailed, MALLORY)
    with pytest.raises(DecryptionFailed):
        receive(send(b"x"), keys=[])


def test_an_anonymous_envelope_shows_nobody_who_could_open_it() -> None:
    for count, to in enumerate([(BOB,), (BOB, CAROL), (BOB, CAROL, ALICE), (BOB, CAROL, ALICE, MALLORY)]):
        envelope = send(b"x", *to, anonymous=True, seed=f"anonymous {count}")
        outline = inspect(envelope)
        assert outline.anonymous
        assert outline.key_ids == ()
        assert outline.slots == 4
        for who in (ALICE, BOB, CAROL, MALLORY):
            assert who.encryption.id not in envelope
            assert who.public.encryption.octets[:32] not in envelope
            assert who.public.encryption.octets[-32:] not in envelope
    lengths = {len(send(b"x", *to, anonymous=True)) for to in [(BOB,), (BOB, CAROL), (ALICE, BOB, CAROL)]}
    assert len(lengths) == 1


def test_the_failure_of_an_outsider_is_the_same_whoever_the_envelope_is_for() -> None:
    messages = set()
    for to in ((BOB,), (CAROL,), (BOB, CAROL)):
        with pytest.raises(DecryptionFailed) as caught:
            receive(send(b"x", *to, anonymous=True), MALLORY)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_the_slots_of_an_anonymous_envelope_stand_in_random_order() -> None:
    """The order of the key ids would say something of them. Four recipients, so that no throwaway key moves them."""
    places = set()
    for i in range(16):
        slots = outer_of(send(b"x", BOB, CAROL, ALICE, MALLORY, anonymous=True, seed=f"order {i}")).slots
        places.add(tuple(place for place, slot in enumerate(slots) if opens(BOB, slot)))
    assert len(places) > 1


def opens(who: PrivateKeys, slot: Slot) -> bool:
    try:
        who.encryption.open_slot(slot.octets)
    except DecryptionFailed:
        return False
    return True


def outer_of(envelope: bytes) -> Outer:
    return Outer.from_bytes(envelope[16 : 16 + read_preamble(envelope[:16])[0]])


# -- the body --------------------------------------------------------------------------------------------------------
def body_of(envelope: bytes) -> tuple[bytes, list[bytes]]:
    end = inspect(envelope).head_octets
    size = 65536 + 16
    return envelope[:end], [envelope[at : at + size] for at in range(end, len(envelope), size)]


def test_chunks_moved_repeated_or_left_out() -> None:
    head, (one, two, three, last) = body_of(send(octets("chunks", 3 * 65536 + 100), padded=False))
    for order in (
        (two, one, three, last),
        (one, one, two, three, last),
        (one, three, last),
        (one, two, three),
        (last,),
        (one, two, last, three),
        (one, two, three, last, last),
        (one, two, three, three, last),
        (),
    ):
        refused(head + b"".join(order), DecryptionFailed, before_the_body=False)


def test_chunks_of_another_envelope() -> None:
    payload = octets("chunks", 70000)
    (first, ones), (_, twos) = body_of(send(payload)), body_of(send(payload, seed="other"))
    refused(first + ones[0] + twos[1], DecryptionFailed, before_the_body=False)
    refused(first + b"".join(twos), DecryptionFailed)


def test_nothing_that_was_written_can_be_read_when_the_end_is_cut() -> None:
    envelope, sink = send(octets("cut", 300_000)), Watched()
    opening = Opening(reader(), sink)
    opening.feed(envelope[:-1])
    assert sink.written > 0
    with pytest.raises(WrongRound):
        _ = sink.payload
    with pytest.raises(DecryptionFailed):
        opening.finish()
    with pytest.raises(WrongRound):
        _ = sink.payload


def test_a_source_that_fails_aborts_the_sink() -> None:
    envelope, sink = send(octets("cut", 300_000)), Watched()

    def pieces() -> object:
        yield envelope[:200_000]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        open_into(pieces(), reader(), sink)
    assert sink.aborted == 1


@pytest.mark.parametrize("length", [0, 1, 11, 13, 1 << 62, (1 << 64) - 1])
def test_a_false_length_in_the_last_chunk(length: int) -> None:
    head = made(cbor.encode(fields()))
    body = chunks(head.schedule.body_key(head.plaintext), b"twelve bytes", trailer_length(length))
    refused(head.octets + body, MalformedEnvelope, before_the_body=False)


def test_padding_that_is_not_zero() -> None:
    head = made(cbor.encode(fields()))
    body = chunks(head.schedule.body_key(head.plaintext), bytes(1000) + b"\1" + bytes(23), trailer_length(1000))
    refused(head.octets + body, MalformedEnvelope, before_the_body=False)
    good = chunks(head.schedule.body_key(head.plaintext), bytes(1024), trailer_length(1010))
    assert receive(head.octets + good)[0] == bytes(1010)


# -- header, outer map, suites ---------------------------------------------------------------------------------------
def test_critical_fields_that_are_not_known() -> None:
    for key in (7, 1000, "name", b""):
        refused(finished(made(cbor.encode({**fields(), key: 1}))), MalformedEnvelope)
    assert receive(finished(made(cbor.encode({**fields(), -5: 1}))))[1].header.notes == {-5: 1}


@pytest.mark.parametrize(
    "change",
    [
        {"sender": b"short"},
        {"recipients": ()},
        {"recipients": (b"short",)},
        {"recipients": ("text",)},
        {"recipients": (BOB.encryption.id,) * 2},
        {"context": ""},
        {"context": b"octets"},
        {"timestamp": -1},
        {"timestamp": 1 << 63},
        {"timestamp": True},
        {"body": 2},
        {"position": ("c", 0)},
        {"position": ("c", 1, bytes(32))},
        {"position": ("c", 0, b"\1" * 32)},
        {"position": ("", 0, bytes(32))},
        {"position": ("c", True, b"\1" * 32)},
        {"content_type": ""},
    ],
    ids=str,
)
def test_headers_that_are_none(change: dict[str, object]) -> None:
    refused(finished(made(cbor.encode(fields(**change)))), MalformedEnvelope)


@pytest.mark.parametrize("key", range(5))
def test_a_header_without_a_field(key: int) -> None:
    rest = {name: value for name, value in fields().items() if name != key}
    refused(finished(made(cbor.encode(rest))), MalformedEnvelope)


def test_a_header_padded_in_another_way() -> None:
    slots = (Slot(BOB.encryption.id, BOB.public.encryption.seal_slot(SECRET)),)
    outer = Outer(MLKEM768_X25519, commitment(MLKEM768_X25519, SECRET), slots).to_bytes()
    header, schedule = cbor.encode(fields()), Schedule(SECRET, outer)
    signature = ALICE.signing.sign(signed_octets(ALICE.signing.suite, "header", digest(outer), header))
    for plaintext in (frame(header, signature, bytes(99)), frame(header, signature), frame(header), b"\xff" * 20):
        sealed = seal_header(schedule.header_key, outer, plaintext)
        body = chunks(schedule.body_key(plaintext), b"x")
        refused(preamble(outer, sealed) + outer + sealed + body, MalformedEnvelope)


def test_outer_maps_that_are_none() -> None:
    slot = BOB.public.encryption.seal_slot(SECRET)
    good = {0: MLKEM768_X25519, 1: bytes(32), 2: ((BOB.encryption.id, slot),)}
    limits = Limits(1 << 23, 1 << 16, 8)
    assert Outer.from_bytes(cbor.encode(good, limits)).slots[0].octets == slot
    named = (BOB.encryption.id, slot)
    for change in (
        {0: "SIKE-P751.1"},
        {0: ""},
        {1: bytes(31)},
        {2: ()},
        {2: (named, named)},
        {2: (named, slot)},
        {2: (slot,)},
        {2: (slot,) * 3},
        {2: (slot,) * 6},
        {2: ((BOB.encryption.id, slot[:-1]),)},
        {2: ((b"short", slot),)},
        {2: ((*named, 1),)},
        {2: (7,)},
        {3: 0},
        {"x": 0},
    ):
        with pytest.raises(MalformedEnvelope):
            Outer.from_bytes(cbor.encode({**good, **change}, limits))
    assert Outer.from_bytes(cbor.encode({**good, -1: 0}, limits))


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"MLGENV",
        b"MLGENV\0\1" + bytes(7),
        b"MLGENV\0\2" + b"\0\0\0\1" + b"\0\0\0\x20",
        b"MLGENW\0\1" + b"\0\0\0\1" + b"\0\0\0\x20",
        b"MLGENV\0\1" + bytes(8),
        b"MLGENV\0\1" + b"\0\0\0\1" + b"\0\0\0\x10",
        b"MLGENV\0\1" + b"\xff" * 8,
        b"MLGENV\0\1" + b"\0\0\0\1" + b"\0\x10\0\1",
        b"MLGENV\0\1" + b"\0\0\0\1" + b"\0\0\0\x20",
    ],
)
def test_first_octets_that_are_none(first: bytes) -> None:
    refused(first, MalformedEnvelope)
    with pytest.raises(MalformedEnvelope):
        inspect(first)


def test_a_retired_suite_opens_on_demand_only_and_never_seals() -> None:
    envelope, today = send(b"old"), frozenset({MLKEM768_X25519})
    with pytest.raises(RetiredSuite):
        receive(envelope, policy=Policy(retired=today))
    assert receive(envelope, policy=Policy(retired=today, allow_retired=True))[0] == b"old"
    assert inspect(envelope, Policy(retired=today)).retired
    assert not inspect(envelope).retired
    for policy in (Policy(retired=today), Policy(retired=today, allow_retired=True)):
        with pytest.raises(RetiredSuite):
            Sealing(ALICE.signing, [BOB.public.encryption], terms(), random_from("retired"), policy)


# -- keys ------------------------------------------------------------------------------------------------------------
def test_private_keys_show_nothing_and_are_not_pickled() -> None:
    schedule = Schedule(SECRET, b"")
    for secret in (ALICE, ALICE.signing, ALICE_BLS.signing, ALICE.encryption, schedule):
        assert repr(secret) == f"<{type(secret).__name__}, redacted>"
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(ParameterError):
                attempt(secret)
        with pytest.raises(TypeError):
            hash(secret)
    assert ALICE.encryption != EncryptionKey(ALICE.encryption.suite, ALICE.encryption.to_bytes())


def test_the_answer_to_every_refusal_is_in_the_tree() -> None:
    assert issubclass(RetiredSuite, ParameterError)
    assert issubclass(DecryptionFailed, VerificationError)
    assert issubclass(MalformedEnvelope, EncodingError)
    assert Opened.__dataclass_params__.frozen  # type: ignore[attr-defined]
