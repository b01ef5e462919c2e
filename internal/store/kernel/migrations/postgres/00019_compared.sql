-- +goose Up

-- When a registration that has ended was last compared with its money and its certificate; long ago when it never was, or when its
-- money has moved since.
ALTER TABLE registrations ADD COLUMN compared_at TIMESTAMPTZ NOT NULL DEFAULT '1970-01-01 00:00:00+00:00';
CREATE INDEX registrations_compared ON registrations (compared_at, id) WHERE NOT status NOT IN ('active', 'refused', 'ineligible', 'withdrawn', 'expired', 'cancelled');

-- +goose Down
DROP INDEX registrations_compared;
ALTER TABLE registrations DROP COLUMN compared_at;
