"""The first example of the library page does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from secrets import token_bytes

from milagro.groups import curve

PAGE = Path(__file__).resolve().parents[3] / "docs" / "library.md"


def test_the_example_runs() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    example = next(one for one in examples if "milagro.protocols.sharing" in one)
    E = curve("BLS12-381")
    exec(example, {"E": E, "k": E.random_scalar(token_bytes), "token_bytes": token_bytes})
