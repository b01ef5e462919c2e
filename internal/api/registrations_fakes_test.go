package api_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/account"
	"kyso/internal/api"
	"kyso/internal/party/vnpay"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/store"
	"kyso/workflows"
)

// fakeRecords keeps what the routes of registrations touch, in memory.
type fakeRecords struct {
	registration.Records
	mu       sync.Mutex
	byID     map[string]registration.Registration
	digests  map[string]string // of requests, by VNeID's id
	tokens   map[string]string // registration by token
	used     map[string]bool
	payments map[string]registration.Payment
	people   map[string]registration.Person
	moves    map[string][]registration.Transition
	codes    map[string]registration.Code // the newest by registration and purpose
	reviews  map[string]string            // public notes
	fixed    map[string]map[string]string // corrections by registration
	wishes   map[string]wish
	audit    []registration.AuditEntry
	claims   map[string]registration.Claim
	editors  map[string][]string
	approved []registration.Review
	grant    func(id string) // makes a registration the administrator's
}

func (f *fakeRecords) lock() func() { f.mu.Lock(); return f.mu.Unlock }

func (f *fakeRecords) CreateRegistration(_ context.Context, id string, r registration.Request) (registration.Registration, error) {
	defer f.lock()()
	for _, known := range f.byID {
		if known.RequestID == r.RequestID {
			if f.digests[r.RequestID] != r.Digest {
				return known, problem.New(problem.Conflict, "another body")
			}
			return known, nil
		}
	}
	out := registration.Registration{ID: id, RequestID: r.RequestID, SubjectID: "subj", Issuer: r.Issuer, Status: registration.StatusRequested, CreatedAt: time.Now()}
	f.byID[id], f.digests[r.RequestID], f.tokens[r.HandoffToken], f.people[id] = out, r.Digest, id, r.Person
	return out, nil
}

func (f *fakeRecords) Registration(_ context.Context, id string) (registration.Registration, error) {
	defer f.lock()()
	r, ok := f.byID[id]
	if !ok {
		return r, problem.New(problem.NotFound, "no such registration")
	}
	return r, nil
}

func (f *fakeRecords) Registrations(_ context.Context, filter registration.Filter) ([]registration.Registration, error) {
	defer f.lock()()
	var list []registration.Registration
	for _, r := range f.byID {
		same := filter.IDNumber == "" || f.people[r.ID].IDNumber == filter.IDNumber
		if same && (!filter.Running || !r.Status.Final()) && (filter.Status == "" || r.Status == filter.Status) && (!filter.AttentionOnly || r.Attention.Open()) && (filter.Before.IsZero() || r.CreatedAt.Before(filter.Before)) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b registration.Registration) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return list[:min(len(list), filter.Limit)], nil
}

func (f *fakeRecords) Change(_ context.Context, id string, fn func(*registration.Registration) error) error {
	defer f.lock()()
	r := f.byID[id]
	err := fn(&r)
	f.byID[id] = r
	return err
}

func (f *fakeRecords) ResolveHandoff(_ context.Context, token string, _ time.Time) (string, error) {
	defer f.lock()()
	id, ok := f.tokens[token]
	switch {
	case !ok:
		return "", problem.New(problem.NotFound, "no such token")
	case f.used[token]:
		return id, problem.New(problem.HandoffUsed, "used before")
	}
	f.used[token] = true
	return id, nil
}

func (f *fakeRecords) Transitions(_ context.Context, id string, after int) ([]registration.Transition, error) {
	defer f.lock()()
	return slices.DeleteFunc(slices.Clone(f.moves[id]), func(t registration.Transition) bool { return t.Seq <= after }), nil
}

func (f *fakeRecords) Person(_ context.Context, id string) (registration.Person, error) {
	defer f.lock()()
	p, ok := f.people[id]
	if !ok {
		return p, problem.New(problem.Erased, "erased")
	}
	return p, nil
}

func (f *fakeRecords) Correct(_ context.Context, id string, _ registration.Round, _, _ string, fields map[string]string) error {
	defer f.lock()()
	f.fixed[id] = maps.Clone(fields)
	return nil
}

