package problem

import (
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestEveryCodeHasBothTexts(t *testing.T) {
	for _, code := range Codes() {
		text, ok := texts[code]
		if !ok || text.VI == "" || text.EN == "" {
			t.Errorf("%s: texts are %+v", code, text)
		}
		if !norm.NFC.IsNormalString(text.VI) {
			t.Errorf("%s: %q is not NFC", code, text.VI)
		}
		if code != Internal && text == texts[Internal] {
			t.Errorf("%s shares the title of %s", code, Internal)
		}
	}
	if len(texts) != len(Codes()) {
		t.Errorf("%d texts for %d codes", len(texts), len(Codes()))
	}
	if got := Code("no-such-code").Text(); got != texts[Internal] {
		t.Errorf("an unknown code is called %+v", got)
	}
}
