-- +goose Up
-- A waiver accepts a finding until a moment. One that was taken back or replaced stays, with who did it; removed_at is 0 while
-- it holds.
CREATE TABLE waivers (
    id         TEXT PRIMARY KEY,
    portal     TEXT NOT NULL,
    finding    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    author     TEXT NOT NULL,
    until_at   BIGINT NOT NULL,
    made_at    BIGINT NOT NULL,
    removed_at BIGINT NOT NULL,
    removed_by TEXT NOT NULL
);
CREATE INDEX waivers_by_finding ON waivers (portal, finding);
