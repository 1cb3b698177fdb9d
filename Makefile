# What people type. `make` alone lists it.
SHELL := /bin/bash
export CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
export PATH := $(PATH):/usr/sbin:/sbin:$(HOME)/.cargo/bin
GATEWAY := $(CARGO_TARGET_DIR)/debug/passerelle
TOOLS := $(CARGO_TARGET_DIR)/tools
NODE := $(TOOLS)/node
export PATH := $(NODE)/node_modules/.bin:$(PATH)
BORINGTUN := 0.7.1
DENY := 0.20.2
CARGO_FUZZ := 0.13.2
FUZZ_SECONDS ?= 60
SUITES := $(basename $(notdir $(wildcard tests/tests/*.rs)))
BROWSED := $(basename $(notdir $(shell grep -l Browser::new tests/tests/*.rs)))
SLEEPS := a_device_is_silent_for_minutes
WAITS := storage
UNBROWSED := $(filter-out $(BROWSED) $(WAITS),$(SUITES))
SCREENSHOTS ?= $(CARGO_TARGET_DIR)/screenshots
PICTURED := --test pages --test setup --test web --test console --test computers -- --test-threads=1 \
	every_page from_a_code a_first_day the_portal_says what_passes it_sees_office_pcs a_pc_is_woken
ON_POSTGRES := store:: http:: identity:: reconcile::
WEB := $(wildcard admin-ui/*.* admin-ui/.npmrc) $(shell find admin-ui/src admin-ui/static -type f ! -name document.d.ts)
ADVISORIES := https://github.com/RustSec/advisory-db

WINDOWS := $(CARGO_TARGET_DIR)/windows
RECORDER := $(CARGO_TARGET_DIR)/recorder

.PHONY: help demo run test test-all check unit e2e screenshots pictures fuzz bench build web web-check tools install-deps \
	agent-deb agent-windows agent-wine recorder

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 22

demo: install-deps tools build ## the story with real clients, then a portal to try (ONESHOT=1: only the story); root
	@PASSERELLE_BIN=$(GATEWAY) $(CARGO_TARGET_DIR)/debug/demo

run: install-deps build ## both processes on this machine, after `passerelle setup`; root
	$(GATEWAY) run

test: install-deps check unit e2e ## all that must hold before a change lands; root

test test-all: export PASSERELLE_E2E := required

test-all: install-deps check ## the same, and what is heavier; root
	cargo test --release -p passerelle --test shipped
	tests/agent-deb
	$(MAKE) agent-wine recorder
	PASSERELLE_HEAVY=1 PASSERELLE_WINDOWS=$(WINDOWS) PASSERELLE_RECORDER=$(RECORDER)/debug/recorder $(MAKE) unit e2e
	@if cargo +nightly --version >/dev/null 2>&1; then $(MAKE) fuzz FUZZ_SECONDS=10; \
	else echo "no nightly compiler: parsers saw the inputs that were kept, and no new ones"; fi

check: install-deps web web-check $(TOOLS)/.deny-$(DENY) ## format, lints, units, what is linked in; advisories, if GitHub is reached
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	systemd/check
	tests/pictures
	$(TOOLS)/bin/cargo-deny --log-level error check bans licenses sources
	@if timeout 20 git ls-remote --quiet $(ADVISORIES) HEAD >/dev/null 2>&1; \
	then $(TOOLS)/bin/cargo-deny --log-level error check advisories; \
	else echo "$(ADVISORIES) is not reached: known weaknesses of dependencies are not checked"; fi

unit: install-deps web ## tests without the virtual office (the firewall's need root); what touches the database a second time, on PostgreSQL
	cd admin-ui && npm test
	cargo test --workspace --exclude virtual-office --no-fail-fast
	@# Of the whole workspace, or other features would build it anew; other crates have no such tests.
	tests/postgres cargo test --workspace --exclude virtual-office --lib --no-fail-fast -- $(ON_POSTGRES)

# Each suite has offices of its own. Three run beside each other: what waits for minutes, what a browser is led through, and
# all others. Two of them speak when they end.
e2e: export PASSERELLE_E2E := required
e2e: export PASSERELLE_BIN := $(GATEWAY)
e2e: install-deps tools build ## tests in the virtual office; root
	cargo test -p virtual-office --no-run
	@run() { cargo test -p virtual-office --no-fail-fast "$$@"; }; log=$(CARGO_TARGET_DIR)/e2e; \
	(run --test paths $(SLEEPS); ended=$$?; run $(WAITS:%=--test %) && exit $$ended) > $$log-sleeps.log 2>&1 & slept=$$!; \
	run $(BROWSED:%=--test %) -- --test-threads=1 > $$log-browsed.log 2>&1 & browsed=$$!; \
	run --lib --bins $(UNBROWSED:%=--test %) -- --test-threads=1 --skip $(SLEEPS); ended=$$?; \
	wait $$slept || ended=1; cat $$log-sleeps.log; wait $$browsed || ended=1; cat $$log-browsed.log; exit $$ended

screenshots: install-deps tools build ## every page in five languages, into SCREENSHOTS (below target/); root
	PASSERELLE_E2E=required PASSERELLE_BIN=$(GATEWAY) PASSERELLE_SCREENSHOTS=$(SCREENSHOTS) \
		cargo test -p virtual-office $(PICTURED)
	@echo "kept in $(SCREENSHOTS)"

pictures: install-deps tools build ## those of README and guides, made anew in docs/pictures; root
	rm -f docs/pictures/*.webp
	PASSERELLE_E2E=required PASSERELLE_BIN=$(GATEWAY) PASSERELLE_PICTURES=$(CURDIR)/docs/pictures \
		cargo test -p virtual-office $(PICTURED)
	tests/pictures --prune

fuzz: install-deps web $(TOOLS)/.fuzz-$(CARGO_FUZZ) ## every parser fed by libFuzzer, FUZZ_SECONDS (60) each; nightly
	PATH=$(TOOLS)/bin:$$PATH tests/fuzz/run $(FUZZ_SECONDS)

$(TOOLS)/.fuzz-$(CARGO_FUZZ): | install-deps
	cargo install cargo-fuzz --version $(CARGO_FUZZ) --locked --debug --root $(TOOLS) --quiet
	@touch $@

bench: install-deps tools web ## what people wait for; 10,000 peers beside boringtun-cli and wireguard-go; desktops beside HAProxy; 1,000 PCs; 40 minutes, root
	@NODE=$(NODE) tests/install bench
	cargo build --release -p passerelle -p passerelle-agent
	cargo build -p virtual-office --bin bench
	PASSERELLE_BIN=$(CARGO_TARGET_DIR)/release/passerelle PASSERELLE_AGENT_BIN=$(CARGO_TARGET_DIR)/release/passerelle-agent \
		$(CARGO_TARGET_DIR)/debug/bench $(PART)

build: install-deps web ## the gateway, the agent and the demo, for development
	cargo build -p passerelle -p passerelle-agent -p virtual-office

agent-windows: ## the agent for Windows, as exe and MSI, in target/windows: with Debian's compiler, which apt installs
	@tests/install windows
	@agent/windows/build $(WINDOWS)

agent-wine: agent-windows ## its tests, run by wine; the service and the MSI are tried by e2e in `make test-all`
	@tests/install wine
	agent/windows/wine $(WINDOWS) agent/windows/cargo $(WINDOWS) test --locked -p passerelle-agent --lib --bins --tests --no-fail-fast

agent-deb: ## the agent as a Debian package, below target/debian
	@tests/install deb
	agent/debian/build

recorder: install-deps $(TOOLS)/.deny-$(DENY) ## a PC that writes down every key and clipboard it is sent, for tests of the desktop
	cargo fmt --manifest-path tests/recorder/Cargo.toml --check
	$(TOOLS)/bin/cargo-deny --manifest-path tests/recorder/Cargo.toml --config deny.toml --log-level error check licenses sources
	cargo build --manifest-path tests/recorder/Cargo.toml --target-dir $(RECORDER) --locked

web: admin-ui/build/index.html ## the web interface, which the gateway embeds

admin-ui/build/index.html: admin-ui/node_modules/.package-lock.json docs/openapi.json docs/openapi-setup.json $(WEB)
	cd admin-ui && npm run build
	@touch $@

admin-ui/node_modules/.package-lock.json: admin-ui/package-lock.json
	@NODE=$(NODE) tests/install web
	cd admin-ui && npm ci
	@touch $@

web-check: web
	cd admin-ui && npm run check && npm run lint

tools: $(TOOLS)/.boringtun-$(BORINGTUN) ## the second WireGuard client (Debian has none)

$(TOOLS)/.boringtun-$(BORINGTUN): | install-deps
	cargo install boringtun-cli --version $(BORINGTUN) --root $(TOOLS) --quiet
	@touch $@

# Unoptimised: it is built in a third of the time, and runs for two seconds.
$(TOOLS)/.deny-$(DENY): | install-deps
	cargo install cargo-deny --version $(DENY) --locked --debug --root $(TOOLS) --quiet
	@touch $@

install-deps: ## what building and testing need, by apt; says what is missing where it may not
	@NODE=$(NODE) tests/install
