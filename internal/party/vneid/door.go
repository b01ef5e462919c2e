package vneid

import (
	"net/http"

	"kyso/internal/registration"
)

// Intake is where VNeID posts requests and tokens.
func (v *Client) Intake() registration.Intake {
	return registration.Intake{Name: "vneid", Title: who, Signed: "As docs/wires.md says, signed by X-Timestamp and X-Signature",
		Request: func(header map[string][]string, body []byte) (registration.Request, error) {
			return v.Open(http.Header(header), body)
		},
		Token: func(header map[string][]string, body []byte) (registration.Handoff, error) {
			return v.OpenToken(http.Header(header), body)
		},
	}
}
