package app

import (
	"context"
	"slices"

	"kyso/internal/party/rssp769"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// profile is how a provider's name becomes a profile of the wire.
type profile struct {
	make        func(Provider) rssp769.Profile
	sandboxPath string // where the sandbox serves it
	userPrefix  string // before a citizen number in its user ids
}

// profiles are the providers that kyso can speak to.
var profiles = map[string]profile{
	"vnpt":      {func(Provider) rssp769.Profile { return rssp769.VNPT() }, "/sca/sp769", ""},
	"intrustca": {func(Provider) rssp769.Profile { return rssp769.IntrustCA() }, "", "ICA."},
	"neac":      {func(p Provider) rssp769.Profile { return rssp769.NEAC(p.CAName) }, "", ""},
}

// signers returns the client of every configured provider.
func (a *App) signers() (map[string]signing.RemoteSigner, error) {
	signers := map[string]signing.RemoteSigner{}
	for _, p := range a.Config.Providers {
		signer, err := p.signer()
		if err != nil {
			return nil, err
		}
		signers[p.Name] = signer
	}
	return signers, nil
}

// signer returns the client of a provider.
func (p Provider) signer() (signing.RemoteSigner, error) {
	known, ok := profiles[p.Name]
	if !ok {
		return nil, problem.New(problem.Invalid, "no provider is called %q", p.Name)
	}
	return &rssp769.Client{Name: p.Name, BaseURL: p.URL, SPID: p.SPID, SPPassword: p.SPPassword, Profile: known.make(p)}, nil
}

// held reports whether a user has a certificate with a serial number at a provider.
func (a *App) held(ctx context.Context, name, id, user, serial string) (bool, error) {
	i := slices.IndexFunc(a.Config.Providers, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		return false, problem.New(problem.Invalid, "no provider is called %q", name)
	}
	signer, err := a.Config.Providers[i].signer()
	if err != nil {
		return false, err
	}
	list, err := signer.Certificates(ctx, id, user, serial)
	return len(list) > 0, err
}

// names returns the providers' names, the default first.
func (c Config) names() []string {
	var names []string
	for _, p := range c.Providers {
		names = append(names, p.Name)
	}
	return names
}

// webhooks returns the tokens by provider.
func (c Config) webhooks() map[string]string {
	tokens := map[string]string{}
	for _, p := range c.Providers {
		if p.WebhookToken != "" {
			tokens[p.Name] = p.WebhookToken
		}
	}
	return tokens
}
