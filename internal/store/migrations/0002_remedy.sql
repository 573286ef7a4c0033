-- +goose Up
-- A step is one edit on its way; doc is the whole of it, the columns are what it is looked up by.
CREATE TABLE steps (
    id         TEXT PRIMARY KEY,
    base       TEXT NOT NULL,
    portal     TEXT NOT NULL,
    state      TEXT NOT NULL,
    policy     TEXT NOT NULL,
    op         TEXT NOT NULL,
    run        TEXT NOT NULL,
    undoes     TEXT NOT NULL,
    made_at    BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    rev        BIGINT NOT NULL,
    doc        TEXT NOT NULL
);
CREATE INDEX steps_by_state ON steps (portal, state);
CREATE INDEX steps_living ON steps (portal) WHERE ended_at = 0;
CREATE INDEX steps_by_base ON steps (portal, base);
CREATE INDEX steps_ended ON steps (portal, ended_at) WHERE ended_at > 0;
CREATE INDEX steps_by_run ON steps (run) WHERE run <> '';
CREATE INDEX steps_by_undoes ON steps (undoes) WHERE undoes <> '';

CREATE TABLE plans (
    id       TEXT PRIMARY KEY,
    portal   TEXT NOT NULL,
    made_at  BIGINT NOT NULL,
    who      TEXT NOT NULL,
    complete BOOLEAN NOT NULL,
    held     TEXT NOT NULL
);
CREATE INDEX plans_by_portal ON plans (portal, made_at);

-- The journal is only ever appended to: each row carries the hash of the row before it.
CREATE TABLE journal (
    seq    BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    portal TEXT NOT NULL,
    run    TEXT NOT NULL,
    step   TEXT NOT NULL,
    event  TEXT NOT NULL,
    prev   TEXT NOT NULL,
    hash   TEXT NOT NULL,
    doc    TEXT NOT NULL
);
CREATE INDEX journal_by_portal ON journal (portal, seq);
CREATE INDEX journal_by_step ON journal (step, seq);

-- The one row of journal_head is the journal's last one: who appends takes it first, so that writers queue up behind it.
CREATE TABLE journal_head (
    id   BIGINT PRIMARY KEY,
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO journal_head (id, seq, hash) VALUES (1, 0, '');
