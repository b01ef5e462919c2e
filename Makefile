# "make" alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: demo dev build web build-dev build-pdf test test-quick race bench bench-rooms bench-parked fuzz lint vulnerabilities generate help

GO ?= go

# Tools that are built from source when they are used; nothing is installed.
WORKFLOWCHECK := go.temporal.io/sdk/contrib/tools/workflowcheck@v0.6.0
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# In CI every test runs; elsewhere go test may answer from its cache.
COUNT := $(if $(filter true,$(CI)),-count=1)

# How long the tests of one package may take. The longest takes a quarter of it on two cores; a machine that is much slower says more.
TEST_TIMEOUT ?= 35m

# Without debug information a program compiles in a sixth less and links faster. Tests build programs with these flags, too. To
# debug one, build it with go build.
export GOFLAGS := -gcflags=all=-dwarf=false -ldflags=-w $(shell $(GO) env GOFLAGS)

demo: build-dev ## Sign a PDF in a world of its own, killed in the middle once: make demo PDF=contract.pdf OUT=out LEVEL=B-LT
	@bin/kyso-dev demo $(if $(PDF),--pdf "$$PDF") $(if $(OUT),--out "$$OUT") $(if $(LEVEL),--level "$$LEVEL")

dev: build-dev ## Run the whole world in one process, with its data in .kyso/
	@exec bin/kyso-dev up

build: build-dev ## Build bin/kyso (command line and API), bin/kyso-worker, bin/kyso-pdf (reads PDF files for both) and bin/kyso-dev (the whole world)
	@$(GO) build -o bin/kyso ./starter
	@$(GO) build -o bin/kyso-worker ./worker

# The pages are built when Node.js is there; without, the rest works and the pages say what is missing.
web: ## Build the pages (Node.js 20 or newer)
	@scripts/web.sh

# The Temporal server is part of the program, so its first build takes minutes.
build-dev: build-pdf
	@scripts/build-dev.sh

# Without C, so that every thread of it can be confined.
build-pdf:
	@CGO_ENABLED=0 $(GO) build -o bin/kyso-pdf ./internal/pdfchild/kyso-pdf

# The longest package comes first: it waits more than it computes, and the others run meanwhile.
test: ## Check the code and run every test; installs the tools that tests need where it can
	@scripts/test-tools.sh
	@scripts/web.sh check
	@scripts/gofmt.sh
	$(GO) vet ./...
	$(GO) run $(WORKFLOWCHECK) ./workflows/...
	scripts/in-memory.sh $(GO) test -vet=off -timeout $(TEST_TIMEOUT) -p 2 $(COUNT) ./starter/dev ./...

# Rooms whose tests begin databases, whole worlds or hundreds of files: make test has them.
SLOW := /starter($$|/)|/examples|/internal/(api|app|doctor|pades|pdfchild|relay|sandbox|store)$$|/workflows$$

test-quick: ## Run the tests of single rooms, the rules over the tree and the recorded histories: less than two minutes
	$(GO) test -short -vet=off $$($(GO) list ./... | grep -vE '$(SLOW)')
	$(GO) test -short -vet=off ./workflows -run 'Histories|EveryActivityIsGuarded'

# KYSO_FLOWS, KYSO_PARKED and KYSO_MANY say how many flows make a turn, how many signings wait for phones and how many documents one
# command signs; a quarter of an hour on two cores without them. KYSO_ON=postgres has engine and records on PostgreSQL, KYSO_PROFILES=folder
# leaves CPU profiles of engine, worker and API there.
bench: ## Print one table: flows and requests against what they cannot do without, and who uses the processor
	$(GO) test -run '^$$' -bench Kyso -benchtime 1x -timeout 6h ./starter/dev

bench-rooms: ## Run the benchmarks of single rooms: what a signature costs against hashing, sealing, uploads, parsing
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./internal/...

# KYSO_PARKED=20000 make bench-parked: that many take 20 minutes to begin.
bench-parked: ## Measure what signings that wait for phones take, 3,000 or KYSO_PARKED
	KYSO_PARKED=$${KYSO_PARKED:-3000} KYSO_SETTLE=$${KYSO_SETTLE:-60} $(GO) test -run '^$$' -bench Kyso/parked -benchtime 1x -timeout 6h ./starter/dev

# FUZZ=10m make fuzz: how long each target runs.
fuzz: ## Give every fuzz target a minute, or as long as FUZZ says
	scripts/fuzz.sh $(or $(FUZZ),1m)

lint: ## Run golangci-lint, Temporal's workflow checker, shellcheck, the linters of the OpenAPI document and the list of words that kyso does not use
	scripts/words.sh
	scripts/shellcheck.sh
	scripts/contract.sh lint
	$(GO) run $(WORKFLOWCHECK) ./workflows/...
	$(GO) run $(GOLANGCI_LINT) run ./...

# The rooms where goroutines share data. The others run under the race detector by hand: it takes ten times as long.
RACED := ./internal/audit ./internal/blob ./internal/limit ./internal/party/... ./internal/relay ./internal/web

race: ## Run the tests of concurrent packages with the race detector
	$(GO) test -race -vet=off -timeout $(TEST_TIMEOUT) -p 2 $(COUNT) $(RACED)

vulnerabilities: build build-dev ## Look for functions with known vulnerabilities in the programs; VULNDB=latest for the newest list
	scripts/vulnerabilities.sh bin/kyso bin/kyso-worker bin/kyso-pdf bin/kyso-dev

generate: ## Write docs/openapi.json from the API, and from it the types of its clients
	KYSO_WRITE=1 $(GO) test -count=1 -run TestTheWrittenContract ./internal/app
	$(GO) generate ./examples/...
	scripts/contract.sh types

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
