# netdiag: `make setup` once, then `make demo`, `make test`. `make` alone lists the targets.

CARGO ?= cargo

.PHONY: help setup build demo test accuracy slurm cgroup bench install clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what building and testing need and this machine lacks; asks nothing
	@.ci/setup build test

build: ## build netdiag
	@.ci/setup build
	$(CARGO) build --locked

demo: build ## build, stage a fault and watch netdiag find it
	@echo
	@$(CARGO) run --quiet --locked -- scenario wrong-port

# The accuracy on real pairs is a measurement that loads both cores for minutes; it has a target of its own.
test: ## formatting, lints, and every test, scenarios included
	@.ci/setup build test
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked --no-fail-fast -- --skip accuracy::netdiag

accuracy: ## measure: how often the right side is named, on real pairs in many languages
	@.ci/setup build test
	$(CARGO) test --locked --test live accuracy:: -- --nocapture --test-threads=1

slurm: ## test: a class graded in a Slurm array of four shards equals the same class graded here (needs root)
	@.ci/setup build slurm
	$(CARGO) build --locked
	tests/slurm/run target/debug/netdiag line-client

cgroup: ## test: limits of cgroup v2 for an ordinary user, in an emulated kernel of its own (Debian and Ubuntu)
	@.ci/setup build cgroup
	$(CARGO) build --locked
	tests/cgroup/run target/debug/netdiag "$$($(CARGO) test --locked --test live --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))/\1/p')"

bench: ## measure: echoes per second, memory per connection, time to verdict, a class (an optimised build)
	@.ci/setup build bench
	$(CARGO) bench --locked

install: ## install netdiag for this user, into cargo's own directory of programs
	@.ci/setup build
	$(CARGO) install --locked --path .

clean: ## remove everything that was built
	$(CARGO) clean
