package app

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	"kyso/internal/audit"
	"kyso/internal/config"
	"kyso/internal/pemfile"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/truststore"
	"kyso/internal/vault"
)

// auditKey is what checkpoints of the audit log are signed with: a key of its own, or one derived from the master key.
func auditKey(cfg config.Config) (ed25519.PrivateKey, error) {
	if cfg.AuditKeyFile == "" {
		master, err := vault.ReadMasterKey(cfg.MasterKeyFile)
		if err != nil {
			return nil, err
		}
		seed, err := master.Derive("audit checkpoints")
		if err != nil {
			return nil, fmt.Errorf("deriving the key of the audit log: %w", err)
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	signer, err := pemfile.Key(cfg.AuditKeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the audit log: %w", err)
	}
	key, ok := signer.(ed25519.PrivateKey)
	if !ok {
		return nil, problem.New(problem.Invalid, "the key in %s is not an Ed25519 key; make one with: openssl genpkey -algorithm ed25519", cfg.AuditKeyFile)
	}
	return key, nil
}

// AuditKey returns the public key of the checkpoints as text, for those who verify the log elsewhere.
func AuditKey(cfg config.Config) (string, error) {
	key, err := auditKey(cfg)
	if err != nil {
		return "", err
	}
	return audit.EncodeKey(key.Public().(ed25519.PublicKey)), nil
}

// newRecorder keeps the audit log of this program.
func (a *App) newRecorder() (*audit.Recorder, error) {
	key, err := auditKey(a.Config)
	if err != nil {
		return nil, err
	}
	return &audit.Recorder{Log: a.Store.AuditLog(), Key: key, File: a.Config.AuditFile, Logger: a.Log, Now: time.Now}, nil
}

// noteSettings keeps in the audit log under which settings a program began to serve: those that open or close a door.
func (a *App) noteSettings() {
	cfg := a.Config
	a.Recorder.Note("settings", "api", "", fmt.Sprintf("providers %s; hosts %s; public %s; trust %s; private revocation %t; private webhooks %t; admin key %t; rate %d; active content refused %t; hidden content refused %t",
		strings.Join(cfg.ProviderNames(), " "), strings.Join(cfg.APIHosts, " "), cfg.PublicURL, a.trustNow(),
		cfg.RevocationPrivate, cfg.WebhookPrivate, cfg.AdminKey != "", cfg.APIRate, cfg.Policy.RefuseActiveContent, cfg.Policy.RefuseHiddenContent))
}

// trustNow names who is trusted as a program begins to serve.
func (a *App) trustNow() string {
	trust, err := a.Trust(context.Background())
	if err != nil {
		return "unknown"
	}
	return truststore.Digest(trust)
}

// noteTrust keeps in the audit log that this program trusts others than before. Only the API writes the log.
func (a *App) noteTrust(trust signing.Trust) {
	a.Recorder.Note("settings", "api", "", "trust "+truststore.Digest(trust))
}
