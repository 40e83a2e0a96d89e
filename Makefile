# make demo      the mission's network, made by three wgd daemons before your eyes; nothing outside is touched
# make test      all tests, on every kind of kernel that can be had here; what hangs on versions on Debian 13's, too
# make check     style, types and the tests that need no kernel, with a quarter of make test's examples
# make bench     what wgd and other tools cost with 10 to 50,000 peers (half an hour; BENCH_SIZES=10,100: a few minutes)
# make bench-repair  how long a change by somebody else lasts until wgd has put it right
# make bench-through  what a packet through the hub costs with the rules of 10 and of 10,000 peers (a minute)
# make soak      ten minutes (SOAK_SECONDS=…) with a hostile second administrator, on a kernel with WireGuard
# make bench-disruption  what a running connection notices of wgd and of other tools (half an hour)
# make migration the README's way from wg-quick to wgd, played; writes docs/migration.md
# make install   wgd on this machine: /opt/wgd, a systemd unit, /etc/wgd; it starts nothing (needs root)
# make uninstall takes it off again, with the network it made; only /etc/wgd stays (needs root)
# make test-vm   the tests on Debian's own kernel in an emulated machine; KERNEL=trixie-backports: on a newer one
# make clean     removes what these made here (a kernel that was built stays in ~/.cache/wgd)
#
# The first four work on a fresh Debian 12 or Ubuntu 22.04 and later: what is missing is installed, and said.

READY = .venv/ready

.PHONY: help demo bench bench-disruption bench-repair bench-through soak migration test check lint test-vm install uninstall clean
help:
	@sed -n 's/^# \?//p' Makefile

demo: $(READY)
	@.venv/bin/python -m integration.demo

test: $(READY)
	@integration/prepare run test uml root
	@integration/run

bench: $(READY)
	@integration/prepare run test uml
	@.venv/bin/python -m integration.bench

bench-disruption: $(READY)
	@integration/prepare run test uml bench
	@.venv/bin/python -m integration.disruption

check: lint
	@.venv/bin/pytest tests

bench-repair: $(READY)
	@.venv/bin/python -m integration.bench_repair

bench-through: $(READY)
	@integration/prepare run uml
	@.venv/bin/python -m integration.bench_through

soak: $(READY)
	@integration/prepare run uml
	@.venv/bin/python -m integration.soak

migration: $(READY)
	@.venv/bin/python -m integration.migration

lint: $(READY)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet . || { echo "ruff format would change files"; exit 1; }
	@.venv/bin/mypy wgd integration

test-vm: $(READY)
	@integration/prepare run test vm
	@integration/run vm

install:
	@systemd/install

uninstall:
	@systemd/uninstall

$(READY): pyproject.toml integration/prepare integration/make-venv
	@integration/prepare run
	@integration/make-venv
	@touch $@

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
