package limit

import "time"

// Budget is what all callers together may cost, whoever they are: an attacker with many phones and networks stays below every
// limit of one phone and one network. Half of it is kept for people under way, so that strangers who use up theirs do not
// stop who has an account, an open registration or a signing approved before. The zero Budget bounds nothing.
type Budget struct {
	Name            string // texts or pushes
	PerHour, PerDay int
}

// Of returns the limits of the half that a reserve has.
func (b Budget) Of(reserve string) []Limit {
	var limits []Limit
	for _, l := range []Limit{{Name: "budget-" + b.Name + "-hour-" + reserve, Most: b.PerHour, Per: time.Hour}, {Name: "budget-" + b.Name + "-day-" + reserve, Most: b.PerDay, Per: 24 * time.Hour}} {
		if l.Most > 0 {
			l.Key, l.Most, l.Slides = "all", max(1, l.Most/2), true
			limits = append(limits, l)
		}
	}
	return limits
}
