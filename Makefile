# A menu over meson. `make help`.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: fluxion-python fluxion-go fluxion-c fluxion-load
.PHONY: wheel deb trial
.PHONY: help all demo check torture bench fmt fmt-check lint asan tsan fuzz install clean

help:
	@echo "make demo     build, start an instance of four brokers, run jobs in it"
	@echo "make check    build and run all tests"
	@echo "make torture  long runs: faults and kills at random moments (COUNT=100)"
	@echo "make bench    measure, beside the limits of this machine"
	@echo "make fmt      format all sources (make fmt-check only looks)"
	@echo "make lint     static analysis"
	@echo "make asan     tests under the address and undefined sanitizers (SUITES=unit system)"
	@echo "make tsan     tests under the thread sanitizer"
	@echo "make fuzz     run the fuzz targets for a while (TIME=60, JOBS at once)"
	@echo "make fluxion-python, fluxion-go, fluxion-c   clients of the fluxion service"
	@echo "make fluxion-load   the fluxion service under load (TIME=60)"
	@echo "make wheel    a wheel of the package flux in $(BUILD)/dist (LIBS=carry|system)"
	@echo "make deb      Debian packages in $(BUILD)/deb"
	@echo "make trial    both of them in a fresh Debian 12: installed, used, purged (as root)"
	@echo "make install  install below PREFIX=$(PREFIX)"

all:
	@tools/setup.sh $(BUILD)
	@ninja -C $(BUILD)

demo: all
	@BUILD=$(BUILD) tools/demo.sh

check:
	@BUILD=$(BUILD) tools/check.sh

# Every script of test/torture, one after the other, one line for each.
torture: all
	@BUILD=$(BUILD) tools/torture.sh $(or $(COUNT),100)

bench: all
	@BUILD=$(BUILD) bench/run

fmt:
	@tools/fmt.sh

fmt-check:
	@tools/fmt.sh --check

lint:
	@tools/lint.sh

asan:
	@tools/sanitize.sh address $(SUITES)

tsan:
	@tools/sanitize.sh thread $(SUITES)

fuzz:
	@TIME=$(or $(TIME),60) JOBS=$(JOBS) tools/fuzz.sh

install:
	@tools/setup.sh $(BUILD)
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)) -Dlibdir=lib
	@ninja -C $(BUILD) --quiet
	@meson install -C $(BUILD) --no-rebuild --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))
	@echo "installed: $(abspath $(PREFIX))/bin/flux"

# LIBS=carry: with the libraries in it; LIBS=system: it finds the installed ones.
wheel: all
	@/usr/bin/python3 tools/wheel.py $(BUILD) $(BUILD)/dist $(or $(LIBS),carry)

# Debian packages: commands, libraries, headers, Python, fluxion, flux-hierarchy.
deb:
	@tools/deb.sh $(BUILD)

# Needs root, for chroot.
trial: wheel deb
	@tools/trial.sh $(BUILD)

# Clients of the fluxion service, see examples/fluxion.
fluxion-python: all
	@protoc --python_out=examples/fluxion -Isrc/fluxion-server/proto fluxion.proto
	@echo "run: /usr/bin/python3 examples/fluxion/client.py"

fluxion-go: all
	@ninja -C $(BUILD) --quiet test/fluxion-server/fluxion-go
	@echo "run: $(BUILD)/test/fluxion-server/fluxion-go --cluster-nodes examples/fluxion/cluster-nodes.json --jobspec examples/fluxion/jobspec.yaml"

fluxion-c: all
	@ninja -C $(BUILD) --quiet src/fluxion-server/fluxion-client
	@echo "run: $(BUILD)/src/fluxion-server/fluxion-client localhost:4242 examples/fluxion/cluster-nodes.json examples/fluxion/jobspec.yaml"

# The service under load for a minute, checked by replaying its record.
fluxion-load: all
	@ninja -C $(BUILD) --quiet test/fluxion-server/fluxion_pb2.py test/fluxion-server/fluxion-go-load
	@FLUX_BUILD_DIR=$(abspath $(BUILD)) FLUX_SOURCE_DIR=$(CURDIR) \
	    FLUXION_PB2=$(abspath $(BUILD))/test/fluxion-server \
	    FLUXION_GO_LOAD=$(abspath $(BUILD))/test/fluxion-server/fluxion-go-load \
	    sh -c '/usr/bin/python3 test/fluxion-server/load.py $(or $(TIME),60) && \
	        /usr/bin/python3 test/fluxion-server/crowd.py $(or $(TIME),60)'

clean:
	@rm -rf $(BUILD) build-asan build-tsan build-fuzz build-lint
