-- +goose Up

-- Verifications that were kept: what was found, and what it rests on. Each has a key of its own, which seals all that may name a person.
CREATE TABLE verifications (
    id         TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    size       INTEGER NOT NULL,
    sha256     TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    trust      TEXT NOT NULL, -- fingerprints of whom it trusted, JSON
    name       BLOB NOT NULL,
    report     BLOB NOT NULL,
    material   BLOB NOT NULL
);
CREATE INDEX verifications_of_owner ON verifications (owner, created_at, id);
CREATE INDEX verifications_by_age ON verifications (created_at, id);

-- The keys, under the key of the store. They are apart so that their pages can be rewritten after one was deleted.
CREATE TABLE verification_keys (
    id      TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
);

-- Whose signatures were verified: keyed digests of citizen numbers, as in subjects.
CREATE TABLE verification_people (
    lookup          TEXT NOT NULL,
    verification_id TEXT NOT NULL,
    PRIMARY KEY (lookup, verification_id)
);
CREATE INDEX verification_people_of_verification ON verification_people (verification_id);

-- +goose Down
DROP TABLE verification_people;
DROP TABLE verification_keys;
DROP TABLE verifications;
