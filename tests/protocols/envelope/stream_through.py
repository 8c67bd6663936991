"""Seals and opens a payload of argv[1] MiB in one process, in pieces, and prints the peak of resident memory in KiB.

The payload is never there as a whole: what is sealed is opened at once.
"""

from __future__ import annotations

import hashlib
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from milagro.protocols.envelope import PrivateKeys, Reader, Sealing, Terms, open_into

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


class Counting:
    """A sink that keeps a hash and a length."""

    def __init__(self) -> None:
        self.length, self.hash, self.committed = 0, hashlib.sha256(), False

    def write(self, octets: bytes) -> None:
        self.length += len(octets)
        self.hash.update(octets)

    def commit(self) -> None:
        self.committed = True

    def abort(self) -> None:
        raise SystemExit("aborted")


def peak_kib() -> int:
    """The peak of resident memory since this program began; getrusage counts what was there before exec too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = status.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main(mebibytes: int) -> None:
    keys = PrivateKeys.generate(lambda count: b"\x42" * count)
    block, sent = hashlib.shake_256(b"block").digest(MIB), hashlib.sha256()
    sealing = Sealing(
        keys.signing, [keys.public.encryption], Terms("t", 1, signed_body=True), lambda count: b"\x17" * count
    )

    def pieces() -> Iterator[bytes]:
        yield sealing.head
        for number in range(mebibytes):
            piece = number.to_bytes(8, "big") + block[8:]
            sent.update(piece)
            yield from sealing.update(piece)
        yield from sealing.finish()

    sink = Counting()
    reader = Reader([keys.encryption], {keys.signing.public.id: keys.signing.public}, "t")
    opened = open_into(pieces(), reader, sink)
    if not (sink.committed and opened.length == sink.length == mebibytes * MIB):
        raise SystemExit("the length is wrong")
    if sink.hash.digest() != sent.digest():
        raise SystemExit("the payload is wrong")
    print(peak_kib())


if __name__ == "__main__":
    main(int(sys.argv[1]))
