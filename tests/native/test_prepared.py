"""Prepared points of G2: the same values as plain ones, in every mixture, and nothing to be seen of them."""

from __future__ import annotations

import copy
import itertools
import pickle
import random

import pytest

from milagro.errors import ParameterError

from .conftest import Pair, outcome


def test_a_prepared_point_has_the_pairings_of_the_point(pair: Pair, rng: random.Random) -> None:
    P = pair.call("g1_mul", pair.call("g1_generator"), pair.scalars(rng.randrange(1, pair.params.r)))
    Q = pair.call("g2_mul", pair.call("g2_generator"), pair.scalars(rng.randrange(1, pair.params.r)))
    prepared = pair.call("g2_prepare", Q)
    f = pair.call("pairing", P, prepared)
    pair.same_gt(f)
    assert pair.N.gt_equal(f[0], pair.N.pairing(P[0], Q[0]))
    for left in (pair.N.g1_generator(), pair.N.g1_neg(P[0])):
        assert pair.N.gt_equal(pair.N.pairing(left, prepared[0]), pair.N.pairing(left, Q[0]))


def test_products_of_every_mixture(pair: Pair, rng: random.Random) -> None:
    N = pair.N
    ks = [pair.scalars(rng.randrange(1, pair.params.r))[0] for _ in range(6)]
    ps = [N.g1_mul(N.g1_generator(), k) for k in ks[:3]]
    qs = [N.g2_mul(N.g2_generator(), k) for k in ks[3:]]
    ready = [N.g2_prepare(q) for q in qs]
    for count in range(4):
        value = N.gt_one()
        for p, q in zip(ps[:count], qs, strict=False):
            value = N.gt_mul(value, N.pairing(p, q))
        for choice in itertools.product((0, 1), repeat=count):
            mixed = [(qs, ready)[bit][k] for k, bit in enumerate(choice)]
            assert N.gt_equal(N.pairing_product(ps[:count], mixed), value), choice


def test_checks_of_every_mixture(pair: Pair, rng: random.Random) -> None:
    N = pair.N
    k = pair.scalars(rng.randrange(2, pair.params.r))[0]
    G, H = N.g1_generator(), N.g2_generator()
    P, Q = N.g1_mul(G, k), N.g2_mul(H, k)
    for left, right in itertools.product((Q, N.g2_prepare(Q)), (H, N.g2_prepare(H))):
        assert N.pairing_check([G, N.g1_neg(P)], [left, right])
        assert N.gt_is_one(N.pairing_product([G, N.g1_neg(P)], [left, right]))
        assert not N.pairing_check([G, P], [left, right])
        assert not N.pairing_check([G, G], [left, right])
        assert N.pairing_check([G, N.g1_neg(G)], [left, left])


def test_identities(pair: Pair) -> None:
    N = pair.N
    G, H = N.g1_generator(), N.g2_generator()
    nothing = pair.call("g2_prepare", pair.call("g2_identity"))
    assert N.gt_is_one(N.pairing(G, nothing[0]))
    assert N.pairing_check([G], [nothing[0]])
    assert pair.R.gt_is_one(pair.R.pairing(pair.R.g1_generator(), nothing[1]))
    assert N.gt_is_one(N.pairing(N.g1_identity(), N.g2_prepare(H)))
    product = N.pairing_product([G, N.g1_identity(), G], [nothing[0], N.g2_prepare(H), N.g2_prepare(H)])
    assert N.gt_equal(product, N.pairing(G, H))


def test_what_a_pairing_does_not_take(pair: Pair) -> None:
    N = pair.N
    G, H = N.g1_generator(), N.g2_generator()
    for right in (None, G, N.gt_one(), N.scalar_reduce(b"\1"), b""):
        for left in (G, None, H):
            with pytest.raises(TypeError):
                N.pairing_product([left], [right])
    assert outcome(pair.R.pairing, pair.R.g1_generator(), pair.R.gt_one()) is ParameterError
    assert outcome(N.pairing_product, [G], [N.g2_prepare(H)] * 2) is ParameterError


def test_a_prepared_handle_tells_nothing(pair: Pair) -> None:
    handle = pair.N.g2_prepare(pair.N.g2_generator())
    assert repr(handle) == f"<native G2Prepared of {pair.params.name}>"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, bytes, memoryview):
        with pytest.raises(TypeError):
            attempt(handle)
    with pytest.raises(TypeError):
        type(handle)()
    assert [name for name in dir(handle) if not name.startswith("__")] == []


def test_a_prepared_handle_outlives_the_list_it_came_in(pair: Pair) -> None:
    N = pair.N
    value = N.pairing(N.g1_generator(), N.g2_generator())
    assert N.gt_equal(N.pairing(N.g1_generator(), N.g2_prepare(N.g2_generator())), value)


def test_powers_whose_parts_are_small_even_or_negative(pair: Pair, rng: random.Random) -> None:
    # k = a0 + a1 lam + a2 lam^2 + a3 lam^3 with parts at the ends of their range, lam = t - 1
    r, lam, u = pair.params.r, pair.params.t - 1, pair.params.u
    f = pair.call("pairing", pair.call("g1_generator"), pair.call("g2_generator"))
    parts = [0, 1, -1, 2, u, -u, u - 1, u // 2, rng.randrange(abs(u))]
    for _ in range(12):
        k = sum(rng.choice(parts) * lam**j for j in range(4)) % r
        pair.same_gt(pair.call("gt_exp", f, pair.scalars(k)))
        pair.same_gt(pair.call("gt_exp_vartime", f, pair.scalars(k)))
    for k in (lam, -lam, lam**2, lam**3, u, -u, u * u, 2 * u + 1):
        pair.same_gt(pair.call("gt_exp", f, pair.scalars(k % r)))
        assert pair.N.gt_equal(
            pair.N.gt_exp_vartime(f[0], pair.scalars(k % r)[0]), pair.N.gt_exp(f[0], pair.scalars(k % r)[0])
        )
    one = pair.call("gt_one")
    pair.same_gt(pair.call("gt_exp", one, pair.scalars(rng.randrange(r))))


def test_membership_needs_each_of_its_conditions(pair: Pair, rng: random.Random) -> None:
    N, params = pair.N, pair.params
    f = N.pairing(N.g1_generator(), N.g2_generator())
    x = b"".join(pair.octets(rng.randrange(params.p)) for _ in range(12))
    y = N.tower("fp12_mul", N.tower("fp12_conj", x), N.tower("fp12_inv", x))
    z = N.tower("fp12_mul", N.tower("fp12_frob", N.tower("fp12_frob", y)), y)
    assert N.gt_in_subgroup(f)
    for other in (x, y, z, bytes(12 * params.field_bytes)):
        g = N.gt_from_bytes(other)
        assert not N.gt_in_subgroup(g)
        assert not N.gt_in_subgroup(N.gt_mul(f, g))
        assert not pair.R.gt_in_subgroup(pair.R.gt_from_bytes(other))
