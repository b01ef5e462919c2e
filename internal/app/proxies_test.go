package app_test

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

// All clients of a proxy that nobody named are one to us.
func TestTheDoctorMissesTheProxyOfAnHTTPSAddress(t *testing.T) {
	for _, c := range []struct {
		url, proxies string
		warned       bool
	}{{"https://ky.example", "", true}, {"https://ky.example", "10.0.0.0/8", false}, {"http://127.0.0.1:8680", "", false}} {
		cfg, err := app.FromEnvironment([]string{"KYSO_PUBLIC_URL=" + c.url, "KYSO_TRUSTED_PROXIES=" + c.proxies})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Database, cfg.Blobs, cfg.Temporal.HostPort = "sqlite:"+t.TempDir()+"/none.db", "file:///nowhere", "127.0.0.1:1"
		warned := slices.ContainsFunc(app.Examine(t.Context(), cfg), func(f app.Finding) bool {
			return f.Part == "trusted proxies" && f.State == app.Warning && f.Remedy != ""
		})
		if warned != c.warned {
			t.Errorf("%+v: warned %v", c, warned)
		}
	}
}
