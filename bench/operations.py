"""The measured operations of one curve, by name. One that the library lacks is left out, and named with the reason.

`build` is what everything else here uses:

    built, left_out = build(curve("BN254"), message, (k1, k2))
    built["pairing"].run()
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from typing import Any

from bench.logins import OriginalServer, Server, random_from
from milagro.groups import Curve, Encoding
from milagro.protocols.bls import ietf, original

MESSAGE = b"alice@milagro.example"
SCALARS = (2**254 // 9, 2**254 // 13)  # 251 bits: below the order of every curve
DST = b"MILAGRO-BENCH-V01"
MSM_POINTS = 1024


class NotBuilt(Exception):
    """The library does not have what an operation measures."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`run` does the work for `items` things at once, such as logins; times are given for one of them."""

    run: Callable[[], object]
    items: int = 1


def need(owner: object, *names: str) -> Any:
    """The first of the attributes that `owner` has. Raises: NotBuilt"""
    for name in names:
        if hasattr(owner, name):
            return getattr(owner, name)
    raise NotBuilt(f"no {' or '.join(names)}")


def need_module(name: str) -> Any:
    """The module. Raises: NotBuilt"""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        raise NotBuilt(f"no {missing.name}") from None


class Operands:
    """What the operations of a curve work on: made once, outside the clock, and none of it a generator."""

    def __init__(self, E: Curve, message: bytes, scalars: tuple[int, int]) -> None:
        self.E, self.message = E, message
        self.k1, self.k2 = (E.scalar(k % E.order) for k in scalars)
        self.P1, self.P2 = self.k1 * E.g1, self.k2 * E.g1
        self.Q1, self.Q2 = self.k2 * E.g2, self.k1 * E.g2

    @cached_property
    def prepared(self) -> tuple[Any, Any]:
        """Q1 and Q2 with their lines computed."""
        prepare = need(self.E, "prepare")
        return prepare(self.Q1), prepare(self.Q2)

    @cached_property
    def server(self) -> Server:
        return Server(self.E)

    @cached_property
    def _many(self) -> tuple[list[Any], list[Any]]:
        points, scalars = [self.P1], [self.k1]
        for _ in range(MSM_POINTS - 1):
            points.append(points[-1] + self.P2)
            scalars.append(scalars[-1] * self.k2)
        return points, scalars

    def many(self, count: int) -> tuple[list[Any], list[Any]]:
        """`count` points and full-size scalars."""
        points, scalars = self._many
        return points[:count], scalars[:count]


Build = Callable[[Operands], Operation]
OPERATIONS: dict[str, Build] = {}


def operation(name: str) -> Callable[[Build], Build]:
    def register(build_one: Build) -> Build:
        OPERATIONS[name] = build_one
        return build_one

    return register


# -- scalar multiplication and powers ------------------------------------------------------------------------------
@operation("g1_mul")
def g1_mul(o: Operands) -> Operation:
    return Operation(lambda: o.k1 * o.P2)


@operation("g2_mul")
def g2_mul(o: Operands) -> Operation:
    return Operation(lambda: o.k1 * o.Q1)


@operation("gt_exp")
def gt_exp(o: Operands) -> Operation:
    f = o.E.pairing(o.P1, o.Q1)
    return Operation(lambda: f**o.k1)


@operation("msm_1024")
def msm_1024(o: Operands) -> Operation:
    """The whole sum of 1024 products, in variable time."""
    multiply, (points, scalars) = need(o.E, "multi_multiply_g1_vartime"), o.many(MSM_POINTS)
    return Operation(lambda: multiply(points, scalars))


@operation("msm_1024_threads")
def msm_1024_threads(o: Operands) -> Operation:
    """The same on as many threads as there are cores."""
    multiply, (points, scalars) = need(o.E, "multi_multiply_g1_vartime"), o.many(MSM_POINTS)
    return Operation(lambda: multiply(points, scalars, workers=os.cpu_count() or 1))


# -- pairings --------------------------------------------------------------------------------------------------------
@operation("pairing")
def pairing(o: Operands) -> Operation:
    return Operation(lambda: o.E.pairing(o.P1, o.Q1))


@operation("pairing_fixed")
def pairing_fixed(o: Operands) -> Operation:
    Q, _ = o.prepared
    return Operation(lambda: o.E.pairing(o.P1, Q))


