package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"kyso/internal/access"
	"kyso/internal/problem"
)

const tagAccess = "access"

// linkRoutes are the links to registrations, where there are any.
func (s *server) linkRoutes() []route {
	return []route{
		on(s.linkRegistration, route{id: "linkRegistration", at: "POST /v1/registrations/{id}/resume-link", tag: tagAccess,
			summary: "Make a one-time link to a registration for another device",
			text:    "The link is valid for a day and can be used once. Only the owner and the administrator make one.",
			access:  rule{own: registrations, admin: true, object: access.Registration}, secret: true,
			problems: []int{http.StatusNotFound}}),
	}
}

func (s *server) accessRoutes() []route {
	return []route{
		on(s.openSession, route{id: "openSession", at: "POST /v1/session", tag: tagAccess,
			summary: "Open a session for a browser: a guest's, or that of a key",
			text:    "Without a key the session is a guest's. The answer sets a cookie that scripts cannot read. A session is never prolonged by this call: each gets a new secret.",
			access:  rule{open: true}, cost: classEnter, key: keyRefused,
			problems: []int{http.StatusUnauthorized}}),
		on(s.getSession, route{id: "getSession", at: "GET /v1/session", tag: tagAccess,
			summary: "Show who one is",
			text:    "Kind, owner, scopes and end of the session or key.",
			access:  rule{own: allScopes}}),
		on(s.endSession, route{id: "endSession", at: "DELETE /v1/session", tag: tagAccess, status: http.StatusNoContent,
			summary: "Log out",
			text:    "The session ends at once, on the server too.",
			access:  rule{own: allScopes}, key: keyRefused}),
		on(s.resume, route{id: "resume", at: "POST /v1/resume", tag: tagAccess,
			summary: "Take over what a one-time link leads to",
			text:    "The browser reaches what the link leads to from then on. A link can be used once.",
			access:  rule{own: allScopes}, cost: classEnter,
			problems: []int{http.StatusNotFound, http.StatusConflict}}),
		on(s.linkSigning, route{id: "linkSigning", at: "POST /v1/signings/{id}/resume-link", tag: tagAccess,
			summary: "Make a one-time link to a signing for another device",
			text:    "The link is valid for a day and can be used once. Its secret stands after #, so it reaches no log.",
			access:  rule{own: signings, object: access.Signing}, secret: true,
			problems: []int{http.StatusNotFound}}),
		on(s.createKey, route{id: "createKey", at: "POST /v1/keys", tag: tagAccess, status: http.StatusCreated,
			summary: "Make an API key; its secret is shown this once",
			text:    "A key hands out only scopes that its maker has. The secret is kept for the retry of this request for 15 minutes.",
			access:  rule{all: keepers}, secret: true}),
		on(s.listKeys, route{id: "listKeys", at: "GET /v1/keys", tag: tagAccess,
			summary: "List API keys, newest first",
			text:    "Revoked and expired keys too, without secrets.",
			access:  rule{all: keepers}}),
		on(s.revokeKey, route{id: "revokeKey", at: "DELETE /v1/keys/{id}", tag: tagAccess, status: http.StatusNoContent,
			summary:  "Revoke an API key and the sessions it opened",
			text:     "Takes effect with the next request.",
			access:   rule{all: keepers},
			problems: []int{http.StatusNotFound}}),
	}
}

// SessionRequest opens a session. It may be left out.
type SessionRequest struct {
	Key string `json:"key,omitempty" maxLength:"200" doc:"An API key: the session acts as its owner, within its scopes. Without it the session is a guest's"`
}

type openSessionInput struct {
	Body *SessionRequest
}

// SessionBody is who a caller is.
type SessionBody struct {
	Kind      string         `json:"kind" enum:"guest,account,key"`
	Owner     string         `json:"owner" doc:"Whose things are reached; an opaque id"`
	Scopes    []access.Scope `json:"scopes"`
	ExpiresAt *time.Time     `json:"expires_at,omitempty"`
}

type sessionOutput struct {
	Cookie string `header:"Set-Cookie"`
	Body   SessionBody
}

