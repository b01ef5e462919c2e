-- +goose Up

CREATE TABLE webhook_endpoints (
    id         TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    url        BLOB NOT NULL, -- sealed: it may hold a token
    events     TEXT NOT NULL,
    secret     BLOB NOT NULL, -- sealed
    old_secret BLOB,
    old_until  TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP
);
CREATE INDEX webhook_endpoints_of_owner ON webhook_endpoints (owner);

-- What is to be told, written together with what it tells of.
CREATE TABLE webhook_messages (
    endpoint_id  TEXT NOT NULL REFERENCES webhook_endpoints (id),
    id           TEXT NOT NULL,
    type         TEXT NOT NULL,
    body         TEXT NOT NULL, -- JSON without personal data
    created_at   TIMESTAMP NOT NULL,
    round        INTEGER NOT NULL,
    started_at   TIMESTAMP,
    attempts     INTEGER NOT NULL,
    last_answer  TEXT NOT NULL,
    delivered_at TIMESTAMP,
    failed_at    TIMESTAMP,
    PRIMARY KEY (endpoint_id, id)
);
CREATE INDEX webhook_messages_unstarted ON webhook_messages (created_at) WHERE started_at IS NULL;
CREATE INDEX webhook_messages_by_time ON webhook_messages (endpoint_id, created_at);

-- +goose Down
DROP TABLE webhook_messages;
DROP TABLE webhook_endpoints;
