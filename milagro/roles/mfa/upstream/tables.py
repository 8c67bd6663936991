"""The tables of enrolment by an upstream provider, in the database of the MFA server.

Spec: spec/enrolment.md#upstream
"""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, String, Table

from milagro.stores.state import Int64

METADATA = MetaData()

# One row for each browser that was sent to the provider. State, nonce and verifier follow from the browser's cookie.
ASKED = Table(
    "upstream_enrolment",
    METADATA,
    Column("id", LargeBinary, primary_key=True),  # of the cookie, hashed
    Column("network", String),
    Column("back", String, nullable=False),  # the interaction on the way to which the browser enrols, or nothing
    Column("phase", String, nullable=False),
    Column("issuer", String),
    Column("subject", String),
    Column("user", String),
    Column("expires", Int64, nullable=False, index=True),
)

# Whose an account is: it stays with this subject, whatever the provider calls it later.
SUBJECT = Table(
    "upstream_subject",
    METADATA,
    Column("issuer", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("user", String, nullable=False, unique=True),
    Column("pinned", Int64, nullable=False),
)
