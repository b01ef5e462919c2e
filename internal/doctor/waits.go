package doctor

import (
	"context"
	"fmt"
	"time"

	"kyso/internal/store"
)

// lateLook is how long the oldest look may be overdue at one party, besides the pause between two.
const lateLook = 2 * time.Minute

// waits says whether workers look at what processes wait for.
func (d *doctor) waits(ctx context.Context, s *store.Store) {
	list, err := s.Waits().Waited(ctx, time.Now())
	if err != nil {
		d.say("waits", Fault, err.Error(), "is the schema up to date?")
		return
	}
	count := 0
	for _, at := range list {
		count += at.Count
		if at.Overdue > lateLook+at.Pause {
			d.say("waits", Warning, fmt.Sprintf("a look at %s is overdue by %s; %d wait at that pace", at.Party, at.Overdue.Round(time.Second), at.Count),
				"does a worker run that has this party in its configuration, and does the party answer? With thousands of waits, raise KYSO_POLLS_PER_SECOND if the party allows it")
			return
		}
	}
	d.say("waits", Healthy, fmt.Sprintf("%d processes wait for outside parties, no look is overdue", count), "")
}
