-- +goose Up
-- A lease is the right to call one portal's CRM.
CREATE TABLE leases (
    portal     TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    token      TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
