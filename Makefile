# Targets for people: run it, test it, measure it.
SEEDS ?= 200
SCHEDULES ?= 1000000
DIALS ?= 1000000
FUZZ_SECONDS ?= 60
CONFIG ?= config/demo.toml

.PHONY: run test lint sim fuzz bench sounds

# The debug build is the quickest honest start; `make run PROFILE=release` builds what one deploys.
# With the demo the switch itself says which account to put into a phone and what to dial.
PROFILE ?= dev
run:
	cargo build --profile $(PROFILE) -p strowger
	cargo run --quiet --profile $(PROFILE) -p strowger -- run --config $(CONFIG)

test:
	scripts/install-test-tools.sh
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace --no-fail-fast; \
	else \
		cargo test --workspace --no-fail-fast --lib --bins --tests; \
	fi
	cargo test --workspace --doc

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then \
		cargo deny check; \
	else \
		echo "cargo-deny is not installed; licences and advisories were not looked at (cargo install cargo-deny)"; \
	fi

# A long run of the simulator, and of the call distributor against its reference: make sim SEEDS=10000 SCHEDULES=1000000
sim:
	STROWGER_ACD_SCHEDULES=$(SCHEDULES) cargo test --release -p strowger-core --test all acd_model -- --nocapture
	STROWGER_DIAL_CALLS=$(DIALS) cargo test --release -p strowger-core --test all dial_sim -- --nocapture
	STROWGER_SIM_SEEDS=$(SEEDS) cargo test --release -p strowger-core --test sim seeds -- --nocapture

# Coverage-guided fuzzing of every parser of network input, FUZZ_SECONDS each: make fuzz FUZZ_SECONDS=600
fuzz:
	fuzz/run.sh $(FUZZ_SECONDS) $(TARGETS)

bench:
	benches/install.sh
	cargo build -q --release -p strowger -p strowger-rig
	cargo run -q --release -p strowger-rig -- all $(BENCH)

sounds:
	sounds/make.sh
