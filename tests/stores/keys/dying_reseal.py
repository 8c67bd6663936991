"""Moves sealed files to another key and dies by SIGKILL before one call of the system; run by test_resealing.

Arguments: a folder with `start`, what moves where, and the module and PIN of a token. For N = 1, 2, .. it copies
`start` to `N` and forks a child that moves the copy's files and dies before its N-th call, until one gets to the end.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from milagro.stores.keys import DataKey, Sealer, reseal_file
from tests.stores.keys.moving import CONTEXT, NAMES, sealer

WATCHED = ("open", "fsync", "replace", "link", "unlink", "close")


def die_at(number: int) -> None:
    """From now on, the process kills itself before the call of this number."""
    left = [number]

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted

    for name in WATCHED:
        setattr(os, name, watched(getattr(os, name)))


def move(folder: Path, current: Sealer, previous: Sealer, what: str) -> None:
    if what == "rotate":
        DataKey.open(folder / "data.key", previous, CONTEXT).rotate()
        return
    for name in NAMES:
        reseal_file(folder / name, current, previous)


def main(place: Path, what: str) -> None:
    before, after = ("old", "new") if what == "rotate" else what.split("-")
    number, status = 0, -1
    while status != 0:
        number += 1
        shutil.copytree(place / "start", place / str(number))
        child = os.fork()
        if child == 0:
            current, previous = sealer(place, after), sealer(place, before)
            die_at(number)
            move(place / str(number), current, previous, what)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        assert status in {0, signal.SIGKILL}, status
    print(number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
