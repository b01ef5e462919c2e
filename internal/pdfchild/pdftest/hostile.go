package pdftest

// Hostile is the program with these operations more: what a hostile file could make a reader do, what one could leave behind for the
// next, and what tests want to know of the inside of a child.
const Hostile = "kyso/internal/pdfchild/pdftest/hostile"

// The operations of Hostile.
const (
	Memory         = "test-memory"
	Loop           = "test-loop"
	Stack          = "test-stack"
	PanicAside     = "test-panic-aside"
	Panic          = "test-panic"
	Sleep          = "test-sleep"
	Exit           = "test-exit"
	HugeFrame      = "test-huge-frame"
	HugeResult     = "test-huge-result"
	BadFrame       = "test-bad-frame"
	BadRead        = "test-bad-read"
	Try            = "test-try"
	Print          = "test-print"
	ReadAt         = "test-read-at"
	Look           = "test-look"
	Burn           = "test-burn"
	LeaveGoroutine = "test-leave-goroutine"
	LeaveBomb      = "test-leave-bomb"
	LeaveMemory    = "test-leave-memory"
)

// ReadResult is that of ReadAt.
type ReadResult struct {
	Data []byte
	Err  string
}

// Inside is what a child sees of the world.
type Inside struct {
	Environment []string
	Arguments   []string
	PID         int
	WriteError  string
}
