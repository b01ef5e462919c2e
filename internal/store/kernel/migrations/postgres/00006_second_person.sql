-- +goose Up

-- Corrections of who somebody is wait for a second person. Only a keyed digest of what is asked for is kept.
CREATE TABLE identity_fixes (
    registration_id TEXT PRIMARY KEY,
    digest          TEXT NOT NULL,
    proposed_by     TEXT NOT NULL,
    proposed_at     TIMESTAMPTZ NOT NULL,
    agreed_by       TEXT NOT NULL DEFAULT ''
);

-- +goose Down
DROP TABLE identity_fixes;
