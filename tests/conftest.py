"""Fixtures for every suite: both backends, all curves, and the vectors from outside the project."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from milagro import backend, params
from milagro.errors import BackendUnavailable
from milagro.groups import Curve, curve

pytest_plugins = ["tests.canaries", "tests.tokens"]

_RECURSION_LIMIT = sys.getrecursionlimit()
_ROOT = Path(__file__).resolve().parent.parent


def pytest_runtest_setup() -> None:
    """py_ecc raises the limit when it is imported, and then a nested document overflows the stack of C."""
    sys.setrecursionlimit(_RECURSION_LIMIT)


def missing(reason: str) -> NoReturn:
    """Skip the test where something is absent from a developer's machine; fail where CI promises to have it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require_backend(name: str) -> str:
    """`name`, if that backend can be loaded."""
    try:
        backend.load(name)
    except BackendUnavailable as error:
        missing(str(error))
    return name


@pytest.fixture(params=backend.NAMES, scope="session")
def backend_name(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return require_backend(request.param)


@pytest.fixture(scope="session")
def both_backends() -> tuple[str, ...]:
    """The names of the backends, for a test that compares them."""
    return tuple(require_backend(name) for name in backend.NAMES)


@pytest.fixture(params=params.NAMES, scope="session")
def curve_name(request: pytest.FixtureRequest) -> str:
    """Each curve's canonical name in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def any_curve(curve_name: str, backend_name: str) -> Curve:
    """Each curve on each backend."""
    return curve(curve_name, backend=backend_name)


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    """The folder of test vectors from outside the project."""
    folder = _ROOT.parent / "shared" / "vectors"
    if not folder.is_dir():
        missing(f"the outside vectors are not at {folder.relative_to(_ROOT.parent)} next to the project")
    return folder
