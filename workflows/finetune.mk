# make finetune: a model and a text in; adapter, merged model, its q8_0 form, a plot of the
# loss, an evaluation on held-out text and samples out, all under runs/NAME/.  Every
# artefact is the target of one command.  Names of files must not hold spaces.

## finetune: MODEL and DATA to runs/NAME/: adapter.gguf merged.gguf q8_0.gguf loss.png eval.tsv samples.txt
#? MODEL model to start from, a GGUF file
MODEL       = examples/tiny.gguf
#? DATA text to train on, one document a file
DATA        = examples/tiny.txt
#? NAME name of the run: its files are in runs/NAME/
NAME        = $(basename $(notdir $(MODEL)))-$(basename $(notdir $(firstword $(DATA))))
#? CTX tokens in a training sequence, at most the model's context
CTX         = 256
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
#? BATCH sequences in one forward and backward
BATCH       = 4
#? GRAD_ACC batches in a step
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
#? PROMPTS file of prompts for samples.txt, one a line
PROMPTS     = examples/prompts.txt
#? N_SAMPLE tokens that each sample adds
N_SAMPLE    = 60

RUNS        = runs
RUN        := $(RUNS)/$(NAME)
$(if $(filter-out lora full,$(METHOD)),$(error METHOD is '$(METHOD)', not lora or full))
LORA       := $(if $(filter full,$(METHOD)),,yes)
TOKENIZE_ARGS = -m $(MODEL) $(DATA)
PACK_OPTS   = -c $(CTX) --val-split $(VAL_SPLIT)
METHOD_OPTS = $(if $(LORA),--lora-r $(RANK) --lora-alpha $(ALPHA) \
  $(if $(TARGETS),--lora-targets '$(TARGETS)'),--full)
TRAIN_OPTS  = $(strip $(METHOD_OPTS) --batch $(BATCH) --grad-acc $(GRAD_ACC) \
  $(if $(STEPS),--steps $(STEPS),--epochs $(EPOCHS)) $(if $(LR),--lr $(LR)) \
  $(if $(SCHED),--sched $(SCHED)) $(if $(WARMUP),--warmup $(WARMUP)) --seed $(SEED) \
  $(TRAIN_FLAGS))
SAMPLE_OPTS = --prompts $(PROMPTS) -n $(N_SAMPLE) --seed $(SEED)
GNUPLOT    := $(firstword $(wildcard $(addsuffix /gnuplot,$(subst :, ,$(PATH)))))

FINETUNE   := $(addprefix $(RUN)/,data.tok data.pack val.pack model.ckpt \
  $(if $(LORA),adapter.gguf) merged.gguf q8_0.gguf eval.tsv samples.txt \
  $(if $(GNUPLOT),loss.png))
.PHONY: finetune
.PRECIOUS: $(filter-out %.png,$(FINETUNE)) # what is there is whole: no command leaves half a file
finetune: $(FINETUNE)

$(RUN):
	mkdir -p $@

# A stamp for each stage: it holds the options that influence the stage, and is rewritten
# only if they change.
$(eval $(call stamp,$(RUN)/tokenize.conf,TOKENIZE_ARGS))
$(eval $(call stamp,$(RUN)/pack.conf,PACK_OPTS))
$(eval $(call stamp,$(RUN)/train.conf,TRAIN_OPTS))
$(eval $(call stamp,$(RUN)/samples.conf,SAMPLE_OPTS))

$(RUN)/data.tok: $(MODEL) $(DATA) $(RUN)/tokenize.conf | $(BIN)/tokenize
	$(BIN)/tokenize -o $@ $(TOKENIZE_ARGS)

$(RUN)/data.pack $(RUN)/val.pack &: $(RUN)/data.tok $(RUN)/pack.conf | $(BIN)/pack
	$(BIN)/pack $(PACK_OPTS) --val-out $(RUN)/val.pack -o $(RUN)/data.pack $(RUN)/data.tok

# A stopped run goes on: saves that are younger than all it depends on are its own.
RESUME = $(if $(shell find $@.d -name '[0-9]*.gguf' $(addprefix -newer ,$^) 2>/dev/null),--resume)

$(RUN)/model.ckpt: $(MODEL) $(RUN)/data.pack $(RUN)/train.conf | $(BIN)/train
	$(strip $(BIN)/train -m $(MODEL) -d $(RUN)/data.pack --val $(RUN)/val.pack $(TRAIN_OPTS) \
	  --log $(RUN)/metrics.tsv -o $@ $(RESUME))

$(RUN)/loss.png: $(RUN)/model.ckpt workflows/loss.gp
	gnuplot -c workflows/loss.gp $(RUN)/metrics.tsv $@

$(RUN)/adapter.gguf: $(RUN)/model.ckpt | $(BIN)/gguf-export
	$(BIN)/gguf-export -m $(MODEL) -o $@ $<

ifneq ($(LORA),)
$(RUN)/merged.gguf: $(RUN)/adapter.gguf | $(BIN)/merge
	$(BIN)/merge -m $(MODEL) -a $< -t f16 -o $@
else
$(RUN)/merged.gguf: $(RUN)/model.ckpt | $(BIN)/gguf-export
	$(BIN)/gguf-export -m $(MODEL) -o $@ $<
endif

$(RUN)/q8_0.gguf: $(RUN)/merged.gguf | $(BIN)/quantize
	$(BIN)/quantize -t q8_0 -o $@ $<

# The evaluation grows by a row a command: --after puts the rows of an older table first.
# One after the other, since each uses all processors.
EVAL = $(BIN)/perplexity -d $(RUN)/val.pack

$(RUN)/eval-base.tsv: $(MODEL) $(RUN)/val.pack | $(BIN)/perplexity $(RUN)/q8_0.gguf
	$(EVAL) -m $(MODEL) --label base -o $@

$(RUN)/eval-adapter.tsv: $(RUN)/adapter.gguf $(RUN)/eval-base.tsv
	$(EVAL) -m $(MODEL) -a $< --label 'base + adapter' --after $(RUN)/eval-base.tsv -o $@

EVAL_BEFORE := $(RUN)/eval-$(if $(LORA),adapter,base).tsv
$(RUN)/eval-merged.tsv: $(RUN)/merged.gguf $(EVAL_BEFORE)
	$(EVAL) -m $< --label merged --after $(EVAL_BEFORE) -o $@

$(RUN)/eval.tsv: $(RUN)/q8_0.gguf $(RUN)/eval-merged.tsv
	$(EVAL) -m $< --label q8_0 --after $(RUN)/eval-merged.tsv -o $@

# The same prompts through the original and the tuned model.
$(RUN)/samples-base.txt: $(MODEL) $(PROMPTS) $(RUN)/samples.conf | $(BIN)/generate $(RUN)/eval.tsv
	$(BIN)/generate -m $(MODEL) $(SAMPLE_OPTS) --label base -o $@

$(RUN)/samples.txt: $(RUN)/merged.gguf $(RUN)/samples-base.txt
	$(BIN)/generate -m $< $(SAMPLE_OPTS) --label tuned --after $(RUN)/samples-base.txt -o $@
