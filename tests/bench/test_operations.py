"""Each measured operation runs, does what its name says, and is left out with a reason where the library lacks it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench import operations, peers
from bench.logins import Login, Server
from bench.operations import MESSAGE, OPERATIONS, SCALARS, NotBuilt, Operands, Operation, build, build_from, need
from milagro.errors import AuthenticationFailed
from milagro.groups import Curve, curve

REQUIRED = {
    "g1_mul", "g2_mul", "pairing", "pairing_fixed", "pairing_product2", "pairing_product2_fixed", "hash_to_g1",
    "hash_to_g2", "mpin_verify", "mpin_verify_batch64", "mpin_verify_batch1024", "pairing_batch8", "gt_exp",
    "msm_1024", "bls_verify",
}  # fmt: skip
HEAVY = {"msm_1024", "msm_1024_threads", "mpin_verify_batch1024"}
LABELS = ["BN254", "BLS12-381", "BN_SNARK1", "BN254CX", "FP256BN", "BN462"]


@pytest.fixture(scope="module")
def bn254(both_backends: tuple[str, ...]) -> Curve:
    return curve("BN254", backend=both_backends[0])


def test_every_operation_that_is_promised_has_a_builder() -> None:
    assert not REQUIRED - set(OPERATIONS)


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - HEAVY))
@pytest.mark.parametrize("curve_name", ["BN254", "BLS12-381"])
def test_an_operation_runs_or_says_what_is_missing(curve_name: str, name: str) -> None:
    built, left_out = build(curve(curve_name), names=[name])
    assert (name in built) != (name in left_out)
    assert all(why.startswith("not built: ") for why in left_out.values())


def test_what_the_library_lacks_is_named() -> None:
    with pytest.raises(NotBuilt, match="no prepare or ready"):
        need(SimpleNamespace(), "prepare", "ready")
    assert need(SimpleNamespace(ready=3), "prepare", "ready") == 3


def test_an_operation_that_fails_is_no_missing_operation(monkeypatch: pytest.MonkeyPatch, bn254: Curve) -> None:
    def broken(_: Operands) -> Operation:
        return Operation(lambda: 1 // 0)

    monkeypatch.setitem(operations.OPERATIONS, "broken", broken)
    with pytest.raises(ZeroDivisionError):
        build_from(Operands(bn254, MESSAGE, SCALARS), ["broken"])


def test_the_timed_logins_are_right_ones_of_different_users(bn254: Curve) -> None:
    server = Server(bn254)
    first, second = server.logins(2)
    assert first.identity != second.identity
    server.verify(first)
    server.verify(second)
    with pytest.raises(AuthenticationFailed):
        server.verify(Login(first.identity, first.U, second.V, first.y))


def test_a_scalar_above_the_order_is_taken_modulo_it(bn254: Curve) -> None:
    o = Operands(bn254, MESSAGE, (bn254.order + 5, 7))
    assert o.k1 == bn254.scalar(5)


@pytest.fixture
def two_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(E: Curve, message: bytes, scalars: tuple[int, int]) -> Any:
        built, left_out = build(E, message, scalars, ["g1_mul"])
        return built | {"pairing_batch8": Operation(list, 8)}, left_out | {"msm_1024": "not built: it"}

    monkeypatch.setattr(peers, "build", few)


@pytest.mark.usefixtures("two_operations", "bn254")
def test_the_door_for_a_harness_has_six_labels_with_callables_and_divisors() -> None:
    groups = peers.bench_peers(b"message", (2**250, 2**249))
    assert [label for label in groups if label.startswith("milagro:")] == [f"milagro:{name}" for name in LABELS]
    for name in LABELS:
        group = groups[f"milagro:{name}"]
        assert group["curve"] == name
        assert list(group["ops"]) == ["g1_mul", "pairing_batch8"]
        assert all(callable(run) for run in group["ops"].values())
        assert group["note"] == "pairing_batch8 is a whole batch: divide by 8; msm_1024: not built: it"


@pytest.mark.usefixtures("bn254")
def test_a_batch_whose_divisor_is_not_written_down_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "build", lambda *_: ({"pairing_batch8": Operation(list, 4)}, {}))
    with pytest.raises(AssertionError, match="pairing_batch8"):
        peers.bench_peers(b"message", (5, 7))
