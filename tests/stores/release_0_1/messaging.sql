CREATE TABLE log_own (
    topic TEXT NOT NULL,
    seq BIGINT NOT NULL,
    cid BLOB NOT NULL,
    PRIMARY KEY (topic, seq)
);
CREATE TABLE log_cursor (
    topic TEXT NOT NULL,
    sender TEXT NOT NULL,
    seq BIGINT NOT NULL,
    cid BLOB NOT NULL,
    PRIMARY KEY (topic, sender)
);
CREATE TABLE log_entry (
    topic TEXT NOT NULL,
    sender TEXT NOT NULL,
    seq BIGINT NOT NULL,
    block BLOB NOT NULL,
    PRIMARY KEY (topic, sender, seq)
);
CREATE TABLE log_head (
    topic TEXT NOT NULL,
    sender TEXT NOT NULL,
    seq BIGINT NOT NULL,
    block BLOB NOT NULL,
    PRIMARY KEY (topic, sender)
);
CREATE TABLE log_fork (
    topic TEXT NOT NULL,
    sender TEXT NOT NULL,
    seq BIGINT NOT NULL,
    first BLOB NOT NULL,
    second BLOB NOT NULL,
    PRIMARY KEY (topic, sender)
);
PRAGMA application_id = 1296846663;
PRAGMA user_version = 1
