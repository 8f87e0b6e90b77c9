# make lr-find: which learning rates a run bears.  A short finetune of its own with a rate that rises by
# the same factor with each step (Smith 2015); its losses by rate are a table, a plot and a rule's word.

## lr-find: losses of a short run with rates from LR_FROM to LR_TO: a table, a plot, and where the loss falls most steeply
#? LR_FROM lr-find: rate of the first step
LR_FROM     = 1e-6
#? LR_TO lr-find: rate of the last step
LR_TO       = 0.1
#? LR_STEPS lr-find: steps
LR_STEPS    = 100

ifneq ($(filter lr-find,$(MAKECMDGOALS)),)
$(foreach k,RUNS NAME LR_FROM LR_TO LR_STEPS,$(if $($k),,$(call refuse,$k is empty)))
$(foreach k,RUNS NAME,$(call target_name,$k))
.PHONY: lr-find
lr-find:
	+$(hide)DRY=$(dry) GP=$(call sh,$(WORKFLOWS)/lr-find.gp) $(call script,lr-find.sh) $(call path,$(RUNS)) \
	  $(NAME)-lr-find $(call sh,$(LR_FROM)) $(call sh,$(LR_TO)) $(call sh,$(LR_STEPS)) $(call sh,$(TRAIN_FLAGS)) \
	  $(MAKE) --no-print-directory -f $(call sh,$(firstword $(MAKEFILE_LIST)))
endif
