// Package access is the domain of who may do what: keys of programs, sessions of browsers, what belongs to whom, and
// the one-time links that take a person to another device. It does no I/O and imports the standard library only.
package access

import (
	"context"
	"slices"
	"time"
)

// Scope is one thing that a caller may do.
type Scope string

// The scopes. Signings and Registrations reach what belongs to the caller; the others reach what belongs to all.
const (
	Signings      Scope = "signings"      // upload, sign, verify
	Registrations Scope = "registrations" // walk a registration
	Webhooks      Scope = "webhooks"      // notify a program of what happens
	Officer       Scope = "officer"       // review dossiers
	Operator      Scope = "operator"      // see and repair what is stuck, read the audit log, erase
	Keys          Scope = "keys"          // make and revoke keys
	Trust         Scope = "trust"         // add and remove trusted certification authorities
)

// Scopes are all of them.
func Scopes() []Scope {
	return []Scope{Signings, Registrations, Webhooks, Officer, Operator, Keys, Trust}
}

// GuestScopes are what a browser of an unknown owner may do.
func GuestScopes() []Scope { return []Scope{Signings, Registrations} }

// Key is an API key of a program or a person. Its secret is shown once and is stored as a digest only.
type Key struct {
	ID        string
	Owner     string // opaque id of a team or a person; what one key of an owner makes, all of them reach
	Name      string // for people
	Scopes    []Scope
	MadeBy    string // owner of the key that made it; empty for the administrator
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt time.Time
}

// Good reports whether the key may be used.
func (k Key) Good(now time.Time) bool { return k.RevokedAt.IsZero() && now.Before(k.ExpiresAt) }

// Session is a browser. KeyID names the key that it was opened with, AccountID the account that logged in; without
// either it is a guest.
type Session struct {
	ID        string
	Owner     string
	KeyID     string
	AccountID string
	Guest     string // owner of the guest's session that logged in: what it began stays in reach
	Device    string // kind of browser, for the list of sessions
	Scopes    []Scope
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time // without another request; see End
}

// The times of sessions: Idle without a request ends one, and so does Life whatever happens. A guest's reaches no more
// than what the browser itself began, and every step that binds a person asks for a code or the phone besides, so it may
// last as long as the longest wait of a process. An officer's or a citizen's reaches dossiers (NIST SP 800-63B, AAL2).
const (
	GuestIdle   = 30 * 24 * time.Hour
	GuestLife   = 180 * 24 * time.Hour
	KeyIdle     = 30 * time.Minute
	KeyLife     = 12 * time.Hour
	AccountIdle = 30 * time.Minute
	AccountLife = 12 * time.Hour
)

// Good reports whether the session may be used.
func (s Session) Good(now time.Time) bool {
	return now.Before(s.ExpiresAt) && now.Before(s.End(s.SeenAt))
}

// End is when a session ends that was last used at a time.
func (s Session) End(seen time.Time) time.Time {
	idle, life := GuestIdle, GuestLife
	switch {
	case s.KeyID != "":
		idle, life = KeyIdle, KeyLife
	case s.AccountID != "":
		idle, life = AccountIdle, AccountLife
	}
	end, last := seen.Add(idle), s.CreatedAt.Add(life)
	if end.After(last) {
		return last
	}
	return end
}

// LinkLife is how long a link to another device is good; it works once.
const LinkLife = 24 * time.Hour

// Object is something that has an owner.
type Object struct {
	Kind Kind
	ID   string
}

// Kind is what an Object is.
type Kind string

// The kinds.
const (
	Document     Kind = "document"
	Signing      Kind = "signing"
	Registration Kind = "registration"
	Endpoint     Kind = "webhook endpoint"
	Verification Kind = "verification"
)

// Desk is the store as the API's doors see it. problem.NotFound for what is not there.
type Desk interface {
	// CreateKey stores a key under the digest of its secret and returns it. The same id again within a day is a caller who
	// lost the answer: the key stays one and has the new secret. problem.Conflict when it was revoked, or made earlier.
	CreateKey(ctx context.Context, k Key, digest string) (Key, error)
	KeyByDigest(ctx context.Context, digest string) (Key, error)
	Keys(ctx context.Context) ([]Key, error) // newest first
	// Makers tells who may be one person; see there.
	Makers(ctx context.Context) (Makers, error)
	// RevokeKey ends a key and every session that was opened with it. A revoked one stays as it is.
	RevokeKey(ctx context.Context, id string, at time.Time) error

	CreateSession(ctx context.Context, s Session, digest string) error
	SessionByDigest(ctx context.Context, digest string) (Session, error)
	// TouchSession notes a use, and when the session ends without another one.
	TouchSession(ctx context.Context, id string, at, expires time.Time) error
	EndSession(ctx context.Context, id string) error

	// Grant makes objects belong to an owner too.
	Grant(ctx context.Context, owner string, at time.Time, objects ...Object) error
	Granted(ctx context.Context, owner string, object Object) (bool, error)

	// CreateLink stores a one-time link under the digest of its token.
	CreateLink(ctx context.Context, digest string, object Object, expires time.Time) error
	// UseLink takes a link for an owner and makes what it leads to belong to him, the documents of a signing too, in one
	// transaction: a link is never used up without its effect. Errors: problem.NotFound for an unknown one, problem.HandoffUsed for
	// one that was used, problem.DeadlinePassed for one that is too old. The object is returned all the same when the link is known.
	UseLink(ctx context.Context, digest, owner string, now time.Time) (Object, error)
}

// Any reports whether one of the wanted scopes is there.
func Any(have []Scope, wanted ...Scope) bool {
	return slices.ContainsFunc(wanted, func(s Scope) bool { return slices.Contains(have, s) })
}

type actorKey struct{}

// WithActor returns a context in which the owner of a caller acts, whom the API has authenticated.
func WithActor(ctx context.Context, owner string) context.Context {
	return context.WithValue(ctx, actorKey{}, owner)
}

// Actor is who acts; empty in work that no caller asked for, such as that of a process.
func Actor(ctx context.Context) string {
	owner, _ := ctx.Value(actorKey{}).(string)
	return owner
}
