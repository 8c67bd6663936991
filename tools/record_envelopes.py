"""Writes milagro/conformance/topics/_envelopes.py: what HPKE and ML-DSA make from randomness that cannot be given.

    python -m tools.record_envelopes

Needed when the format changes, and only then: every run gives other octets, and with them other vectors.
"""

from __future__ import annotations

from base64 import b85encode
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "milagro" / "conformance" / "topics" / "_envelopes.py"
HEAD = '''"""Octets in base85 that tools/record_envelopes.py made once: HPKE and ML-DSA draw their own randomness."""

from __future__ import annotations

from typing import Final

RECORDED: Final = {
'''


def main() -> None:
    """Makes and writes them."""
    if not MODULE.exists():
        MODULE.write_text(f"{HEAD}}}\n", encoding="utf-8")
    from milagro.conformance.topics.envelope import record  # noqa: PLC0415 - imports the module that is written

    entries = []
    for name, octets in record("native").items():
        lines = "\n".join(f'        "{line}"' for line in wrap(b85encode(octets).decode(), 108))
        entries.append(f'    "{name}": (\n{lines}\n    ),\n')
    MODULE.write_text(f"{HEAD}{''.join(entries)}}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
