# Everything a clone needs, from a bare Debian 12 with git, make and python3 onwards. Each target sets
# up what it lacks (Debian packages as root or through sudo, Python packages from the hash lock into
# .venv) and is quick when nothing is missing.

PYTEST  := .venv/bin/pytest
# The suite waits more than it computes: four workers fill two cores.
WORKERS := 4
READY   := .venv/.ready
HOST    := .venv/.host-ready
LIVE_TOOLS := mmdebstrap squashfs-tools xorriso mtools grub-common grub-pc-bin grub-efi-amd64-bin \
	e2fsprogs
GENERATED := docs/protocol-reference.md docs/simulation.md docs/asyncapi.json docs/published.md docs/pictures
SOURCES := headroom.py exchange manager hostagent sim tui bench tests

.DEFAULT_GOAL := help
# Steps share .venv, the caches and the machine's two cores; in parallel they would only collide.
.NOTPARALLEL:
.PHONY: help host demo demo-web unit test cluster check format cover bench bench-host sim sweep scenarios e2e live live-check \
	live-pictures docs snapshots docs-decide docs-published docs-pictures docs-recording web-picture peak-picture dist \
	dist-compiled test-compiled deb \
	lock clean

help:
	@echo 'make demo             the whole of Headroom in this terminal'
	@echo 'make demo-web         the same in a browser: prints a link'
	@echo 'make host             all that real VMs need on this server: QEMU, libvirt, HAProxy'
	@echo 'make unit             the tests of the pure rooms, but for their storms, in under a minute'
	@echo 'make unit ROOM=NAME   all tests of one room, such as trading or manager/core'
	@echo 'make test             lint, types and every test that needs no real VM or other server'
	@echo 'make cluster          the tests on real PostgreSQL and NATS (installs both)'
	@echo 'make check            lint and types only'
	@echo 'make format           format the Python sources and sort their imports'
	@echo 'make cover            which share of the branches of the pure rooms their tests take'
	@echo 'make e2e              the tests that start real VMs (installs QEMU and libvirt)'
	@echo 'make live             build the bootable image and boot it until a unit is sold (as root)'
	@echo 'make live-check       the same by UEFI and network, as a Manager, with a guest; builds twice'
	@echo 'make live-pictures    take the pictures of its boot menu and its console again'
	@echo 'make docs             make the generated pages and pictures of the docs again'
	@echo 'make docs-pictures    only the pictures'
	@echo 'make snapshots        every screen at every size again, which the tests compare'
	@echo 'make docs-decide      take the decisions of docs/decided.md again: ten seeds, some minutes'
	@echo 'make docs-published   play what others measured again, for docs/published.md'
	@echo 'make docs-recording   play a peak in a terminal again and keep it as a recording'
	@echo 'make peak-picture     play the Manager'\''s peak with a real VM and HAProxy, and draw it'
	@echo 'make web-picture      take the picture of the terminal in a browser again'
	@echo 'make dist             build dist/, install it in an empty environment and try it there'
	@echo 'make dist-compiled    build the wheel whose core is compiled, for this Python and machine'
	@echo 'make test-compiled    build it, and run tests of the exchange and the simulator on it'
	@echo 'make deb              build dist/ for Debian 12 and install it in a fresh Debian (as root)'
	@echo 'make sim              replay the server farm peak'
	@echo 'make sweep            500 simulated seeds with random faults: no law may break'
	@echo 'make scenarios        every shipped scenario with all seeds: each expectation must hold'
	@echo 'make bench            speed, as ratios against named baselines'
	@echo 'make bench-host       from vm.start to HTTP 200, against the same guest under QEMU alone'
	@echo 'make lock             choose the Python packages again and lock them with hashes'
	@echo 'make clean            remove caches and build products'

$(READY): requirements/dev.txt pyproject.toml .ci/setup-venv .ci/need
	bash .ci/setup-venv

$(HOST): $(READY) requirements/host.txt .ci/setup-host
	bash .ci/setup-host

# What real VMs need, and no test.
host: $(HOST)
	bash .ci/start-libvirt

demo: $(READY)
	.venv/bin/headroom demo

# Prints a link, which works once.
demo-web: $(READY)
	.venv/bin/headroom demo --web 127.0.0.1:8760

check: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy docs/examples/*.py

# Tests on real VMs and servers are left out by path, never by a skip: what is collected must run.
test: check
	bash .ci/need strace
	$(PYTEST) -n $(WORKERS) --dist worksteal tests --ignore=tests/e2e --ignore=tests/cluster \
		--ignore-glob='*/contract/real*'

# Real servers on the loopback address, in folders of their own.
cluster: $(READY)
	bash .ci/setup-cluster
	$(PYTEST) tests/cluster

# Storms take most of the time of the pure rooms, so they run when their room is named.
unit: $(READY)
	tests=$$(.venv/bin/python -m tests.unit $(ROOM)) && \
	$(PYTEST) -n $(WORKERS) --dist worksteal $(if $(ROOM),,-m 'not storm') $$tests

