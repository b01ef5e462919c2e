package relay_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"kyso/internal/page"
	"kyso/internal/pgtest"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/relay"
	"kyso/internal/signing"
	"kyso/internal/storetest"
	"kyso/internal/webhook"
	"kyso/workflows"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// engine stands for Temporal: it notes what it is asked for, and may be away or choke on single rows.
type engine struct {
	mu     sync.Mutex
	asked  []string // what was asked for, in order
	acts   []any
	away   bool
	chokes func(id string) bool                    // rows that fail while Temporal is there
	knows  map[string]workflows.RegistrationStatus // what a process says; others know everything
}

func (e *engine) note(id string, act any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away || e.chokes != nil && e.chokes(id) {
		return problem.New(problem.ProviderUnavailable, "no answer")
	}
	e.asked, e.acts = append(e.asked, id), append(e.acts, act)
	return nil
}

func (e *engine) Ping(context.Context) error {
	if e.away {
		return problem.New(problem.ProviderUnavailable, "no answer")
	}
	return nil
}

func (e *engine) StartSigning(_ context.Context, in workflows.SigningInput) error {
	return e.note(in.SigningID, in)
}

func (e *engine) StartRegistration(_ context.Context, in workflows.RegistrationInput) error {
	return e.note(in.RegistrationID, in)
}

func (e *engine) StartRefund(_ context.Context, in workflows.RefundInput) error {
	return e.note(in.TxnRef, in)
}

func (e *engine) RefundAgain(ctx context.Context, in workflows.RefundInput) error {
	return e.StartRefund(ctx, in)
}

func (e *engine) LoginCodeAgain(_ context.Context, id string) error { return e.note(id, nil) }

func (e *engine) NoticeAgain(_ context.Context, _, accountID string, _ registration.NoticeKind, _ time.Time) error {
	return e.note(accountID, nil)
}

func (e *engine) State(context.Context, string) (workflows.RunState, error) {
	return workflows.RunMissing, e.Ping(context.Background())
}

func (e *engine) StartDelivery(_ context.Context, m webhook.Message) error {
	return e.note(m.Place(), m)
}
func (e *engine) Nudge(_ context.Context, id string) error { return e.note(id, nil) }

func (e *engine) act(id string, in any) (workflows.RegistrationStatus, error) {
	return workflows.RegistrationStatus{}, e.note(id, in)
}

func (e *engine) HandOff(_ context.Context, id, _ string) (workflows.RegistrationStatus, error) {
	return e.act(id, workflows.HandOff{})
}

func (e *engine) AccountReady(_ context.Context, id, _ string, in workflows.AccountReady) (workflows.RegistrationStatus, error) {
	return e.act(id, in)
}

func (e *engine) ChoosePackage(_ context.Context, id, _ string, in workflows.ChoosePackage) (workflows.RegistrationStatus, error) {
	return e.act(id, in)
}

func (e *engine) ConsentToContract(_ context.Context, id, _ string, in workflows.CodeUsed) (workflows.RegistrationStatus, error) {
	return e.act(id, in)
}

func (e *engine) Review(_ context.Context, id, _ string, in registration.Review) (workflows.RegistrationStatus, error) {
	return e.act(id, in)
}

func (e *engine) Activate(_ context.Context, id, _ string, in workflows.CodeUsed) (workflows.RegistrationStatus, error) {
	return e.act(id, in)
}

func (e *engine) NudgeRegistration(_ context.Context, id string) error { return e.note(id, nil) }

