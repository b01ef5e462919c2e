package rssp769

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// SetPIN does what the citizen does on the phone for the latest key that waits for a PIN.
func (p *Provider) SetPIN(idNumber, pin string) error {
	keys := p.Keys(idNumber)
	for _, key := range slices.Backward(keys) {
		if key.State == pki.KeyAwaitingPIN {
			return p.setKeyPIN(key.ID, pin)
		}
	}
	if len(keys) > 0 && keys[len(keys)-1].State != pki.KeyCreated && keys[len(keys)-1].State != pki.KeyInstalled {
		return fmt.Errorf("a PIN for %q: %w", idNumber, kernel.ErrDecided)
	}
	return fmt.Errorf("no key of %q waits for a PIN: %w", idNumber, kernel.ErrNotFound)
}

// setKeyPIN keeps a salted hash of the PIN, and nothing else of it.
func (p *Provider) setKeyPIN(keyID, pin string) error {
	if err := checkPIN(pin); err != nil {
		return err
	}
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	hash, err := hashPIN(pin, salt)
	if err != nil {
		return err
	}
	kernel.Locked(&p.mu, func() {
		key := p.state.Keys[keyID]
		switch {
		case key == nil:
			err = fmt.Errorf("key %q: %w", keyID, kernel.ErrNotFound)
		case key.State != pki.KeyAwaitingPIN:
			err = fmt.Errorf("the key is %s: %w", key.State, kernel.ErrDecided)
		default:
			key.PINSalt, key.PINHash = salt, hash
			p.setState(key, pki.KeyPINSet)
		}
	})
	if err != nil {
		return err
	}
	return p.k.Flush()
}

func hashPIN(pin string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, pin, salt, 10_000, 32)
}

// CheckPIN reports whether the PIN is that of the key.
func (p *Provider) CheckPIN(keyID, pin string) bool {
	var salt, want []byte
	kernel.Locked(&p.mu, func() {
		if key := p.state.Keys[keyID]; key != nil {
			salt, want = key.PINSalt, key.PINHash
		}
	})
	got, err := hashPIN(pin, salt)
	return err == nil && len(want) > 0 && hmac.Equal(got, want)
}

// checkPIN refuses PINs that a thief would try first. The error never holds the PIN.
func checkPIN(pin string) error {
	if len(pin) < 6 || len(pin) > 8 {
		return fmt.Errorf("%w: a PIN has 6 to 8 digits", kernel.ErrInvalid)
	}
	steps := map[int]bool{} // between neighbours; one alone is a repeat or a sequence
	for i := range len(pin) {
		if pin[i] < '0' || pin[i] > '9' {
			return fmt.Errorf("%w: a PIN has 6 to 8 digits", kernel.ErrInvalid)
		}
		if i > 0 {
			steps[(int(pin[i])-int(pin[i-1])+10)%10] = true
		}
	}
	if len(steps) == 1 && (steps[0] || steps[1] || steps[9]) {
		return fmt.Errorf("%w: a PIN is no sequence and not one digit alone", kernel.ErrInvalid)
	}
	return nil
}
