package wire

import (
	"reflect"
	"testing"
)

func TestCalls(t *testing.T) {
	call := Call{Op: Inspect, Size: 1 << 40, MemoryMB: 512, CPUSeconds: 10, Args: []byte(`{"a":"<\u2028>"}`)}
	encoded, err := call.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeCall(encoded); err != nil || !reflect.DeepEqual(got, call) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, broken := range [][]byte{nil, {0, 0, 0}, {0, 0, 0, 1}, {255, 255, 255, 255, '{', '}'}, {0, 0, 0, 2, '{', '?'}} {
		if _, err := DecodeCall(broken); err == nil {
			t.Errorf("% x is a call", broken)
		}
	}
}
