# Programs in dev/ that are built from this tree alone: what makes models and texts, and
# benchmarks.  They see the public headers and share the commands' options.
DEV := $(addprefix $(BUILD)/dev/,mkmodel mktext mkvocab bench_gemm)

.PHONY: dev
## dev: build what makes models and texts, and the benchmarks
dev: $(DEV)

$(BUILD)/dev/%: $(BUILD)/dev/%.o $(SHARED_OBJ) $(LIB)
	@echo "  LD    $@"
	$(Q)$(LINK) $^ $(TR_LIBS) $(LDLIBS)

bench: export DEV := $(BUILD)/dev
bench: $(DEV)

-include $(DEV:%=%.d)
