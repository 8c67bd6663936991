"""Operations of batch verification: who is right in a batch, and the points that the weights make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from milagro.conformance.literals import BadLiteral
from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.conformance.operations.bls import _suite as _bls_suite
from milagro.conformance.operations.mpin_v2 import _context, _server_secret
from milagro.conformance.operations.mpin_v2 import _suite as _mpin_suite
from milagro.errors import MilagroError
from milagro.groups import Encoding, G1Point
from milagro.groups.batches import random_weights, weighted_sum
from milagro.protocols.bls import batch as bls_batch
from milagro.protocols.bls import ietf
from milagro.protocols.bls import original as bls
from milagro.protocols.mpin import v2
from milagro.protocols.mpin.v1 import batch as v1_batch
from milagro.protocols.mpin.v1 import client, server
from milagro.protocols.mpin.v2 import batch as v2_batch


def _same_length(*lists: Sequence[Any]) -> None:
    if len({len(one) for one in lists}) > 1:
        raise BadLiteral("the lists of a batch have one length")


def _sums(points: tuple[G1Point, G1Point] | None, encoding: Encoding | None) -> Results:
    """V and P, the two sums whose pairings must cancel; nothing for an empty batch."""
    if points is None:
        return {}
    V, P = points
    return {"V": V.to_bytes(encoding).hex(), "P": P.to_bytes(encoding).hex()}


def _verdict(result: object) -> str:
    return type(result).__name__ if isinstance(result, MilagroError) else "accepted"


@operation("mpin-v2.verify-batch")
def verify_v2(x: Inputs) -> Results:
    """The verdicts on second messages of two-pass logins."""
    made = _mpin_suite(x)
    verifier = v2.Verifier(made, _context(x))
    states, answers, now = x.octet_list("states"), x.octet_list("pass_twos"), x.integer("now")
    _same_length(states, answers)
    counted = [verifier.resume(s).accept(a, now) for s, a in zip(states, answers, strict=True)]
    sums = None
    if counted:
        weights = random_weights(x.E, len(counted), x.random())
        sums = v2_batch.batch_points(made, counted, v2_batch.login_points(made, counted), weights)
    if x.flag("twice"):
        counted.append(counted[0])
    verdicts = v2_batch.verify_batch(_server_secret(x, made), counted, x.random())
    return {"verdicts": [_verdict(one) for one in verdicts], **_sums(sums, None)}


def _attempts(x: Inputs) -> list[v1_batch.Attempt]:
    """Two-pass runs where `y` is given, else one-pass messages."""
    names, dates = x.octet_list("identities"), x.integers("dates")
    points = [x.octet_list(k) for k in ("U", "V")]
    _same_length(names, dates, *points)
    U, V = ([x.E.g1_from_bytes(octets, Encoding.MILAGRO) for octets in some] for some in points)
    sent = [client.Commitment(None, u) if date else client.Commitment(u) for u, date in zip(U, dates, strict=True)]
    made: list[v1_batch.Attempt] = []
    if "y" in x:
        key, secret = x.g2("client_key") if "client_key" in x else None, x.g2("SS")
        _same_length(names, x.octet_list("y"))
        for i, y in enumerate(x.octet_list("y")):
            state = server.ServerTwoPass.start(
                x.E,
                secret,
                names[i],
                sent[i],
                x.E.scalar_from_bytes(y),
                date=dates[i],
                client_key=key,
                hash_name=x.hash_name(),
            )
            made.append(v1_batch.TwoPassAttempt(state, V[i]))
        return made
    messages, times = x.octet_list("messages"), x.integers("times")
    _same_length(names, messages, times)
    for i, message in enumerate(messages):
        made.append(v1_batch.OnePassAttempt(names[i], client.OnePass(sent[i], V[i], times[i]), message, dates[i]))
    return made


@operation("mpin-v1.verify-batch")
def verify_v1(x: Inputs) -> Results:
    """The verdicts on two-pass runs, or on one-pass messages."""
    attempts = _attempts(x)
    found = v1_batch.equations_of(x.E, attempts, x.hash_name())
    equations = [one for one in found if isinstance(one, v1_batch.Equation)]
    weights = random_weights(x.E, len(equations), x.random())
    sums = v1_batch.batch_points(x.E, equations, weights) if equations else None
    verdicts = v1_batch.verify_batch(x.E, x.g2("SS"), attempts, x.random(), hash_name=x.hash_name())
    return {"verdicts": [_verdict(one) for one in verdicts], **_sums(sums, Encoding.MILAGRO)}


def _judged(x: Inputs, signatures: list[Any], encoding: Encoding, verify: Callable[[], None]) -> Results:
    """The places of the signatures that are not valid, and the weighted sum of all, if there are any."""
    weights = random_weights(x.E, len(signatures), x.random())
    total = {"S": weighted_sum(x.E, signatures, weights).to_bytes(encoding).hex()} if signatures else {}
    try:
        verify()
    except bls_batch.InvalidSignatures as error:
        return {"culprits": list(error.culprits), **total}
    return {"culprits": [], **total}


@operation("bls-ietf.verify-batch")
def verify_ietf(x: Inputs) -> Results:
    """The verdict on a batch of signatures."""
    suite, messages = _bls_suite(x), x.octet_list("messages")
    keys = [ietf.public_key_from_bytes(suite, octets) for octets in x.octet_list("public_keys")]
    signatures = [ietf.signature_from_bytes(suite, octets) for octets in x.octet_list("signatures")]
    _same_length(keys, signatures, messages)
    triples = list(zip(keys, messages, signatures, strict=True))
    return _judged(x, signatures, Encoding.ZCASH, lambda: bls_batch.verify_batch(suite, triples, x.random()))


@operation("bls-original.verify-batch")
def verify_original(x: Inputs) -> Results:
    """The verdict on a batch of signatures."""
    messages = x.octet_list("messages")
    signatures = [bls.signature_from_bytes(x.E, octets) for octets in x.octet_list("signatures")]
    keys = [bls.public_key_from_bytes(x.E, octets) for octets in x.octet_list("public_keys")]
    _same_length(keys, signatures, messages)
    triples = list(zip(keys, messages, signatures, strict=True))
    return _judged(
        x, signatures, bls.SIGNATURE_ENCODING, lambda: bls_batch.verify_batch_original(x.E, triples, x.random())
    )
