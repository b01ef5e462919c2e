-- +goose Up

-- What the client of a signing provider has to know of a request, sealed. Programs of the release before read response_id and
-- tran_code, which are written as well.
ALTER TABLE approvals ADD COLUMN reference BLOB;

-- +goose Down
ALTER TABLE approvals DROP COLUMN reference;
