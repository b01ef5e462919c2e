-- +goose Up

-- What the loops have noted: a process that was started, a process that knows its record up to a transition, a captured
-- payment that pays for a certificate in use.
ALTER TABLE signings ADD COLUMN started_at TIMESTAMPTZ;
ALTER TABLE registrations ADD COLUMN started_at TIMESTAMPTZ;
ALTER TABLE registrations ADD COLUMN told INTEGER NOT NULL DEFAULT -1;
ALTER TABLE payments ADD COLUMN settled_at TIMESTAMPTZ;

-- What each loop has to see, oldest first.
CREATE INDEX signings_unstarted ON signings (created_at, id) WHERE status = 'created' AND started_at IS NULL AND incident_id IS NULL;
CREATE INDEX signings_open ON signings (created_at, id) WHERE status NOT IN ('signed', 'declined', 'expired', 'cancelled', 'refused');
CREATE INDEX registrations_unstarted ON registrations (created_at, id) WHERE status = 'requested' AND started_at IS NULL;
CREATE INDEX registrations_arrived ON registrations (created_at, id) WHERE status = 'requested' AND handoff_used_at IS NOT NULL;
CREATE INDEX registrations_behind ON registrations (updated_at, id) WHERE told < seq AND status NOT IN ('requested', 'active', 'refused', 'ineligible', 'withdrawn', 'expired', 'cancelled');
CREATE INDEX registrations_open ON registrations (created_at, id) WHERE status NOT IN ('active', 'refused', 'ineligible', 'withdrawn', 'expired', 'cancelled');
CREATE INDEX registrations_in_review ON registrations (updated_at, id) WHERE status = 'in-review';
CREATE INDEX payments_unsettled ON payments (created_at, txn_ref) WHERE status = 'captured' AND settled_at IS NULL;
CREATE INDEX webhook_messages_waiting ON webhook_messages (created_at, endpoint_id, id) WHERE started_at IS NULL;

CREATE INDEX signings_archived ON signings (created_at, id) WHERE status = 'signed' AND level = 'B-LTA';
CREATE INDEX webhook_messages_carried ON webhook_messages (created_at, endpoint_id, id) WHERE started_at IS NOT NULL AND delivered_at IS NULL AND failed_at IS NULL;

-- Incidents of processes that have no record to hang them on.
CREATE TABLE stray_incidents (
    id         TEXT PRIMARY KEY,
    process    TEXT NOT NULL,
    process_id TEXT NOT NULL,
    step       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    message    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    since      TIMESTAMPTZ NOT NULL,
    attempts   INTEGER NOT NULL,
    closed_at  TIMESTAMPTZ,
    action     TEXT NOT NULL,
    actor      BYTEA NOT NULL, -- sealed
    note       BYTEA NOT NULL, -- sealed
    assignee   TEXT NOT NULL DEFAULT ''
);
CREATE INDEX stray_incidents_oldest ON stray_incidents (since, id);
CREATE INDEX stray_incidents_parked ON stray_incidents (since, id) WHERE closed_at IS NULL;
CREATE INDEX stray_incidents_of ON stray_incidents (process_id, reason);
CREATE INDEX incidents_of_reason ON incidents (signing_id, reason);
CREATE INDEX registration_incidents_of_reason ON registration_incidents (registration_id, reason);

-- What people page through, newest first, with the id between equal times.
CREATE INDEX signings_by_status_newest ON signings (status, created_at, id);
CREATE INDEX signings_of_user_newest ON signings (user_lookup, created_at, id);
CREATE INDEX signings_parked_newest ON signings (created_at, id) WHERE incident_id IS NOT NULL;
CREATE INDEX registrations_by_status_newest ON registrations (status, created_at, id);
CREATE INDEX registrations_of_subject_newest ON registrations (subject_id, created_at, id);
CREATE INDEX registrations_parked_newest ON registrations (created_at, id) WHERE incident_id IS NOT NULL;
CREATE INDEX webhook_messages_newest ON webhook_messages (endpoint_id, created_at, id);
CREATE INDEX api_keys_newest ON api_keys (created_at, id);
CREATE INDEX registration_incidents_oldest ON registration_incidents (since, id);

-- Each of these has a successor above that begins with the same columns.
DROP INDEX signings_by_status;
DROP INDEX signings_of_user;
DROP INDEX signings_parked;
DROP INDEX registrations_by_status;
DROP INDEX registrations_of_subject;
DROP INDEX registrations_parked;
DROP INDEX webhook_messages_by_time;
DROP INDEX webhook_messages_unstarted;

-- +goose Down
CREATE INDEX signings_by_status ON signings (status, created_at);
CREATE INDEX signings_of_user ON signings (user_lookup, created_at);
CREATE INDEX signings_parked ON signings (created_at) WHERE incident_id IS NOT NULL;
CREATE INDEX registrations_by_status ON registrations (status, created_at);
CREATE INDEX registrations_of_subject ON registrations (subject_id, created_at);
CREATE INDEX registrations_parked ON registrations (created_at) WHERE incident_id IS NOT NULL;
CREATE INDEX webhook_messages_by_time ON webhook_messages (endpoint_id, created_at);
CREATE INDEX webhook_messages_unstarted ON webhook_messages (created_at) WHERE started_at IS NULL;
DROP INDEX registration_incidents_of_reason;
DROP INDEX incidents_of_reason;
DROP TABLE stray_incidents;
DROP INDEX webhook_messages_carried;
DROP INDEX signings_archived;
DROP INDEX registration_incidents_oldest;
DROP INDEX api_keys_newest;
DROP INDEX webhook_messages_newest;
DROP INDEX registrations_parked_newest;
DROP INDEX registrations_of_subject_newest;
DROP INDEX registrations_by_status_newest;
DROP INDEX signings_parked_newest;
DROP INDEX signings_of_user_newest;
DROP INDEX signings_by_status_newest;
DROP INDEX webhook_messages_waiting;
DROP INDEX payments_unsettled;
DROP INDEX registrations_in_review;
DROP INDEX registrations_open;
DROP INDEX registrations_behind;
DROP INDEX registrations_arrived;
DROP INDEX registrations_unstarted;
DROP INDEX signings_open;
DROP INDEX signings_unstarted;
ALTER TABLE payments DROP COLUMN settled_at;
ALTER TABLE registrations DROP COLUMN told;
ALTER TABLE registrations DROP COLUMN started_at;
ALTER TABLE signings DROP COLUMN started_at;
