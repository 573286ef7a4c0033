SHELL := /bin/bash
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/plumbline/tools
LINT  := $(TOOLS)/golangci-lint-v2.15.0
HELM  := $(TOOLS)/helm-v4.3.1
export PLUMBLINE_TESTDATA ?= $(shell cd ../shared/data 2>/dev/null && pwd)
export PLUMBLINE_HELM ?= $(HELM)

# A throw-away Postgres around a command, where pg_virtualenv and a server are installed; without them the command runs bare.
WITH_PG := bash .ci/with-postgres

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build bin/plumbline
	go build -trimpath -o bin/plumbline ./cmd/plumbline

.PHONY: demo
demo: ## Run the demo: a simulated portal, a full cycle, pages and metrics
	go run ./cmd/plumbline demo

.PHONY: setup
setup: ## Install what the tests need, where that is possible
	@bash .ci/setup

.PHONY: test
test: setup ## Run every test (installs what it needs first)
	$(WITH_PG) go test -timeout 18m ./...

.PHONY: race
race: ## Run the race detector over connectors, mirror, remedy, daemon and store, on small data
	$(WITH_PG) go test -race -short -timeout 20m ./connectors/... ./internal/mirror/... ./internal/remedy/... ./internal/daemon/... ./internal/store/... ./internal/oauth/... ./internal/sandbox/...

.PHONY: lint
lint: setup ## Run golangci-lint and check formatting and generated files
	$(LINT) run ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt -w on the files above'; exit 1; }

.PHONY: generate
generate: ## Write the generated documents again
	go run ./cmd/plumbline gen-docs docs

.PHONY: bench
bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem ./audit/... ./internal/snapfile/... ./internal/store/...

.PHONY: compare
compare: setup ## Hold the goals of performance to what the sqlite3 shell, Postgres and rows take, in one run (some minutes)
	$(WITH_PG) go test -run '^$$' -bench 'Goal' -benchtime 1x -timeout 60m ./internal/acceptance

.PHONY: chart
chart: setup ## Lint and render the Helm chart
	$(HELM) lint charts/plumbline
	$(HELM) template charts/plumbline >/dev/null

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
