"""A schema of two migrations, and a process that opens a database with it and may be killed inside the second.

`python -m tests.stores.upgrading FOLDER VERSION PATH-OR-URL [die]`
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table, Text

from milagro.stores.state import Schema, State

APPLICATION = 79
FIRST = """
from sqlalchemy import Column, Integer, String

revision, down_revision, compatible_from = "1", None, 1

def upgrade(op):
    op.create_table("user", Column("id", Integer, primary_key=True), Column("name", String, nullable=False))
"""
SECOND = """
import os, sys
from sqlalchemy import Column, Integer, String, text

revision, down_revision, compatible_from = "2", "1", {compatible_from}

def upgrade(op):
    op.add_column("user", Column("mail", String))
    op.execute(text('UPDATE "user" SET mail = name || \\'@example.org\\''))
    op.create_table("visit", Column("id", Integer, primary_key=True))
    with open(os.path.join(os.path.dirname(__file__), "runs.txt"), "a") as file:
        file.write("run\\n")
    if sys.argv[-1] == "die":
        os.kill(os.getpid(), 9)
    op.create_index("by_mail", "user", ["mail"])
"""


def write_migrations(folder: Path, compatible_from: int = 1) -> Path:
    folder.mkdir()
    (folder / "m1.py").write_text(FIRST)
    (folder / "m2.py").write_text(SECOND.format(compatible_from=compatible_from))
    return folder


def schema(folder: Path, version: int) -> Schema:
    tables = MetaData()
    user = Table("user", tables, Column("id", Integer, primary_key=True), Column("name", String, nullable=False))
    if version == 2:
        user.append_column(Column("mail", Text))
        Table("visit", tables, Column("id", Integer, primary_key=True))
    return Schema(tables, version, APPLICATION, folder)


def main() -> None:
    folder, version, database = sys.argv[1:4]
    State(database, schema(Path(folder), int(version))).close()


if __name__ == "__main__":
    signal.alarm(60)
    main()
    os._exit(0)
