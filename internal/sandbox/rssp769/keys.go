package rssp769

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/sandbox/pki"
)

// heldKey is a key pair of a citizen at the key service, with its certificate once there is one.
type heldKey struct {
	ID         string         `json:"id"`
	User       string         `json:"user"` // citizen number
	State      string         `json:"state"`
	Public     []byte         `json:"public"` // PKIX DER
	Credential pki.Credential `json:"credential"`
	PINSalt    []byte         `json:"pin_salt,omitempty"`
	PINHash    []byte         `json:"pin_hash,omitempty"` // the PIN itself is nowhere
}

// seen is a key as others see it.
func (key *heldKey) seen() pki.Key {
	c := &key.Credential
	return pki.Key{ID: key.ID, User: key.User, State: key.State, Issuer: c.Issuer, Public: key.Public, Serial: c.Serial, Cert: c.Cert}
}

// KeyService is what a CA may ask of the provider that holds the keys of its subscribers.
type KeyService struct{ *Provider }

// NewKey makes a key for a citizen, which keep keeps. RSA takes its time, so a caller makes it outside its lock.
func (p KeyService) NewKey(user, issuer string) (keep func() pki.Key, err error) {
	private, err := p.pki.NewKey("rsa")
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	key := &heldKey{ID: kernel.NewUUID(), User: user, State: pki.KeyCreated, Public: public,
		Credential: pki.Credential{ID: kernel.NewUUID(), Issuer: issuer, Scheme: "rsa", Private: pkcs8}}
	return func() pki.Key {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.state.Keys[key.ID] = key
		p.state.Enrolled[user] = append(p.state.Enrolled[user], key.ID)
		p.k.Changed()
		return key.seen()
	}, nil
}

// Key returns a key by its id.
func (p KeyService) Key(id string) (pki.Key, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key := p.state.Keys[id]; key != nil {
		return key.seen(), true
	}
	return pki.Key{}, false
}

// KeysOf returns the keys of a citizen, oldest first.
func (p KeyService) KeysOf(user string) []pki.Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []pki.Key
	for _, id := range p.state.Enrolled[user] {
		list = append(list, p.state.Keys[id].seen())
	}
	return list
}

// Locked reports whether a key is locked as after too many wrong PINs.
func (p KeyService) Locked(key pki.Key) bool {
	return (key.State == pki.KeyAwaitingPIN || key.State == pki.KeyPINSet) && p.knobsOf(key.User).KeyLocked
}

// RequestFor makes a PKCS #10 request of a key.
func (p KeyService) RequestFor(id string, template *x509.CertificateRequest) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	private, err := pki.ParseKey(p.state.Keys[id].Credential.Private)
	if err != nil {
		return nil, err
	}
	return x509.CreateCertificateRequest(rand.Reader, template, private)
}

// Certified gives a key its certificate. Of two the first stays; it is false for the second.
func (p KeyService) Certified(id, serial string, cert []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.state.Keys[id].Credential
	if c.Serial != "" {
		return false
	}
	c.Serial, c.Cert = serial, cert
	p.k.Changed()
	return true
}

// Move brings a key from one state to another, from any when none is named, and returns the key after it: one in
// another state stays there.
func (p KeyService) Move(id, to string, from ...string) pki.Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := p.state.Keys[id]
	if len(from) == 0 || slices.Contains(from, key.State) {
		p.setState(key, to)
	}
	return key.seen()
}

// setState moves a key and notes it; a state that it has already is no change. The caller holds p.mu.
func (p *Provider) setState(key *heldKey, state string) {
	if key.State == state {
		return
	}
	key.State = state
	p.k.Record(kernel.Effect{Kind: kernel.EffectKeyState, Key: key.ID + "/" + state, User: key.User, Detail: state})
	if state == pki.KeyAwaitingPIN {
		p.k.Log.Info("the phone asks for a PIN", "key", key.ID)
	}
}

// enrolled returns the active keys of a person who ever got a key through the key service, and false for others. The
// prefix of the gateway makes no difference.
func (p *Provider) enrolled(userID string) (*user, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := p.state.Enrolled[people.BareID(userID)]
	u := &user{}
	for _, id := range ids {
		if key := p.state.Keys[id]; key.State == pki.KeyActive {
			u.Certificates = append(u.Certificates, &key.Credential)
		}
	}
	return u, len(ids) > 0, p.lockedOpenUser(u)
}

// enrolledCredential is the key of a certificate that was issued through the key service; nil for any other. The
// caller holds p.mu.
func (p *Provider) enrolledCredential(serial string) (*pki.Credential, error) {
	record, _ := p.pki.Record(serial)
	if record.Key == "" {
		return nil, nil
	}
	key := p.state.Keys[record.Key]
	if key.State != pki.KeyActive {
		return nil, fmt.Errorf("%w: the key is %s", kernel.ErrInvalid, key.State)
	}
	return &key.Credential, key.Credential.Open()
}

// PhoneKey is a key as the phone shows it.
type PhoneKey struct {
	ID     string `json:"id"`
	User   string `json:"user"`
	State  string `json:"state"`
	Serial string `json:"serial_number,omitempty"`
}

// Keys returns the keys of a citizen at the key service, oldest first.
func (p *Provider) Keys(idNumber string) []PhoneKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []PhoneKey{}
	for _, id := range p.state.Enrolled[people.BareID(idNumber)] {
		list = append(list, p.state.Keys[id].view())
	}
	return list
}

func (key *heldKey) view() PhoneKey {
	return PhoneKey{ID: key.ID, User: key.User, State: key.State, Serial: key.Credential.Serial}
}

// awaitingPIN returns the keys whose owner has to set a PIN; of all owners when userID is empty.
func (p *Provider) awaitingPIN(userID string) []PhoneKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []PhoneKey{}
	for _, key := range p.state.Keys {
		if key.State == pki.KeyAwaitingPIN && (userID == "" || key.User == people.BareID(userID)) {
			list = append(list, key.view())
		}
	}
	slices.SortFunc(list, func(a, b PhoneKey) int { return strings.Compare(a.ID, b.ID) })
	return list
}
