package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"kyso/internal/access"
	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

const tagPeople = "people"

// LogIns checks codes and passwords of accounts; *account.Service is the real one.
type LogIns interface {
	Begin(ctx context.Context, purpose registration.Purpose, owner, phone string) (registration.Challenge, error)
	LogIn(ctx context.Context, owner, challengeID, digits, password string) (registration.Account, error)
	ChangePassword(ctx context.Context, accountID, before, after, keepSession string) error
	ResetPassword(ctx context.Context, owner, challengeID, digits, password string) (registration.Reset, error)
	DropReset(ctx context.Context, accountID string) error
	PendingReset(ctx context.Context, accountID string) (time.Time, error)
}

// Mine finds what belongs to the person of an account; *store.Mine is the real one. problem.NotFound for what is not
// there, and for the person once erased.
type Mine interface {
	Holder(ctx context.Context, accountID string) (registration.Holder, error)
	// RegistrationsOf and SigningsOf list newest first, from after a place on.
	RegistrationsOf(ctx context.Context, h registration.Holder, after registration.Cursor, limit int) ([]registration.Registration, error)
	SigningsOf(ctx context.Context, owner string, userIDs []string, after registration.Cursor, limit int) ([]signing.Signing, error)
	// OfGuest reports whether a guest's browser began a signing, and no program.
	OfGuest(ctx context.Context, signingID string) (bool, error)
	SessionsOf(ctx context.Context, accountID string) ([]access.Session, error)
}

// Texts has messages sent; *workflows.Client is the real one.
type Texts interface {
	SendLoginCode(ctx context.Context, challengeID string) error
	SendNotice(ctx context.Context, id, accountID string, kind registration.NoticeKind, at time.Time) error
}

// PeopleOptions is what log-ins need. All of it is required.
type PeopleOptions struct {
	LogIns LogIns
	Mine   Mine
	Texts  Texts
	Phone  func(string) (string, error) // a number in E.164, or problem.Invalid
	// UserIDs are the user ids that a citizen number has with the signing providers.
	UserIDs func(idNumber string) []string
}

