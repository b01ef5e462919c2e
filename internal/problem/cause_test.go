package problem

import "testing"

// A code that stands in no table would leave its processes to nobody.
func TestEveryCodeHasOneCause(t *testing.T) {
	for _, code := range Codes() {
		switch cause := classes[code].cause; cause {
		case CauseParty, CauseSigner, CauseOperator:
		default:
			t.Errorf("%s: the cause is %q", code, cause)
		}
		// What a later try may mend is never left to a person alone.
		if code.Kind() == KindUpstream && code.Cause() != CauseParty {
			t.Errorf("%s is upstream and its cause is %s", code, code.Cause())
		}
	}
	if got := Code("no-such-code").Cause(); got != CauseOperator {
		t.Errorf("an unknown code is left to %s", got)
	}
}
