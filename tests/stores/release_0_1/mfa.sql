CREATE TABLE account (
    user VARCHAR NOT NULL,
    suspended BOOLEAN NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (user)
);
CREATE TABLE clock (
    id INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE device (
    digest BLOB NOT NULL,
    user VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    identity BLOB NOT NULL,
    state VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    created INTEGER NOT NULL,
    last_login INTEGER,
    PRIMARY KEY (digest),
    FOREIGN KEY(user) REFERENCES account (user)
);
CREATE UNIQUE INDEX one_identity ON device (user, name) WHERE state != 'removed';
CREATE TABLE invitation (
    code_hash BLOB NOT NULL,
    user VARCHAR NOT NULL,
    expires INTEGER NOT NULL,
    device BLOB,
    PRIMARY KEY (code_hash),
    FOREIGN KEY(device) REFERENCES device (digest)
);
CREATE TABLE session (
    id BLOB NOT NULL,
    device BLOB NOT NULL,
    first_pass BLOB NOT NULL,
    expires INTEGER NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(device) REFERENCES device (digest),
    UNIQUE (first_pass)
);
CREATE INDEX ix_session_expires ON session (expires);
PRAGMA application_id = 1296909889;
PRAGMA user_version = 1
