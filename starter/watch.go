package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

// errWaiting stops the event stream: a person has to answer before anything goes on.
var errWaiting = errors.New("waiting for an answer")

// watch follows a signing and says how it goes. It returns the exit code of the outcome; the error is for what went
// wrong on the way.
func (c *commands) watch(ctx context.Context, client *apiclient.Client, id string, timeout time.Duration) (int, error) {
	w := &watcher{commands: c, client: client, kind: "signing", id: id, events: client.Follow}
	w.waits, w.end = w.maybeWait, w.outcome
	return w.watch(ctx, timeout)
}

// watcher follows one process.
type watcher struct {
	*commands
	client   *apiclient.Client
	kind     string // of the process, as the commands for it are called
	id       string
	events   func(ctx context.Context, id string, after int, on func(apiclient.Event) error) error
	waits    func(context.Context) error        // errWaiting when the person at the keyboard has to answer; may be nil
	end      func(context.Context) (int, error) // says how it ended
	seen     int
	status   string
	progress *cli.Progress
}

func (w *watcher) watch(ctx context.Context, timeout time.Duration) (int, error) {
	limited := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	w.progress = cli.NewProgress(w.CLI)
	err := w.follow(limited)
	w.progress.Done()
	switch {
	case err == nil:
		return w.end(ctx)
	case errors.Is(err, errWaiting):
		return cli.ExitPending, nil
	case ctx.Err() != nil:
		w.sayHowToReturn()
		return cli.ExitInterrupted, nil
	case limited.Err() != nil:
		w.Say("Hết thời gian theo dõi; yêu cầu vẫn tiếp tục.", "Stopped watching; the "+w.kind+" goes on.")
		w.sayHowToReturn()
		return cli.ExitPending, nil
	case errors.Is(err, apiclient.ErrLost):
		w.sayHowToReturn()
	}
	return cli.ExitFailed, err
}

func (w *watcher) sayHowToReturn() {
	w.Say("Theo dõi tiếp: kyso %s watch %s", "Watch again with: kyso %s watch %s", w.kind, w.id)
}

// follow returns nil at the end, and errWaiting when a person has to answer and none sits here.
func (w *watcher) follow(ctx context.Context) error {
	for {
		err := w.events(ctx, w.id, w.seen, func(e apiclient.Event) error { return w.on(ctx, e) })
		if !errors.Is(err, errWaiting) || w.status != "awaiting-certificate" {
			return err
		}
		if err := w.chooseHere(ctx); err != nil {
			return err
		}
		w.progress = cli.NewProgress(w.CLI)
	}
}

func (w *watcher) on(ctx context.Context, e apiclient.Event) error {
	switch {
	case e.Transition != nil:
		w.seen, w.status = e.Transition.Seq, e.Transition.Status
		if w.Output == cli.AsLines {
			if err := w.PrintItems(e.Data); err != nil {
				return err
			}
		}
		if !e.Transition.Final { // the outcome says it, with the reason
			w.progress.Step(w.Text(e.Transition.Title, e.Transition.TitleEN))
		}
		if w.waits != nil {
			return w.waits(ctx)
		}
	case e.Countdown != nil:
		w.showCountdown(ctx, *e.Countdown)
	case e.Attention != nil && e.Attention.Open:
		w.progress.Note(w.parkedWords(w.kind, w.id, e.Attention.Attention))
	case e.Attention != nil:
		w.progress.Note(w.Text("Đã xử lý xong, tiếp tục.", "Repaired, going on."))
	}
	return nil
}

// maybeWait looks whether the wait is still on: the event may be an old one of a stream that was taken up again.
func (w *watcher) maybeWait(ctx context.Context) error {
	if w.status != "awaiting-certificate" && w.status != "awaiting-placement" {
		return nil
	}
	signing, _, err := w.client.Signing(ctx, w.id)
	if err != nil {
		return err
	}
	if signing.Status != w.status || signing.Certificate != "" && w.status == "awaiting-certificate" {
		return nil
	}
	if w.status == "awaiting-placement" {
		w.progress.Done()
		w.Say("Chưa chọn vị trí chữ ký. Chạy: kyso signing place %s --page 1 --box x,y,w,h",
			"The signature box is not placed yet. Run: kyso signing place %s --page 1 --box x,y,w,h", w.id)
	}
	return errWaiting
}

