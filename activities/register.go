package activities

import "go.temporal.io/sdk/worker"

// Register adds the activities of all processes to a worker, a test environment or a replayer. Activity names
// are the method names, without a prefix: they are unique in the module.
func Register(r worker.ActivityRegistry, s *Signing, g *Registration, w *Webhook, d *Decisions) {
	r.RegisterActivity(s)
	r.RegisterActivity(g)
	r.RegisterActivity(w)
	r.RegisterActivity(d)
}
