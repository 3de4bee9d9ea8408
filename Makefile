# Everything a person needs here is one word away. Only Rust must be installed.

.PHONY: demo test check peers bench latency ci

demo: ## A whole town in one process, until ctrl-c.
	cargo run --release --locked -- demo

test: ## Every test that runs in minutes.
	cargo test --workspace --locked

check: ## Format and lints, as CI sees them.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings

peers: ## Radio frames against other programs that speak the same; see docs/interop.md.
	tests/peers/run

bench: ## Every benchmark against its floor; see docs/latency.md.
	cargo bench --locked

latency: bench ## The same, then other systems beside it; writes docs/latency.md and docs/latency.svg.
	python3 benches/peers.py

ci: ## What a change must pass.
	.ci/run
