-- +goose Up

-- What a registration writes into the audit log waits to be chained, as what a signing writes does. Who corrected is read from both.
CREATE INDEX audit_waiting_of_object ON audit_waiting (object, kind);

-- On PostgreSQL only: writers of this release follow each other at their registration, those of the release before at the head of the
-- audit log. That release takes the head by setting its number to what it is; then it waits until no writer of this release is at work,
-- and keeps new ones out. Writers of this release share the lock. The trigger goes in a later migration, when no program of the release
-- before may come back.
-- +goose StatementBegin
CREATE FUNCTION audit_head_taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(45);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_head_taken AFTER UPDATE OF seq ON audit_head FOR EACH ROW WHEN (OLD.seq = NEW.seq) EXECUTE FUNCTION audit_head_taken();
-- So far.

-- +goose Down
DROP INDEX audit_waiting_of_object;

-- On PostgreSQL only: the trigger.
DROP TRIGGER audit_head_taken ON audit_head;
DROP FUNCTION audit_head_taken();
-- So far.
