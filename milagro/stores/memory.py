"""Keeping this process's memory to itself: never swapped out, never in a core dump, as far as the system lets us."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_PR_SET_DUMPABLE = 4
_CAP_IPC_LOCK = 14
_STATUS: Final = Path("/proc/self/status")
_UID_MAP: Final = Path("/proc/self/uid_map")
_SPARE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Protection:
    """What was achieved. `locked` is `all`, `present` (what was there at the start) or `none`, with the reason."""

    locked: str
    reason: str
    core_dumps: bool
    traceable: bool


def protect() -> Protection:
    """Locks memory and refuses core dumps and debuggers, for the life of this process; nothing is raised.

    A lock that later allocations could run into is not set: with a limit on locked memory that holds for new memory
    too, the kernel would refuse that memory, or end the process when its stack grows.
    """
    core_dumps = not _refuse_core_dumps()
    traceable = not _refuse_tracing()
    locked, reason = _lock()
    return Protection(locked, reason, core_dumps, traceable)


def _refuse_core_dumps() -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return False
    return True


def _refuse_tracing() -> bool:
    """PR_SET_DUMPABLE 0: no core dump by a handler either, and no other process of this user reads this memory."""
    if sys.platform != "linux":
        return False
    return int(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0


def _lock() -> tuple[str, str]:
    if sys.platform != "linux":
        return "none", "this system has no mlockall"
    limit = _raised_limit()
    if limit == resource.RLIM_INFINITY or _may_lock_all():
        # On fault: without it every thread's whole stack would be filled at once.
        return _mlockall("all", _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)
    if _size() + _stack_growth() + _SPARE <= limit:
        return _mlockall("present", _MCL_CURRENT | _MCL_ONFAULT)
    return "none", f"RLIMIT_MEMLOCK is {limit >> 10} KiB; set LimitMEMLOCK=infinity, or turn swap off"


def _raised_limit() -> int:
    """The limit on locked memory, after raising it as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    return hard


def _may_lock_all() -> bool:
    """Whether the kernel holds no limit against this process: in a user namespace the capability does not count."""
    whole_system = _UID_MAP.read_bytes().split() == [b"0", b"0", b"4294967295"]
    return whole_system and bool(int(_status("CapEff"), 16) >> _CAP_IPC_LOCK & 1)


def _size() -> int:
    """All of the process's address space: what the kernel holds against the limit."""
    return int(_status("VmSize").split()[0]) << 10


def _stack_growth() -> int:
    soft = resource.getrlimit(resource.RLIMIT_STACK)[0]
    return 1 << 62 if soft == resource.RLIM_INFINITY else soft


def _status(field: str) -> str:
    for line in _STATUS.read_bytes().splitlines():
        name, _, value = line.partition(b":")
        if name == field.encode():
            return value.strip().decode()
    return "0"


def _mlockall(name: str, flags: int) -> tuple[str, str]:
    library = ctypes.CDLL(None, use_errno=True)
    if library.mlockall(flags) == 0:
        return name, "" if name == "all" else "RLIMIT_MEMLOCK is too low for memory that is yet to come"
    return "none", f"mlockall: {os.strerror(ctypes.get_errno())}"