func (e *engine) RegistrationStatus(_ context.Context, id string) (workflows.RegistrationStatus, error) {
	if err := e.note("asked "+id, nil); err != nil {
		return workflows.RegistrationStatus{}, err
	}
	if status, ok := e.knows[id]; ok {
		return status, nil
	}
	return workflows.RegistrationStatus{Seq: 99}, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantEach fails unless each id was seen exactly once, the older half first.
func wantEach(t *testing.T, what string, seen []string, want map[string]bool) {
	t.Helper()
	count := map[string]int{}
	for _, id := range seen {
		count[id]++
	}
	for id := range want {
		if count[id] != 1 {
			t.Fatalf("%s: %s was seen %d times; %d of %d rows seen", what, id, count[id], len(count), len(want))
		}
	}
	if len(count) != len(want) {
		t.Fatalf("%s: %d rows seen, want %d", what, len(count), len(want))
	}
}

// later is a time at which every row is old enough.
func later() time.Time { return storetest.Start.Add(2 * time.Hour) }

// loops are all of them: what fills the tables and what each has to see.
var loops = []struct {
	name string
	fill func(t *testing.T, f *storetest.Filled) (want map[string]bool)
	loop func(f *storetest.Filled, e *engine) func(context.Context) error
}{
	{"inbox", func(t *testing.T, f *storetest.Filled) map[string]bool {
		f.Signings(signing.StatusRequested)
		want := map[string]bool{}
		for id := range f.IDs("signings", "id") {
			f.Exec(`INSERT INTO approvals (our_id, signing_id, response_id, tran_code, short_code, outcome) VALUES ($1, $2, '', '', '', '')`, "kyso-"+id, id)
			f.Exec(`INSERT INTO approval_ids (provider, transaction_id, our_id) VALUES ('intrustca', $1, $1)`, "kyso-"+id)
			_, err := f.Receive(t.Context(), signing.InboxMessage{ID: "m-" + id, Provider: "intrustca", Request: "kyso-" + id, Body: []byte("{}"), ReceivedAt: storetest.Half(len(want))})
			must(t, err)
			want[id] = true
		}
		return want
	}, func(f *storetest.Filled, e *engine) func(context.Context) error {
		return (&relay.Inbox{Messages: f.Relay(), Engine: e, Now: later}).Once
	}},
	{"unstarted signings", func(_ *testing.T, f *storetest.Filled) map[string]bool { return f.Signings(signing.StatusCreated) },
		func(f *storetest.Filled, e *engine) func(context.Context) error {
			return (&relay.Unstarted{Records: f.Relay(), Engine: e, Now: later}).Signings
		}},
	{"unstarted registrations", func(_ *testing.T, f *storetest.Filled) map[string]bool {
		return f.Registrations(registration.StatusRequested)
	}, func(f *storetest.Filled, e *engine) func(context.Context) error {
		return (&relay.Unstarted{Records: f.Relay(), Engine: e, Now: later}).Registrations
	}},
	{"arrived", func(_ *testing.T, f *storetest.Filled) map[string]bool {
		want := f.Registrations(registration.StatusRequested)
		f.Exec(`UPDATE registrations SET handoff_used_at = created_at`)
		return want
	}, func(f *storetest.Filled, e *engine) func(context.Context) error {
		return (&relay.Behind{Records: f.Relay(), Decisions: f.Store.Decisions(), Engine: e, Now: later}).Once
	}},
	{"behind", func(_ *testing.T, f *storetest.Filled) map[string]bool {
		want := map[string]bool{}
		for id := range f.Registrations(registration.StatusInReview) {
			want["asked "+id] = true
		}
		return want
	}, func(f *storetest.Filled, e *engine) func(context.Context) error {
		return (&relay.Behind{Records: f.Relay(), Decisions: f.Store.Decisions(), Engine: e, Now: later}).Once
	}},
	{"owed refunds", func(_ *testing.T, f *storetest.Filled) map[string]bool {
		f.Registrations(registration.StatusExpired)
		f.Exec(`INSERT INTO payments (registration_id, txn_ref, attempt, amount_vnd, created_at, status, expires_at, transaction_no, response_code, bank_status, refund_id)
			SELECT id, 'P-' || id, 1, 200000, created_at, 'captured', created_at, '', '00', '00', '' FROM registrations`)
		return f.IDs("payments", "txn_ref")
	}, func(f *storetest.Filled, e *engine) func(context.Context) error {
		return (&relay.Refunds{Records: f.Relay(), Engine: e}).Once
	}},
	{"undecided payments", func(_ *testing.T, f *storetest.Filled) map[string]bool {
		f.Registrations(registration.StatusExpired)
		f.Exec(`INSERT INTO payments (registration_id, txn_ref, attempt, amount_vnd, created_at, status, expires_at, transaction_no, response_code, bank_status, refund_id)
			SELECT id, 'P-' || id, 1, 200000, created_at, 'pending', created_at, '', '', '', '' FROM registrations`)
		return f.IDs("payments", "txn_ref")
	}, func(f *storetest.Filled, e *engine) func(context.Context) error {
		return (&relay.Refunds{Records: f.Relay(), Engine: e, Now: later}).Once
	}},
	{"codes", func(_ *testing.T, f *storetest.Filled) map[string]bool {
		f.One("p-1")
		insert := `INSERT INTO login_challenges (id, purpose, owner, account_id, phone_lookup, digest, digits, created_at, expires_at, attempts)
			SELECT CAST($2 AS TEXT), 'login', '', 'acct', '', '', $1, created_at, handoff_expires, 0 FROM registrations`
		f.Exec(insert, []byte{1}, "c")
		f.Copy("login_challenges", "id", "c", storetest.Rows-1, "id")
		want := f.IDs("login_challenges", "id")
		for id, change := range map[string]string{"sent": "sent_at = created_at", "proven": "proven_at = created_at", "nobody's": "account_id = ''", "over": "expires_at = created_at"} {
			f.Exec(insert, []byte{1}, id)
			f.Exec(`UPDATE login_challenges SET `+change+` WHERE id = $1`, id)
		}
		return want
	}, textsLoop},
	{"notices", func(_ *testing.T, f *storetest.Filled) map[string]bool {
		f.One("p-1")
		f.Exec(`INSERT INTO accounts (id, subject_id, phone, email, password, failures, created_at) SELECT 'a', subject_id, $1, $1, $1, 0, created_at FROM registrations`, []byte{1})
		f.Copy("accounts", "id", "a", storetest.Rows-1, "id")
		f.Exec(`INSERT INTO password_resets (account_id, password, requested_at, effective_at) SELECT a.id, $1, r.created_at, r.handoff_expires FROM accounts a, registrations r`, []byte{1})
		return f.IDs("password_resets", "account_id")
	}, textsLoop},
	{"deliveries", func(t *testing.T, f *storetest.Filled) map[string]bool {
		want := map[string]bool{}
		for _, id := range []string{"ep-1", "ep-2", "ep-3"} {
			_, err := f.Webhooks().CreateEndpoint(t.Context(), webhook.Endpoint{ID: id, Owner: "o", URL: "https://a.example", Secret: "s", CreatedAt: storetest.Start})
			must(t, err)
			must(t, f.Webhooks().SaveMessage(t.Context(), webhook.Message{EndpointID: id, ID: "m" + id, Type: "kyso.test", Body: []byte("{}"), CreatedAt: storetest.Start}))
			f.Copy("webhook_messages", "endpoint_id", id, storetest.Rows/3-1, "id")
		}
		for id := range f.IDs("webhook_messages", "endpoint_id || '/' || id") {
			want[id] = true
		}
		return want
	}, func(f *storetest.Filled, e *engine) func(context.Context) error {
		return (&relay.Deliveries{Messages: f.Relay(), Engine: e, Now: later}).Once
	}},
}

func textsLoop(f *storetest.Filled, e *engine) func(context.Context) error {
	return (&relay.Texts{Records: f.Relay(), Decisions: f.Decisions(), Engine: e, Now: func() time.Time { return storetest.Start.Add(time.Minute) }}).Once
}

// TestEveryLoopSeesEveryRow fills what each loop reads with three pages of rows, most of the same time, of which a
// thousand of the oldest fail: each row is asked for exactly once in a round, and what was done is not done again.
func TestEveryLoopSeesEveryRow(t *testing.T) {
	for _, l := range loops {
		t.Run(l.name, func(t *testing.T) {
			storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
				want := l.fill(t, f)
				e := &engine{}
				once := l.loop(f, e)
				failed := map[string]bool{}
				e.chokes = func(id string) bool {
					if len(failed) < storetest.Rows*2/3 {
						failed[id] = true
					}
					return failed[id]
				}
				if problem.CodeOf(once(t.Context())) != problem.ProviderUnavailable {
					t.Error("rows that fail are not reported")
				}
				all := slices.Clone(e.asked)
				for id := range failed {
					all = append(all, id)
				}
				wantEach(t, "the first round", all, want)
				e.chokes = nil
				e.away = true
				if once(t.Context()) == nil {
					t.Error("a round without Temporal says nothing")
				}
				e.away, e.asked = false, nil
				must(t, once(t.Context()))
				if again := []string{"arrived", "owed refunds", "undecided payments", "codes", "notices"}; !slices.Contains(again, l.name) { // those are asked until the record moves
					wantEach(t, "the second round", e.asked, failed)
					e.asked = nil
					must(t, once(t.Context()))
					wantEach(t, "the third round", e.asked, nil)
				} else {
					wantEach(t, "the second round", e.asked, want)
				}
			})
		})
	}
}

