"""Pairings and GT against the reference, the original library's values, and their own algebra."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from milagro import backend
from milagro.errors import NonCanonical, ParameterError, WrongLength

from .conftest import Pair, outcome


def test_pairings_of_random_points(pair: Pair, rng: random.Random) -> None:
    P = pair.call("g1_mul", pair.call("g1_generator"), pair.scalars(rng.randrange(1, pair.params.r)))
    Q = pair.call("g2_mul", pair.call("g2_generator"), pair.scalars(rng.randrange(1, pair.params.r)))
    for left, right in ((pair.call("g1_generator"), pair.call("g2_generator")), (P, Q)):
        f = pair.call("pairing", left, right)
        pair.same_gt(f)
        assert pair.agree("gt_trace", f)
        assert pair.agree("gt_in_subgroup", f)
        assert not pair.agree("gt_is_one", f)


def test_products_with_identities(pair: Pair, rng: random.Random) -> None:
    G, H = pair.call("g1_generator"), pair.call("g2_generator")
    O1, O2 = pair.call("g1_identity"), pair.call("g2_identity")
    P = pair.call("g1_mul", G, pair.scalars(rng.randrange(pair.params.r)))
    Q = pair.call("g2_mul", H, pair.scalars(rng.randrange(pair.params.r)))
    for ps, qs in (([], []), ([O1], [H]), ([G], [O2]), ([O1, P, G], [H, Q, O2]), ([G, P, P], [H, Q, H])):
        sides = [
            ops.pairing_product([p[side] for p in ps], [q[side] for q in qs])
            for side, ops in enumerate((pair.N, pair.R))
        ]
        pair.same_gt((sides[0], sides[1]))
    assert pair.N.pairing_check([], [])
    assert pair.N.pairing_check([O1[0]], [H[0]])
    assert outcome(pair.N.pairing_product, [G[0]], []) is ParameterError
    assert outcome(pair.N.pairing_check, [], [H[0]]) is ParameterError


def test_bilinearity(pair: Pair, rng: random.Random) -> None:
    N, r = pair.N, pair.params.r
    a, b = rng.randrange(1, r), rng.randrange(1, r)
    A, B, AB = (pair.scalars(k)[0] for k in (a, b, a * b))
    G, H = N.g1_generator(), N.g2_generator()
    P, Q = N.g1_mul(G, A), N.g2_mul(H, B)
    e = N.pairing(G, H)
    assert N.gt_equal(N.pairing(P, Q), N.gt_exp(e, AB))
    assert N.gt_equal(N.pairing(P, H), N.pairing(G, N.g2_mul(H, A)))
    assert N.gt_is_one(N.gt_exp(N.gt_exp(e, pair.scalars(r - 1)[0]), pair.scalars(0)[0]))
    assert N.pairing_check([P, N.g1_neg(G)], [Q, N.g2_mul(H, AB)])
    assert not N.pairing_check([P, G], [Q, N.g2_mul(H, AB)])
    assert not N.pairing_check([P], [Q])


def test_powers_at_the_edges(pair: Pair, scalar_edges: list[int]) -> None:
    f = pair.call("pairing", pair.call("g1_generator"), pair.call("g2_generator"))
    for k in scalar_edges:
        pair.same_gt(pair.call("gt_exp", f, pair.scalars(k)))
        pair.same_gt(pair.call("gt_exp_vartime", f, pair.scalars(k)))
    pair.same_gt(pair.call("gt_mul", f, f))
    pair.same_gt(pair.call("gt_inv", f))
    assert pair.N.gt_is_one(pair.N.gt_mul(f[0], pair.N.gt_inv(f[0])))
    assert pair.N.gt_equal(pair.N.gt_exp(f[0], pair.scalars(pair.params.r - 1)[0]), pair.N.gt_inv(f[0]))
    assert pair.N.gt_is_one(pair.N.gt_one())


def test_elements_outside_the_subgroup(pair: Pair, rng: random.Random) -> None:
    N, p, size = pair.N, pair.params.p, pair.params.field_bytes
    rest = [rng.randrange(p) for _ in range(12)]
    for row in ([0] * 12, [p - 1] + [0] * 11, [0, 1] + [0] * 10, [2] + [0] * 11, rest):
        f = pair.call("gt_from_bytes", b"".join(map(pair.octets, row)))
        pair.same_gt(f)
        assert not pair.agree("gt_in_subgroup", f)
    one = N.gt_to_bytes(N.gt_one())
    assert one == pair.octets(1) + bytes(11 * size)
    assert N.gt_in_subgroup(N.gt_one())
    f = N.pairing(N.g1_generator(), N.g2_generator())
    minus = N.gt_from_bytes(pair.octets(p - 1) + bytes(11 * size))
    assert not N.gt_in_subgroup(N.gt_mul(f, minus))
    assert N.gt_equal(N.gt_from_bytes(N.gt_to_bytes(f)), f)


def test_cyclotomic_elements_of_other_order(pair: Pair, rng: random.Random) -> None:
    N, p = pair.N, pair.params.p
    x = b"".join(pair.octets(rng.randrange(p)) for _ in range(12))
    y = N.tower("fp12_mul", N.tower("fp12_conj", x), N.tower("fp12_inv", x))  # x^(p^6 - 1)
    z = N.tower("fp12_mul", N.tower("fp12_frob", N.tower("fp12_frob", y)), y)  # .. ^(p^2 + 1)
    assert N.tower("fp12_cyclotomic_sqr", z) == N.tower("fp12_sqr", z)
    assert N.tower("fp12_cyclotomic_sqr", y) != N.tower("fp12_sqr", y)
    assert not N.gt_in_subgroup(N.gt_from_bytes(y))
    assert not N.gt_in_subgroup(N.gt_from_bytes(z))


def test_what_is_not_an_element_is_refused(pair: Pair) -> None:
    size = pair.params.field_bytes
    one = pair.octets(1) * 12
    for octets in (b"", one[:-1], one + b"\0"):
        assert outcome(pair.N.gt_from_bytes, octets) is WrongLength
    modulus = pair.params.p.to_bytes(size, "big")
    for at in range(12):
        assert outcome(pair.N.gt_from_bytes, one[: at * size] + modulus + one[(at + 1) * size :]) is NonCanonical


@pytest.mark.parametrize("name", ["BLS381", "BN254CX", "FP256BN"])
def test_values_of_the_original_library(shared_vectors: Path, name: str) -> None:
    values = json.loads((shared_vectors / "oracle" / f"{name}.json").read_text())
    E = backend.load("native").curve(values["curve"])
    assert E.gt_to_bytes(E.pairing(E.g1_generator(), E.g2_generator())).hex() == values["pair_gen"]
    for key in (key for key in values if key.startswith("map_in_")):
        h, number = bytes.fromhex(values[key]), key.removeprefix("map_in_")
        assert "04" + b"".join(E.g1_to_affine(E.g1_map_original(h))).hex() == values[f"map1_{number}"]
        assert b"".join(E.g2_to_affine(E.g2_map_original(h))).hex() == values[f"map2_{number}"]
