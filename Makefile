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

# Where a deployment's settings are, and what deploys it: pinned, since the name's newest version is not the newest release.
SETTINGS ?= infra/settings.json
CDK      := npx --yes aws-cdk@2.1148.1
TENANT    = $(shell sed -n 's/^ *"tenant": *"\([a-z0-9-]*\)".*/\1/p' $(SETTINGS))
STACK     = zapas-$(TENANT)
output    = aws cloudformation describe-stacks --stack-name $(STACK) --query "Stacks[0].Outputs[?OutputKey=='$(1)'].OutputValue" --output text

# CDK's runtime complains of the age of a Node that serves it well.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20,21,23

.PHONY: help run test check conformance test-localstack test-aws lines build reset synth deploy destroy admin smoke account
.DEFAULT_GOAL := help

help: ## show what can be made
	@echo "Zapas backs up and restores the phones of a company."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

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
	go vet $(FLAGS) ./infra/...
	go test $(FLAGS) -shuffle=on ./infra/...

check: lines ## what a reviewer asks: tidy, formatted, linted, tested with the race detector, contract and code agree
	go mod tidy -diff
	test -z "$$(gofmt -l .)"
	go generate ./shared/api && git diff --exit-code shared/api
	go run $(LINT) run $(REST) ./infra/...
	CGO_ENABLED=1 go test -race -shuffle=on $(REST)

conformance: ## ask what AWS_ENDPOINT_URL names, case by case, whether it behaves as AWS does (AWS=1: ask AWS itself)
	@go run $(FLAGS) ./localstack/conformance/run $(if $(AWS),-aws) $(if $(ROLE),-role $(ROLE))

test-localstack: ## play on LocalStack's data services, or on what AWS_ENDPOINT_URL names (STORIES="main_job verify": these alone)
	@go run $(FLAGS) ./localstack/outside/run $(STORIES)

test-aws: account ## play on AWS's own data services, in the account that is signed in (AWS=1: yes, and it costs some cents)
	@test "$(AWS)" = 1 || { echo "this makes and removes tables, buckets and keys in the account above, for less than 1 USD: say make test-aws AWS=1" >&2; exit 1; }
	@caller="$$(aws sts get-caller-identity --query Arn --output text)" || exit 1; \
	case "$$caller" in *:assumed-role/*) role="$${caller#*:assumed-role/}"; \
	  caller="$$(aws iam get-role --role-name "$${role%%/*}" --query Role.Arn --output text)" || exit 1;; esac; \
	go run $(FLAGS) ./localstack/outside/run -aws -caller "$$caller" $(STORIES)

lines: ## count lines of Go, tests apart; what stands in for AWS may not outgrow the product
	@for d in functions shared device infra localstack; do \
	  echo "$$d $$(find $$d -name '*.go' ! -name '*_test.go' ! -path '*/testdata/*' -exec cat {} + | wc -l)"; done | \
	awk '{n[$$1] = $$2; printf "%-11s %6d\n", $$1, $$2} END {product = n["functions"] + n["shared"] + n["device"]; \
	  if (n["localstack"] > product) {print "localstack has more lines than functions, shared and device together (" product "): take away what nothing needs" > "/dev/stderr"; exit 1}}'

build: ## compile the functions for Lambda (linux/arm64) into dist/
	@for f in $(FUNCTIONS); do \
	  GOOS=linux GOARCH=arm64 go build $(FLAGS) $(LINK) -o dist/$$f/bootstrap ./functions/$$f || exit 1; \
	  echo "dist/$$f/bootstrap"; done

synth: build ## write the CloudFormation template into cdk.out (needs Node, and neither network nor account)
	@go run $(FLAGS) ./infra -settings $(SETTINGS)

account: # what every target below needs
	@command -v aws >/dev/null || { echo "the AWS CLI is missing: install it (docs.aws.amazon.com/cli), then try again" >&2; exit 1; }
	@aws sts get-caller-identity --query Arn --output text || { echo "no AWS account is signed in: run aws sso login or set AWS_PROFILE, then try again" >&2; exit 1; }

deploy: account synth ## make or change the deployment of SETTINGS in the AWS account that is signed in
	@command -v npx >/dev/null || { echo "npx is missing: install Node 20 or later, then try again" >&2; exit 1; }
	@aws cloudformation describe-stacks --stack-name CDKToolkit --query "Stacks[0].StackStatus" --output text >/dev/null || \
	  { echo "this account and region are not bootstrapped: run $(CDK) bootstrap, then try again" >&2; exit 1; }
	$(CDK) deploy --app cdk.out --require-approval broadening $(STACK)
	@echo "Console: $$($(call output,Address))"
	@echo "API:     $$($(call output,Address))/v1"
	@echo "Next:    make admin EMAIL=you@example.org, then make smoke"

destroy: account ## take the deployment away; what it stores stays, and is listed
	@echo "Tables, buckets, keys and the user pool of $(STACK) stay, with all backups in them: infra/README.md says how to remove them."
	@printf "Type the stack's name to go on: "; read name; test "$$name" = "$(STACK)" || { echo "that is not $(STACK): nothing was done" >&2; exit 1; }
	aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name $(STACK)
	aws cloudformation delete-stack --stack-name $(STACK)
	aws cloudformation wait stack-delete-complete --stack-name $(STACK)
	aws resourcegroupstaggingapi get-resources --tag-filters Key=zapas:tenant,Values=$(TENANT) --query "ResourceTagMappingList[].ResourceARN" --output text

admin: account ## make EMAIL an administrator, inviting him if he is not there yet
	@test -n "$(EMAIL)" || { echo "say who: make admin EMAIL=you@example.org" >&2; exit 1; }
	@pool="$$($(call output,Users))"; \
	if [ -z "$$pool" ] || [ "$$pool" = None ]; then echo "people come from $$($(call output,Issuer)): put $(EMAIL) there into a group that the settings make admin" >&2; exit 1; fi; \
	aws cognito-idp admin-get-user --user-pool-id "$$pool" --username "$(EMAIL)" >/dev/null 2>&1 || \
	  aws cognito-idp admin-create-user --user-pool-id "$$pool" --username "$(EMAIL)" --user-attributes Name=email,Value="$(EMAIL)" Name=email_verified,Value=true >/dev/null || exit 1; \
	aws cognito-idp admin-add-user-to-group --user-pool-id "$$pool" --username "$(EMAIL)" --group-name zapas-admin && \
	echo "$(EMAIL) is an administrator, and has a mail with a first password if he is new."

smoke: account ## ask a deployment whether it answers, refuses and lets people sign in
	@./infra/smoke "$$($(call output,Address))" "$$($(call output,Issuer))"

reset: ## forget everything that make run has stored
	@if [ -e .zapas/aws/dynamodb.db ] && ! flock -n .zapas/aws/dynamodb.db true; then \
	  echo "a local stack is running on .zapas: end it with Ctrl-C, then make reset" >&2; exit 1; fi
	rm -rf .zapas
