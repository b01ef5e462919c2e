-- +goose Up

-- Uploads that no signing took yet, for each quota that they count for. A row goes when a signing takes the upload, or when
-- the upload is deleted.
CREATE TABLE upload_quotas (
    upload_id  TEXT NOT NULL,
    holder     TEXT NOT NULL, -- keyed digest of whom the quota is for
    bytes      INTEGER NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (holder, upload_id)
);
CREATE INDEX upload_quotas_of_upload ON upload_quotas (upload_id);

-- +goose Down
DROP TABLE upload_quotas;
