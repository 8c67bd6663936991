"""The tables of the OpenID Provider, in the database of the MFA server. What can be presented is stored hashed.

Spec: spec/oidc.md
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table

from milagro.stores.state import Int64

METADATA = MetaData()

CLIENT = Table(
    "oidc_client",
    METADATA,
    Column("id", String, primary_key=True),
    Column("secret", LargeBinary),
    Column("metadata", String, nullable=False),
    Column("created", Int64, nullable=False),
)

INITIAL_TOKEN = Table(
    "oidc_initial_token",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("expires", Int64, nullable=False),
    Column("uses", Integer, nullable=False),
)

PUSHED = Table(
    "oidc_pushed",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("kind", String, nullable=False),
    Column("client", String, nullable=False),
    Column("request", String, nullable=False),
    Column("expires", Int64, nullable=False, index=True),
)

INTERACTION = Table(
    "oidc_interaction",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("browser", LargeBinary, nullable=False),
    Column("client", String, nullable=False),
    Column("request", String, nullable=False),
    Column("session", LargeBinary),
    Column("fresh", Boolean, nullable=False),
    Column("expires", Int64, nullable=False, index=True),
)

# A login for another browser. What its link, its pages and its code are known by is stored hashed.
CROSSING = Table(
    "oidc_crossing",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("interaction", LargeBinary, nullable=False, unique=True),
    Column("browser", LargeBinary, nullable=False),
    Column("desktop", LargeBinary, nullable=False),  # what only the page that asks has
    Column("code", LargeBinary, nullable=False),
    Column("agent", String, nullable=False),
    Column("network", LargeBinary),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("phone", LargeBinary),  # what only the page has on which the code was typed
    Column("login", String),  # who logged in there
    Column("expires", Int64, nullable=False, index=True),
)

BROWSER_SESSION = Table(
    "browser_session",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("sid", String, nullable=False, unique=True),
    Column("user", String, nullable=False, index=True),
    Column("device", LargeBinary, nullable=False),
    Column("auth_time", Int64, nullable=False),
    Column("amr", String, nullable=False),
    Column("expires", Int64, nullable=False, index=True),
    Column("administers", Int64),  # its last use by an administrator; none: nobody logged in for that
)

CONSENT = Table(
    "oidc_consent",
    METADATA,
    Column("user", String, primary_key=True),
    Column("client", String, primary_key=True),
    Column("scope", String, nullable=False),
    Column("given", Int64, nullable=False),
)

# One authorization: everything that its code, and what is refreshed from it, may be used for.
GRANT = Table(
    "oidc_grant",
    METADATA,
    Column("id", String, primary_key=True),
    Column("client", String, nullable=False),
    Column("user", String, nullable=False, index=True),
    Column("device", LargeBinary, nullable=False),
    Column("sid", String, nullable=False, index=True),
    Column("subject", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("claims", String, nullable=False),
    Column("nonce", String),
    Column("auth_time", Int64, nullable=False),
    Column("amr", String, nullable=False),
    Column("offline", Boolean, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("created", Int64, nullable=False),
    Column("expires", Int64, nullable=False, index=True),
)

CODE = Table(
    "oidc_code",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("grant", String, ForeignKey("oidc_grant.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("redirect_uri", String, nullable=False),
    Column("challenge", String),
    Column("used", Boolean, nullable=False),
    Column("expires", Int64, nullable=False),
)

TOKEN = Table(
    "oidc_token",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("kind", String, nullable=False),
    Column("grant", String, ForeignKey("oidc_grant.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("scope", String, nullable=False),
    Column("created", Int64, nullable=False),
    Column("expires", Int64, nullable=False, index=True),
    Column("used", Int64),  # a refresh token: when the next one was given for it
    Column("salt", LargeBinary),  # and what that one is derived with
)

ASSERTION = Table(
    "oidc_assertion",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("expires", Int64, nullable=False, index=True),
)

# Logouts that a client is yet to be told of.
LOGOUT = Table(
    "oidc_logout",
    METADATA,
    Column("id", String, primary_key=True),
    Column("client", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("sid", String, nullable=False),
    Column("due", Int64, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
)

PROFILE = Table(
    "account_profile",
    METADATA,
    Column("user", String, primary_key=True),
    Column("claims", String, nullable=False),
)
