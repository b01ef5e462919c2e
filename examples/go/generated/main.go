// Command generated signs a PDF over kyso's API with a client that oapi-codegen generated from docs/openapi.json:
//
//	go run ./examples/go/generated contract.pdf ICA.079095012345 >signed.pdf
//
// KYSO_URL and KYSO_API_KEY say where and as whom; "make dev" writes both into .kyso/addresses.json (api, api_key).
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config generate.yaml -o client.gen.go ../../../docs/openapi.json

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: generated FILE USER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	signed, err := sign(ctx, os.Args[1], os.Args[2])
	stop()
	if err == nil {
		_, err = os.Stdout.Write(signed)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func sign(ctx context.Context, path, user string) ([]byte, error) {
	client, err := NewClientWithResponses(os.Getenv("KYSO_URL"), WithRequestEditorFn(authenticate))
	if err != nil {
		return nil, fmt.Errorf("making the client: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	stored, err := client.CreateDocumentWithBodyWithResponse(ctx, &CreateDocumentParams{Name: filepath.Base(path), IdempotencyKey: rand.Text()}, "application/pdf", file)
	if err != nil || stored.JSON201 == nil {
		return nil, refused("storing the file", err, stored)
	}
	order := SigningRequest{User: user, Level: "B-LT", Documents: []DocumentRequest{{Id: stored.JSON201.Id}}}
	begun, err := client.CreateSigningWithResponse(ctx, &CreateSigningParams{IdempotencyKey: rand.Text()}, order)
	if err != nil || begun.JSON202 == nil {
		return nil, refused("asking for the signing", err, begun)
	}
	if err := wait(ctx, client, begun.JSON202.Id); err != nil {
		return nil, err
	}
	signed, err := client.GetSignedContentWithResponse(ctx, begun.JSON202.Id, 0)
	if err != nil || signed.StatusCode() != http.StatusOK {
		return nil, refused("fetching the signed file", err, signed)
	}
	return signed.Body, nil
}

// wait follows a signing until it has ended, and says each status once.
func wait(ctx context.Context, client *ClientWithResponses, id string) error {
	for said := ""; ; {
		now, err := client.GetSigningWithResponse(ctx, id)
		if err != nil || now.JSON200 == nil {
			return refused("reading the signing", err, now)
		}
		if now.JSON200.Title != said {
			said = now.JSON200.Title
			fmt.Fprintln(os.Stderr, said)
		}
		switch {
		case now.JSON200.Status == "signed":
			return nil
		case now.JSON200.Final:
			return fmt.Errorf("the signing ended as %s", now.JSON200.Status)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func authenticate(_ context.Context, request *http.Request) error {
	request.Header.Set("Authorization", "Bearer "+os.Getenv("KYSO_API_KEY"))
	return nil
}

// refused says why an answer is not the one that was asked for.
func refused(doing string, err error, answer interface {
	Status() string
	GetBody() []byte
}) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %s %s", doing, answer.Status(), answer.GetBody())
}
