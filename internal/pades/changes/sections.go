package changes

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"

	"kyso/internal/finding"
	"kyso/internal/pades/pdf"
)

// theEnd is how a revision ends (7.5.5).
var theEnd = regexp.MustCompile(`startxref\s+(\d{1,19})\s+%%EOF\s*$`)

// checkEnd demands that the file ends with the revision that was read: nothing may hide behind the last %%EOF, nor behind an
// end that only some readers take for one.
func (c *comparison) checkEnd(src io.ReaderAt) error {
	size := c.new.Size()
	tail := make([]byte, min(96, size))
	if _, err := src.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	found := theEnd.FindSubmatch(tail)
	if found == nil {
		return refuse(dataAfterEnd)
	}
	at, err := strconv.ParseInt(string(found[1]), 10, 64)
	if sections := c.new.Sections(); err != nil || len(sections) == 0 || at != sections[0].Offset-c.new.Base() {
		return refuse(otherEnd)
	}
	return nil
}

// readSections finds the cross-reference sections behind the signed revision and what they touch. The chain must run through
// the very section with which the signed revision ended.
func (c *comparison) readSections(end int64) error {
	signed := c.old.Sections()[0].Offset
	for i, section := range c.new.Sections() {
		switch {
		case section.Offset == signed:
			if i == 0 {
				return refuse(looseData)
			}
			if !slices.EqualFunc(c.old.Sections(), c.new.Sections()[i:], (*pdf.Section).Same) {
				return refuse(signedLeftOut)
			}
			return c.readLater(c.new.Sections()[:i])
		case section.Offset < end:
			return refuse(signedLeftOut)
		}
	}
	return refuse(signedLeftOut)
}

// readLater notes what later sections touch. In none of them may a key or a number stand twice, because some readers take the
// first and some the last.
func (c *comparison) readLater(later []*pdf.Section) error {
	for _, section := range later {
		if section.Trailer.HasDuplicates() {
			return refuse(trailerKeyTwice)
		}
		if twice, err := c.new.Ambiguous(section); err != nil {
			return err
		} else if twice {
			return refuse(entryTwice)
		}
		var failed error
		err := c.new.Entries(section, func(num int, _ pdf.Entry) bool {
			failed = c.touch(num)
			return failed == nil
		})
		if err = errors.Join(failed, err); err != nil {
			return err
		}
	}
	return nil
}

// touch notes a number whose entry is another one now.
func (c *comparison) touch(num int) error {
	if num == 0 || c.touched[num] {
		return nil // 0 is the head of the free list
	}
	was, err := c.old.Entry(num)
	if err != nil {
		return err
	}
	is, err := c.new.Entry(num)
	if err != nil || was == is || was.Kind == pdf.Free && is.Kind == pdf.Free {
		return err
	}
	c.touched[num] = true
	if was.Kind != pdf.Free && is.Kind != pdf.Free && generation(was) != generation(is) {
		return refuse(referenceMoved) // some readers follow a reference only to its own generation
	}
	if is.Kind != pdf.Free {
		if err := c.checkReadable(num, was.Kind == pdf.Free); err != nil {
			return err
		}
	}
	if was.Kind == pdf.Free || is.Kind == pdf.Free {
		return nil
	}
	return c.replace(num)
}

// generation returns that of the object which an entry leads to (7.5.8.3).
func generation(e pdf.Entry) int {
	if e.Kind == pdf.Compressed {
		return 0
	}
	return e.Gen
}

// checkReadable takes in an object that came. When it cannot be read, some readers look for objects by themselves then, and find what
// no section leads to.
func (c *comparison) checkReadable(num int, fresh bool) error {
	object, damaged, err := peek(c.new, num)
	if err != nil {
		return err
	}
	if damaged {
		return c.unknown(newUnreadable)
	}
	// A new signature with a wrong digit fails by itself.
	if d, ok := object.(*pdf.Dict); c.new.WrongDigits(num) && (!ok || d.Get("ByteRange") == nil || !fresh) {
		return c.unknown(wrongDigits)
	}
	return nil
}

// unknown notes why it cannot be told what readers show.
func (c *comparison) unknown(why *finding.Kind) error {
	c.result.Why = why.Say()
	return c.raise(Unknown)
}

// replace notes an object that has another value now. Nothing may take the place of an object stream, which would change all
// objects in it, or of a cross-reference stream, which is the trailer of a revision; writers write that under its number again.
func (c *comparison) replace(num int) error {
	before, _, err := peek(c.old, num)
	if err != nil {
		return err
	}
	after, _, err := peek(c.new, num)
	if err != nil {
		return err
	}
	if c.old.WrongDigits(num) {
		if err := c.unknown(wrongDigits); err != nil {
			return err
		}
	}
	switch typeOf(before) {
	case "ObjStm":
		return refuse(objectStreamReplaced)
	case "XRef":
		if typeOf(after) != "XRef" {
			return refuse(xrefReplaced)
		}
		return nil
	}
	if !pdf.Equal(before, after) {
		c.replaced[num] = true
	}
	return nil
}

// typeOf returns /Type of a stream; nil for everything else.
func typeOf(o pdf.Object) pdf.Name {
	stream, ok := o.(*pdf.Stream)
	if !ok {
		return ""
	}
	name, _ := stream.Dict.Get("Type").(pdf.Name)
	return name
}
