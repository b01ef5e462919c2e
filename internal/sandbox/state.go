package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	stateFile    = "sandbox.json"
	stateVersion = 1
	// saveDelay bounds what a crash may lose of the state that nobody was promised.
	saveDelay = 20 * time.Millisecond
)

// state is everything that survives a restart. It is guarded by World.mu. What is written has to come back equal: a map
// in it, at any depth, is never left out when it is empty, because it would come back as one that cannot be written to.
type state struct {
	Version      int                     `json:"version"`
	BaseURL      string                  `json:"base_url"`
	CA           map[string]*keyPair     `json:"ca"`     // by role
	Issued       map[string]*issued      `json:"issued"` // by serial number
	Settings     Settings                `json:"settings"`
	Knobs        map[string]Knobs        `json:"knobs"`        // by user id, where they differ from the defaults
	Users        map[string]*user        `json:"users"`        // by user id
	Retired      map[string]*credential  `json:"retired"`      // by serial number; see retire
	Transactions map[string]*transaction `json:"transactions"` // by tran_code
	Ledger       []Effect                `json:"ledger"`

	Keys          map[string]*caKey        `json:"keys"`           // of the key service, by key id
	Enrolled      map[string][]string      `json:"enrolled"`       // key ids by citizen number, oldest first
	CAWrites      map[string]*caWrite      `json:"ca_writes"`      // by call and request id
	VNeIDRequests map[string]*vneidRequest `json:"vneid_requests"` // by request id
	VNeIDSessions map[string]*vneidSession `json:"vneid_sessions"` // by cookie

	Payments     map[string]*payment `json:"payments"`      // by vnp_TxnRef
	VNPayRefunds map[string]string   `json:"vnpay_refunds"` // vnp_TxnRef by vnp_RequestId
	VNPayDay     string              `json:"vnpay_day"`     // of VNPayQueries
	VNPayQueries map[string]bool     `json:"vnpay_queries"` // vnp_RequestIds of one day
	Messages     []Message           `json:"messages"`      // oldest first
	SMSRequests  map[string]string   `json:"sms_requests"`  // SMSID by RequestId
}

func newState() *state {
	return &state{Version: stateVersion, CA: map[string]*keyPair{}, Issued: map[string]*issued{}, Knobs: map[string]Knobs{},
		Users: map[string]*user{}, Retired: map[string]*credential{}, Transactions: map[string]*transaction{},
		Keys: map[string]*caKey{}, Enrolled: map[string][]string{}, CAWrites: map[string]*caWrite{},
		VNeIDRequests: map[string]*vneidRequest{}, VNeIDSessions: map[string]*vneidSession{},
		Payments: map[string]*payment{}, VNPayRefunds: map[string]string{}, VNPayQueries: map[string]bool{}, SMSRequests: map[string]string{}}
}

// load reads the state when there is one.
func (w *World) load(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s := newState()
	if err := json.Unmarshal(data, s); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if s.Version != stateVersion {
		return fmt.Errorf("%s has version %d, this program writes %d: remove the file to start afresh", path, s.Version, stateVersion)
	}
	for _, req := range s.VNeIDRequests {
		if req.Events == nil { // a file of an earlier release leaves empty ones out
			req.Events = map[string]string{}
		}
	}
	w.state = s
	return nil
}

// changed notes that the state has to be saved soon. The caller holds w.mu.
func (w *World) changed() {
	w.dirty++
	if w.opts.Dir == "" || w.saveTimer != nil || w.closed {
		return
	}
	w.saveTimer = time.AfterFunc(saveDelay, func() {
		w.background(func() {
			if err := w.flush(); err != nil {
				w.log.Error("saving the sandbox failed", "error", err)
			}
		})
	})
}

// flush returns when every change made before the call is on disk. Callers that wait together share one write.
func (w *World) flush() error {
	if w.opts.Dir == "" {
		return nil
	}
	var wanted uint64
	w.locked(func() { wanted = w.dirty })

	w.saveMu.Lock()
	defer w.saveMu.Unlock()
	if w.saved >= wanted && w.saved > 0 {
		return nil
	}
	var at uint64
	var data []byte
	var err error
	w.locked(func() {
		at = w.dirty
		w.saveTimer = nil
		data, err = json.Marshal(w.state)
	})
	if err != nil {
		return fmt.Errorf("encoding the sandbox: %w", err)
	}
	if err := replaceFile(filepath.Join(w.opts.Dir, stateFile), data); err != nil {
		return fmt.Errorf("saving the sandbox: %w", err)
	}
	w.saved = at
	return nil
}

// replaceFile puts data at path so that a crash leaves the old or the new content, never a mixture.
func replaceFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".sandbox-*") // created with mode 0600; it holds private keys
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename, which is fine
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