// openSession never prolongs the session that is there: a new secret belongs to each authentication.
func (s *server) openSession(ctx context.Context, in *openSessionInput) (*sessionOutput, error) {
	now := s.Now().UTC().Truncate(time.Microsecond)
	session := access.Session{ID: uuid.NewString(), Scopes: access.GuestScopes(), CreatedAt: now, SeenAt: now}
	session.Owner, session.ExpiresAt = guestPrefix+session.ID, session.End(now)
	if in.Body != nil && in.Body.Key != "" {
		who, err := s.byKey(ctx, in.Body.Key)
		if err != nil {
			return nil, err
		}
		session.Owner, session.Scopes, session.KeyID, session.ExpiresAt = who.owner, who.scopes, who.keyID, now.Add(access.KeyLife)
		if session.KeyID == "" {
			session.KeyID = adminOwner
		}
		if !who.until.IsZero() && who.until.Before(session.ExpiresAt) {
			session.ExpiresAt = who.until
		}
	}
	if before := callerOf(ctx); before != nil && before.sessionID != "" && session.KeyID != "" {
		if err := s.Access.EndSession(ctx, before.sessionID); err != nil {
			return nil, err
		}
	}
	secret, digest := newSecret("")
	if err := s.Access.CreateSession(ctx, session, digest); err != nil {
		return nil, err
	}
	info := infoOf(ctx)
	info.owner, info.object = session.Owner, session.ID
	return s.opened(session, secret, now), nil
}

// opened is the answer that gives a browser its session.
func (s *server) opened(session access.Session, secret string, now time.Time) *sessionOutput {
	return &sessionOutput{Cookie: s.cookie(secret, cookieLife(session, now)), Body: SessionBody{Kind: sessionKind(session.KeyID, session.AccountID),
		Owner: session.Owner, Scopes: session.Scopes, ExpiresAt: utc(session.ExpiresAt)}}
}

// cookieLife is how long a browser keeps the cookie. The session of an account slides by minutes, so its cookie lives as
// long as the session may at most.
func cookieLife(session access.Session, now time.Time) time.Duration {
	if session.AccountID != "" {
		return session.CreatedAt.Add(access.AccountLife).Sub(now)
	}
	return session.ExpiresAt.Sub(now)
}

func sessionKind(keyID, accountID string) string {
	switch {
	case keyID != "":
		return "key"
	case accountID != "":
		return "account"
	}
	return "guest"
}

// cookieName has the prefix that binds a cookie to this host and to https, where there is https.
func (s *server) cookieName() string {
	if s.secure() {
		return "__Host-kyso"
	}
	return "kyso"
}

func (s *server) secure() bool { return strings.HasPrefix(s.PublicURL, "https://") }

func (s *server) cookie(secret string, life time.Duration) string {
	//nolint:gosec // Secure follows the public address: without https, in development, a browser would not keep it
	c := http.Cookie{Name: s.cookieName(), Value: secret, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteStrictMode}
	if secret == "" {
		c.MaxAge = -1
	}
	return c.String()
}

func (s *server) getSession(ctx context.Context, _ *struct{}) (*sessionOutput, error) {
	who := callerOf(ctx)
	body := SessionBody{Kind: "key", Owner: who.owner, Scopes: who.scopes, ExpiresAt: utc(who.until)}
	out := &sessionOutput{Body: body}
	if who.sessionID != "" {
		out.Body.Kind = sessionKind(who.keyID, who.account)
	}
	if who.sessionID != "" && who.keyID == "" && who.account == "" { // the page begins: the cookie slides with the session
		out.Cookie = s.cookie(who.cookie, who.until.Sub(s.Now()))
	}
	return out, nil
}

type endSessionOutput struct {
	Cookie string `header:"Set-Cookie"`
}

func (s *server) endSession(ctx context.Context, _ *struct{}) (*endSessionOutput, error) {
	who := callerOf(ctx)
	if who.sessionID == "" {
		return &endSessionOutput{}, nil
	}
	return &endSessionOutput{Cookie: s.cookie("", 0)}, s.Access.EndSession(ctx, who.sessionID)
}

// LinkBody is a link for another device.
type LinkBody struct {
	URL       string    `json:"url" doc:"The secret stands after #, so that it reaches no log"`
	ExpiresAt time.Time `json:"expires_at"`
}

