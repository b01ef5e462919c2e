-- +goose Up

-- What a registration writes into the audit log waits to be chained, as what a signing writes does. Who corrected is read from both.
CREATE INDEX audit_waiting_of_object ON audit_waiting (object, kind);

-- +goose Down
DROP INDEX audit_waiting_of_object;
