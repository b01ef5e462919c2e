-- +goose Up

-- When the object of a grant was created: the list of what one owner has is read from an index in the order in which it is shown, however
-- much the owner has. Triggers set it, so that programs of the release before need not know it. It is NULL while there is no record.
ALTER TABLE grants ADD COLUMN object_at TIMESTAMP;
-- +goose StatementBegin
CREATE TRIGGER grants_of_new_signings AFTER INSERT ON signings FOR EACH ROW BEGIN
    UPDATE grants SET object_at = NEW.created_at WHERE kind = 'signing' AND object = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER grants_of_new_registrations AFTER INSERT ON registrations FOR EACH ROW BEGIN
    UPDATE grants SET object_at = NEW.created_at WHERE kind = 'registration' AND object = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER grants_of_old_records AFTER INSERT ON grants FOR EACH ROW BEGIN
    UPDATE grants SET object_at = COALESCE((SELECT s.created_at FROM signings s WHERE NEW.kind = 'signing' AND s.id = NEW.object),
        (SELECT r.created_at FROM registrations r WHERE NEW.kind = 'registration' AND r.id = NEW.object))
    WHERE NEW.kind IN ('signing', 'registration') AND kind = NEW.kind AND object = NEW.object AND owner = NEW.owner;
END;
-- +goose StatementEnd

-- What there is. The triggers above hold off writers until this is committed.
UPDATE grants SET object_at = (SELECT s.created_at FROM signings s WHERE s.id = grants.object) WHERE kind = 'signing';
UPDATE grants SET object_at = (SELECT r.created_at FROM registrations r WHERE r.id = grants.object) WHERE kind = 'registration';
CREATE INDEX grants_newest ON grants (owner, kind, object_at, object);
DROP INDEX grants_of_owner;

-- +goose Down
CREATE INDEX grants_of_owner ON grants (owner, kind, created_at);
DROP INDEX grants_newest;
DROP TRIGGER grants_of_old_records;
DROP TRIGGER grants_of_new_registrations;
DROP TRIGGER grants_of_new_signings;
ALTER TABLE grants DROP COLUMN object_at;
