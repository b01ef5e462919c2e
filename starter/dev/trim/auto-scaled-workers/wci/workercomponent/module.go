// Package workercomponent stands for the workers that run the controllers of auto-scaled workers. It brings none.
package workercomponent

import "go.uber.org/fx"

// Module provides nothing.
var Module = fx.Options()
