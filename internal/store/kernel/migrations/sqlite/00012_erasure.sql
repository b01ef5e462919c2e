-- +goose Up

-- keep_until is when what a law keeps of an erased person goes too.
ALTER TABLE subjects ADD COLUMN keep_until TIMESTAMP;
CREATE INDEX subjects_kept ON subjects (keep_until) WHERE keep_until IS NOT NULL;

-- What an erasure has still to remove outside its transaction: blobs by folder or key, and pages of the database that
-- held keys.
CREATE TABLE leftovers (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    due  TIMESTAMP NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX leftovers_by_due ON leftovers (due, kind, name);

-- Whether the papers of a registration are known to lie under the key of their person.
ALTER TABLE registrations ADD COLUMN papers_sealed BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX registrations_papers ON registrations (created_at, id) WHERE NOT papers_sealed;

-- +goose Down
DROP INDEX registrations_papers;
ALTER TABLE registrations DROP COLUMN papers_sealed;
DROP TABLE leftovers;
DROP INDEX subjects_kept;
ALTER TABLE subjects DROP COLUMN keep_until;
