# Zapas. Two commands do everything: make run, make test.

# The same tags and flags everywhere: what run, test and a deployment compile is the same, and is compiled once.
export CGO_ENABLED := 0
FLAGS := -trimpath -tags lambda.norpc
LINK  := -ldflags "-s -w"
LINT  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Properties are tested on the same cases each time; RAPID_SEED=0 looks for new ones.
export RAPID_SEED ?= 1

# Nothing here compiles infra: its tests run last, by themselves.
REST := ./shared/... ./functions/... ./device/... ./localstack/...

FUNCTIONS := profiles devices sessions uploads restores

API_PORT ?= 7420
AWS_PORT ?= 7421

.PHONY: help run test check conformance build reset
.DEFAULT_GOAL := help

help: ## show what can be made
	@echo "Zapas backs up and restores the phones of a company."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

run: ## start everything on this machine, play the main job, or another day, keep serving (ONCE=1: play and end)
	@echo "Zapas: compiling the local stack, the functions and a phone (the first time takes a minute or two)"
	@mkdir -p .zapas/bin
	@bash -o pipefail -c 'go build -v -o .zapas/bin/ $(FLAGS) $(LINK) ./localstack ./device/cli $(FUNCTIONS:%=./functions/%) 2>&1 | \
	  awk "/^go: downloading/ || /[ :#]/ {print \"  \" \$$0; fflush(); next} ++n % 50 == 0 {print \"  \" n \" packages compiled\"; fflush()}"'
	@ln -sf cli .zapas/bin/zapas-device
	@exec ./.zapas/bin/localstack $(if $(ONCE),-once) -api-port $(API_PORT) -aws-port $(AWS_PORT)

test: ## pass all tests
	go vet $(FLAGS) $(REST)
	go test $(FLAGS) -v ./shared/layers
	go test $(FLAGS) -shuffle=on $(REST)

check: ## what a reviewer asks: tidy, formatted, linted, tested with the race detector, contract and code agree
	go mod tidy -diff
	test -z "$$(gofmt -l .)"
	go generate ./shared/api && git diff --exit-code shared/api
	go run $(LINT) run $(REST)
	CGO_ENABLED=1 go test -race -shuffle=on $(REST)

conformance: ## ask what AWS_ENDPOINT_URL names, case by case, whether it behaves as AWS does (AWS=1: ask AWS itself)
	@go run $(FLAGS) ./localstack/conformance/run $(if $(AWS),-aws)

build: ## compile the functions for Lambda (linux/arm64) into dist/
	@for f in $(FUNCTIONS); do \
	  GOOS=linux GOARCH=arm64 go build $(FLAGS) $(LINK) -o dist/$$f/bootstrap ./functions/$$f || exit 1; \
	  echo "dist/$$f/bootstrap"; done

reset: ## forget everything that make run has stored
	rm -rf .zapas
