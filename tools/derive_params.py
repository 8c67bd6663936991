"""Rebuilds the curve modules of milagro/params from their seeds, proves what they claim and compares them.

python tools/derive_params.py              check every module against its seed; exit 1 with a diff if one differs
python tools/derive_params.py --verbose    the same, printing every claim that was proved
python tools/derive_params.py --write      write the modules anew, once everything about them is proved
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from curve_params.derivation import CANONICAL, Table, derive, read_inputs  # noqa: E402
from curve_params.proofs import prove  # noqa: E402
from curve_params.rendering import module_name, render  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULES = ROOT / "milagro" / "params"


def difference(name: str, rebuilt: str, found: str) -> list[str]:
    """The unified diff from the module as it is to the module as it is derived."""
    path = f"milagro/params/{module_name(name)}.py"
    lines = difflib.unified_diff(found.splitlines(), rebuilt.splitlines(), path, f"{path} (derived)", lineterm="")
    return list(lines)


def examine(name: str, given: Table, *, verbose: bool) -> tuple[str, bool]:
    """The module text derived from the inputs, and whether every claim in it was proved; prints those that fail."""
    curve = derive(name, given)
    proved = True
    for text, holds in prove(curve):
        proved = proved and holds
        if verbose or not holds:
            print(f"{name}: {text} ... {'ok' if holds else 'FAILED'}")
    return render(curve, given), proved


def compare(name: str, rebuilt: str, directory: Path) -> bool:
    """Whether a module in the directory is what its seed gives; prints the difference if not."""
    path = directory / f"{module_name(name)}.py"
    lines = difference(name, rebuilt, path.read_text(encoding="utf-8") if path.exists() else "")
    if lines:
        print("\n".join(lines))
    return not lines


def run(directory: Path, *, write: bool, verbose: bool, names: Sequence[str] = CANONICAL) -> int:
    """The exit code of a check, or of a rewrite, of the modules in a directory."""
    inputs = read_inputs()
    failed = []
    for name in names:
        rebuilt, proved = examine(name, inputs[name], verbose=verbose)
        if write and proved:
            (directory / f"{module_name(name)}.py").write_text(rebuilt, encoding="utf-8")
        elif not proved or not compare(name, rebuilt, directory):
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else f"{len(names)} curves {'written' if write else 'agree'}")
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare the modules with what their seeds give (default)")
    mode.add_argument("--write", action="store_true", help="write the modules anew")
    parser.add_argument("--verbose", action="store_true", help="print every claim that is proved")
    parser.add_argument("--modules", type=Path, default=MODULES, help="the directory of the modules")
    options = parser.parse_args(arguments)
    return run(options.modules, write=options.write, verbose=options.verbose)


if __name__ == "__main__":
    sys.exit(main())
