"""Every malformed string of the catalogue is refused, with exactly the error that the catalogue expects."""

from __future__ import annotations

from collections import Counter

import pytest

from milagro.errors import MilagroError, NotInSubgroup, ParameterError, WrongLength
from milagro.groups import Curve, Encoding
from tests.groups.malformed import malformed


def outcome(E: Curve, case: object) -> str:
    try:
        case.read(E)
    except MilagroError as error:
        return type(error).__name__
    return "accepted"


def test_each_malformed_string_is_refused_with_its_error(any_curve: Curve) -> None:
    wrong = [
        f"{case.target} {encoding} {case.kind}: {got} instead of {case.error.__name__}"
        for encoding in any_curve.encodings
        for case in malformed(any_curve, encoding)
        if (got := outcome(any_curve, case)) != case.error.__name__
    ]
    assert not wrong


def test_the_catalogue_is_not_thin(any_curve: Curve) -> None:
    for encoding in any_curve.encodings:
        cases = list(malformed(any_curve, encoding))
        assert len(cases) >= 120
        assert len({(case.target, case.kind) for case in cases}) == len(cases)
        per_target = Counter(case.target for case in cases)
        assert min(per_target["G1"], per_target["G2"], per_target["GT"]) >= 30
        assert sum(case.error is NotInSubgroup for case in cases if case.target == "G2") >= 6


def test_the_identity_is_read_only_where_it_is_allowed(any_curve: Curve) -> None:
    E = any_curve
    for encoding in set(E.encodings) - {Encoding.MILAGRO, Encoding.MILAGRO_COMPRESSED}:
        assert E.g1_from_bytes(E.g1_identity.to_bytes(encoding), encoding, allow_identity=True).is_identity()
        assert E.g2_from_bytes(E.g2_identity.to_bytes(encoding), encoding, allow_identity=True).is_identity()
    assert E.gt_from_bytes(E.gt_one.to_bytes(), allow_identity=True).is_one()


def test_allowing_the_identity_allows_nothing_else(any_curve: Curve) -> None:
    E = any_curve
    for case in malformed(E, E.default_encoding):
        if case.target in ("G1", "G2") and case.error.__name__ != "IdentityElement":
            read = E.g1_from_bytes if case.target == "G1" else E.g2_from_bytes
            with pytest.raises(case.error):
                read(case.octets, case.encoding, allow_identity=True)


@pytest.mark.parametrize("value", ["00", 5, None, [0, 1], 1.5, {"a": 1}])
def test_what_is_not_octets_is_a_parameter_error(any_curve: Curve, value: object) -> None:
    E = any_curve
    for read in (
        E.g1_from_bytes,
        E.g2_from_bytes,
        E.gt_from_bytes,
        E.scalar_from_bytes,
        E.scalar_reduce,
        E.map_to_g1_original,
    ):
        with pytest.raises(ParameterError, match="octets"):
            read(value)
    with pytest.raises(ParameterError, match="octets"):
        E.hash_to_g1(value, b"tag")


def test_an_encoding_of_another_curve_is_a_parameter_error(any_curve: Curve) -> None:
    E = any_curve
    missing = set(Encoding) - set(E.encodings)
    assert missing
    for encoding in missing:
        with pytest.raises(ParameterError, match="has no point encoding"):
            E.g1.to_bytes(encoding)
        with pytest.raises(ParameterError, match="has no point encoding"):
            E.g2_from_bytes(b"", encoding)


def test_a_refusal_shows_no_octets_of_what_it_refused(any_curve: Curve) -> None:
    E = any_curve
    for case in malformed(E, E.default_encoding):
        try:
            case.read(E)
        except MilagroError as error:
            text = str(error)
            assert case.octets[1:9].hex() not in text or len(case.octets) < 9


def test_scalar_writes_no_less_than_it_needs(any_curve: Curve) -> None:
    with pytest.raises(WrongLength):
        any_curve.scalar(5).to_bytes(any_curve.scalar_bytes - 1)
