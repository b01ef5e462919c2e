-- +goose Up
-- What is to be noted in the audit log, written with the act that it tells of. It is taken into the chain a moment
-- later, many at once, so that writers do not queue at the head of the chain. Ids are UUIDv7 and give the order.
CREATE TABLE audit_waiting (
    id     TEXT PRIMARY KEY,
    at     TIMESTAMPTZ NOT NULL,
    kind   TEXT NOT NULL,
    object TEXT NOT NULL,
    actor  TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- Signed statements of what the chain ended with at a time. Each names the one before.
CREATE TABLE audit_checkpoints (
    number    BIGINT PRIMARY KEY,
    seq       BIGINT NOT NULL,
    hash      TEXT NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    previous  TEXT NOT NULL,
    key_id    TEXT NOT NULL,
    signature BYTEA NOT NULL
);

-- An answer that holds a secret is kept, sealed, until then.
ALTER TABLE idempotency ADD COLUMN secret_until TIMESTAMPTZ;

-- +goose Down
ALTER TABLE idempotency DROP COLUMN secret_until;
DROP TABLE audit_checkpoints;
DROP TABLE audit_waiting;