func (f *fakeRecords) AgreeFix(_ context.Context, id, actor string, fields map[string]string, _ time.Time) (bool, error) {
	defer f.lock()()
	before, ok := f.wishes[id]
	if !ok || !maps.Equal(before.fields, fields) {
		f.wishes[id] = wish{actor, maps.Clone(fields)}
		return false, nil
	}
	return before.actor != actor, nil
}

// wish is what somebody wants to correct.
type wish struct {
	actor  string
	fields map[string]string
}

func (f *fakeRecords) Payment(_ context.Context, ref string) (registration.Payment, error) {
	defer f.lock()()
	p, ok := f.payments[ref]
	if !ok {
		return p, problem.New(problem.NotFound, "no such payment")
	}
	return p, nil
}

func (f *fakeRecords) Payments(_ context.Context, id string) ([]registration.Payment, error) {
	defer f.lock()()
	var list []registration.Payment
	for _, p := range f.payments {
		if p.RegistrationID == id {
			list = append(list, p)
		}
	}
	return list, nil
}

func (f *fakeRecords) KeepReference(_ context.Context, ref string, reference registration.Reference) error {
	defer f.lock()()
	p := f.payments[ref]
	p.Reference = reference
	f.payments[ref] = p
	return nil
}

func (f *fakeRecords) ApplyNotice(_ context.Context, n registration.PaymentNotice) (registration.Payment, bool, error) {
	defer f.lock()()
	p, ok := f.payments[n.TxnRef]
	switch {
	case !ok:
		return p, false, problem.New(problem.NotFound, "no such payment")
	case p.AmountVND != n.AmountVND:
		return p, false, problem.New(problem.Invalid, "not the amount")
	case p.Status.Decided():
		return p, false, nil
	}
	before := p.Status
	p.Status = n.Status
	f.payments[n.TxnRef] = p
	return p, p.Status != before, nil
}

func (f *fakeRecords) LastCode(_ context.Context, id string, purpose registration.Purpose) (registration.Code, error) {
	defer f.lock()()
	c, ok := f.codes[id+string(purpose)]
	if !ok {
		return c, problem.New(problem.NotFound, "no code")
	}
	return c, nil
}

func (f *fakeRecords) Account(_ context.Context, id string) (registration.Account, error) {
	return registration.Account{ID: id, Phone: "+84901234567"}, nil
}

func (f *fakeRecords) DropReview(context.Context, string, string) error { return nil }

func (f *fakeRecords) SaveReview(_ context.Context, _ string, _ registration.Round, r registration.Review, public, _ string) error {
	defer f.lock()()
	f.reviews[r.ID] = public
	return nil
}

func (f *fakeRecords) ReviewNotes(_ context.Context, id string) (string, string, error) {
	defer f.lock()()
	return f.reviews[id], "", nil
}

func (f *fakeRecords) Claim(_ context.Context, id, officer string, now, until time.Time) (registration.Claim, error) {
	defer f.lock()()
	if c, ok := f.claims[id]; ok && c.Officer != officer && now.Before(c.ExpiresAt) {
		return c, problem.New(problem.Conflict, "another officer works on it")
	}
	if f.claims == nil {
		f.claims = map[string]registration.Claim{}
	}
	f.claims[id] = registration.Claim{RegistrationID: id, Officer: officer, ClaimedAt: now, ExpiresAt: until}
	return f.claims[id], nil
}

func (f *fakeRecords) Release(_ context.Context, id, officer string) error {
	defer f.lock()()
	if f.claims[id].Officer == officer {
		delete(f.claims, id)
	}
	return nil
}

func (f *fakeRecords) Claims(context.Context, time.Time) (map[string]registration.Claim, error) {
	defer f.lock()()
	return maps.Clone(f.claims), nil
}

func (f *fakeRecords) Corrections(_ context.Context, id string) ([]registration.Correction, error) {
	defer f.lock()()
	if f.fixed[id] == nil {
		return nil, nil
	}
	made := registration.Correction{ID: "corr", At: time.Now()}
	for name, value := range f.fixed[id] {
		made.Changes = append(made.Changes, registration.Change{Field: name, New: value})
	}
	return []registration.Correction{made}, nil
}

