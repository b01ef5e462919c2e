package api

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
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/process"
)

const (
	keyPrefix  = "kyso_"
	adminOwner = "admin"
	// touchEvery is how exactly a session remembers when it was last used.
	touchEvery = time.Minute
)

// caller is who asks.
type caller struct {
	owner     string
	scopes    []access.Scope
	keyID     string // empty for guests and for the administrator
	sessionID string // empty for keys
	account   string // id of the account that logged in, if any
	guest     string // owner of the guest's session that logged in: its things stay in reach of this browser
	cookie    string // secret of the session
	until     time.Time
}

type callerKey struct{}

// callerOf returns who asks; nil outside of a request and for a stranger.
func callerOf(ctx context.Context) *caller {
	who, _ := ctx.Value(callerKey{}).(*caller)
	return who
}

// ownerOf is who owns what the request makes.
func ownerOf(ctx context.Context) string {
	if who := callerOf(ctx); who != nil {
		return who.owner
	}
	return ""
}

// may reports whether the caller has one of the scopes.
func may(ctx context.Context, scopes ...access.Scope) bool {
	who := callerOf(ctx)
	return who != nil && access.Any(who.scopes, scopes...)
}

// onlyOwn is the owner that a list is narrowed to: empty for those who may see all.
func onlyOwn(ctx context.Context, all ...access.Scope) string {
	if may(ctx, all...) {
		return ""
	}
	return ownerOf(ctx)
}

// guarded lets a request through when its route and its caller fit. It stands before the idempotency layer, so that
// no caller is given another's answer.
func (s *server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := infoOf(r.Context())
		at := info.route
		if at == nil { // pages, their files and health ask no other system, and no store
			next.ServeHTTP(w, r)
			return
		}
		who, err := s.identify(r)
		from := s.clientAddress(r)
		if err := s.limiter.admit(r.Context(), w.Header(), at.class(), who, from, s.Now()); err != nil {
			writeProblem(w, r, err)
			return
		}
		s.noteCaller(who, err)
		if who != nil {
			info.owner = who.owner
		}
		if full := s.Audit.Room(); full != nil {
			writeProblem(w, r, full)
			return
		}
		if !at.access.open {
			if err == nil {
				err = s.check(r.Context(), who, at.access, objectID(at.at, r.URL.Path))
			}
			if err != nil {
				if problem.CodeOf(err) == problem.Unauthenticated {
					w.Header().Set("WWW-Authenticate", `Bearer realm="kyso"`)
				}
				writeProblem(w, r, err)
				return
			}
		}
		info.passed = true
		ctx := limit.WithAddress(context.WithValue(r.Context(), callerKey{}, who), from)
		next.ServeHTTP(w, r.WithContext(access.WithActor(ctx, info.owner)))
	})
}

// identify finds out who asks: by a key in the Authorization header, else by the session of the cookie. Without both
// there is no caller. A key or session that is not valid is an error, so that a program with a wrong key learns of it.
func (s *server) identify(r *http.Request) (*caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, problem.New(problem.Unauthenticated, "the Authorization header has to be: Bearer kyso_…")
		}
		return s.byKey(r.Context(), strings.TrimSpace(secret))
	}
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // no caller in particular
	}
	return s.bySession(r.Context(), cookie.Value)
}

func (s *server) byKey(ctx context.Context, secret string) (*caller, error) {
	if s.AdminKey != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(s.AdminKey)) == 1 {
		return &caller{owner: adminOwner, scopes: access.Scopes()}, nil
	}
	key, err := s.Access.KeyByDigest(ctx, secretDigest(secret))
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
		return nil, problem.Wrap(problem.Unauthenticated, endedKey{key.ID, what}, "key %s was revoked or is past its time", key.ID)
	}
	return &caller{owner: key.Owner, scopes: key.Scopes, keyID: key.ID, until: key.ExpiresAt}, nil
}

// known reports whether the key or session of an earlier request is still good, without using it. A request with
// neither needed none.
func (s *server) known(ctx context.Context, r *http.Request) error {
	if r.Header.Get("Authorization") != "" {
		_, err := s.identify(r)
		return err
	}
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return nil //nolint:nilerr // no caller in particular
	}
	_, err = s.session(ctx, cookie.Value)
	return err
}

func (s *server) session(ctx context.Context, secret string) (access.Session, error) {
	session, err := s.Access.SessionByDigest(ctx, secretDigest(secret))
	if problem.CodeOf(err) == problem.NotFound || err == nil && !session.Good(s.Now()) {
		return session, problem.New(problem.Unauthenticated, "the session has ended")
	}
	return session, err
}

func (s *server) bySession(ctx context.Context, secret string) (*caller, error) {
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
	return &caller{owner: session.Owner, scopes: session.Scopes, keyID: session.KeyID, sessionID: session.ID, account: session.AccountID,
		guest: session.Guest, cookie: secret, until: session.ExpiresAt}, nil
}

// check holds a caller against the rule of a route. What belongs to others is as if it were not there.
func (s *server) check(ctx context.Context, who *caller, rule rule, id string) error {
	switch {
	case who == nil:
		return problem.New(problem.Unauthenticated, "this needs an API key or a session; see /docs")
	case rule.account && who.account == "":
		return problem.New(problem.Unauthenticated, "this needs a log-in")
	case access.Any(who.scopes, rule.all...), rule.admin && who.owner == adminOwner:
		return nil
	case !access.Any(who.scopes, rule.own...):
		return problem.New(problem.Denied, "this needs the scope %s", rule.wanted())
	case rule.object == "":
		return nil
	}
	granted, err := s.reaches(ctx, who, access.Object{Kind: rule.object, ID: id})
	if err == nil && !granted {
		return problem.New(problem.NotFound, "no such %s", rule.object)
	}
	return err
}

// reaches reports whether something belongs to a caller: to the owner, to the guest that logged in, or to the person of
// the account.
func (s *server) reaches(ctx context.Context, who *caller, object access.Object) (bool, error) {
	if who == nil {
		return false, nil
	}
	granted, err := s.granted(ctx, who.owner, object)
	if err == nil && !granted && who.guest != "" {
		granted, err = s.granted(ctx, who.guest, object)
	}
	if err != nil || granted || who.account == "" || s.People == nil {
		return granted, err
	}
	return s.ofPerson(ctx, who, object)
}

// granted reports whether something belongs to an owner. The signing of an acceptance record belongs to whom the
// registration belongs to.
func (s *server) granted(ctx context.Context, owner string, object access.Object) (bool, error) {
	granted, err := s.Access.Granted(ctx, owner, object)
	if err != nil || granted || object.Kind != access.Signing {
		return granted, err
	}
	if id, ok := process.OfAcceptance(object.ID); ok {
		return s.Access.Granted(ctx, owner, access.Object{Kind: access.Registration, ID: id})
	}
	return false, nil
}

// grant notes that what a request makes belongs to its caller.
func (s *server) grant(ctx context.Context, kind access.Kind, id string) error {
	infoOf(ctx).object = id
	return s.Access.Grant(ctx, ownerOf(ctx), s.Now(), access.Object{Kind: kind, ID: id})
}

// newSecret draws a secret of 256 bits, and returns the digest that it is stored under.
func newSecret(prefix string) (secret, digest string) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails, says its documentation
	secret = prefix + base64.RawURLEncoding.EncodeToString(raw[:])
	return secret, secretDigest(secret)
}

// secretDigest is a plain digest: what it hides is random and too long to be guessed.
func secretDigest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
