"""What is fuzzed of CBOR and the envelope: any octets give a value that encodes to them again, or an error of the tree.

Several targets wrap the input first, in an envelope or a chunk that decrypts, so that it gets past the authentication
to the parser behind it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from milagro import cbor
from milagro.errors import MilagroError
from milagro.octets import frame
from milagro.protocols.envelope import (
    BLS,
    Header,
    PrivateKeys,
    PublicKeys,
    Reader,
    ReceiverState,
    SenderState,
    Terms,
    armored,
    dearmored,
    inspect,
    open_envelope,
    seal,
)
from milagro.protocols.envelope.header import header_plaintext, seal_header, split_plaintext
from milagro.protocols.envelope.outer import Outer, preamble
from milagro.protocols.envelope.schedule import Schedule
from milagro.protocols.envelope.stream import ChunkOpener
from tests.fuzz.target import Target, parses, random

KEY, CONTEXT = bytes(range(32)), "fuzz/1"


@cache
def keys() -> PrivateKeys:
    return PrivateKeys.generate(random)


@cache
def reader() -> Reader:
    return Reader([keys().encryption], {keys().signing.public.id: keys().signing.public}, CONTEXT)


@cache
def envelopes() -> tuple[bytes, ...]:
    made = []
    for anonymous in (False, True):
        terms = Terms(CONTEXT, 1, content_type="text/plain", notes={-1: b"n"}, anonymous=anonymous)
        made.append(seal(b"payload", keys().signing, [keys().public.encryption], terms, random))
    return tuple(made)


def check_cbor(octets: bytes) -> None:
    parses(octets, lambda given: cbor.encode(cbor.decode(given, tags={42})))


def check_header(octets: bytes) -> None:
    parses(octets, lambda given: Header.from_bytes(given).to_bytes())


def check_outer(octets: bytes) -> None:
    # Fields that may be passed over are not kept, so only what has none comes back.
    with contextlib.suppress(MilagroError):
        Outer.from_bytes(Outer.from_bytes(octets).to_bytes())


def check_key_files(octets: bytes) -> None:
    parses(octets, lambda given: PublicKeys.from_bytes(given).to_bytes())
    parses(octets, lambda given: PrivateKeys.from_bytes(given).to_bytes())


def check_states(octets: bytes) -> None:
    parses(octets, lambda given: SenderState.from_bytes(given).to_bytes())
    parses(octets, lambda given: ReceiverState.from_bytes(given).to_bytes())


def check_armor(octets: bytes) -> None:
    text = octets.replace(b"\r\n", b"\n")
    parses(text, lambda given: armored(dearmored(given))[: None if given.endswith(b"\n") else -1])


def check_envelope(octets: bytes) -> None:
    for look in (inspect, lambda given: open_envelope(given, reader())):
        with contextlib.suppress(MilagroError):
            look(octets)


def check_header_plaintext(octets: bytes) -> None:
    parses(octets, lambda given: header_plaintext(*split_plaintext(given)))


def check_sealed_header(octets: bytes) -> None:
    """The input as the decrypted header of an envelope, signed or not."""
    envelope = envelopes()[0]
    length = int.from_bytes(envelope[8:12], "big")
    outer = envelope[16 : 16 + length]
    secret = keys().encryption.open_slot(Outer.from_bytes(outer).slots[0].octets)
    for plaintext in (octets[: 1 << 16], header_plaintext(octets[: 1 << 16], bytes(64 + 3309))):
        sealed = seal_header(Schedule(secret, outer).header_key, outer, plaintext)
        with contextlib.suppress(MilagroError):
            open_envelope(preamble(outer, sealed) + outer + sealed + envelope[-100:], reader())


def check_last_chunk(octets: bytes) -> None:
    """The input as what decrypts at the end of a body."""
    chunk = AESGCM(KEY).encrypt(bytes(11) + b"\1", octets[: 1 << 16], None)
    written = bytearray()
    opener = ChunkOpener(KEY, 0, written.extend)
    with contextlib.suppress(MilagroError):
        opener.update(chunk)
        trailer = opener.finish()
        if trailer.length != len(written) or len(written) > len(octets):
            raise AssertionError("more was written than the body holds")


def seeds_of_headers() -> Iterable[bytes]:
    header = Header(keys().signing.public.id, (keys().encryption.id,), CONTEXT, 1, content_type="x", notes={-1: (1,)})
    return [header.to_bytes()]


TARGETS = {
    "cbor": Target(
        check_cbor, lambda: [keys().public.to_bytes(), *seeds_of_headers(), cbor.encode(cbor.Tag(42, b"x"))]
    ),
    "header": Target(check_header, seeds_of_headers),
    "outer": Target(check_outer, lambda: [one[16 : 16 + int.from_bytes(one[8:12], "big")] for one in envelopes()]),
    "key-files": Target(
        check_key_files,
        lambda: [
            keys().public.to_bytes(),
            keys().to_bytes(),
            PrivateKeys.generate(random, BLS).public.to_bytes(),
        ],
    ),
    "states": Target(
        check_states,
        lambda: [SenderState("c").advance(KEY).to_bytes(), ReceiverState(KEY, "c", 1, KEY).to_bytes()],
    ),
    "armor": Target(check_armor, lambda: [armored(b""), armored(bytes(100))]),
    "envelope": Target(check_envelope, envelopes),
    "header-plaintext": Target(
        check_header_plaintext, lambda: [header_plaintext(b"header", b"s"), frame(b"", b"", b"")]
    ),
    "sealed-header": Target(check_sealed_header, seeds_of_headers),
    "last-chunk": Target(check_last_chunk, lambda: [b"payload" + b"\0" + (7).to_bytes(8, "big")]),
}
