# Tests: each target runs tests/run.sh, whose last line is "N passed, M failed, K skipped".
# What is named here is handed on; tests find the rest themselves.
RUN_CHECKS = $(foreach k,CC CXX OPENMP DEPS_CPPFLAGS MAKE BUILD BIN SHARED,$k=$(call sh,$($k))) \
  sh tests/run.sh
STATIC_CHECKS := headers layers symbols docs

.PHONY: check fuzz studio-check $(addprefix check-,$(STATIC_CHECKS) unit cmd flow fuzz asan long)
## check: everything: build without warnings, static checks, all tests, sanitizers
check:
	@$(RUN_CHECKS) build $(STATIC_CHECKS) unit cmd flow asan fuzz

### check-headers: every header compiles alone, the public ones as C++ too
### check-layers: folders against the rule in docs/architecture.md, circles from symbols
### check-symbols: the names that the library exports
### check-docs: manual pages against --help
### check-unit: unit tests (libcheck)
### check-cmd: the commands, from the outside
### check-flow: the workflows
### check-long: what needs models from outside and many minutes, not part of check (MODELS_DIR)
### check-fuzz: seeds of the parsers and some mutations of each, with sanitizers
### check-asan: unit and command tests with address and undefined-behaviour sanitizers
check-long: export MODELS_DIR := $(MODELS_DIR)
$(addprefix check-,$(STATIC_CHECKS) unit cmd flow long): check-%:
	@$(RUN_CHECKS) build $*
check-asan check-fuzz: check-%:
	@$(RUN_CHECKS) $*

# Where studio-check leaves pictures of what it saw; empty: nowhere.
PICTURES ?=
studio-check: export PICTURES := $(PICTURES)
### studio-check: the page of studio in a Chromium without a window, not part of check (PICTURES)
studio-check: all
	@$(RUN_CHECKS) browser

### fuzz: search FUZZ_SECONDS for inputs that break a parser (FUZZ_CC: a clang with libFuzzer)
FUZZ_SECONDS ?= 60
FUZZ_CC      ?= $(firstword $(notdir $(wildcard /usr/bin/clang /usr/bin/clang-[0-9]*)) clang)
fuzz:
	@$(MAKE) MODE=fuzz CC=$(call sh,$(FUZZ_CC)) OPENMP= BUILD=build/fuzz fuzz-tests
	@BUILD=build/fuzz FUZZ_SECONDS=$(call sh,$(FUZZ_SECONDS)) sh tests/fuzz/replay.sh
