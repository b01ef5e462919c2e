package tsa

import (
	"fmt"

	"kyso/internal/party"
)

// Read reads the settings of the time-stamp authorities.
//
// KYSO_TSA is their addresses (RFC 3161), separated by commas, asked in this order.
func Read(s party.Settings) *Client {
	c := &Client{URLs: s.List("KYSO_TSA", s.Sandbox()+"/tsa")}
	if len(c.URLs) == 0 {
		s.Fail("KYSO_TSA", "name at least one time-stamp authority")
	}
	for _, address := range c.URLs {
		s.Address("KYSO_TSA", address)
	}
	return c
}

// Probes are where the authorities answer.
func (t *Client) Probes() []party.Probe {
	var list []party.Probe
	for i, address := range t.URLs {
		list = append(list, party.Probe{Name: fmt.Sprintf("TSA %d", i+1), Address: address})
	}
	return list
}