@operation("pairing_product2")
def pairing_product2(o: Operands) -> Operation:
    return Operation(lambda: o.E.pairing_product([(o.P1, o.Q1), (o.P2, o.Q2)]))


@operation("pairing_product2_fixed")
def pairing_product2_fixed(o: Operands) -> Operation:
    Q, R = o.prepared
    return Operation(lambda: o.E.pairing_product([(o.P1, Q), (o.P2, R)]))


@operation("pairing_check2")
def pairing_check2(o: Operands) -> Operation:
    """Whether a product of two is 1, which may use any multiple of the final exponent."""
    return Operation(lambda: o.E.pairing_check([(o.P1, o.Q1), (o.P2, o.Q2)]))


@operation("pairing_batch8")
def pairing_batch8(o: Operands) -> Operation:
    return pairings_of(o, 8)


@operation("pairing_product2_fixed_batch8")
def pairing_product2_fixed_batch8(o: Operands) -> Operation:
    """8 products of two, both G2 prepared, each judged for itself: what a login server does that may not wait."""
    return checks_of(o, 8)


# -- the same many times in one call: for operations of a batch, and for cost against the size of one -----------------
def pairings_of(o: Operands, count: int) -> Operation:
    batch = need(o.E, "pairing_many")
    points, _ = o.many(count)
    pairs = [(P, o.Q1 if i % 2 else o.Q2) for i, P in enumerate(points)]
    return Operation(lambda: batch(pairs), items=count)


def checks_of(o: Operands, count: int) -> Operation:
    batch, (Q, R) = need(o.E, "pairing_checks_many"), o.prepared
    equations = [[(P, Q), (o.P2, R)] for P in o.many(count)[0]]
    return Operation(lambda: batch(equations), items=count)


def hashes_of(o: Operands, count: int) -> Operation:
    batch, messages = need(o.E, "hash_to_g1_many"), [o.message + b"%d" % i for i in range(count)]
    return Operation(lambda: batch(messages, DST), items=count)


def multiples_of(o: Operands, count: int) -> Operation:
    """Constant time, each point with a scalar of its own."""
    batch, (points, scalars) = need(o.E, "multiply_g1_many"), o.many(count)
    return Operation(lambda: batch(points, scalars), items=count)


def decodings_of(o: Operands, count: int) -> Operation:
    octets = o.E.g1_array_to_bytes(o.many(count)[0])
    return Operation(lambda: o.E.g1_array_from_bytes(octets), items=count)


MANY: dict[str, Callable[[Operands, int], Operation]] = {
    "pairing": pairings_of,
    "check of two, prepared": checks_of,
    "G1 multiplication": multiples_of,
    "hash to G1": hashes_of,
    "decoding in G1": decodings_of,
}


@operation("hash_to_g1_batch64")
def hash_to_g1_batch64(o: Operands) -> Operation:
    return hashes_of(o, 64)


@operation("g1_mul_batch64")
def g1_mul_batch64(o: Operands) -> Operation:
    return multiples_of(o, 64)


@operation("g1_decode_batch64")
def g1_decode_batch64(o: Operands) -> Operation:
    return decodings_of(o, 64)


# -- hashing and decoding --------------------------------------------------------------------------------------------
@operation("hash_to_g1")
def hash_to_g1(o: Operands) -> Operation:
    return Operation(lambda: o.E.hash_to_g1_vartime(o.message, DST))


@operation("hash_to_g2")
def hash_to_g2(o: Operands) -> Operation:
    return Operation(lambda: o.E.hash_to_g2_vartime(o.message, DST))


@operation("hash_to_g1_original")
def hash_to_g1_original(o: Operands) -> Operation:
    """Try and increment costs more for some messages than for others: a call takes the next of 64."""
    messages = cycle([o.message + bytes([i]) for i in range(64)])
    return Operation(lambda: original.hash_message(o.E, next(messages)))


@operation("g1_decode")
def g1_decode(o: Operands) -> Operation:
    octets = o.P1.to_bytes()
    return Operation(lambda: o.E.g1_from_bytes(octets))


@operation("g2_decode")
def g2_decode(o: Operands) -> Operation:
    octets = o.Q1.to_bytes()
    return Operation(lambda: o.E.g2_from_bytes(octets))


