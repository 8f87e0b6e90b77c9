# make personalize: an adapter by linear algebra, from a teacher and rows, or from rows alone.  It
# takes no longer than reading the rows a few times, so all three commands run each time.

## personalize: MODEL, ADAPTER and DATA to a smaller adapter without training: RUNS/personalize/NAME/adapter.gguf
#? PERSONALIZE_FLAGS personalize: further options of it: --form stream --lambda 0.1
PERSONALIZE_FLAGS =

ifneq ($(if $(hub_first),,$(filter personalize,$(MAKECMDGOALS))),)
$(foreach k,RUNS NAME,$(call target_name,$k))
personal   := $(call path,$(RUNS))/personalize/$(NAME)
followed   := $(if $(ADAPTER),$(call named,$(ADAPTER)))
row_files  := $(call files,$(DATA))
$(if $(hub_old),,$(call readable,MODEL,$(call named,$(MODEL))))$(call readable,DATA,$(row_files))$(if \
  $(ADAPTER),$(call readable,ADAPTER,$(followed)))
knob        = $(if $($2), $1 $(call sh,$($2)))
more        = $(if $($1), $(call option_words,$1))

.PHONY: personalize
personalize: $(call built,tokenize pack personalize)
	$(hide)mkdir -p $(personal)
	$(hide)$(call cmd,tokenize) -m $(call named,$(MODEL))$(call knob,--train-on,TRAIN_ON)$(call \
	  knob,--chat-template,CHAT_TEMPLATE)$(call more,TOKENIZE_FLAGS) -o $(personal)/data.tok $(row_files)
	$(hide)$(call cmd,pack) -c $(call sh,$(or $(CTX),256))$(call knob,--val-split,VAL_SPLIT)$(if \
	  $(VAL_SPLIT), --val-out $(personal)/val.pack)$(call more,PACK_FLAGS) -o $(personal)/data.pack $(personal)/data.tok
	$(hide)$(call cmd,personalize) -m $(call named,$(MODEL))$(if $(ADAPTER), --teacher \
	  $(followed), --form answers)$(call knob,--rank,RANK)$(if $(VAL_SPLIT), --held $(personal)/val.pack)$(call \
	  more,PERSONALIZE_FLAGS) -o $(personal)/adapter.gguf $(personal)/data.pack >$(personal)/layers.tsv
	$(if $(QUIET),@:,@printf '%s\n' $(personal)/adapter.gguf)
endif
