"""What the README says a newcomer can type is what continuous integration types."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)]


def test_two_commands_and_the_second_is_what_ci_runs() -> None:
    main_job, tests = commands()[:2]
    assert "milagro demo" in main_job
    assert tests in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
