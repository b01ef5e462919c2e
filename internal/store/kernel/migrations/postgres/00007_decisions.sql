-- +goose Up

-- What people decided about processes. A message to a process carries an id of this table, and the process acts on the
-- content that stands here.
CREATE TABLE decisions (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL, -- name of the update
    process    TEXT NOT NULL,
    object     TEXT NOT NULL, -- empty: every process that is parked at step for reason
    step       TEXT NOT NULL DEFAULT '',
    reason     TEXT NOT NULL DEFAULT '',
    actor      TEXT NOT NULL,
    principal  TEXT NOT NULL,
    key_id     TEXT NOT NULL DEFAULT '',
    content    BYTEA NOT NULL, -- sealed
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX decisions_about ON decisions (process, object, kind, created_at);

-- Which process took which decision, by which message.
CREATE TABLE decision_takes (
    decision_id TEXT NOT NULL REFERENCES decisions (id),
    object      TEXT NOT NULL,
    taker       TEXT NOT NULL,
    taken_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (decision_id, object)
);

-- The owner of the key that made this one; empty for the administrator.
ALTER TABLE api_keys ADD COLUMN made_by TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE api_keys DROP COLUMN made_by;
DROP TABLE decision_takes;
DROP TABLE decisions;
