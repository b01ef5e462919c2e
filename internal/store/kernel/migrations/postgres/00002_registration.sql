-- +goose Up

-- A person, with a data key of their own: what is sealed with it can be made unreadable at once.
CREATE TABLE subjects (
    id        TEXT PRIMARY KEY,
    lookup    TEXT UNIQUE,    -- keyed digest of the citizen number; NULL once erased
    wrapped   BYTEA,          -- data key under the master key; NULL once erased
    erased_at TIMESTAMPTZ
);

CREATE TABLE registrations (
    id              TEXT PRIMARY KEY,
    request_id      TEXT NOT NULL UNIQUE,
    request_digest  TEXT NOT NULL,
    subject_id      TEXT NOT NULL REFERENCES subjects (id),
    issuer          TEXT NOT NULL,
    status          TEXT NOT NULL,
    seq             INTEGER NOT NULL,
    reason          TEXT NOT NULL,
    deadline        TIMESTAMPTZ,
    facts           TEXT NOT NULL, -- JSON without personal data
    person          BYTEA NOT NULL, -- sealed for the subject
    certificate     BYTEA, -- sealed for the subject
    incident_id     TEXT,
    handoff         TEXT NOT NULL UNIQUE, -- keyed digest of the one-time token
    handoff_expires TIMESTAMPTZ NOT NULL,
    handoff_used_at TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX registrations_newest ON registrations (created_at, id);
CREATE INDEX registrations_of_subject ON registrations (subject_id, created_at);
CREATE INDEX registrations_by_status ON registrations (status, created_at);
CREATE INDEX registrations_parked ON registrations (created_at) WHERE incident_id IS NOT NULL;

CREATE TABLE consents (
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    purpose         TEXT NOT NULL,
    consent         TEXT NOT NULL, -- JSON without personal data
    PRIMARY KEY (registration_id, purpose)
);

CREATE TABLE registration_transitions (
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    seq             INTEGER NOT NULL,
    status          TEXT NOT NULL,
    at              TIMESTAMPTZ NOT NULL,
    detail          TEXT NOT NULL,
    deadline        TIMESTAMPTZ,
    actor           TEXT NOT NULL,
    PRIMARY KEY (registration_id, seq)
);

CREATE TABLE payments (
    txn_ref         TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    attempt         INTEGER NOT NULL,
    amount_vnd      BIGINT NOT NULL,
    status          TEXT NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    transaction_no  TEXT NOT NULL,
    response_code   TEXT NOT NULL,
    bank_status     TEXT NOT NULL,
    decided_at      TIMESTAMPTZ,
    refund_id       TEXT NOT NULL,
    refunded_at     TIMESTAMPTZ,
    UNIQUE (registration_id, attempt)
);

CREATE TABLE codes (
    id              TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    purpose         TEXT NOT NULL,
    phone           BYTEA NOT NULL, -- sealed for the subject
    phone_lookup    TEXT NOT NULL,
    binding         TEXT NOT NULL,
    digest          TEXT NOT NULL, -- keyed digest of id and digits
    digits          BYTEA, -- sealed until they are sent
    created_at      TIMESTAMPTZ NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    sent_at         TIMESTAMPTZ,
    used_at         TIMESTAMPTZ,
    attempts        INTEGER NOT NULL,
    superseded      BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX codes_newest ON codes (registration_id, purpose) WHERE NOT superseded;
CREATE INDEX codes_of_phone ON codes (phone_lookup, created_at);

CREATE TABLE accounts (
    id           TEXT PRIMARY KEY,
    subject_id   TEXT NOT NULL REFERENCES subjects (id),
    phone        BYTEA NOT NULL, -- sealed for the subject, as are e-mail and password hash
    phone_lookup TEXT UNIQUE,
    email        BYTEA NOT NULL,
    password     BYTEA NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    failures     INTEGER NOT NULL,
    locked_until TIMESTAMPTZ
);

CREATE TABLE reviews (
    id              TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    review          TEXT NOT NULL, -- JSON
    public_note     BYTEA NOT NULL, -- sealed for the subject
    internal_note   BYTEA NOT NULL
);

CREATE TABLE corrections (
    id              TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registrations (id)
);

CREATE TABLE registration_incidents (
    id              TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    step            TEXT NOT NULL,
    reason          TEXT NOT NULL,
    message         TEXT NOT NULL,
    provider        TEXT NOT NULL,
    since           TIMESTAMPTZ NOT NULL,
    attempts        INTEGER NOT NULL,
    closed_at       TIMESTAMPTZ,
    action          TEXT NOT NULL,
    actor           BYTEA NOT NULL, -- sealed
    note            BYTEA NOT NULL  -- sealed
);

-- The audit log is a chain; its head makes writers queue.
CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY,
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TABLE audit (
    seq    BIGINT PRIMARY KEY,
    at     TIMESTAMPTZ NOT NULL,
    kind   TEXT NOT NULL,
    object TEXT NOT NULL,
    actor  TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev   TEXT NOT NULL,
    hash   TEXT NOT NULL
);

-- +goose Down
DROP TABLE audit;
DROP TABLE audit_head;
DROP TABLE registration_incidents;
DROP TABLE corrections;
DROP TABLE reviews;
DROP TABLE accounts;
DROP TABLE codes;
DROP TABLE payments;
DROP TABLE registration_transitions;
DROP TABLE consents;
DROP TABLE registrations;
DROP TABLE subjects;
