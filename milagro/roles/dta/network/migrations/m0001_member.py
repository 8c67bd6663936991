"""Logs, the network, and what is issued: the tables with which networks began, whether a migration made them or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Text

from milagro.stores.messaging.migrations import m0001_logs
from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "1"
down_revision = None
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Makes the tables."""
    m0001_logs.upgrade(op)
    _make_network(op)
    _make_runs(op)
    _make_issuing(op)


def _make_network(op: Operations) -> None:
    op.create_table("dtanet_fact", _key("name", Text), _octets("value"))
    op.create_table(
        "dtanet_proposal", _key("id"), _octets("octets"), _words("state"), _number("attempt"), _words("reason"),
        _number("at"),
    )  # fmt: skip
    op.create_table("dtanet_ready", _key("proposal"), _key("member", Text), _number("attempt"), _number("at"))
    op.create_table(
        "dtanet_share", _key("set_id"), _words("state"), _octets("key_id"), _number("epoch"),
        Column("until", BigInteger), _octets("run"), _octets("proposal"), _number("attempt"), _octets("sealed"),
    )  # fmt: skip
    op.create_table("dtanet_step", _serial(), _octets("set_id"), _number("epoch"), _octets("octets"))
    op.create_table("dtanet_outgoing", _serial(), _words("to"), _octets("payload"))
    op.create_table("dtanet_intent", _serial(), _words("kind"), _octets("value"), _number("at"))
    op.create_table(
        "dtanet_member", _key("identity", Text), _number("heard"), _number("reached"), _number("asked"), _words("fault")
    )
    op.create_table("dtanet_note", _serial(), _number("at"), _words("member"), _words("text"))


def _make_runs(op: Operations) -> None:
    op.create_table(
        "dtanet_run", _key("id"), _octets("proposal"), _number("attempt"), _words("begun_at"), _words("step_at")
    )
    op.create_table("dtanet_event", _key("run"), _key("number", Integer), _octets("sealed"))
    op.create_table(
        "dtanet_kept", _serial(), _octets("run"), _number("sender"), _number("phase"), _number("step"),
        _octets("octets"),
    )  # fmt: skip
    op.create_index("ix_dtanet_kept_run", "dtanet_kept", ["run"])
    op.create_table("dtanet_verdict", _key("run"), _key("member", Integer), _octets("statement"), _octets("signature"))
    op.create_table("dtanet_release", _key("run"))
    op.create_table(
        "dtanet_endorsement", _key("proposal"), _key("attempt", Integer), _key("member", Integer), _octets("signature")
    )


def _make_issuing(op: Operations) -> None:
    op.create_table(
        "issuing_spent", _key("authority", String(59)), _key("jti", LargeBinary(16)),
        Column("request", LargeBinary(32), nullable=False), _number("epoch"), _number("expires"),
    )  # fmt: skip
    op.create_index("ix_issuing_spent_expires", "issuing_spent", ["expires"])
    op.create_table(
        "issuing_count", _key("scope", String(200)), _key("began", BigInteger), _number("ends"), _number("issued")
    )
    op.create_index("ix_issuing_count_ends", "issuing_count", ["ends"])
    op.create_table("issuing_entry", _counted("number", BigInteger), _octets("octets"), _digest())
    op.create_table(
        "issuing_log", _counted("id", Integer), _number("number"), _digest(), _number("lost"), _number("forgotten")
    )
    op.create_table("issuing_head", Column("id", Integer, primary_key=True), _octets("octets"))


def _key(name: str, kind: Any = LargeBinary) -> Column[Any]:
    return Column(name, kind, primary_key=True)


def _counted(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _serial() -> Column[int]:
    return Column("id", Int64, primary_key=True, autoincrement=True)


def _octets(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _digest() -> Column[bytes]:
    return Column("digest", LargeBinary(32), nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)
