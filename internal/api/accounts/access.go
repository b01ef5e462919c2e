// Package accounts is who calls: browsers' sessions, API keys and one-time links to another device, the log-in of citizens, and what
// belongs to the person of an account.
package accounts

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// Handler answers what is about callers.
type Handler struct {
	*kernel.Kernel
	*view.Views
	Desk          signing.Desk
	Registrations registration.Records // nil where there are none
	People        *People              // nil where citizens do not log in
	Parties       []string             // names of all outside parties: no owner of a key has one of them
}

// Routes are the routes of the room.
func (s *Handler) Routes() []kernel.Route {
	list := s.accessRoutes()
	if s.People != nil {
		list = slices.Concat(list, s.peopleRoutes(), s.meRoutes())
	}
	return list
}

func (s *Handler) accessRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.openSession, kernel.Route{ID: "openSession", At: "POST /v1/session", Tag: kernel.TagAccess,
			Summary: "Open a session for a browser: a guest's, or that of a key",
			Text:    "Without a key the session is a guest's. The answer sets a cookie that scripts cannot read. A session is never prolonged by this call: each gets a new secret.",
			Access:  kernel.Rule{Open: true}, Cost: kernel.ClassEnter, Key: kernel.KeyRefused,
			Problems: []int{http.StatusUnauthorized}}),
		kernel.On(s.getSession, kernel.Route{ID: "getSession", At: "GET /v1/session", Tag: kernel.TagAccess,
			Summary: "Show the caller",
			Text:    "Kind, owner, scopes and end of the session or key.",
			Access:  kernel.Rule{Own: kernel.AllScopes}}),
		kernel.On(s.endSession, kernel.Route{ID: "endSession", At: "DELETE /v1/session", Tag: kernel.TagAccess, Status: http.StatusNoContent,
			Summary: "Log out",
			Text:    "The session ends at once, on the server too.",
			Access:  kernel.Rule{Own: kernel.AllScopes}, Key: kernel.KeyRefused}),
		kernel.On(s.resume, kernel.Route{ID: "resume", At: "POST /v1/resume", Tag: kernel.TagAccess,
			Summary: "Take over what a one-time link leads to",
			Text:    "The browser reaches what the link leads to from then on. A link can be used once.",
			Access:  kernel.Rule{Own: kernel.AllScopes}, Cost: kernel.ClassEnter,
			Problems: []int{http.StatusNotFound, http.StatusConflict}}),
		kernel.On(s.createKey, kernel.Route{ID: "createKey", At: "POST /v1/keys", Tag: kernel.TagAccess, Status: http.StatusCreated,
			Summary: "Make an API key; its secret is shown this once",
			Text:    "A key hands out only scopes that its maker has. The secret is kept for the retry of this request for 15 minutes.",
			Access:  kernel.Rule{All: kernel.Keepers}, Secret: true}),
		kernel.On(s.listKeys, kernel.Route{ID: "listKeys", At: "GET /v1/keys", Tag: kernel.TagAccess,
			Summary: "List API keys, newest first",
			Text:    "Revoked and expired keys too, without secrets.",
			Access:  kernel.Rule{All: kernel.Keepers}}),
		kernel.On(s.revokeKey, kernel.Route{ID: "revokeKey", At: "DELETE /v1/keys/{id}", Tag: kernel.TagAccess, Status: http.StatusNoContent,
			Summary:  "Revoke an API key and the sessions it opened",
			Text:     "Takes effect with the next request.",
			Access:   kernel.Rule{All: kernel.Keepers},
			Problems: []int{http.StatusNotFound}}),
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
func (s *Handler) openSession(ctx context.Context, in *openSessionInput) (*sessionOutput, error) {
	now := s.Now().UTC().Truncate(time.Microsecond)
	session := access.Session{ID: uuid.NewString(), Scopes: access.GuestScopes(), CreatedAt: now, SeenAt: now}
	session.Owner, session.ExpiresAt = kernel.GuestPrefix+session.ID, session.End(now)
	if in.Body != nil && in.Body.Key != "" {
		who, err := s.ByKey(ctx, in.Body.Key)
		if err != nil {
			return nil, err
		}
		session.Owner, session.Scopes, session.KeyID, session.ExpiresAt = who.Owner, who.Scopes, who.KeyID, now.Add(access.KeyLife)
		if session.KeyID == "" {
			session.KeyID = kernel.AdminOwner
		}
		if !who.Until.IsZero() && who.Until.Before(session.ExpiresAt) {
			session.ExpiresAt = who.Until
		}
	}
	if before := kernel.CallerOf(ctx); before != nil && before.SessionID != "" && session.KeyID != "" {
		if err := s.Access.EndSession(ctx, before.SessionID); err != nil {
			return nil, err
		}
	}
	secret, digest := kernel.NewSecret("")
	if err := s.Access.CreateSession(ctx, session, digest); err != nil {
		return nil, err
	}
	info := kernel.InfoOf(ctx)
	info.Owner, info.Object = session.Owner, session.ID
	return s.opened(session, secret, now), nil
}