// What was recorded while a process took it in, and was lost with its worker, is told again, however old it is.
func TestProcessesThatFellBehindAreTold(t *testing.T) {
	for i, c := range []struct {
		at   registration.Status
		want any
	}{
		{registration.StatusHandedOff, workflows.AccountReady{AccountID: "acct"}},
		{registration.StatusAccountReady, workflows.ChoosePackage{Code: "PS1"}},
		{registration.StatusAwaitingConsent, workflows.CodeUsed{CodeID: "code-1"}},
		{registration.StatusInReview, registration.Review{ID: "review-1", Decision: registration.DecisionApprove}},
		{registration.StatusActivating, workflows.CodeUsed{CodeID: "code-2"}},
	} {
		t.Run(string(c.at), func(t *testing.T) {
			storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
				id := fmt.Sprintf("r-%d", i)
				_, err := f.Store.Registrations().CreateRegistration(t.Context(), id, storetest.Request(id, storetest.Start))
				must(t, err)
				must(t, f.Store.Registrations().Change(t.Context(), id, func(r *registration.Registration) error {
					r.AccountID, r.Package = "acct", "PS1"
					r.Consent = &registration.Consented{CodeID: "code-1"}
					r.Review = &registration.Review{ID: "review-1", Decision: registration.DecisionApprove}
					r.Activation = &registration.Activation{CodeID: "code-2"}
					return nil
				}))
				f.Exec(`UPDATE registrations SET status = 'accepting', seq = 9`)
				e := &engine{knows: map[string]workflows.RegistrationStatus{id: {Status: c.at, Seq: 3}}}
				now := storetest.Start
				behind := &relay.Behind{Records: f.Relay(), Decisions: f.Decisions(), Engine: e, Now: func() time.Time { return now }}
				must(t, behind.Once(t.Context()))
				if len(e.acts) > 0 {
					t.Errorf("told %v while the request may still be at work", e.acts)
				}
				now = now.AddDate(0, 3, 0)
				must(t, behind.Once(t.Context()))
				if len(e.acts) != 3 || !reflect.DeepEqual(e.acts[1], c.want) {
					t.Errorf("told %v, want %v", e.acts, c.want)
				}
				e.knows, e.acts = nil, nil
				must(t, behind.Once(t.Context()))
				must(t, behind.Once(t.Context()))
				if len(e.acts) != 1 {
					t.Errorf("asked again although it knows: %v", e.acts)
				}
			})
		})
	}
}

