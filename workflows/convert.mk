# A model may be a folder of Hugging Face: then it is made a GGUF, once, and every workflow goes on
# with that file.  Make does it as it makes makefiles, before it looks at anything else:
# the makefile is the note of what the file was made of, and it is old when the folder is
# another one or has changed.  This is read before the workflows that ask for the model.

## import: MODEL, a folder of Hugging Face, to a GGUF in runs/models/
#? IMPORT_FLAGS further options of gguf-import, where MODEL is a folder: -t q8_0 --pre NAME
IMPORT_FLAGS =

# Only what the user gave: an environment has no say in it, and make would run what is in there.
ifneq ($(and $(filter import eval finetune lr-find data plan dataset distill dpo personalize publish $(RUNS)/%,$(MAKECMDGOALS)),$(call \
  given_here,MODEL),$(MODEL)),)
hub        := $(shell test -d $(call named,$(MODEL)) && echo yes)
$(if $(hub),,$(if $(filter import,$(MAKECMDGOALS)),$(call refuse,MODEL is '$(MODEL)'$(comma) which is no folder)))
endif
ifneq ($(hub),)
$(call target_name,RUNS)
hub_folder := $(call named,$(MODEL))
hub_flags  := $(if $(IMPORT_FLAGS),$(space)$(call option_words,IMPORT_FLAGS))
HUB         = $(call script,import.sh) $(call path,$(RUNS)) $(hub_folder)
hub_state  := $(shell $(HUB) $(call sh,$(hub_flags)))
hub_name   := $(firstword $(hub_state))
hub_what   := $(if $(hub_name),,$(shell test -f $(hub_folder)/adapter_config.json && \
  echo that of an adapter: MODEL is its base and adapter-import makes a GGUF of it))
$(if $(hub_name),,$(call refuse,MODEL: the folder '$(MODEL)' has no config.json: it is $(or $(hub_what),none of a model)))
hub_old    := $(filter old,$(hub_state))
IMPORT      = $(call cmd,gguf-import)$(hub_flags) -o $(hub_name).gguf $(hub_folder)
override MODEL := $(hub_name).gguf
ifneq ($(dry),)
$(if $(hub_old),$(info mkdir -p $(RUNS)/models)$(info $(IMPORT)))
else
hub_first  := $(hub_old)
include $(hub_name).mk
$(hub_name).mk: $(if $(hub_old),$(call built,gguf-import) FORCE)
	$(hide)mkdir -p $(RUNS)/models
	$(hide)$(IMPORT)
	@$(HUB) $(call sh,$(hub_flags)) note >$@
endif
endif

.PHONY: import
ifneq ($(filter import,$(MAKECMDGOALS)),)
import:
	$(if $(QUIET),@:,@printf '%s\n' $(call sh,$(MODEL)))
endif
