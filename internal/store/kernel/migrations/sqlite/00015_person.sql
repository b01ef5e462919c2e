-- +goose Up

-- A try to log in, or to set a password that was forgotten. A phone without an account gets one too, so that nothing
-- tells them apart: its account_id is empty, and no code is right for it.
CREATE TABLE login_challenges (
    id           TEXT PRIMARY KEY,
    purpose      TEXT NOT NULL,
    owner        TEXT NOT NULL, -- the session's that asked; nobody else hands the code in
    account_id   TEXT NOT NULL,
    phone_lookup TEXT NOT NULL, -- keyed digest
    digest       TEXT NOT NULL, -- keyed digest of id and digits
    digits       BLOB, -- sealed until they are sent
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    sent_at      TIMESTAMP,
    proven_at    TIMESTAMP,
    closed_at    TIMESTAMP,
    attempts     INTEGER NOT NULL
);
CREATE INDEX login_challenges_of_phone ON login_challenges (phone_lookup, created_at);
CREATE INDEX login_challenges_by_time ON login_challenges (created_at);

-- A password that takes the place of the one before after its cooling time.
CREATE TABLE password_resets (
    account_id   TEXT PRIMARY KEY REFERENCES accounts (id),
    password     BLOB NOT NULL, -- sealed for the subject
    requested_at TIMESTAMP NOT NULL,
    effective_at TIMESTAMP NOT NULL
);

-- One-time tokens of VNeID beside the first one, which stands in registrations.
CREATE TABLE handoffs (
    digest          TEXT PRIMARY KEY, -- keyed digest of the token
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    created_at      TIMESTAMP NOT NULL,
    expires_at      TIMESTAMP NOT NULL,
    used_at         TIMESTAMP
);
CREATE INDEX handoffs_by_end ON handoffs (expires_at);

ALTER TABLE sessions ADD COLUMN account_id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN guest TEXT NOT NULL DEFAULT ''; -- owner of the guest's session that logged in
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT ''; -- kind of browser, of a closed list
CREATE INDEX sessions_of_account ON sessions (account_id, seen_at) WHERE account_id <> '';

-- +goose Down
DROP INDEX sessions_of_account;
ALTER TABLE sessions DROP COLUMN device;
ALTER TABLE sessions DROP COLUMN guest;
ALTER TABLE sessions DROP COLUMN account_id;
DROP TABLE handoffs;
DROP TABLE password_resets;
DROP TABLE login_challenges;
