-- +goose NO TRANSACTION
-- +goose Up

-- What belongs to one registration, account, person or signing, and what a loop deletes: these tables grow for years. Each is
-- dropped first: when the migration was stopped, it begins again.
DROP INDEX CONCURRENTLY IF EXISTS codes_of_registration;
CREATE INDEX CONCURRENTLY codes_of_registration ON codes (registration_id);
DROP INDEX CONCURRENTLY IF EXISTS reviews_of_registration;
CREATE INDEX CONCURRENTLY reviews_of_registration ON reviews (registration_id);
DROP INDEX CONCURRENTLY IF EXISTS corrections_of_registration;
CREATE INDEX CONCURRENTLY corrections_of_registration ON corrections (registration_id);
DROP INDEX CONCURRENTLY IF EXISTS accounts_of_subject;
CREATE INDEX CONCURRENTLY accounts_of_subject ON accounts (subject_id);
DROP INDEX CONCURRENTLY IF EXISTS approvals_of_signing;
CREATE INDEX CONCURRENTLY approvals_of_signing ON approvals (signing_id);
DROP INDEX CONCURRENTLY IF EXISTS login_challenges_of_account;
CREATE INDEX CONCURRENTLY login_challenges_of_account ON login_challenges (account_id);
DROP INDEX CONCURRENTLY IF EXISTS claims_by_end;
CREATE INDEX CONCURRENTLY claims_by_end ON claims (expires_at);
DROP INDEX CONCURRENTLY IF EXISTS webhook_messages_ended;
CREATE INDEX CONCURRENTLY webhook_messages_ended ON webhook_messages (created_at) WHERE delivered_at IS NOT NULL OR failed_at IS NOT NULL;

-- +goose Down
DROP INDEX webhook_messages_ended;
DROP INDEX claims_by_end;
DROP INDEX login_challenges_of_account;
DROP INDEX approvals_of_signing;
DROP INDEX accounts_of_subject;
DROP INDEX corrections_of_registration;
DROP INDEX reviews_of_registration;
DROP INDEX codes_of_registration;
