package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kyso/internal/apiclient"
)

// Client finds the API.
func (c *CLI) Client() (*apiclient.Client, error) {
	address := c.URL
	if address == "" {
		address = c.Env("KYSO_URL")
	}
	if address == "" {
		known, err := c.Addresses()
		if err != nil || known.API == "" {
			return nil, Usage("no address of the API: give --url or KYSO_URL, or start a world with \"kyso dev\" in this folder")
		}
		address = known.API
	}
	address = withScheme(address)
	key, err := c.key(address)
	return &apiclient.Client{BaseURL: address, Key: key}, err
}

// key finds the key to the API. A development world's is valid for its own address alone.
func (c *CLI) key(address string) (string, error) {
	if key := c.Env("KYSO_API_KEY"); key != "" {
		return key, nil
	}
	if path := c.Env("KYSO_API_KEY_FILE"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", Usage("KYSO_API_KEY_FILE: %v", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	known, err := c.Addresses()
	if err != nil || known.API != address {
		return "", nil //nolint:nilerr // the API says what it needs
	}
	return known.APIKey, nil
}

// Addresses is what a running development world says of itself.
type Addresses struct {
	API      string `json:"api"`
	APIKey   string `json:"api_key"`
	Trust    string `json:"trust"`
	Parties  string `json:"parties"`
	Temporal string `json:"temporal"`
}

// data is the folder of a development world.
func (c *CLI) data() string { return cmp.Or(c.Env("KYSO_DATA"), ".kyso") }

// Addresses reads addresses.json of the development world in this folder; an error when there is none.
func (c *CLI) Addresses() (Addresses, error) {
	var out Addresses
	text, err := os.ReadFile(filepath.Join(c.data(), "addresses.json"))
	if err != nil {
		return out, fmt.Errorf("reading addresses: %w", err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("reading addresses: %w", err)
	}
	return out, nil
}

// Settings are the environment that doctor looks at, and where the API answers. When that is an address of its own, what a world
// in this folder listens on counts for nothing; else it stands in for variables that are not set.
func (c *CLI) Settings(environ []string) (all []string, api string) {
	if own := cmp.Or(c.URL, c.Env("KYSO_URL")); own != "" {
		return environ, withScheme(own)
	}
	known, err := c.Addresses()
	data, absErr := filepath.Abs(c.data())
	if err != nil || absErr != nil {
		return environ, ""
	}
	world := []string{
		"KYSO_DATABASE=sqlite:" + filepath.Join(data, "kyso.db"), "KYSO_BLOBS=" + (&url.URL{Scheme: "file", Path: filepath.Join(data, "blobs")}).String(),
		"KYSO_MASTER_KEY_FILE=" + filepath.Join(data, "master.key"), "KYSO_AUDIT_FILE=" + filepath.Join(data, "audit-checkpoints.jsonl"),
		"KYSO_SEAL_KEY_FILE=" + filepath.Join(data, "seal.key"), "KYSO_SEAL_CERT_FILE=" + filepath.Join(data, "seal.pem"),
		"KYSO_TRUST=" + known.Trust, "KYSO_SANDBOX_URL=" + known.Parties, "KYSO_PUBLIC_URL=" + known.API, "TEMPORAL_ADDRESS=" + known.Temporal,
	}
	set := func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return c.Env(name) != "" || c.Env(name+"_FILE") != ""
	}
	return slices.Concat(environ, slices.DeleteFunc(world, set)), known.API
}

func withScheme(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	return "http://" + address
}
