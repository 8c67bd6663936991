"""Parties in processes of their own, each with a database of what it has received, as tests start and kill them."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, Table, Text

ROOT = Path(__file__).resolve().parents[2]


def envelope(name: str, number: int) -> bytes:
    """Envelope `number` of a party: some hundred octets that nobody else sends."""
    return hashlib.shake_128(f"{name} {number}".encode()).digest(100 + number % 400)


def expected(sender: str, count: int) -> list[tuple[int, str]]:
    """What arrives of a sender, once and in order."""
    return [(number, hashlib.sha256(envelope(sender, number)).hexdigest()) for number in range(1, count + 1)]


def received_table(metadata: MetaData) -> Table:
    """Where a party writes what it receives."""
    return Table(
        "received",
        metadata,
        Column("position", Integer, primary_key=True, autoincrement=True),
        Column("sequence", Integer, nullable=False),
        Column("digest", Text, nullable=False),
    )


def received(database: Path) -> list[tuple[int, str]]:
    """Number and digest of all that was received, in the order of arrival."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT sequence, digest FROM received ORDER BY position").fetchall()


class Party:
    """One party, of `module`, that takes `count` envelopes."""

    def __init__(self, module: str, name: str, database: Path, count: int) -> None:
        self.module, self.name, self.database, self.count = module, name, database, count
        self.process: subprocess.Popen[str] | None = None

    def launch(self, **options: object) -> None:
        """Starts its process with these options."""
        given = {"name": self.name, "count": self.count, "loss": 0.8, **options}
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, *(f"--{key}={value}" for key, value in given.items())],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        """kill -9, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def arrived(self) -> list[tuple[int, str]]:
        """What it has received so far."""
        try:
            return received(self.database)
        except sqlite3.Error:  # the database is not there yet
            return []

    def wait_for(self, count: int, deadline: float) -> None:
        """Until it has received so many; it has to live until then."""
        while len(self.arrived()) < count:
            assert time.monotonic() < deadline, f"{self.name} has {len(self.arrived())} of {self.count}"
            assert self.process is not None
            assert self.process.poll() is None
            time.sleep(0.1)
