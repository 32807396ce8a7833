# Two commands do everything on a machine with Python and make: `make demo`, `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Where it is set, each of the hundreds of programs that tests start compiles the project anew.
unexport PYTHONDONTWRITEBYTECODE

# Real messages, one a file in one folder a source; kept apart from this repository.
export MAIL_CORPUS ?= $(abspath $(wildcard ../shared/corpus))

# What the stamps stand for: the packages that run the services, and those that check them.
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development

SOURCES := emailopens_client injector_service mail_bridge pixel_service service_runtime benchmarks examples tests protos/grpc_python_plugin.py

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(RUNTIME): pyproject.toml
	@echo "setting up $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[postgres]'
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	@echo "installing the development group"
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

.PHONY: setup
setup: $(DEVELOPMENT) ## Create the environment with everything in it

.PHONY: demo
demo: $(RUNTIME) ## Show a real message rewritten, fetched and streamed
	@python -m examples.demo

.PHONY: run
run: $(RUNTIME) ## Run both services until Ctrl-C, with their data in ./data
	@python -m examples.pair

.PHONY: proto
proto: $(DEVELOPMENT) generate ## Generate the stubs from the contract

.PHONY: generate
generate:
	buf generate
	@# The typing generator writes a gRPC module for files without a service, too.
	@for stub in $$(find protos/gen -name '*_pb2_grpc.pyi'); do \
	  test -e "$${stub%i}" || rm "$$stub"; \
	done

.PHONY: contract
contract: $(DEVELOPMENT) ## Check the contract: style, format, compatibility
	buf lint
	buf format --diff --exit-code > /dev/null
	.ci/breaking

.PHONY: format
format: $(DEVELOPMENT) ## Format the code and the contract
	ruff format .
	ruff check --fix-only --quiet .
	buf format --write

.PHONY: lint
lint: $(DEVELOPMENT) ## Check style and spelling
	ruff format --check .
	ruff check .
	codespell

.PHONY: types
types: $(DEVELOPMENT) ## Check types
	mypy $(SOURCES)

.PHONY: test
test: $(DEVELOPMENT) ## Run every test
	pytest

FLOORS := build/floors
# What depends on others' code most: servers, databases, clients, both programs.
FLOOR_TESTS := tests/contract/test_stubs.py tests/runtime tests/client tests/pixel/endpoint \
  tests/pixel/evidence tests/pixel/open_log/test_open_log.py tests/injector/configurations \
  tests/end_to_end/test_pair.py

.PHONY: test-floors
test-floors: $(DEVELOPMENT) ## Run some tests on the oldest dependencies that are admitted
	uv venv --quiet --clear --python $(BIN)/python $(FLOORS)
	uv pip install --quiet --python $(FLOORS)/bin/python --resolution lowest-direct \
	  --editable '.[postgres,geo]' --group dev
	PATH="$(CURDIR)/$(FLOORS)/bin:$$PATH" $(FLOORS)/bin/python -m pytest $(FLOOR_TESTS)

.PHONY: corpus
corpus: $(DEVELOPMENT) ## Judge the rewriting of real messages: the table of outcomes
	pytest --quiet tests/injector/rewriting/test_corpus.py

.PHONY: properties
properties: $(DEVELOPMENT) ## Look for new examples that break a property of rewriting
	pytest --quiet --timeout=3600 --hypothesis-profile=thorough tests/injector/rewriting/test_rewrite_properties.py

.PHONY: test-crash
test-crash: $(DEVELOPMENT) ## Kill processes and databases at random, 100 times (parts of one service 25)
	EMAILOPENS_CRASH_KILLS=100 pytest tests/pixel/test_crash.py \
	  tests/pixel/recording/test_outage.py tests/pixel/recording/test_refusing_database.py \
	  tests/pixel/recording/test_log_process_away.py tests/end_to_end/test_crash.py \
	  tests/end_to_end/test_planned_stops.py tests/pixel/grpc_api/test_streams_on_postgres.py

# How many mutants `make fuzz` tries, and of which seed: another seed, other mutants.
FUZZ_COUNT ?= 5000000
FUZZ_SEED ?= 1

# How long it looks for messages that cost more than their size.
FUZZ_COST_SECONDS ?= 1200

# How many calls it makes to running services.
FUZZ_CALLS ?= 20000

# How many sessions it has with the bridge.
FUZZ_SESSIONS ?= 100000

# Tokens, paths, cursors, page tokens, configurations, API keys: 4,000 examples of each where
# `make test` has 200.
FUZZED_PARSERS := tests/fuzz/test_parsers.py tests/runtime/api_keys/test_any_input.py

.PHONY: fuzz
fuzz: $(DEVELOPMENT) ## Try FUZZ_COUNT mutants of mail, and expensive messages (an hour or more)
	python -m tests.fuzz.fuzz_rewrite --count $(FUZZ_COUNT) --seed $(FUZZ_SEED)
	python -m tests.fuzz.fuzz_cost --seconds $(FUZZ_COST_SECONDS) --seed $(FUZZ_SEED)
	python -m tests.fuzz.fuzz_calls --count $(FUZZ_CALLS) --seed $(FUZZ_SEED)
	python -m tests.fuzz.fuzz_sessions --count $(FUZZ_SESSIONS) --seed $(FUZZ_SEED)
	pytest --quiet --timeout=3600 --hypothesis-profile=thorough $(FUZZED_PARSERS)

