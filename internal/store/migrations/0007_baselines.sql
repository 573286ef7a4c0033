-- +goose Up
-- A baseline is a name for the moment of an audit: what held then is not new. Which findings that were, their intervals tell.
CREATE TABLE baselines (
    portal  TEXT NOT NULL,
    name    TEXT NOT NULL,
    at      BIGINT NOT NULL,
    author  TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (portal, name)
);
