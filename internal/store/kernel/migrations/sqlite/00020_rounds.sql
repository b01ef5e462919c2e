-- +goose Up

-- Of several decisions in one round of a dossier one is kept. A round is the transition that began it; rows without one are
-- those of the release before, or repairs, of which there may be several.
ALTER TABLE reviews ADD COLUMN round INTEGER;
CREATE UNIQUE INDEX reviews_of_round ON reviews (registration_id, round) WHERE round IS NOT NULL;
ALTER TABLE corrections ADD COLUMN round INTEGER;
ALTER TABLE corrections ADD COLUMN made_at TIMESTAMP;
CREATE UNIQUE INDEX corrections_of_round ON corrections (registration_id, round) WHERE round IS NOT NULL;

-- +goose Down
DROP INDEX corrections_of_round;
ALTER TABLE corrections DROP COLUMN made_at;
ALTER TABLE corrections DROP COLUMN round;
DROP INDEX reviews_of_round;
ALTER TABLE reviews DROP COLUMN round;
