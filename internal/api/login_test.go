package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/account"
	"kyso/internal/api"
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
)

const (
	citizenNumber = "079095012345"
	citizenPhone  = "+84901234567"
	rightPassword = "mật khẩu của người dân"
)

// texts notes what would be sent.
type texts struct {
	mu         sync.Mutex
	challenges []string
	notices    []registration.NoticeKind
}

func (x *texts) SendLoginCode(_ context.Context, id string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.challenges = append(x.challenges, id)
	return nil
}

func (x *texts) SendNotice(_ context.Context, _, _ string, kind registration.NoticeKind, _ time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.notices = append(x.notices, kind)
	return nil
}

// people is the API with registrations and log-ins on a real store; only Temporal has a double.
type people struct {
	*desk
	texts *texts
	mu    sync.Mutex
	at    time.Time
}

func (p *people) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *people) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

func newPeople(t *testing.T) *people {
	t.Helper()
	p := &people{texts: &texts{}, at: time.Now().UTC().Truncate(time.Microsecond)}
	p.desk = newDesk(t, pdfStub, func(o *api.Options) {
		o.Now = p.now
		o.Registration.Records = o.Desk.(*store.Store).Registrations()
		o.People.LogIns, o.People.Texts = account.New(o.Desk.(*store.Store).Registrations(), o.Counter, p.now, account.Options{}), p.texts
	})
	return p
}

// registered stores a registration of the person with an account on a phone; VNeID knows the other phone.
func (p *people) registered(id, number, vneidPhone, phone string) registration.Account {
	p.t.Helper()
	records := p.store.Registrations()
	_, err := records.CreateRegistration(p.t.Context(), id, registration.Request{RequestID: "V-" + id, Issuer: "VNPT-CA", Digest: "d", HandoffToken: "token-of-" + id,
		ExpiresAt: p.now().Add(time.Hour), ReceivedAt: p.now(),
		Person: registration.Person{IDNumber: number, FullName: "Trần Văn Ánh", BirthDate: "1995-02-03", Sex: "male", Province: "Hà Nội", Phone: vneidPhone}})
	must(p.t, err)
	service := account.New(records, p.store.Limits(), p.now, account.Options{})
	code, err := service.NewCode(p.t.Context(), id, registration.PurposeAccount, phone, "")
	must(p.t, err)
	_, digits, err := records.CodeToSend(p.t.Context(), code.ID)
	must(p.t, err)
	_, err = service.UseCode(p.t.Context(), id, registration.PurposeAccount, "", digits)
	must(p.t, err)
	acc, _, err := service.Open(p.t.Context(), id, "anh@example.vn", rightPassword)
	must(p.t, err)
	must(p.t, records.Change(p.t.Context(), id, func(r *registration.Registration) error { r.AccountID = acc.ID; return nil }))
	return acc
}

// as are the headers of a browser.
func as(cookie string, more ...string) []string {
	return append([]string{"Authorization", "", "Cookie", cookie}, more...)
}

// challenge asks for a code and returns the id of the try with the digits that were sent; none when there is no account.
func (p *people) challenge(cookie, path, phone string) (id, digits string) {
	p.t.Helper()
	got := p.post(path, fmt.Sprintf(`{"phone":%q}`, phone), as(cookie)...)
	wantStatus(p.t, got, http.StatusAccepted)
	var c api.ChallengeBody
	got.into(p.t, &c)
	out, _, digits, err := p.store.Registrations().ChallengeToSend(p.t.Context(), c.LoginID, p.now())
	if problem.CodeOf(err) == problem.Conflict { // there is no code to send
		return c.LoginID, ""
	}
	must(p.t, err)
	return out.ID, digits
}

func (p *people) handIn(cookie, id, digits, password string) answer {
	p.t.Helper()
	body, err := json.Marshal(api.LoginRequest{LoginID: id, Code: digits, Password: password})
	must(p.t, err)
	return p.post("/v1/login", string(body), as(cookie)...)
}

// logIn logs a browser in and returns its new cookie.
func (p *people) logIn(cookie, phone, password string) string {
	p.t.Helper()
	p.pass(2 * time.Minute) // between two codes
	id, digits := p.challenge(cookie, "/v1/login/code", phone)
	got := p.handIn(cookie, id, digits, password)
	wantStatus(p.t, got, http.StatusOK)
	fresh, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	if fresh == "" || fresh == cookie {
		p.t.Fatalf("the session has the secret that it had: %q", fresh)
	}
	return fresh
}

