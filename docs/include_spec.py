"""Puts the specifications, which live in spec/ beside the code, into the documentation site."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

SPEC = Path(__file__).resolve().parent.parent / "spec"


def on_files(files: Files, *, config: Any) -> Files:
    """Adds each spec/*.md as a page of its own."""
    for path in sorted(SPEC.glob("*.md")):
        files.append(File.generated(config, f"spec/{path.name}", abs_src_path=str(path)))
    return files
