# Programs in dev/, each .c one: what makes models and texts, benchmarks, what makes numbers of
# the tests.  They share the commands' options; `make check` builds them, so that none rots.
DEV := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard dev/*.c)))

.PHONY: dev help-dev
## help-dev: targets for those who work on libtrain
help-dev:
	@LC_ALL=C awk -f mk/help.awk mark='###' title='targets for those who work on libtrain:' mk/*.mk

### dev: build what makes models and texts, and the benchmarks
dev: $(DEV)

$(BUILD)/dev/%: $(BUILD)/dev/%.o $(MODELS_OBJ) $(SHARED_OBJ) $(LIB)
	$(call run,LD,$@,$(LINK) $^ $(TR_LIBS) $(LDLIBS))

# Parts of the benchmark, as dev/bench.sh knows them; empty: all but peers.
BENCH ?=
# Where bench-peers puts the programs of others.
PEERS ?= build/peers

.PHONY: bench bench-peers bench-docs
bench bench-peers: export DEV := $(BUILD)/dev
bench bench-peers: export BIN := $(BIN)
bench bench-peers: export SHARED := $(SHARED)
bench bench-peers: export PEERS := $(PEERS)
### bench: measure speed and memory on this machine (BENCH='train memory': these parts alone)
bench: all $(DEV)
	@sh dev/bench.sh $(call sh_words,$(BENCH))

### bench-peers: the same beside PyTorch, llama.cpp and others, which it sets up in PEERS
bench-peers: all $(DEV)
	@sh dev/bench-peers.sh $(call sh,$(PEERS))
	@sh dev/bench.sh peers

### bench-docs: what was measured to the tables and plots of docs/benchmarks.md
bench-docs:
	@sh dev/bench/report.sh

-include $(DEV:%=%.d)
