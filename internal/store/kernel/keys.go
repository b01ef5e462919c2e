package kernel

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"kyso/internal/problem"
	"kyso/internal/vault"
)

// Keys seals columns and makes lookup digests.
type Keys struct {
	refusals *refusals // of limits
	Box      *vault.Box
	Lookup   *vault.Lookup
}

// OpenKeys unwraps the data keys on first use and makes them in a new database.
func (s *Base) OpenKeys(ctx context.Context) (*Keys, error) {
	s.keysMu.Lock()
	defer s.keysMu.Unlock()
	if s.keys != nil {
		return s.keys, nil
	}
	k := &Keys{refusals: &s.refusals}
	data, err := s.dataKey(ctx, "seal/1")
	if err == nil {
		k.Box, err = vault.NewBox(data)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the sealing key of the store: %w", err)
	}
	data, err = s.dataKey(ctx, "lookup")
	if err == nil {
		k.Lookup, err = vault.NewLookup(data)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the lookup key of the store: %w", err)
	}
	s.keys = k
	return k, nil
}

// dataKey returns the key of that name. Of several processes that draw it at once, the first one wins.
func (s *Base) dataKey(ctx context.Context, name string) ([]byte, error) {
	const find = `SELECT wrapped FROM data_keys WHERE name = $1`
	var wrapped []byte
	err := s.DB.QueryRowContext(ctx, find, name).Scan(&wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		wrapped, err = s.Sealer.Wrap(ctx, name, vault.NewKey())
		if err != nil {
			return nil, err
		}
		_, err = s.DB.ExecContext(ctx,
			`INSERT INTO data_keys (name, wrapped) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, wrapped)
		if err != nil {
			return nil, err
		}
		err = s.DB.QueryRowContext(ctx, find, name).Scan(&wrapped)
	}
	if err != nil {
		return nil, err
	}
	return s.Sealer.Unwrap(ctx, name, wrapped)
}

// Sealed encrypts a column value; row names the row as its primary key does.
func (k *Keys) Sealed(table, column, row string, plain []byte) []byte {
	return k.Box.Seal(plain, vault.Place{Table: table, Column: column, Row: row})
}

// errBlank is a column whose value was erased. A sealed value is never empty.
var errBlank = problem.New(problem.Erased, "the value was erased")

// Open decrypts a column value; problem.Erased when it was emptied.
func (k *Keys) Open(table, column, row string, value []byte) ([]byte, error) {
	if len(value) == 0 {
		return nil, errBlank
	}
	plain, err := k.Box.Open(value, vault.Place{Table: table, Column: column, Row: row})
	if err != nil {
		return nil, fmt.Errorf("reading %s.%s: %w", table, column, err)
	}
	if len(plain) == 0 {
		return nil, nil
	}
	return plain, nil
}

// OpenText decrypts into text unless err is set already, which it passes on.
func (k *Keys) OpenText(err error, text *string, table, column, row string, value []byte) error {
	if err != nil {
		return err
	}
	plain, err := k.Open(table, column, row, value)
	*text = string(plain)
	return err
}

// OpenWords is openText for what people wrote about a process: once it was erased there are no words.
func (k *Keys) OpenWords(err error, text *string, table, column, row string, value []byte) error {
	if err == nil && len(value) == 0 {
		*text = ""
		return nil
	}
	return k.OpenText(err, text, table, column, row, value)
}

// Digest is the keyed digest of a value's JSON form.
func (k *Keys) Digest(domain string, value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return k.Lookup.Digest(domain, text), nil
}

// PlainDigest is the hex SHA-256 of bytes that cannot be guessed.
func PlainDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Conflict is problem.Conflict.
func Conflict(format string, args ...any) error {
	return problem.New(problem.Conflict, format, args...)
}
