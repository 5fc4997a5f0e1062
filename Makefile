# `make run` and `make test` do everything from a fresh clone; the other targets are their steps.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-ready
TESTING := $(VENV)/.testing-ready
SOURCES := app.py components utils scripts tests
NUMERIC := $(wildcard $(addprefix tests/test_,activity.py analyze_heads.py api_ablate.py attention_only_model.py \
	catalogue_jobs.py circuits_*.py experiments_*.py forward_pass.py measures.py models_adapter.py new_role.py \
	processors.py pyvene_*.py scoring.py service.py shipped_models.py token_attribution.py training_dynamics.py \
	transformer_lens_toy.py tunes.py write_model_card.py))
OLDEST := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE OPENBLAS_CORETYPE=Nehalem \
	NPY_DISABLE_CPU_FEATURES=X86_V3,X86_V4,AVX512_ICL,AVX512_SPR

.PHONY: run serve test processors lint browser analyze benchmark calibrate clean

# A model is fetched once; where that cannot be done, Headlight goes on with those that came with it.
run: $(RUNTIME)
	@$(BIN)/python scripts/fetch_model.py --optional
	$(BIN)/python app.py

# The same for many users: one process, so that the model is loaded once, and several threads.
serve: $(RUNTIME)
	@$(BIN)/python scripts/fetch_model.py --optional
	$(BIN)/gunicorn --workers 1 --threads 16 --timeout 120 --limit-request-line 8190 \
		--bind $${HOST:-127.0.0.1}:$${PORT:-8050} "app:create_server()"

test: $(TESTING) browser lint
	@$(BIN)/python scripts/fetch_model.py --optional
	$(BIN)/python -m pytest --headless $(PYTEST_ARGS)

# The tests of numbers as other processors would do them: fewer instructions, one thread and two, one after another.
processors: $(TESTING)
	@failed=; for setting in ATEN_CPU_CAPABILITY=default ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 \
		OMP_NUM_THREADS=1 OMP_NUM_THREADS=2 "$(OLDEST)"; do \
		echo "== $$setting"; \
		env $$setting $(BIN)/python -m pytest -q -m "not browser" $(NUMERIC) $(PYTEST_ARGS) || failed="$$failed [$$setting]"; \
	done; test -z "$$failed" || { echo "Tests failed with:$$failed"; exit 1; }

lint: $(TESTING)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

# Chromium and its driver, for the browser tests; asks for nothing when they are there.
browser:
	@sh scripts/ensure_browser.sh

analyze: $(TESTING)
	$(BIN)/python scripts/analyze_heads.py --model classroom-gpt2

benchmark: $(TESTING)
	$(BIN)/python scripts/benchmark.py

calibrate: $(TESTING)
	$(BIN)/python scripts/calibrate.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Headlight needs Python 3.11 or newer. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.txt | $(VENV)/bin/python
	@$(BIN)/python scripts/start.py --only-set-up

$(TESTING): requirements.txt requirements-dev.txt requirements-analysis.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt -r requirements-analysis.txt
	@touch $@ $(RUNTIME)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis test-artifacts
