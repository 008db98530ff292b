# A menu over meson. `make help`.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: help all demo check bench fmt fmt-check lint asan tsan fuzz install clean

help:
	@echo "make demo     build, start an instance of four brokers, run jobs in it"
	@echo "make check    build and run all tests"
	@echo "make bench    measure, beside the limits of this machine"
	@echo "make fmt      format all sources (make fmt-check only looks)"
	@echo "make lint     static analysis"
	@echo "make asan     tests under the address and undefined sanitizers (SUITES=unit system)"
	@echo "make tsan     tests under the thread sanitizer"
	@echo "make fuzz     run the fuzz targets for a while (TIME=60)"
	@echo "make install  install below PREFIX=$(PREFIX)"

all:
	@tools/setup.sh $(BUILD)
	@ninja -C $(BUILD)

demo: all
	@BUILD=$(BUILD) tools/demo.sh

check:
	@BUILD=$(BUILD) tools/check.sh

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
	@TIME=$(or $(TIME),60) tools/fuzz.sh

install:
	@tools/setup.sh $(BUILD)
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)) -Dlibdir=lib
	@ninja -C $(BUILD) --quiet
	@meson install -C $(BUILD) --no-rebuild --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))
	@echo "installed: $(abspath $(PREFIX))/bin/flux"

clean:
	@rm -rf $(BUILD) build-asan build-tsan build-fuzz
