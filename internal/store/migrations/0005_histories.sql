-- +goose Up
-- The stage history of a deal, read for that deal alone, that no snapshot holds: one that is whole until it is taken in, one
-- that is not for as long as the deal stays where it was.
CREATE TABLE histories (
    portal  TEXT NOT NULL,
    deal    TEXT NOT NULL,
    stage   TEXT NOT NULL,
    entered BIGINT NOT NULL,
    whole   BOOLEAN NOT NULL,
    moves   TEXT NOT NULL,
    PRIMARY KEY (portal, deal)
);

-- How far a portal's stage history is known, where it is read deal by deal.
CREATE TABLE history_states (
    portal TEXT PRIMARY KEY,
    at     BIGINT NOT NULL,
    doc    TEXT NOT NULL
);