// showCountdown shows what to compare on the phone. The digest is that of the first document.
func (w *watcher) showCountdown(ctx context.Context, countdown apiclient.Countdown) {
	if !w.progress.Compares(countdown.ShortCode) {
		prefix := ""
		if signing, _, err := w.client.Signing(ctx, w.id); err == nil && len(signing.Documents) > 0 { // nice to have
			prefix = signing.Documents[0].DigestPrefix
		}
		w.progress.Compare(countdown.ShortCode, prefix)
	}
	w.progress.Count(time.Duration(countdown.RemainingSeconds) * time.Second)
}

// chooseHere lets the person at the keyboard choose a certificate; without one it says how to.
func (w *watcher) chooseHere(ctx context.Context) error {
	w.progress.Done()
	list, _, err := w.client.Certificates(ctx, w.id)
	if err != nil {
		return err
	}
	w.Say("Có %d chứng thư số:", "There are %d certificates:", len(list.Items))
	for i, cert := range list.Items {
		w.Say("  %d. %s · %s · %s · %s – %s (%s)", "  %d. %s · %s · %s · %s – %s (%s)", i+1, cert.Serial, cert.Owner, cert.Issuer,
			cli.Shown(cert.ValidFrom), cli.Shown(cert.ValidTo), w.stateWords(cert.State))
	}
	if !w.Asks {
		w.Say("Chọn một: kyso signing choose %s SERIAL", "Choose one: kyso signing choose %s SERIAL", w.id)
		return errWaiting
	}
	lines := bufio.NewScanner(w.In)
	for {
		_, _ = fmt.Fprint(w.Words, w.Text("Chọn số thứ tự: ", "Number: "))
		if !lines.Scan() {
			return errWaiting
		}
		n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil || n < 1 || n > len(list.Items) {
			continue
		}
		_, _, err = w.client.Choose(ctx, apiclient.NewKey(), w.id, list.Items[n-1].Fingerprint)
		return err
	}
}

func (c *commands) stateWords(state string) string {
	switch state {
	case "valid":
		return c.Text("trong thời hạn", "valid")
	case "expired":
		return c.Text("đã hết hạn", "expired")
	case "not-yet-valid":
		return c.Text("chưa có hiệu lực", "not yet valid")
	}
	return state
}

// outcome says how it ended.
func (w *watcher) outcome(ctx context.Context) (int, error) {
	signing, _, err := w.client.Signing(ctx, w.id)
	if err != nil {
		return cli.ExitFailed, err
	}
	w.sayOutcome(w.Text(signing.Title, signing.TitleEN), signing.Outcome)
	return outcomeCode(signing.Status), nil
}

// sayOutcome says how it ended and, unless all went well, why.
func (w *watcher) sayOutcome(words string, o *apiclient.Outcome) {
	if o != nil {
		if title := w.Text(o.Title, o.TitleEN); title != words {
			words += ": " + title
		}
		words += " (" + o.Code + ")"
	}
	w.Say("%s", "%s", words)
}

// outcomeCode is the exit code of a status.
func outcomeCode(status string) int {
	switch status {
	case "signed":
		return cli.ExitOK
	case "declined":
		return cli.ExitDeclined
	case "expired":
		return cli.ExitExpired
	case "cancelled", "refused":
		return cli.ExitFailed
	}
	return cli.ExitPending
}

// copyChecked copies and compares with the digest that the API told.
func copyChecked(to io.Writer, from io.Reader, want string) error {
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), from); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("the file came damaged: SHA-256 %s, expected %s", got, want)
	}
	return nil
}
