package signing

import (
	"context"
	"sync"

	"kyso/internal/problem"
)

// Budget is what may be asked of others, in total, because of one file: the certificates in a file name the addresses,
// and whoever wrote the file wrote the certificates.
type Budget struct {
	mu       sync.Mutex
	requests int
	bytes    int64
}

// NewBudget allows so many requests and so many bytes of answers.
func NewBudget(requests int, bytes int64) *Budget { return &Budget{requests: requests, bytes: bytes} }

type budgetKey struct{}

// WithBudget returns a context whose requests spend b.
func WithBudget(ctx context.Context, b *Budget) context.Context {
	return context.WithValue(ctx, budgetKey{}, b)
}

// BudgetOf is the budget that requests with ctx spend; nil when nothing bounds them.
func BudgetOf(ctx context.Context) *Budget {
	b, _ := ctx.Value(budgetKey{}).(*Budget)
	return b
}

// Request spends one request and returns how many bytes its answer may have. Without a budget that is most. Errors:
// problem.RevocationUnknown when the budget is spent.
func (b *Budget) Request(most int64) (int64, error) {
	if b == nil {
		return most, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.requests <= 0 || b.bytes <= 0 {
		return 0, problem.New(problem.RevocationUnknown, "the requests that one file may cause are used up")
	}
	b.requests--
	return min(most, b.bytes), nil
}

// Read spends the bytes of an answer.
func (b *Budget) Read(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= n
}
