"""BLS: a batch names exactly the signatures that are not valid by themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from milagro.errors import InvalidSignature, ParameterError
from milagro.groups import Curve, curve
from milagro.params import NAMES
from milagro.protocols.bls import batch, ietf, original
from tests.protocols.batch.sources import all_equal, random_from


@dataclass
class Form:
    """One form of signatures on one curve."""

    E: Curve
    key: Callable[[Any], Any]
    sign: Callable[[Any, bytes], Any]
    single: Callable[..., None]
    many: Callable[..., None]
    suite: ietf.Suite | None = None

    def triple(self, signer: int, message: bytes) -> tuple[Any, bytes, Any]:
        s = self.E.scalar(1000 + signer)
        return self.key(s), message, self.sign(s, message)

    def culprits(self, triples: list[Any], source: Callable[[int], bytes] | None = None) -> tuple[int, ...]:
        """Whom the batch names, which is never nobody."""
        try:
            self.many(triples, source or random_from("weights"))
        except batch.InvalidSignatures as error:
            return error.culprits or (-1,)
        return ()

    def one_by_one(self, triples: list[Any]) -> tuple[int, ...]:
        bad = []
        for i, triple in enumerate(triples):
            try:
                self.single(*triple)
            except InvalidSignature:
                bad.append(i)
        return tuple(bad)


def ietf_form(E: Curve, placement: ietf.Placement, scheme: ietf.Scheme = ietf.Scheme.BASIC) -> Form:
    suite = ietf.Suite(E, placement, scheme)
    return Form(
        E,
        lambda s: ietf.public_key(suite, s),
        lambda s, m: ietf.sign(suite, s, m),
        lambda *triple: ietf.verify(suite, *triple),
        lambda triples, random: batch.verify_batch(suite, triples, random),
        suite,
    )


def original_form(E: Curve) -> Form:
    return Form(
        E,
        lambda s: original.public_key(E, s),
        lambda s, m: original.sign(E, s, m),
        lambda *triple: original.verify(E, *triple),
        lambda triples, random: batch.verify_batch_original(E, triples, random),
    )


@pytest.fixture(scope="module", params=["min-pk", "min-sig", "original"])
def form(request: pytest.FixtureRequest, backend_name: str) -> Form:
    if request.param == "original":
        return original_form(curve("BN254", backend=backend_name))
    return ietf_form(curve("BLS12-381", backend=backend_name), ietf.Placement(request.param))


def triples(form: Form, signers: str, messages: str) -> list[Any]:
    return [form.triple(int(s), m.encode()) for s, m in zip(signers, messages, strict=True)]


# every shape of grouping: all distinct, one key, one message, both mixed, one triple twice
SHAPES = [("0123", "abcd"), ("0000", "abcd"), ("0123", "aaaa"), ("0011", "abab"), ("0012", "aabb"), ("0101", "abab")]


@pytest.mark.parametrize(("signers", "messages"), SHAPES)
def test_good_signatures_pass_however_they_are_grouped(form: Form, signers: str, messages: str) -> None:
    form.many(triples(form, signers, messages), random_from("good"))


@pytest.mark.parametrize(("signers", "messages"), SHAPES[::3])
@pytest.mark.parametrize("bad", range(4))
def test_one_bad_signature_is_named_at_each_place(form: Form, signers: str, messages: str, bad: int) -> None:
    made = triples(form, signers, messages)
    key, message, signature = made[bad]
    made[bad] = (key, message, -signature)
    assert form.culprits(made) == (bad,) == form.one_by_one(made)


def test_every_set_of_bad_signatures_is_named(form: Form) -> None:
    good = triples(form, "011", "abb")
    for bad in itertools.chain.from_iterable(itertools.combinations(range(3), k) for k in range(1, 4)):
        made = [(k, m, s + s if i in bad else s) for i, (k, m, s) in enumerate(good)]
        assert form.culprits(made) == bad


def cancelling(form: Form, signers: str, messages: str) -> list[Any]:
    made = triples(form, signers, messages)
    D = made[0][2] * form.E.scalar(4711)
    made[0], made[2] = (*made[0][:2], made[0][2] + D), (*made[2][:2], made[2][2] - D)
    return made


@pytest.mark.parametrize(("signers", "messages"), SHAPES)
def test_two_faults_that_cancel_each_other_are_both_named(form: Form, signers: str, messages: str) -> None:
    made = cancelling(form, signers, messages)
    assert form.culprits(made) == (0, 2) == form.one_by_one(made)


def test_the_random_weights_are_what_names_them(form: Form) -> None:
    assert form.culprits(cancelling(form, "0123", "abcd"), all_equal) == ()


def test_signatures_that_changed_their_owners_are_named(form: Form) -> None:
    (k0, m0, s0), (k1, m1, s1), last = triples(form, "012", "aab")
    assert form.culprits([(k0, m0, s1), (k1, m1, s0), last]) == (0, 1)
    assert form.culprits([(k1, m0, s0), (k0, m1, s1), last]) == (0, 1)


def test_another_message_or_key_is_named(form: Form) -> None:
    good = triples(form, "012", "abc")
    (k, m, s), (k1, _, _), last = good
    assert form.culprits([(k, b"x", s), good[1], last]) == (0,)
    assert form.culprits([(k1, m, s), good[1], last]) == (0,)


def test_the_identity_is_no_key_and_no_signature(form: Form) -> None:
    """Both together satisfy the equation, and must be refused all the same."""
    good = triples(form, "01", "ab")
    key, message, signature = good[0]
    no_key, no_signature = key - key, signature - signature
    for fault in ((no_key, message, no_signature), (no_key, message, signature), (key, message, no_signature)):
        assert form.culprits([fault, good[1]]) == (0,)
        assert form.culprits([good[1], fault]) == (1,)
        assert form.culprits([fault]) == (0,)
    assert form.culprits([(no_key, b"", no_signature)] * 3) == (0, 1, 2)


def test_no_signature_and_one(form: Form) -> None:
    form.many([], random_from("none"))
    (key, message, signature) = form.triple(0, b"m")
    form.many([(key, message, signature)], random_from("one"))
    assert form.culprits([(key, message, -signature)]) == (0,)
    assert form.culprits([(key, b"other", signature)]) == (0,)


def test_the_error_names_the_places_and_is_an_invalid_signature(form: Form) -> None:
    key, message, signature = form.triple(0, b"m")
    with pytest.raises(InvalidSignature, match=r"do not match: 1, 2"):
        form.many([(key, message, signature), *[(key, message, -signature)] * 2], random_from("text"))


def test_a_point_of_the_wrong_group_is_refused(form: Form) -> None:
    good = form.triple(0, b"m")
    key, message, signature = form.triple(1, b"n")
    with pytest.raises(ParameterError):
        form.many([good, (signature, message, key)], random_from("group"))


@pytest.mark.parametrize("placement", ietf.Placement)
@pytest.mark.parametrize("scheme", ietf.Scheme)
def test_every_scheme(placement: ietf.Placement, scheme: ietf.Scheme, backend_name: str) -> None:
    form = ietf_form(curve("BLS12-381", backend=backend_name), placement, scheme)
    made = triples(form, "0102", "aabb")
    assert form.culprits(made) == ()
    made[2] = (made[2][0], b"a", made[2][2])
    assert form.culprits(made) == (2,)


@pytest.mark.parametrize("name", NAMES)
def test_every_curve_in_the_original_form(name: str, backend_name: str) -> None:
    form = original_form(curve(name, backend=backend_name))
    made = triples(form, "012", "aba")
    assert form.culprits(made) == ()
    made[1] = (made[1][0], made[1][1], -made[1][2])
    assert form.culprits(made) == (1,)


@pytest.mark.parametrize(
    ("signers", "messages", "count"), [("0123", "abcd", 5), ("0000", "abcd", 2), ("0123", "aaaa", 2)]
)
def test_equal_keys_or_messages_save_pairings(
    form: Form, signers: str, messages: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    check = Curve.pairing_check

    def noted(E: Curve, pairs: Any) -> bool:
        pairs = list(pairs)
        seen.append(len(pairs))
        return check(E, pairs)

    made = triples(form, signers, messages)
    monkeypatch.setattr(Curve, "pairing_check", noted)
    form.many(made, random_from("count"))
    assert seen == [count]
