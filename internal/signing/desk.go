package signing

import (
	"context"
	"time"

	"kyso/internal/page"
)

// Desk is the store as the doors see it (API and, through it, CLI and pages). Errors are those of Records.
type Desk interface {
	Records

	// KeepUpload is SaveUpload for a caller: the upload is the caller's, and counts for its quotas until a signing takes it
	// or it is deleted, all in one transaction. Errors: problem.TooLarge for one that no quota has room for,
	// problem.RateLimited with RetryAfter when a quota is used up.
	KeepUpload(ctx context.Context, u Upload, by Uploader) error
	// CreateSigning stores a new signing with its documents in StatusCreated. The same id again with the same
	// content does nothing; with other content it is problem.Conflict.
	CreateSigning(ctx context.Context, s Signing) error
	// AskSigning is CreateSigning for a browser: it counts the request against what one phone may be asked for, in the
	// same transaction. Errors: problem.RateLimited with RetryAfter.
	AskSigning(ctx context.Context, s Signing, by Asker) error
	// AskAgain counts another request for a signing that waited longer than PendingFor.
	AskAgain(ctx context.Context, s Signing, by Asker, now time.Time) error
	// Signings lists newest first, without what is sealed: users, reasons, locations, names of documents, references of requests. Of what
	// was prepared it has H3 alone.
	Signings(ctx context.Context, f Filter) ([]Signing, error)

	// FindApproval returns the signing that sent a request, by our id of it or by one of its names at the provider.
	FindApproval(ctx context.Context, provider, name string) (signingID string, err error)

	// Receive commits a webhook as it came, before it is answered. fresh is false when the same event (same
	// provider and digest of the body) was received before.
	Receive(ctx context.Context, m InboxMessage) (fresh bool, err error)
	MarkHandled(ctx context.Context, id string) error

	// Remember binds an Idempotency-Key to the digest of its request. The first caller gets stored == nil and
	// goes on; a later one gets what Answered kept, or problem.Conflict while the first is still at work for
	// less than a minute (after that it is taken for dead, and the caller goes on). Another digest is
	// problem.IdempotencyMismatch.
	Remember(ctx context.Context, key, requestDigest string) (stored *Answer, err error)
	Answered(ctx context.Context, key string, a Answer) error

	// Ping answers readiness.
	Ping(ctx context.Context) error
}

// Filter narrows a list. Zero values do not narrow.
type Filter struct {
	Status        Status
	UserID        string // compared by a keyed digest
	Owner         string // of whom it has to be; see internal/access
	AttentionOnly bool
	Before        time.Time   // created before
	After         page.Cursor // goes on behind this row, which is younger than what follows
	Limit         int         // default 50, at most 500
}

// InboxMessage is a webhook as it came.
type InboxMessage struct {
	ID         string // hex SHA-256 over provider and body
	Provider   string
	Request    string // which request it speaks of: our id or a name of the provider's; empty when it names none
	Body       []byte // may hold signature values, no personal data
	ReceivedAt time.Time
}

// AnswerLife is how long an answer is kept, and so how long the retry of a request is known as one.
const AnswerLife = 24 * time.Hour

// Answer is a stored HTTP answer for an Idempotency-Key.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
	SecretUntil time.Time // until when a body with a secret is kept; zero for others
	About       string    // id of the signing, registration or upload whose data the body may hold; empty for none
	Erased      bool      // the body went with the data of a person; read only
}
