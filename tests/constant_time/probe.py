"""The instruments of these tests: a small C library, and the memory of the values that Python only has handles of."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("probe.c")
MEMCHECK_HEADER = "valgrind/memcheck.h"
NUMBERS = {"Scalar": 1, "G1": 3, "G2": 6, "GT": 12}  # of one scalar or element of Fp, in a handle
_SIZE, _ADDRESS = ctypes.c_size_t, ctypes.c_void_p


def compiler() -> list[str] | None:
    """The C compiler that this Python was built with, or $CC; None if there is none."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    return command if shutil.which(command[0]) else None


def has_memcheck_header(cc: list[str]) -> bool:
    """Whether the compiler finds the header with memcheck's client requests."""
    program = f"#include <{MEMCHECK_HEADER}>\n"
    run = subprocess.run([*cc, "-E", "-x", "c", "-"], input=program, text=True, capture_output=True, check=False)
    return run.returncode == 0


def build(cc: list[str], folder: Path, *, memcheck: bool) -> Path:
    """The compiled library."""
    library = folder / "probe.so"
    flags = ["-O2", "-shared", "-fPIC", *(["-DWITH_MEMCHECK"] if memcheck else [])]
    subprocess.run([*cc, *flags, str(SOURCE), "-o", str(library)], check=True)
    return library


def memory_of(value: Any) -> tuple[int, int]:
    """Address and size of the octets of a bytes object, the digits of an int, or the number in a native handle.

    The number of a handle stands behind the fields of `Handle`, which all kinds share, and before any notes about it.
    """
    kind = type(value)
    if kind is bytes:
        return id(value) + bytes.__basicsize__ - 1, len(value)
    if kind is int:
        return id(value) + int.__basicsize__, value.__sizeof__() - int.__basicsize__
    shared = kind.__mro__[1].__basicsize__
    words = int(re.findall(r"\.w(\d+)", kind.__module__)[0])
    size = 8 * words * NUMBERS[kind.__name__]
    assert shared + size <= kind.__basicsize__
    return id(value) + shared, size


class Probe:
    """The library, once loaded. Its calls keep the interpreter's lock, so nothing else runs in between."""

    def __init__(self, library: Path) -> None:
        self._c = ctypes.PyDLL(str(library))
        for name in ("hide", "hidden", "leak_branch", "leak_index"):
            if hasattr(self._c, f"probe_{name}"):
                getattr(self._c, f"probe_{name}").argtypes = [_ADDRESS, _SIZE]
        if hasattr(self._c, "probe_hidden"):
            self._c.probe_hidden.restype = self._c.probe_reports.restype = _SIZE

    def on_valgrind(self) -> bool:
        return bool(self._c.probe_on_valgrind())

    def hide(self, value: Any, public: int = 0) -> Any:
        """`value`, secret from now on but for its first `public` octets."""
        address, size = memory_of(value)
        self._c.probe_hide(address + public, size - public)
        return value

    def hidden(self, value: Any) -> int:
        """How many octets of `value` depend on a secret."""
        return int(self._c.probe_hidden(*memory_of(value)))

    def watch(self, on: bool) -> None:
        self._c.probe_watch(int(on))

    def reports(self) -> int:
        return int(self._c.probe_reports())

    def say(self, text: str) -> None:
        """A line in valgrind's log."""
        self._c.probe_say(text.encode())

    def times(self, function: Any, arguments: list[tuple[Any, ...]]) -> list[int]:
        """How long each call function(*arguments[i]) takes, in cycles where the processor counts them."""
        count, api = len(arguments), ctypes.pythonapi
        times = (ctypes.c_uint64 * count)()
        pointers = (_ADDRESS * count)(*map(id, arguments))
        call, drop = (ctypes.cast(f, _ADDRESS) for f in (api.PyObject_CallObject, api.Py_DecRef))
        self._c.probe_run(call, drop, ctypes.py_object(function), pointers, times, _SIZE(count))
        return list(times)

    def function(self, name: str) -> Any:
        """A function of the library as it is; it takes an address and a size."""
        return getattr(self._c, f"probe_{name}")

    # -- planted leaks -------------------------------------------------------------------------------------------
    def leak_branch(self, scalar: Any) -> None:
        address, size = memory_of(scalar)
        self._c.probe_leak_branch(address, size // 8)

    def leak_index(self, scalar: Any) -> None:
        address, size = memory_of(scalar)
        self._c.probe_leak_index(address, size // 8)

    def leak_comparison(self, left: Any, right: Any) -> None:
        # The answer stays in C: Python would look at it
        (address, size), (other, _) = memory_of(left), memory_of(right)
        self._c.probe_leak_comparison(_ADDRESS(address), _ADDRESS(other), _SIZE(size // 8))