func (f *fakeRecords) Editors(_ context.Context, id string) ([]string, error) {
	defer f.lock()()
	return f.editors[id], nil
}

func (f *fakeRecords) Reviews(context.Context, string) ([]registration.Review, error) {
	defer f.lock()()
	return f.approved, nil
}

func (f *fakeRecords) Consents(context.Context, string) ([]registration.Consent, error) {
	return nil, nil
}

func (f *fakeRecords) NoteAccess(_ context.Context, id, actor, what string, at time.Time) error {
	defer f.lock()()
	f.audit = append(f.audit, registration.AuditEntry{Kind: "access", Object: id, Actor: actor, Detail: what, At: at})
	return nil
}

// set changes a registration, made when there is none.
func (f *fakeRecords) set(id string, change func(*registration.Registration)) {
	defer f.lock()()
	r, ok := f.byID[id]
	if !ok {
		r = registration.Registration{ID: id, RequestID: "V-" + id, SubjectID: "subj", Issuer: "VNPT-CA", CreatedAt: time.Now(), UpdatedAt: time.Now()}
		f.people[id] = registration.Person{IDNumber: "079095012345", FullName: "Trần Văn Ánh", BirthDate: "1995-02-03", Sex: "male", Province: "Hà Nội", Phone: "+84901234567"}
	}
	change(&r)
	f.byID[id] = r
	if f.grant != nil {
		f.grant(id)
	}
}

// fakeAccounts accepts the code 123456.
type fakeAccounts struct {
	records *fakeRecords
	limited bool
}

// suffix tells the codes of several registrations apart.
func (a *fakeAccounts) suffix(id string) string {
	if id == "r" {
		return ""
	}
	return "-" + id
}

func (a *fakeAccounts) NewCode(_ context.Context, id string, purpose registration.Purpose, phone, binding string) (registration.Code, error) {
	if a.limited {
		err := problem.New(problem.RateLimited, "a code was sent a moment ago")
		err.RetryAfter = time.Minute
		return registration.Code{}, err
	}
	now := time.Now()
	code := registration.Code{ID: "code-" + string(purpose) + a.suffix(id), RegistrationID: id, Purpose: purpose, Phone: phone, Binding: binding, CreatedAt: now, ExpiresAt: now.Add(5 * time.Minute)}
	defer a.records.lock()()
	a.records.codes[id+string(purpose)] = code
	return code, nil
}

func (a *fakeAccounts) UseCode(_ context.Context, id string, purpose registration.Purpose, binding, digits string) (registration.Code, error) {
	defer a.records.lock()()
	code, ok := a.records.codes[id+string(purpose)]
	switch {
	case strings.Trim(digits, "0123456789") != "":
		return code, problem.OfField(problem.Invalid, "code", "a code has six digits", "")
	case !ok || code.Binding != binding || !code.UsedAt.IsZero():
		return code, problem.New(problem.OTPExpired, "no longer good")
	case digits != "123456":
		return code, problem.New(problem.OTPWrong, "wrong")
	}
	code.UsedAt = time.Now()
	a.records.codes[id+string(purpose)] = code
	return code, nil
}

func (a *fakeAccounts) Open(context.Context, string, string, string) (registration.Account, bool, error) {
	return registration.Account{ID: "acct-1"}, true, nil
}

// fakeFlows stands for the processes of registrations.
type fakeFlows struct {
	mu      sync.Mutex
	started []string
	refunds []string
	refund  string // that was repaired
	nudged  []string
	acts    []any
	err     error
	status  workflows.RegistrationStatus
	behind  *workflows.RegistrationStatus // what the process says of itself; nil knows everything
	before  bool                          // an earlier release began the registration
}

func (f *fakeFlows) act(in any) (workflows.RegistrationStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acts = append(f.acts, in)
	return f.status, f.err
}

func (f *fakeFlows) note(list *[]string, what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*list = append(*list, what)
	return f.err
}

func (f *fakeFlows) StartRegistration(_ context.Context, in workflows.RegistrationInput) error {
	return f.note(&f.started, in.RegistrationID)
}

