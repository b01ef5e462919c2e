-- +goose Up

-- How often something happened, for one key of one limit. A row is of no use after ends_at.
CREATE TABLE limits (
    id      TEXT PRIMARY KEY, -- keyed digest of limit and key
    span    BIGINT NOT NULL,  -- number of the window
    used    BIGINT NOT NULL,
    earlier BIGINT NOT NULL,  -- used in the window before
    ends_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX limits_by_end ON limits (ends_at);

-- Wrong passwords in a row, for one account from one network. Each makes the next try wait longer.
CREATE TABLE password_tries (
    id       TEXT PRIMARY KEY, -- keyed digest of account and network
    failures BIGINT NOT NULL,
    free_at  BIGINT NOT NULL,  -- Unix time in milliseconds
    ends_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX password_tries_by_end ON password_tries (ends_at);

-- Answers to an Idempotency-Key are kept for a day.
CREATE INDEX idempotency_by_start ON idempotency (started_at);

-- Whom a signing asks, in whatever spelling and at whatever provider, and who made it.
ALTER TABLE signings ADD COLUMN signer_lookup TEXT NOT NULL DEFAULT '';
ALTER TABLE signings ADD COLUMN asked_by TEXT NOT NULL DEFAULT ''; -- empty: a program; else the reserve that it counts for
CREATE INDEX signings_of_signer ON signings (signer_lookup, created_at) WHERE asked_by <> '';

-- +goose Down
DROP INDEX signings_of_signer;
ALTER TABLE signings DROP COLUMN asked_by;
ALTER TABLE signings DROP COLUMN signer_lookup;
DROP INDEX idempotency_by_start;
DROP TABLE password_tries;
DROP TABLE limits;