// opened is the answer that gives a browser its session.
func (s *Handler) opened(session access.Session, secret string, now time.Time) *sessionOutput {
	return &sessionOutput{Cookie: s.Cookie(secret, cookieLife(session, now)), Body: SessionBody{Kind: sessionKind(session.KeyID, session.AccountID),
		Owner: session.Owner, Scopes: session.Scopes, ExpiresAt: kernel.UTC(session.ExpiresAt)}}
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

func (s *Handler) getSession(ctx context.Context, _ *struct{}) (*sessionOutput, error) {
	who := kernel.CallerOf(ctx)
	body := SessionBody{Kind: "key", Owner: who.Owner, Scopes: who.Scopes, ExpiresAt: kernel.UTC(who.Until)}
	out := &sessionOutput{Body: body}
	if who.SessionID != "" {
		out.Body.Kind = sessionKind(who.KeyID, who.Account)
	}
	if who.SessionID != "" && who.KeyID == "" && who.Account == "" { // the page begins: the cookie slides with the session
		out.Cookie = s.Cookie(who.Cookie, who.Until.Sub(s.Now()))
	}
	return out, nil
}

type endSessionOutput struct {
	Cookie string `header:"Set-Cookie"`
}

func (s *Handler) endSession(ctx context.Context, _ *struct{}) (*endSessionOutput, error) {
	who := kernel.CallerOf(ctx)
	if who.SessionID == "" {
		return &endSessionOutput{}, nil
	}
	return &endSessionOutput{Cookie: s.Cookie("", 0)}, s.Access.EndSession(ctx, who.SessionID)
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
func (s *Handler) resume(ctx context.Context, in *resumeInput) (*resumeOutput, error) {
	object, err := s.Access.UseLink(ctx, kernel.SecretDigest(in.Body.Token), kernel.BrowserOf(ctx), s.Now())
	if problem.CodeOf(err) == problem.HandoffUsed { // perhaps by this caller, whose answer was lost
		if granted, grantErr := s.Reaches(ctx, kernel.CallerOf(ctx), object); grantErr == nil && granted {
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

func (s *Handler) createKey(ctx context.Context, in *createKeyInput) (*keyOutput, error) {
	var fields kernel.FieldErrors
	owner := in.Body.Owner
	kernel.CheckOpaque("body.owner", owner, &fields)
	if access.Reserved(owner, s.Parties) {
		fields.Add("body.owner", "must not be a name that the audit log uses for others than keys: "+access.ReservedNames(s.Parties))
	}
	name := kernel.CheckText("body.name", in.Body.Name, 100, &fields)
	if err := fields.Err(); err != nil {
		return nil, err
	}
	now, maker := s.Now().UTC().Truncate(time.Second), kernel.OwnerOf(ctx)
	if maker == kernel.AdminOwner {
		maker = ""
	} else if err := s.mayHandOut(ctx, in.Body); err != nil {
		return nil, err
	}
	secret, digest := kernel.NewSecret(kernel.KeyPrefix)
	key := access.Key{ID: kernel.MadeID("key-", in.Key), Owner: owner, Name: name, Scopes: in.Body.Scopes, MadeBy: maker, CreatedAt: now, ExpiresAt: now.AddDate(0, 0, in.Body.Days)}
	key, err := s.Access.CreateKey(ctx, key, digest)
	if err != nil {
		return nil, err
	}
	kernel.InfoOf(ctx).Object = key.ID
	body := keyBody(key)
	body.Secret = secret
	return &keyOutput{body}, nil
}

// mayHandOut refuses what a maker of keys does not have itself: a scope, and the things of an owner that others made keys
// for, under whose name it could act.
func (s *Handler) mayHandOut(ctx context.Context, in KeyRequest) error {
	var fields kernel.FieldErrors
	for i, scope := range in.Scopes {
		if !kernel.May(ctx, scope) {
			fields.Add("body.scopes["+strconv.Itoa(i)+"]", "must be a scope that your own key has")
		}
	}
	keys, err := s.Access.Keys(ctx)
	if err != nil {
		return err
	}
	if !keeps(keys, kernel.OwnerOf(ctx), in.Owner) {
		fields.Add("body.owner", "has a key that you did not make: its next one comes from the administrator, or from itself")
	}
	return fields.Err()
}

// keeps reports whether a maker of keys has an owner's in its hands: its own, or those of an owner whose every key it made.
func keeps(keys []access.Key, maker, owner string) bool {
	return owner == maker || !slices.ContainsFunc(keys, func(k access.Key) bool { return k.Owner == owner && k.MadeBy != maker })
}

func keyBody(k access.Key) KeyBody {
	return KeyBody{ID: k.ID, Owner: k.Owner, Name: k.Name, Scopes: k.Scopes, MadeBy: cmp.Or(k.MadeBy, kernel.AdminOwner), CreatedAt: k.CreatedAt.UTC(), ExpiresAt: k.ExpiresAt.UTC(), RevokedAt: kernel.UTC(k.RevokedAt)}
}

// KeyList is every key, revoked ones too.
type KeyList struct {
	Items []KeyBody `json:"items"`
}

type keysOutput struct {
	Body KeyList
}

func (s *Handler) listKeys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
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
func (s *Handler) revokeKey(ctx context.Context, in *keyInput) (*struct{}, error) {
	if err := s.mayRevoke(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.Access.RevokeKey(ctx, in.ID, s.Now())
}

func (s *Handler) mayRevoke(ctx context.Context, id string) error {
	if kernel.IsAdmin(ctx) {
		return nil
	}
	keys, err := s.Access.Keys(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(k access.Key) bool { return k.ID == id })
	if i >= 0 && !keeps(keys, kernel.OwnerOf(ctx), keys[i].Owner) {
		return problem.New(problem.Denied, "its owner has a key that you did not make: the administrator revokes it, or the owner itself")
	}
	return nil // the store says when it is not there
}
