# make finetune: a model and a text in; adapter, merged model, its q8_0 form, a plot of the
# loss, an evaluation on held-out text and samples out, all under runs/NAME/.  Every
# artefact is the target of one command.

## finetune: MODEL and DATA to runs/NAME/: adapter.gguf merged.gguf q8_0.gguf loss.png eval.tsv samples.txt
#? MODEL model to start from, a GGUF file
MODEL       = examples/tiny.gguf
#? DATA text to train on, one document a file
DATA        = examples/tiny.txt
#? NAME name of the run: its files are in runs/NAME/
NAME        = $(call run_name,$(MODEL))-$(call run_name,$(or $(one_text),$(firstword $(DATA))))
#? TOKENIZE_FLAGS further options of tokenize: --special --eos --no-bos
TOKENIZE_FLAGS =
#? CTX tokens in a training sequence; empty: 256, or the model's context if that is less
CTX         =
#? VAL_SPLIT share of the text that is held out for eval.tsv
VAL_SPLIT   = 0.1
#? METHOD lora: an adapter; full: all weights
METHOD      = lora
#? RANK rank of the adapter
RANK        = 8
#? ALPHA the adapter is scaled by ALPHA / RANK
ALPHA       = 16
#? TARGETS linear layers that get an adapter; empty: all in the blocks
TARGETS     =
#? BATCH sequences in one forward and backward: a micro-batch
BATCH       = 4
#? GRAD_ACC micro-batches in a step
GRAD_ACC    = 1
# The small model of the example takes, and wants, larger steps than a real one.
EXAMPLE     = $(filter examples/tiny.gguf,$(MODEL))
#? EPOCHS passes over the data; with the example 8
EPOCHS      = $(if $(EXAMPLE),8,1)
#? STEPS steps, whatever EPOCHS says; empty: as EPOCHS says
STEPS       =
#? LR learning rate; empty: 2e-4, with METHOD=full 2e-5; with the example 5e-3
LR          = $(if $(EXAMPLE),5e-3)
#? SCHED schedule of the learning rate; empty: cosine
SCHED       =
#? WARMUP steps of warm-up, below 1 a share of all; empty: what train does by itself
WARMUP      =
#? SEED of the adapter, of the order of the data and of the samples
SEED        = 42
#? TRAIN_FLAGS further options of train
TRAIN_FLAGS =
#? RESTART yes: a training that was stopped starts over, and its saves are removed
RESTART     =
#? PROMPTS file of prompts for samples.txt, one a line
PROMPTS     = examples/prompts.txt
#? N_SAMPLE tokens that each sample adds; empty: 60, or half the model's context if less
N_SAMPLE    =
run_name    = $(call plain,$(basename $(notdir $(subst $(space),_,$(subst $(tab),_,$1)))))
one_text    = $(if $(call one_file,$(DATA)),$(DATA))

ifneq ($(filter finetune $(RUNS)/%,$(MAKECMDGOALS)),)
$(foreach k,RUNS NAME,$(call target_name,$k))
RUN        := $(call path,$(RUNS))/$(NAME)
model      := $(call named,$(MODEL))
data       := $(call files,$(DATA))
prompts    := $(call named,$(PROMPTS))
$(call readable,MODEL,$(model))$(call readable,DATA,$(data))$(call readable,PROMPTS,$(prompts))
$(if $(filter-out 1,$(words $(METHOD)))$(filter-out lora full,$(METHOD)),$(error METHOD is \
  '$(METHOD)', not lora or full))
LORA       := $(filter lora,$(METHOD))

# Every knob comes to a command through `sh`, as one word, whatever it holds.
option      = $(if $($2),$(space)$1 $(call sh,$($2)))
flags       = $(if $($1),$(space)$(call option_words,$1))
TOKENIZE_OPTS := $(call flags,TOKENIZE_FLAGS)
PACK_OPTS   = -c $(call sh,$(or $(CTX),$(call at_most,256,1)))$(call option,--val-split,VAL_SPLIT)
LORA_OPTS   = $(call option,--lora-r,RANK)$(call option,--lora-alpha,ALPHA)$(call \
  option,--lora-targets,TARGETS)
LENGTH_OPTS = $(or $(call option,--steps,STEPS),$(call option,--epochs,EPOCHS))
METHOD_OPTS = $(if $(LORA),$(LORA_OPTS),$(space)--full)
TRAIN_OPTS := $(METHOD_OPTS)$(call option,--batch,BATCH)$(call \
  option,--grad-acc,GRAD_ACC)$(LENGTH_OPTS)$(call option,--lr,LR)$(call \
  option,--sched,SCHED)$(call option,--warmup,WARMUP)$(call option,--seed,SEED)$(call \
  flags,TRAIN_FLAGS)
