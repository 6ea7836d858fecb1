# Everything is done by bootstrap.py, which Windows users call directly: py bootstrap.py demo
PYTHON ?= python3
DEVICE ?= auto
ARGS ?=

.PHONY: help setup demo test test-fast test-all fuzz kills batch-kills nuke lint bench doctor release

help:
	@$(PYTHON) bootstrap.py --help

setup:
	@$(PYTHON) bootstrap.py setup --device $(DEVICE) $(ARGS)

demo:
	@$(PYTHON) bootstrap.py demo --device $(DEVICE) $(ARGS)

test test-fast test-all:
	@$(PYTHON) bootstrap.py $@ --device $(DEVICE) $(ARGS)

nuke:
	@$(PYTHON) bootstrap.py nuke $(ARGS)

lint:
	@$(PYTHON) bootstrap.py lint

bench:
	@$(PYTHON) bootstrap.py bench --device $(DEVICE) $(ARGS)

# Outside of every test run. Linux and macOS: the attack is made in forked processes.
fuzz:
	@.venv/bin/python -m tests.fuzz $(or $(MINUTES),5) $(ARGS)

kills:
	@.venv/bin/python -m tests.fuzz.kills $(ARGS)

batch-kills:
	@.venv/bin/python -m tests.fuzz.batch_kills $(ARGS)

release:
	@$(PYTHON) bootstrap.py release $(if $(WHEELHOUSE),--wheelhouse $(WHEELHOUSE))

doctor:
	@$(PYTHON) bootstrap.py doctor $(ARGS)
