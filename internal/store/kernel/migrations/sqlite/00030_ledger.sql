-- +goose Up

-- The transitions and incidents of every kind of process, in one table each. A row belongs to its record; a stray incident has none:
-- its process lost it.
CREATE TABLE process_transitions (
    kind            TEXT NOT NULL,
    process_id      TEXT NOT NULL,
    seq             INTEGER NOT NULL,
    status          TEXT NOT NULL,
    at              TIMESTAMP NOT NULL,
    detail          TEXT NOT NULL,
    deadline        TIMESTAMP,
    actor           TEXT NOT NULL DEFAULT '',
    signing_id      TEXT GENERATED ALWAYS AS (CASE WHEN kind = 'signing' THEN process_id END) STORED REFERENCES signings (id),
    registration_id TEXT GENERATED ALWAYS AS (CASE WHEN kind = 'registration' THEN process_id END) STORED REFERENCES registrations (id),
    PRIMARY KEY (kind, process_id, seq)
);

CREATE TABLE process_incidents (
    id              TEXT PRIMARY KEY,
    kind            TEXT NOT NULL,
    process_id      TEXT NOT NULL,
    stray           BOOLEAN NOT NULL,
    step            TEXT NOT NULL,
    reason          TEXT NOT NULL,
    message         TEXT NOT NULL,
    provider        TEXT NOT NULL,
    since           TIMESTAMP NOT NULL,
    attempts        INTEGER NOT NULL,
    assignee        TEXT NOT NULL DEFAULT '',
    closed_at       TIMESTAMP,
    action          TEXT NOT NULL,
    actor           BLOB NOT NULL, -- sealed, bound to the name of the old table
    note            BLOB NOT NULL, -- sealed, bound to the name of the old table
    signing_id      TEXT GENERATED ALWAYS AS (CASE WHEN kind = 'signing' AND NOT stray THEN process_id END) STORED REFERENCES signings (id),
    registration_id TEXT GENERATED ALWAYS AS (CASE WHEN kind = 'registration' AND NOT stray THEN process_id END) STORED REFERENCES registrations (id)
);

