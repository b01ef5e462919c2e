-- +goose Up

-- Serial numbers of certificates that were accepted: an issuer may use a number once. A certificate that comes with a number of
-- another registration is refused.
CREATE TABLE issued_serials (
    issuer          TEXT NOT NULL, -- hex SHA-256 of the issuer's name
    serial          TEXT NOT NULL, -- lower-case hex
    registration_id TEXT NOT NULL,
    PRIMARY KEY (issuer, serial)
);

-- +goose Down
DROP TABLE issued_serials;
