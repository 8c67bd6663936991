"""The link checker must see every kind of broken link."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTED = "## One {#one}\n\nText.\n\nCode: milagro.octets.frame · Tests: tests/one.py\n"
SECTION = "## One {#one}\n\nText.\n\nCode: milagro.octets.frame · Vectors: vectors/one.json\n"


@pytest.fixture(scope="module")
def check_spec() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_spec", ROOT / "tools" / "check_spec.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_spec"] = module
    spec.loader.exec_module(module)
    return module


def tree(root: Path, section: str = SECTION, reference: str = "spec/a.md#one") -> Path:
    (root / "spec").mkdir()
    (root / "vectors").mkdir()
    (root / "tests").mkdir()
    (root / "tests" / "two.py").write_text('"""Spec: spec/a.md#other"""\n', encoding="utf-8")
    (root / "spec" / "a.md").write_text(section, encoding="utf-8")
    (root / "vectors" / "one.json").write_text(
        json.dumps({"spec": reference, "cases": [{"id": "x"}]}), encoding="utf-8"
    )
    return root


def test_the_projects_own_links_hold(check_spec: ModuleType) -> None:
    assert check_spec.problems() == []


@pytest.mark.parametrize(
    ("section", "reference", "complaint"),
    [
        (
            SECTION.replace("octets.frame", "octets.no_such_name"),
            "spec/a.md#one",
            "there is no milagro.octets.no_such_name",
        ),
        (SECTION, "spec/a.md#one", "does not name the section"),
        (SECTION.replace("one.json", "two.json"), "spec/a.md#one", "there is no vector file vectors/two.json"),
        (SECTION, "spec/a.md#two", "spec/a.md#two does not exist"),
        (SECTION, "spec/a.md#two", "holds no case of it"),
        (TESTED, "spec/a.md#one", "there is no test file tests/one.py"),
        (TESTED.replace("one.py", "two.py"), "spec/a.md#one", "tests/two.py does not name it"),
        (SECTION + SECTION, "spec/a.md#one", "the id stands twice"),
        ("## One {#one}\n\nText.\n", "spec/a.md#one", "no line 'Code"),
        ("## One\n", "spec/a.md#one", "no normative section"),
    ],
)
def test_a_broken_link_is_named(
    check_spec: ModuleType, tmp_path: Path, section: str, reference: str, complaint: str
) -> None:
    found = check_spec.problems(tree(tmp_path, section, reference))
    assert any(complaint in problem for problem in found), found