func TestAnyBrowserReachesWhatThePersonOwnsAfterALogIn(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	lost := p.guest()
	var document api.DocumentBody
	p.do(http.MethodPost, "/v1/documents?name=a.pdf", pdf, as(lost, "Content-Type", "application/pdf")...).into(t, &document)
	var begun, other, program api.SigningBody
	p.post("/v1/signings", fmt.Sprintf(`{"user":"ICA.%s","documents":[{"id":%q}]}`, citizenNumber, document.ID), as(lost)...).into(t, &begun)
	p.post("/v1/signings", fmt.Sprintf(`{"user":"ICA.001302004567","documents":[{"id":%q}]}`, document.ID), as(lost)...).into(t, &other)
	program = p.signing() // a program asks the same signer

	fresh := p.guest()
	all := []string{"/v1/registrations/r-1", begun.Self, "/v1/documents/" + document.ID + "/content"}
	for _, path := range all {
		wantStatus(t, p.get(path, as(fresh)...), http.StatusNotFound)
	}
	fresh = p.logIn(fresh, citizenPhone, rightPassword)
	for _, path := range all {
		wantStatus(t, p.get(path, as(fresh)...), http.StatusOK)
	}
	for _, path := range []string{other.Self, program.Self, "/v1/documents/" + program.Documents[0].ID} {
		wantStatus(t, p.get(path, as(fresh)...), http.StatusNotFound)
	}
	var signings api.MySigningList
	p.get("/v1/me/signings", as(fresh)...).into(t, &signings)
	if len(signings.Items) != 1 || signings.Items[0].ID != begun.ID || signings.Items[0].Next.Page != "/sign/"+begun.ID || signings.Items[0].Documents[0].Name == "" {
		t.Errorf("my signings: %+v", signings)
	}
	var registrations api.MyRegistrationList
	p.get("/v1/me/registrations", as(fresh)...).into(t, &registrations)
	if len(registrations.Items) != 1 || !registrations.Items[0].Next.Yours || registrations.Items[0].Next.Page != "/register/r-1" {
		t.Errorf("my registrations: %+v", registrations)
	}
}

