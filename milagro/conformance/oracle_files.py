"""Checks of the oracle files: one run of every v1 protocol on one curve, for one or more hashes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property, partial

from milagro.conformance.case import Case
from milagro.conformance.env import Octets, status
from milagro.conformance.literals import integer, text
from milagro.errors import EncodingError, InvalidSignature
from milagro.groups import Curve, Encoding, G1Point, Scalar
from milagro.protocols import wcc
from milagro.protocols.bls import original as bls
from milagro.protocols.mpin.v1 import client, dvs, full, hashing, issuing, pin_error, server, signature
from milagro.protocols.original_hash import HASHES, HashName, numbered_hash

IDENTITY, PEER = b"alice@milagro.com", b"bob@milagro.com"
PIN, BAD_PIN, BAD_PERMIT_PIN = 1234, 1300, 7
DATE, TIME = 17072, 1475079474
MESSAGE = b"sign this message"
BLS_MESSAGE, BLS_OTHER = b"test message", b"another message"
BAD_SIGNATURE, BAD_G1 = 41, 42
MAP_INPUT = re.compile(r"map_in_([0-9]{1,3})")
_MULTIPLIER, _INCREMENT = 1664525, 1013904223  # the congruential generator of Numerical Recipes, modulo 2^32
_SEED_STEP, _SEED_OFFSET, _FIRST_SEED = 2654435761, 12345, 100


def hashes(names: list[str]) -> list[HashName]:
    """The hashes that a file has runs for, by the prefixes of its fields."""
    return [name for name in HASHES if any(field.startswith(f"{name}_") for field in names)]


def map_input(k: int, length: int) -> bytes:
    """The k-th input of the original maps in files of this kind: the top octets of a congruential generator."""
    state = ((_FIRST_SEED + k) * _SEED_STEP + _SEED_OFFSET) % 2**32
    result = bytearray()
    for _ in range(length):
        state = (_MULTIPLIER * state + _INCREMENT) % 2**32
        result.append(state >> 24)
    return bytes(result)


def check_general(case: Case, curve: Curve) -> None:
    """The fields that do not depend on a hash: generators, maps, BLS."""
    o = Octets(curve, case)
    case.require("bls_sk", "map_in_0")
    names = (curve.name, *curve.params.aliases)
    case.check("curve", lambda value: names[0] if text(value) in names else text(value), lambda: names[0])
    o.expect("pair_gen", lambda: curve.pairing(curve.g1, curve.g2).to_bytes())
    o.expect("g1_compressed", lambda: curve.g1.to_bytes(Encoding.MILAGRO_COMPRESSED))
    _maps(case, o)
    _bls(case, o)


def _maps(case: Case, o: Octets) -> None:
    inputs = [found[1] for found in map(MAP_INPUT.fullmatch, case.fields) if found]
    usual = [k for k in inputs if _text_of(case, k) == map_input(int(k), o.curve.field_bytes).hex()]
    for k in inputs:
        # Neighbours of an input lead to the same point, so the maps alone do not pin its last digit.
        if 2 * len(usual) >= len(inputs):
            o.expect(f"map_in_{k}", lambda k=k: map_input(int(k), o.curve.field_bytes))  # type: ignore[misc]
        o.expect_point(f"map1_{k}", lambda k=k: o.curve.map_to_g1_original(o.raw(f"map_in_{k}")))  # type: ignore[misc]
        o.expect_point(f"map2_{k}", lambda k=k: o.curve.map_to_g2_original(o.raw(f"map_in_{k}")))  # type: ignore[misc]


def _text_of(case: Case, k: str) -> str:
    value = case.fields[f"map_in_{k}"].value
    return value.lower() if isinstance(value, str) else ""


def _bls(case: Case, o: Octets) -> None:
    def verify(message: bytes, spoil: bool = False) -> int:
        key = bls.public_key_from_bytes(o.curve, o.raw("bls_pk"))
        sig = o.raw("bls_sig")
        try:
            bls.verify(o.curve, key, message, bls.signature_from_bytes(o.curve, b"\x05" + sig[1:] if spoil else sig))
        except EncodingError:
            return BAD_G1
        except InvalidSignature:
            return BAD_SIGNATURE
        return 0

    o.expect("bls_pk", lambda: bls.public_key(o.curve, o.scalar("bls_sk")).to_bytes(bls.PUBLIC_KEY_ENCODING))
    o.expect("bls_sig", lambda: bls.sign(o.curve, o.scalar("bls_sk"), BLS_MESSAGE).to_bytes(bls.SIGNATURE_ENCODING))
    case.check("bls_rc", integer, lambda: verify(BLS_MESSAGE))
    case.check("bls_bad", integer, lambda: verify(BLS_OTHER))
    case.check("bls_badenc", integer, lambda: verify(BLS_MESSAGE, spoil=True))


class Run:
    """All runs of one file for one hash, between the same parties with the same random scalars."""

    def __init__(self, case: Case, curve: Curve, hash_name: HashName) -> None:
        self.case, self.curve, self.hash_name = case, curve, hash_name
        self.o = Octets(curve, case, f"{hash_name}_", hash_name)

    def check(self) -> None:
        """Every field of this hash."""
        self.case.require(*(self.o.prefix + name for name in ("ms1", "ms2", "x", "y", "r", "w", "dvs_z")))
        for part in (self.issuing, self.two_pass, self.permits, self.wrong_pin, self.one_pass, self.dvs, self.wcc):
            part()

    def code(self, name: str, compute: Callable[[], int]) -> None:
        """Compare a status code or another whole number."""
        self.case.check(self.o.prefix + name, integer, compute)

    @cached_property
    def hashed(self) -> bytes:
        """HID of the client."""
        return hashing.hashed_identity(self.curve, IDENTITY, hash_name=self.hash_name)

    def issuing(self) -> None:
        """Shares, sums, token and permit."""
        E, o = self.curve, self.o
        o.expect("hid", lambda: hashing.hashed_identity(E, IDENTITY, hash_name=self.hash_name))
        o.expect_point(
            "ss", lambda: issuing.recombine_g2([issuing.server_secret(E, o.scalar(k)) for k in ("ms1", "ms2")])
        )
        o.expect_point(
            "cs",
            lambda: issuing.recombine_g1([issuing.client_secret(E, o.scalar(k), o.raw("hid")) for k in ("ms1", "ms2")]),
        )
        o.expect_point("token", lambda: client.extract_pin(E, o.g1("cs"), IDENTITY, PIN, hash_name=self.hash_name))
        o.expect_point(
            "tp",
            lambda: issuing.recombine_g1(
                [
                    issuing.time_permit(E, o.scalar(k), o.raw("hid"), DATE, hash_name=self.hash_name)
                    for k in ("ms1", "ms2")
                ]
            ),
        )

    def sec(self, pin: int, permit: bool) -> G1Point:
        """The client's combined secret for an entered PIN."""
        time_permit = self.o.g1("tp") if permit else None
        return client.combined_secret(
            self.curve, IDENTITY, self.o.g1("token"), pin, time_permit, hash_name=self.hash_name
        )

    def commitment(self, permit: bool) -> client.Commitment:
        """The commitment as it stands in the file."""
        return client.Commitment(self.o.g1("u"), self.o.g1("tp_ut") if permit else None)

    def serve(self, v: G1Point, date: int, evidence: bool = False) -> None:
        """The server's verdict on `v`."""
        o = self.o
        state = server.ServerTwoPass.start(
            self.curve,
            o.g2("ss"),
            IDENTITY,
            self.commitment(date != 0),
            o.scalar("y"),
            date=date,
            hash_name=self.hash_name,
        )
        state.verify(v, evidence=evidence)

    def two_pass(self) -> None:
        """The good run without permits, and the FULL exchange on it."""
        E, o = self.curve, self.o
        o.expect_point("HID", lambda: hashing.identity_point(E, o.raw("hid")))
        o.expect_point("u", lambda: client.commit(E, IDENTITY, o.scalar("x"), hash_name=self.hash_name).for_date(0))
        o.expect_point("v", lambda: client.response(o.scalar("x"), o.scalar("y"), self.sec(PIN, permit=False)))
        self.code("rc", lambda: status(lambda: self.serve(o.g1("v"), 0)))
        for name in ("g1", "g2"):
            o.expect(name, partial(self.precomputed, name))
        o.expect_point("Z", lambda: full.exchange_point(E, IDENTITY, o.scalar("r"), hash_name=self.hash_name))
        o.expect_point("T", lambda: full.exchange_point(E, IDENTITY, o.scalar("w"), hash_name=self.hash_name))
        o.expect("hm", lambda: self.transcript("v", "T", permit=False))
        self.session_keys("", permit=False)

    def precomputed(self, name: str) -> bytes:
        """One of the two values that a FULL client keeps."""
        values = full.precompute(self.curve, self.o.g1("token"), IDENTITY, hash_name=self.hash_name)
        return (values.g1 if name == "g1" else values.g2).to_bytes()

    def transcript(self, v: str, w_point: str, permit: bool) -> bytes:
        """HASH_ALL of a run."""
        o = self.o
        return hashing.transcript_hash(
            self.curve,
            o.raw("hid"),
            commitment=o.g1("tp_ut" if permit else "u"),
            v=o.g1(v),
            y=o.scalar("y"),
            r_point=o.g1("Z"),
            w_point=o.g1(w_point),
            hash_name=self.hash_name,
        )

    def session_keys(self, prefix: str, permit: bool) -> None:
        """The client's key and the server's key of a FULL run."""
        E, o = self.curve, self.o

        def transcript() -> bytes:
            return self.transcript(f"{prefix}v", f"{prefix}T", permit)

        def client_key() -> bytes:
            precomputed = full.Precomputed(E.gt_from_bytes(o.raw("g1")), E.gt_from_bytes(o.raw("g2")))
            return full.client_session_key(
                E,
                precomputed,
                PIN,
                r=o.scalar("r"),
                x=o.scalar("x"),
                transcript=transcript(),
                w_point=o.g1(f"{prefix}T"),
                hash_name=self.hash_name,
            )

        def server_key() -> bytes:
            return full.server_session_key(
                E,
                o.g2("ss"),
                IDENTITY,
                r_point=o.g1("Z"),
                w=o.scalar("w"),
                commitment=o.g1("tp_ut" if permit else "u"),
                transcript=transcript(),
                hash_name=self.hash_name,
            )

        o.expect(f"{prefix}ck", client_key)
        o.expect(f"{prefix}sk", server_key)

    def permits(self) -> None:
        """The good run with permits, and the FULL exchange on it."""
        E, o = self.curve, self.o
        o.expect_point("tp_HTID", lambda: hashing.dated_point(E, IDENTITY, DATE, hash_name=self.hash_name))
        o.expect_point(
            "tp_ut", lambda: client.commit(E, IDENTITY, o.scalar("x"), DATE, hash_name=self.hash_name).for_date(DATE)
        )
        o.expect_point("tp_sec", lambda: self.sec(PIN, permit=True))
        o.expect_point("tp_v", lambda: client.response(o.scalar("x"), o.scalar("y"), o.g1("tp_sec")))
        self.code("tp_rc", lambda: status(lambda: self.serve(o.g1("tp_v"), DATE)))
        o.expect_point("tp_T", lambda: full.exchange_point(E, IDENTITY, o.scalar("w"), DATE, hash_name=self.hash_name))
        self.session_keys("tp_", permit=True)

    def rejected(self, v: Callable[[], G1Point], date: int) -> server.ProofRejected | None:
        """What the server learns from a rejected run, or None if it accepts."""
        try:
            self.serve(v(), date, evidence=True)
        except server.ProofRejected as rejection:
            return rejection
        return None

    def wrong_pin(self) -> None:
        """Runs with a wrong PIN or on a wrong day, and what the server sees of them."""
        E, o = self.curve, self.o

        def difference(rejection: server.ProofRejected | None) -> int:
            return pin_error.pin_error(E, rejection.e, rejection.f) if rejection else 0

        def search(prefix: str) -> int:
            return pin_error.pin_error(E, E.gt_from_bytes(o.raw(f"{prefix}E")), E.gt_from_bytes(o.raw(f"{prefix}F")))

        for prefix, pin, date in (("bad_", BAD_PIN, 0), ("bad_tp_", BAD_PERMIT_PIN, DATE)):

            def v(pin: int = pin, date: int = date) -> G1Point:
                return client.response(o.scalar("x"), o.scalar("y"), self.sec(pin, permit=date != 0))

            def part(which: str, v: Callable[[], G1Point] = v, date: int = date) -> bytes:
                rejection = self.rejected(v, date)
                return getattr(rejection, which).to_bytes() if rejection else b""

            o.expect(f"{prefix}E", lambda part=part: part("e"))  # type: ignore[misc]
            o.expect(f"{prefix}F", lambda part=part: part("f"))  # type: ignore[misc]
            self.code(f"{prefix}rc", lambda v=v, date=date: status(lambda: self.serve(v(), date)))  # type: ignore[misc]
            self.code(f"{prefix}err", lambda prefix=prefix: search(prefix))  # type: ignore[misc]
        self.code("expired_rc", lambda: status(lambda: self.serve(o.g1("tp_v"), DATE + 1)))
        self.code("expired_err", lambda: difference(self.rejected(lambda: o.g1("tp_v"), DATE + 1)))

    def one_pass(self) -> None:
        """One message with and without permits, and one that is late."""
        self._one_pass("op_", MESSAGE, DATE)
        self._one_pass("op0_", b"", 0)
        self.code("op0_late_rc", lambda: self._one_pass_status("op0_", b"", 0, TIME + 1))

    def _one_pass(self, prefix: str, message: bytes, date: int) -> None:
        E, o = self.curve, self.o
        o.expect_scalar(
            f"{prefix}y",
            lambda: hashing.time_challenge(E, TIME, o.g1("tp_ut" if date else "u"), message, hash_name=self.hash_name),
        )
        o.expect_point(
            f"{prefix}v",
            lambda: client.response(o.scalar("x"), o.scalar(f"{prefix}y"), self.sec(PIN, permit=date != 0)),
        )
        self.code(f"{prefix}rc", lambda: self._one_pass_status(prefix, message, date, TIME))

    def _one_pass_status(self, prefix: str, message: bytes, date: int, time: int) -> int:
        o = self.o
        sent = client.OnePass(self.commitment(date != 0), o.g1(f"{prefix}v"), time)
        return status(
            lambda: server.verify_one_pass(
                self.curve, o.g2("ss"), IDENTITY, sent, message=message, date=date, hash_name=self.hash_name
            )
        )

    def dvs(self) -> None:
        """The client-key mode."""
        E, o = self.curve, self.o

        def identity() -> bytes:
            return IDENTITY + o.raw("dvs_pa")

        def secret() -> G1Point:
            hashed = hashing.hashed_identity(E, identity(), hash_name=self.hash_name)
            shares = [issuing.client_secret(E, o.scalar(k), hashed) for k in ("ms1", "ms2")]
            return dvs.client_key_secret(o.scalar("dvs_z"), issuing.recombine_g1(shares))

        def message() -> bytes:
            return numbered_hash(E, 0, MESSAGE, hash_name=self.hash_name)

        def verify(with_key: bool) -> int:
            sent = client.OnePass(client.Commitment(o.g1("dvs_u")), o.g1("dvs_v"), TIME)
            return status(
                lambda: server.verify_one_pass(
                    E,
                    o.g2("ss"),
                    identity(),
                    sent,
                    message=message(),
                    client_key=o.g2("dvs_pa") if with_key else None,
                    hash_name=self.hash_name,
                )
            )

        o.expect_point("dvs_pa", lambda: dvs.client_public_key(E, o.scalar("dvs_z")))
        o.expect_point("dvs_zcs", secret)
        o.expect_point(
            "dvs_token", lambda: client.extract_pin(E, o.g1("dvs_zcs"), identity(), PIN, hash_name=self.hash_name)
        )
        o.expect_point(
            "dvs_u", lambda: client.commit(E, identity(), o.scalar("x"), hash_name=self.hash_name).for_date(0)
        )
        o.expect_scalar(
            "dvs_y", lambda: hashing.time_challenge(E, TIME, o.g1("dvs_u"), message(), hash_name=self.hash_name)
        )
        o.expect_point(
            "dvs_v",
            lambda: (
                signature.sign(
                    E,
                    identity(),
                    o.g1("dvs_token"),
                    PIN,
                    x=o.scalar("x"),
                    time=TIME,
                    message=MESSAGE,
                    hash_name=self.hash_name,
                ).v
            ),
        )
        self.code("dvs_rc", lambda: verify(with_key=True))
        self.code("dvs_nopa_rc", lambda: verify(with_key=False))

    def wcc(self) -> None:
        """The Chow-Choo exchange, with the first master secret."""
        E, o, name = self.curve, self.o, self.hash_name

        def transcript() -> wcc.Transcript:
            return wcc.Transcript(E, IDENTITY, PEER, o.g1("wcc_pag1"), o.g2("wcc_pbg2"), o.g1("wcc_pgg1"), name)

        def master() -> Scalar:
            return o.scalar("ms1")

        o.expect_point("wcc_ak", lambda: wcc.sender_key(E, master(), wcc.hashed_identity(E, IDENTITY, hash_name=name)))
        o.expect_point("wcc_bk", lambda: wcc.receiver_key(E, master(), wcc.hashed_identity(E, PEER, hash_name=name)))
        o.expect_point("wcc_pag1", lambda: wcc.commitment_g1(E, IDENTITY, o.scalar("x"), hash_name=name))
        o.expect_point("wcc_pbg2", lambda: wcc.commitment_g2(E, PEER, o.scalar("y"), hash_name=name))
        o.expect_point("wcc_pgg1", lambda: wcc.commitment_g1(E, IDENTITY, o.scalar("w"), hash_name=name))
        o.expect_scalar("wcc_pia", lambda: transcript().pia)
        o.expect_scalar("wcc_pib", lambda: transcript().pib)
        o.expect("wcc_k1", lambda: wcc.sender_session_key(transcript(), o.scalar("x"), o.g1("wcc_ak")))
        o.expect("wcc_k2", lambda: wcc.receiver_session_key(transcript(), o.scalar("y"), o.scalar("w"), o.g2("wcc_bk")))
        self.code("wcc_rc1", lambda: status(lambda: (o.g1("wcc_pag1"), o.g2("wcc_pbg2"), o.g1("wcc_pgg1"))))
        self.code("wcc_rc2", lambda: status(lambda: (o.g1("wcc_pag1"), o.g2("wcc_pbg2"), o.g1("wcc_pgg1"))))


def check(case: Case, curve: Curve) -> None:
    """Every field of one file."""
    check_general(case, curve)
    for hash_name in hashes(list(case.fields)):
        Run(case, curve, hash_name).check()
