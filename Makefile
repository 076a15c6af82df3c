# make book: the quick profile, executed and built.  make test: everything that CI runs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: book test setup lint browser full benchmarks pictures pdf clean help

help:
	@grep -E '^# make|^[a-z]+:.*##' Makefile | sed 's/:.*## /: /'

book: $(READY) ## set up, run the quick profile, build the pages, say where they are
	$(BIN)/strata run --profile quick
	$(BIN)/strata build --profile quick

test: $(READY) browser lint ## set up, lint, unit tests, smoke notebooks, book build, browser test
	mkdir -p _build
	$(BIN)/strata check --profile full > _build/check.txt & \
	$(BIN)/pytest -m benchmark tests/benchmarks; fast=$$?; \
	wait $$!; fresh=$$?; cat _build/check.txt; test $$fast = 0 && exit $$fresh
	$(BIN)/pytest -m "not benchmark" --numprocesses 2

setup: $(READY) ## make .venv with the tested versions

$(READY): pyproject.toml $(wildcard constraints*.txt)
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Strata needs Python 3.11 to 3.13")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the tested versions: some minutes, two gigabytes"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,cluster]'
	touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

browser: $(READY) ## make sure that there is a Chromium for the tests of the pages
	$(BIN)/python tests/browser/chromium.py --install

full: $(READY) ## execute the full profile (an hour and a half, CIFAR-10 in STRATA_DATA) and build the published book
	$(BIN)/strata run --profile full
	$(BIN)/strata build --profile full

benchmarks: $(READY) ## measure the benchmarks again, on an idle machine
	rm -f _build/benchmarks.json
	STRATA_BENCH_OUT=_build/benchmarks.json $(BIN)/pytest tests/benchmarks
	mv _build/benchmarks.json book/executed/benchmarks.json

pictures: $(READY) ## take the README's pictures, the link preview and the icon from the built full profile
	mkdir -p book/images
	$(BIN)/python tests/browser/screenshot.py _build/full/html notebooks/ntk-depth.html book/images/page.png --height 1000
	$(BIN)/python tests/browser/screenshot.py _build/full/html notebooks/ntk-depth.html book/images/result.png --element '#fig-ntk-rank img'
	$(BIN)/python tests/browser/screenshot.py _build/full/html _static/social.svg book/_static/social.png --width 1200 --height 630
	$(BIN)/python tests/browser/screenshot.py _build/full/html _static/icon.svg book/_front/favicon.ico --width 64 --height 64

pdf: $(READY) browser ## print the built full profile into _build/full/strata.pdf
	$(BIN)/strata pdf --profile full

clean: ## remove what was built; the run store stays
	rm -rf _build
