"""Network namespaces of a test's own: two bridges, a member behind each of their ports, and a link that can be cut.

Addresses and traffic stay in the namespaces, which nothing connects to the machine's network.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBC = ctypes.CDLL(None, use_errno=True)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def why_not() -> str:
    """Why this machine gives no namespaces; empty if it does."""
    if shutil.which("ip") is None:
        return "there is no `ip` here (iproute2)"
    try:
        with namespaces("x", "y"):
            return ""
    except OSError as error:
        return f"no network namespaces can be made here: {error}"


class Namespaces:
    """One namespace a member, and one with the bridges."""

    def __init__(self, left: str, right: str) -> None:
        self._mark = f"mlg{secrets.token_hex(3)}"
        self._hub, self._sides = f"{self._mark}-hub", {"left": left, "right": right}
        self.addresses = {name: f"10.213.7.{number}" for number, name in enumerate(left + right, 1)}

    def name(self, member: str) -> str:
        """The namespace of a member."""
        return f"{self._mark}-{member}"

    def make(self) -> None:
        """Makes all of it. Raises: OSError."""
        _ip("netns", "add", self._hub)
        for side in self._sides:
            self._in_hub("add", side, "type", "bridge")
            self._in_hub("set", side, "up")
        self._in_hub("add", "to-right", "type", "veth", "peer", "name", "to-left")
        self._in_hub("set", "to-right", "master", "left", "up")
        self._in_hub("set", "to-left", "master", "right", "up")
        for side, members in self._sides.items():
            for member in members:
                self._attach(member, side)

    def _attach(self, member: str, side: str) -> None:
        there = self.name(member)
        _ip("netns", "add", there)
        self._in_hub("add", f"port-{member}", "type", "veth", "peer", "name", "eth0", "netns", there)
        self._in_hub("set", f"port-{member}", "master", side, "up")
        _ip("-n", there, "address", "add", f"{self.addresses[member]}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", there, "link", "set", device, "up")

    def _in_hub(self, *arguments: str) -> None:
        _ip("-n", self._hub, "link", *arguments)

    def cut(self) -> None:
        """Nothing goes from one side to the other any more."""
        self._in_hub("set", "to-right", "down")

    def heal(self) -> None:
        """It does again."""
        self._in_hub("set", "to-right", "up")

    def remove(self) -> None:
        """Deletes the namespaces, and with them what is in them."""
        for name in (*map(self.name, self.addresses), self._hub):
            with suppress(OSError):
                _ip("netns", "del", name)

    @contextmanager
    def inside(self, member: str) -> Iterator[None]:
        """This thread's new sockets are where the member is."""
        with Path("/proc/thread-self/ns/net").open() as before, Path("/run/netns", self.name(member)).open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@contextmanager
def namespaces(left: str, right: str) -> Iterator[Namespaces]:
    """Members with names of one letter on two sides; all of it is gone afterwards."""
    made = Namespaces(left, right)
    try:
        made.make()
        yield made
    finally:
        made.remove()
