-- +goose Up

-- What processes wait for at outside parties. A watcher looks at what is due and tells the process that has an answer.
CREATE TABLE waits (
    kind      TEXT NOT NULL,
    record_id TEXT NOT NULL,
    party     TEXT NOT NULL,
    workflow  TEXT NOT NULL, -- empty: no process waits
    began_at  TIMESTAMPTZ NOT NULL,
    ends_at   TIMESTAMPTZ,
    next_at   TIMESTAMPTZ, -- NULL: is not looked at
    pause     INTEGER NOT NULL, -- seconds; 0: the process is to be told, 1: a webhook came
    answered  BOOLEAN NOT NULL DEFAULT FALSE,
    nudges    INTEGER NOT NULL DEFAULT 0, -- webhooks that came for it
    fault     TEXT NOT NULL DEFAULT '',
    message   TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (kind, record_id)
);
CREATE INDEX waits_due ON waits (party, pause, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX waits_still ON waits (began_at, kind, record_id) WHERE next_at IS NULL;

-- Which worker looks for a party, until when, and until when the party is left alone.
CREATE TABLE watchers (
    party      TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    held_until TIMESTAMPTZ NOT NULL,
    rest_until TIMESTAMPTZ
);

-- Whether a request has a wait. Processes of earlier releases ask by themselves.
ALTER TABLE approvals ADD COLUMN watched BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE approvals DROP COLUMN watched;
DROP TABLE watchers;
DROP TABLE waits;
