package kernel

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/problem"
	"kyso/internal/process"
)

const (
	// KeyPrefix begins the secret of every API key.
	KeyPrefix = "kyso_"
	// AdminOwner is whom the administrator's key belongs to.
	AdminOwner = "admin"
	// touchEvery is how exactly a session remembers when it was last used.
	touchEvery = time.Minute
)

// Caller is who asks.
type Caller struct {
	Owner     string
	Scopes    []access.Scope
	KeyID     string // empty for guests and for the administrator
	SessionID string // empty for keys
	Account   string // id of the account that logged in, if any
	guest     string // owner of the guest's session that logged in: its things stay in reach of this browser
	Cookie    string // secret of the session
	Until     time.Time
}

type callerKey struct{}

// WithCaller is a context of a request of a caller; nil is a stranger.
func WithCaller(ctx context.Context, who *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// CallerOf returns who asks; nil outside of a request and for a stranger.
func CallerOf(ctx context.Context) *Caller {
	who, _ := ctx.Value(callerKey{}).(*Caller)
	return who
}

// OwnerOf is who owns what the request makes.
func OwnerOf(ctx context.Context) string {
	if who := CallerOf(ctx); who != nil {
		return who.Owner
	}
	return ""
}

// May reports whether the caller has one of the scopes.
func May(ctx context.Context, scopes ...access.Scope) bool {
	who := CallerOf(ctx)
	return who != nil && access.Any(who.Scopes, scopes...)
}

// OnlyOwn is the owner that a list is narrowed to: empty for those who may see all.
func OnlyOwn(ctx context.Context, all ...access.Scope) string {
	if May(ctx, all...) {
		return ""
	}
	return OwnerOf(ctx)
}

// Identify finds out who asks: by a key in the Authorization header, else by the session of the cookie. Without both
// there is no caller. A key or session that is not valid is an error, so that a program with a wrong key learns of it.
func (s *Kernel) Identify(r *http.Request) (*Caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, problem.New(problem.Unauthenticated, "the Authorization header has to be: Bearer kyso_…")
		}
		return s.ByKey(r.Context(), strings.TrimSpace(secret))
	}
	cookie, err := r.Cookie(s.CookieName())
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // no caller in particular
	}
	return s.bySession(r.Context(), cookie.Value)
}

// ByKey is the caller that a key belongs to. Error: problem.Unauthenticated for one that is unknown, revoked or past its time.
func (s *Kernel) ByKey(ctx context.Context, secret string) (*Caller, error) {
	if s.AdminKey != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(s.AdminKey)) == 1 {
		return &Caller{Owner: AdminOwner, Scopes: access.Scopes()}, nil
	}
	key, err := s.Access.KeyByDigest(ctx, SecretDigest(secret))
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		return nil, problem.New(problem.Unauthenticated, "no such key")
	case err != nil:
		return nil, err
	case !key.Good(s.Now()):
		what := "key past its time"
		if !key.RevokedAt.IsZero() {
			what = "revoked key"
		}
		return nil, problem.Wrap(problem.Unauthenticated, EndedKey{key.ID, what}, "key %s was revoked or has expired", key.ID)
	}
	return &Caller{Owner: key.Owner, Scopes: key.Scopes, KeyID: key.ID, Until: key.ExpiresAt}, nil
}

// Known reports whether the key or session of an earlier request is still good, without using it. A request with
// neither needed none.
func (s *Kernel) Known(ctx context.Context, r *http.Request) error {
	if r.Header.Get("Authorization") != "" {
		_, err := s.Identify(r)
		return err
	}
	cookie, err := r.Cookie(s.CookieName())
	if err != nil {
		return nil //nolint:nilerr // no caller in particular
	}
	_, err = s.session(ctx, cookie.Value)
	return err
}

func (s *Kernel) session(ctx context.Context, secret string) (access.Session, error) {
	session, err := s.Access.SessionByDigest(ctx, SecretDigest(secret))
	if problem.CodeOf(err) == problem.NotFound || err == nil && !session.Good(s.Now()) {
		return session, problem.New(problem.Unauthenticated, "the session has ended")
	}
	return session, err
}

