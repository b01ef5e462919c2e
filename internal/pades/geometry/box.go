package geometry

// PageSize is the size of a page as shown, in points, after CropBox and Rotate.
type PageSize struct {
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
	Rotate int     `json:"rotate,omitempty"` // 0, 90, 180 or 270
}

// Box says where the visible signature stands on the page as a reader sees it: points from the left and bottom
// edges of the shown page.
type Box struct {
	Page      int     `json:"page"` // 1 is the first page, 0 the last
	X         float64 `json:"x"`
	Y         float64 `json:"y"`
	Width     float64 `json:"width"`  // 0 means the default box, lower right; none is visible on a page too small for it
	Height    float64 `json:"height"` // 0 with Width 0
	Invisible bool    `json:"invisible,omitempty"`

	// Pages shows the same box on several pages: one signature field with a widget on each. Page is then ignored.
	Pages    []int `json:"pages,omitempty"`     // numbered as Page
	AllPages bool  `json:"all_pages,omitempty"` // every page, at most MaxWidgets
}

// MaxWidgets is on how many pages one signature may be shown.
const MaxWidgets = 1000

// IsZero reports whether nothing is asked of the place.
func (b Box) IsZero() bool {
	return b.Page == 0 && b.X == 0 && b.Y == 0 && b.Width == 0 && b.Height == 0 && !b.Invisible && len(b.Pages) == 0 && !b.AllPages
}
