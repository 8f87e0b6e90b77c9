# Tests: each target runs tests/run.sh, whose last line is "N passed, M failed, K skipped".
# What is named here is handed on; tests find the rest themselves.
RUN_CHECKS = CC='$(CC)' CXX='$(CXX)' OPENMP='$(OPENMP)' DEPS_CPPFLAGS='$(DEPS_CPPFLAGS)' \
  MAKE='$(MAKE)' BUILD='$(BUILD)' BIN='$(BIN)' SHARED='$(SHARED)' sh tests/run.sh
STATIC_CHECKS := headers layers symbols docs

.PHONY: check fuzz bench $(addprefix check-,$(STATIC_CHECKS) unit cmd flow fuzz asan)
## check: everything: build without warnings, static checks, all tests, sanitizers
check:
	@$(RUN_CHECKS) build $(STATIC_CHECKS) unit cmd flow fuzz asan

## check-headers: every header compiles alone, the public ones as C++ too
## check-layers: who includes whom, against the table in docs/architecture.md
## check-symbols: the names that the library exports
## check-docs: manual pages against --help
## check-unit: unit tests (libcheck)
## check-cmd: the commands, from the outside
## check-flow: the workflows
## check-fuzz: replay of the inputs that once broke a parser
## check-asan: unit and command tests with address and undefined-behaviour sanitizers
$(addprefix check-,$(STATIC_CHECKS) unit cmd flow fuzz): check-%:
	@$(RUN_CHECKS) build $*
check-asan:
	@$(RUN_CHECKS) asan

## fuzz: search for new inputs that break a parser (clang; FUZZ_SECONDS for each)
FUZZ_SECONDS ?= 60
fuzz:
	@CC='$(CC)' BUILD='$(BUILD)' FUZZ_SECONDS=$(FUZZ_SECONDS) sh tests/fuzz/fuzz.sh

## bench: measure speed and memory on this machine
bench: all
	@BIN='$(BIN)' SHARED='$(SHARED)' sh dev/bench.sh
