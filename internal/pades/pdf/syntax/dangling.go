package syntax

// Dangling notes references to numbers that no revision of the file has used or announced.
type Dangling struct {
	First   int          // the first such number; 0 while that is not known
	Numbers map[int]bool // only those that an update could take
}

// danglingRange is how many numbers behind the announced ones are watched; an update takes a few thousand at most.
const danglingRange = 1 << 16

// note takes in a reference of an object that is being read.
func (p *Parser) note(num int) {
	if d := p.Dangling; d != nil && d.First > 0 {
		d.note(num)
	}
}

func (d *Dangling) note(num int) {
	if num < d.First || num-d.First >= danglingRange {
		return
	}
	if d.Numbers == nil {
		d.Numbers = map[int]bool{}
	}
	d.Numbers[num] = true
}

// NoteAll takes in the references of an object, down to a depth.
func (d *Dangling) NoteAll(o Object, depth int) {
	if depth < 0 {
		return
	}
	switch o := o.(type) {
	case Ref:
		d.note(o.Num)
	case Array:
		for _, item := range o {
			d.NoteAll(item, depth-1)
		}
	case *Dict:
		for _, key := range o.Keys() {
			d.NoteAll(o.Get(key), depth-1)
		}
	}
}