func (s *server) peopleRoutes() []route {
	return []route{
		on(s.sendLoginCode, route{id: "sendLoginCode", at: "POST /v1/login/code", tag: tagPeople, status: http.StatusAccepted,
			summary: "Send a one-time code to the phone of an account",
			text:    "The answer is the same whether the phone has an account or not.",
			access:  rule{own: registrations}, cost: classEnter, proves: true,
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.logIn, route{id: "logIn", at: "POST /v1/login", tag: tagPeople,
			summary: "Log in by code and password; the session gets a new secret",
			text:    "Takes the code and the password. The session of the guest becomes the account's and keeps what the guest began.",
			access:  rule{own: registrations}, cost: classEnter, key: keyRefused, proves: true,
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.sendResetCode, route{id: "sendResetCode", at: "POST /v1/password-reset/code", tag: tagPeople, status: http.StatusAccepted,
			summary: "Send a one-time code for a password that was forgotten",
			text:    "The answer is the same whether the phone has an account or not.",
			access:  rule{own: registrations}, cost: classEnter, proves: true,
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.resetPassword, route{id: "resetPassword", at: "POST /v1/password-reset", tag: tagPeople, status: http.StatusAccepted,
			summary: "Set a password that was forgotten; in force after the cooling time",
			text:    "The new password is in force after the cooling time. The owner is notified and can drop it until then.",
			access:  rule{own: registrations}, cost: classEnter, key: keyRefused, proves: true,
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.dropReset, route{id: "dropReset", at: "DELETE /v1/password-reset", tag: tagPeople, status: http.StatusNoContent,
			summary: "Drop a reset that is not in force yet",
			text:    "From a session that is logged in.",
			access:  rule{own: registrations, account: true}}),
	}
}

// PhoneRequest names a phone.
type PhoneRequest struct {
	Phone string `json:"phone" minLength:"1" maxLength:"32" example:"0901234567"`
}

type phoneInput struct {
	Body PhoneRequest
}

// ChallengeBody names a try to log in. It says the same whether the phone has an account or not.
type ChallengeBody struct {
	LoginID     string    `json:"login_id" doc:"Hand it in with the code, from the same session"`
	ResendAfter time.Time `json:"resend_after" doc:"When another code may be asked for"`
	ExpiresAt   time.Time `json:"expires_at" doc:"Of the code"`
}

type challengeOutput struct {
	Body ChallengeBody
}

func (s *server) sendLoginCode(ctx context.Context, in *phoneInput) (*challengeOutput, error) {
	return s.challenge(ctx, registration.PurposeLogin, in.Body.Phone)
}

func (s *server) sendResetCode(ctx context.Context, in *phoneInput) (*challengeOutput, error) {
	return s.challenge(ctx, registration.PurposeReset, in.Body.Phone)
}

// challenge does the same for every phone: a record, and a process that finds out whether the phone has an account.
func (s *server) challenge(ctx context.Context, purpose registration.Purpose, number string) (*challengeOutput, error) {
	phone, err := s.People.Phone(number)
	if err != nil {
		return nil, fieldOf(err, "body.phone")
	}
	c, err := s.People.LogIns.Begin(ctx, purpose, browserOf(ctx), phone)
	if err != nil {
		return nil, err
	}
	if err := s.People.Texts.SendLoginCode(ctx, c.ID); err != nil {
		return nil, err
	}
	return &challengeOutput{ChallengeBody{LoginID: c.ID, ResendAfter: c.CreatedAt.Add(resendGap).UTC(), ExpiresAt: c.ExpiresAt.UTC()}}, nil
}

// LoginRequest proves the phone and the password.
type LoginRequest struct {
	LoginID  string `json:"login_id" minLength:"1" maxLength:"64"`
	Code     string `json:"code,omitempty" maxLength:"16" doc:"May be left out for 30 minutes after it was accepted, to correct the password"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
}

type loginInput struct {
	Agent string `header:"User-Agent" maxLength:"1000"`
	Body  LoginRequest
}

// logIn opens a session of the account in place of the caller's. A code alone opens nothing.
func (s *server) logIn(ctx context.Context, in *loginInput) (*sessionOutput, error) {
	before := callerOf(ctx)
	if before.sessionID == "" || before.keyID != "" {
		return nil, problem.New(problem.Denied, "a browser logs in; a program has its key")
	}
	acc, err := s.People.LogIns.LogIn(ctx, browserOf(ctx), in.Body.LoginID, in.Body.Code, in.Body.Password)
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	return s.rotate(ctx, before, acc.ID, in.Agent, now)
}

// rotate gives a browser a new session of an account, with a new secret, in place of the one that it has.
func (s *server) rotate(ctx context.Context, before *caller, accountID, agent string, now time.Time) (*sessionOutput, error) {
	session := access.Session{ID: uuid.NewString(), Owner: accountPrefix + accountID, AccountID: accountID, Guest: browserOf(ctx), Device: deviceOf(agent),
		Scopes: access.GuestScopes(), CreatedAt: now, SeenAt: now}
	session.ExpiresAt = session.End(now)
	secret, digest := newSecret("")
	if err := s.Access.CreateSession(ctx, session, digest); err != nil {
		return nil, err
	}
	if err := s.Access.EndSession(ctx, before.sessionID); err != nil {
		return nil, err
	}
	info := infoOf(ctx)
	info.owner, info.object = session.Owner, session.ID
	return s.opened(session, secret, now), nil
}

// deviceOf names the kind of a browser, of a closed list: enough for its owner to know it again.
func deviceOf(agent string) string {
	for _, known := range []struct{ mark, name string }{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Linux", "Linux"},
	} {
		if strings.Contains(agent, known.mark) {
			return known.name
		}
	}
	return ""
}

// ResetRequest proves the phone and names the new password.
type ResetRequest struct {
	LoginID  string `json:"login_id" minLength:"1" maxLength:"64"`
	Code     string `json:"code,omitempty" maxLength:"16" doc:"May be left out for 30 minutes after it was accepted, to choose another password"`
	Password string `json:"password" minLength:"1" maxLength:"1024" doc:"8 to 128 characters"`
}

type resetInput struct {
	Body ResetRequest
}

// ResetBody says from when on the new password counts.
type ResetBody struct {
	EffectiveAt time.Time `json:"effective_at" doc:"Until then the password before is in force"`
}

type resetOutput struct {
	Body ResetBody
}

// resetPassword tells the phone: whoever did not ask for it has the cooling time to act.
func (s *server) resetPassword(ctx context.Context, in *resetInput) (*resetOutput, error) {
	reset, err := s.People.LogIns.ResetPassword(ctx, browserOf(ctx), in.Body.LoginID, in.Body.Code, in.Body.Password)
	if err != nil {
		return nil, err
	}
	s.tell(ctx, reset.NoticeID(), reset.AccountID, registration.NoticeReset, reset.EffectiveAt)
	return &resetOutput{ResetBody{EffectiveAt: reset.EffectiveAt.UTC()}}, nil
}

// tell has the owner of an account told. What was done is done, so a fault only shows in the log; the relay's loop begins the text
// again.
func (s *server) tell(ctx context.Context, id, accountID string, kind registration.NoticeKind, at time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startWait)
	defer cancel()
	notice := registration.Notice{ID: id, AccountID: accountID, Kind: kind, At: at}
	err := s.decideAs(ctx, process.NoticeID(id), deed{decision.Object{Process: process.Account, ID: accountID}, decision.Notice, accountPrefix + accountID, notice})
	if err == nil {
		err = s.People.Texts.SendNotice(ctx, id, accountID, kind, at)
	}
	if err != nil {
		s.Logger.ErrorContext(ctx, "a notice is not sent", "request_id", infoOf(ctx).id, "kind", string(kind), "error", err.Error())
	}
}

func (s *server) dropReset(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, s.People.LogIns.DropReset(ctx, callerOf(ctx).account)
}