// An attempt that VNPay has not decided is watched by a Refund once nobody else looks after it: neither its registration nor
// a Refund that runs.
func TestUndecidedAttemptsAreWatched(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		records := f.Store.Registrations()
		for _, c := range []struct{ id, status, paidRef, payment string }{{"ended", "withdrawn", "", "pending"}, {"unclear", "expired", "", "review"}, {"own", "awaiting-payment", "", "pending"},
			{"second", "awaiting-contract", "other", "pending"}, {"closing", "closing", "", "pending"}, {"watched", "withdrawn", "", "pending"}, {"decided", "withdrawn", "", "failed"}} {
			_, err := records.CreateRegistration(t.Context(), c.id, storetest.Request(c.id, storetest.Start))
			must(t, err)
			must(t, records.Change(t.Context(), c.id, func(r *registration.Registration) error { r.PaidRef, r.PriceVND = c.paidRef, 200_000; return nil }))
			must(t, records.CreatePayment(t.Context(), registration.Payment{TxnRef: c.id, RegistrationID: c.id, Attempt: 1, AmountVND: 200_000, CreatedAt: storetest.Start, ExpiresAt: storetest.Start}))
			f.Exec(`UPDATE registrations SET status = $1 WHERE id = $2`, c.status, c.id)
			f.Exec(`UPDATE payments SET status = $1 WHERE txn_ref = $2`, c.payment, c.id)
		}
		e := &runs{engine: &engine{}, states: map[string]workflows.RunState{process.RefundWorkflowID("watched"): workflows.RunRunning, process.RefundWorkflowID("unclear"): workflows.RunBroken}}
		now := storetest.Start.Add(20 * time.Minute)
		refunds := &relay.Refunds{Records: f.Relay(), Engine: e, Now: func() time.Time { return now }}
		must(t, refunds.Once(t.Context()))
		if len(e.acts) != 0 {
			t.Errorf("begun while their window may be open: %v", e.acts)
		}
		now = later()
		must(t, refunds.Once(t.Context()))
		var begun []string
		for _, act := range e.acts {
			if in, ok := act.(workflows.RefundInput); ok {
				begun = append(begun, in.TxnRef)
			}
		}
		if slices.Sort(begun); !slices.Equal(begun, []string{"ended", "second", "unclear"}) {
			t.Errorf("watched are %v", begun)
		}
	})
}