func (f *fakeFlows) StartRefund(_ context.Context, in workflows.RefundInput) error {
	return f.note(&f.refunds, in.TxnRef)
}

func (f *fakeFlows) NudgeRegistration(_ context.Context, id string) error {
	return f.note(&f.nudged, id)
}

func (f *fakeFlows) NudgeRefund(_ context.Context, ref string) error {
	return f.note(&f.nudged, "refund "+ref)
}

func (f *fakeFlows) HandOff(context.Context, string, string) (workflows.RegistrationStatus, error) {
	return f.act(workflows.HandOff{})
}

func (f *fakeFlows) SendsCodesApart(context.Context, string) (bool, error) { return !f.before, nil }

func (f *fakeFlows) SendCodeFromWithin(_ context.Context, _, _ string, in workflows.SendCode) (workflows.RegistrationStatus, error) {
	return f.act(in)
}

func (f *fakeFlows) SendCode(_ context.Context, codeID string) error {
	_, err := f.act(codeID)
	return err
}

func (f *fakeFlows) AccountReady(_ context.Context, _, _ string, in workflows.AccountReady) (workflows.RegistrationStatus, error) {
	return f.act(in)
}

func (f *fakeFlows) RegistrationStatus(context.Context, string) (workflows.RegistrationStatus, error) {
	if f.behind == nil {
		return workflows.RegistrationStatus{Seq: 1 << 20}, nil // it knows everything
	}
	return *f.behind, nil
}

func (f *fakeFlows) ChoosePackage(_ context.Context, _, _ string, in workflows.ChoosePackage) (workflows.RegistrationStatus, error) {
	return f.act(in)
}

func (f *fakeFlows) Pay(context.Context, string, string) (workflows.RegistrationStatus, error) {
	return f.act(workflows.Pay{})
}

func (f *fakeFlows) ConsentToContract(_ context.Context, _, _ string, in workflows.CodeUsed) (workflows.RegistrationStatus, error) {
	return f.act(in)
}

func (f *fakeFlows) Review(_ context.Context, _, _ string, in registration.Review) (workflows.RegistrationStatus, error) {
	return f.act(in)
}

func (f *fakeFlows) Correct(_ context.Context, _, _ string, in workflows.Corrected) (workflows.RegistrationStatus, error) {
	return f.act(in)
}

func (f *fakeFlows) Activate(_ context.Context, _, _ string, in workflows.CodeUsed) (workflows.RegistrationStatus, error) {
	return f.act(in)
}

func (f *fakeFlows) SignAcceptance(context.Context, string, string) (workflows.RegistrationStatus, error) {
	return f.act(workflows.SignAcceptance{})
}

func (f *fakeFlows) Withdraw(_ context.Context, _, _ string, in workflows.Withdraw) (workflows.RegistrationStatus, error) {
	return f.act(in)
}

func (f *fakeFlows) RepairRegistration(_ context.Context, _, _ string, in process.Repair) (workflows.RegistrationRepairResult, error) {
	status, err := f.act(in)
	return workflows.RegistrationRepairResult{Outcome: process.RepairRecovered, Status: status}, err
}

func (f *fakeFlows) RepairRefund(_ context.Context, ref, _ string, in process.Repair) (workflows.RegistrationRepairResult, error) {
	f.refund = ref
	status, err := f.act(in)
	return workflows.RegistrationRepairResult{Outcome: process.RepairRecovered, Status: status}, err
}

// desk is the API with registrations.
type desk struct {
	*testBench
	records  *fakeRecords
	flows    *fakeFlows
	accounts *fakeAccounts
	options  *api.RegistrationOptions
	erasure  func(id, actor string) (registration.Erasure, error)
	request  func() (registration.Request, error)                             // of VNeID, whatever it posts; nil reads it
	answer   func(p registration.Payment) (registration.PaymentNotice, error) // of the gateway to a question
	asked    []string                                                         // attempts that it was asked about

	reference registration.Reference // that a gateway gives when a payment is begun
	closed    error                  // instead of a page
}

func (d *desk) asks(p registration.Payment) (registration.PaymentNotice, error) {
	d.asked = append(d.asked, p.TxnRef)
	if d.answer == nil {
		return registration.PaymentNotice{}, problem.New(problem.ProviderUnavailable, "no answer")
	}
	return d.answer(p)
}

