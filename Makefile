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

FUNCTIONS := profiles devices sessions uploads restores triggers

FUZZTIME ?= 1m

# What make simulate plays.
DEVICES ?= 1000,10000,100000

API_PORT ?= 7420
AWS_PORT ?= 7421

# Where a deployment's settings are, and what deploys it: pinned, since the name's newest version is not the newest release.
SETTINGS ?= infra/settings.json
CDK      := npx --yes aws-cdk@2.1148.1
SHOW     := go run $(FLAGS) ./infra/settings/show -settings

# What recipes begin with: the stack of SETTINGS, and where it is.
here = stack="$$($(SHOW) '$(SETTINGS)' stack)" && region="$$($(SHOW) '$(SETTINGS)' region)" || exit 1; in="$${region:+--region=$$region}"
# output NAME gives the variable of that name what the deployment says of it, or ends.
output = $(1)="$$(aws cloudformation describe-stacks $$in --stack-name "$$stack" --query "Stacks[0].Outputs[?OutputKey=='$(1)'].OutputValue" --output text)" && \
  test -n "$$$(1)" && test "$$$(1)" != None || { echo "the stack $$stack says no $(1): make deploy first, with the same SETTINGS" >&2; exit 1; }

# CDK's runtime complains of the age of a Node that serves it well.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20,21,23

.PHONY: help run test phones check simulate fuzz conformance test-localstack test-aws bench lines build reset synth deploy revert destroy admin smoke account
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

test: phones ## pass all tests
	go vet $(FLAGS) $(REST)
	go test $(FLAGS) -v ./shared/layers
	go test $(FLAGS) -shuffle=on $(REST)
	go vet $(FLAGS) ./infra/...
	go test $(FLAGS) -shuffle=on ./infra/...

phones: ## compile for Android and iOS what an app embeds, which needs none of their toolchains
	GOOS=android GOARCH=arm64 go build $(FLAGS) ./device/...
	GOOS=android GOARCH=arm go build $(FLAGS) ./device/mobile # gomobile binds for 32 bits, too
	GOOS=ios GOARCH=arm64 go build $(FLAGS) ./device/mobile

check: lines phones ## what a reviewer asks: tidy, formatted, linted, built for phones, tested with the race detector, contract and code agree
	go mod tidy -diff
	test -z "$$(gofmt -l .)"
	go generate ./shared/api && git diff --exit-code shared/api
	go run $(LINT) run $(REST) ./infra/...
	CGO_ENABLED=1 go test -race -shuffle=on $(REST)

simulate: ## play fleets of DEVICES=1000,10000,100000 for DAYS=30 by the real rules, and judge every backup (WRITE=1: into shared/fleet/SCALING.md)
	@GOGC=400 go test $(FLAGS) -count=1 -timeout 3h -v -run '^TestFleet$$' ./shared/fleet/simulate -devices $(DEVICES) -days $(or $(DAYS),30) $(if $(WRITE),-write ../SCALING.md)

