# What one types here. It needs Rust (https://rustup.rs) and Python 3.11; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := pyproject.toml Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml)
FUZZ_TARGETS := head chunked header_blocks proxy_head cookie snapshot
# What lets the compiler learn from a run; without it the optimised engine is built once, without a guide.
PROFDATA = $(wildcard $(shell rustc --print sysroot)/lib/rustlib/*/bin/llvm-profdata)
DEVELOP := VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --extras dev

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench faults framing fuzz clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

demo: .venv/engine ## three shops, a shopper and his basket; stays up until Ctrl-C, or ONCE=1 ends after the story
	@$(BIN)/python -m demo $(if $(ONCE),--once)

test: .venv/engine ## every test of Rust and Python, with a real engine on loopback
	cargo test --workspace --quiet
	$(BIN)/pytest -n 2

lint: .venv/engine ## format, clippy, ruff, types, stubs and layers
	cargo fmt --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	cd python && ../$(BIN)/python -m mypy.stubtest equalizer._engine
	$(BIN)/lint-imports --no-logo

bench: .venv/engine-release ## the same work on us and the peers; rewrites the table of README.md (less than an hour)
	$(BIN)/python -m bench.run --syscalls --idle --readme

faults: .venv/engine ## what clients notice when servers fail, beside HAProxy; rewrites docs/reference/faults.md (8 minutes)
	$(BIN)/python -m bench.faults

framing: .venv/engine ## how HAProxy and nginx take the hostile cases; rewrites docs/reference/framing.md
	PYTHONPATH=tests $(BIN)/python -m hostile.page

fuzz: ## every fuzz target for 60 s, or SECONDS=n; needs a nightly toolchain: rustup toolchain install nightly
	cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz
	for target in $(FUZZ_TARGETS); do mkdir -p fuzz/found/$$target; \
	  cargo +nightly fuzz run $$target fuzz/found/$$target fuzz/corpus/$$target -- \
	    -max_total_time=$(or $(SECONDS),60) -max_len=4096 || exit 1; \
	done

clean: ## remove what was made
	cargo clean --quiet
	rm -rf .venv python/equalizer/_engine*.so

.venv/maturin:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip maturin
	@touch $@

# One engine is installed at a time: the quick build for work, the optimised one to be measured.
.venv/engine: .venv/maturin $(SOURCES)
	$(DEVELOP)
	@rm -f .venv/engine-release && touch $@

.venv/engine-release: .venv/maturin $(SOURCES)
	@$(if $(PROFDATA),,echo "For the engine that releases have, guided by a run: rustup component add llvm-tools")
	$(DEVELOP) $(if $(PROFDATA),--pgo,--release)
	@rm -f .venv/engine && echo $(if $(PROFDATA),guided by a run,built without a guide) > $@
