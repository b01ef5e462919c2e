-- +goose Up

-- Changes of the trusted certificates, over what the files of KYSO_TRUST hold. A row is sealed whole under the key of the store:
-- whoever can only write the database can add no authority.
CREATE TABLE trust_changes (
    seq     BIGINT PRIMARY KEY,
    content BYTEA NOT NULL
);

-- +goose Down
DROP TABLE trust_changes;
