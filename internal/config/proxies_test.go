package config_test

import (
	"slices"
	"testing"

	"kyso/internal/app"
)

func TestTrustedProxiesAreAddressesAndNetworks(t *testing.T) {
	cfg, err := app.FromEnvironment([]string{"KYSO_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.1,2001:db8::7,::ffff:198.51.100.1"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range cfg.TrustedProxies {
		got = append(got, p.String())
	}
	if want := []string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::7/128", "198.51.100.1/32"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, wrong := range []string{"proxy.example", "10.0.0.0/33", "10.0.0.1:80", "::ffff:10.0.0.0/104", "10.0.0.0/8;10.1.0.0/8"} {
		if _, err := app.FromEnvironment([]string{"KYSO_TRUSTED_PROXIES=" + wrong}); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
