from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from milagro._reference import curve
from milagro.params import NAMES

if TYPE_CHECKING:
    from milagro._reference.ops import ReferenceCurve


@pytest.fixture(params=NAMES, scope="session")
def ops(request: pytest.FixtureRequest) -> ReferenceCurve:
    """The reference operations of each curve."""
    return curve(request.param)


@pytest.fixture
def rng(ops: ReferenceCurve) -> random.Random:
    """Numbers that look random and are the same in every run."""
    return random.Random(ops.name)