format: $(READY)
	.venv/bin/ruff check --select I --fix .
	.venv/bin/ruff format .

cover: $(READY)
	rm -rf .make/coverage && mkdir -p .make/coverage
	tests=$$(.venv/bin/python -m tests.unit) && \
	.venv/bin/coverage run -m pytest -n $(WORKERS) --dist worksteal $$tests
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage json --quiet -o .make/coverage/report.json
	.venv/bin/python -m tests.cover .make/coverage/report.json

e2e: $(HOST)
	bash .ci/need mmdebstrap e2fsprogs grub-common grub-pc-bin # a cloud image, made as root
	bash .ci/need chromium tmux # the terminal in a browser, and in a terminal
	bash .ci/start-libvirt
	$(PYTEST) tests/e2e tests/contract --ignore=tests/e2e/live \
		--ignore=tests/e2e/clean_root

# Builds the bootable image (once for each state of the sources) and boots it on an emulated server
# until a unit of it is sold.
live: $(HOST)
	bash .ci/need $(LIVE_TOOLS)
	$(PYTEST) -s -o faulthandler_timeout=900 tests/e2e/live/test_bios.py

live-check: $(HOST)
	bash .ci/need $(LIVE_TOOLS) ovmf
	$(PYTEST) -s -o faulthandler_timeout=2400 tests/e2e/live

# The boot menu and the console of docs/live-image.md, as an emulated server shows them.
live-pictures: live
	.venv/bin/python -m tests.e2e.live.pictures

sim: $(READY)
	.venv/bin/headroom sim run scenarios/server_farm_peak.toml

sweep: $(READY)
	.venv/bin/headroom sim sweep random_faults --seeds 1..500

# Every policy with every seed, and again in other circumstances: the same digests.
scenarios: $(READY)
	PYTHONHASHSEED=0 .venv/bin/python -m tests.sim.shipped.every

bench: $(READY)
	.venv/bin/python -m bench

bench-host: $(HOST)
	bash .ci/start-libvirt
	.venv/bin/python -m tests.e2e.bench_host

# With CI=true a page or picture that comes out another than the committed one is a failure.
docs: docs-pictures docs-published
	.venv/bin/python -m exchange.cli.reference
	.venv/bin/python -m tests.sim.shipped.table
	$(if $(filter true,$(CI)),git diff --exit-code -- $(GENERATED))

# Every screen as cells at every size, for the tests: see what changed before it is committed.
snapshots: $(READY)
	.venv/bin/python -m tests.tui.snapshots.draw

docs-pictures: $(READY)
	.venv/bin/python -m tui.demo.pictures
	.venv/bin/python -m tests.e2e.peak_picture
	.venv/bin/python -m tui.demo.animation

# Two shipped scenarios with ten seeds each; on any machine the same page.
docs-decide: $(READY)
	.venv/bin/python -m tests.sim.decide.page

# The scenarios public_*: published figures beside those of the simulator.
docs-published: $(READY)
	.venv/bin/python -m tests.sim.published.page

# Plays a peak in a terminal of its own, with VMs in memory: each time another recording.
docs-recording: $(READY)
	.venv/bin/python -m tests.tui.story.record docs/pictures/peak.cast
	.venv/bin/python -m tui.demo.animation

# The demo's market in a browser, as docs/terminal.md shows it; each time another market.
web-picture: $(READY)
	bash .ci/need chromium
	.venv/bin/python -m tests.e2e.web.picture

# Plays the peak of the Manager's docs on this machine and draws it anew.
peak-picture: $(HOST)
	bash .ci/start-libvirt
	.venv/bin/python -m tests.e2e.test_peak docs/pictures/peak.json
	.venv/bin/python -m tests.e2e.peak_picture

dist: $(READY)
	rm -rf dist
	bash .ci/build-dist dist
	HEADROOM_DIST=dist $(PYTEST) tests/e2e/test_dist.py

dist-compiled:
	bash .ci/build-compiled dist

# The same tests as of the source, those that a compiled core could fail: of the exchange, its storms,
# replays and restarts, and of what survives kill -9 and power loss; and the simulator's, whose digests
# are those of the source.
test-compiled: $(READY) dist-compiled
	bash .ci/need strace
	bash .ci/test-compiled dist/headroom-*-cp*.whl -n $(WORKERS) --dist worksteal \
		tests/exchange tests/crash tests/sim/run tests/sim/network tests/sim/record tests/sim/test_outputs.py

deb: $(READY)
	bash .ci/need mmdebstrap systemd
	rm -f dist/*.deb
	bash .ci/build-deb dist
	HEADROOM_DEB=dist $(PYTEST) -o faulthandler_timeout=900 tests/e2e/test_deb.py tests/e2e/clean_root

lock:
	bash .ci/lock

clean:
	rm -rf build dist .make .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
