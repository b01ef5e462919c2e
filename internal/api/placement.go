package api

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	"kyso/internal/signing"
)

// checkPlacement checks what can be known without the file; whether the box is on the page is seen when the file
// is prepared.
func checkPlacement(location string, in PlacementBody, fields *fieldErrors) signing.Placement {
	p := signing.Placement{
		Page: in.Page, X: in.X, Y: in.Y, Width: in.Width, Height: in.Height, Invisible: in.Invisible, Pages: in.Pages, AllPages: in.AllPages,
		FieldNumber: in.FieldNumber, Certify: in.Certify, LockAll: in.LockAll,
	}
	for _, page := range append(slices.Clone(p.Pages), p.Page) {
		if page < 0 || page > maxPage {
			fields.add(location+".page", "must be 1 for the first page or more, or 0 for the last")
			break
		}
	}
	for _, n := range []struct {
		name  string
		value float64
	}{{"x", p.X}, {"y", p.Y}, {"width", p.Width}, {"height", p.Height}} {
		if math.IsNaN(n.value) || math.IsInf(n.value, 0) || n.value < 0 || n.value > maxDistance {
			fields.add(location+"."+n.name, "must be a distance in points, 0 or more")
		}
	}
	if (p.Width == 0) != (p.Height == 0) {
		fields.add(location, "width and height go together; leave both out for the default box")
	}
	if p.Invisible {
		p.Page, p.X, p.Y, p.Width, p.Height = 0, 0, 0, 0, 0
	}
	if p.FieldNumber > 0 || in.Field != "" {
		checkOwnPlace(location, in, p, fields)
	}
	return p
}

// checkOwnPlace refuses a box beside a field, which has its own.
func checkOwnPlace(location string, in PlacementBody, p signing.Placement, fields *fieldErrors) {
	if p.FieldNumber > 0 && in.Field != "" {
		fields.add(location, "field and field_number exclude each other")
	}
	if p.Page != 0 || p.X != 0 || p.Y != 0 || p.Width != 0 || p.Invisible || p.AllPages || len(p.Pages) > 0 {
		fields.add(location, "a field of the file has its own place: leave page and box out")
	}
}

// findField turns the name of a signature field into its number: names may be personal data, and what a process is told stays
// in its history.
func (s *server) findField(ctx context.Context, location, name, document string, fields *fieldErrors) (int, error) {
	if s.PDF == nil {
		fields.add(location+".field", "names are not looked up here: give field_number")
		return 0, nil
	}
	inspected, err := s.examine(ctx, document, "", s.PDF.Inspect)
	if err != nil {
		return 0, err
	}
	var report struct {
		Fields []struct {
			Number int    `json:"number"`
			Name   string `json:"name"`
		} `json:"fields"`
	}
	if err := json.Unmarshal(inspected.Body, &report); err != nil {
		return 0, err
	}
	for _, field := range report.Fields {
		if field.Name == name {
			return field.Number, nil
		}
	}
	fields.add(location+".field", "the file has no signature field of that name")
	return 0, nil
}

// placementOf checks the placement of a document, by its id.
func (s *server) placementOf(ctx context.Context, location string, in PlacementBody, document string, fields *fieldErrors) (signing.Placement, error) {
	p := checkPlacement(location, in, fields)
	if in.Field == "" || p.FieldNumber > 0 {
		return p, nil
	}
	var err error
	p.FieldNumber, err = s.findField(ctx, location, in.Field, document, fields)
	return p, err
}
