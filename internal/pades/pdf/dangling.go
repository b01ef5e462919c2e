package pdf

// dangling notes references to numbers that no revision of the file has used or announced.
type dangling struct {
	first   int          // the first such number; 0 while that is not known
	numbers map[int]bool // only those that an update could take
}

// danglingRange is how many numbers behind the announced ones are watched; an update takes a few thousand at most.
const danglingRange = 1 << 16

// note takes in a reference of an object that is being read.
func (p *parser) note(num int) {
	if d := p.dangling; d != nil && d.first > 0 {
		d.note(num)
	}
}

func (d *dangling) note(num int) {
	if num < d.first || num-d.first >= danglingRange {
		return
	}
	if d.numbers == nil {
		d.numbers = map[int]bool{}
	}
	d.numbers[num] = true
}

// noteTrailer begins to watch, with the references of the trailer, which was read before.
func (f *File) noteTrailer() {
	f.dangling.first = f.NextNumber()
	f.dangling.noteAll(f.trailer, f.lim.Depth)
}

func (d *dangling) noteAll(o Object, depth int) {
	if depth < 0 {
		return
	}
	switch o := o.(type) {
	case Ref:
		d.note(o.Num)
	case Array:
		for _, item := range o {
			d.noteAll(item, depth-1)
		}
	case *Dict:
		for _, key := range o.Keys() {
			d.noteAll(o.Get(key), depth-1)
		}
	}
}