.PHONY: fuzz-short
fuzz-short: $(DEVELOPMENT) ## The same for a minute and a half
	python -m tests.fuzz.fuzz_rewrite --count 150000 --seconds 60
	python -m tests.fuzz.fuzz_cost --seconds 30
	python -m tests.fuzz.fuzz_calls --count 160
	python -m tests.fuzz.fuzz_sessions --count 1000

.PHONY: bench-timing
bench-timing: $(DEVELOPMENT) ## Fail if the time of an answer tells a forged token
	python -m benchmarks.token_timing

.PHONY: test-disk
test-disk: $(DEVELOPMENT) ## Fill file systems of the tests' own (root: mounts them)
	pytest tests/disk

.PHONY: test-browser
test-browser: $(DEVELOPMENT) ## Show rewritten messages and the page in Chromium (Debian: installs it)
	.ci/install-debian chromium chromium
	pytest tests/browser

.PHONY: test-postfix
test-postfix: $(DEVELOPMENT) ## Send mail through a real Postfix and the bridge (Debian: installs it; root)
	.ci/install-postfix
	pytest tests/postfix

EXIM := build/exim/usr/sbin/exim4
$(EXIM):
	.ci/unpack-debian build/exim usr/sbin/exim4 exim4-daemon-light libidn12

.PHONY: test-exim
test-exim: $(DEVELOPMENT) $(EXIM) ## The same with a real Exim (Debian: downloads it; root)
	pytest tests/exim

OPENSMTPD := build/opensmtpd/usr/sbin/smtpd
$(OPENSMTPD):
	.ci/unpack-debian build/opensmtpd usr/sbin/smtpd opensmtpd libevent-2.1-7

.PHONY: test-opensmtpd
test-opensmtpd: $(DEVELOPMENT) $(OPENSMTPD) ## The same with a real OpenSMTPD (Debian: downloads it; root)
	pytest tests/opensmtpd

.PHONY: test-postfix-kills
test-postfix-kills: $(DEVELOPMENT) ## Kill the bridge at random, 100 times, with Postfix' queue behind it
	.ci/install-postfix
	EMAILOPENS_CRASH_KILLS=100 pytest tests/postfix/test_kills.py

.PHONY: test-go
test-go: $(DEVELOPMENT) ## Generate Go stubs as documented (Debian: installs the generators)
	.ci/install-debian protoc-gen-go-grpc protoc-gen-go-1-5 protoc-gen-go-grpc
	pytest tests/go

PEERS := benchmarks/peers/mailsplit
$(PEERS)/node_modules/.installed: $(PEERS)/package.json
	npm install --prefix $(PEERS) --no-package-lock --no-audit --no-fund --silent
	@touch $@

CORPORA := build/corpora
$(CORPORA)/.fetched: Makefile
	python -m pip download --quiet --no-deps --dest $(CORPORA) \
	  device-detector==6.5.1 crawler-user-agents==1.67.0
	@# Only its sources have the tests' lists.
	python -m pip download --quiet --no-deps --no-binary crawlerdetect --dest $(CORPORA) \
	  crawlerdetect==0.4.2
	@touch $@

.PHONY: evidence
evidence: $(DEVELOPMENT) $(CORPORA)/.fetched ## Judge public lists of user agents: how often it is right
	python -m benchmarks.calibration

PICTURES := docs/pictures

# What misses its bar says so, and those after it are run all the same.
.PHONY: bench
bench: $(DEVELOPMENT) $(PEERS)/node_modules/.installed ## Time everything, as ratios against peers and floors (half an hour)
	-python -m benchmarks.rewrite
	-python -m benchmarks.rewrite_steps
	-python -m benchmarks.hostile
	-python -m benchmarks.beside_hostile
	-python -m benchmarks.allocator
	-python -m benchmarks.rpc
	-python -m benchmarks.rpc_security
	-python -m benchmarks.pixel_security
	-python -m benchmarks.evidence
	-python -m benchmarks.open_log.log_alone
	-python -m benchmarks.open_log.drain
	-python -m benchmarks.open_log.http_path
	-python -m benchmarks.open_log.where_time_goes
	-python -m benchmarks.open_log.memory
	-python -m benchmarks.open_log.streams
	-python -m benchmarks.open_log.felt --opens 200000
	-python -m benchmarks.open_log.viewers
	-python -m benchmarks.open_log.webhooks
	-python -m benchmarks.open_log.outage
	-python -m benchmarks.open_log.outage --what log-process
	-python -m benchmarks.open_log.sustained
	-python -m benchmarks.open_log.backlog --picture $(PICTURES)/backlog.svg

.PHONY: bench-mail
bench-mail: $(DEVELOPMENT) ## Time the bridge with Postfix, and the filter (Debian: installs Postfix; root)
	.ci/install-postfix
	-python -m benchmarks.mail_bridge
	-python -m benchmarks.filter_start

.PHONY: bench-long
bench-long: $(DEVELOPMENT) ## Fill logs of millions of opens, and measure beside them (half an hour, 10 GB)
	-python -m benchmarks.open_log.growth --picture $(PICTURES)/growth.svg
	-python -m benchmarks.open_log.felt

.PHONY: check
check: lint types contract test evidence fuzz-short ## Run every check

.PHONY: clean
clean: ## Remove what the targets made
	rm -rf $(VENV) build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
