"""Relying parties, browser sessions, grants with their codes and tokens, consent and profiles: the OpenID Provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, String

from milagro.stores.state import Int64

if TYPE_CHECKING:
    from alembic.operations import Operations

revision = "2"
down_revision = "1"
compatible_from = 1


def upgrade(op: Operations) -> None:
    """Makes the tables."""
    op.create_table(
        "oidc_client",
        Column("id", String, primary_key=True),
        Column("secret", LargeBinary),
        Column("metadata", String, nullable=False),
        Column("created", Int64, nullable=False),
    )
    op.create_table(
        "oidc_initial_token",
        Column("id", LargeBinary, primary_key=True),
        Column("expires", Int64, nullable=False),
        Column("uses", Integer, nullable=False),
    )
    op.create_table(
        "oidc_pushed",
        Column("id", LargeBinary, primary_key=True),
        Column("kind", String, nullable=False),
        Column("client", String, nullable=False),
        Column("request", String, nullable=False),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_oidc_pushed_expires", "oidc_pushed", ["expires"])
    op.create_table(
        "oidc_interaction",
        Column("id", LargeBinary, primary_key=True),
        Column("browser", LargeBinary, nullable=False),
        Column("client", String, nullable=False),
        Column("request", String, nullable=False),
        Column("session", LargeBinary),
        Column("fresh", Boolean, nullable=False),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_oidc_interaction_expires", "oidc_interaction", ["expires"])
    op.create_table(
        "browser_session",
        Column("id", LargeBinary, primary_key=True),
        Column("sid", String, nullable=False, unique=True),
        Column("user", String, nullable=False),
        Column("device", LargeBinary, nullable=False),
        Column("auth_time", Int64, nullable=False),
        Column("amr", String, nullable=False),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_browser_session_user", "browser_session", ["user"])
    op.create_index("ix_browser_session_expires", "browser_session", ["expires"])
    op.create_table(
        "oidc_consent",
        Column("user", String, primary_key=True),
        Column("client", String, primary_key=True),
        Column("scope", String, nullable=False),
        Column("given", Int64, nullable=False),
    )
    op.create_table(
        "oidc_grant",
        Column("id", String, primary_key=True),
        Column("client", String, nullable=False),
        Column("user", String, nullable=False),
        Column("device", LargeBinary, nullable=False),
        Column("sid", String, nullable=False),
        Column("subject", String, nullable=False),
        Column("scope", String, nullable=False),
        Column("claims", String, nullable=False),
        Column("nonce", String),
        Column("auth_time", Int64, nullable=False),
        Column("amr", String, nullable=False),
        Column("offline", Boolean, nullable=False),
        Column("revoked", Boolean, nullable=False),
        Column("created", Int64, nullable=False),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_oidc_grant_user", "oidc_grant", ["user"])
    op.create_index("ix_oidc_grant_sid", "oidc_grant", ["sid"])
    op.create_index("ix_oidc_grant_expires", "oidc_grant", ["expires"])
    op.create_table(
        "oidc_code",
        Column("id", LargeBinary, primary_key=True),
        Column("grant", String, ForeignKey("oidc_grant.id", ondelete="CASCADE"), nullable=False),
        Column("redirect_uri", String, nullable=False),
        Column("challenge", String),
        Column("used", Boolean, nullable=False),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_oidc_code_grant", "oidc_code", ["grant"])
    op.create_table(
        "oidc_token",
        Column("id", LargeBinary, primary_key=True),
        Column("kind", String, nullable=False),
        Column("grant", String, ForeignKey("oidc_grant.id", ondelete="CASCADE"), nullable=False),
        Column("scope", String, nullable=False),
        Column("created", Int64, nullable=False),
        Column("expires", Int64, nullable=False),
        Column("used", Int64),
        Column("salt", LargeBinary),
    )
    op.create_index("ix_oidc_token_grant", "oidc_token", ["grant"])
    op.create_index("ix_oidc_token_expires", "oidc_token", ["expires"])
    op.create_table(
        "oidc_assertion",
        Column("id", LargeBinary, primary_key=True),
        Column("expires", Int64, nullable=False),
    )
    op.create_index("ix_oidc_assertion_expires", "oidc_assertion", ["expires"])
    op.create_table(
        "oidc_logout",
        Column("id", String, primary_key=True),
        Column("client", String, nullable=False),
        Column("subject", String, nullable=False),
        Column("sid", String, nullable=False),
        Column("due", Int64, nullable=False),
        Column("tries", Integer, nullable=False),
    )
    op.create_index("ix_oidc_logout_due", "oidc_logout", ["due"])
    op.create_table(
        "account_profile",
        Column("user", String, primary_key=True),
        Column("claims", String, nullable=False),
    )
