package app

import (
	"maps"
	"slices"
	"strings"

	"kyso/internal/party"
	"kyso/internal/party/ca"
	"kyso/internal/registration"
)

// Authority is the client of a certification authority with its key service, whatever wire it speaks.
type Authority interface {
	registration.CA
	registration.Keys
	Probe() party.Probe
}

// firstIssuer is the prefix that says that an issuer has the variables of before there were several.
const firstIssuer = ""

// authorities are the wires of certification authorities. Another one is a room and a line. prefix begins the variables of the
// issuer with a code.
var authorities = map[string]func(s party.Settings, code, prefix string) Authority{
	"ca": func(s party.Settings, code, prefix string) Authority {
		if prefix == firstIssuer {
			return ca.Read(s)
		}
		return ca.ReadIssuer(s, code, prefix)
	},
}

// authority reads the client of an issuer on the wire that its variable names.
func (r *reader) authority(variable, code, prefix string) Authority {
	read, known := authorities[r.text(variable, "ca")]
	if !known {
		r.fail(variable, "has to be one of "+strings.Join(slices.Sorted(maps.Keys(authorities)), ", "))
		read = authorities["ca"]
	}
	return read(r, code, prefix)
}
