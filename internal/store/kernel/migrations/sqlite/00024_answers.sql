-- +goose Up

-- What a kept answer is about: the id of a signing, a registration or an upload, so that the answer goes with the person. Empty when it
-- is about none; NULL in rows of the release before, whose answers all go when somebody is erased.
ALTER TABLE idempotency ADD COLUMN about TEXT;
CREATE INDEX idempotency_about ON idempotency (about);

-- +goose Down
DROP INDEX idempotency_about;
ALTER TABLE idempotency DROP COLUMN about;
