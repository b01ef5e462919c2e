package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kyso/internal/party"
	"kyso/internal/party/vnpay"
	"kyso/internal/registration"
)

// gateways are the payment parties that kyso can speak to. Another one is a room and a line.
var gateways = map[string]func(party.Settings) PaymentParty{
	"vnpay": paying(vnpay.Read),
}

// PaymentParty is the client of a payment party, whatever wire it speaks.
type PaymentParty interface {
	registration.PaymentGateway
	Door() registration.PaymentDoor
	Probe() party.Probe
}

func paying[Client PaymentParty](read func(party.Settings) Client) func(party.Settings) PaymentParty {
	return func(s party.Settings) PaymentParty { return read(s) }
}

// Gateway is a payment party in use.
type Gateway struct {
	Name  string
	Party PaymentParty
}

// gateways reads KYSO_GATEWAYS and the variables of each.
func (r *reader) gateways() []Gateway {
	var list []Gateway
	for _, name := range r.list("KYSO_GATEWAYS", registration.FirstGateway) {
		read, known := gateways[name]
		if !known || slices.ContainsFunc(list, func(g Gateway) bool { return g.Name == name }) {
			r.fail("KYSO_GATEWAYS", fmt.Sprintf("%q is unknown or named twice; there are %s", name, strings.Join(slices.Sorted(maps.Keys(gateways)), ", ")))
			continue
		}
		list = append(list, Gateway{name, read(r)})
	}
	if len(list) == 0 {
		r.fail("KYSO_GATEWAYS", "name at least one payment party")
	}
	return list
}

// parties are the names of all outside parties that act by their names.
func parties() []string {
	return append(slices.Sorted(maps.Keys(gateways)), slices.Sorted(maps.Keys(wires))...)
}

// gateways asks each payment party about its own payments.
func (g Registration) gateways() registration.Gateways {
	all := registration.Gateways{}
	for _, one := range g.Gateways {
		all[one.Name] = one.Party
	}
	return all
}

// doors are where the payment parties reach the API.
func (g Registration) doors() map[string]registration.PaymentDoor {
	all := map[string]registration.PaymentDoor{}
	for _, one := range g.Gateways {
		all[one.Name] = one.Party.Door()
	}
	return all
}
