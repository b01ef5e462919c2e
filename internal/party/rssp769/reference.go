package rssp769

import (
	"encoding/json"
	"strings"
)

// reference is what has to be known of a request to ask for it: installations differ in which id they want back.
type reference struct {
	Transaction string `json:"transaction"`    // transaction_id of the answer; may differ from ours
	Code        string `json:"code,omitempty"` // tran_code
}

// text is the reference as it is kept.
func (r reference) text() string {
	data, err := json.Marshal(r)
	if err != nil { // two strings can be written
		panic(err)
	}
	return string(data)
}

// names are the ids by which a webhook may speak of the request, in an order that does not change: the store of the release before
// knows them as a first and a second one.
func (r reference) names() []string {
	if r.Code == "" {
		return []string{r.Transaction}
	}
	return []string{r.Transaction, r.Code}
}

// readReference reads a reference; one of an earlier release is the two ids in lines.
func readReference(text string) (r reference) {
	if json.Unmarshal([]byte(text), &r) == nil {
		return r
	}
	r.Transaction, r.Code, _ = strings.Cut(text, "\n")
	return r
}
