package telemetry

import "sync"

// heapFloor counts as living and is never written, so that it has no pages.
var heapFloor = sync.OnceValue(func() []byte { return make([]byte, 32<<20) })

// RaiseHeap keeps the collector of a server or a worker from running every few milliseconds. Go collects when the heap has doubled; as
// much as the 15 MB that live in an idle program, requests and activities use up several times in a second. It costs that 32 MB more of
// what is dead may lie about.
func RaiseHeap() { heapFloor() }
