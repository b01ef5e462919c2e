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

// transfers is how many files one command uploads or fetches side by side: half of what the API gives to one caller.
const transfers = 4

// many is one command on more documents than one approval covers: they are signed in groups, each with an approval of its own. Files of
// the next group are uploaded while groups wait for a phone, and signed files are fetched while others are signed.
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
	uploaded   []apiclient.DocumentRequest
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
	ready := make(chan approvalGroup) // so one group at most is uploaded ahead of those that wait for a phone
	go m.uploadAll(ctx, groups, ready)
	var phones sync.WaitGroup
	var fetches errgroup.Group
	fetches.SetLimit(f.atOnce)
	for range f.atOnce {
		phones.Go(func() {
			for g := range ready {
				signing, raw, code, err := m.sign(ctx, g)
				if signing == nil {
					m.settle(g, code, err)
					continue
				}
				fetches.Go(func() error {
					code, err := m.keep(ctx, g, *signing, raw)
					m.settle(g, code, err)
					return nil
				})
			}
		})
	}
	phones.Wait()
	_ = fetches.Wait() // what went wrong is in the code
	m.bar.Done()
	if m.code == cli.ExitOK {
		c.Say("Đã ký xong %d tài liệu", "Signed %d documents", len(f.documents))
		return nil
	}
	return cli.Ended(m.code)
}

// uploadAll uploads the groups in order.
func (m *many) uploadAll(ctx context.Context, groups [][]string, ready chan<- approvalGroup) {
	defer close(ready)
	for i, documents := range groups {
		g := approvalGroup{number: i + 1, of: len(groups), first: i * perApproval, documents: documents}
		if m.stopped(ctx) {
			m.settle(g, cli.ExitPending, nil)
		} else if err := m.uploadGroup(ctx, &g); err != nil {
			m.settle(g, cli.ExitFailed, err)
		} else {
			ready <- g
		}
	}
}

func (m *many) uploadGroup(ctx context.Context, g *approvalGroup) error {
	g.uploaded = make([]apiclient.DocumentRequest, len(g.documents))
	var files errgroup.Group
	files.SetLimit(transfers)
	for i, path := range g.documents {
		files.Go(func() error {
			document, err := m.upload(ctx, m.client, fmt.Sprintf("%s/%d", m.flags.key, g.first+i), path)
			g.uploaded[i] = apiclient.DocumentRequest{ID: document.ID, Placement: &m.placement}
			return err
		})
	}
	return files.Wait()
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

// sign has one group signed and returns the signing with its signed files, or nil and how the group ended.
func (m *many) sign(ctx context.Context, g approvalGroup) (*apiclient.Signing, apiclient.Raw, int, error) {
	if m.stopped(ctx) {
		return nil, nil, cli.ExitPending, nil
	}
	request := m.flags.request
	request.Documents = g.uploaded
	signing, raw, err := m.client.Sign(ctx, fmt.Sprintf("%s/group-%d", m.flags.key, g.number), request)
	if err != nil {
		return nil, nil, cli.ExitFailed, err
	}
	if !m.flags.watch {
		m.bar.Add(len(g.documents))
		m.mu.Lock()
		defer m.mu.Unlock()
		return nil, nil, cli.ExitOK, m.Print(raw, []string{signing.ID}, func(w io.Writer) { cli.Row(w, signing.ID) })
	}
	return m.follow(ctx, g, signing.ID)
}

// follow waits for the outcome of a group.
func (m *many) follow(ctx context.Context, g approvalGroup, id string) (*apiclient.Signing, apiclient.Raw, int, error) {
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
		return nil, nil, cli.ExitPending, fmt.Errorf(m.Text("có nhiều chứng thư số: chọn bằng --serial, hoặc kyso signing choose %s",
			"there are several certificates: choose with --serial, or kyso signing choose %s"), id)
	case ctx.Err() != nil:
		return nil, nil, cli.ExitInterrupted, nil //nolint:nilerr // the person knows
	case err != nil:
		return nil, nil, cli.ExitFailed, err
	}
	signing, raw, err := m.client.Signing(ctx, id)
	if err != nil {
		return nil, nil, cli.ExitFailed, err
	}
	if code := outcomeCode(signing.Status); code != cli.ExitOK {
		return nil, nil, code, errors.New(m.Text(signing.Title, signing.TitleEN))
	}
	return &signing, raw, cli.ExitOK, nil
}

// keep fetches the signed files of a group and prints where they are. It returns the exit code as well.
func (m *many) keep(ctx context.Context, g approvalGroup, signing apiclient.Signing, raw apiclient.Raw) (int, error) {
	var files errgroup.Group
	files.SetLimit(transfers)
	for i := range g.documents {
		files.Go(func() error {
			err := save(ctx, m.client, signing.Documents[i], m.targets[g.first+i], m.flags.force)
			if err == nil {
				m.bar.Add(1)
			}
			return err
		})
	}
	err := files.Wait()
	if err == nil {
		m.mu.Lock() // groups end side by side, and each prints as a whole
		defer m.mu.Unlock()
		err = m.Print(raw, []string{signing.ID}, func(w io.Writer) {
			for i := range g.documents {
				cli.Row(w, m.targets[g.first+i])
			}
		})
	}
	if err != nil {
		return cli.ExitFailed, err
	}
	return cli.ExitOK, nil
}
