-- +goose Up

-- Secrets are stored as digests only: they are random, so a plain SHA-256 tells nothing of them.
CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    digest     TEXT NOT NULL UNIQUE,
    owner      TEXT NOT NULL,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL, -- separated by blanks
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP
);

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    digest     TEXT NOT NULL UNIQUE,
    owner      TEXT NOT NULL,
    key_id     TEXT NOT NULL, -- empty for guests
    scopes     TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    seen_at    TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_of_key ON sessions (key_id);

-- What belongs to whom. A thing may belong to several: to the team that made it and to the browser it was handed to.
CREATE TABLE grants (
    kind       TEXT NOT NULL,
    object     TEXT NOT NULL,
    owner      TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (kind, object, owner)
);
CREATE INDEX grants_of_owner ON grants (owner, kind, created_at);

CREATE TABLE links (
    digest     TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    object     TEXT NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    used_at    TIMESTAMP
);

-- An officer who works on a dossier, until the lease ends.
CREATE TABLE claims (
    registration_id TEXT PRIMARY KEY REFERENCES registrations (id),
    officer         TEXT NOT NULL,
    claimed_at      TIMESTAMP NOT NULL,
    expires_at      TIMESTAMP NOT NULL
);

CREATE INDEX audit_of_object ON audit (object, kind);

-- +goose Down
DROP INDEX audit_of_object;
DROP TABLE claims;
DROP TABLE links;
DROP TABLE grants;
DROP TABLE sessions;
DROP TABLE api_keys;
