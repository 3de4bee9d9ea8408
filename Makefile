# Everything a person needs here is one word away. Only Rust must be installed.

.PHONY: demo test check flips peers peers-extra fuzz bench latency planted torture soak ci

demo: ## A whole town in one process, until ctrl-c.
	cargo run --release --locked -- demo

test: ## Every test that runs in minutes.
	cargo test --workspace --locked

check: ## Format and lints, as CI sees them.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings

flips: ## Every single bit of a journal turned and looked for.
	cargo test --release --locked --test flips

peers: ## Radio frames against other programs that speak the same; see docs/interop.md.
	tests/peers/run

peers-extra: ## The daemon against checked-out programs: HBLINK3=DIR DMRGATEWAY=DIR MMDVMHOST=DIR.
	HBLINK3=$(HBLINK3) DMRGATEWAY=$(DMRGATEWAY) MMDVMHOST=$(MMDVMHOST) tests/peers/extra

# Seconds for each fuzzing target.
TIME = 60

fuzz: ## Every fuzzing target for TIME seconds, and the slowest frame of each; see docs/interop.md.
	BOLERO_RANDOM_TEST_TIME_MS=$(TIME)000 BOLERO_RANDOM_ITERATIONS=100000000000 \
		cargo test --locked --package tieqi-protocols --test fuzz -- --nocapture
	BOLERO_RANDOM_TEST_TIME_MS=$(TIME)000 BOLERO_RANDOM_ITERATIONS=100000000000 \
		cargo test --locked --lib any_line_is_explained_or_refused -- --nocapture

planted: ## Bugs planted on purpose, each found by the simulator; see docs/reliability.md.
	cargo test --locked --features planted --test planted -- --nocapture

# Deaths of the daemon, and seconds it is stopped.
KILLS = 200
FREEZE_S = 60

torture: ## The real daemon killed KILLS times, half as often on a full disk, and stopped; see docs/reliability.md.
	KILLS=$(KILLS) FREEZE_S=$(FREEZE_S) \
		cargo test --release --locked --test torture -- --nocapture --test-threads 1 --include-ignored

# Hours of the soak.
HOURS = 1

soak: ## The real daemon for HOURS at five times a city's load; memory into target/soak.json and .svg.
	cargo build --release --locked
	python3 benches/soak.py --hours $(HOURS)

bench: ## Every benchmark against its floor; see docs/latency.md.
	cargo bench --locked

latency: bench ## The same, then other systems beside it; writes docs/latency.md and docs/latency.svg.
	python3 benches/peers.py

ci: ## What a change must pass.
	.ci/run
