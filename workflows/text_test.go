package workflows_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/decision"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// texted runs a Text in virtual time, with the gateway's usual faults, and returns what reached a phone.
func texted(t *testing.T, phone string, purpose registration.Purpose) []string {
	t.Helper()
	e := newEnrolment(t, "PS0")
	e.must(e.records.SaveAccount(context.Background(), registration.Account{ID: "acct-1", SubjectID: e.registration().SubjectID, Phone: e.phone, Email: "a@b.vn",
		PasswordHash: "x", CreatedAt: e.env.Now()}))
	if phone == "" {
		phone = e.phone
	}
	c, err := e.accounts.Begin(context.Background(), purpose, "guest:1", phone)
	e.must(err)
	e.runAs("text-" + c.ID)
	e.env.ExecuteWorkflow(workflows.Text, workflows.TextInput{Challenge: c.ID})
	e.must(e.env.GetWorkflowError())
	var out []string
	for _, m := range e.world.Messages(phone) {
		out = append(out, m.Text)
	}
	return out
}

func TestTheCodeOfALogInReachesItsPhoneOnce(t *testing.T) {
	for purpose, word := range map[registration.Purpose]string{registration.PurposeLogin: "dang nhap", registration.PurposeReset: "dat lai mat khau"} {
		got := texted(t, "", purpose)
		if len(got) != 1 || !strings.Contains(got[0], word) {
			t.Errorf("%s: %q", purpose, got)
		}
	}
	if got := texted(t, "+84909999999", registration.PurposeLogin); len(got) != 0 {
		t.Errorf("a phone without an account got %q", got)
	}
}

// The code of a registration is a text like any other: its process has no part in it.
func TestTheCodeOfARegistrationReachesItsPhoneOnce(t *testing.T) {
	e := newEnrolment(t, "PS0")
	code, err := e.accounts.NewCode(context.Background(), e.id, registration.PurposeAccount, e.phone, "")
	e.must(err)
	e.runAs(process.TextWorkflowID(code.ID))
	e.env.ExecuteWorkflow(workflows.Text, workflows.TextInput{Code: code.ID})
	e.must(e.env.GetWorkflowError())
	if got := e.world.Messages(e.phone); len(got) != 1 || !sixDigits.MatchString(got[0].Text) {
		t.Errorf("the phone got %+v", got)
	}
	if code, err = e.records.Code(context.Background(), code.ID); err != nil || code.SentAt.IsZero() {
		t.Errorf("the code is not marked as sent: %+v, %v", code, err)
	}
}

func TestANoticeReachesThePhoneOfTheAccount(t *testing.T) {
	e := newEnrolment(t, "PS0")
	e.must(e.records.SaveAccount(context.Background(), registration.Account{ID: "acct-1", SubjectID: e.registration().SubjectID, Phone: e.phone, Email: "a@b.vn",
		PasswordHash: "x", CreatedAt: e.env.Now()}))
	e.runAs("text-n-1")
	notice := activities.NoticeInput{ID: "n-1", AccountID: "acct-1", Kind: registration.NoticeReset, At: time.Date(2026, 12, 1, 2, 30, 0, 0, time.UTC)}
	content, err := json.Marshal(notice)
	e.must(err)
	_, err = e.store.Decisions().Decide(context.Background(), decision.Decision{ID: process.NoticeID("n-1"), Kind: decision.Notice,
		Object: decision.Object{Process: process.Account, ID: "acct-1"}, Actor: "acct-1", Principal: "guest", Content: content, CreatedAt: e.env.Now(),
		ExpiresAt: e.env.Now().Add(decision.Life)})
	e.must(err)
	notice.At = notice.At.AddDate(1, 0, 0) // what a run is started with does not count
	e.env.ExecuteWorkflow(workflows.Text, workflows.TextInput{Notice: notice})
	e.must(e.env.GetWorkflowError())
	got := e.world.Messages(e.phone)
	if len(got) != 1 || !strings.Contains(got[0].Text, "09:30 01/12/2026") {
		t.Errorf("the phone got %+v", got)
	}
}

// TestAnInventedNoticeIsNotSent: whoever reaches Temporal texts nobody.
func TestAnInventedNoticeIsNotSent(t *testing.T) {
	e := newEnrolment(t, "PS0")
	e.must(e.records.SaveAccount(context.Background(), registration.Account{ID: "acct-1", SubjectID: e.registration().SubjectID, Phone: e.phone, Email: "a@b.vn",
		PasswordHash: "x", CreatedAt: e.env.Now()}))
	e.runAs("text-n-1")
	e.env.ExecuteWorkflow(workflows.Text, workflows.TextInput{Notice: activities.NoticeInput{ID: "n-1", AccountID: "acct-1", Kind: registration.NoticeReset, At: e.env.Now()}})
	if err := e.env.GetWorkflowError(); err == nil || len(e.world.Messages(e.phone)) != 0 {
		t.Errorf("ended with %v, the phone got %+v", err, e.world.Messages(e.phone))
	}
}
