-- +goose Up

-- What a correction changed, old and new, sealed under the key of its person: an officer compares both. Those of earlier releases have none.
ALTER TABLE corrections ADD COLUMN changes BYTEA;

-- +goose Down
ALTER TABLE corrections DROP COLUMN changes;
