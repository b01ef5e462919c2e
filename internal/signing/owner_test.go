package signing

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

func TestACertificateBelongsToWhoWasAskedFor(t *testing.T) {
	uid, serial, organisation := asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, asn1.ObjectIdentifier{2, 5, 4, 5}, asn1.ObjectIdentifier{2, 5, 4, 97}
	type names []pkix.AttributeTypeAndValue
	is := func(oid asn1.ObjectIdentifier, values ...any) (list names) {
		for _, v := range values {
			list = append(list, pkix.AttributeTypeAndValue{Type: oid, Value: v})
		}
		return list
	}
	for _, tt := range []struct {
		user  string
		names names
		want  bool
	}{
		{"079095012345", is(uid, "CCCD:079095012345"), true},
		{"ICA.079095012345", is(uid, "CCCD:079095012345"), true},
		{" ica.079095012345 ", is(uid, "cccd:079095012345"), true},
		{"079095012345", is(uid, "079095012345"), true},
		{"079095012345", is(uid, "MST:079095012345"), true},                                 // the personal tax code
		{"079095012345", is(uid, "MST:0101234567", "CCCD:079095012345"), true},              // a person in an organisation
		{"0101234567", is(uid, "MST:0101234567", "CCCD:079095012345"), true},                // the same, asked for by the organisation
		{"0101234567-001", is(uid, "MST:0101234567-001"), true},                             // a branch
		{"123456789", is(uid, "CMND:123456789"), true},                                      // an old card
		{"C1234567", is(uid, "HC:C1234567"), true},                                          // a passport
		{"079095012345", is(serial, "IDCVN-079095012345"), true},                            // ETSI EN 319 412-1
		{"0101234567", is(organisation, "VATVN-0101234567"), true},                          // the same, of an organisation
		{"minh@example.vn", is(uid, "MINH@EXAMPLE.VN"), true},                               // a form that nobody described: the UID itself
		{"minh", is(uid, "minh"), true},                                                     // a form that nobody described: the UID itself
		{"079095012345", is(uid, "CCCD:079095012346"), false},                               // another person
		{"079095012345", is(uid, "CCCD:79095012345"), false},                                // a lost zero is another number
		{"079095012345", is(uid, "CCCD:0790950123456"), false},                              // longer
		{"079095012345", is(uid, "BHXH:079095012345"), false},                               // a scheme of other numbers
		{"0101234567", is(uid, "BHXH:0101234567"), false},                                   // ten digits of social insurance are no tax code
		{"0101234567", is(uid, "MST:0101234567-001"), false},                                // a branch is not its head office
		{"123456789", is(uid, "MST:123456789"), false},                                      //
		{"079095012345", is(uid, 79095012345), false},                                       // no text
		{"079095012345", is(serial, "079095012345"), false},                                 // a serial number says nothing without its semantics
		{"079095012345", is(serial, "IDCLA-079095012345"), false},                           // of another country
		{"079095012345", is(asn1.ObjectIdentifier{2, 5, 4, 3}, "CCCD:079095012345"), false}, // a name is no number
		{"079095012345", nil, false},
		{"", is(uid, ""), false},
		{"ICA.", is(uid, ""), false},
	} {
		cert := &x509.Certificate{Subject: pkix.Name{Names: tt.names}}
		if got := BelongsTo(cert, tt.user); got != tt.want {
			t.Errorf("%q and %v: %t", tt.user, tt.names, got)
		}
	}
}

// TestNumbersBehindPrefixes: providers put different ones before the same number.
func TestNumbersBehindPrefixes(t *testing.T) {
	for userID, want := range map[string]string{
		"079095012345": "079095012345", "ICA.079095012345": "079095012345", " cmt_079095012345 ": "079095012345", "MST:0100109106-001": "0100109106001",
		"C1234567": "C1234567", "ICA.some-id_x": "SOMEIDX",
	} {
		if got := Signer(userID); got != want {
			t.Errorf("%q: got %q", userID, got)
		}
	}
}
