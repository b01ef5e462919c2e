package accounts

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

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

// People is what log-ins need. All of it is required.
type People struct {
	LogIns LogIns
	Mine   Mine
	Texts  Texts
	Phone  func(string) (string, error) // a number in E.164, or problem.Invalid
	// UserIDs are the user ids that a citizen number has with the signing providers.
	UserIDs func(idNumber string) []string
}

func (s *Handler) peopleRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.sendLoginCode, kernel.Route{ID: "sendLoginCode", At: "POST /v1/login/code", Tag: kernel.TagPeople, Status: http.StatusAccepted,
			Summary: "Send a one-time code to the phone of an account",
			Text:    "The answer is the same whether the phone has an account or not.",
			Access:  kernel.Rule{Own: kernel.Registrations}, Cost: kernel.ClassEnter, Proves: true,
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.logIn, kernel.Route{ID: "logIn", At: "POST /v1/login", Tag: kernel.TagPeople,
			Summary: "Log in by code and password; the session gets a new secret",
			Text:    "Takes the code and the password. The session of the guest becomes the account's and keeps what the guest began.",
			Access:  kernel.Rule{Own: kernel.Registrations}, Cost: kernel.ClassEnter, Key: kernel.KeyRefused, Proves: true,
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.sendResetCode, kernel.Route{ID: "sendResetCode", At: "POST /v1/password-reset/code", Tag: kernel.TagPeople, Status: http.StatusAccepted,
			Summary: "Send a one-time code for a password that was forgotten",
			Text:    "The answer is the same whether the phone has an account or not.",
			Access:  kernel.Rule{Own: kernel.Registrations}, Cost: kernel.ClassEnter, Proves: true,
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.resetPassword, kernel.Route{ID: "resetPassword", At: "POST /v1/password-reset", Tag: kernel.TagPeople, Status: http.StatusAccepted,
			Summary: "Reset a forgotten password; the new one is in force after 24 hours",
			Text:    "The new password is in force after 24 hours. The owner is notified and can drop it until then.",
			Access:  kernel.Rule{Own: kernel.Registrations}, Cost: kernel.ClassEnter, Key: kernel.KeyRefused, Proves: true,
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.dropReset, kernel.Route{ID: "dropReset", At: "DELETE /v1/password-reset", Tag: kernel.TagPeople, Status: http.StatusNoContent,
			Summary: "Drop a reset that is not in force yet",
			Text:    "From a session that is logged in.",
			Access:  kernel.Rule{Own: kernel.Registrations, Account: true}}),
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

func (s *Handler) sendLoginCode(ctx context.Context, in *phoneInput) (*challengeOutput, error) {
	return s.challenge(ctx, registration.PurposeLogin, in.Body.Phone)
}

func (s *Handler) sendResetCode(ctx context.Context, in *phoneInput) (*challengeOutput, error) {
	return s.challenge(ctx, registration.PurposeReset, in.Body.Phone)
}

// challenge does the same for every phone: a record, and a process that finds out whether the phone has an account.
func (s *Handler) challenge(ctx context.Context, purpose registration.Purpose, number string) (*challengeOutput, error) {
	phone, err := s.People.Phone(number)
	if err != nil {
		return nil, kernel.FieldOf(err, "body.phone")
	}
	c, err := s.People.LogIns.Begin(ctx, purpose, kernel.BrowserOf(ctx), phone)
	if err != nil {
		return nil, err
	}
	if err := s.People.Texts.SendLoginCode(ctx, c.ID); err != nil {
		return nil, err
	}
	return &challengeOutput{ChallengeBody{LoginID: c.ID, ResendAfter: c.CreatedAt.Add(kernel.ResendGap).UTC(), ExpiresAt: c.ExpiresAt.UTC()}}, nil
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
func (s *Handler) logIn(ctx context.Context, in *loginInput) (*sessionOutput, error) {
	before := kernel.CallerOf(ctx)
	if before.SessionID == "" || before.KeyID != "" {
		return nil, problem.New(problem.Denied, "a browser logs in; a program has its key")
	}
	acc, err := s.People.LogIns.LogIn(ctx, kernel.BrowserOf(ctx), in.Body.LoginID, in.Body.Code, in.Body.Password)
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	return s.rotate(ctx, before, acc.ID, in.Agent, now)
}

// rotate gives a browser a new session of an account, with a new secret, in place of the one that it has.
func (s *Handler) rotate(ctx context.Context, before *kernel.Caller, accountID, agent string, now time.Time) (*sessionOutput, error) {
	session := access.Session{ID: uuid.NewString(), Owner: kernel.AccountPrefix + accountID, AccountID: accountID, Guest: kernel.BrowserOf(ctx), Device: deviceOf(agent),
		Scopes: access.GuestScopes(), CreatedAt: now, SeenAt: now}
	session.ExpiresAt = session.End(now)
	secret, digest := kernel.NewSecret("")
	if err := s.Access.CreateSession(ctx, session, digest); err != nil {
		return nil, err
	}
	if err := s.Access.EndSession(ctx, before.SessionID); err != nil {
		return nil, err
	}
	info := kernel.InfoOf(ctx)
	info.Owner, info.Object = session.Owner, session.ID
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
func (s *Handler) resetPassword(ctx context.Context, in *resetInput) (*resetOutput, error) {
	reset, err := s.People.LogIns.ResetPassword(ctx, kernel.BrowserOf(ctx), in.Body.LoginID, in.Body.Code, in.Body.Password)
	if err != nil {
		return nil, err
	}
	s.tell(ctx, reset.NoticeID(), reset.AccountID, registration.NoticeReset, reset.EffectiveAt)
	return &resetOutput{ResetBody{EffectiveAt: reset.EffectiveAt.UTC()}}, nil
}

// tell has the owner of an account told. What was done is done, so a fault only shows in the log; the relay's loop begins the text
// again.
func (s *Handler) tell(ctx context.Context, id, accountID string, kind registration.NoticeKind, at time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), kernel.StartWait)
	defer cancel()
	notice := registration.Notice{ID: id, AccountID: accountID, Kind: kind, At: at}
	err := s.DecideAs(ctx, process.NoticeID(id), kernel.Deed{About: decision.Object{Process: process.Account, ID: accountID}, Kind: decision.Notice, Actor: kernel.AccountPrefix + accountID, Content: notice})
	if err == nil {
		err = s.People.Texts.SendNotice(ctx, id, accountID, kind, at)
	}
	if err != nil {
		s.Logger.ErrorContext(ctx, "a notice is not sent", "request_id", kernel.InfoOf(ctx).ID, "kind", string(kind), "error", err.Error())
	}
}

func (s *Handler) dropReset(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, s.People.LogIns.DropReset(ctx, kernel.CallerOf(ctx).Account)
}