-- What the release before writes shows in the new tables.
-- +goose StatementBegin
CREATE TRIGGER transitions_to_new AFTER INSERT ON transitions FOR EACH ROW BEGIN
    INSERT INTO process_transitions (kind, process_id, seq, status, at, detail)
    SELECT 'signing', NEW.signing_id, NEW.seq, NEW.status, NEW.at, NEW.detail
    WHERE NOT EXISTS (SELECT 1 FROM process_transitions WHERE kind = 'signing' AND process_id = NEW.signing_id AND seq = NEW.seq);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER registration_transitions_to_new AFTER INSERT ON registration_transitions FOR EACH ROW BEGIN
    INSERT INTO process_transitions (kind, process_id, seq, status, at, detail, deadline, actor)
    SELECT 'registration', NEW.registration_id, NEW.seq, NEW.status, NEW.at, NEW.detail, NEW.deadline, NEW.actor
    WHERE NOT EXISTS (SELECT 1 FROM process_transitions WHERE kind = 'registration' AND process_id = NEW.registration_id AND seq = NEW.seq);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER incidents_to_new AFTER INSERT ON incidents FOR EACH ROW BEGIN
    INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT NEW.id, 'signing', NEW.signing_id, FALSE, NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note
    WHERE NOT EXISTS (SELECT 1 FROM process_incidents WHERE id = NEW.id AND kind = 'signing' AND process_id = NEW.signing_id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER incidents_change_new AFTER UPDATE ON incidents FOR EACH ROW BEGIN
    UPDATE process_incidents SET step = NEW.step, reason = NEW.reason, message = NEW.message, provider = NEW.provider, since = NEW.since, attempts = NEW.attempts, assignee = NEW.assignee, closed_at = NEW.closed_at, action = NEW.action, actor = NEW.actor, note = NEW.note
    WHERE id = NEW.id AND (step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
        IS DISTINCT FROM (NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER registration_incidents_to_new AFTER INSERT ON registration_incidents FOR EACH ROW BEGIN
    INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT NEW.id, 'registration', NEW.registration_id, FALSE, NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note
    WHERE NOT EXISTS (SELECT 1 FROM process_incidents WHERE id = NEW.id AND kind = 'registration' AND process_id = NEW.registration_id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER registration_incidents_change_new AFTER UPDATE ON registration_incidents FOR EACH ROW BEGIN
    UPDATE process_incidents SET step = NEW.step, reason = NEW.reason, message = NEW.message, provider = NEW.provider, since = NEW.since, attempts = NEW.attempts, assignee = NEW.assignee, closed_at = NEW.closed_at, action = NEW.action, actor = NEW.actor, note = NEW.note
    WHERE id = NEW.id AND (step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
        IS DISTINCT FROM (NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER stray_incidents_to_new AFTER INSERT ON stray_incidents FOR EACH ROW BEGIN
    INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT NEW.id, NEW.process, NEW.process_id, TRUE, NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note
    WHERE NOT EXISTS (SELECT 1 FROM process_incidents WHERE id = NEW.id AND kind = NEW.process AND process_id = NEW.process_id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER stray_incidents_change_new AFTER UPDATE ON stray_incidents FOR EACH ROW BEGIN
    UPDATE process_incidents SET step = NEW.step, reason = NEW.reason, message = NEW.message, provider = NEW.provider, since = NEW.since, attempts = NEW.attempts, assignee = NEW.assignee, closed_at = NEW.closed_at, action = NEW.action, actor = NEW.actor, note = NEW.note
    WHERE id = NEW.id AND (step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
        IS DISTINCT FROM (NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note);
END;
-- +goose StatementEnd

-- What there is. The triggers above hold off writers until this is committed.
INSERT INTO process_transitions (kind, process_id, seq, status, at, detail) SELECT 'signing', signing_id, seq, status, at, detail FROM transitions;
INSERT INTO process_transitions (kind, process_id, seq, status, at, detail, deadline, actor)
    SELECT 'registration', registration_id, seq, status, at, detail, deadline, actor FROM registration_transitions;
INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT id, 'signing', signing_id, FALSE, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note FROM incidents;
INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT id, 'registration', registration_id, FALSE, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note FROM registration_incidents;
INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT id, process, process_id, TRUE, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note FROM stray_incidents;

-- What lists and loops read.
CREATE INDEX process_incidents_oldest ON process_incidents (since, id);
CREATE INDEX process_incidents_parked ON process_incidents (since, id) WHERE closed_at IS NULL;
CREATE INDEX process_incidents_oldest_of_kind ON process_incidents (kind, since, id);
CREATE INDEX process_incidents_parked_of_kind ON process_incidents (kind, since, id) WHERE closed_at IS NULL;
CREATE INDEX process_incidents_of ON process_incidents (process_id, reason);
CREATE INDEX process_incidents_open ON process_incidents (process_id, since) WHERE closed_at IS NULL;

-- What this release writes shows in the old tables, until a later migration drops them. Each trigger writes what is not there yet,
-- so the one that answers it writes nothing and ends the round.
-- +goose StatementBegin
CREATE TRIGGER transitions_to_old AFTER INSERT ON process_transitions FOR EACH ROW WHEN (NEW.kind = 'signing') BEGIN
    INSERT INTO transitions (signing_id, seq, status, at, detail)
    SELECT NEW.process_id, NEW.seq, NEW.status, NEW.at, NEW.detail
    WHERE NOT EXISTS (SELECT 1 FROM transitions WHERE signing_id = NEW.process_id AND seq = NEW.seq);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER registration_transitions_to_old AFTER INSERT ON process_transitions FOR EACH ROW WHEN (NEW.kind = 'registration') BEGIN
    INSERT INTO registration_transitions (registration_id, seq, status, at, detail, deadline, actor)
    SELECT NEW.process_id, NEW.seq, NEW.status, NEW.at, NEW.detail, NEW.deadline, NEW.actor
    WHERE NOT EXISTS (SELECT 1 FROM registration_transitions WHERE registration_id = NEW.process_id AND seq = NEW.seq);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER incidents_to_old AFTER INSERT ON process_incidents FOR EACH ROW WHEN (NEW.kind = 'signing' AND NOT NEW.stray) BEGIN
    INSERT INTO incidents (id, signing_id, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT NEW.id, NEW.process_id, NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note
    WHERE NOT EXISTS (SELECT 1 FROM incidents WHERE id = NEW.id AND signing_id = NEW.process_id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER incidents_change_old AFTER UPDATE ON process_incidents FOR EACH ROW WHEN (NEW.kind = 'signing' AND NOT NEW.stray) BEGIN
    UPDATE incidents SET step = NEW.step, reason = NEW.reason, message = NEW.message, provider = NEW.provider, since = NEW.since, attempts = NEW.attempts, assignee = NEW.assignee, closed_at = NEW.closed_at, action = NEW.action, actor = NEW.actor, note = NEW.note
    WHERE id = NEW.id AND (step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
        IS DISTINCT FROM (NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER registration_incidents_to_old AFTER INSERT ON process_incidents FOR EACH ROW WHEN (NEW.kind = 'registration' AND NOT NEW.stray) BEGIN
    INSERT INTO registration_incidents (id, registration_id, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT NEW.id, NEW.process_id, NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note
    WHERE NOT EXISTS (SELECT 1 FROM registration_incidents WHERE id = NEW.id AND registration_id = NEW.process_id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER registration_incidents_change_old AFTER UPDATE ON process_incidents FOR EACH ROW WHEN (NEW.kind = 'registration' AND NOT NEW.stray) BEGIN
    UPDATE registration_incidents SET step = NEW.step, reason = NEW.reason, message = NEW.message, provider = NEW.provider, since = NEW.since, attempts = NEW.attempts, assignee = NEW.assignee, closed_at = NEW.closed_at, action = NEW.action, actor = NEW.actor, note = NEW.note
    WHERE id = NEW.id AND (step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
        IS DISTINCT FROM (NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER stray_incidents_to_old AFTER INSERT ON process_incidents FOR EACH ROW WHEN (NEW.stray) BEGIN
    INSERT INTO stray_incidents (id, process, process_id, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
    SELECT NEW.id, NEW.kind, NEW.process_id, NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note
    WHERE NOT EXISTS (SELECT 1 FROM stray_incidents WHERE id = NEW.id AND process_id = NEW.process_id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER stray_incidents_change_old AFTER UPDATE ON process_incidents FOR EACH ROW WHEN (NEW.stray) BEGIN
    UPDATE stray_incidents SET step = NEW.step, reason = NEW.reason, message = NEW.message, provider = NEW.provider, since = NEW.since, attempts = NEW.attempts, assignee = NEW.assignee, closed_at = NEW.closed_at, action = NEW.action, actor = NEW.actor, note = NEW.note
    WHERE id = NEW.id AND (step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note)
        IS DISTINCT FROM (NEW.step, NEW.reason, NEW.message, NEW.provider, NEW.since, NEW.attempts, NEW.assignee, NEW.closed_at, NEW.action, NEW.actor, NEW.note);
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER stray_incidents_change_new;
DROP TRIGGER stray_incidents_to_new;
DROP TRIGGER registration_incidents_change_new;
DROP TRIGGER registration_incidents_to_new;
DROP TRIGGER incidents_change_new;
DROP TRIGGER incidents_to_new;
DROP TRIGGER registration_transitions_to_new;
DROP TRIGGER transitions_to_new;
DROP TABLE process_incidents;
DROP TABLE process_transitions;
