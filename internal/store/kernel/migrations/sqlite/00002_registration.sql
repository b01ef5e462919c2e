-- +goose Up

-- A person, with a data key of their own: what is sealed with it can be made unreadable at once.
CREATE TABLE subjects (
    id        TEXT PRIMARY KEY,
    lookup    TEXT UNIQUE,    -- keyed digest of the citizen number; NULL once erased
    wrapped   BLOB,          -- data key under the master key; NULL once erased
    erased_at TIMESTAMP
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
    deadline        TIMESTAMP,
    facts           TEXT NOT NULL, -- JSON without personal data
    person          BLOB NOT NULL, -- sealed for the subject
    certificate     BLOB, -- sealed for the subject
    incident_id     TEXT,
    handoff         TEXT NOT NULL UNIQUE, -- keyed digest of the one-time token
    handoff_expires TIMESTAMP NOT NULL,
    handoff_used_at TIMESTAMP,
    created_at      TIMESTAMP NOT NULL,
    updated_at      TIMESTAMP NOT NULL
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
    at              TIMESTAMP NOT NULL,
    detail          TEXT NOT NULL,
    deadline        TIMESTAMP,
    actor           TEXT NOT NULL,
    PRIMARY KEY (registration_id, seq)
);

CREATE TABLE payments (
    txn_ref         TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    attempt         INTEGER NOT NULL,
    amount_vnd      INTEGER NOT NULL,
    status          TEXT NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    expires_at      TIMESTAMP NOT NULL,
    transaction_no  TEXT NOT NULL,
    response_code   TEXT NOT NULL,
    bank_status     TEXT NOT NULL,
    decided_at      TIMESTAMP,
    refund_id       TEXT NOT NULL,
    refunded_at     TIMESTAMP,
    UNIQUE (registration_id, attempt)
);

CREATE TABLE codes (
    id              TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    purpose         TEXT NOT NULL,
    phone           BLOB NOT NULL, -- sealed for the subject
    phone_lookup    TEXT NOT NULL,
    binding         TEXT NOT NULL,
    digest          TEXT NOT NULL, -- keyed digest of id and digits
    digits          BLOB, -- sealed until they are sent
    created_at      TIMESTAMP NOT NULL,
    expires_at      TIMESTAMP NOT NULL,
    sent_at         TIMESTAMP,
    used_at         TIMESTAMP,
    attempts        INTEGER NOT NULL,
    superseded      BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX codes_newest ON codes (registration_id, purpose) WHERE NOT superseded;
CREATE INDEX codes_of_phone ON codes (phone_lookup, created_at);

CREATE TABLE accounts (
    id           TEXT PRIMARY KEY,
    subject_id   TEXT NOT NULL REFERENCES subjects (id),
    phone        BLOB NOT NULL, -- sealed for the subject, as are e-mail and password hash
    phone_lookup TEXT UNIQUE,
    email        BLOB NOT NULL,
    password     BLOB NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    failures     INTEGER NOT NULL,
    locked_until TIMESTAMP
);

CREATE TABLE reviews (
    id              TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    review          TEXT NOT NULL, -- JSON
    public_note     BLOB NOT NULL, -- sealed for the subject
    internal_note   BLOB NOT NULL
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
    since           TIMESTAMP NOT NULL,
    attempts        INTEGER NOT NULL,
    closed_at       TIMESTAMP,
    action          TEXT NOT NULL,
    actor           BLOB NOT NULL, -- sealed
    note            BLOB NOT NULL  -- sealed
);

-- The audit log is a chain; its head makes writers queue.
CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY,
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,
    at     TIMESTAMP NOT NULL,
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
