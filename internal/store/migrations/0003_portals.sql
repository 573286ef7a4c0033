-- +goose Up
-- A portal is one connected CRM account.
CREATE TABLE portals (
    name         TEXT PRIMARY KEY,
    crm          TEXT NOT NULL,
    account      TEXT NOT NULL,
    auth         TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    connected_at BIGINT NOT NULL
);

-- A portal's token, sealed: nothing in this table tells what it is. rev grows with every change, so that of two processes
-- that renew a token one notices that it came second.
CREATE TABLE tokens (
    portal     TEXT PRIMARY KEY,
    rev        BIGINT NOT NULL,
    sealed     BLOB_T NOT NULL,
    updated_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL,
    why        TEXT NOT NULL
);
