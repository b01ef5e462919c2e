package registration

import (
	"context"
	"time"

	"kyso/internal/limit"
	"kyso/internal/process"
)

// Challenge is one try to log in, or to set a password that was forgotten: a code goes to the phone, and whoever asked
// hands it in. A phone without an account has challenges too, without AccountID: no code is right for them.
type Challenge struct {
	ID        string
	Purpose   Purpose // PurposeLogin or PurposeReset
	Owner     string  // of the session that asked; for others the challenge is not there
	AccountID string
	CreatedAt time.Time
	ExpiresAt time.Time // of the code
	SentAt    time.Time // zero until the gateway took the code
	ProvenAt  time.Time // zero until the code was accepted; set once
	ClosedAt  time.Time // zero until the log-in or the reset succeeded; set once
	Attempts  int       // wrong codes so far
}

// Window allows Most challenges for one phone in a stretch of time, of one purpose or of all together.
type Window struct {
	Within time.Duration
	Most   int
}

// Reset is a password that takes the place of the one before once its cooling time is over.
type Reset struct {
	AccountID    string
	PasswordHash string // argon2id in PHC form
	RequestedAt  time.Time
	EffectiveAt  time.Time
}

// NoticeID names the notice of a reset, one for each time that a reset is asked for.
func (r Reset) NoticeID() string {
	return process.ResetNotice(r.AccountID, r.RequestedAt)
}

// Handoff is a fresh one-time token of VNeID for a request that it made before: its button opens kyso every time.
type Handoff struct {
	RequestID string
	Token     string // only a keyed digest of it is stored
	ExpiresAt time.Time
	At        time.Time // when it came
}

// Handoffs is the store as VNeID's fresh tokens see it.
type Handoffs interface {
	// AddHandoff keeps a token besides those before and returns the registration: problem.NotFound for an unknown
	// request, problem.Conflict for a token that belongs to another. The same token of the same request again changes
	// nothing.
	AddHandoff(ctx context.Context, h Handoff) (Registration, error)
}

// NoticeKind is what a text message tells the owner of an account.
type NoticeKind string

// The kinds of notices.
const (
	NoticeReset   NoticeKind = "reset"   // a new password was asked for
	NoticeChanged NoticeKind = "changed" // the password was changed
)

// Logins is the store as log-ins see it. problem.NotFound for an unknown id.
type Logins interface {
	// OpenChallenge records a challenge with its digits, bound to the account of the phone if there is one. Windows are
	// held in the same transaction; problem.RateLimited with RetryAfter when one is full. What it does and how long that
	// takes does not depend on whether the phone has an account.
	OpenChallenge(ctx context.Context, c Challenge, phone, digits string, windows []Window, limits ...limit.Limit) error
	// ProveChallenge accepts digits once, atomically: problem.NotFound for another owner's or
	// one of another purpose, which stays as it is, OTPWrong, OTPExpired,
	// OTPLocked (5 wrong tries). A challenge without an account is always wrong. Without digits it returns one that was
	// proven since a time and is not closed, else OTPExpired.
	ProveChallenge(ctx context.Context, purpose Purpose, id, owner, digits string, now, since time.Time) (Challenge, error)
	// CloseChallenge ends a proven challenge: the second one to come is problem.OTPExpired. The audit log says what of
	// which account.
	CloseChallenge(ctx context.Context, id string, at time.Time) error
	// ChallengeToSend returns phone and text digits of a challenge that was not sent; problem.Conflict when it was sent,
	// proven or has expired, and when there is no account to send to.
	ChallengeToSend(ctx context.Context, id string, now time.Time) (c Challenge, phone, digits string, err error)
	MarkChallengeSent(ctx context.Context, id string, at time.Time) error // forgets the digits
}

// MaxWrongPasswords is how many wrong passwords in a row an account takes (NIST SP 800-63B-4, 3.2.2: at most 100).
const MaxWrongPasswords = 100

// Passwords is the store as changes of passwords see it.
type Passwords interface {
	// TryPassword counts a wrong password before it is compared, for the account and for the account from one network, so
	// that many at once find as many tries as one after the other. After free wrong ones in a row from a network, each
	// try waits for delay after the one before, twice as long each time up to an hour; after MaxWrongPasswords in a row
	// from anywhere nothing but a reset helps. Errors: problem.RateLimited with RetryAfter.
	TryPassword(ctx context.Context, accountID, network string, now time.Time, free int, delay time.Duration) error
	// RightPassword forgets the wrong ones of the account and of the network.
	RightPassword(ctx context.Context, accountID, network string) error
	// SaveReset keeps a reset in place of the one before.
	SaveReset(ctx context.Context, r Reset) error
	// Reset returns the pending one; problem.NotFound when there is none.
	Reset(ctx context.Context, accountID string) (Reset, error)
	// DropReset forgets it; one that is not there is a success. why stands in the audit log.
	DropReset(ctx context.Context, accountID, why string, at time.Time) error
	// SetPassword gives the account another password, forgets a pending reset and the count of wrong ones, and ends
	// every session of the account but keep. why stands in the audit log.
	SetPassword(ctx context.Context, accountID, hash, why, keep string, at time.Time) error
}

// Holder is the person of an account as far as log-ins need to know.
type Holder struct {
	AccountID string
	SubjectID string
	Phone     string // E.164
	Email     string
	FullName  string
	IDNumber  string
	// Proven says that the account's phone is one that VNeID knows for this person: then code and password prove the
	// citizen number, and not only the account.
	Proven bool
}

// Cursor is a place in a list that is newest first; the zero value is its begin.
type Cursor struct {
	At time.Time
	ID string
}

// Notice is what the owner of an account is to be told.
type Notice struct {
	ID        string     `json:"id"`
	AccountID string     `json:"account_id"`
	Kind      NoticeKind `json:"kind"`
	At        time.Time  `json:"at"`
}
