package kernel

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
	stateVersion = 2
	// flatVersion had the states of all parties in one object. Their fields have kept their names, so each party reads
	// its own from it.
	flatVersion = 1
	// saveDelay bounds what a crash may lose of the state that no answer has promised.
	saveDelay = 20 * time.Millisecond
)

// stored is a file that was read: one object for all parties, or one for each by its name.
type stored struct {
	flat json.RawMessage
	by   map[string]json.RawMessage
}

// into gives a party its state.
func (s stored) into(p Party) error {
	data := s.flat
	if data == nil {
		data = s.by[p.Name]
	}
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(data, p.State); err != nil {
		return fmt.Errorf("reading the state of %s: %w", p.Name, err)
	}
	return nil
}

// load reads the state when there is one.
func (k *Kernel) load() error {
	if k.opts.Dir == "" {
		return nil
	}
	path := filepath.Join(k.opts.Dir, stateFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	switch head.Version {
	case flatVersion:
		k.loaded.flat = data
		return nil
	case stateVersion:
		return json.Unmarshal(data, &k.loaded.by)
	}
	return fmt.Errorf("%s has version %d, this program writes %d: remove the file to start afresh", path, head.Version, stateVersion)
}

// Changed notes that the state has to be saved soon.
func (k *Kernel) Changed() { Locked(&k.mu, k.changed) }

// changed is Changed for callers that hold k.mu.
func (k *Kernel) changed() {
	k.dirty++
	if k.opts.Dir == "" || k.saveTimer != nil || k.closed {
		return
	}
	k.saveTimer = time.AfterFunc(saveDelay, func() {
		k.guarded(func() {
			if err := k.Flush(); err != nil {
				k.Log.Error("saving the sandbox failed", "error", err)
			}
		})
	})
}

// Flush returns when every change made before the call is on disk. Callers that wait together share one write. The
// caller holds no lock of a party.
func (k *Kernel) Flush() error {
	if k.opts.Dir == "" {
		return nil
	}
	var wanted uint64
	Locked(&k.mu, func() { wanted = k.dirty })

	k.saveMu.Lock()
	defer k.saveMu.Unlock()
	if k.saved >= wanted && k.saved > 0 {
		return nil
	}
	var at uint64
	var data []byte
	var err error
	k.still(k.parties, func() { // the kernel's own lock is one of them
		at = k.dirty
		k.saveTimer = nil
		data, err = k.encode()
	})
	if err != nil {
		return fmt.Errorf("encoding the sandbox: %w", err)
	}
	if err := replaceFile(filepath.Join(k.opts.Dir, stateFile), data); err != nil {
		return fmt.Errorf("saving the sandbox: %w", err)
	}
	k.saved = at
	return nil
}

// still runs do while no party changes, so that what one party says of another is saved together.
func (k *Kernel) still(parties []Party, do func()) {
	if len(parties) == 0 {
		do()
		return
	}
	parties[0].Lock.Lock()
	defer parties[0].Lock.Unlock()
	k.still(parties[1:], do)
}

// encode writes each party's state under its name. What a party of another release left is kept.
func (k *Kernel) encode() ([]byte, error) {
	file := map[string]any{}
	for name, data := range k.loaded.by {
		file[name] = data
	}
	file["version"] = stateVersion
	for _, p := range k.parties {
		file[p.Name] = p.State
	}
	return json.Marshal(file)
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
