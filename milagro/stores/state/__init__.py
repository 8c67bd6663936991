"""State in SQL: one SQLite file, or one PostgreSQL database for several replicas of a server.

    State(Path("state.sqlite"), SCHEMA)             State(Database(url=..., password=...), SCHEMA)
    write() ----> one transaction, alone among the writers of the schema from its start, durable when left
    write(lock="authority/7") ----> alone among the writers that name this lock; shuts out and is shut out by write()
    read()  ----> one snapshot; nothing can be changed in it

`Schema` names a role's tables, their version, and the folder of the numbered migrations that lead there; opening a
`State` runs those that are missing, under the lock, all in one transaction. `Database.epoch_file` keeps a number
outside the database, by which an older copy that was put back is recognised (`State.restored_at`).
"""

from milagro.stores.state.columns import Int64, larger, put
from milagro.stores.state.copies import back_up, restore
from milagro.stores.state.database import Database, url_fault
from milagro.stores.state.schema import Schema, Standing
from milagro.stores.state.state import Origin, State, look

__all__ = [
    "Database",
    "Int64",
    "Origin",
    "Schema",
    "Standing",
    "State",
    "back_up",
    "larger",
    "look",
    "put",
    "restore",
    "url_fault",
]
