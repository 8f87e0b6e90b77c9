# make dpo: pairs of answers in, a chosen and a rejected one to the same prompt, an adapter out
# that prefers what was chosen.  It is finetune with an objective; all of its knobs hold.

## dpo: MODEL and DATA, rows of prompt, chosen and rejected, to a model that answers as was chosen: finetune with OBJECTIVE=dpo

ifneq ($(filter dpo,$(MAKECMDGOALS)),)
usual_data      := $(EXAMPLES)/pairs.jsonl
usual_objective := dpo
usual_epochs    := 2
FRONT           := $(if $(LIBTRAIN),$(FRONT),make) dpo
MAKECMDGOALS    := $(patsubst dpo,finetune,$(MAKECMDGOALS))
.PHONY: dpo
dpo: finetune
endif
