package rssp769

import (
	"strings"

	"kyso/internal/party"
)

// The account that the sandbox knows.
const (
	sandboxSPID       = "5a4d-000000000000000001.apps.sandbox.invalid"
	sandboxSPPassword = "sandbox-only"
)

// known are the providers of this wire by name.
var known = map[string]struct {
	profile     func(caName string) Profile
	sandboxPath string // where the sandbox serves it
}{
	"vnpt":      {func(string) Profile { return VNPT() }, "/sca/sp769"},
	"intrustca": {func(string) Profile { return IntrustCA() }, ""},
	"neac":      {NEAC, ""},
}

// Read reads the settings of a provider that has a profile here. NAME is its name in upper case.
//
// KYSO_NAME_URL is the base address, before the paths of the profile.
//
// KYSO_NAME_SP_ID and KYSO_NAME_SP_PASSWORD (secret) are our account.
//
// KYSO_NAME_WEBHOOK_TOKEN (secret, at least 16 characters) is the last part of the address that the provider calls,
// /v1/webhooks/NAME/TOKEN. Without it no webhook is accepted; the poll finds the answer anyway.
//
// KYSO_NAME_CA_NAME is which CA the national gateway passes requests on to; for neac only.
func Read(s party.Settings, name string) *Client {
	prefix, provider := "KYSO_"+strings.ToUpper(name)+"_", known[name]
	sandbox := s.Sandbox() + provider.sandboxPath
	c := &Client{Name: name, BaseURL: s.Address(prefix+"URL", s.Text(prefix+"URL", sandbox)), SPID: s.Text(prefix+"SP_ID", sandboxSPID),
		Profile: provider.profile(s.Text(prefix+"CA_NAME", ""))}
	c.SPPassword = s.Key(prefix+"SP_PASSWORD", sandboxSPPassword, c.BaseURL == sandbox)
	c.WebhookToken = party.WebhookToken(s, prefix+"WEBHOOK_TOKEN")
	return c
}

// Probe is where the provider answers.
func (p *Client) Probe() party.Probe {
	return party.Probe{Name: "provider " + p.Name, Address: p.BaseURL}
}