// The number alone proves nobody: whoever came by VNeID's link with another phone sees the account's own registration
// and no signing of the person.
func TestAnAccountOnAnotherPhoneProvesNoNumber(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, "+84907654321")
	_, err := p.store.Registrations().CreateRegistration(t.Context(), "r-2", registration.Request{RequestID: "V-2", Issuer: "VNPT-CA", Digest: "d2", HandoffToken: "another-token-of-it",
		ExpiresAt: p.now().Add(time.Hour), ReceivedAt: p.now(), Person: registration.Person{IDNumber: citizenNumber, Phone: citizenPhone}})
	must(t, err)
	lost := p.guest()
	var document api.DocumentBody
	p.do(http.MethodPost, "/v1/documents?name=a.pdf", pdf, as(lost, "Content-Type", "application/pdf")...).into(t, &document)
	var begun api.SigningBody
	p.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q}]}`, citizenNumber, document.ID), as(lost)...).into(t, &begun)

	mine := p.logIn(p.guest(), "+84907654321", rightPassword)
	wantStatus(t, p.get("/v1/registrations/r-1", as(mine)...), http.StatusOK)
	wantStatus(t, p.get("/v1/registrations/r-2", as(mine)...), http.StatusNotFound)
	wantStatus(t, p.get(begun.Self, as(mine)...), http.StatusNotFound)
	var signings api.MySigningList
	p.get("/v1/me/signings", as(mine)...).into(t, &signings)
	var registrations api.MyRegistrationList
	p.get("/v1/me/registrations", as(mine)...).into(t, &registrations)
	if len(signings.Items) != 0 || len(registrations.Items) != 1 {
		t.Errorf("%d signings, %d registrations", len(signings.Items), len(registrations.Items))
	}
}

func TestACodeAloneOpensNothing(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	cookie := p.guest()
	id, digits := p.challenge(cookie, "/v1/login/code", "0901234567")
	p.wantProblem(p.handIn(p.guest(), id, digits, rightPassword), http.StatusNotFound, problem.NotFound) // another browser's try
	p.wantProblem(p.handIn(cookie, id, digits, "not the password"), http.StatusForbidden, problem.Denied)
	wantStatus(t, p.get("/v1/registrations/r-1", as(cookie)...), http.StatusNotFound)
	wantStatus(t, p.get("/v1/me", as(cookie)...), http.StatusUnauthorized)
	for range 4 { // the code was accepted; the password may be corrected
		p.wantProblem(p.handIn(cookie, id, "", "not the password"), http.StatusForbidden, problem.Denied)
	}
	p.wantProblem(p.handIn(cookie, id, "", rightPassword), http.StatusTooManyRequests, problem.RateLimited) // locked
	p.pass(6 * time.Minute)
	wantStatus(t, p.handIn(cookie, id, "", rightPassword), http.StatusOK)
	again := p.guest()
	p.wantProblem(p.handIn(again, id, digits, rightPassword), http.StatusNotFound, problem.NotFound)
	key := p.key("team-a", access.Signings, access.Registrations)
	p.pass(2 * time.Minute)
	p.wantProblem(p.post("/v1/login", `{"login_id":"x","password":"y"}`, "Authorization", "Bearer "+key), http.StatusForbidden, problem.Denied)
}

// Whatever is asked, phones with and without an account get the same: answers, tries, limits, and a process each.
func TestLogInTellsNothingOfAccounts(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	for _, path := range []string{"/v1/login", "/v1/password-reset"} {
		p.pass(time.Hour)
		var seen [2][]string
		for i, phone := range []string{"0901234567", "0909999999"} {
			cookie := p.guest()
			note := func(got answer) {
				var fields map[string]any
				got.into(t, &fields)
				for _, own := range []string{"login_id", "request_id"} {
					delete(fields, own)
				}
				text, err := json.Marshal(fields)
				must(t, err)
				seen[i] = append(seen[i], fmt.Sprint(got.status, got.header.Get("Retry-After"), string(text)))
			}
			got := p.post(path+"/code", fmt.Sprintf(`{"phone":%q}`, phone), as(cookie)...)
			note(got)
			var c api.ChallengeBody
			got.into(t, &c)
			note(p.post(path+"/code", fmt.Sprintf(`{"phone":%q}`, phone), as(cookie)...))
			_, _, digits, _ := p.store.Registrations().ChallengeToSend(t.Context(), c.LoginID, p.now())
			for n := range 7 {
				wrong := fmt.Sprintf("%06d", n)
				if wrong == digits {
					wrong = "999999"
				}
				note(p.post(path, fmt.Sprintf(`{"login_id":%q,"code":%q,"password":"mật khẩu khác hẳn"}`, c.LoginID, wrong), as(cookie)...))
			}
		}
		if !slices.Equal(seen[0], seen[1]) {
			t.Errorf("%s: with an account\n%s\nwithout\n%s", path, strings.Join(seen[0], "\n"), strings.Join(seen[1], "\n"))
		}
	}
	if len(p.texts.challenges) != 4 {
		t.Errorf("%d processes for 4 codes", len(p.texts.challenges))
	}
}

// The time of an answer must not tell either: phones with and without an account are asked for in turn, and a classifier
// by time is no better than a coin. With 200 samples each, 0.65 lies five standard deviations off.
func TestTheTimeOfALogInTellsNothing(t *testing.T) {
	p := newPeople(t)
	acc := p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	const samples = 200
	service := account.New(p.store.Registrations(), p.store.Limits(), p.now, account.Options{})
	var times [2][]time.Duration
	for i := range samples {
		one := acc
		one.ID, one.Phone = fmt.Sprintf("acct-%d", i), fmt.Sprintf("+8498%07d", i)
		must(t, p.store.Registrations().SaveAccount(t.Context(), one))
		for which, phone := range []string{one.Phone, fmt.Sprintf("+8497%07d", i)} {
			begun := time.Now()
			ctx := limit.WithAddress(t.Context(), netip.AddrFrom4([4]byte{203, 0, byte(which), byte(i)})) // a network may ask for few
			_, err := service.Begin(ctx, registration.PurposeLogin, "guest:1", phone)
			times[which] = append(times[which], time.Since(begun))
			must(t, err)
		}
	}
	faster := 0.0
	for _, with := range times[0] {
		for _, without := range times[1] {
			if with > without {
				faster++
			}
		}
	}
	if auc := faster / samples / samples; auc < 0.35 || auc > 0.65 {
		t.Errorf("the time tells phones with an account from others: AUC %.2f", auc)
	}
}

func TestSessionsOfAnAccount(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	guest := p.guest()
	phone := p.logIn(guest, citizenPhone, rightPassword)
	wantStatus(t, p.get("/v1/session", as(guest)...), http.StatusUnauthorized) // rotated
	desk := p.logIn(p.guest(), citizenPhone, rightPassword)
	var list api.MySessionList
	p.get("/v1/me/sessions", as(desk, "User-Agent", "x")...).into(t, &list)
	if len(list.Items) != 2 || !list.Items[0].Current || list.Items[1].Current {
		t.Fatalf("sessions %+v", list)
	}
	wantStatus(t, p.do(http.MethodDelete, "/v1/me/sessions/"+list.Items[1].ID, "", as(desk)...), http.StatusNoContent)
	wantStatus(t, p.get("/v1/me", as(phone)...), http.StatusUnauthorized)
	wantStatus(t, p.do(http.MethodDelete, "/v1/me/sessions/none", "", as(desk)...), http.StatusNotFound)

	third := p.logIn(p.guest(), citizenPhone, rightPassword)
	change := func(cookie, before, after string) answer {
		return p.post("/v1/me/password", fmt.Sprintf(`{"before":%q,"after":%q}`, before, after), as(cookie)...)
	}
	p.wantProblem(change(desk, "not the password", "một mật khẩu hoàn toàn mới"), http.StatusForbidden, problem.Denied)
	for _, common := range []string{"baseball1", "qwertyuiop", "matkhau123", "ngắn", "0901234567"} {
		p.wantProblem(change(desk, rightPassword, common), http.StatusUnprocessableEntity, problem.Invalid)
	}
	got := change(desk, rightPassword, "một mật khẩu hoàn toàn mới")
	wantStatus(t, got, http.StatusOK)
	rotated, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	for cookie, want := range map[string]int{third: http.StatusUnauthorized, desk: http.StatusUnauthorized, rotated: http.StatusOK} {
		wantStatus(t, p.get("/v1/me", as(cookie)...), want)
	}
	if !slices.Equal(p.texts.notices, []registration.NoticeKind{registration.NoticeChanged}) {
		t.Errorf("notices %v", p.texts.notices)
	}
	wantStatus(t, p.do(http.MethodDelete, "/v1/session", "", as(rotated)...), http.StatusNoContent)
	wantStatus(t, p.get("/v1/me", as(rotated)...), http.StatusUnauthorized)
	p.pass(time.Hour)
	fourth := p.logIn(p.guest(), citizenPhone, "một mật khẩu hoàn toàn mới")
	wantStatus(t, p.get("/v1/me", as(fourth)...), http.StatusOK)
}

// A reset counts after its cooling time; until then the password before does, and whoever is logged in can drop it.
func TestAForgottenPassword(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	reset := func(password string) answer {
		cookie := p.guest()
		id, digits := p.challenge(cookie, "/v1/password-reset/code", citizenPhone)
		p.wantProblem(p.handIn(cookie, id, digits, rightPassword), http.StatusNotFound, problem.NotFound) // good for a reset only
		got := p.post("/v1/password-reset", fmt.Sprintf(`{"login_id":%q,"code":%q,"password":%q}`, id, digits, password), as(cookie)...)
		p.wantProblem(p.post("/v1/password-reset", fmt.Sprintf(`{"login_id":%q,"code":%q,"password":%q}`, id, digits, password), as(cookie)...), http.StatusConflict, problem.OTPExpired)
		return got
	}
	const fresh = "một mật khẩu hoàn toàn mới"
	wantStatus(t, reset(fresh), http.StatusAccepted)
	wrong := p.guest()
	p.pass(2 * time.Hour)
	id, digits := p.challenge(wrong, "/v1/login/code", citizenPhone)
	p.wantProblem(p.handIn(wrong, id, digits, fresh), http.StatusForbidden, problem.Denied)
	owner := p.logIn(p.guest(), citizenPhone, rightPassword)
	var me api.MeBody
	p.get("/v1/me", as(owner)...).into(t, &me)
	if me.ResetAt == nil || strings.Contains(me.Email, "anh@") || me.IDNumber == citizenNumber {
		t.Errorf("me %+v", me)
	}
	wantStatus(t, p.do(http.MethodDelete, "/v1/password-reset", "", as(owner)...), http.StatusNoContent)
	p.pass(25 * time.Hour)
	p.logIn(p.guest(), citizenPhone, rightPassword) // dropped, so nothing changed

	p.pass(time.Hour)
	wantStatus(t, reset(fresh), http.StatusAccepted)
	p.pass(25 * time.Hour)
	old := p.guest()
	id, digits = p.challenge(old, "/v1/login/code", citizenPhone)
	p.wantProblem(p.handIn(old, id, digits, rightPassword), http.StatusForbidden, problem.Denied)
	p.logIn(p.guest(), citizenPhone, fresh)
	if !slices.Equal(p.texts.notices, []registration.NoticeKind{registration.NoticeReset, registration.NoticeReset}) {
		t.Errorf("notices %v", p.texts.notices)
	}
}

// A guest's session slides for as long as the longest waits; an account's ends when nobody is there, or after half a day.
func TestSessionsSlide(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	guest := p.guest()
	begun := p.now()
	for p.now().Sub(begun) < access.GuestLife-access.GuestIdle {
		p.pass(access.GuestIdle - time.Hour)
		got := p.get("/v1/session", as(guest)...)
		wantStatus(t, got, http.StatusOK)
		if !strings.Contains(got.header.Get("Set-Cookie"), "Max-Age=") {
			t.Error("the cookie does not slide with the session")
		}
	}
	p.pass(access.GuestIdle + time.Hour)
	wantStatus(t, p.get("/v1/session", as(guest)...), http.StatusUnauthorized)

	mine, begun := p.logIn(p.guest(), citizenPhone, rightPassword), p.now()
	for p.now().Sub(begun) < access.AccountLife-access.AccountIdle {
		p.pass(access.AccountIdle - time.Minute)
		wantStatus(t, p.get("/v1/me", as(mine)...), http.StatusOK)
	}
	p.pass(access.AccountIdle - time.Minute)
	wantStatus(t, p.get("/v1/me", as(mine)...), http.StatusUnauthorized) // half a day is over
	mine = p.logIn(p.guest(), citizenPhone, rightPassword)
	p.pass(access.AccountIdle + time.Minute)
	wantStatus(t, p.get("/v1/me", as(mine)...), http.StatusUnauthorized)
}

// Every status says what comes next.
func TestEveryStatusHasItsNextAct(t *testing.T) {
	for _, status := range registration.Statuses() {
		if next := api.NextOfRegistration(registration.Registration{ID: "r", Status: status}); next.Text == "" || next.TextEN == "" || next.Yours && status.Final() ||
			!status.Final() && next.TextEN == "Look at it" {
			t.Errorf("%s: %+v", status, next)
		}
	}
	for _, status := range signing.Statuses() {
		if next := api.NextOfSigning(signing.Signing{ID: "s", Status: status}); next.Text == "" || next.TextEN == "" || next.Yours && status.Final() ||
			!status.Final() && next.TextEN == "Look at it" {
			t.Errorf("%s: %+v", status, next)
		}
	}
}

// A spent token opens nothing for a stranger and goes on for the browser that used it; VNeID's button brings a fresh one.
func TestVNeIDsButtonWorksEveryTime(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	handOff := func(cookie, token string) answer {
		return p.post("/v1/hand-off", fmt.Sprintf(`{"token":%q}`, token), as(cookie)...)
	}
	first := p.guest()
	wantStatus(t, handOff(first, "token-of-r-1"), http.StatusOK)
	wantStatus(t, handOff(first, "token-of-r-1"), http.StatusOK)
	another := p.guest()
	p.wantProblem(handOff(another, "token-of-r-1"), http.StatusConflict, problem.HandoffUsed)
	for n := range 2 {
		token := fmt.Sprintf("fresh-token-%d", n)
		fresh := p.post("/v1/vneid/tokens", "V-r-1 "+token, "X-Signature", "good", "Authorization", "")
		wantStatus(t, fresh, http.StatusOK)
		wantStatus(t, handOff(another, token), http.StatusOK)
		wantStatus(t, p.get("/v1/registrations/r-1", as(another)...), http.StatusOK)
		p.wantProblem(handOff(p.guest(), token), http.StatusConflict, problem.HandoffUsed)
		another = p.guest()
	}
	p.wantProblem(p.post("/v1/vneid/tokens", "V-unknown fresh-token-9", "X-Signature", "good"), http.StatusNotFound, problem.NotFound)
	wantStatus(t, p.post("/v1/vneid/tokens", "V-r-1 fresh-token-9", "X-Signature", "bad"), http.StatusUnauthorized)
	key := p.key("team-a", access.Registrations)
	wantStatus(t, p.post("/v1/vneid/tokens", "V-r-1 fresh-token-9", "Authorization", "Bearer "+key), http.StatusUnauthorized)
}
