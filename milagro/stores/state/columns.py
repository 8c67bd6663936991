"""What the two databases spell differently, for the roles' tables and statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Integer, case
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table
    from sqlalchemy.sql.elements import ColumnElement
    from sqlalchemy.types import TypeEngine

# For times, which outgrow 32 bits in 2038, and for numbers of rows: SQLite only counts by itself in an INTEGER.
Int64: Final[TypeEngine[int]] = BigInteger().with_variant(Integer(), "sqlite")


def larger(column: ColumnElement[int], value: int | ColumnElement[int]) -> ColumnElement[int]:
    """max(column, value)"""
    return case((column > value, column), else_=value)


def put(connection: Connection, table: Table, row: dict[str, Any], *, keep: bool = False) -> None:
    """Inserts the row, or changes the one with the same primary key to it; with `keep`, leaves that one as it is."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    statement = insert(table).values(row)
    if keep:
        connection.execute(statement.on_conflict_do_nothing(index_elements=keys))
    else:
        changed = {name: value for name, value in row.items() if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))
