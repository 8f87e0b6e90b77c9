# make distill: a larger model, the teacher, says of each position of the data what it finds likely,
# and the model learns that.  It is finetune with an objective and one result more, teacher.top;
# all of its knobs hold.

## distill: MODEL, DATA and TEACHER, a larger model with the same vocabulary, to a model that learnt from it: finetune with OBJECTIVE=distill
#? TEACHER distill: model to learn from; empty, with the example: that, all of it trained on the data
TEACHER       =
#? DISTILL_FLAGS distill: further options of distill: -k 128 --max-samples 1000
DISTILL_FLAGS =

ifneq ($(filter distill,$(MAKECMDGOALS)),)
usual_objective := distill
usual_name       = $(call run_name,$(MODEL))-distilled
FRONT           := $(if $(LIBTRAIN),$(FRONT),make) distill
MAKECMDGOALS    := $(patsubst distill,finetune,$(MAKECMDGOALS))
.PHONY: distill
distill: finetune
endif
