package inspect

import (
	"kyso/internal/finding"
	"kyso/internal/pades/geometry"
)

// Report is what Inspect found in a file that may be signed.
type Report struct {
	Version       string            `json:"version"` // such as 1.7
	Pages         int               `json:"pages"`
	Signatures    int               `json:"signatures"`        // signed signature fields already in the file
	DocMDP        int               `json:"doc_mdp,omitempty"` // P of a certification signature; 0 when there is none
	ActiveContent []string          `json:"active_content,omitempty" doc:"Deprecated: in English, what the findings active-… say"`
	Warnings      []string          `json:"warnings,omitempty" doc:"Deprecated: the English texts of findings that mislead no reader"`
	FirstPage     geometry.PageSize `json:"first_page"`
	LastPage      geometry.PageSize `json:"last_page"`

	Findings []finding.Finding `json:"findings,omitempty" doc:"What may mislead the signer, what runs, and what else is odd"`

	// Fields are the signature fields of the file in the order of its form.
	Fields []FieldReport `json:"fields,omitempty"`
}

// FieldReport is a signature field that the file brings along.
type FieldReport struct {
	Number int    `json:"number"` // 1 is the first
	Name   string `json:"name"`
	Page   int    `json:"page,omitempty"` // of its first widget; 0 when that is on no page
	Signed bool   `json:"signed"`
	Locked bool   `json:"locked,omitempty"` // empty, and an earlier signature forbids to sign it
}
