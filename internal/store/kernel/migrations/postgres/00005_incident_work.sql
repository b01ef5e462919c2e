-- +goose Up

ALTER TABLE incidents ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
ALTER TABLE registration_incidents ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
CREATE INDEX incidents_parked ON incidents (since, id) WHERE closed_at IS NULL;
CREATE INDEX registration_incidents_parked ON registration_incidents (since, id) WHERE closed_at IS NULL;

-- What has happened to an incident; the ids of both tables are apart.
CREATE TABLE incident_entries (
    incident_id TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    at          TIMESTAMPTZ NOT NULL,
    kind        TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    words       BYTEA NOT NULL, -- sealed: people write them
    actor       TEXT NOT NULL,
    PRIMARY KEY (incident_id, seq)
);

-- +goose Down
DROP TABLE incident_entries;
DROP INDEX registration_incidents_parked;
DROP INDEX incidents_parked;
ALTER TABLE registration_incidents DROP COLUMN assignee;
ALTER TABLE incidents DROP COLUMN assignee;
