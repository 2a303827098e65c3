# The tasks of the house. `make` alone lists them; CONTRIBUTING.md says which to run when.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The workspace of this tree, whatever the caller's environment says: every loop runs over it.
export GOWORK := $(CURDIR)/go.work

# The linter and buf take minutes to build, so they are kept outside the tree and built again only when their
# versions or Go change.
tools_key = $(shell { go env GOVERSION; cat internal/tools/go.mod internal/tools/go.sum; } | git hash-object --stdin)
tools_dir = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rowan/tools/$(tools_key)/bin
lint = $(tools_dir)/golangci-lint

# How long each fuzz target runs; how many random cases the differential test decides; how often and
# which benchmarks run.
T ?= 20s
N ?= 10000000
COUNT ?= 6
BENCH ?= .
SOAK ?= 10m
FLAGS ?=

# What the binary says of itself. Whoever builds from an archive says it; here git knows.
VERSION ?= $(shell git describe --tags --always --dirty)
REVISION ?= $(shell git describe --always --dirty --abbrev=40 --exclude '*')

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: check
check: fmt vet lint test ## Format, vet, lint, test: what to run before a commit.

.PHONY: fmt
fmt: tools ## Rewrite the Go files in their one format.
	@$(lint) fmt

.PHONY: fmt-check
fmt-check: tools ## Fail if a Go file is not formatted, and show the difference.
	@$(lint) fmt --diff

.PHONY: vet
vet: ## Vet every module.
	@.ci/each go vet ./...

.PHONY: lint
lint: tools ## Lint every module; the arrow between packages is part of it.
	@.ci/each $(lint) run --config $(CURDIR)/.golangci.yml --allow-parallel-runners ./...

.PHONY: test
test: needs ## Test every module of go.work.
	@.ci/test

.PHONY: race
race: needs ## Test every module with the race detector.
	@.ci/test -race

.PHONY: needs
needs: ## Install the Debian packages that tests need: PostgreSQL, MariaDB, Node.js, boto3, Chromium, nginx, cvc5, Z3.
	@.ci/needs

.PHONY: fuzz
fuzz: ## Fuzz every target for T (20s) each.
	@.ci/fuzz each $(T)

.PHONY: differential
differential: ## Decide N (10000000) random cases with the engine and the reference; they must agree.
	@mkdir -p bin
	@go test ./engine -count=1 -run TestDifferential -timeout 0 -v -args -differential.n=$(N) </dev/null | tee bin/differential.txt
	@grep -q '^--- PASS: TestDifferential' bin/differential.txt || { echo 'differential: no test ran' >&2; exit 1; }

.PHONY: filters
filters: ## Ask Filter and Decide about N (10000000) random pairs of policies and rows; they must agree.
	@mkdir -p bin
	@go test ./engine -count=1 -run TestFilterEqualsDecide -timeout 0 -v -args -filter.n=$(N) </dev/null | tee bin/filters.txt
	@grep -q '^--- PASS: TestFilterEqualsDecide' bin/filters.txt || { echo 'filters: no test ran' >&2; exit 1; }

.PHONY: solver
solver: needs ## Ask cvc5 and Z3 what the analysis answers; they may not disagree.
	@mkdir -p bin
	@ROWAN_REQUIRE_ALL=1 go test ./analysis -count=1 -run '^TestSolver$$' -v </dev/null | tee bin/solver.txt
	@grep -q '^--- PASS: TestSolver' bin/solver.txt || { echo 'solver: no test ran' >&2; exit 1; }

.PHONY: bench
bench: tools ## Run the benchmarks beside the code (BENCH, COUNT), and compare with the run before.
	@mkdir -p bin
	@[ ! -f bin/bench.txt ] || mv bin/bench.txt bin/bench.before.txt
	@EXCEPT=benchmarks .ci/each go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./... | sed '/no test files/d' | tee bin/bench.txt
	@grep -q '^Benchmark' bin/bench.txt || { echo 'bench: no benchmark ran' >&2; exit 1; }
	@[ ! -f bin/bench.before.txt ] || $(tools_dir)/benchstat bin/bench.before.txt bin/bench.txt

.PHONY: compare
compare: ## Measure Rowan beside its peers and a hand-written function, in one run.
	@cd benchmarks && go run ./compare

.PHONY: reliability
reliability: needs ## Hold the server to the targets of docs/reliability.md: half an hour. FLAGS, such as FLAGS='-only X1,L3'.
	@cd cmd && go run ./internal/reliability $(FLAGS)

