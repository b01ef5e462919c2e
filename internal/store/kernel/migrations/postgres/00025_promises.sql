-- +goose Up

-- Names the request that rotated the secret last (a digest of its Idempotency-Key): its retry is no second rotation.
ALTER TABLE webhook_endpoints ADD COLUMN rotation TEXT NOT NULL DEFAULT '';
CREATE INDEX webhook_endpoints_old ON webhook_endpoints (old_until) WHERE old_secret IS NOT NULL;
CREATE INDEX idempotency_with_secret ON idempotency (secret_until) WHERE secret_until IS NOT NULL AND body IS NOT NULL;

-- Names the request that added an entry (a digest of its Idempotency-Key).
ALTER TABLE incident_entries ADD COLUMN request TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE incident_entries DROP COLUMN request;
DROP INDEX idempotency_with_secret;
DROP INDEX webhook_endpoints_old;
ALTER TABLE webhook_endpoints DROP COLUMN rotation;
