# Needs Go only; make race also a C compiler, as the race detector does.
#
# The package pattern "work" means every package of every module in go.work.

GO       ?= go
FUZZTIME ?= 10000x
BENCH    ?= .
COUNT    ?= 6

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c

# A linter of tools/go.mod, which no other module requires.
tool = GOWORK=off $(GO) tool -modfile='$(CURDIR)/tools/go.mod'

# The directories with a go.mod, and those of them with packages of ours.
modules  := . cmd/usher elimity examples internal/dbtest internal/peertest oauth scimotel scimprom sqlstore/pgxstore
all_mods := $(modules) tools

.PHONY: check test race databases lint format standalone fuzz bench tidy api

# Everything that is asked of a change.
check: lint test race standalone

test:
	$(GO) test -timeout 30m work

# A race shows in little as it does in much.
race:
	$(GO) test -race -short -timeout 30m work

# What is tested with each version of PostgreSQL that is installed, or that
# USHER_TEST_POSTGRES_BINS lists; .ci/postgres.sh installs some and prints them.
databases:
	$(GO) test -count=1 -timeout 30m -run '^TestVersions' ./internal/dbtest/...

lint:
	@echo 'gofmt and gofumpt'
	@unformatted=$$(gofmt -l . && $(tool) gofumpt -l .); \
		if [ -n "$$unformatted" ]; then echo "run make format; it would change:"; sort -u <<<"$$unformatted"; exit 1; fi
	$(GO) vet work
	@for m in $(modules); do echo "staticcheck in $$m"; (cd $$m && $(tool) staticcheck ./...); done
	@for m in $(all_mods); do echo "go mod tidy -diff in $$m"; (cd $$m && GOWORK=off $(GO) mod tidy -diff); done

format:
	$(tool) gofumpt -w .

# Each module as those see it who have no go.work.
standalone:
	@for m in $(modules); do echo "go vet without go.work in $$m"; (cd $$m && GOWORK=off $(GO) vet ./...); done

# Each fuzz target there is, one after the other, with FUZZTIME inputs. It is no time,
# whose end Go 1.26 may report as a failure (go.dev/issue/75804).
fuzz:
	@$(GO) test -list '^Fuzz' work \
	| awk '/^Fuzz/ { found[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, found[i]; total += n; n = 0 } END { exit !total }' \
	| while read -r package target; do \
		echo "== $$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s "$$package" </dev/null; \
	done

# Write two runs to bench-old.txt and bench-new.txt and compare them:
# GOWORK=off go tool -modfile=tools/go.mod benchstat bench-old.txt bench-new.txt
bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 3h work

tidy:
	@for m in $(all_mods); do (cd $$m && GOWORK=off $(GO) mod tidy); done

# What has changed in the exported API since BASE, a tag or a commit.
api:
	@old=$$(mktemp -d); trap 'git worktree remove --force "$$old"' EXIT; \
	git worktree add -q --detach "$$old" '$(BASE)'; \
	(cd "$$old" && $(tool) apidiff -m -w "$$old/old.api" github.com/usherkit/scim); \
	$(tool) apidiff -m "$$old/old.api" github.com/usherkit/scim
