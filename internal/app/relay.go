package app

import (
	"time"

	"kyso/internal/relay"
)

// loops assembles what carries on what was interrupted.
func (a *App) loops() []relay.Loop {
	records, engine, limits := a.Store.Relay(), a.Workflows(), a.Config.Registration.Limits
	unstarted := &relay.Unstarted{Records: records, Engine: engine, Limits: limits}
	behind := &relay.Behind{Records: records, Engine: engine}
	refunds := &relay.Refunds{Records: records, Engine: engine}
	deliveries := &relay.Deliveries{Messages: records, Engine: engine}
	return []relay.Loop{
		{Name: "inbox", Every: 20 * time.Second, Once: a.inbox().Once},
		{Name: "unstarted", Every: 20 * time.Second, Once: unstarted.Once},
		{Name: "behind", Every: 20 * time.Second, Once: behind.Once},
		{Name: "refunds", Every: 10 * time.Minute, Once: refunds.Once},
		{Name: "deliveries", Every: time.Second, Once: deliveries.Once},
	}
}

func (a *App) inbox() *relay.Inbox {
	return &relay.Inbox{Messages: a.Store.Relay(), Engine: a.Workflows()}
}
