package webhook

import "testing"

func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]bool{
		"*": true, "signing.*": true, "signing.signed": true, "registration.*": true, "kyso.test": true,
		"": false, "signing": false, "other.*": false, "[": false, "signing.[": false,
	} {
		if got := ValidPattern(pattern); got != want {
			t.Errorf("ValidPattern(%q) = %t", pattern, got)
		}
	}
	e := Endpoint{Events: []string{"signing.signed", "registration.*"}}
	for kind, want := range map[string]bool{"signing.signed": true, "signing.declined": false, "registration.active": true, "kyso.test": false} {
		if got := e.Subscribes(kind); got != want {
			t.Errorf("Wants(%q) = %t", kind, got)
		}
	}
	if !(Endpoint{}).Subscribes("signing.declined") {
		t.Error("no pattern means all")
	}
}
