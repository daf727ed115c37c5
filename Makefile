# Everything sets itself up: `make demo` and `make test` need Python 3.11 or later, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More than there are cores: what starts processes and clusters mostly waits for them.
WORKERS := --numprocesses 4 --dist loadfile

.PHONY: demo test soak replay test-kubernetes record record-conditions record-hashes test-faults test-upstream test-traffic test-prometheus test-servers control-plane control-plane-down bench-controller bench-judges lint types contracts check crds lock clean

demo: $(VENV)/.ready
	$(BIN)/rollouts demo $(ARGS)

test: $(VENV)/.ready
	$(BIN)/pytest $(WORKERS) $(ARGS)

# Simulated programs of faults, intents and bad luck: so many seeds, or one of them step by step.
soak: $(VENV)/.ready
	$(BIN)/python -m tests.simulation soak --seeds $(or $(SEEDS),1000) --start $(or $(FROM),0)

replay: $(VENV)/.ready
	$(BIN)/python -m tests.simulation replay $(SEED) --events "$(or $(EVENTS),all)"

# A real kube-apiserver, built with Go on first use; or the cluster of KUBECONFIG, or the programs of KUBEBUILDER_ASSETS.
test-kubernetes: $(VENV)/.ready
	$(BIN)/python -m tests.controlplane exec $(BIN)/pytest tests/contract tests/e2e $(ARGS)

# Controllers as processes, a real kube-apiserver, and a proxy between them that cannot be relied on.
test-faults: $(VENV)/.ready
	$(BIN)/python -m tests.controlplane exec $(BIN)/pytest tests/faults/test_wire.py tests/faults/test_leaders.py $(ARGS)

# What upstream's own end-to-end suites walk through, with its kubectl plugin; CONTROLLER=upstream runs them on its controller.
test-upstream: $(VENV)/.ready
	$(BIN)/python -m tests.upstream --controller $(or $(CONTROLLER),ours) --numprocesses $(or $(WALKERS),8) $(ARGS)

# Records anew what a real kube-apiserver answers, and what kubectl prints there; look at the difference before a commit.
record: $(VENV)/.ready
	ROLLOUTS_RECORD=1 $(BIN)/python -m tests.controlplane exec $(BIN)/pytest tests/contract -k real $(ARGS)

record-conditions: $(VENV)/.ready
	$(BIN)/python -m tests.analysis.expressions.record

# Go's types of a pod template, and upstream's hashes of those in tests and examples; it needs Go.
record-hashes: $(VENV)/.ready
	$(BIN)/python -m tests.upstream.record

# These two run on the embedded cluster, or with ON=kubernetes beside a real kube-apiserver.
BESIDE = $(if $(filter kubernetes,$(ON)),$(BIN)/python -m tests.controlplane exec)

# A million requests through Envoy, while everything happens to what answers them; `make test` sends fewer.
test-traffic: $(VENV)/.ready
	REQUESTS=$${REQUESTS:-1000000} $(BESIDE) $(BIN)/pytest -s tests/dataplane $(ARGS)

# A real Prometheus, which must be on PATH, judges canaries.
test-prometheus: $(VENV)/.ready
	$(BESIDE) $(BIN)/pytest -m prometheus tests/prometheus $(ARGS)

# What a real Graphite (graphite-web and whisper of Debian) and a real InfluxDB (built once with Go) answer is measured.
test-servers: $(VENV)/.ready
	$(BIN)/pytest -m servers tests/servers $(ARGS)

# The same control plane, left running with a stand-in for the kubelet; prints its KUBECONFIG.
control-plane: $(VENV)/.ready
	@$(BIN)/python -m tests.controlplane up $(ARGS)

control-plane-down: $(VENV)/.ready
	@$(BIN)/python -m tests.controlplane down

# What the controller costs; ARGS="--rollouts 100,1000 --server kubernetes" chooses the sizes and the API server.
bench-controller: $(VENV)/.ready
	@$(BIN)/python -m benchmarks.controller $(ARGS)

# How often each judge fails healthy canaries, and how fast it fails bad ones; see docs/judges.md.
bench-judges: $(VENV)/.ready
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.judges --seed $(or $(SEED),7) --runs $(or $(RUNS),2000) $(ARGS)

check: lint types contracts

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

contracts: $(VENV)/.ready
	$(BIN)/lint-imports

crds: $(VENV)/.ready
	$(BIN)/rollouts crds --output-dir crds

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command 'make lock' --quiet

# One for a checkout, with everything; one for the image of the controller.
lock:
	$(LOCK) --all-extras --group dev -o requirements.lock
	$(LOCK) -o requirements-controller.lock

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Rollouts needs Python 3.11 or later; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

clean:
	rm -rf $(VENV) dist