type linkOutput struct {
	Body LinkBody
}

func (s *server) linkSigning(ctx context.Context, in *signingInput) (*linkOutput, error) {
	if _, err := s.Desk.Signing(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.link(ctx, access.Object{Kind: access.Signing, ID: in.ID})
}

func (s *server) linkRegistration(ctx context.Context, in *registrationInput) (*linkOutput, error) {
	if _, err := s.Registration.Records.Registration(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.link(ctx, access.Object{Kind: access.Registration, ID: in.ID})
}

func (s *server) link(ctx context.Context, object access.Object) (*linkOutput, error) {
	secret, digest := newSecret("")
	expires := s.Now().Add(access.LinkLife).UTC().Truncate(time.Second)
	if err := s.Access.CreateLink(ctx, digest, object, expires); err != nil {
		return nil, err
	}
	return &linkOutput{LinkBody{URL: s.PublicURL + "/resume#" + secret, ExpiresAt: expires}}, nil
}

// ResumeRequest is what stood after # in a link.
type ResumeRequest struct {
	Token string `json:"token" minLength:"1" maxLength:"200"`
}

type resumeInput struct {
	Body ResumeRequest
}

// ResumeBody is what the link led to.
type ResumeBody struct {
	Kind access.Kind `json:"kind" enum:"signing,registration"`
	ID   string      `json:"id"`
	Page string      `json:"page" doc:"Path of the page that goes on with it"`
}

type resumeOutput struct {
	Body ResumeBody
}

// resume gives what a link leads to, and the documents of a signing with it.
func (s *server) resume(ctx context.Context, in *resumeInput) (*resumeOutput, error) {
	object, err := s.Access.UseLink(ctx, secretDigest(in.Body.Token), browserOf(ctx), s.Now())
	if problem.CodeOf(err) == problem.HandoffUsed { // perhaps by this caller, whose answer was lost
		if granted, grantErr := s.reaches(ctx, callerOf(ctx), object); grantErr == nil && granted {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	page := "/register/" + object.ID
	if object.Kind == access.Signing {
		page = "/sign/" + object.ID
	}
	return &resumeOutput{ResumeBody{Kind: object.Kind, ID: object.ID, Page: page}}, nil
}

// KeyRequest asks for an API key.
type KeyRequest struct {
	Owner  string         `json:"owner" minLength:"1" maxLength:"64" doc:"Team or person that it acts for, as an opaque id; keys of one owner reach the same things"`
	Name   string         `json:"name,omitempty" maxLength:"100" doc:"What it is for, without personal data"`
	Scopes []access.Scope `json:"scopes" minItems:"1" maxItems:"7" enum:"signings,registrations,webhooks,officer,operator,keys,trust"`
	Days   int            `json:"days,omitempty" minimum:"1" maximum:"400" default:"90" doc:"How long it is valid: a key ends unless it is renewed"`
}

type createKeyInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again makes no second API key"`
	Body KeyRequest
}

// KeyBody is an API key.
type KeyBody struct {
	ID        string         `json:"id"`
	Owner     string         `json:"owner"`
	Name      string         `json:"name,omitempty"`
	Scopes    []access.Scope `json:"scopes"`
	MadeBy    string         `json:"made_by" doc:"Owner of the key that made it; acts of the two never count as those of two persons"`
	CreatedAt time.Time      `json:"created_at"`
	ExpiresAt time.Time      `json:"expires_at"`
	RevokedAt *time.Time     `json:"revoked_at,omitempty"`
	Secret    string         `json:"secret,omitempty" doc:"Only in the answer that makes it; send it as Authorization: Bearer …"`
}

type keyOutput struct {
	Body KeyBody
}

// guestPrefix begins the owners of guests' sessions, accountPrefix those of accounts'.
const (
	guestPrefix   = "guest:"
	accountPrefix = "account:"
)

// isPerson reports whether an owner is whoever sits at a browser, and no program.
func isPerson(owner string) bool {
	return strings.HasPrefix(owner, guestPrefix) || strings.HasPrefix(owner, accountPrefix)
}

// browserOf is who owns what a link or VNeID hands to a browser: that of an account hands it to the browser and not to
// the account, which may be another person's.
func browserOf(ctx context.Context) string {
	if who := callerOf(ctx); who != nil && who.guest != "" {
		return who.guest
	}
	return ownerOf(ctx)
}

func (s *server) createKey(ctx context.Context, in *createKeyInput) (*keyOutput, error) {
	var fields fieldErrors
	owner := in.Body.Owner
	checkOpaque("body.owner", owner, &fields)
	if access.Reserved(owner, s.Parties) {
		fields.add("body.owner", "must not be a name that the audit log uses for others than keys: "+access.ReservedNames(s.Parties))
	}
	name := checkText("body.name", in.Body.Name, 100, &fields)
	if err := fields.err(); err != nil {
		return nil, err
	}
	now, maker := s.Now().UTC().Truncate(time.Second), ownerOf(ctx)
	if maker == adminOwner {
		maker = ""
	} else if err := s.mayHandOut(ctx, in.Body); err != nil {
		return nil, err
	}
	secret, digest := newSecret(keyPrefix)
	key := access.Key{ID: madeID("key-", in.Key), Owner: owner, Name: name, Scopes: in.Body.Scopes, MadeBy: maker, CreatedAt: now, ExpiresAt: now.AddDate(0, 0, in.Body.Days)}
	key, err := s.Access.CreateKey(ctx, key, digest)
	if err != nil {
		return nil, err
	}
	infoOf(ctx).object = key.ID
	body := keyBody(key)
	body.Secret = secret
	return &keyOutput{body}, nil
}

// mayHandOut refuses what a maker of keys does not have itself: a scope, and the things of an owner that others made keys
// for, under whose name it could act.
func (s *server) mayHandOut(ctx context.Context, in KeyRequest) error {
	var fields fieldErrors
	for i, scope := range in.Scopes {
		if !may(ctx, scope) {
			fields.add("body.scopes["+strconv.Itoa(i)+"]", "must be a scope that your own key has")
		}
	}
	keys, err := s.Access.Keys(ctx)
	if err != nil {
		return err
	}
	if !keeps(keys, ownerOf(ctx), in.Owner) {
		fields.add("body.owner", "has a key that you did not make: its next one comes from the administrator, or from itself")
	}
	return fields.err()
}

// keeps reports whether a maker of keys has an owner's in its hands: its own, or those of an owner whose every key it made.
func keeps(keys []access.Key, maker, owner string) bool {
	return owner == maker || !slices.ContainsFunc(keys, func(k access.Key) bool { return k.Owner == owner && k.MadeBy != maker })
}

func keyBody(k access.Key) KeyBody {
	return KeyBody{ID: k.ID, Owner: k.Owner, Name: k.Name, Scopes: k.Scopes, MadeBy: cmp.Or(k.MadeBy, adminOwner), CreatedAt: k.CreatedAt.UTC(), ExpiresAt: k.ExpiresAt.UTC(), RevokedAt: utc(k.RevokedAt)}
}

// KeyList is every key, revoked ones too.
type KeyList struct {
	Items []KeyBody `json:"items"`
}

type keysOutput struct {
	Body KeyList
}

func (s *server) listKeys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	list, err := s.Access.Keys(ctx)
	if err != nil {
		return nil, err
	}
	out := KeyList{Items: []KeyBody{}}
	for _, k := range list {
		out.Items = append(out.Items, keyBody(k))
	}
	return &keysOutput{out}, nil
}

type keyInput struct {
	ID string `path:"id" maxLength:"64"`
}

// revokeKey ends a key. Whoever may end another's locks it out, so the rule is that of making one.
func (s *server) revokeKey(ctx context.Context, in *keyInput) (*struct{}, error) {
	if err := s.mayRevoke(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.Access.RevokeKey(ctx, in.ID, s.Now())
}

func (s *server) mayRevoke(ctx context.Context, id string) error {
	if isAdmin(ctx) {
		return nil
	}
	keys, err := s.Access.Keys(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(k access.Key) bool { return k.ID == id })
	if i >= 0 && !keeps(keys, ownerOf(ctx), keys[i].Owner) {
		return problem.New(problem.Denied, "its owner has a key that you did not make: the administrator revokes it, or the owner itself")
	}
	return nil // the store says when it is not there
}
