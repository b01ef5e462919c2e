package signing

import (
	"regexp"
	"strings"
	"time"

	"kyso/internal/limit"
)

// Asker is a browser that makes a phone ring: a guest's, or that of a person who logged in. A program with a key answers
// for itself and is no Asker.
type Asker struct {
	Owner   string // of what the browser makes; see internal/access
	Network string // that it comes from
	Budget  limit.Budget
}

// Reserve is what the requests for one signer count for. People approve what rings often enough (MFA fatigue), so
// requests are few; and strangers must not use up what the signer needs, so they have a reserve of their own.
type Reserve string

// The reserves.
const (
	// Known is a browser with a signing that this very signer approved.
	Known Reserve = "known"
	// Strange is every other one.
	Strange Reserve = "strange"
)

// PendingFor is how long a request that has not ended counts as pending. An older one waits for a choice or a box: when
// that comes, it counts as a new request.
const PendingFor = time.Hour

// MaxPending is how many requests of a reserve may be pending for one signer: five for the signer's own browser. One
// network has five among strangers, too, and three are left for others.
func (r Reserve) MaxPending() int {
	if r == Known {
		return 5
	}
	return 8
}

// StrangersOfNetwork is how many requests one network makes in an hour from browsers that are not the signers' own, for all
// signers together: one network neither uses up the budget of all strangers nor tries out the numbers of a province.
const StrangersOfNetwork = 120

// DeniedFor is how long declined requests count.
const DeniedFor = 24 * time.Hour

// Cooling is how long a phone is left alone after its owner declined so many requests of a reserve within DeniedFor: a person
// who says no twice is not asked until the answer is yes.
func Cooling(declined int) time.Duration {
	if declined < 2 {
		return 0
	}
	wait := 5 * time.Minute
	for range declined - 2 {
		if wait *= 6; wait >= DeniedFor {
			return DeniedFor
		}
	}
	return wait
}

// Rings bound how often one phone rings for a reserve, and how often all do. signer is what Signer returns.
func (r Reserve) Rings(signer string, by Asker) []limit.Limit {
	network := by.Network
	limits := append(by.Budget.Of(string(r)), limit.Limit{Name: "rings-" + string(r), Key: signer, Most: 10, Per: time.Hour, Slides: true})
	if r == Strange {
		limits = append(limits, limit.Limit{Name: "rings-of-network", Key: signer + "\n" + network, Most: 5, Per: time.Hour, Slides: true},
			limit.Limit{Name: "signers-of-network", Key: network, Most: StrangersOfNetwork, Per: time.Hour, Slides: true})
	}
	return limits
}

// prefixed is what a provider puts before the number of a person in its user ids: letters and a sign ("XY.079095012345").
var prefixed = regexp.MustCompile(`^[A-Z]{2,8}[._:]`)

// Signer is the number of a person in a user id, whatever provider's prefix and separators it is spelled with.
func Signer(userID string) string {
	number := prefixed.ReplaceAllString(strings.ToUpper(strings.TrimSpace(userID)), "")
	return strings.NewReplacer(" ", "", ".", "", "-", "", "_", "").Replace(number)
}
