# make sweep: finetune for each point of a grid of knobs, and what came of them side by side.  Each
# is a run of its own, so a sweep that was stopped goes on, and one that has grown makes what is new.

## sweep: finetune for each of a grid, SWEEP='LR=1e-3,5e-3 RANK=4,8': runs NAME-…, a table, a page with their curves
#? SWEEP sweep: knobs, each with its values
SWEEP       = LR=1e-3,5e-3 RANK=4,8

ifneq ($(filter sweep,$(MAKECMDGOALS)),)
$(foreach k,RUNS NAME SWEEP,$(if $($k),,$(call refuse,$k is empty)))
$(foreach k,RUNS NAME,$(call target_name,$k))
$(if $(call code_in,$(SWEEP)),$(call refuse,SWEEP holds $(call code_in,$(SWEEP))))
$(foreach w,$(SWEEP),$(if $(and $(filter $(filter-out SWEEP NAME RUNS MODEL DATA,$(KNOBS)),$(firstword $(subst \
  =, ,$w))),$(word 2,$(subst =, ,$w))),,$(call refuse,SWEEP: '$w' is not KNOB=VALUE$(comma)VALUE)))
.PHONY: sweep
sweep: $(call built,report)
	+$(hide)DRY=$(dry) $(call script,sweep.sh) $(call sh,$(CMD)) $(call path,$(RUNS)) $(NAME) $(call sh,$(SWEEP)) $(MAKE) \
	  --no-print-directory -f $(call sh,$(firstword $(MAKEFILE_LIST))) finetune$(if $(call \
	  given_here,EPOCHS)$(call given_here,STEPS),, EPOCHS=2)
endif
