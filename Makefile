# Everything a clone needs, from a bare Debian 12 with git, make and python3 onwards. Each target sets
# up what it lacks (Debian packages as root or through sudo, Python packages from the hash lock into
# .venv) and is quick when nothing is missing.

PYTEST  := .venv/bin/pytest
# The suite waits more than it computes: four workers fill two cores.
WORKERS := 4
READY   := .venv/.ready
HOST    := .venv/.host-ready
SOURCES := headroom.py exchange manager hostagent sim tui bench tests

.DEFAULT_GOAL := help
# Steps share .venv, the caches and the machine's two cores; in parallel they would only collide.
.NOTPARALLEL:
.PHONY: help demo test check bench sim e2e docs-pictures lock clean

help:
	@echo 'make demo           the whole of Headroom in this terminal'
	@echo 'make test           lint, types and every test that needs no real VM'
	@echo 'make check          lint and types only'
	@echo 'make e2e            the tests that start real VMs (installs QEMU and libvirt)'
	@echo 'make sim            replay the server farm peak'
	@echo 'make bench          speed, as ratios against named baselines'
	@echo 'make docs-pictures  draw the pictures of the docs again'
	@echo 'make lock           choose the Python packages again and lock them with hashes'
	@echo 'make clean          remove caches and build products'

$(READY): requirements/dev.txt pyproject.toml .ci/setup-venv .ci/need
	bash .ci/setup-venv

$(HOST): $(READY) requirements/host.txt .ci/setup-host
	bash .ci/setup-host

demo: $(READY)
	.venv/bin/headroom demo

check: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy docs/examples/*.py

# Real-VM tests are left out by path, never by a skip: what is collected must run.
test: check
	bash .ci/need strace
	$(PYTEST) -n $(WORKERS) --dist worksteal tests --ignore=tests/e2e --ignore-glob='*/contract/real*'

e2e: $(HOST)
	bash .ci/start-libvirt
	$(PYTEST) tests/e2e tests/contract

sim: $(READY)
	.venv/bin/headroom sim run scenarios/server_farm_peak.toml

bench: $(READY)
	.venv/bin/python -m bench

docs-pictures: $(READY)
	.venv/bin/python -m tui.demo.pictures

lock:
	bash .ci/lock

clean:
	rm -rf build dist .make .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
