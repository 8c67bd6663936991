from __future__ import annotations

import inspect

import pytest

from milagro import errors

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.MilagroError)]


@pytest.mark.parametrize("kind", TREE)
def test_every_error_has_a_place_and_a_status(kind: type[errors.MilagroError]) -> None:
    error = kind() if kind is errors.AuthenticationFailed else kind("what was wrong")
    status = errors.status_of(error)
    assert 400 <= status.http < 600
    assert status.exit_code > 0
    assert status.grpc.isupper()


def test_a_subclass_is_not_hidden_behind_its_parent() -> None:
    assert errors.status_of(errors.AuthenticationFailed()).http == 401
    assert errors.status_of(errors.InvalidSignature("no")).http == 403
    assert errors.status_of(errors.NotFound("no")).http == 404
    assert errors.status_of(errors.Expired("no")).http == 410


def test_authentication_fails_with_one_text() -> None:
    assert str(errors.AuthenticationFailed()) == "authentication failed"


def test_config_errors_show_every_problem() -> None:
    error = errors.ConfigError("two faults", ["first", "second"])
    assert error.problems == ("first", "second")
    assert str(error) == "two faults\n  - first\n  - second"


def test_invalid_share_names_culprits() -> None:
    assert errors.InvalidShare("bad", [2, "dta-1"]).culprits == (2, "dta-1")