.PHONY: reliability-short
reliability-short: ## Hold the server to the targets that CI does.
	@cd cmd && go run ./internal/reliability -short $(FLAGS)

.PHONY: reliability-controls
reliability-controls: needs ## Run each target against its seeded faults, which it must notice.
	@cd cmd && go run ./internal/reliability -controls $(FLAGS)

.PHONY: soak
soak: ## Hold 70 % of saturation for SOAK (10m) with everything going on.
	@cd cmd && go run ./internal/reliability -soak $(SOAK) $(FLAGS)

.PHONY: cover
cover: needs ## Test every module and print how much of it the tests reach.
	@mkdir -p bin
	@.ci/test -coverprofile=cover.out
	@.ci/each sh -c 'go tool cover -func=cover.out | tail -n 1; rm -f cover.out'

.PHONY: catalogue
catalogue: ## Fetch AWS's actions and context keys with npm, for policy/catalogue.
	@cd internal/tools && GOWORK=off go run ./catalogue ../../policy/catalogue/catalogue.txt.gz

.PHONY: gen
gen: tools ## Generate what is generated.
	@PATH="$(tools_dir):$$PATH" .ci/each go generate ./...

.PHONY: tidy
tidy: ## Tidy every go.mod, the one of the tools too.
	@.ci/each env GOWORK=off go mod tidy
	@cd internal/tools && GOWORK=off go mod tidy

.PHONY: tools
tools: ## Build the linter, buf and benchstat, once, into the user's cache.
	@[ -f $(tools_dir)/built ] || { \
	  echo 'building the tools into $(tools_dir): some minutes, once' >&2; \
	  mkdir -p $(tools_dir); \
	  cd internal/tools; GOWORK=off GOFLAGS= GOBIN=$(tools_dir) go install tool; \
	  touch $(tools_dir)/built; }

# Nothing of this machine goes in: no C, no paths, no state of git but what VERSION and REVISION say.
.PHONY: binary
binary: ## Build bin/rowan: static, and of the same bytes wherever the same source and Go build it.
	@mkdir -p bin
	@cd cmd && GOWORK=off GOAMD64=v1 CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false \
	  -ldflags '-s -w -X main.builtVersion=$(VERSION) -X main.builtRevision=$(REVISION)' -o ../bin/rowan ./rowan

.PHONY: playground
playground: ## Build bin/playground: the page of `rowan playground` as files for any web server, the engine in WebAssembly.
	@.ci/playground bin/playground

.PHONY: binary-check
binary-check: ## Build the binary twice, as the Dockerfile does too; fail if the two differ or are not static.
	@.ci/binary

.PHONY: manifests-check
manifests-check: ## Check the Kubernetes manifests against the types of its API.
	@cd internal/tools && GOWORK=off go run ./manifests ../../docs/deploy/kubernetes/*.yaml

# Each module must stand alone, as an embedder sees it: go.work can hide a missing requirement.
.PHONY: standalone
standalone: ## Build and vet every module without the workspace.
	@.ci/each env GOWORK=off go build -o /dev/null ./...
	@.ci/each env GOWORK=off go vet ./...

.PHONY: clean-tree
clean-tree: ## Fail if the workspace is not clean, say after `make gen`.
	@dirty=$$(git status --porcelain); [ -z "$$dirty" ] || { echo "the workspace is not clean:"; echo "$$dirty"; git diff | head -n 100; exit 1; } >&2

.PHONY: fuzz-short
fuzz-short: ## Fuzz the targets of the root module for half a minute together; `make fuzz` takes all.
	@.ci/fuzz total 30 root

# The race detector makes the comparison ten times slower; under it the test asks fewer cases.
.PHONY: differential-short
differential-short: ## Decide the 200,000 cases that CI asks without the race detector.
	@$(MAKE) --no-print-directory differential N=200000

# `make standalone` vets every module, and `make lint` reports what is not formatted: neither `make vet` nor `make fmt-check`
# is a step of its own.
# The tests stand behind the fuzzing so that their verdicts are what a reader of the log sees last.
ci_steps := needs tools lint standalone binary-check fuzz-short differential-short solver reliability-short race gen clean-tree

.PHONY: ci
ci: ## All that must hold before a change lands, on a clean checkout, each step timed.
	@for step in $(ci_steps); do \
	  echo "== $$step"; begin=$$SECONDS; \
	  $(MAKE) --no-print-directory $$step || { echo "== $$step failed after $$((SECONDS - begin)) s" >&2; exit 1; }; \
	  echo "== $$step took $$((SECONDS - begin)) s"; \
	done
