// Package rssp769 is a remote signing provider on the wire that Vietnamese providers share since decision 769/QĐ-BTTTT:
// it holds the keys of people, asks them on their phones, and signs. The key service of a CA is its, too.
package rssp769

import (
	"net/http"
	"sync"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// The account that the provider knows, unless Options says otherwise.
const (
	DefaultSPID       = "5a4d-000000000000000001.apps.sandbox.invalid"
	DefaultSPPassword = "sandbox-only"
)

// DefaultWindow is how long the owner of a key has to answer.
const DefaultWindow = 300 * time.Second

// Options are the account of the signing portal, and who watches the phones.
type Options struct {
	SPID, SPPassword string
	// OnPush is called after a request was put on a phone and saved, before the provider answers. It may call
	// any method of the provider.
	OnPush func(PhoneRequest)
}

// Provider is made with New.
type Provider struct {
	k    *kernel.Kernel
	pki  *pki.PKI
	opts Options

	mu    sync.Mutex
	state state
	open  map[string]*transaction // with something still to happen, by tran_code
	byID  map[string]*transaction // by the portal's and by the provider's transaction_id
}

// state is what survives a restart.
type state struct {
	Settings     Settings                   `json:"settings"`
	Knobs        map[string]Knobs           `json:"knobs"`        // by user id, where they differ from the start
	Users        map[string]*user           `json:"users"`        // by user id
	Retired      map[string]*pki.Credential `json:"retired"`      // by serial number; see retire
	Transactions map[string]*transaction    `json:"transactions"` // by tran_code
	Keys         map[string]*heldKey        `json:"keys"`         // of the key service, by key id
	Enrolled     map[string][]string        `json:"enrolled"`     // key ids by citizen number, oldest first
}

// New makes a provider.
func New(k *kernel.Kernel, ground *pki.PKI, opts Options) *Provider {
	if opts.SPID == "" {
		opts.SPID, opts.SPPassword = DefaultSPID, DefaultSPPassword
	}
	return &Provider{k: k, pki: ground, opts: opts, open: map[string]*transaction{}, byID: map[string]*transaction{},
		state: state{Knobs: map[string]Knobs{}, Users: map[string]*user{}, Retired: map[string]*pki.Credential{},
			Transactions: map[string]*transaction{}, Keys: map[string]*heldKey{}, Enrolled: map[string][]string{}}}
}

// Party is what the kernel knows of it.
func (p *Provider) Party() kernel.Party {
	return kernel.Party{Name: "rssp769", Lock: &p.mu, State: &p.state,
		Calls:    []kernel.Call{{Name: callCertificates}, {Name: callSign}, {Name: callStatus}},
		Settings: kernel.SettingsAt(&p.state.Settings, Settings.check),
		Knobs:    kernel.NewSwitches(p.knobs, p.setKnobs, Knobs.check),
		Wake:     p.wake, Settle: p.settleAll, Parties: p.routes, Phone: p.routePhone,
		Control: []kernel.Verb{
			{Pattern: "POST /users/{id}/{act}", Help: "POST /users/{id}/approve|decline|ignore", Do: p.actForUser},
			{Pattern: "POST /users/{id}/pin", Help: "POST /users/{id}/pin?pin=", Do: p.putPIN},
		}}
}

func (p *Provider) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, tx := range p.state.Transactions {
		p.index(tx)
	}
}

// actForUser does what the user does on the phone with everything that waits there.
func (p *Provider) actForUser(rw http.ResponseWriter, r *http.Request) {
	act, ok := map[string]func(string) (int, error){"approve": p.Approve, "decline": p.Decline, "ignore": p.Ignore}[r.PathValue("act")]
	if !ok {
		http.NotFound(rw, r)
		return
	}
	n, err := act(r.PathValue("id"))
	if err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, map[string]int{"requests": n})
}
