-- +goose Up

-- The loops' indexes of one status each, in the words that keep SQLite from reading the index of all statuses instead.
DROP INDEX signings_unstarted;
DROP INDEX registrations_unstarted;
DROP INDEX registrations_arrived;
DROP INDEX signings_archived;
CREATE INDEX signings_unstarted ON signings (created_at, id) WHERE NOT status <> 'created' AND started_at IS NULL AND incident_id IS NULL;
CREATE INDEX registrations_unstarted ON registrations (created_at, id) WHERE NOT status <> 'requested' AND started_at IS NULL;
CREATE INDEX registrations_arrived ON registrations (created_at, id) WHERE NOT status <> 'requested' AND handoff_used_at IS NOT NULL;
CREATE INDEX signings_archived ON signings (created_at, id) WHERE NOT status <> 'signed' AND level = 'B-LTA';

-- Resets whose cooling time runs, and codes that were not sent.
CREATE INDEX password_resets_by_end ON password_resets (effective_at, account_id);
CREATE INDEX login_challenges_unsent ON login_challenges (created_at, id) WHERE account_id <> '' AND sent_at IS NULL AND proven_at IS NULL AND digits IS NOT NULL;

-- Attempts to pay that VNPay has not decided.
CREATE INDEX payments_undecided ON payments (created_at, txn_ref) WHERE status IN ('pending', 'review');

-- +goose Down
DROP INDEX payments_undecided;
DROP INDEX login_challenges_unsent;
DROP INDEX password_resets_by_end;
DROP INDEX signings_archived;
DROP INDEX registrations_arrived;
DROP INDEX registrations_unstarted;
DROP INDEX signings_unstarted;
CREATE INDEX signings_archived ON signings (created_at, id) WHERE status = 'signed' AND level = 'B-LTA';
CREATE INDEX registrations_arrived ON registrations (created_at, id) WHERE status = 'requested' AND handoff_used_at IS NOT NULL;
CREATE INDEX registrations_unstarted ON registrations (created_at, id) WHERE status = 'requested' AND started_at IS NULL;
CREATE INDEX signings_unstarted ON signings (created_at, id) WHERE status = 'created' AND started_at IS NULL AND incident_id IS NULL;
