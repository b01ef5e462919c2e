-- +goose Up

-- What is public and many signings have in common: certificates of authorities and their services, and revocation lists. Each lies here
-- once, compressed. Rows name it by its id, the first 63 bits of its digest. One that no row names is deleted some days after its last use.
CREATE TABLE contents (
    id      BIGINT PRIMARY KEY,
    digest  TEXT NOT NULL,
    data    BYTEA NOT NULL,
    used_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX contents_by_use ON contents (used_at, id);

-- The content that a row is compressed against; 0 for none. It is NULL in rows of the release before, which are not compressed.
ALTER TABLE evidence ADD COLUMN shared BIGINT;
ALTER TABLE certificates ADD COLUMN shared BIGINT;
CREATE INDEX evidence_by_content ON evidence (shared) WHERE shared <> 0;
CREATE INDEX certificates_by_content ON certificates (shared) WHERE shared <> 0;

-- +goose Down
DROP INDEX certificates_by_content;
DROP INDEX evidence_by_content;
ALTER TABLE certificates DROP COLUMN shared;
ALTER TABLE evidence DROP COLUMN shared;
DROP TABLE contents;
