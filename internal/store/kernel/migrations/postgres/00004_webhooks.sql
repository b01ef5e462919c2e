-- +goose Up

CREATE TABLE webhook_endpoints (
    id         TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    url        BYTEA NOT NULL, -- sealed: it may hold a token
    events     TEXT NOT NULL,
    secret     BYTEA NOT NULL, -- sealed
    old_secret BYTEA,
    old_until  TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    deleted_at TIMESTAMPTZ
);
CREATE INDEX webhook_endpoints_of_owner ON webhook_endpoints (owner);

-- What is to be told, written together with what it tells of.
CREATE TABLE webhook_messages (
    endpoint_id  TEXT NOT NULL REFERENCES webhook_endpoints (id),
    id           TEXT NOT NULL,
    type         TEXT NOT NULL,
    body         TEXT NOT NULL, -- JSON without personal data
    created_at   TIMESTAMPTZ NOT NULL,
    round        INTEGER NOT NULL,
    started_at   TIMESTAMPTZ,
    attempts     INTEGER NOT NULL,
    last_answer  TEXT NOT NULL,
    delivered_at TIMESTAMPTZ,
    failed_at    TIMESTAMPTZ,
    PRIMARY KEY (endpoint_id, id)
);
CREATE INDEX webhook_messages_unstarted ON webhook_messages (created_at) WHERE started_at IS NULL;
CREATE INDEX webhook_messages_by_time ON webhook_messages (endpoint_id, created_at);

-- +goose Down
DROP TABLE webhook_messages;
DROP TABLE webhook_endpoints;
