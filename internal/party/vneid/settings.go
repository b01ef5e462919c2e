package vneid

import "kyso/internal/party"

// What the sandbox says of itself.
const (
	sandboxPath   = "/vneid"
	sandboxSecret = "sandbox-only-vneid-secret" //nolint:gosec // opens nothing but a stand-in
)

// Read reads the settings of VNeID.
//
// KYSO_VNEID_URL is in front of /partner/v1, where VNeID is told how a registration stands.
//
// KYSO_VNEID_SECRET (secret) signs what VNeID and kyso tell each other.
func Read(s party.Settings) *Client {
	c := &Client{BaseURL: s.Address("KYSO_VNEID_URL", s.Text("KYSO_VNEID_URL", s.Sandbox()+sandboxPath))}
	c.Secret = s.Key("KYSO_VNEID_SECRET", sandboxSecret, c.BaseURL == s.Sandbox()+sandboxPath)
	return c
}

// Probe is where VNeID answers.
func (v *Client) Probe() party.Probe { return party.Probe{Name: "VNeID", Address: v.BaseURL} }
