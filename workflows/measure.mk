# make eval: a model as it is and with an adapter: loss on a text or rows, questions with choices,
# the same prompts through both, and the files that come of them: each is made, read and asked.

## eval: MODEL, and ADAPTER on it, measured on DATA, CHOICES and PROMPTS; merged and quantised files are tried
#? ADAPTER eval: adapter of MODEL; personalize: one, or a tuned model, that is followed; empty: none
#? CHOICES eval: rows of questions with choices, as choice has them; empty: none
ADAPTER     =
CHOICES     =

ifneq ($(if $(hub_first),,$(filter eval,$(MAKECMDGOALS))),)
$(foreach k,RUNS NAME,$(call target_name,$k))
$(foreach k,$(if $(hub_old),,MODEL) DATA $(if $(ADAPTER),ADAPTER) $(if $(CHOICES),CHOICES) $(if $(PROMPTS),PROMPTS),$(call \
  readable,$k,$(call $(if $(filter DATA,$k),files,named),$($k))))
eval_word    = $(if $($1),$(call named,$($1)),'')
.PHONY: eval
eval: $(call built,tokenize pack perplexity choice merge quantize generate report)
	$(hide)ADAPTER=$(call eval_word,ADAPTER) CHOICES=$(call eval_word,CHOICES) PROMPTS=$(call eval_word,PROMPTS) \
	  CTX=$(call sh,$(or $(CTX),256)) SEED=$(call sh,$(SEED)) N=$(call sh,$(or $(N_SAMPLE),40)) \
	  $(call script,measure.sh) $(call sh,$(CMD)) $(call path,$(RUNS))/eval/$(NAME) $(call named,$(MODEL)) $(call \
	  files,$(DATA))
endif
