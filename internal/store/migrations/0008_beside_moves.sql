-- +goose Up
-- What a deal's history tells beside its moves: the values of its close date, who closed it.
ALTER TABLE histories ADD COLUMN beside TEXT NOT NULL DEFAULT '{}';
