"""The tables of issuing."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, String, Table

from milagro.stores.state import Schema

TABLES: Final = MetaData()

SPENT = Table(
    "issuing_spent",
    TABLES,
    Column("authority", String(59), primary_key=True),
    Column("jti", LargeBinary(16), primary_key=True),
    Column("request", LargeBinary(32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
)
COUNT = Table(
    "issuing_count",
    TABLES,
    Column("scope", String(200), primary_key=True),
    Column("began", BigInteger, primary_key=True),
    Column("ends", BigInteger, nullable=False, index=True),
    Column("issued", BigInteger, nullable=False),
)
ENTRY = Table(
    "issuing_entry",
    TABLES,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("octets", LargeBinary, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
)
# One row: the end of the log, and the times up to which tickets are refused, because what was used then is not known
# any more (`lost`) or was deleted (`forgotten`).
LOG = Table(
    "issuing_log",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("forgotten", BigInteger, nullable=False),
)
HEAD = Table(
    "issuing_head", TABLES, Column("id", Integer, primary_key=True), Column("octets", LargeBinary, nullable=False)
)
# What MFA servers have this D-TA witness of their replicas: the latest standing of each.
STANDING = Table(
    "issuing_standing",
    TABLES,
    Column("authority", String(59), primary_key=True),
    Column("replica", LargeBinary(16), primary_key=True),
    Column("gone", Boolean, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("run", LargeBinary(16), nullable=False),
    Column("mark", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("signing_key", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

SCHEMA: Final = Schema(TABLES, version=1, application=0x4D495353)
