// Package keytest gives the worlds of tests RSA keys. Drawing one takes a fifth of a second of a core, and a world has ten or more: in
// tests that make many worlds it was more than half of all work. Only tests import it. It imports the standard library.
package keytest

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
)

// drawn are the keys of this process, in the order in which every world gets them.
var drawn struct {
	mu   sync.Mutex
	keys []*rsa.PrivateKey
}

// Keys returns the source of one world. Each call gives another key, so no two parties or people of a world share one; the next
// world of the same process gets the same ones again. A world that starts again from its folder goes on with its source.
func Keys() func() (*rsa.PrivateKey, error) {
	var mu sync.Mutex
	next := 0
	return func() (*rsa.PrivateKey, error) {
		mu.Lock()
		n := next
		next++
		mu.Unlock()
		return key(n)
	}
}

func key(n int) (*rsa.PrivateKey, error) {
	drawn.mu.Lock()
	defer drawn.mu.Unlock()
	for len(drawn.keys) <= n {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		drawn.keys = append(drawn.keys, key)
	}
	return drawn.keys[n], nil
}
