package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

// perApproval is how many documents the API takes under one approval.
const perApproval = 50

// many is one command on more documents than one approval covers: they are signed in groups, each with an approval of its own.
type many struct {
	*commands
	client    *apiclient.Client
	flags     *signFlags
	placement apiclient.Placement
	targets   []string
	bar       *cli.Bar

	mu     sync.Mutex
	code   int  // the worst outcome so far
	halted bool // an owner declined: nothing more is asked
}

// approvalGroup is the documents of one approval.
type approvalGroup struct {
	number, of int
	first      int // index of its first document
	documents  []string
}

// signMany signs all documents and goes on after a group that fails. It stops asking once the owner declines. The same
// idempotency key takes up an interrupted command again.
func (c *commands) signMany(ctx context.Context, client *apiclient.Client, f *signFlags, placement apiclient.Placement, targets []string) error {
	m := &many{commands: c, client: client, flags: f, placement: placement, targets: targets}
	groups := slices.Collect(slices.Chunk(f.documents, perApproval))
	c.Say("%d tài liệu, %d lần xác nhận trên điện thoại. Tiếp tục khi bị ngắt: --idempotency-key %s",
		"%d documents under %d approvals on the phone. To go on after an interruption: --idempotency-key %s", len(f.documents), len(groups), f.key)
	m.bar = cli.NewBar(c.CLI, len(f.documents), c.Text("đã ký", "signed"))
	defer m.bar.Done()
	var work errgroup.Group
	work.SetLimit(f.atOnce)
	for i, documents := range groups {
		work.Go(func() error {
			m.settle(m.sign(ctx, approvalGroup{number: i + 1, of: len(groups), first: i * perApproval, documents: documents}))
			return nil
		})
	}
	_ = work.Wait() // what went wrong is in the code
	m.bar.Done()
	if m.code == cli.ExitOK {
		c.Say("Đã ký xong %d tài liệu", "Signed %d documents", len(f.documents))
		return nil
	}
	return cli.Ended(m.code)
}

// settle notes how a group ended.
func (m *many) settle(g approvalGroup, code int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.bar.Note(m.Text(fmt.Sprintf("Nhóm %d/%d: %v", g.number, g.of, err), fmt.Sprintf("Group %d/%d: %v", g.number, g.of, err)))
	}
	if code != cli.ExitOK && (m.code == cli.ExitOK || m.code == cli.ExitPending) {
		m.code = code
	}
	m.halted = m.halted || code == cli.ExitDeclined
}

func (m *many) stopped(ctx context.Context) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.halted || ctx.Err() != nil
}

// sign takes one group from its files to its signed files.
func (m *many) sign(ctx context.Context, g approvalGroup) (approvalGroup, int, error) {
	if m.stopped(ctx) {
		return g, cli.ExitPending, nil
	}
	request := m.flags.request
	request.Documents = nil
	for i, path := range g.documents {
		document, err := m.upload(ctx, m.client, fmt.Sprintf("%s/%d", m.flags.key, g.first+i), path)
		if err != nil {
			return g, cli.ExitFailed, err
		}
		request.Documents = append(request.Documents, apiclient.DocumentRequest{ID: document.ID, Placement: &m.placement})
	}
	if m.stopped(ctx) {
		return g, cli.ExitPending, nil
	}
	signing, raw, err := m.client.Sign(ctx, fmt.Sprintf("%s/group-%d", m.flags.key, g.number), request)
	if err != nil {
		return g, cli.ExitFailed, err
	}
	if !m.flags.watch {
		m.bar.Add(len(g.documents))
		return g, cli.ExitOK, m.Print(raw, []string{signing.ID}, func(w io.Writer) { cli.Row(w, signing.ID) })
	}
	return m.follow(ctx, g, signing.ID)
}

// follow waits for the outcome of a group and fetches its files.
func (m *many) follow(ctx context.Context, g approvalGroup, id string) (approvalGroup, int, error) {
	asked := ""
	err := m.client.Follow(ctx, id, 0, func(e apiclient.Event) error {
		switch {
		case e.Countdown != nil && e.Countdown.ShortCode != asked:
			asked = e.Countdown.ShortCode
			m.bar.Note(fmt.Sprintf(m.Text("Xác nhận %d/%d trên điện thoại: mã %s", "Approval %d/%d on the phone: code %s"), g.number, g.of, asked))
		case e.Attention != nil && e.Attention.Open:
			m.bar.Note(m.parkedWords("signing", id, e.Attention.Attention))
		case e.Transition != nil && e.Transition.Status == "awaiting-certificate":
			return errWaiting
		}
		return nil
	})
	switch {
	case errors.Is(err, errWaiting):
		return g, cli.ExitPending, fmt.Errorf(m.Text("có nhiều chứng thư số: chọn bằng --serial, hoặc kyso signing choose %s",
			"there are several certificates: choose with --serial, or kyso signing choose %s"), id)
	case ctx.Err() != nil:
		return g, cli.ExitInterrupted, nil //nolint:nilerr // the person knows
	case err != nil:
		return g, cli.ExitFailed, err
	}
	signing, raw, err := m.client.Signing(ctx, id)
	if err != nil {
		return g, cli.ExitFailed, err
	}
	if code := outcomeCode(signing.Status); code != cli.ExitOK {
		return g, code, errors.New(m.Text(signing.Title, signing.TitleEN))
	}
	return g, cli.ExitOK, m.keep(ctx, g, signing, raw)
}

// keep fetches the signed files of a group and prints where they are.
func (m *many) keep(ctx context.Context, g approvalGroup, signing apiclient.Signing, raw apiclient.Raw) error {
	for i := range g.documents {
		if err := save(ctx, m.client, signing.Documents[i], m.targets[g.first+i], m.flags.force); err != nil {
			return err
		}
		m.bar.Add(1)
	}
	m.mu.Lock() // groups end side by side, and each prints as a whole
	defer m.mu.Unlock()
	return m.Print(raw, []string{signing.ID}, func(w io.Writer) {
		for i := range g.documents {
			cli.Row(w, m.targets[g.first+i])
		}
	})
}
