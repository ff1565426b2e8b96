# The commands of the README, and those a change is checked with. `make help` lists them.

ENVOY_VERSION ?= 1.40.0
# One of each line that the registry offers; the first and the last of the supported range are here.
ENVOY_VERSIONS := 1.36.4 1.37.0 1.38.3 1.39.3 1.40.0
VENV := .venv
PYTHON := $(VENV)/bin/python
CARGO := cargo
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

# ---- what the README promises ------------------------------------------------------------------------------------

.PHONY: demo
demo:  ## watch a real Envoy let the right requests through (HOLD=1 leaves it running)
	$(CARGO) build --locked --bin tollgate --example upstream
	@envoy=$$(scripts/envoy $(ENVOY_VERSION) any) && python3 examples/demo/demo.py --envoy "$$envoy" \
		--tollgate target/debug/tollgate --upstream target/debug/examples/upstream $(if $(HOLD),--hold)

.PHONY: test
test: test-rust test-e2e  ## every test, on the newest Envoy

.PHONY: test-rust
test-rust:  ## unit, property and integration tests
	$(CARGO) test --locked

.PHONY: test-e2e
test-e2e: $(VENV)/ready  ## the built program behind a real Envoy, asked by real SDKs
	$(CARGO) build --locked --bin tollgate --example upstream --example authenticator
	envoy=$$(scripts/envoy $(ENVOY_VERSION)) && ENVOY_BIN="$$envoy" ENVOY_VERSION=$(ENVOY_VERSION) \
		$(PYTHON) -m pytest -c tests/e2e/pytest.ini tests/e2e $(PYTEST)

.PHONY: test-envoys
test-envoys:  ## the end-to-end tests on every supported line of Envoy
	@for version in $(ENVOY_VERSIONS); do \
		echo "== Envoy $$version"; \
		$(MAKE) --no-print-directory test-e2e ENVOY_VERSION=$$version || exit 1; \
	done

.PHONY: bench-response-ids
bench-response-ids: $(VENV)/ready  ## what rewriting response ids costs behind a real Envoy, with an optimised build
	$(CARGO) build --locked --release --bin tollgate
	envoy=$$(scripts/envoy $(ENVOY_VERSION)) && ENVOY_BIN="$$envoy" TOLLGATE_BIN=target/release/tollgate \
		$(PYTHON) tests/e2e/bench_response_ids.py

.PHONY: bench-jwt
bench-jwt: $(VENV)/ready  ## tokens verified by Tollgate and by Envoy's jwt_authn, through one Envoy, with an optimised build
	$(CARGO) build --locked --release --bin tollgate --example noop
	envoy=$$(scripts/envoy $(ENVOY_VERSION)) && wrk=$$(scripts/wrk) && ENVOY_BIN="$$envoy" ENVOY_VERSION=$(ENVOY_VERSION) \
		WRK_BIN="$$wrk" TOLLGATE_BIN=target/release/tollgate $(PYTHON) tests/e2e/bench_jwt.py $(BENCH_SECONDS)

# ---- what a change must pass -------------------------------------------------------------------------------------

.PHONY: lint
lint:  ## format, clippy, documentation, dependency policy
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items
	scripts/deny

.PHONY: update-expected
update-expected:  ## write the decision matrix, the schemas and the expected messages anew, for review
	UPDATE_EXPECT=1 $(CARGO) test --locked --test it

.PHONY: clean
clean:  ## remove everything that was built or installed here
	$(CARGO) clean
	rm -rf $(VENV)

$(VENV)/ready: tests/e2e/requirements.txt scripts/venv
	scripts/venv $(VENV) -r tests/e2e/requirements.txt
	touch $@
