package activities

import "time"

// Parked is what a process learns when its incident is recorded. It stands in the history, so the pauses of a process change
// with the configuration and its past does not.
type Parked struct {
	// Pauses are how long the process waits before it tries again by itself what an outside party caused: the first pause before
	// the first retry, the last before all later ones.
	Pauses []time.Duration `json:"pauses,omitempty"`
}

// DefaultRetries are the pauses where none are configured.
func DefaultRetries() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
}

func parked(pauses []time.Duration) Parked {
	if len(pauses) == 0 {
		pauses = DefaultRetries()
	}
	return Parked{pauses}
}
