package config_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"kyso/internal/app"
)

// TestTemporalIsReachedWithoutOutsideDNS dials where DNS knows the server's name and answers no other question, as in a
// container whose network leads nowhere.
func TestTemporalIsReachedWithoutOutsideDNS(t *testing.T) {
	server, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	engine := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(engine, workflowservice.UnimplementedWorkflowServiceServer{})
	go func() { _ = engine.Serve(server) }()
	t.Cleanup(engine.Stop)

	address := fmt.Sprintf("dns://%s/temporal.example:%d", addressOnlyDNS(t), server.Addr().(*net.TCPAddr).Port)
	cfg, err := app.FromEnvironment([]string{"TEMPORAL_ADDRESS=" + address})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, cfg.Temporal)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// addressOnlyDNS serves 127.0.0.1 for every name, no IPv6, and silence for other questions. It returns its address.
func addressOnlyDNS(t *testing.T) string {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := addressAnswer(buffer[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// addressAnswer answers a question (RFC 1035 §4.1) for A or AAAA.
func addressAnswer(query []byte) []byte {
	const header, typeA, typeAAAA = 12, 1, 28
	end := header
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root, type and class
	kind := binary.BigEndian.Uint16(query[end-4:])
	if kind != typeA && kind != typeAAAA {
		return nil
	}
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[header:end]...)
	if kind == typeA {
		answer[7] = 1 // one answer, for the name at offset 12
		answer = append(answer, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
	}
	return answer
}
