package main

import (
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
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

	emptyFields   []string
	allowNewField bool
	allowCover    bool
}

func (b *boxFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&b.page, "page", 0, "page of the visible signature; 0 is the last")
	flags.StringVar(&b.pages, "pages", "", "show the signature on several pages: all, or numbers such as 1,2,0 (0 is the last)")
	flags.StringVar(&b.box, "box", "", "x,y,width,height in points from the lower left corner of the page as shown (default: lower right)")
	flags.BoolVar(&b.invisible, "invisible", false, "no visible signature")
	flags.StringVar(&b.field, "field", "", "sign into this empty signature field of the file")
	flags.IntVar(&b.certify, "certify", 0, "certify as the first signature: 1 allows no changes, 2 forms and signatures, 3 annotations, too")
	flags.BoolVar(&b.lock, "lock", false, "lock all form fields: no later signature is possible")
	flags.StringArrayVar(&b.emptyFields, "empty-field", nil, "with --certify 2 or 3: an empty field for a signer to come, page,x,y,width,height in points (page 0 is the last); repeatable")
	flags.BoolVar(&b.allowNewField, "allow-new-field", false, "add a signature field to a file that is certified and has no empty one; some programs call the file changed then")
	flags.BoolVar(&b.allowCover, "allow-cover", false, "let the box lie over what earlier signers signed")
}

func (b *boxFlags) placement() (apiclient.Placement, error) {
	p := apiclient.Placement{Page: b.page, Invisible: b.invisible, Field: b.field, Certify: b.certify, LockAll: b.lock,
		AllowNewField: b.allowNewField, AllowCover: b.allowCover}
	if b.page < 0 {
		return p, cli.Usage("--page %d: 1 is the first page, 0 the last", b.page)
	}
	if b.certify < 0 || b.certify > 3 {
		return p, cli.Usage("--certify %d: 1, 2 or 3", b.certify)
	}
	switch {
	case b.field != "" && (b.page != 0 || b.pages != "" || b.box != "" || b.invisible):
		return p, cli.Usage("--field has its own place: leave --page, --pages, --box and --invisible out")
	case b.box != "" && b.invisible:
		return p, cli.Usage("--box and --invisible exclude each other")
	}
	if err := b.readEmptyFields(&p); err != nil {
		return p, err
	}
	if err := b.readPages(&p); err != nil || b.box == "" {
		return p, err
	}
	parts := strings.Split(b.box, ",")
	if len(parts) != 4 {
		return p, cli.Usage("--box %s: x,y,width,height", b.box)
	}
	if !readDistances(parts, &p.X, &p.Y, &p.Width, &p.Height) {
		return p, cli.Usage("--box %s: four numbers, 0 or more", b.box)
	}
	return p, nil
}

// readDistances reads numbers in points; false when one is none.
func readDistances(parts []string, targets ...*float64) bool {
	for i, target := range targets {
		n, err := strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
			return false
		}
		*target = n
	}
	return true
}

func (b *boxFlags) readEmptyFields(p *apiclient.Placement) error {
	if len(b.emptyFields) > 0 && b.certify < 2 {
		return cli.Usage("--empty-field comes with --certify 2 or 3")
	}
	for _, text := range b.emptyFields {
		page, rest, _ := strings.Cut(text, ",")
		number, err := strconv.Atoi(strings.TrimSpace(page))
		parts := strings.Split(rest, ",")
		var area apiclient.Area
		if err != nil || number < 0 || len(parts) != 4 || !readDistances(parts, &area.X, &area.Y, &area.Width, &area.Height) {
			return cli.Usage("--empty-field %s: page,x,y,width,height, numbers of 0 or more", text)
		}
		area.Page = number
		p.EmptyFields = append(p.EmptyFields, area)
	}
	return nil
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
			return cli.Usage("--pages %s: all, or numbers of pages such as 1,2,0", b.pages)
		}
		p.Pages = append(p.Pages, n)
	}
	return nil
}