func newDesk(t *testing.T, change ...func(*api.Options)) *desk {
	t.Helper()
	return newDeskOn(t, newStore(t), change...)
}

func newDeskOn(t *testing.T, on *store.Store, change ...func(*api.Options)) *desk {
	t.Helper()
	records := &fakeRecords{byID: map[string]registration.Registration{}, digests: map[string]string{}, tokens: map[string]string{}, used: map[string]bool{},
		payments: map[string]registration.Payment{}, people: map[string]registration.Person{}, moves: map[string][]registration.Transition{},
		codes: map[string]registration.Code{}, reviews: map[string]string{}, fixed: map[string]map[string]string{}, wishes: map[string]wish{}}
	d := &desk{records: records, flows: &fakeFlows{}, accounts: &fakeAccounts{records: records}}
	d.options = &api.RegistrationOptions{
		Records: records, Workflows: d.flows, Accounts: d.accounts,
		CheckRequest: func(r registration.Request, _ time.Time) (registration.Request, []string, error) { return r, nil, nil },
		Phone: func(s string) (string, error) {
			if !strings.HasPrefix(s, "0") {
				return "", problem.New(problem.Invalid, "no number")
			}
			return "+84" + s[1:], nil
		},
		Issuers: []string{"VNPT-CA", "INTRUST-CA"},
		Erase: func(_ context.Context, id, actor string) (registration.Erasure, error) {
			if d.erasure != nil {
				return d.erasure(id, actor)
			}
			_, err := records.Registration(context.Background(), id)
			return registration.Erasure{At: time.Now()}, err
		},
		Packages: []registration.Package{{Code: "PS0", NameVI: "Miễn phí"}, {Code: "PS1", NameVI: "Một năm", PriceVND: 200_000, Months: 12}},
		Intakes: []registration.Intake{{Name: "vneid", Title: "VNeID", Request: func(h map[string][]string, body []byte) (registration.Request, error) {
			if d.request != nil {
				return d.request()
			}
			if http.Header(h).Get("X-Signature") != "good" {
				return registration.Request{}, problem.New(problem.SignatureInvalid, "not VNeID's")
			}
			id, token, _ := strings.Cut(string(body), " ")
			return registration.Request{RequestID: id, Issuer: "VNPT-CA", HandoffToken: token, Digest: string(body)}, nil
		}, Token: func(h map[string][]string, body []byte) (registration.Handoff, error) {
			if http.Header(h).Get("X-Signature") != "good" {
				return registration.Handoff{}, problem.New(problem.SignatureInvalid, "not VNeID's")
			}
			id, token, _ := strings.Cut(string(body), " ")
			return registration.Handoff{RequestID: id, Token: token, At: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}, nil
		}}},
		Doors:      map[string]registration.PaymentDoor{registration.FirstGateway: (&vnpay.Client{TmnCode: "KYSO0001", Secret: "secret"}).Door()},
		AskPayment: func(_ context.Context, p registration.Payment) (registration.PaymentNotice, error) { return d.asks(p) },
		Begin: func(_ context.Context, p registration.Payment, payer registration.Payer) (registration.Opened, error) {
			return registration.Opened{URL: "https://pay.example/" + p.TxnRef + "?" + payer.Address + "?" + payer.Info, Reference: d.reference}, d.closed
		},
	}
	first := func(o *api.Options) {
		s := o.Desk.(*store.Store)
		o.Registration = d.options
		d.options.Handoffs = s.Registrations()
		o.People = &api.PeopleOptions{LogIns: account.New(s.Registrations(), s.Limits(), time.Now, account.Options{}), Mine: s.Mine(), Texts: &texts{}, Phone: account.Phone,
			UserIDs: func(number string) []string { return []string{number, "ICA." + number} }}
	}
	d.testBench = newBenchOn(t, on, append([]func(*api.Options){first}, change...)...)
	records.grant = func(id string) {
		must(t, d.store.Access().Grant(t.Context(), "admin", time.Now(), access.Object{Kind: access.Registration, ID: id}))
	}
	return d
}
