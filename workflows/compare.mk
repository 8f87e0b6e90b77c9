# make compare: runs side by side, as one table and one page with their curves.

## compare: runs side by side, RUNS='a b' or all in one folder: a table, and a page with their curves

ifneq ($(filter compare,$(MAKECMDGOALS)),)
$(if $(RUNS),,$(call refuse,RUNS is empty))
.PHONY: compare
compare: $(call built,report)
	$(hide)$(call script,compare.sh) $(call sh,$(CMD)) $(call named,$(RUNS))$(foreach w,$(RUNS), $(call named,$w))
endif