SAMPLE_OPTS = --prompts $(prompts) -n $(call sh,$(or $(N_SAMPLE),$(call at_most,60,2)))$(call \
  option,--seed,SEED)
GNUPLOT    := $(firstword $(wildcard $(addsuffix /gnuplot,$(subst :, ,$(PATH)))))

# Positions that the model was made for, asked when bin/ is built: a large number if they are
# not known.  $(call at_most,N,D): N, or a D-th of them if that is less.
context = $(eval context := $(shell $(BIN)/gguf-show --keys $(model) 2>/dev/null | awk -F '\t' \
  '$$2 ~ /\.context_length$$/ { n = $$4 } END { print n + 0 ? n : 1000000000 }'))$(context)
at_most = $(shell echo $$(($(context) / $2 < $1 ? $(context) / $2 : $1)))
within  = $(if $($1),$(if $(shell [ $(call sh,$($1)) -le $2 ] || echo no),$(error \
  $1 is $($1), but '$(MODEL)' was made for $2 positions)))
say_ctx = $(if $(or $(dry),$(CTX),$(filter 256,$(call at_most,256,1))),,$(info \
  CTX is $(context): '$(MODEL)' was made for no more positions))

# What each result is made of.
CONTENTS   := $(if $(and $(dry),$(if $(wildcard $(RUN)/records/contents),,new)),,$(shell \
  sh workflows/contents.sh $(RUN)/records/contents $(model) $(prompts) $(call named,$(lastword \
  $(patsubst --adapter-in=%,%,$(filter --adapter-in=%,$(subst --adapter-in ,--adapter-in=,$(strip \
  $(TRAIN_FLAGS))))))) workflows/loss.gp $(data)))
content     = $(foreach w,$(wordlist $1,$2,$(CONTENTS)),$(lastword $(subst =, ,$w)))
define of_data.tok
model $(call content,1,1)
text $(call content,5,1000000)
tokenize$(TOKENIZE_OPTS)
endef
define of_data.pack
$(of_data.tok)
pack --ctx $(CTX) --val-split $(VAL_SPLIT)
endef
define of_model.ckpt
$(of_data.pack)
adapter $(call content,3,3)
train$(TRAIN_OPTS)
endef
define of_loss.png
$(of_model.ckpt)
plot $(call content,4,4)
endef
define of_samples-base.txt
model $(call content,1,1)
prompts $(call content,2,2)
generate -n $(N_SAMPLE) --seed $(SEED)
endef
define of_samples.txt
$(of_model.ckpt)
$(of_samples-base.txt)
endef
of_val.pack = $(of_data.pack)
of_eval-base.tsv = $(of_data.pack)
MODELS     := $(if $(LORA),adapter.gguf) merged.gguf q8_0.gguf
EVALS      := $(if $(LORA),eval-adapter.tsv) eval-merged.tsv eval.tsv
$(foreach f,$(MODELS) $(EVALS),$(eval of_$f = $$(of_model.ckpt)))
RESULTS    := data.tok data.pack val.pack model.ckpt $(MODELS) eval-base.tsv $(EVALS) \
  samples-base.txt samples.txt $(if $(GNUPLOT),loss.png)
INODES     := $(call inodes,$(RESULTS))
$(foreach f,$(RESULTS),$(eval $(call made_of,$f)))

# A stopped training goes on if it began with the same record.  One that is finished gives way
# to one with other knobs; one that was stopped does if that is said.
SAVES      := $(wildcard $(RUN)/model.ckpt.d/[0-9]*.gguf)
GOES_ON    := $(and $(SAVES),$(call begun,model.ckpt),$(if $(RESTART),,1))
START      := $(if $(GOES_ON), --resume,$(if $(SAVES)$(wildcard $(RUN)/model.ckpt), --restart))
$(if $(filter-out yes,$(RESTART)),$(error RESTART is '$(RESTART)', not yes))
$(if $(and $(filter model.ckpt,$(todo)),$(SAVES)),$(if $(or $(GOES_ON),$(RESTART),$(call \
  made,model.ckpt)),,$(error $(RUN)/model.ckpt.d holds saves of a training with other knobs, \
  see $(RUN)/records/model.ckpt: RESTART=yes removes them, another NAME keeps them)))

.PHONY: finetune before-finetune
.PRECIOUS: $(addprefix $(RUN)/,$(RESULTS)) # what is there is whole: no command leaves half a file
finetune: $(addprefix $(RUN)/,$(RESULTS) records/contents)

# What would fail after the training, or after minutes, fails here.
define before
$(call usage,tokenize -m /dev/null$(TOKENIZE_OPTS))
$(call usage,pack $(PACK_OPTS) --val-out /dev/null/val -o /dev/null/data /dev/null/tok)
$(call usage,train -m /dev/null -d /dev/null -o /dev/null/ckpt$(TRAIN_OPTS))
$(call usage,generate -m /dev/null $(SAMPLE_OPTS))
$(call within,CTX,$(context))$(call within,N_SAMPLE,$(context))
$(if $(dry),,$(call refuse,$(shell sh workflows/before.sh $(BIN) $(model) $(RUN) '$(todo)'$(METHOD_OPTS))))
endef
before-finetune: | $(addprefix $(BIN)/,tokenize pack train generate quantize gguf-show)
	$(if $(todo),$(if $(before),))

