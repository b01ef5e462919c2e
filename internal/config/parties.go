package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kyso/internal/party"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// Signer is the client of a signing provider, whatever wire it speaks.
type Signer interface {
	signing.RemoteSigner
	signing.Front
	Probe() party.Probe
}

// PaymentParty is the client of a payment party, whatever wire it speaks.
type PaymentParty interface {
	registration.PaymentGateway
	Door() registration.PaymentDoor
	Probe() party.Probe
}

// Authority is the client of a certification authority with its key service, whatever wire it speaks.
type Authority interface {
	registration.CA
	registration.Keys
	Probe() party.Probe
}

// Parties are the outside parties that a configuration may name. Each name leads to the room that reads the settings of its
// account and makes the client from them; nothing is called yet.
type Parties struct {
	// Signers are the signing providers.
	Signers map[string]SigningWire
	// Gateways are the payment parties.
	Gateways map[string]func(party.Settings) PaymentParty
	// Authorities are the wires of certification authorities. prefix begins the variables of the issuer with a code; it is
	// FirstIssuer for the first.
	Authorities map[string]func(s party.Settings, code, prefix string) Authority
}

// SigningWire is how the name of a signing provider becomes a client.
type SigningWire struct {
	Read   func(s party.Settings, name string) Signer
	UserOf func(name, idNumber string) string // the user id of a citizen, also at a provider that is not in use (any more)
}

// FirstIssuer is the prefix that says that an issuer has the variables of before there were several.
const FirstIssuer = ""

// defaultWire is that of a certification authority whose variable says nothing.
const defaultWire = "ca"

// Provider is one remote signing provider. NAME below is its name in upper case; the room of its wire reads the variables of its
// account, see rssp769.Read.
type Provider struct {
	// Name is the profile: intrustca, vnpt or neac. It stands in records, so it is never renamed.
	Name string
	// Signer is its client.
	Signer Signer
}

// Gateway is a payment party in use.
type Gateway struct {
	Name  string
	Party PaymentParty
}

// providers reads KYSO_PROVIDERS and the variables of each.
func (r *reader) providers() []Provider {
	names := r.list("KYSO_PROVIDERS", "intrustca,vnpt")
	if len(names) == 0 {
		r.fail("KYSO_PROVIDERS", "name at least one provider")
	}
	var list []Provider
	for i, name := range names {
		wire, known := r.parties.Signers[name]
		if !known || slices.Contains(names[:i], name) {
			r.fail("KYSO_PROVIDERS", fmt.Sprintf("%q is unknown or named twice; the profiles are %s", name, listed(r.parties.Signers)))
			continue
		}
		list = append(list, Provider{Name: name, Signer: wire.Read(r, name)})
	}
	return list
}

// gateways reads KYSO_GATEWAYS and the variables of each.
func (r *reader) gateways() []Gateway {
	var list []Gateway
	for _, name := range r.list("KYSO_GATEWAYS", registration.FirstGateway) {
		read, known := r.parties.Gateways[name]
		if !known || slices.ContainsFunc(list, func(g Gateway) bool { return g.Name == name }) {
			r.fail("KYSO_GATEWAYS", fmt.Sprintf("%q is unknown or named twice; there are %s", name, listed(r.parties.Gateways)))
			continue
		}
		list = append(list, Gateway{name, read(r)})
	}
	if len(list) == 0 {
		r.fail("KYSO_GATEWAYS", "name at least one payment party")
	}
	return list
}

// authority reads the client of an issuer on the wire that its variable names.
func (r *reader) authority(variable, code, prefix string) Authority {
	read, known := r.parties.Authorities[r.text(variable, defaultWire)]
	if !known {
		r.fail(variable, "has to be one of "+listed(r.parties.Authorities))
		read = r.parties.Authorities[defaultWire]
	}
	return read(r, code, prefix)
}

// listed are the names of a registry as a message says them.
func listed[Read any](registry map[string]Read) string {
	return strings.Join(slices.Sorted(maps.Keys(registry)), ", ")
}

// ProviderNames are the signing providers in use, the default first.
func (c Config) ProviderNames() []string {
	var names []string
	for _, p := range c.Providers {
		names = append(names, p.Name)
	}
	return names
}

// Fronts are the signing providers as the API sees them, the default first.
func (c Config) Fronts() []signing.Provider {
	var list []signing.Provider
	for _, p := range c.Providers {
		list = append(list, signing.Provider{Name: p.Name, Front: p.Signer})
	}
	return list
}

// Signers are the clients of the signing providers in use, by name.
func (c Config) Signers() map[string]signing.RemoteSigner {
	signers := map[string]signing.RemoteSigner{}
	for _, p := range c.Providers {
		signers[p.Name] = p.Signer
	}
	return signers
}

// PaymentGateways asks each payment party in use about its own payments.
func (g Registration) PaymentGateways() registration.Gateways {
	all := registration.Gateways{}
	for _, one := range g.Gateways {
		all[one.Name] = one.Party
	}
	return all
}

// Doors are where the payment parties in use reach the API, by name.
func (g Registration) Doors() map[string]registration.PaymentDoor {
	all := map[string]registration.PaymentDoor{}
	for _, one := range g.Gateways {
		all[one.Name] = one.Party.Door()
	}
	return all
}
