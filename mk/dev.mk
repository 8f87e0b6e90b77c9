# Programs in dev/ that are built from this tree alone: what makes models and texts, and
# benchmarks.  They see the public headers and share the commands' options.
DEV := $(addprefix $(BUILD)/dev/,mkmodel mktext mkvocab bench_gemm bench_run)

.PHONY: dev
## dev: build what makes models and texts, and the benchmarks
dev: $(DEV)

$(BUILD)/dev/%: $(BUILD)/dev/%.o $(SHARED_OBJ) $(LIB)
	@echo "  LD    $@"
	$(Q)$(LINK) $^ $(TR_LIBS) $(LDLIBS)

# The rates of bf16 and int8 are oneDNN's, whose version 2 is looked for here.
HAS_ONEDNN := $(if $(filter dev bench bench-%,$(building)),$(shell printf '%b\n' \
  '\0043include <oneapi/dnnl/dnnl.h>' '_Static_assert(DNNL_VERSION_MAJOR == 2, "");' \
  'int main(void) { return !dnnl_version(); }' | \
  $(CC) -x c -o /dev/null - -ldnnl 2>/dev/null && echo yes))
$(BUILD)/dev/bench_onednn.o: TR_CPPFLAGS += $(if $(HAS_ONEDNN),-DBENCH_ONEDNN)
$(BUILD)/dev/bench_gemm: $(BUILD)/dev/bench_onednn.o
$(BUILD)/dev/bench_gemm: TR_LIBS += $(if $(HAS_ONEDNN),-ldnnl)

# Parts of the benchmark, as dev/bench.sh knows them; empty: all but peers.
BENCH ?=
# Where bench-peers puts the programs of others.
PEERS ?= build/peers

.PHONY: bench bench-peers bench-docs
bench bench-peers: export DEV := $(BUILD)/dev
bench bench-peers: export BIN := $(BIN)
bench bench-peers: export SHARED := $(SHARED)
bench bench-peers: export PEERS := $(PEERS)
## bench: measure speed and memory on this machine (BENCH='train memory': these parts alone)
bench: all $(DEV)
	@sh dev/bench.sh $(BENCH)

## bench-peers: the same beside PyTorch, llama.cpp and others, which it sets up in PEERS
bench-peers: all $(DEV)
	@sh dev/bench-peers.sh '$(PEERS)'
	@sh dev/bench.sh peers

## bench-docs: what was measured to the tables and plots of docs/benchmarks.md
bench-docs:
	@sh dev/bench/report.sh

-include $(DEV:%=%.d) $(BUILD)/dev/bench_onednn.d
