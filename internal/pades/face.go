package pades

import (
	"kyso/internal/pades/document"
	"kyso/internal/pades/geometry"
)

type (
	// Source is a document that is read by range.
	Source = document.Source
	// Policy bounds what is accepted.
	Policy = document.Policy
	// Box says where the visible signature stands on a page.
	Box = geometry.Box
	// PageSize is the size of a page as shown.
	PageSize = geometry.PageSize
)

// MaxWidgets is on how many pages one signature may be shown.
const MaxWidgets = geometry.MaxWidgets

// MaxFileBytes is the longest file that is signed, extended or verified: 2 GiB.
const MaxFileBytes = document.MaxFileBytes

// CheckSize refuses a file that is longer, without reading it.
func CheckSize(src Source) error { return document.CheckSize(src) }
