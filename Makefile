# Weft's targets. `make help` lists them. Each installs what it needs (apt, as root or by sudo).
SHELL := /bin/bash
CARGO ?= cargo
KERNELS ?= 6.12 6.1
KEEP ?=
export KERNEL RUNS CASE
# Of install and deb.
DESTDIR ?=
PREFIX ?= /usr
PROFILE ?= release

.PHONY: help demo test test-plain test-netns test-guest test-powercut test-packages test-clients test-long fuzz bench lint
.PHONY: linker install deb build build-dev build-release man recordings

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## VMs on a hypervisor come up, get addresses and talk (KEEP=1: leaves a shell in the running system)
	@tests/lanes/demo $(if $(KEEP),--keep)

test: test-plain test-netns build ## every test: plain, netns and guest lanes, a power cut, the packages
	@tests/lanes/guests

test-plain: | linker ## tests that need no privileges
	@tests/lanes/plain

test-netns: build ## tests that need root and network namespaces
	@tests/lanes/netns

test-guest: build ## tests on a kernel with openvswitch, in a guest (KERNELS="6.12 6.1")
	@tests/lanes/guest $(KERNELS)

test-powercut: build ## the store in a guest whose plug is pulled: every acknowledged write survives
	@tests/lanes/powercut

test-packages: build ## the Debian packages on a machine with systemd: installed, sandboxed, hung, rebooted, upgraded, purged
	@tests/lanes/packages

test-clients: build ## the real python-midonetclient against the service (fetches Python 2.7 into target/clients)
	@api/tests/clients/midonet

test-long: build ## what takes longer than a landing may: many more cases
	@tests/lanes/long

fuzz: ## feeds every parser, and the simulation, what nobody thought of (SECONDS=5 each, TARGET=, KEEP=1: into the corpora, INPUT=)
	@fuzz/run $(if $(SECONDS),--seconds $(SECONDS)) $(if $(TARGET),--target $(TARGET)) $(if $(KEEP),--keep) \
	  $(if $(INPUT),--input $(INPUT))

install: ## programs, units and settings into this system (DESTDIR=, PREFIX=/usr, PROFILE=release)
	@[ -x target/$(if $(filter dev,$(PROFILE)),debug,release)/weft-agent ] || $(MAKE) build-$(PROFILE)
	@PREFIX='$(PREFIX)' PROFILE='$(PROFILE)' packaging/install '$(DESTDIR)'

deb: build-$(PROFILE) ## Debian packages in target/deb (PROFILE=release; VERSION= of its own)
	@PROFILE='$(PROFILE)' VERSION='$(VERSION)' packaging/deb

man: ## man pages and shell completions, from the programs' own options, to target/man and target/completions
	@$(CARGO) run --quiet -p weft-manual -- target

recordings: ## record the protocol of today's code (ROLL=1 first: what was recorded last has landed)
	@tests/lanes/recordings $(if $(ROLL),--roll)

bench: ## figures beside a bound and beside Open vSwitch, and which expectations they meet (KERNEL=6.12 RUNS=5 CASE=)
	@tests/lanes/bench

linker:
	@tests/lanes/have cc=gcc+libc6-dev

lint: ## formatting and warnings
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

build build-dev: | linker
	@$(CARGO) build --workspace --all-targets

build-release: | linker
	@$(CARGO) build --release --bins
