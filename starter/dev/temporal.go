package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

const clusterName = "active"

// temporalServer is a whole Temporal cluster in this process: four services over one SQLite file, and the Web UI.
type temporalServer struct {
	server   temporal.Server
	ui       *uiserver.Server
	hostPort string
}

// temporalPorts are listened on by the server itself, which ends the process when it cannot.
var temporalPorts = map[primitives.ServiceName]string{
	primitives.FrontendService: portTemporal,
	primitives.HistoryService:  portHistory,
	primitives.MatchingService: portMatching,
	primitives.WorkerService:   portInternal,
}

// startTemporal starts the server and its UI on ports of the world.
func startTemporal(ctx context.Context, f *folder, p ports) (*temporalServer, error) {
	db, err := openTemporalDB(ctx, f.file("temporal.db"))
	if err != nil {
		return nil, err
	}
	// One shard is enough for one SQLite file, which has one writer.
	cfg, hosts := temporalConfig(config.Persistence{DefaultStore: "sqlite", VisibilityStore: "sqlite", NumHistoryShards: 1,
		DataStores: map[string]config.DataStore{"sqlite": {SQL: db}}},
		func(service primitives.ServiceName) int { return p.port(temporalPorts[service]) })
	logger := loudLogger{log.NewZapLogger(log.BuildZapLogger(log.Config{Level: "warn", OutputFile: f.file("logs/temporal.log")}))}
	for _, name := range []string{portTemporal, portHistory, portMatching, portInternal, portUI} {
		if err := p.release(name); err != nil {
			return nil, fmt.Errorf("handing port %s to Temporal: %w", name, err)
		}
	}
	server, err := temporal.NewServer( // listens already
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(tuned),
		temporal.WithLogger(logger),
		// Loopback only: whoever can connect is the developer.
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
	)
	if err != nil {
		return nil, fmt.Errorf("assembling the Temporal server: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("starting the Temporal server: %w", err)
	}
	t := &temporalServer{server: server, ui: newUI(p), hostPort: p.hostPort(portTemporal)}
	go func() { _ = t.ui.Start() }() // it ends the process itself when it cannot listen
	return t, waitFor(ctx, "Temporal's Web UI", func() error { return get(ctx, p.url(portUI)+"/healthz") })
}

// stop ends the UI and the server, which lets running requests finish.
func (t *temporalServer) stop() error {
	t.ui.Stop()
	if err := t.server.Stop(); err != nil {
		return fmt.Errorf("stopping the Temporal server: %w", err)
	}
	return nil
}

// temporalConfig is the smallest cluster: one host, no archival, no metrics. port tells where each service listens.
func temporalConfig(persistence config.Persistence, port func(primitives.ServiceName) int) (*config.Config, map[primitives.ServiceName]static.Hosts) {
	hosts := loopbackHosts(port)
	frontend := net.JoinHostPort("127.0.0.1", strconv.Itoa(port(primitives.FrontendService)))
	cfg := &config.Config{
		Persistence: persistence,
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		PublicClient: config.PublicClient{HostPort: frontend},
		Services:     map[string]config.Service{},
	}
	for service := range hosts {
		cfg.Services[string(service)] = config.Service{RPC: config.RPC{GRPCPort: port(service), BindOnLocalHost: true}}
	}
	return cfg, hosts
}

// tuned fits one developer's machine. The default values protect a shared cluster from its tenants; here they only
// make people wait.
var tuned = dynamicconfig.StaticClient{
	// With a single shard the default of 20 per second makes every hop wait about 50 ms: the one value that decides latency.
	dynamicconfig.TransferProcessorMaxPollRPS.Key(): 2000,
	// How long an update or a long poll is held inside the server before it looks again.
	dynamicconfig.HistoryLongPollExpirationInterval.Key(): time.Second,
	// One partition: with four, most polls are forwarded to another one.
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
	// Limits out of the way.
	dynamicconfig.FrontendRPS.Key():                        100_000,
	dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key(): 100_000,
	dynamicconfig.HistoryRPS.Key():                         100_000,
	dynamicconfig.MatchingRPS.Key():                        100_000,
	dynamicconfig.FrontendPersistenceMaxQPS.Key():          100_000,
	dynamicconfig.HistoryPersistenceMaxQPS.Key():           100_000,
	dynamicconfig.MatchingPersistenceMaxQPS.Key():          100_000,
}

// loudLogger keeps the server's log in its file, but tells people why the process is about to end.
type loudLogger struct{ log.Logger }

// Fatal logs and ends the process, as the server expects of it.
func (l loudLogger) Fatal(msg string, tags ...tag.Tag) {
	tellf(os.Stderr, "kyso: the Temporal server cannot go on: %s", msg)
	for _, t := range tags {
		tellf(os.Stderr, " %s=%v", t.Key(), t.Value())
	}
	tellf(os.Stderr, "\n")
	l.Logger.Fatal(msg, tags...)
}

// uiConfig hands a fixed configuration to the UI server.
type uiConfig uiconfig.Config

// GetConfig implements uiconfig.ConfigProvider.
func (c *uiConfig) GetConfig() (*uiconfig.Config, error) { return (*uiconfig.Config)(c), nil }

func newUI(p ports) *uiserver.Server {
	return uiserver.NewServer(uioptions.WithConfigProvider(&uiConfig{
		TemporalGRPCAddress: p.hostPort(portTemporal),
		Host:                "127.0.0.1",
		Port:                p.port(portUI),
		EnableUI:            true,
		DefaultNamespace:    namespace,
		DisableNewsFetch:    true, // nothing of a development world leaves the machine
		HideLogs:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP on loopback
	}))
}

// waitFor tries until it succeeds or half a minute has passed.
func waitFor(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// get asks for a page and expects 200.
func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil) //nolint:gosec // an address of this world
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request) //nolint:gosec // an address of this world
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}
