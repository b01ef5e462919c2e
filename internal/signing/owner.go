package signing

import (
	"crypto/x509"
	"regexp"
	"slices"
	"strings"
)

// idForm is one form of the numbers that providers know people and organisations by.
type idForm struct {
	form *regexp.Regexp
	// schemes are the words before the number in the UID of a certificate ("CCCD:079095012345").
	schemes []string
	// semantics are the beginnings of ETSI EN 319 412-1 §5.1.3 ("IDCVN-079095012345"), in serialNumber and
	// organizationIdentifier.
	semantics []string
}

// idForms: a number of twelve digits is a citizen number, and since 1 July 2025 the person's tax code; of nine, an old identity
// card; ten, or ten and three, a tax code. BHXH numbers have ten digits, too, and are of another kind: they match nothing.
var idForms = []idForm{
	{regexp.MustCompile(`^[0-9]{12}$`), []string{"CCCD", "CMND", "CC", "PID", "PPID", "MST", ""}, []string{"IDCVN-", "PNOVN-", "TINVN-"}},
	{regexp.MustCompile(`^[0-9]{9}$`), []string{"CMND", "CMT", ""}, []string{"IDCVN-"}},
	{regexp.MustCompile(`^[A-Z][0-9]{6,8}$`), []string{"HC", "PP", "PASSPORT", ""}, []string{"PASVN-"}},
	{regexp.MustCompile(`^[0-9]{10}(-[0-9]{3})?$`), []string{"MST", ""}, []string{"VATVN-", "NTRVN-", "TINVN-"}},
}

const (
	oidUID            = "0.9.2342.19200300.100.1.1"
	oidSubjectSerial  = "2.5.4.5"
	oidOrganisationID = "2.5.4.97"
)

// formOf takes a provider's prefix off. An id of no known form has to be the UID itself.
func formOf(id string) (bare string, form idForm) {
	bare = id[strings.LastIndexAny(id, "._:")+1:]
	for _, known := range idForms {
		if known.form.MatchString(bare) {
			return bare, known
		}
	}
	return id, idForm{schemes: []string{""}}
}

// BelongsTo reports whether a certificate is of the user that a provider was asked for (Circular 15/2025/TT-BKHCN, Art. 5.1.a:
// the subject is checked before signing). A user id is a citizen number, an identity card, a passport or a tax code, perhaps behind
// a provider's prefix ("XY.079095012345"). It has to stand in the subject as its UID, of which people in organisations have two.
// Digits are compared exactly; names are not, people of one name are many.
func BelongsTo(cert *x509.Certificate, userID string) bool {
	id, form := formOf(strings.ToUpper(strings.TrimSpace(userID)))
	if id == "" {
		return false
	}
	for _, name := range cert.Subject.Names {
		text, ok := name.Value.(string)
		if !ok {
			continue
		}
		text = strings.ToUpper(strings.TrimSpace(text))
		switch name.Type.String() {
		case oidUID:
			if scheme, number, found := strings.Cut(text, ":"); found && number == id && slices.Contains(form.schemes, scheme) {
				return true
			}
			if text == id && slices.Contains(form.schemes, "") {
				return true
			}
		case oidSubjectSerial, oidOrganisationID:
			if slices.ContainsFunc(form.semantics, func(s string) bool { return text == s+id }) {
				return true
			}
		}
	}
	return false
}
