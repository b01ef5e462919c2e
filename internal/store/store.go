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
	*Base
	SigningRecords
	Answers
	Inbox
}

var _ signing.Desk = (*Store)(nil)

// Open opens the database of a DSN: sqlite:/path/file.db (created when absent) or postgres://user@host/name.
// It does not touch the schema; see Migrate.
func Open(ctx context.Context, dsn string, sealer Sealer) (*Store, error) {
	b, err := kernel.Open(ctx, dsn, sealer)
	if err != nil {
		return nil, err
	}
	return over(b), nil
}

func over(b *Base) *Store {
	return &Store{b, SigningRecords{Base: b}, Answers{Base: b}, Inbox{Base: b}}
}

// Registrations is the part of the store that keeps registrations. It is a type of its own because signings have
// transitions too.
type Registrations struct {
	RegistrationRecords
	AccountRecords
	Persons
	s *Store
}

var _ registration.Records = Registrations{}
var _ registration.Handoffs = Registrations{}
var _ registration.Serials = Registrations{}
var _ registration.Logins = Registrations{}
var _ registration.Passwords = Registrations{}

// Registrations returns the records of registrations.
func (s *Store) Registrations() Registrations {
	return Registrations{RegistrationRecords{Base: s.Base}, AccountRecords{Base: s.Base}, Persons{Base: s.Base}, s}
}

// Audit returns entries of the chain with a seq above after, oldest first.
func (r Registrations) Audit(ctx context.Context, after int64, limit int) ([]registration.AuditEntry, error) {
	return (AuditLog{Base: r.Persons.Base}).Entries(ctx, after, limit)
}

// Relay implements the ports of internal/relay.
type Relay struct {
	*Store
	relayedRecords
	SigningLoops
	RegistrationLoops
	AccountLoops
	OperationLoops
}

// relayedRecords are the records of registrations, behind what Store has under the same name.
type relayedRecords struct{ Registrations }

// Relay is the part of the store that the loops of internal/relay ask.
func (s *Store) Relay() Relay {
	b := s.Base
	return Relay{s, relayedRecords{s.Registrations()}, SigningLoops{Base: b}, RegistrationLoops{Base: b}, AccountLoops{Base: b}, OperationLoops{Base: b}}
}

// Access returns the part of the store that says who may do what.
func (s *Store) Access() Access { return Access{Base: s.Base} }

// AuditLog returns the part of the store that keeps the audit log.
func (s *Store) AuditLog() AuditLog { return AuditLog{Base: s.Base} }

// Clear returns the part of the store that names what earlier releases wrote without the key of a person.
func (s *Store) Clear() Clear { return Clear{Base: s.Base} }

// Decisions returns the part of the store that keeps what people decided.
func (s *Store) Decisions() Decisions { return Decisions{Base: s.Base} }

// Leftovers returns the part of the store that names what erasures left to be removed.
func (s *Store) Leftovers() Leftovers { return Leftovers{Base: s.Base} }

// Limits returns the part of the store that counts what happens.
func (s *Store) Limits() Limits { return Limits{Base: s.Base} }

// Mine returns the part of the store that finds what belongs to the person of an account.
func (s *Store) Mine() Mine { return Mine{Base: s.Base} }

// Parked returns the part of the store that operators work with.
func (s *Store) Parked() Parked { return Parked{Base: s.Base} }

// Trusted returns the part of the store that keeps the changes of the trusted certificates.
func (s *Store) Trusted() Trusted { return Trusted{Base: s.Base} }

// Verifications returns the part of the store that keeps verifications.
func (s *Store) Verifications() Verifications { return Verifications{Base: s.Base} }

// Webhooks returns the part of the store that remembers who is told of what.
func (s *Store) Webhooks() Webhooks { return Webhooks{Base: s.Base} }

// The rooms, by the names that those who assemble kyso use.
type (
	Access              = accounts.Access
	AccountLoops        = accounts.Loops
	AccountRecords      = accounts.Records
	Answers             = operations.Answers
	AuditLog            = operations.AuditLog
	Base                = kernel.Base
	Clear               = persons.Clear
	Decisions           = operations.Decisions
	Inbox               = operations.Inbox
	Leftovers           = persons.Leftovers
	Limits              = operations.Limits
	Mine                = persons.Mine
	OperationLoops      = operations.Loops
	Parked              = operations.Parked
	Persons             = persons.Records
	RegistrationLoops   = registrations.Loops
	RegistrationRecords = registrations.Records
	Sealer              = kernel.Sealer
	SigningLoops        = signings.Loops
	SigningRecords      = signings.Records
	Trusted             = operations.Trusted
	Verifications       = signings.Verifications
	Webhooks            = operations.Webhooks
	older               = kernel.Older
)
