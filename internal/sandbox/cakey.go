package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The states of a key at the key service, in the order in which they follow.
const (
	keyCreated     = "created"
	keyInstalled   = "installed"
	keyAwaitingPIN = "awaiting-pin"
	keyPINSet      = "pin-set"
	keyActive      = "active"
	keyLocked      = "locked" // by Knobs.KeyLocked: nothing here counts wrong PINs
	keyDisabled    = "disabled"
)

// caKey is a key pair of a citizen at the key service, with its certificate once there is one.
type caKey struct {
	ID         string     `json:"id"`
	User       string     `json:"user"` // citizen number
	State      string     `json:"state"`
	Public     []byte     `json:"public"` // PKIX DER
	Credential credential `json:"credential"`
	PINSalt    []byte     `json:"pin_salt,omitempty"`
	PINHash    []byte     `json:"pin_hash,omitempty"` // the PIN itself is nowhere
}

// setKeyState moves a key and notes it; a state that it has already is no change. The caller holds w.mu.
func (w *World) setKeyState(key *caKey, state string) {
	if key.State == state {
		return
	}
	key.State = state
	w.record(Effect{Kind: EffectKeyState, Key: key.ID + "/" + state, User: key.User, Detail: state})
}

// caCreateKey makes a key. RSA takes its time, so that happens outside the lock; the first of two racing calls wins.
func (w *World) caCreateKey(r *http.Request, body []byte) jsonAnswer {
	var req struct {
		RequestID string `json:"request_id"`
		IDNumber  string `json:"id_number"`
		Algorithm string `json:"algorithm"`
	}
	if err := decodeStrictly(body, &req); err != nil {
		return failed(http.StatusBadRequest, "invalid", err.Error())
	}
	if !citizenID.MatchString(req.IDNumber) {
		return failed(http.StatusBadRequest, "invalid", "id_number")
	}
	if req.Algorithm != "rsa-2048" {
		return failed(http.StatusUnprocessableEntity, "refused", "algorithm")
	}
	var (
		write   *caWrite
		refusal *jsonAnswer
		made    bool
	)
	w.locked(func() {
		write, refusal = w.write(callCAKey, req.RequestID, req)
		made = refusal == nil && write.Key != ""
	})
	if refusal != nil {
		return *refusal
	}
	var fresh *caKey
	if !made {
		var err error
		if fresh, err = newCAKey(req.IDNumber, houseOf(r).issuing); err != nil {
			return failed(http.StatusInternalServerError, "internal", err.Error())
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if write.Key == "" {
		write.Key = fresh.ID
		w.state.Keys[fresh.ID] = fresh
		w.state.Enrolled[fresh.User] = append(w.state.Enrolled[fresh.User], fresh.ID)
		w.record(Effect{Kind: EffectKey, Key: req.RequestID, User: fresh.User, Detail: fresh.ID})
	}
	key := w.state.Keys[write.Key]
	return jsonAnswer{http.StatusOK, map[string]any{"key_id": key.ID, "public_key": key.Public, "state": keyCreated}}
}

func newCAKey(user, issuer string) (*caKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
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
	return &caKey{ID: newUUID(), User: user, State: keyCreated, Public: public,
		Credential: credential{ID: newUUID(), Issuer: issuer, Scheme: "rsa", Key: pkcs8}}, nil
}

// withKey runs a call on the key of the path, under the lock.
func (w *World) withKey(r *http.Request, do func(key *caKey) jsonAnswer) jsonAnswer {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := w.state.Keys[r.PathValue("key_id")]
	if key == nil || key.Credential.Issuer != houseOf(r).issuing {
		return failed(http.StatusNotFound, "not-found", "key")
	}
	return do(key)
}

func stateAnswer(state string) jsonAnswer {
	return jsonAnswer{http.StatusOK, map[string]string{"state": state}}
}

func conflict(key *caKey) jsonAnswer {
	return failed(http.StatusConflict, "conflict", "the key is "+key.State)
}

func (w *World) caState(r *http.Request, _ []byte) jsonAnswer {
	return w.withKey(r, func(key *caKey) jsonAnswer {
		state := key.State
		if (state == keyAwaitingPIN || state == keyPINSet) && w.knobs(key.User).KeyLocked {
			state = keyLocked
		}
		return jsonAnswer{http.StatusOK, map[string]string{"key_id": key.ID, "state": state}}
	})
}

// caCSR makes a PKCS #10 request. The same subject gives the same bytes.
func (w *World) caCSR(r *http.Request, body []byte) jsonAnswer {
	var req struct {
		Subject struct {
			CommonName string `json:"common_name"`
			UID        string `json:"uid"`
			Province   string `json:"province"`
			Locality   string `json:"locality"`
			Email      string `json:"email"`
		} `json:"subject"`
	}
	if err := decodeStrictly(body, &req); err != nil {
		return failed(http.StatusBadRequest, "invalid", err.Error())
	}
	s := req.Subject
	if s.CommonName == "" || s.Province == "" {
		return failed(http.StatusBadRequest, "invalid", "common_name and province are required")
	}
	return w.withKey(r, func(key *caKey) jsonAnswer {
		switch {
		case s.UID != "CCCD:"+key.User:
			return failed(http.StatusUnprocessableEntity, "refused", "uid is not the owner of the key")
		case key.State == keyDisabled:
			return conflict(key)
		}
		private, err := parseKey(key.Credential.Key)
		if err != nil {
			return failed(http.StatusInternalServerError, "internal", err.Error())
		}
		template := &x509.CertificateRequest{SignatureAlgorithm: x509.SHA256WithRSA,
			RawSubject: distinguishedName("VN", s.Province, s.Locality, "", s.CommonName, s.UID)}
		if s.Email != "" {
			template.EmailAddresses = []string{s.Email}
		}
		der, err := x509.CreateCertificateRequest(rand.Reader, template, private)
		if err != nil {
			return failed(http.StatusBadRequest, "invalid", err.Error())
		}
		return jsonAnswer{http.StatusOK, map[string]any{"csr": der}}
	})
}

func (w *World) caInstall(r *http.Request, body []byte) jsonAnswer {
	var req struct {
		Certificate []byte `json:"certificate"`
	}
	if err := decodeStrictly(body, &req); err != nil {
		return failed(http.StatusBadRequest, "invalid", err.Error())
	}
	return w.withKey(r, func(key *caKey) jsonAnswer {
		switch {
		case len(key.Credential.Cert) == 0 || !bytes.Equal(key.Credential.Cert, req.Certificate):
			return failed(http.StatusUnprocessableEntity, "refused", "the certificate is not the one of this key")
		case key.State == keyDisabled:
			return conflict(key)
		case key.State == keyCreated:
			w.setKeyState(key, keyInstalled)
		}
		return stateAnswer(keyInstalled)
	})
}

func (w *World) caStart(r *http.Request, _ []byte) jsonAnswer {
	return w.withKey(r, func(key *caKey) jsonAnswer {
		switch key.State {
		case keyCreated, keyDisabled:
			return conflict(key)
		case keyInstalled:
			w.setKeyState(key, keyAwaitingPIN)
			w.log.Info("the phone asks for a PIN", "key", key.ID)
		}
		return stateAnswer(key.State)
	})
}

func (w *World) caActivate(r *http.Request, _ []byte) jsonAnswer {
	return w.withKey(r, func(key *caKey) jsonAnswer {
		if key.State != keyPINSet && key.State != keyActive {
			return conflict(key)
		}
		w.setKeyState(key, keyActive)
		return stateAnswer(keyActive)
	})
}

func (w *World) caDestroy(r *http.Request, _ []byte) jsonAnswer {
	return w.withKey(r, func(key *caKey) jsonAnswer {
		if record := w.state.Issued[key.Credential.Serial]; record != nil &&
			(record.Revoked == nil || record.Revoked.Reason == reasonHold || record.Revoked.At.After(w.now())) {
			return failed(http.StatusConflict, "conflict", "the certificate of the key is not revoked")
		}
		w.setKeyState(key, keyDisabled)
		return stateAnswer(keyDisabled)
	})
}

// enrolled returns the active keys of somebody who ever got a key through the key service, and false for others. The
// prefix of the gateway makes no difference.
func (w *World) enrolled(userID string) (*user, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := w.state.Enrolled[bareID(userID)]
	u := &user{}
	for _, id := range ids {
		if key := w.state.Keys[id]; key.State == keyActive {
			u.Certificates = append(u.Certificates, &key.Credential)
		}
	}
	return u, len(ids) > 0, w.lockedOpenUser(u)
}

// enrolledCredential is the key of a certificate that was issued through the key service; nil for any other. The
// caller holds w.mu.
func (w *World) enrolledCredential(serial string) (*credential, error) {
	record := w.state.Issued[serial]
	if record == nil || record.Key == "" {
		return nil, nil
	}
	key := w.state.Keys[record.Key]
	if key.State != keyActive {
		return nil, fmt.Errorf("%w: the key is %s", ErrInvalid, key.State)
	}
	return &key.Credential, key.Credential.open()
}

// PhoneKey is a key as the phone shows it.
type PhoneKey struct {
	ID     string `json:"id"`
	User   string `json:"user"`
	State  string `json:"state"`
	Serial string `json:"serial_number,omitempty"`
}

// Keys returns the keys of a citizen at the key service, oldest first.
func (w *World) Keys(idNumber string) []PhoneKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []PhoneKey{}
	for _, id := range w.state.Enrolled[bareID(idNumber)] {
		list = append(list, w.state.Keys[id].view())
	}
	return list
}

func (key *caKey) view() PhoneKey {
	return PhoneKey{ID: key.ID, User: key.User, State: key.State, Serial: key.Credential.Serial}
}

// awaitingPIN returns the keys whose owner has to set a PIN; of everybody when userID is empty.
func (w *World) awaitingPIN(userID string) []PhoneKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []PhoneKey{}
	for _, key := range w.state.Keys {
		if key.State == keyAwaitingPIN && (userID == "" || key.User == bareID(userID)) {
			list = append(list, key.view())
		}
	}
	slices.SortFunc(list, func(a, b PhoneKey) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// SetPIN does what the citizen does on the phone for the latest key that waits for a PIN.
func (w *World) SetPIN(idNumber, pin string) error {
	keys := w.Keys(idNumber)
	for _, key := range slices.Backward(keys) {
		if key.State == keyAwaitingPIN {
			return w.setKeyPIN(key.ID, pin)
		}
	}
	if len(keys) > 0 && keys[len(keys)-1].State != keyCreated && keys[len(keys)-1].State != keyInstalled {
		return fmt.Errorf("a PIN for %q: %w", idNumber, ErrDecided)
	}
	return fmt.Errorf("no key of %q waits for a PIN: %w", idNumber, ErrNotFound)
}

// setKeyPIN keeps a salted hash of the PIN, and nothing else of it.
func (w *World) setKeyPIN(keyID, pin string) error {
	if err := checkPIN(pin); err != nil {
		return err
	}
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	hash, err := hashPIN(pin, salt)
	if err != nil {
		return err
	}
	w.locked(func() {
		key := w.state.Keys[keyID]
		switch {
		case key == nil:
			err = fmt.Errorf("key %q: %w", keyID, ErrNotFound)
		case key.State != keyAwaitingPIN:
			err = fmt.Errorf("the key is %s: %w", key.State, ErrDecided)
		default:
			key.PINSalt, key.PINHash = salt, hash
			w.setKeyState(key, keyPINSet)
		}
	})
	if err != nil {
		return err
	}
	return w.flush()
}

func hashPIN(pin string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, pin, salt, 10_000, 32)
}

// CheckPIN reports whether the PIN is that of the key.
func (w *World) CheckPIN(keyID, pin string) bool {
	var salt, want []byte
	w.locked(func() {
		if key := w.state.Keys[keyID]; key != nil {
			salt, want = key.PINSalt, key.PINHash
		}
	})
	got, err := hashPIN(pin, salt)
	return err == nil && len(want) > 0 && hmac.Equal(got, want)
}

// checkPIN refuses PINs that anybody would try first. The error never holds the PIN.
func checkPIN(pin string) error {
	if len(pin) < 6 || len(pin) > 8 {
		return fmt.Errorf("%w: a PIN has 6 to 8 digits", ErrInvalid)
	}
	steps := map[int]bool{} // between neighbours; one alone is a repeat or a sequence
	for i := range len(pin) {
		if pin[i] < '0' || pin[i] > '9' {
			return fmt.Errorf("%w: a PIN has 6 to 8 digits", ErrInvalid)
		}
		if i > 0 {
			steps[(int(pin[i])-int(pin[i-1])+10)%10] = true
		}
	}
	if len(steps) == 1 && (steps[0] || steps[1] || steps[9]) {
		return fmt.Errorf("%w: a PIN is no sequence and not one digit alone", ErrInvalid)
	}
	return nil
}
