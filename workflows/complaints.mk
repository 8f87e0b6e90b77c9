# Words beside the name of a workflow that nobody knows: a knob that there is not would change
# nothing, and a file is no target, both without a word.
workflow   := $(firstword $(filter compare data dataset distill dpo eval finetune lr-find personalize plan pretrain selfplay sweep,$(MAKECMDGOALS)))
ifneq ($(workflow),)
targets     = all $(shell sed -n 's/^\#\# \([a-z0-9-]*\): .*/\1/p' $(call sh,$(MK))/*.mk \
  $(call sh,$(WORKFLOWS))/*.mk)
stray      := $(filter-out compare data dataset distill dpo eval finetune lr-find personalize plan pretrain selfplay sweep $(RUNS)/%,$(MAKECMDGOALS))
stray      := $(if $(stray),$(filter-out $(targets) $(addsuffix /%,$(BIN) $(BUILD)),$(stray)))
$(if $(stray),$(call refuse,$(shell $(call script,goals.sh) $(workflow) $(call sh_words,$(stray)))))

# Names in the makefiles of the build, and of programs that a command may be asked for with
# them.
variables   = $(shell cat Makefile $(call sh,$(MK))/*.mk 2>/dev/null | tr -c 'A-Za-z0-9_-' '[\n*]' | \
  grep -x '[A-Za-z][A-Za-z_0-9]*' | sort -u)
foreign    := V Q BIN CMD LIBTRAIN HOME PATH TMPDIR SHELL LANG LC_% OMP_% GOMP_% OPENBLAS_% NO_COLOR COLUMNS
unknown    := $(filter-out -*-% MAKE% $(KNOBS) $(TEXTS) $(foreign),$(foreach v,$(.VARIABLES),$(if \
  $(filter command,$(firstword $(origin $v))),$v)))
unknown    := $(if $(unknown),$(firstword $(filter-out $(variables),$(unknown))))
$(if $(unknown),$(call refuse,$(shell awk -f $(call sh,$(WORKFLOWS)/nearest.awk) $(call \
  sh,$(unknown)) $(KNOBS))))
endif
