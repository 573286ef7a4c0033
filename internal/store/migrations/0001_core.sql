-- +goose Up
-- A snapshot is a portal as it was from first_at to taken. part is 0; the parts of a sync that goes on count from 1.
CREATE TABLE snapshots (
    id       TEXT PRIMARY KEY,
    portal   TEXT NOT NULL,
    sync     TEXT NOT NULL,
    part     BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    taken    BIGINT NOT NULL,
    complete BOOLEAN NOT NULL,
    digest   TEXT NOT NULL,
    meta     TEXT NOT NULL
);
CREATE INDEX snapshots_by_time ON snapshots (portal, part, first_at);

-- Chunks of at most 65,536 deals, as Arrow tables.
CREATE TABLE snapshot_chunks (
    snapshot TEXT NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
    seq      BIGINT NOT NULL,
    deals    BLOB_T NOT NULL,
    moves    BLOB_T NOT NULL,
    texts    BLOB_T NOT NULL,
    PRIMARY KEY (snapshot, seq)
);

-- A sync is open while ended is 0; ok tells that it reached its end. doc is the whole of it.
CREATE TABLE syncs (
    id       TEXT PRIMARY KEY,
    portal   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    ended    BIGINT NOT NULL,
    ok       BOOLEAN NOT NULL,
    complete BOOLEAN NOT NULL,
    doc      TEXT NOT NULL
);
CREATE INDEX syncs_by_time ON syncs (portal, at);

-- A result is an audit without its findings; unknown is kept with the newest one alone.
CREATE TABLE results (
    portal  TEXT NOT NULL,
    as_of   BIGINT NOT NULL,
    run     TEXT NOT NULL,
    doc     TEXT NOT NULL,
    unknown TEXT NOT NULL,
    PRIMARY KEY (portal, as_of)
);

-- A finding is a row per interval in which it held; resolved_at is 0 while it does.
CREATE TABLE findings (
    id           TEXT NOT NULL,
    opened_run   TEXT NOT NULL,
    portal       TEXT NOT NULL,
    policy       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    severity     BIGINT NOT NULL,
    since        BIGINT NOT NULL,
    opened_at    BIGINT NOT NULL,
    resolved_run TEXT NOT NULL,
    resolved_at  BIGINT NOT NULL,
    waived_until BIGINT NOT NULL,
    digest       BIGINT NOT NULL,
    doc          TEXT NOT NULL,
    PRIMARY KEY (id, opened_run)
);
CREATE INDEX findings_open ON findings (portal, policy) WHERE resolved_at = 0;
CREATE INDEX findings_resolved ON findings (portal, resolved_at) WHERE resolved_at > 0;

-- When a portal's next cycle is due.
CREATE TABLE schedules (
    portal      TEXT PRIMARY KEY,
    cron        TEXT NOT NULL,
    zone        TEXT NOT NULL,
    next_run_at BIGINT NOT NULL
);

-- A lease is the right to call one portal's CRM.
CREATE TABLE leases (
    portal     TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    token      TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- How much of a budget was taken within a window, over all processes; granted is what the last one got.
CREATE TABLE ledger (
    portal  TEXT NOT NULL,
    span    TEXT NOT NULL,
    taken   BIGINT NOT NULL,
    granted BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (portal, span)
);
