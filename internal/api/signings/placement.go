package signings

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

const (
	maxPage     = 1 << 20
	maxDistance = 1 << 20 // points; ISO 32000 Annex C speaks of 14,400, readers allow more with UserUnit
)

// checkPlacement checks what can be known without the file; checkPlaces looks at the file.
func checkPlacement(location string, in view.PlacementBody, fields *kernel.FieldErrors) signing.Placement {
	p := in.Placement
	for i, a := range p.EmptyFields {
		checkArea(fmt.Sprintf("%s.empty_fields[%d]", location, i), a, fields)
	}
	for _, page := range append(slices.Clone(p.Pages), p.Page) {
		if page < 0 || page > maxPage {
			fields.Add(location+".page", "must be 1 for the first page or more, or 0 for the last")
			break
		}
	}
	checkDistances(location, p.X, p.Y, p.Width, p.Height, fields)
	if (p.Width == 0) != (p.Height == 0) {
		fields.Add(location, "width and height go together; leave both out for the default box")
	}
	if p.Invisible {
		p.Page, p.X, p.Y, p.Width, p.Height = 0, 0, 0, 0, 0
	}
	if p.FieldNumber > 0 || in.Field != "" {
		checkOwnPlace(location, in, p, fields)
	}
	return p
}

// checkArea checks what can be known of a place for a signer to come without the file.
func checkArea(location string, a signing.Area, fields *kernel.FieldErrors) {
	if a.Page < 0 || a.Page > maxPage {
		fields.Add(location+".page", "must be 1 for the first page or more, or 0 for the last")
	}
	checkDistances(location, a.X, a.Y, a.Width, a.Height, fields)
}

// checkDistances checks the numbers of a box.
func checkDistances(location string, x, y, width, height float64, fields *kernel.FieldErrors) {
	for _, n := range []struct {
		name  string
		value float64
	}{{"x", x}, {"y", y}, {"width", width}, {"height", height}} {
		if math.IsNaN(n.value) || math.IsInf(n.value, 0) || n.value < 0 || n.value > maxDistance {
			fields.Add(location+"."+n.name, "must be a distance in points, 0 or more")
		}
	}
}

// checkOwnPlace refuses a box together with a field, which has its own.
func checkOwnPlace(location string, in view.PlacementBody, p signing.Placement, fields *kernel.FieldErrors) {
	if p.FieldNumber > 0 && in.Field != "" {
		fields.Add(location, "field and field_number exclude each other")
	}
	if p.Page != 0 || p.X != 0 || p.Y != 0 || p.Width != 0 || p.Invisible || p.AllPages || len(p.Pages) > 0 {
		fields.Add(location, "a field of the file has its own place: leave page and box out")
	}
}

// findField turns the name of a signature field into its number: names may be personal data, and what a process is told stays
// in its history.
func (s *Handler) findField(ctx context.Context, location, name, document string, fields *kernel.FieldErrors) (int, error) {
	if s.PDF == nil {
		fields.Add(location+".field", "names are not looked up here: give field_number")
		return 0, nil
	}
	inspected, err := s.Examine(ctx, document, "", s.PDF.Inspect)
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
	fields.Add(location+".field", "the file has no signature field of that name")
	return 0, nil
}

// placementOf checks the placement of a document, by its id.
func (s *Handler) placementOf(ctx context.Context, location string, in view.PlacementBody, document string, fields *kernel.FieldErrors) (signing.Placement, error) {
	p := checkPlacement(location, in, fields)
	if in.Field == "" || p.FieldNumber > 0 {
		return p, nil
	}
	var err error
	p.FieldNumber, err = s.findField(ctx, location, in.Field, document, fields)
	return p, err
}

// placeCheck is a document and where its signature is to stand, with the locations of both in the request.
type placeCheck struct {
	document, place string
	signing.Document
	placement *signing.Placement
}

// checkWait is how long a request waits for the check of its documents: what is not seen by then, the process sees.
const checkWait = 15 * time.Second

// checkPlaces refuses what would be refused when the signatures are prepared, before a phone rings: a page that is not there, a
// box that is not on it, a file that cannot be signed. It says which document of how many, and keeps the code when one is wrong.
func (s *Handler) checkPlaces(ctx context.Context, list []placeCheck, reason string) error {
	if s.PDF == nil || s.PDF.Place == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	var fields kernel.FieldErrors
	var only *problem.Error
	for _, c := range list {
		wrong, ok := errors.AsType[*problem.Error](s.checkPlace(ctx, c, reason))
		if !ok || wrong.Code.Kind() != problem.KindInvalid {
			continue // the process tries again and says what it is
		}
		located := *wrong
		switch {
		case wrong.Field != "":
			located.Field = c.place + "." + wrong.Field
		case wrong.Code != problem.PlacementInvalid:
			located.Field = c.document
		default:
			located.Field = c.place
		}
		if len(list) > 1 {
			located.Message = fmt.Sprintf("document %d of %d: %s", c.Index+1, len(list), wrong.Message)
		}
		located.VI = cmp.Or(wrong.VI, wrong.Code.Text().VI)
		only = &located
		fields.Say(located.Field, located.Message, located.VI)
	}
	if len(fields) == 1 {
		return only
	}
	return fields.Err()
}

func (s *Handler) checkPlace(ctx context.Context, c placeCheck, reason string) error {
	return s.Within(ctx, c.UploadID, c.SHA256, func(source kernel.Source) error {
		return s.PDF.Place(ctx, source, c.placement, reason)
	})
}
