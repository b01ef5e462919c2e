// Package vneid is the state's identity app: its pages, the requests that it posts to kyso, and the reports that it takes.
package vneid

import (
	"net/http"
	"sync"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
)

// DefaultSecret signs what VNeID and kyso tell each other.
const DefaultSecret = "sandbox-only-vneid-secret" //nolint:gosec // opens nothing but the stand-in

// callReport is the name of kyso's report for Fault.On.
const callReport = "vneid-report"

const (
	skew         = 300 * time.Second     // how far a timestamp may be from the clock
	tries        = 5                     // how often a request is posted before a person has to ask for more
	handoffLife  = 7 * 24 * time.Hour    // of the token
	firstRetryIn = 50 * time.Millisecond // doubled each time
)

// App is VNeID. Make one with New.
type App struct {
	k       *kernel.Kernel
	issuers []string // to choose from, the first one when nothing was chosen

	mu    sync.Mutex
	state state
}

type state struct {
	Settings Settings            `json:"settings"`
	Requests map[string]*request `json:"vneid_requests"` // by request id
	Sessions map[string]*session `json:"vneid_sessions"` // by cookie
}

// Settings are its switches, and the addresses of kyso.
type Settings struct {
	// VNeID is empty or down: pages and reports answer 503.
	VNeID string `json:"vneid,omitempty"`
	// KysoURL is where VNeID posts requests, without the path.
	KysoURL string `json:"kyso_url,omitempty"`
	// HandoffURL is the page of kyso that VNeID sends the citizen to; ?token=… is added.
	HandoffURL string `json:"handoff_url,omitempty"`
}

func (s Settings) check() error { return kernel.OneOf("vneid", s.VNeID, "down") }

// New makes the app with the issuers that a citizen may choose from.
func New(k *kernel.Kernel, issuers []string) *App {
	return &App{k: k, issuers: issuers, state: state{Requests: map[string]*request{}, Sessions: map[string]*session{}}}
}

// Party is what the kernel knows of it.
func (a *App) Party() kernel.Party {
	return kernel.Party{Name: "vneid", Lock: &a.mu, State: &a.state, Calls: []kernel.Call{{Name: callReport, Truncates: true}},
		Settings: kernel.SettingsAt(&a.state.Settings, Settings.check),
		Wake:     a.wake, Parties: a.routePartner, Phone: func(mux *http.ServeMux) { mux.Handle("/vneid/", a.VNeID()) },
		Control: []kernel.Verb{
			{Pattern: "GET /vneid/{idNumber}", Do: a.getCitizen},
			{Pattern: "POST /vneid/{idNumber}/request", Do: a.postRequest},
		}}
}

// wake repairs the state of an earlier release, which left empty maps of events out.
func (a *App) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, req := range a.state.Requests {
		if req.Events == nil {
			req.Events = map[string]string{}
		}
	}
}

func (a *App) settings() Settings {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state.Settings
}

// Citizen returns the person behind a citizen number.
func (a *App) Citizen(idNumber string) (people.Citizen, error) {
	return people.CitizenOf(idNumber, a.k.Now())
}
