package ca

import "kyso/internal/party"

const sandboxKey = "sandbox-only-ca-key" // opens nothing but a stand-in

// Read reads the settings of the first certification authority.
//
// KYSO_CA_URL is in front of /ca/v1, the certification authority with its key service.
//
// KYSO_CA_KEY (secret) is the bearer key for it.
func Read(s party.Settings) *Client {
	c := &Client{BaseURL: s.Address("KYSO_CA_URL", s.Text("KYSO_CA_URL", s.Sandbox()))}
	c.Key = s.Key("KYSO_CA_KEY", sandboxKey, c.BaseURL == s.Sandbox())
	return c
}

// ReadIssuer reads the settings of one after the first, the issuer with a code. Nothing of it has a default: another CA's would be
// wrong.
//
// KYSO_ISSUER_…_URL is in front of /ca/v1, the certification authority with its key service.
//
// KYSO_ISSUER_…_KEY (secret) is the bearer key for it.
func ReadIssuer(s party.Settings, code, prefix string) *Client {
	c := &Client{BaseURL: s.Text(prefix+"URL", ""), Key: s.Key(prefix+"KEY", "", false)}
	if c.BaseURL == "" {
		s.Fail(prefix+"URL", "has to be given for issuer "+code)
	} else {
		s.Address(prefix+"URL", c.BaseURL)
	}
	return c
}

// Probe is where the CA answers.
func (c *Client) Probe() party.Probe { return party.Probe{Name: "CA", Address: c.BaseURL} }
