package app

import (
	"context"
	"slices"

	"kyso/internal/party"
	"kyso/internal/party/rssp769"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Signer is the client of a signing provider, whatever wire it speaks.
type Signer interface {
	signing.RemoteSigner
	signing.Front
	Probe() party.Probe
}

// wire is how the name of a signing provider becomes a client: the room of its wire reads its settings.
type wire struct {
	read   func(s party.Settings, name string) Signer
	userOf func(name, idNumber string) string // the user id of a citizen, also at a provider that is not in use (any more)
}

var over769 = wire{func(s party.Settings, name string) Signer { return rssp769.Read(s, name) }, rssp769.UserOf}

// wires are the signing providers that kyso can speak to. One that speaks another wire is a room and a line.
var wires = map[string]wire{
	"intrustca": over769,
	"neac":      over769,
	"vnpt":      over769,
}

// signers returns the client of every configured provider.
func (a *App) signers() map[string]signing.RemoteSigner {
	signers := map[string]signing.RemoteSigner{}
	for _, p := range a.Config.Providers {
		signers[p.Name] = p.Signer
	}
	return signers
}

// held reports whether a user has a certificate with a serial number at a provider.
func (a *App) held(ctx context.Context, name, id, user, serial string) (bool, error) {
	i := slices.IndexFunc(a.Config.Providers, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		return false, problem.New(problem.Invalid, "no provider is called %q", name)
	}
	list, err := a.Config.Providers[i].Signer.Certificates(ctx, id, user, serial)
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

// fronts are the providers as the API sees them, the default first.
func (c Config) fronts() []signing.Provider {
	var list []signing.Provider
	for _, p := range c.Providers {
		list = append(list, signing.Provider{Name: p.Name, Front: p.Signer})
	}
	return list
}
