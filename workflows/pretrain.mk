# make pretrain: text in, and a model that was made of nothing else out: a tokenizer of the text,
# random weights, and their training, which is finetune with METHOD=full.  Tokenizer and weights
# are made as convert.mk makes a model: by make before it looks at anything else, and RUN/start.mk
# is the note of what they were made of.

## pretrain: DATA to a tokenizer, a model with random weights and the training of all of them: finetune from nothing
#? SIZE pretrain: about so many parameters: 1M 5M 20M 100M
SIZE        = 1M
#? FAMILY pretrain: architecture: llama, or gpt2 qwen3 gemma3 … (model-init --help)
FAMILY      = llama
#? VOCAB_SIZE pretrain: tokens of the vocabulary that is made of DATA
VOCAB_SIZE  = 2048
#? VOCAB pretrain: GGUF whose tokenizer is taken, in place of one made of DATA
VOCAB       =
#? VOCAB_FLAGS pretrain: further options of bpe-train: --kind unigram --special <|end|>
VOCAB_FLAGS =
#? INIT_FLAGS pretrain: further options of model-init: --layers 12 --kv-heads 2
INIT_FLAGS  =

ifneq ($(filter pretrain,$(MAKECMDGOALS)),)
usual_method := full
usual_epochs := 8
usual_lr     := 2e-3
usual_name   := $(call plain,$(SIZE)-$(FAMILY))
FRONT        := $(if $(LIBTRAIN),$(FRONT),make) pretrain
MAKECMDGOALS := $(patsubst pretrain,finetune,$(MAKECMDGOALS))
.PHONY: pretrain
pretrain: finetune
$(foreach k,RUNS NAME,$(call target_name,$k))
start       := $(call path,$(RUNS))/$(NAME)/start
$(if $(call given_here,MODEL),$(if $(call same,$(MODEL),$(start).gguf),,$(call refuse,MODEL is '$(MODEL)'$(comma) but \
  pretrain makes it: finetune with METHOD=full goes on with one that is there)))
override MODEL := $(start).gguf
data        := $(call files,$(DATA))
$(call readable,DATA,$(data))
vocab       := $(if $(VOCAB),$(call named,$(VOCAB)),$(dir $(start))vocab.gguf)
$(if $(VOCAB),$(call readable,VOCAB,$(vocab)))
MAKE_VOCAB  := $(if $(VOCAB),,-n $(call sh,$(VOCAB_SIZE)) --special-last$(if $(VOCAB_FLAGS), $(call \
  option_words,VOCAB_FLAGS)))
INIT        := --size $(call sh,$(SIZE)) --arch $(call sh,$(FAMILY)) --ctx $(call sh,$(or $(CTX),256)) --seed $(call \
  sh,$(SEED))$(if $(INIT_FLAGS), $(call option_words,INIT_FLAGS))
$(if $(VOCAB),,$(call usage,bpe-train $(MAKE_VOCAB) -o /dev/null/vocab /dev/null))
$(call usage,model-init $(INIT) --vocab /dev/null -o /dev/null/start)
START_SUMS  := $(shell $(call script,contents.sh) $(dir $(start))records/contents $(if \
  $(VOCAB),$(vocab),$(data)))
START_NOTE  := \# $(foreach w,$(START_SUMS),$(lastword $(subst =, ,$w)))$(if $(VOCAB),, bpe-train \
  $(MAKE_VOCAB)) model-init $(INIT)
hub_old     := $(if $(wildcard $(start).gguf),$(if $(call same,$(call text_of,$(start).mk),$(START_NOTE)$(newline)),,old),old)
BPE_TRAIN    = $(call cmd,bpe-train) $(MAKE_VOCAB) -o $(vocab) $(data)
MODEL_INIT   = $(call cmd,model-init) $(INIT) --vocab $(vocab) -o $(start).gguf
ifneq ($(dry),)
$(if $(hub_old),$(info mkdir -p $(dir $(start)))$(if $(VOCAB),,$(info $(BPE_TRAIN)))$(info $(MODEL_INIT)))
else
hub_first   := $(hub_old)
include $(start).mk
$(start).mk: $(if $(hub_old),$(call built,bpe-train model-init) FORCE)
	$(hide)mkdir -p $(@D)
	$(if $(VOCAB),,$(hide)$(BPE_TRAIN))
	$(hide)$(MODEL_INIT)
	@printf '%s\n' $(call sh,$(START_NOTE)) >$@
endif
endif
