package signings

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// fileRoutes look into the files of a signing.
func (s *Handler) fileRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.verifySigned, kernel.Route{ID: "verifySigned", At: "GET /v1/signings/{id}/documents/{n}/verification", Tag: kernel.TagSignings,
			Summary: "Verify the signatures of a signed document",
			Text:    "Judges every signature of the signed file, as GET /v1/documents/{id}/verification does.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Signing}, Cost: kernel.ClassHeavy, Reveals: true,
			Problems: []int{http.StatusNotFound, http.StatusConflict}, With: []kernel.OperationOption{kernel.WithAnswer(s.PDF.Verification)}}),
		kernel.On(s.previewAppearance, kernel.Route{ID: "previewAppearance", At: "GET /v1/signings/{id}/appearance", Tag: kernel.TagSignings,
			Summary: "Draw how the visible signature will look",
			Text:    "A PDF page of the size of the box, drawn as the signature will be.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Signing}, Cost: kernel.ClassHeavy,
			Problems: []int{http.StatusNotFound, http.StatusConflict}, With: []kernel.OperationOption{kernel.WithFile()}}),
	}
}

func (s *Handler) verifySigned(ctx context.Context, in *signedContentInput) (*kernel.RawOutput, error) {
	document, err := s.signedDocument(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.Examine(ctx, document.SignedID, document.SignedSHA256, s.PDF.Verify)
}

type previewInput struct {
	ID     string  `path:"id" maxLength:"64"`
	Serial string  `query:"serial" maxLength:"128" doc:"Serial number or fingerprint of the certificate; else the chosen one, else the only one"`
	Width  float64 `query:"width" minimum:"1" maximum:"2000" default:"200" doc:"Points"`
	Height float64 `query:"height" minimum:"1" maximum:"2000" default:"64" doc:"Points"`
}

func (s *Handler) previewAppearance(ctx context.Context, in *previewInput) (*huma.StreamResponse, error) {
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.Desk.Certificates(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	name, err := ownerFor(record, list, kernel.NormalSerial(in.Serial))
	if err != nil {
		return nil, err
	}
	page, err := s.PDF.Preview(kernel.Look{Width: in.Width, Height: in.Height, Name: name, Reason: record.Reason, Location: record.Location, At: s.Now()})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", kernel.PDFType)
		_, _ = w.Write(page) // the peer may be gone
	}}, nil
}

// ownerFor names the owner of the certificate that a signature would be made with.
func ownerFor(record signing.Signing, list []signing.Certificate, serial string) (string, error) {
	if serial == "" {
		serial = record.Certificate
	}
	if serial == "" && len(list) == 1 {
		serial = list[0].Fingerprint
	}
	if serial == "" {
		return "", problem.New(problem.Conflict, "no certificate is chosen")
	}
	fingerprint, err := pick(list, serial)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list, func(c signing.Certificate) bool { return c.Fingerprint == fingerprint })
	return list[i].Subject, nil
}