// Money that pays for a certificate in use is looked at once more and then no longer; money that is owed goes back,
// however old it is.
func TestOnlyOwedMoneyGoesBack(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		records := f.Store.Registrations()
		for _, c := range []struct {
			id, status, paidRef string
			kept                bool
		}{{"late", "expired", "", false}, {"twice", "awaiting-contract", "T1", false}, {"done", "active", "done", false}, {"kept", "expired", "kept", true},
			{"running", "awaiting-payment", "", false}, {"lost", "expired", "lost", false}} {
			_, err := records.CreateRegistration(t.Context(), c.id, storetest.Request(c.id, storetest.Start))
			must(t, err)
			must(t, records.Change(t.Context(), c.id, func(r *registration.Registration) error {
				r.PaidRef, r.PriceVND, r.KeptMoney = c.paidRef, 200_000, c.kept
				return nil
			}))
			must(t, records.CreatePayment(t.Context(), registration.Payment{TxnRef: c.id, RegistrationID: c.id, Attempt: 1, AmountVND: 200_000, CreatedAt: storetest.Start, ExpiresAt: storetest.Start}))
			f.Exec(`UPDATE registrations SET status = $1 WHERE id = $2`, c.status, c.id)
		}
		f.Exec(`UPDATE payments SET status = 'captured'`)
		e := &engine{}
		refunds := &relay.Refunds{Records: f.Relay(), Engine: e}
		must(t, refunds.Once(t.Context()))
		if !slices.Equal(e.asked, []string{"late", "lost", "twice"}) {
			t.Errorf("refunds %v", e.asked)
		}
		must(t, refunds.Once(t.Context()))
		left, err := f.Relay().Unsettled(t.Context(), page.Cursor{}, 10)
		must(t, err)
		if len(left) != 4 {
			t.Errorf("%d payments are looked at for ever: %+v", len(left), left)
		}
	})
}
