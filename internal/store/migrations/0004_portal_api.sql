-- +goose Up
-- Where a CRM serves each account under a URL of its own, its token reply names that; '' where it does not.
ALTER TABLE portals ADD COLUMN api_url TEXT NOT NULL DEFAULT '';
