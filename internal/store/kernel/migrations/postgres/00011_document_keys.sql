-- +goose Up

-- The key of each document, under the key of a person. A document that several people sign has a row for each. Until a
-- signing names the signer there is one with an empty subject_id, under the key of the store.
CREATE TABLE document_keys (
    id         TEXT NOT NULL, -- the upload that the document began with
    subject_id TEXT NOT NULL,
    wrapped    BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (id, subject_id)
);
CREATE INDEX document_keys_of_subject ON document_keys (subject_id, created_at, id);

-- key_id is NULL in documents of earlier releases, which lie in clear until they are sealed.
ALTER TABLE uploads ADD COLUMN key_id TEXT;
ALTER TABLE uploads ADD COLUMN erased_at TIMESTAMPTZ;
CREATE INDEX uploads_of_key ON uploads (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX uploads_in_clear ON uploads (created_at, id) WHERE key_id IS NULL AND erased_at IS NULL;
CREATE INDEX documents_of_upload ON documents (upload_id);
CREATE INDEX documents_of_signed ON documents (signed_id) WHERE signed_id IS NOT NULL;

-- subject_id is NULL in signings of earlier releases, which are sealed under the key of the store.
ALTER TABLE signings ADD COLUMN subject_id TEXT;
ALTER TABLE signings ADD COLUMN erased_at TIMESTAMPTZ;
CREATE INDEX signings_of_subject ON signings (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX signings_without_subject ON signings (created_at, id) WHERE subject_id IS NULL;

-- +goose Down
DROP INDEX signings_without_subject;
DROP INDEX signings_of_subject;
ALTER TABLE signings DROP COLUMN erased_at;
ALTER TABLE signings DROP COLUMN subject_id;
DROP INDEX documents_of_signed;
DROP INDEX documents_of_upload;
DROP INDEX uploads_in_clear;
DROP INDEX uploads_of_key;
ALTER TABLE uploads DROP COLUMN erased_at;
ALTER TABLE uploads DROP COLUMN key_id;
DROP TABLE document_keys;
