package changes

import "kyso/internal/pades/pdf"

// known are the keys that a reason may name; others are the words of whoever made the file.
var known = map[pdf.Name]bool{
	"Root": true, "Encrypt": true, "Info": true, "Pages": true, "Names": true, "Dests": true, "Outlines": true, "OpenAction": true, "AA": true,
	"OCProperties": true, "StructTreeRoot": true, "Perms": true, "AcroForm": true, "DSS": true, "Contents": true, "Resources": true,
	"MediaBox": true, "CropBox": true, "Rotate": true, "UserUnit": true, "Annots": true, "Kids": true, "Count": true, "Font": true, "XObject": true,
	"Properties": true, "ExtGState": true, "Fields": true, "XFA": true, "DR": true, "DA": true, "NeedAppearances": true, "CO": true, "V": true, "AP": true, "N": true,
	"Rect": true, "Parent": true, "T": true, "FT": true, "Ff": true, "F": true, "Lock": true, "A": true, "Version": true, "Extensions": true, "Metadata": true,
	"PageLabels": true, "ViewerPreferences": true, "Lang": true, "MarkInfo": true, "AF": true, "Collection": true, "OutputIntents": true, "Legal": true,
	"Requirements": true, "NeedsRendering": true, "Tabs": true, "MK": true, "BS": true, "Opt": true, "DV": true, "Q": true, "P": true, "ParentTree": true, "Obj": true, "K": true,
}

// describing are keys of the catalog and of pages that draw nothing and start nothing: they say when, by what and in which
// language something was made.
var describing = map[pdf.Name]bool{"Metadata": true, "PieceInfo": true, "LastModified": true, "MarkInfo": true, "Lang": true}

// compareTrailer compares what the trailers say: same catalog, same encryption. The rest tells where things lie.
func (c *comparison) compareTrailer() error {
	before, after := c.old.Trailer(), c.new.Trailer()
	if c.old.RootRef() != c.new.RootRef() {
		return refuse(catalogExchanged)
	}
	if err := c.strict.same("Encrypt", before.Get("Encrypt"), after.Get("Encrypt"), false); err != nil {
		return err
	}
	return c.compareInfo(before.Get("Info"), after.Get("Info"))
}

// compareInfo allows another information dictionary of plain values (14.3.3): writers note when and by what a file was changed.
func (c *comparison) compareInfo(before, after pdf.Object) error {
	if a, ok := before.(pdf.Ref); ok && after == before && !c.touched[a.Num] || after == nil {
		return nil
	}
	value, _, err := follow(c.new, after)
	if err != nil || value == nil {
		return err
	}
	info, ok := value.(*pdf.Dict)
	if !ok || info.HasDuplicates() {
		return refuse(infoReplaced)
	}
	for _, key := range info.Keys() {
		item, _, err := follow(c.new, info.Get(key))
		if err != nil {
			return err
		}
		switch item.(type) {
		case nil, pdf.String, pdf.Name, int64, bool:
		default:
			return refuse(infoForeign)
		}
	}
	return nil
}

// compareCatalog compares the catalogs. Form, pages and store have roles of their own.
func (c *comparison) compareCatalog() error {
	before, err := c.old.Catalog()
	if err != nil {
		return err
	}
	after, err := c.new.Catalog()
	if err != nil {
		return err
	}
	if before != after && after.HasDuplicates() {
		return refuse(catalogKeyTwice)
	}
	c.done(c.old.RootRef())
	for _, key := range keysOf(before, after) {
		if err := c.compareCatalogKey(key, before.Get(key), after.Get(key)); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) compareCatalogKey(key pdf.Name, before, after pdf.Object) error {
	switch {
	case key == "AcroForm" || key == "Pages":
		return nil // compared before
	case key == "DSS":
		return c.compareStore(before, after)
	case key == "StructTreeRoot":
		return c.compareStructure(before, after)
	case key == "Extensions":
		return c.compareExtensions(before, after)
	case key == "Version":
		return c.compareVersion(before, after)
	case key == "Metadata":
		return c.compareMetadata(after)
	case describing[key]:
		return nil
	}
	return c.strict.same(key, before, after, false)
}

// compareVersion allows a later version (7.7.2): it names features, and changes none that is there.
func (c *comparison) compareVersion(before, after pdf.Object) error {
	was, _, err := follow(c.old, before)
	if err != nil {
		return err
	}
	is, _, err := follow(c.new, after)
	if err != nil {
		return err
	}
	a, _ := was.(pdf.Name)
	if b, ok := is.(pdf.Name); !ok && is != nil || b < a {
		return refuse(versionLowered)
	}
	return nil
}

// compareMetadata allows another XMP packet (14.3.2): it is drawn nowhere.
func (c *comparison) compareMetadata(after pdf.Object) error {
	value, damaged, err := follow(c.new, after)
	if err != nil {
		return err
	}
	packet, ok := value.(*pdf.Stream)
	if damaged || value != nil && (!ok || packet.Dict.Get("Type") != pdf.Name("Metadata") || packet.Dict.Get("Subtype") != pdf.Name("XML")) {
		return refuse(metadataReplaced)
	}
	return nil
}

// compareExtensions allows developer extensions to come and to rise (7.12): names, numbers and addresses that draw nothing.
func (c *comparison) compareExtensions(before, after pdf.Object) error {
	was, err := dictOf(c.old, before)
	if err != nil {
		return err
	}
	value, damaged, err := follow(c.new, after)
	if err != nil {
		return err
	}
	is, ok := value.(*pdf.Dict)
	if damaged || !ok && value != nil {
		return refuse(extensionsReplaced)
	}
	for _, key := range was.Keys() {
		if is.Get(key) == nil && was.Get(key) != nil {
			return refuse(extensionRemoved)
		}
	}
	return c.plain(is, 4)
}

// plain demands that a value holds nothing but names, numbers and strings.
func (c *comparison) plain(o pdf.Object, depth int) error {
	value, damaged, err := follow(c.new, o)
	if err != nil {
		return err
	}
	if depth == 0 || damaged {
		return refuse(extensionsUnreadable)
	}
	switch v := value.(type) {
	case *pdf.Stream:
		return refuse(extensionsForeign)
	case pdf.Array:
		if len(v) == 0 {
			return refuse(extensionsForeign)
		}
		for _, item := range v {
			if _, ok := item.(*pdf.Dict); !ok {
				if _, ok := item.(pdf.Ref); !ok {
					return refuse(extensionsForeign)
				}
			}
			if err := c.plain(item, depth-1); err != nil {
				return err
			}
		}
	case *pdf.Dict:
		for _, key := range v.Keys() {
			if err := c.plain(v.Get(key), depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}
