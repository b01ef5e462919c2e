package accounts

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/account"
	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
)

func (s *Handler) meRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.showMe, kernel.Route{ID: "showMe", At: "GET /v1/me", Tag: kernel.TagPeople,
			Summary:  "Show whose account it is",
			Text:     "Name, and the citizen number, phone and address of mail in part.",
			Access:   kernel.Rule{Own: kernel.Registrations, Account: true},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.listMyRegistrations, kernel.Route{ID: "listMyRegistrations", At: "GET /v1/me/registrations", Tag: kernel.TagPeople,
			Summary:  "List the registrations of the person, newest first",
			Text:     "Of the person of the account, whichever browser began them.",
			Access:   kernel.Rule{Own: kernel.Registrations, Account: true},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.listMySignings, kernel.Route{ID: "listMySignings", At: "GET /v1/me/signings", Tag: kernel.TagPeople,
			Summary:  "List the signings of the person, newest first",
			Text:     "Of the person of the account, whichever browser began them. Shown when the phone is proven.",
			Access:   kernel.Rule{Own: kernel.Registrations, Account: true},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.listMySessions, kernel.Route{ID: "listMySessions", At: "GET /v1/me/sessions", Tag: kernel.TagPeople,
			Summary:  "List where the account is logged in",
			Text:     "When each began and was last used; current marks the caller's.",
			Access:   kernel.Rule{Own: kernel.Registrations, Account: true},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.endMySession, kernel.Route{ID: "endMySession", At: "DELETE /v1/me/sessions/{session}", Tag: kernel.TagPeople, Status: http.StatusNoContent,
			Summary:  "End a session of the account",
			Text:     "The browser with that session is logged out.",
			Access:   kernel.Rule{Own: kernel.Registrations, Account: true},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.changePassword, kernel.Route{ID: "changePassword", At: "POST /v1/me/password", Tag: kernel.TagPeople,
			Summary: "Change the password; the other sessions end",
			Text:    "Takes the password before. The session of the caller gets a new secret, the other sessions end.",
			Access:  kernel.Rule{Own: kernel.Registrations, Account: true}, Cost: kernel.ClassEnter, Key: kernel.KeyRefused}),
	}
}

// OfPerson reports whether something belongs to the person of an account, whichever browser began it: registrations of
// the account; and when the phone is proven, every registration of the person, and signings that guests began for the
// person's user ids. Such a signing is granted to the account when it is first asked for, with its documents.
func (s *Handler) OfPerson(ctx context.Context, who *kernel.Caller, object access.Object) (bool, error) {
	if id, ok := process.OfAcceptance(object.ID); ok && object.Kind == access.Signing {
		object = access.Object{Kind: access.Registration, ID: id}
	}
	if object.Kind != access.Registration && object.Kind != access.Signing {
		return false, nil
	}
	h, err := s.People.Mine.Holder(ctx, who.Account)
	if problem.CodeOf(err) == problem.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var own bool
	if object.Kind == access.Registration {
		own, err = s.registrationOf(ctx, h, object.ID)
	} else {
		own, err = s.signingOf(ctx, who, h, object.ID)
	}
	if problem.CodeOf(err) == problem.NotFound {
		return false, nil
	}
	return own, err
}

func (s *Handler) registrationOf(ctx context.Context, h registration.Holder, id string) (bool, error) {
	if s.Registrations == nil {
		return false, nil
	}
	r, err := s.Registrations.Registration(ctx, id)
	return r.AccountID == h.AccountID || h.Proven && r.SubjectID == h.SubjectID, err
}

func (s *Handler) signingOf(ctx context.Context, who *kernel.Caller, h registration.Holder, id string) (bool, error) {
	if !h.Proven {
		return false, nil
	}
	record, err := s.Desk.Signing(ctx, id)
	if err != nil || !slices.Contains(s.People.UserIDs(h.IDNumber), record.UserID) {
		return false, err
	}
	own, err := s.People.Mine.OfGuest(ctx, id)
	if err != nil || !own {
		return false, err
	}
	objects := []access.Object{{Kind: access.Signing, ID: id}}
	for _, d := range record.Documents {
		objects = append(objects, access.Object{Kind: access.Document, ID: d.UploadID})
	}
	return true, s.Access.Grant(ctx, who.Owner, s.Now(), objects...)
}

// MeBody is the person of an account, as far as the person has to recognise it.
type MeBody struct {
	FullName string     `json:"full_name"`
	IDNumber string     `json:"id_number" example:"079******345"`
	Phone    string     `json:"phone" example:"***345"`
	Email    string     `json:"email" example:"n•••@example.vn"`
	Proven   bool       `json:"proven" doc:"VNeID knows the phone as this person's; only then what guests began for the person is shown"`
	ResetAt  *time.Time `json:"reset_at,omitempty" doc:"A new password was asked for and comes into force then"`
}

type meOutput struct {
	Body MeBody
}

func (s *Handler) showMe(ctx context.Context, _ *struct{}) (*meOutput, error) {
	h, err := s.People.Mine.Holder(ctx, kernel.CallerOf(ctx).Account)
	if err != nil {
		return nil, err
	}
	at, err := s.People.LogIns.PendingReset(ctx, h.AccountID)
	return &meOutput{MeBody{FullName: h.FullName, IDNumber: account.Mask(h.IDNumber), Phone: "***" + h.Phone[max(0, len(h.Phone)-3):],
		Email: registration.Masked(h.Email), Proven: h.Proven, ResetAt: kernel.UTC(at)}}, err
}

type myListInput struct {
	Cursor string `query:"cursor" maxLength:"200" doc:"See next"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

// after reads the cursor.
func (in *myListInput) after() (registration.Cursor, error) {
	if in.Cursor == "" {
		return registration.Cursor{}, nil
	}
	wrong := kernel.FieldErrors{{Location: "query.cursor", Message: "must be that of a page before"}}
	raw, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil {
		return registration.Cursor{}, wrong
	}
	moment, id, _ := strings.Cut(string(raw), "/")
	at, err := time.Parse(time.RFC3339Nano, moment)
	if err != nil || id == "" {
		return registration.Cursor{}, wrong
	}
	return registration.Cursor{At: at, ID: id}, nil
}

// following is the path of the page after the one that ends with an item; empty when the page is not full.
func (in *myListInput) following(path string, n int, at time.Time, id string) string {
	if n < in.Limit {
		return ""
	}
	return path + "?cursor=" + base64.RawURLEncoding.EncodeToString([]byte(at.UTC().Format(time.RFC3339Nano)+"/"+id))
}

// ActBody is what the person has to do next, if anything.
type ActBody struct {
	Text   string `json:"text" doc:"In Vietnamese"`
	TextEN string `json:"text_en" doc:"In English"`
	Yours  bool   `json:"yours" doc:"The person has to act; else it goes on by itself"`
	Page   string `json:"page" doc:"Path of the page"`
}

// MyRegistration is a registration in the list of its person.
type MyRegistration struct {
	view.RegistrationBody
	Next ActBody `json:"next"`
}

// MyRegistrationList is a page of registrations, newest first.
type MyRegistrationList struct {
	Items []MyRegistration `json:"items"`
	Next  string           `json:"next,omitempty" doc:"Path of the next page"`
}

type myRegistrationsOutput struct {
	Body MyRegistrationList
}

func (s *Handler) listMyRegistrations(ctx context.Context, in *myListInput) (*myRegistrationsOutput, error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	h, err := s.People.Mine.Holder(ctx, kernel.CallerOf(ctx).Account)
	if err != nil {
		return nil, err
	}
	list, err := s.People.Mine.RegistrationsOf(ctx, h, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := MyRegistrationList{Items: []MyRegistration{}}
	for _, r := range list {
		out.Items = append(out.Items, MyRegistration{s.RegistrationSummary(ctx, r), NextOfRegistration(r)})
		out.Next = in.following("/v1/me/registrations", len(list), r.CreatedAt, r.ID)
	}
	return &myRegistrationsOutput{out}, nil
}

// MySigning is a signing in the list of its person.
type MySigning struct {
	view.SigningBody
	Next ActBody `json:"next"`
}

// MySigningList is a page of signings, newest first.
type MySigningList struct {
	Items []MySigning `json:"items"`
	Next  string      `json:"next,omitempty" doc:"Path of the next page"`
}

type mySigningsOutput struct {
	Body MySigningList
}

func (s *Handler) listMySignings(ctx context.Context, in *myListInput) (*mySigningsOutput, error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	who := kernel.CallerOf(ctx)
	h, err := s.People.Mine.Holder(ctx, who.Account)
	if err != nil {
		return nil, err
	}
	var userIDs []string
	if h.Proven {
		userIDs = s.People.UserIDs(h.IDNumber)
	}
	list, err := s.People.Mine.SigningsOf(ctx, who.Owner, userIDs, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := MySigningList{Items: []MySigning{}}
	for _, record := range list {
		body := s.SummaryBody(ctx, record)
		for i, d := range record.Documents {
			body.Documents[i].Name = d.Name // the person's own
		}
		out.Items = append(out.Items, MySigning{body, NextOfSigning(record)})
		out.Next = in.following("/v1/me/signings", len(list), record.CreatedAt, record.ID)
	}
	return &mySigningsOutput{out}, nil
}

// MySession is a browser that is logged in.
type MySession struct {
	ID        string    `json:"id"`
	Device    string    `json:"device,omitempty" example:"Android"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at" doc:"To the minute"`
	ExpiresAt time.Time `json:"expires_at" doc:"Without another request"`
	Current   bool      `json:"current" doc:"The one that asks"`
}

// MySessionList is every session of the account, the last used first.
type MySessionList struct {
	Items []MySession `json:"items"`
}

type mySessionsOutput struct {
	Body MySessionList
}

func (s *Handler) listMySessions(ctx context.Context, _ *struct{}) (*mySessionsOutput, error) {
	who := kernel.CallerOf(ctx)
	list, err := s.People.Mine.SessionsOf(ctx, who.Account)
	if err != nil {
		return nil, err
	}
	out := MySessionList{Items: []MySession{}}
	for _, one := range list {
		if !one.Good(s.Now()) {
			continue
		}
		out.Items = append(out.Items, MySession{ID: one.ID, Device: one.Device, CreatedAt: one.CreatedAt.UTC(), SeenAt: one.SeenAt.UTC(),
			ExpiresAt: one.ExpiresAt.UTC(), Current: one.ID == who.SessionID})
	}
	return &mySessionsOutput{out}, nil
}

type mySessionInput struct {
	Session string `path:"session" maxLength:"64"`
}

func (s *Handler) endMySession(ctx context.Context, in *mySessionInput) (*struct{}, error) {
	list, err := s.People.Mine.SessionsOf(ctx, kernel.CallerOf(ctx).Account)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(one access.Session) bool { return one.ID == in.Session }) {
		return nil, problem.New(problem.NotFound, "no such session")
	}
	return nil, s.Access.EndSession(ctx, in.Session)
}

// PasswordRequest changes the password.
type PasswordRequest struct {
	Before string `json:"before" minLength:"1" maxLength:"1024" doc:"The password in force"`
	After  string `json:"after" minLength:"1" maxLength:"1024" doc:"8 to 128 characters"`
}

type passwordInput struct {
	Agent string `header:"User-Agent" maxLength:"1000"`
	Body  PasswordRequest
}

// changePassword ends every session of the account and gives the caller's browser a new one.
func (s *Handler) changePassword(ctx context.Context, in *passwordInput) (*sessionOutput, error) {
	who := kernel.CallerOf(ctx)
	if err := s.People.LogIns.ChangePassword(ctx, who.Account, in.Body.Before, in.Body.After, who.SessionID); err != nil {
		return nil, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	s.tell(ctx, process.ChangedNotice(who.SessionID, now), who.Account, registration.NoticeChanged, now)
	return s.rotate(ctx, who, who.Account, in.Agent, now)
}
