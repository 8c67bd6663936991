"""Proofs about logarithms: right ones hold, and whatever part of them is changed, they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import EncodingError, ParameterError
from milagro.protocols.sharing.dleq import (
    Dleq,
    Equality,
    Possession,
    failing_sums,
    prove_equal,
    prove_possession,
    verify_equal,
    verify_equal_batch,
    verify_possession,
)
from milagro.protocols.sharing.refusals import InvalidProof
from milagro.protocols.sharing.suite import Suite
from tests.protocols.sharing.sources import random_from, suite

CURVES = [("BLS12-381", "native"), ("BN254", "native"), ("FP512BN", "native"), ("BLS12-381", "reference")]


def made(s: Suite, seed: object) -> tuple[Equality, Dleq]:
    random = random_from(seed)
    return prove_equal(s, s.curve.random_scalar(random), s.curve.random_scalar(random) * s.curve.g1, b"here", random)


@pytest.mark.parametrize(("name", "backend"), CURVES)
def test_a_right_proof_holds_and_is_bound_to_every_part(name: str, backend: str) -> None:
    s = suite(name, backend)
    statement, proof = made(s, name)
    verify_equal(s, statement, proof)
    P, one = s.curve.g1, s.curve.scalar(1)
    spoilt = [
        *((replace(statement, **{part: getattr(statement, part) + P}), proof) for part in ("X", "A", "Y")),
        (replace(statement, context=b"there"), proof),
        *((statement, replace(proof, **{part: getattr(proof, part) + P})) for part in ("T", "T_A")),
        (statement, replace(proof, z=proof.z + one)),
    ]
    for case in spoilt:
        with pytest.raises(InvalidProof):
            verify_equal(s, *case)
        with pytest.raises(InvalidProof) as caught:
            verify_equal_batch(s, [(statement, proof), case, (statement, proof)], random_from("w"))
        assert caught.value.culprits == (1,)


@pytest.mark.parametrize(("name", "backend"), CURVES)
def test_a_proof_of_possession_is_bound_to_every_part(name: str, backend: str) -> None:
    s, random = suite(name, backend), random_from(name)
    k = s.curve.random_scalar(random)
    X, proof = k * s.curve.g1, prove_possession(s, k, b"here", random)
    verify_possession(s, X, proof, b"here")
    P, one = s.curve.g1, s.curve.scalar(1)
    for other, changed, context in (
        (X + P, proof, b"here"),
        (X, replace(proof, T=proof.T + P), b"here"),
        (X, replace(proof, z=proof.z + one), b"here"),
        (X, proof, b"there"),
        (s.curve.g1_identity, proof, b"here"),
    ):
        with pytest.raises(InvalidProof):
            verify_possession(s, other, changed, context)


def test_the_proof_of_zero_that_satisfies_the_equation_is_refused() -> None:
    """X = 0 P1 is true for s = 0, and says nothing: anyone can prove it."""
    s, random = suite(), random_from("zero")
    nothing, A = s.curve.g1_identity, s.curve.g1
    k = s.curve.random_scalar(random)
    forged = Dleq(k * A, k * A, k)
    for statement in (Equality(nothing, A, nothing, b""), Equality(nothing, nothing, nothing, b"")):
        with pytest.raises(InvalidProof):
            verify_equal(s, statement, forged)
        with pytest.raises(InvalidProof):
            verify_equal_batch(s, [(statement, forged)], random)
    with pytest.raises(ParameterError):
        prove_equal(s, s.curve.scalar(0), A, b"", random)
    with pytest.raises(ParameterError):
        prove_equal(s, k, nothing, b"", random)


@pytest.mark.parametrize("which", ["X", "Y"])
def test_a_proof_of_which_only_one_half_holds_is_refused(which: str) -> None:
    """A prover who knows s, for a statement in which one point is of another number."""
    s, random = suite(), random_from("half")
    E = s.curve
    secret, k, A = E.random_scalar(random), E.random_scalar(random), E.scalar(7) * E.g1
    true = Equality(secret * E.g1, A, secret * A, b"")
    false = replace(true, **{which: E.scalar(9) * A})
    T, T_A = k * E.g1, k * A
    proof = Dleq(T, T_A, k + false.challenge(s, T, T_A) * secret)
    with pytest.raises(InvalidProof):
        verify_equal(s, false, proof)
    for secrecy in (False, True):
        with pytest.raises(InvalidProof) as caught:
            verify_equal_batch(s, [made(s, 1), (false, proof)], random, secret=secrecy)
        assert caught.value.culprits == (1,)


@given(st.sets(st.integers(0, 11)), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_a_batch_names_exactly_those_that_are_wrong(bad: set[int], seed: int) -> None:
    s = suite()
    proofs = [made(s, i) for i in range(12)]
    for i in bad:
        statement, proof = proofs[i]
        proofs[i] = statement, replace(proof, z=proof.z + s.curve.scalar(1 + i))
    if not bad:
        verify_equal_batch(s, proofs, random_from(seed))
        return
    with pytest.raises(InvalidProof) as caught:
        verify_equal_batch(s, proofs, random_from(seed))
    assert caught.value.culprits == tuple(sorted(bad))


def test_faults_that_cancel_under_equal_weights_are_found() -> None:
    s = suite()
    D = s.curve.g1
    (one, p), (two, q) = made(s, 1), made(s, 2)
    shifted = [(one, replace(p, T_A=p.T_A + D)), (two, replace(q, T_A=q.T_A + -D))]
    within = [(one, replace(p, T=p.T + D, T_A=p.T_A + -D))]
    for proofs, culprits in ((shifted, (0, 1)), (within, (0,))):
        with pytest.raises(InvalidProof) as caught:
            verify_equal_batch(s, proofs, random_from(3))
        assert caught.value.culprits == culprits


def test_an_empty_batch_holds() -> None:
    verify_equal_batch(suite(), [], random_from(0))
    assert failing_sums(suite().curve, 0, lambda _: []) == []


def test_nonces_differ_with_the_source_the_secret_and_the_statement() -> None:
    s = suite()
    E = s.curve
    k, A = E.scalar(5), E.scalar(7) * E.g1
    seen = {
        prove_equal(s, k, A, b"a", random_from(0))[1].T,
        prove_equal(s, k, A, b"a", random_from(1))[1].T,
        prove_equal(s, k, A, b"b", random_from(0))[1].T,
        prove_equal(s, k + k, A, b"a", random_from(0))[1].T,
        prove_possession(s, k, b"a", random_from(0)).T,
    }
    assert len(seen) == 5


def test_octets_come_back_and_spoilt_ones_do_not() -> None:
    s = suite()
    _, proof = made(s, 0)
    possession = prove_possession(s, s.curve.scalar(5), b"", random_from(0))
    for value in (proof, possession):
        octets = value.to_bytes()
        assert type(value).from_bytes(s, octets) == value
        for length in range(len(octets)):
            with pytest.raises(EncodingError):
                type(value).from_bytes(s, octets[:length])


@given(st.binary(max_size=200))
def test_no_octets_make_the_readers_fail_otherwise(junk: bytes) -> None:
    for kind in (Dleq, Possession):
        with pytest.raises(EncodingError):
            kind.from_bytes(suite(), junk)
