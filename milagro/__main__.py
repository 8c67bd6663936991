"""`python -m milagro` is the command `milagro`."""

from __future__ import annotations

from milagro.cli import main

if __name__ == "__main__":
    main()