fuzz: ## look for what breaks a decoder on the phone's side, FUZZTIME=1m for each target; a finding is kept in testdata/fuzz
	@list="$$(go test $(FLAGS) -list '^Fuzz' ./device/...)" || { echo "$$list" >&2; exit 1; }; \
	targets="$$(echo "$$list" | awk '/^Fuzz/ {t[++n] = $$1} /^ok/ {for (i = 1; i <= n; i++) print $$2 " " t[i]; n = 0}')"; \
	test -n "$$targets" || { echo "go test -list has named no target" >&2; exit 1; }; \
	echo "$$targets" | { found=; while read -r package target; do echo "$$package $$target"; \
	  go test $(FLAGS) -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$package" </dev/null || found="$$found $$package:$$target"; done; \
	  test -z "$$found" || { echo "broken:$$found" >&2; exit 1; }; }

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

bench: ## measure what backups and restores cost a phone, beside a floor, and fail where a bound is missed (DAYS=30: less than the year; TEN=1: ten times the items, too; WRITE=1: into device/BENCHMARKS.md)
	@mkdir -p .zapas/bin && go build -o .zapas/bin/ $(FLAGS) $(LINK) ./localstack/bench
	@exec ./.zapas/bin/bench $(if $(DAYS),-days $(DAYS)) $(if $(TEN),-ten) $(if $(WRITE),-write device/BENCHMARKS.md)

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
	@go run $(FLAGS) ./infra -settings '$(SETTINGS)'

account: # what every target below needs
	@command -v aws >/dev/null || { echo "the AWS CLI is missing: install it (docs.aws.amazon.com/cli), then try again" >&2; exit 1; }
	@aws sts get-caller-identity --query Arn --output text || { echo "no AWS account is signed in: run aws sso login or set AWS_PROFILE, then try again" >&2; exit 1; }
	@want="$$($(SHOW) '$(SETTINGS)' account)" || exit 1; is="$$(aws sts get-caller-identity --query Account --output text)" || exit 1; \
	test -z "$$want" || test "$$is" = "$$want" || { echo "this is account $$is, and the settings are for $$want: sign in there, or name other SETTINGS" >&2; exit 1; }

deploy: account synth ## make or change the deployment of SETTINGS in the AWS account that is signed in
	@command -v npx >/dev/null || { echo "npx is missing: install Node 20 or later, then try again" >&2; exit 1; }
	@$(here); \
	aws cloudformation describe-stacks $$in --stack-name CDKToolkit --query "Stacks[0].StackStatus" --output text >/dev/null || \
	  { echo "this account and region are not bootstrapped: run $(CDK) bootstrap, then try again" >&2; exit 1; }; \
	$(CDK) deploy --app cdk.out --require-approval broadening "$$stack" || exit 1; \
	$(call output,Address); \
	echo "Console: $$Address"; echo "API:     $$Address/v1"; \
	echo "Next:    make admin EMAIL=you@example.org, then make smoke"

revert: account synth ## put back what was changed in AWS apart from the template, and ask whether all is as it says
	@$(here); \
	$(CDK) deploy --app cdk.out --require-approval broadening --revert-drift "$$stack" && \
	$(CDK) drift --app cdk.out --fail "$$stack"

destroy: account ## take the deployment away; what it stores stays, and is listed
	@$(here); tenant="$$($(SHOW) '$(SETTINGS)' tenant)" || exit 1; \
	echo "Tables, buckets, keys and the user pool of $$stack stay, with all backups in them: infra/README.md says how to remove them."; \
	printf "Type the stack's name to go on: "; read -r name; test "$$name" = "$$stack" || { echo "that is not $$stack: nothing was done" >&2; exit 1; }; \
	aws cloudformation update-termination-protection $$in --no-enable-termination-protection --stack-name "$$stack" && \
	aws cloudformation delete-stack $$in --stack-name "$$stack" && \
	aws cloudformation wait stack-delete-complete $$in --stack-name "$$stack" && \
	aws resourcegroupstaggingapi get-resources $$in --tag-filters "Key=zapas:tenant,Values=$$tenant" --query "ResourceTagMappingList[].ResourceARN" --output text

admin: account ## make EMAIL an administrator, inviting him if he is not there yet
	@email='$(EMAIL)'; test -n "$$email" || { echo "say who: make admin EMAIL=you@example.org" >&2; exit 1; }; \
	$(here); $(call output,Issuer); \
	case "$$Issuer" in https://cognito-idp.*) ;; *) echo "people come from $$Issuer: put $$email there into a group that the settings make admin" >&2; exit 1;; esac; \
	$(call output,Users); \
	aws cognito-idp admin-get-user $$in --user-pool-id "$$Users" --username "$$email" >/dev/null 2>&1 || \
	  aws cognito-idp admin-create-user $$in --user-pool-id "$$Users" --username "$$email" --user-attributes "Name=email,Value=$$email" Name=email_verified,Value=true >/dev/null || exit 1; \
	aws cognito-idp admin-add-user-to-group $$in --user-pool-id "$$Users" --username "$$email" --group-name zapas-admin && \
	echo "$$email is an administrator, and has a mail with a first password if he is new."

smoke: account ## ask a deployment whether it answers, refuses and lets people sign in
	@$(here); $(call output,Address); $(call output,Issuer); ./infra/smoke "$$Address" "$$Issuer"

reset: ## forget everything that make run has stored
	@if [ -e .zapas/aws/dynamodb.db ] && ! flock -n .zapas/aws/dynamodb.db true; then \
	  echo "a local stack is running on .zapas: end it with Ctrl-C, then make reset" >&2; exit 1; fi
	rm -rf .zapas