$(RUN)/records: | before-finetune
	mkdir -p $@

$(if $(call same,$(call text_of,$(RUN)/records/contents),$(CONTENTS)$(newline)),,$(RUN)/records/contents: FORCE)
$(RUN)/records/contents: | $(RUN)/records
	$(if $(dry),,$(file >$@,$(CONTENTS)))

$(RUN)/data.tok: | $(RUN)/records $(BIN)/tokenize
	$(begin)$(BIN)/tokenize -o $@ -m $(model)$(TOKENIZE_OPTS) $(data)

PACK        = $(BIN)/pack $(PACK_OPTS) --val-out $(RUN)/val.pack -o $(RUN)/data.pack $(RUN)/data.tok
$(RUN)/data.pack $(RUN)/val.pack &: | $(RUN)/data.tok $(BIN)/pack
	$(say_ctx)$(call begins,data.pack)$(call begins,val.pack)$(PACK)

# The same prompts through the original and the tuned model.  The original comes before the
# training, since a prompt may be longer than the model takes.
SAMPLE      = $(BIN)/generate $(SAMPLE_OPTS)
$(RUN)/samples-base.txt: | $(RUN)/val.pack $(BIN)/generate
	$(begin)$(SAMPLE) -m $(model) --label base -o $@

$(RUN)/samples.txt: | $(RUN)/eval.tsv $(RUN)/samples-base.txt
	$(begin)$(SAMPLE) -m $(RUN)/merged.gguf --label tuned --after $(RUN)/samples-base.txt -o $@

TRAIN       = $(BIN)/train -m $(model) -d $(RUN)/data.pack --val $(RUN)/val.pack$(TRAIN_OPTS) \
  --log $(RUN)/metrics.tsv -o $(RUN)/model.ckpt$(START)
$(RUN)/model.ckpt: | $(RUN)/data.pack $(RUN)/val.pack $(RUN)/samples-base.txt $(BIN)/train
	$(if $(GNUPLOT)$(dry),,$(info gnuplot is not there: no loss.png))$(begin)$(TRAIN)

# Whoever has a picture that cannot be drawn still wants the model.
$(RUN)/loss.png: | $(RUN)/model.ckpt
	-$(begin)gnuplot -c workflows/loss.gp $(RUN)/metrics.tsv $@

$(RUN)/adapter.gguf: | $(RUN)/model.ckpt $(BIN)/gguf-export
	$(begin)$(BIN)/gguf-export -m $(model) -o $@ $(RUN)/model.ckpt

ifneq ($(LORA),)
$(RUN)/merged.gguf: | $(RUN)/adapter.gguf $(BIN)/merge
	$(begin)$(BIN)/merge -m $(model) -a $(RUN)/adapter.gguf -t f16 -o $@
else
$(RUN)/merged.gguf: | $(RUN)/model.ckpt $(BIN)/gguf-export
	$(begin)$(BIN)/gguf-export -m $(model) -o $@ $(RUN)/model.ckpt
endif

$(RUN)/q8_0.gguf: | $(RUN)/merged.gguf $(BIN)/quantize
	$(begin)$(BIN)/quantize -t q8_0 -o $@ $(RUN)/merged.gguf

# The evaluation grows by a row a command: --after puts the rows of an older table first.
# One after the other, since each uses all processors.
EVAL        = $(BIN)/perplexity -d $(RUN)/val.pack
after       = --after $(RUN)/eval-$1.tsv -o $@

$(RUN)/eval-base.tsv: | $(RUN)/val.pack $(BIN)/perplexity $(RUN)/q8_0.gguf
	$(begin)$(EVAL) -m $(model) --label base -o $@

$(RUN)/eval-adapter.tsv: | $(RUN)/adapter.gguf $(RUN)/eval-base.tsv
	$(begin)$(EVAL) -m $(model) -a $(RUN)/adapter.gguf --label 'base + adapter' $(call after,base)

$(RUN)/eval-merged.tsv: | $(RUN)/merged.gguf $(RUN)/eval-$(if $(LORA),adapter,base).tsv
	$(begin)$(EVAL) -m $(RUN)/merged.gguf --label merged $(call after,$(if $(LORA),adapter,base))

$(RUN)/eval.tsv: | $(RUN)/q8_0.gguf $(RUN)/eval-merged.tsv
	$(begin)$(EVAL) -m $(RUN)/q8_0.gguf --label q8_0 $(call after,merged)
endif