# -- protocols -------------------------------------------------------------------------------------------------------
@operation("mpin_verify")
def mpin_verify(o: Operands) -> Operation:
    """M-Pin v2, one login."""
    (login,) = o.server.logins(1)
    return Operation(lambda: o.server.verify(login))


@operation("mpin_v1_verify")
def mpin_v1_verify(o: Operands) -> Operation:
    """M-Pin v1, one login."""
    server = OriginalServer(o.E)
    login = server.login(o.message)
    return Operation(lambda: server.verify(login))


def verify_batch_of(o: Operands, count: int) -> Operation:
    """M-Pin v2, `count` logins of different users verified together."""
    batch = need(need_module("milagro.protocols.mpin.v2.batch"), "verify_batch")
    logins = o.server.logins(count)
    return Operation(lambda: o.server.verify_batch(batch, logins), items=count)


@operation("mpin_verify_batch64")
def mpin_verify_batch64(o: Operands) -> Operation:
    return verify_batch_of(o, 64)


@operation("mpin_verify_batch1024")
def mpin_verify_batch1024(o: Operands) -> Operation:
    return verify_batch_of(o, 1024)


@operation("mpin_v1_verify_batch64")
def mpin_v1_verify_batch64(o: Operands) -> Operation:
    """M-Pin v1, 64 logins of different users verified together."""
    batch = need_module("milagro.protocols.mpin.v1.batch")
    server = OriginalServer(o.E)
    logins = [server.login(b"user-%d" % number) for number in range(64)]
    return Operation(lambda: server.verify_batch(batch, logins), items=64)


@operation("bls_verify")
def bls_verify(o: Operands) -> Operation:
    """From octets: key and signature are decoded and checked each time. BLS12-381: draft, keys in G1; else original."""
    if o.E.name != "BLS12-381":
        return _original_bls(o)
    suite = ietf.Suite(o.E)
    key = ietf.public_key(suite, o.k1).to_bytes(Encoding.ZCASH)
    signature = ietf.sign(suite, o.k1, o.message).to_bytes(Encoding.ZCASH)

    def verify() -> None:
        K, S = ietf.public_key_from_bytes(suite, key), ietf.signature_from_bytes(suite, signature)
        ietf.verify(suite, K, o.message, S)

    return Operation(verify)


@operation("bls_verify_batch64")
def bls_verify_batch64(o: Operands) -> Operation:
    """64 decoded signatures of 64 signers on 64 messages, verified together; BLS12-381 only."""
    batch = need_module("milagro.protocols.bls.batch")
    if o.E.name != "BLS12-381":
        raise NotBuilt("the draft's signatures are for BLS12-381")
    suite = ietf.Suite(o.E)
    signed = []
    for number in range(1, 65):
        secret, message = o.k1 + o.E.scalar(number), b"message %d" % number
        signed.append((ietf.public_key(suite, secret), message, ietf.sign(suite, secret, message)))
    random = random_from("BLS batch")
    return Operation(lambda: batch.verify_batch(suite, signed, random), items=64)


def _original_bls(o: Operands) -> Operation:
    key = original.public_key(o.E, o.k1).to_bytes(original.PUBLIC_KEY_ENCODING)
    signature = original.sign(o.E, o.k1, o.message).to_bytes(original.SIGNATURE_ENCODING)

    def verify() -> None:
        K, S = original.public_key_from_bytes(o.E, key), original.signature_from_bytes(o.E, signature)
        original.verify(o.E, K, o.message, S)

    return Operation(verify)


def build_from(o: Operands, names: Iterable[str]) -> tuple[dict[str, Operation], dict[str, str]]:
    """The operations of these names, each run once; and for each that is left out, why."""
    built: dict[str, Operation] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            built[name] = OPERATIONS[name](o)
            built[name].run()
        except NotBuilt as missing:
            left_out[name] = f"not built: {missing}"
            built.pop(name, None)
    return built, left_out


def build(
    E: Curve, message: bytes = MESSAGE, scalars: tuple[int, int] = SCALARS, names: Iterable[str] | None = None
) -> tuple[dict[str, Operation], dict[str, str]]:
    """The operations of a curve, all of them or those named; and for each that is left out, why."""
    return build_from(Operands(E, message, scalars), OPERATIONS if names is None else names)
