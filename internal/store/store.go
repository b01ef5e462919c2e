// Package store keeps the records of kyso in SQL: signings with their documents, transitions, approvals, values
// and evidence, registrations with their people, payments and codes, the audit log, the webhook inbox and the answers
// to Idempotency-Keys. One SQL text runs on SQLite and PostgreSQL;
// the two migration folders differ in column types only. Personal data is sealed before it reaches a statement.
//
// It decides nothing about a process: it refuses what contradicts an earlier record, and no more.
//
// This package opens a database and puts its rooms together. The kernel has the connection, the transactions, the keys, the audit
// chain and the ledger of transitions and incidents; signings, registrations, accounts and operations each keep one kind of record;
// persons reads and erases what belongs to one person in all of them, in one transaction.
package store

import (
	"context"
	"database/sql/driver"

	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store/accounts"
	"kyso/internal/store/kernel"
	"kyso/internal/store/operations"
	"kyso/internal/store/persons"
	"kyso/internal/store/registrations"
	"kyso/internal/store/signings"
)

// Store implements signing.Desk, and with it signing.Records. Registrations gives registration.Records.
type Store struct {
	*kernel.Base
	signings.Records
	operations.Answers
	operations.Inbox
}

var _ signing.Desk = (*Store)(nil)

// Sealer wraps the keys of the store and of people. vault.MasterKey is one; a key service can be another.
type Sealer = kernel.Sealer

// Open opens the database of a DSN: sqlite:/path/file.db (created when absent) or postgres://user@host/name.
// It does not touch the schema; see Migrate.
func Open(ctx context.Context, dsn string, sealer Sealer) (*Store, error) {
	b, err := kernel.Open(ctx, dsn, sealer)
	if err != nil {
		return nil, err
	}
	return over(b), nil
}

// Observed makes Open, when it gets this context, put wrap before the driver of the database; for tests that count statements. wrap gets
// the driver and the name that it opens.
func Observed(ctx context.Context, wrap func(d driver.Driver, name string) driver.Connector) context.Context {
	return kernel.Observed(ctx, wrap)
}

func over(b *kernel.Base) *Store {
	return &Store{b, signings.Records{Base: b}, operations.Answers{Base: b}, operations.Inbox{Base: b}}
}

// Registrations is the part of the store that keeps registrations. It is a type of its own because signings have
// transitions too.
type Registrations struct {
	registrations.Records
	accountRecords
	personRecords
}

var (
	_ registration.Records   = Registrations{}
	_ registration.Handoffs  = Registrations{}
	_ registration.Serials   = Registrations{}
	_ registration.Logins    = Registrations{}
	_ registration.Passwords = Registrations{}
)

// Registrations returns the records of registrations.
func (s *Store) Registrations() Registrations {
	b := s.Base
	return Registrations{registrations.Records{Base: b}, accountRecords{Base: b}, personRecords{Base: b}}
}

// Relay implements the ports of internal/relay.
type Relay struct {
	*Store
	relayedRecords
	signings.Loops
	registrationLoops
	accountLoops
	operationLoops
	operations.Waits
}

// relayedRecords are the records of registrations, behind what Store has under the same name.
type relayedRecords struct{ registrations.Records }

// Relay is the part of the store that the loops of internal/relay ask.
func (s *Store) Relay() Relay {
	b := s.Base
	return Relay{s, relayedRecords{registrations.Records{Base: b}}, signings.Loops{Base: b}, registrationLoops{Base: b}, accountLoops{Base: b}, operationLoops{Base: b}, operations.Waits{Base: b}}
}

// Access returns the part of the store that says who may do what.
func (s *Store) Access() accounts.Access { return accounts.Access{Base: s.Base} }

// AuditLog returns the part of the store that keeps the audit log.
func (s *Store) AuditLog() operations.AuditLog { return operations.AuditLog{Base: s.Base} }

// Clear returns the part of the store that names what earlier releases wrote without the key of a person.
func (s *Store) Clear() persons.Clear { return persons.Clear{Base: s.Base} }

// Decisions returns the part of the store that keeps what people decided.
func (s *Store) Decisions() operations.Decisions { return operations.Decisions{Base: s.Base} }

// Leftovers returns the part of the store that names what erasures left to be removed.
func (s *Store) Leftovers() persons.Leftovers { return persons.Leftovers{Base: s.Base} }

// Limits returns the part of the store that counts what happens.
func (s *Store) Limits() operations.Limits { return operations.Limits{Base: s.Base} }

// Mine returns the part of the store that finds what belongs to the person of an account.
func (s *Store) Mine() persons.Mine { return persons.Mine{Base: s.Base} }

// Waits returns the part of the store that keeps what processes wait for.
func (s *Store) Waits() operations.Waits { return operations.Waits{Base: s.Base} }

// Parked returns the part of the store that operators work with.
func (s *Store) Parked() operations.Parked { return operations.Parked{Base: s.Base} }

// Trusted returns the part of the store that keeps the changes of the trusted certificates.
func (s *Store) Trusted() operations.Trusted { return operations.Trusted{Base: s.Base} }

// Verifications returns the part of the store that keeps verifications.
func (s *Store) Verifications() signings.Verifications { return signings.Verifications{Base: s.Base} }

// Webhooks returns the part of the store that remembers endpoints and the messages to them.
func (s *Store) Webhooks() operations.Webhooks { return operations.Webhooks{Base: s.Base} }

// Embedded side by side, the records of rooms need names of their own.
type (
	accountRecords    = accounts.Records
	personRecords     = persons.Records
	registrationLoops = registrations.Loops
	accountLoops      = accounts.Loops
	operationLoops    = operations.Loops
)
