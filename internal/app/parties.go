package app

import (
	"context"
	"maps"
	"slices"

	"kyso/internal/config"
	"kyso/internal/party"
	"kyso/internal/party/ca"
	"kyso/internal/party/rssp769"
	"kyso/internal/party/vnpay"
	"kyso/internal/problem"
)

// registry is every outside party that kyso can speak to. Another one is a room and a line.
var registry = config.Parties{
	Signers: map[string]config.SigningWire{
		"intrustca": over769,
		"neac":      over769,
		"vnpt":      over769,
	},
	Gateways: map[string]func(party.Settings) config.PaymentParty{
		"vnpay": func(s party.Settings) config.PaymentParty { return vnpay.Read(s) },
	},
	Authorities: map[string]func(party.Settings, string, string) config.Authority{
		"ca": func(s party.Settings, code, prefix string) config.Authority {
			if prefix == config.FirstIssuer {
				return ca.Read(s)
			}
			return ca.ReadIssuer(s, code, prefix)
		},
	},
}

var over769 = config.SigningWire{
	Read:   func(s party.Settings, name string) config.Signer { return rssp769.Read(s, name) },
	UserOf: rssp769.UserOf,
}

// FromEnvironment reads the configuration from NAME=value lines as os.Environ returns them. The error names every
// mistake, not only the first.
func FromEnvironment(environ []string) (config.Config, error) { return config.Read(environ, registry) }

// Explain reads the configuration as FromEnvironment does and returns every variable, its value and where it came from, by
// name. Secrets are not shown; that they are given is.
func Explain(environ []string) ([]config.Setting, error) { return config.Explain(environ, registry) }

// parties are the names of all outside parties that act by their names.
func parties() []string {
	return append(slices.Sorted(maps.Keys(registry.Gateways)), slices.Sorted(maps.Keys(registry.Signers))...)
}

// held reports whether a user has a certificate with a serial number at a provider.
func (a *App) held(ctx context.Context, name, id, user, serial string) (bool, error) {
	i := slices.IndexFunc(a.Config.Providers, func(p config.Provider) bool { return p.Name == name })
	if i < 0 {
		return false, problem.New(problem.Invalid, "no provider is called %q", name)
	}
	list, err := a.Config.Providers[i].Signer.Certificates(ctx, id, user, serial)
	return len(list) > 0, err
}
