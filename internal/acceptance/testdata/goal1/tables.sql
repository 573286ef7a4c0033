-- What the five checks look at, as a program would keep it that has no store of its own: rows with keys. Times are microseconds.
DROP TABLE IF EXISTS moves;
DROP TABLE IF EXISTS deals;
DROP TABLE IF EXISTS stages;
CREATE TABLE stages (stage INTEGER PRIMARY KEY, ord INTEGER NOT NULL, kind INTEGER NOT NULL);
CREATE TABLE deals (deal INTEGER PRIMARY KEY, stage INTEGER NOT NULL, status INTEGER NOT NULL, created BIGINT NOT NULL, entered BIGINT NOT NULL,
    closed BIGINT NOT NULL, close_date BIGINT NOT NULL, reason TEXT NOT NULL, name TEXT NOT NULL, amount BIGINT NOT NULL);
CREATE TABLE moves (deal INTEGER NOT NULL, seq INTEGER NOT NULL, stage INTEGER NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (deal, seq));
