package limit

import "time"

// Budget is what all callers together may cost, whoever they are: an attacker with many phones and networks stays below every
// limit of one phone and one network. Half of it is kept for people under way, so that strangers who use up theirs do not
// stop who has an account, an open registration or a signing approved before. The zero Budget bounds nothing.
type Budget struct {
	Name            string // Texts or Pushes
	PerHour, PerDay int
}

// The names of the budgets: what costs money or attention.
const (
	Texts  = "texts"
	Pushes = "pushes"
)

// BudgetLimits names every limit that a budget makes, so that an alert sees the first refusal of each.
func BudgetLimits() []string {
	var names []string
	for _, of := range []struct{ budget, reserve string }{{Texts, "owner"}, {Texts, "strangers"}, {Pushes, "known"}, {Pushes, "strange"}} {
		for _, l := range (Budget{Name: of.budget, PerHour: 2, PerDay: 2}).Of(of.reserve) {
			names = append(names, l.Name)
		}
	}
	return names
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
