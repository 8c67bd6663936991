"""The table of the certification's modules names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE.parents[2] / "docs" / "relying-parties" / "conformance.md"
PLANS = ("test_basic_op.py", "test_config_op.py", "test_logout.py")


def test_each_module_of_the_table_has_a_test_of_its_name_and_the_other_way_round() -> None:
    named = {name for name in re.findall(r"`(oidcc-[a-z0-9-]+)`", TABLE.read_text()) if not name.endswith("-test-plan")}
    text = "".join((HERE / name).read_text() for name in PLANS)
    tested = {name.replace("_", "-") for name in re.findall(r"def test_(oidcc_[a-z0-9_]+)\(", text)}
    assert named == tested
    assert len(named) == 53
