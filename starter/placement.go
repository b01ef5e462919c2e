package main

import (
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
)

// boxFlags say where and how the signature stands in a document.
type boxFlags struct {
	page      int
	pages     string
	box       string
	invisible bool
	field     string
	certify   int
	lock      bool
}

func (b *boxFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&b.page, "page", 0, "page of the visible signature; 0 is the last")
	flags.StringVar(&b.pages, "pages", "", "show the signature on several pages: all, or numbers such as 1,2,0 (0 is the last)")
	flags.StringVar(&b.box, "box", "", "x,y,width,height in points from the lower left corner of the page as shown (default: lower right)")
	flags.BoolVar(&b.invisible, "invisible", false, "no visible signature")
	flags.StringVar(&b.field, "field", "", "sign into this empty signature field of the file")
	flags.IntVar(&b.certify, "certify", 0, "certify as the first signature: 1 allows no changes, 2 forms and signatures, 3 annotations, too")
	flags.BoolVar(&b.lock, "lock", false, "lock all form fields: nobody can sign afterwards")
}

func (b *boxFlags) placement() (apiclient.Placement, error) {
	p := apiclient.Placement{Page: b.page, Invisible: b.invisible, Field: b.field, Certify: b.certify, LockAll: b.lock}
	if b.page < 0 {
		return p, usage("--page %d: 1 is the first page, 0 the last", b.page)
	}
	if b.certify < 0 || b.certify > 3 {
		return p, usage("--certify %d: 1, 2 or 3", b.certify)
	}
	switch {
	case b.field != "" && (b.page != 0 || b.pages != "" || b.box != "" || b.invisible):
		return p, usage("--field has its own place: leave --page, --pages, --box and --invisible out")
	case b.box != "" && b.invisible:
		return p, usage("--box and --invisible exclude each other")
	}
	if err := b.readPages(&p); err != nil || b.box == "" {
		return p, err
	}
	parts := strings.Split(b.box, ",")
	if len(parts) != 4 {
		return p, usage("--box %s: x,y,width,height", b.box)
	}
	for i, target := range []*float64{&p.X, &p.Y, &p.Width, &p.Height} {
		n, err := strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
			return p, usage("--box %s: four numbers, 0 or more", b.box)
		}
		*target = n
	}
	return p, nil
}

func (b *boxFlags) readPages(p *apiclient.Placement) error {
	switch b.pages {
	case "":
		return nil
	case "all":
		p.AllPages = true
		return nil
	}
	for part := range strings.SplitSeq(b.pages, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 0 {
			return usage("--pages %s: all, or numbers of pages such as 1,2,0", b.pages)
		}
		p.Pages = append(p.Pages, n)
	}
	return nil
}
