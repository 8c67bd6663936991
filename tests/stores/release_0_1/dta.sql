CREATE TABLE spent_ticket (
    jti VARCHAR NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (jti)
)
 WITHOUT ROWID;
CREATE INDEX ix_spent_ticket_expires ON spent_ticket (expires);
CREATE TABLE horizon (
    id INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE issue (
    id INTEGER NOT NULL,
    jti VARCHAR NOT NULL,
    authority VARCHAR NOT NULL,
    purpose VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    slot INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (id)
);
PRAGMA application_id = 1296318804;
PRAGMA user_version = 1
