-- +goose Up

-- Keys that the master key wraps: "seal/1" encrypts columns, "lookup" makes keyed digests.
CREATE TABLE data_keys (
    name    TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
);

CREATE TABLE uploads (
    id         TEXT PRIMARY KEY,
    name       BLOB NOT NULL, -- sealed
    size       INTEGER NOT NULL,
    sha256     TEXT NOT NULL,
    hash_state BLOB NOT NULL,
    segments   TEXT NOT NULL, -- JSON
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE signings (
    id          TEXT PRIMARY KEY,
    content     TEXT NOT NULL, -- keyed digest of what was asked for
    provider    TEXT NOT NULL,
    user_id     BLOB NOT NULL, -- sealed
    user_lookup TEXT NOT NULL, -- keyed digest of the user id
    serial      TEXT NOT NULL, -- of the certificate asked for; may be empty
    level       TEXT NOT NULL,
    reason      BLOB NOT NULL, -- sealed
    location    BLOB NOT NULL, -- sealed
    certificate TEXT NOT NULL,
    status      TEXT NOT NULL,
    approval_id TEXT, -- the newest of its approvals
    incident_id TEXT, -- the open incident
    created_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL,
    finished_at TIMESTAMP
);
CREATE INDEX signings_newest ON signings (created_at, id);
CREATE INDEX signings_of_user ON signings (user_lookup, created_at);
CREATE INDEX signings_by_status ON signings (status, created_at);
CREATE INDEX signings_parked ON signings (created_at) WHERE incident_id IS NOT NULL;

CREATE TABLE documents (
    signing_id    TEXT NOT NULL REFERENCES signings (id),
    position      INTEGER NOT NULL,
    upload_id     TEXT NOT NULL REFERENCES uploads (id),
    name          BLOB NOT NULL, -- sealed
    size          INTEGER NOT NULL,
    sha256        TEXT NOT NULL,
    placement     TEXT NOT NULL, -- JSON, empty until placed
    prepared      TEXT NOT NULL, -- JSON, empty until prepared
    signed_id     TEXT REFERENCES uploads (id),
    signed_sha256 TEXT NOT NULL,
    level         TEXT NOT NULL,
    PRIMARY KEY (signing_id, position)
);

CREATE TABLE transitions (
    signing_id TEXT NOT NULL REFERENCES signings (id),
    seq        INTEGER NOT NULL,
    status     TEXT NOT NULL,
    at         TIMESTAMP NOT NULL,
    detail     TEXT NOT NULL,
    PRIMARY KEY (signing_id, seq)
);

CREATE TABLE certificates (
    signing_id  TEXT NOT NULL REFERENCES signings (id),
    fingerprint TEXT NOT NULL,
    position    INTEGER NOT NULL,
    certificate BLOB NOT NULL, -- sealed JSON
    PRIMARY KEY (signing_id, fingerprint)
);

CREATE TABLE approvals (
    our_id      TEXT PRIMARY KEY,
    signing_id  TEXT NOT NULL REFERENCES signings (id),
    response_id TEXT NOT NULL,
    tran_code   TEXT NOT NULL,
    short_code  TEXT NOT NULL,
    accepted_at TIMESTAMP,
    expires_at  TIMESTAMP,
    outcome     TEXT NOT NULL
);

-- Every id under which a provider ever knew a request.
CREATE TABLE approval_ids (
    provider       TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    our_id         TEXT NOT NULL REFERENCES approvals (our_id),
    PRIMARY KEY (provider, transaction_id)
);

CREATE TABLE signature_values (
    signing_id  TEXT NOT NULL REFERENCES signings (id),
    request_id  TEXT NOT NULL,
    position    INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    value       BLOB NOT NULL, -- sealed: a CMS holds the signer's name
    received_at TIMESTAMP NOT NULL,
    used        TEXT NOT NULL,
    PRIMARY KEY (signing_id, request_id, position)
);

CREATE TABLE evidence (
    signing_id TEXT NOT NULL REFERENCES signings (id),
    kind       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    position   INTEGER NOT NULL,
    data       BLOB NOT NULL, -- sealed
    at         TIMESTAMP NOT NULL,
    PRIMARY KEY (signing_id, kind, digest)
);

CREATE TABLE incidents (
    id         TEXT PRIMARY KEY,
    signing_id TEXT NOT NULL REFERENCES signings (id),
    step       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    message    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    since      TIMESTAMP NOT NULL,
    attempts   INTEGER NOT NULL,
    closed_at  TIMESTAMP,
    action     TEXT NOT NULL,
    actor      BLOB NOT NULL, -- sealed
    note       BLOB NOT NULL  -- sealed
);
CREATE INDEX incidents_oldest ON incidents (since, id);
CREATE INDEX incidents_open ON incidents (signing_id, since) WHERE closed_at IS NULL;

CREATE TABLE inbox (
    id             TEXT PRIMARY KEY,
    provider       TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    body           BLOB NOT NULL, -- sealed
    received_at    TIMESTAMP NOT NULL,
    handled        BOOLEAN NOT NULL
);
CREATE INDEX inbox_unhandled ON inbox (received_at, id) WHERE NOT handled;

CREATE TABLE idempotency (
    id           TEXT PRIMARY KEY, -- keyed digest of the Idempotency-Key
    request      TEXT NOT NULL,    -- keyed digest of the request
    started_at   TIMESTAMP NOT NULL,
    status       INTEGER NOT NULL, -- 0 until answered
    content_type TEXT NOT NULL,
    body         BLOB              -- sealed
);

-- +goose Down
DROP TABLE idempotency;
DROP TABLE inbox;
DROP TABLE incidents;
DROP TABLE evidence;
DROP TABLE signature_values;
DROP TABLE approval_ids;
DROP TABLE approvals;
DROP TABLE certificates;
DROP TABLE transitions;
DROP TABLE documents;
DROP TABLE signings;
DROP TABLE uploads;
DROP TABLE data_keys;
