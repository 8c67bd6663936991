"""Memory that is locked where the system lets us, never so that a later allocation fails, and never dumped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import milagro
from milagro.stores import memory

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="mlockall and prctl as Linux has them")
GIB = 1 << 30
IPC_LOCK, SYS_RESOURCE = 14, 24

SCRIPT = """
import ctypes, json, mmap, os, resource, sys, threading
from dataclasses import asdict
from milagro.stores import memory

limit, user, address_space = (int(argument) for argument in sys.argv[1:])
if limit != 0:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
if user:
    os.setuid(user)
said = asdict(memory.protect())

def deep(level):  # the stack of the main thread grows
    return 0 if level == 0 else 1 + deep(level - 1)

sys.setrecursionlimit(20000)
held = [bytearray(1 << 20) for _ in range(100)]
threads = [threading.Thread(target=lambda: held.append(bytearray(1 << 20))) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
mmap.mmap(-1, address_space)
said["depth"] = deep(5000)
said["held"] = len(held)
said["locked_octets"] = int(memory._status("VmLck").split()[0]) << 10
said["resident_octets"] = int(memory._status("VmRSS").split()[0]) << 10
said["core_limit"] = resource.getrlimit(resource.RLIMIT_CORE)
said["dumpable"] = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(json.dumps(said))
"""


def protected(limit: int = 0, user: int = 0, address_space: int = 6 * GIB) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
    arguments = [sys.executable, "-c", SCRIPT, str(limit), str(user), str(address_space)]
    result = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    said: dict[str, Any] = json.loads(result.stdout)
    assert (said["held"], said["depth"]) == (120, 5000)
    return said


@LINUX
def test_nothing_is_dumped_and_what_is_said_is_so() -> None:
    said = protected()
    assert said["core_limit"] == [0, 0]
    assert said["dumpable"] == 0
    assert not said["core_dumps"]
    assert not said["traceable"]
    assert (said["locked_octets"] > 0) == (said["locked"] != "none")
    assert bool(said["reason"]) == (said["locked"] != "all")


def capable(capability: int) -> bool:
    return sys.platform == "linux" and bool(int(memory._status("CapEff"), 16) >> capability & 1)


@pytest.mark.skipif(not capable(IPC_LOCK), reason="this process has not the capability CAP_IPC_LOCK")
def test_all_memory_is_locked_without_filling_what_is_not_used() -> None:
    said = protected()
    if said["locked"] != "all":
        pytest.skip(said["reason"])
    assert said["locked_octets"] > 100 << 20
    assert said["resident_octets"] < GIB


@pytest.mark.skipif(not capable(SYS_RESOURCE), reason="this process may not raise its limits")
def test_with_room_under_the_limit_only_present_memory_is_locked() -> None:
    said = protected(limit=4 * GIB, user=65534)
    assert said["locked"] == "present"
    assert 0 < said["locked_octets"] < 4 * GIB
    assert "yet to come" in said["reason"]


@LINUX
def test_a_low_limit_leaves_memory_unlocked_and_says_what_to_do() -> None:
    if os.geteuid() != 0 and protected()["locked"] == "all":
        pytest.skip("this process may lock what it likes")
    said = protected(limit=1 << 20, user=65534 if os.geteuid() == 0 else 0)
    assert (said["locked"], said["locked_octets"]) == ("none", 0)
    assert "RLIMIT_MEMLOCK is 1024 KiB; set LimitMEMLOCK=infinity" in said["reason"]
