"""Threshold signatures are plain ones under the combined key; the oblivious function is the same whoever evaluates."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import EncodingError, InvalidSignature, ParameterError
from milagro.groups import curve
from milagro.octets import frame
from milagro.protocols.bls import ietf
from milagro.protocols.sharing import threshold_bls, voprf
from milagro.protocols.sharing.refusals import InvalidProof, MixedShares, TooFewShares
from milagro.protocols.sharing.shared_key import deal
from milagro.protocols.sharing.threshold_bls import PartialSignature
from milagro.protocols.sharing.voprf import Blinded, Evaluation
from tests.protocols.sharing.sources import random_from, suite

MESSAGE = b"pay nobody"


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("scheme", ietf.Scheme)
def test_a_combined_signature_is_the_plain_one(scheme: ietf.Scheme, backend: str) -> None:
    s, random = suite(backend=backend), random_from(scheme)
    signing = ietf.Suite(s.curve, ietf.Placement.MIN_PK, scheme)
    secret = s.curve.random_scalar(random)
    shares = deal(s, secret, 3, 5, random)
    key, plain = shares[0].key, ietf.sign(signing, secret, MESSAGE)
    partials = [threshold_bls.sign(signing, share, MESSAGE) for share in shares]
    subsets = list(combinations(partials, 3)) if backend == "native" else [partials[2:]]
    for some in subsets:
        combined = threshold_bls.combine(signing, key, MESSAGE, some, random)
        assert combined.signature == plain
        assert combined.culprits == ()
    threshold_bls.verify(signing, key, MESSAGE, plain)
    with pytest.raises(InvalidSignature):
        threshold_bls.verify(signing, key, MESSAGE + b"!", plain)


@given(st.sets(st.integers(1, 5), max_size=5), st.integers())
@settings(max_examples=20, deadline=None)
def test_wrong_partial_signatures_are_named_and_do_no_harm(bad: set[int], seed: int) -> None:
    s, random = suite(), random_from(seed)
    signing = ietf.Suite(s.curve)
    secret = s.curve.random_scalar(random)
    shares = deal(s, secret, 2, 5, random)
    key = shares[0].key
    partials = [threshold_bls.sign(signing, share, MESSAGE) for share in shares]
    # Faults that cancel under equal weights: + d, - d, + d ..
    for turn, i in enumerate(sorted(bad)):
        shift = s.curve.g2 if turn % 2 else -s.curve.g2
        partials[i - 1] = replace(partials[i - 1], point=partials[i - 1].point + shift)
    if len(bad) > 3:
        with pytest.raises(TooFewShares) as caught:
            threshold_bls.combine(signing, key, MESSAGE, partials, random)
        assert caught.value.culprits == tuple(sorted(bad))
        return
    combined = threshold_bls.combine(signing, key, MESSAGE, partials, random)
    assert combined.signature == ietf.sign(signing, secret, MESSAGE)
    assert combined.culprits == tuple(sorted(bad))


def test_partial_signatures_of_other_epochs_and_suites_are_refused() -> None:
    s, random = suite(), random_from("other")
    signing = ietf.Suite(s.curve)
    secret = s.curve.random_scalar(random)
    ours, others = deal(s, secret, 2, 3, random), deal(s, secret, 2, 3, random, epoch=1)
    foreign = [threshold_bls.sign(signing, share, MESSAGE) for share in others]
    mine = threshold_bls.sign(signing, ours[0], MESSAGE)
    for some, culprits in (([mine, foreign[1]], (2,)), ([foreign[1], mine], (2,)), (foreign, (1, 2, 3))):
        with pytest.raises(MixedShares) as caught:
            threshold_bls.combine(signing, ours[0].key, MESSAGE, some, random)
        assert caught.value.culprits == culprits
    with pytest.raises(TooFewShares):
        threshold_bls.combine(signing, ours[0].key, MESSAGE, [mine], random)
    with pytest.raises(ParameterError):
        threshold_bls.sign(ietf.Suite(s.curve, ietf.Placement.MIN_SIG), ours[0], MESSAGE)
    with pytest.raises(ParameterError):
        threshold_bls.sign(ietf.Suite(curve("BLS12-381", "reference")), ours[0], MESSAGE)
    octets = mine.to_bytes()
    assert PartialSignature.from_bytes(s, octets) == mine


@pytest.mark.parametrize(("name", "backend"), [("BLS12-381", "native"), ("BN254", "native"), ("BN254", "reference")])
def test_the_function_does_not_depend_on_who_evaluates_it_nor_on_the_blind(name: str, backend: str) -> None:
    s, random = suite(name, backend), random_from(name)
    secret = s.curve.random_scalar(random)
    shares = deal(s, secret, 3, 5, random)
    key = shares[0].key
    N = secret * s.curve.hash_to_g1(b"a password", s.dst("OPRF-INPUT_"))
    expected = hashlib.sha256(frame(s.dst("OPRF-FINALIZE_"), b"a password", N.to_bytes())).digest()
    for some in ([0, 1, 2], [4, 1, 3], [0, 1, 2, 3, 4]):
        blinded = Blinded.create(s, b"a password", random)
        answers = [voprf.evaluate(shares[i], blinded.M, random, b"info") for i in some]
        for one in answers:
            voprf.check_evaluation(key, blinded.M, one, b"info")
        output = blinded.finish(key, answers, random, b"info")
        assert output.octets == expected
        assert output.culprits == ()
        assert expected.hex() not in repr(output)
    other = Blinded.create(s, b"a passwore", random)
    answers = [voprf.evaluate(share, other.M, random) for share in shares]
    assert other.finish(key, answers, random).octets != expected


def test_wrong_evaluations_are_named_and_do_no_harm() -> None:
    s, random = suite(), random_from("voprf")
    shares = deal(s, s.curve.random_scalar(random), 2, 4, random)
    key, blinded = shares[0].key, Blinded.create(s, b"x", random)
    right = [voprf.evaluate(share, blinded.M, random) for share in shares]
    expected = blinded.finish(key, right, random).octets
    wrong = [replace(right[0], Z=right[0].Z + s.curve.g1), right[1], replace(right[2], proof=right[3].proof), right[3]]
    output = blinded.finish(key, wrong, random)
    assert output.octets == expected
    assert output.culprits == (1, 3)
    with pytest.raises(TooFewShares) as caught:
        blinded.finish(key, wrong[:3], random)
    assert caught.value.culprits == (1, 3)
    for answers in (
        [voprf.evaluate(share, blinded.M, random, b"other info") for share in shares],
        [voprf.evaluate(share, blinded.M + blinded.M, random) for share in shares],
    ):
        with pytest.raises(TooFewShares):
            blinded.finish(key, answers, random)
        with pytest.raises(InvalidProof):
            voprf.check_evaluation(key, blinded.M, answers[0])
    foreign = deal(s, s.curve.random_scalar(random), 2, 4, random)
    with pytest.raises(MixedShares):
        blinded.finish(key, [voprf.evaluate(share, blinded.M, random) for share in foreign], random)
    with pytest.raises(ParameterError):
        voprf.evaluate(shares[0], s.curve.g1_identity, random)


def test_inputs_out_of_range_are_refused() -> None:
    s = suite()
    with pytest.raises(ParameterError):
        Blinded(s, b"x", s.curve.scalar(0))
    with pytest.raises(ParameterError):
        Blinded.create(s, bytes(65536), random_from(0))
    assert "redacted" in repr(Blinded.create(s, b"", random_from(0)))


@given(st.sampled_from([Evaluation, PartialSignature]), st.integers(0, 400), st.binary(max_size=20))
@settings(max_examples=80, deadline=None)
def test_no_octets_make_the_readers_fail_otherwise(
    kind: type[Evaluation] | type[PartialSignature], at: int, junk: bytes
) -> None:
    s, random = suite(), random_from("fuzz")
    share = deal(s, s.curve.random_scalar(random), 1, 1, random)[0]
    good = (
        voprf.evaluate(share, s.curve.g1, random)
        if kind is Evaluation
        else threshold_bls.sign(ietf.Suite(s.curve), share, MESSAGE)
    )
    octets = good.to_bytes()
    assert kind.from_bytes(s, octets) == good
    made = octets[: at % len(octets)] + junk
    if made != octets:
        with pytest.raises(EncodingError):
            kind.from_bytes(s, made)