func (s *Kernel) bySession(ctx context.Context, secret string) (*Caller, error) {
	session, err := s.session(ctx, secret)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	if now.Sub(session.SeenAt) > touchEvery {
		if session.KeyID == "" { // a key's ends with the key at the latest
			session.ExpiresAt = session.End(now)
		}
		if err := s.Access.TouchSession(ctx, session.ID, now, session.ExpiresAt); err != nil {
			return nil, err
		}
	}
	return &Caller{Owner: session.Owner, Scopes: session.Scopes, KeyID: session.KeyID, SessionID: session.ID, Account: session.AccountID,
		guest: session.Guest, Cookie: secret, Until: session.ExpiresAt}, nil
}

// Check holds a caller against the rule of a route. What belongs to others is as if it were not there.
func (s *Kernel) Check(ctx context.Context, who *Caller, rule Rule, id string) error {
	switch {
	case who == nil:
		return problem.New(problem.Unauthenticated, "this needs an API key or a session; see /docs")
	case rule.Account && who.Account == "":
		return problem.New(problem.Unauthenticated, "this needs a log-in")
	case access.Any(who.Scopes, rule.All...), rule.Admin && who.Owner == AdminOwner:
		return nil
	case !access.Any(who.Scopes, rule.Own...):
		return problem.New(problem.Denied, "this needs the scope %s", rule.wanted())
	case rule.Object == "":
		return nil
	}
	granted, err := s.Reaches(ctx, who, access.Object{Kind: rule.Object, ID: id})
	if err == nil && !granted {
		return problem.New(problem.NotFound, "no such %s", rule.Object)
	}
	return err
}

// Reaches reports whether something belongs to a caller: to the owner, to the guest that logged in, or to the person of
// the account.
func (s *Kernel) Reaches(ctx context.Context, who *Caller, object access.Object) (bool, error) {
	if who == nil {
		return false, nil
	}
	granted, err := s.granted(ctx, who.Owner, object)
	if err == nil && !granted && who.guest != "" {
		granted, err = s.granted(ctx, who.guest, object)
	}
	if err != nil || granted || who.Account == "" || s.OfPerson == nil {
		return granted, err
	}
	return s.OfPerson(ctx, who, object)
}

// granted reports whether something belongs to an owner. The signing of an acceptance record belongs to whom the
// registration belongs to.
func (s *Kernel) granted(ctx context.Context, owner string, object access.Object) (bool, error) {
	granted, err := s.Access.Granted(ctx, owner, object)
	if err != nil || granted || object.Kind != access.Signing {
		return granted, err
	}
	if id, ok := process.OfAcceptance(object.ID); ok {
		return s.Access.Granted(ctx, owner, access.Object{Kind: access.Registration, ID: id})
	}
	return false, nil
}

// Grant notes that what a request makes belongs to its caller.
func (s *Kernel) Grant(ctx context.Context, kind access.Kind, id string) error {
	InfoOf(ctx).Object = id
	return s.Access.Grant(ctx, OwnerOf(ctx), s.Now(), access.Object{Kind: kind, ID: id})
}

// NewSecret draws a secret of 256 bits, and returns the digest that it is stored under.
func NewSecret(prefix string) (secret, digest string) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails, says its documentation
	secret = prefix + base64.RawURLEncoding.EncodeToString(raw[:])
	return secret, SecretDigest(secret)
}

// SecretDigest is a plain digest: what it hides is random and too long to be guessed.
func SecretDigest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// GuestPrefix begins the owners of guests' sessions, AccountPrefix those of accounts'.
const (
	GuestPrefix   = "guest:"
	AccountPrefix = "account:"
)

// isPerson reports whether an owner is whoever sits at a browser, and no program.
func isPerson(owner string) bool {
	return strings.HasPrefix(owner, GuestPrefix) || strings.HasPrefix(owner, AccountPrefix)
}

// BrowserOf is who owns what a link or VNeID hands to a browser: that of an account hands it to the browser and not to
// the account, which may be another person's.
func BrowserOf(ctx context.Context) string {
	if who := CallerOf(ctx); who != nil && who.guest != "" {
		return who.guest
	}
	return OwnerOf(ctx)
}

// EndedKey is an expired or revoked key: its id is known, and stands in the audit log when it comes again.
type EndedKey struct{ ID, What string }

// Error implements error.
func (e EndedKey) Error() string { return e.What }

// IsProgram reports whether a caller is a program or a person with an API key, who answers for what it makes ring.
// Others are guests or people who logged in: any browser may be one.
func IsProgram(who *Caller) bool {
	return who != nil && (who.KeyID != "" || who.Owner == AdminOwner)
}
