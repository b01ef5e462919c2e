package esms

import "kyso/internal/party"

// The account that the sandbox knows.
//
//nolint:gosec // opens nothing but a stand-in
const (
	sandboxAPIKey    = "sandbox-only-esms-api-key"
	sandboxSecretKey = "sandbox-only-esms-secret-key"
)

// Read reads the settings of eSMS, which sends one-time codes.
//
// KYSO_SMS_URL is its base address.
//
// KYSO_SMS_API_KEY and KYSO_SMS_SECRET_KEY (secret) are our account there.
//
// KYSO_SMS_BRANDNAME is the sender that phones show, registered together with the texts.
func Read(s party.Settings) *Client {
	c := &Client{BaseURL: s.Address("KYSO_SMS_URL", s.Text("KYSO_SMS_URL", s.Sandbox())), Brandname: s.Text("KYSO_SMS_BRANDNAME", "KYSO")}
	c.APIKey = s.Key("KYSO_SMS_API_KEY", sandboxAPIKey, c.BaseURL == s.Sandbox())
	c.SecretKey = s.Key("KYSO_SMS_SECRET_KEY", sandboxSecretKey, c.BaseURL == s.Sandbox())
	return c
}

// Probe is where eSMS answers.
func (s *Client) Probe() party.Probe { return party.Probe{Name: "SMS", Address: s.BaseURL} }
