# make finetune: a model and a text in, or chats and other rows of training data; an adapter,
# or what OUTPUTS says, a plot of the loss, an evaluation on what was held out, samples and a
# Modelfile out, all under runs/NAME/.  Every artefact is the target of one command.  Here are
# the knobs, and what they are to the commands.

## finetune: MODEL and DATA to runs/NAME/: adapter.gguf Modelfile loss.png eval.tsv samples.txt, and more by OUTPUTS
## plan: what finetune would train and write, and whether it could; nothing is written
## data: the same up to the training: the data packed, and of rows a table and the first as the model sees them
#? MODEL model to start from: a GGUF file, or a folder of Hugging Face
MODEL       = $(EXAMPLES)/tiny.gguf
#? DATA text to train on, one document a file; or rows of JSON: chats, prompts with answers, …
DATA        = $(or $(usual_data),$(EXAMPLES)/tiny.txt)
#? NAME name of the run: its files are in runs/NAME/
NAME        = $(call run_name,$(MODEL))-$(call run_name,$(or $(one_text),$(call \
  folder_of,$(first_text))))
#? TEST text or rows that are measured after the training: test.tsv
TEST        =
#? TRAIN_ON what of a row counts: completion, assistant, last, all, or roles; empty: its answers
TRAIN_ON    =
#? OBJECTIVE what is wanted: sft, or of rows with answers that were compared dpo ipo orpo simpo kto reward; empty: sft, of dpo dpo
OBJECTIVE   = $(usual_objective)
#? CHAT_TEMPLATE chat template in place of the model's, a name or a file; the models get it
CHAT_TEMPLATE =
#? TOKENIZE_FLAGS further options of tokenize: --special --eos --no-bos
TOKENIZE_FLAGS =
#? PACK_FLAGS further options of pack: --over-long drop
PACK_FLAGS  =
#? CTX tokens in a training sequence; empty: 256, for rows twice what 99 % of them need, or what the model has
CTX         =
#? VAL_SPLIT share of the text that is held out for eval.tsv
VAL_SPLIT   = 0.1
#? OUTPUTS models that are made: adapter, merged, types of quantize (f16 q8_0 q4_k_m …); empty: the adapter, with the example all of adapter merged q8_0
OUTPUTS     =
#? METHOD lora: an adapter; full: all weights
METHOD      = lora
#? RANK rank of the adapter
RANK        = 8
#? ALPHA the adapter is scaled by ALPHA / RANK
ALPHA       = 16
#? TARGETS linear layers that get an adapter; empty: all in the blocks
TARGETS     =
#? BATCH sequences in one forward and backward: a micro-batch; of rows 2
BATCH       = $(if $(rows),2,4)
#? GRAD_ACC micro-batches in a step
GRAD_ACC    = 1
# The small model of the example takes, and wants, larger steps than a real one.
EXAMPLE     = $(call same,$(EXAMPLES)/tiny.gguf,$(MODEL))
#? EPOCHS passes over the data; with the example 8, over rows 2
EPOCHS      = $(or $(usual_epochs),$(if $(EXAMPLE),8,$(if $(rows),2,1)))
#? STEPS steps, whatever EPOCHS says; empty: as EPOCHS says
STEPS       =
#? LR learning rate; empty: 2e-4, with METHOD=full 2e-5; with the example 5e-3
LR          = $(if $(EXAMPLE),5e-3)
#? SCHED schedule of the learning rate; empty: cosine
SCHED       =
#? WARMUP steps of warm-up, below 1 a share of all; empty: what train does by itself
WARMUP      =
#? PRECISION of the products of the training: auto, bf16 where the processor has instructions for it, or f32 f16 bf16 q8
PRECISION   = auto
#? EVAL_EVERY steps between held-out losses on the way, below 1 a share of all, of as much as takes a twentieth of the work; empty: none
EVAL_EVERY  = 0.1
#? SEED of the adapter, of the order of the data and of the samples
SEED        = 42
#? TRAIN_FLAGS further options of train
TRAIN_FLAGS =
#? RESTART yes: a training that was stopped starts over; its saves are kept in earlier/
RESTART     =
#? PROMPTS file of prompts for samples.txt, one a line, to a model for chats what a user says; empty: what was held out begins so
PROMPTS     = $(if $(EXAMPLE),$(EXAMPLES)/$(if $(filter whole,$(rows)),questions,prompts).txt)
#? N_SAMPLE tokens that each sample adds; empty: 60, or half the model's context if less
N_SAMPLE    =
#? GENERATE_FLAGS further options of generate: --temp 0
GENERATE_FLAGS =
run_name    = $(call plain,$(call whole_name,$(basename $(notdir $(patsubst %/,%,$(subst $(space),_,$(subst $(tab),_,$1)))))))
# A model in several files is given by the first, x-00001-of-00003.gguf.
whole_name  = $(firstword $(subst -00001-of-,$(space),$1))
one_text    = $(if $(filter-out @%,$(firstword $(DATA))),$(if $(call one_file,$(DATA)),$(DATA)))
first_text  = $(or $(one_text),$(call first_file,$(firstword $(DATA))))

# Only where a run is asked for: its rules are in records.mk and results.mk.
run_goals   = $(if $(hub_first),,$(filter finetune data plan $(RUNS)/%,$(MAKECMDGOALS)))
ifneq ($(run_goals),)
$(foreach k,RUNS NAME,$(call target_name,$k))
RUN        := $(call path,$(RUNS))/$(NAME)
model      := $(call named,$(MODEL))
data       := $(call files,$(DATA))
test       := $(if $(TEST),$(call files,$(TEST)))
$(if $(hub_old),,$(call readable,MODEL,$(model)))$(call readable,DATA,$(data))$(if $(test),$(call readable,TEST,$(test)))
rows       := $(shell $(call script,rows.sh) $(call sh,$(CMD)) $(model) $(data))
prompts    := $(call named,$(or $(PROMPTS),/))
$(if $(PROMPTS),$(call readable,PROMPTS,$(prompts)))
$(if $(filter-out 1,$(words $(METHOD)))$(filter-out lora full,$(METHOD)),$(call refuse,METHOD \
  is '$(METHOD)'$(comma) not lora or full))
LORA       := $(filter lora,$(METHOD))
odd_outputs = $(shell printf %s $(call sh,$(OUTPUTS)) | tr -d 'A-Za-z0-9_ ')
$(if $(if $(OUTPUTS),$(odd_outputs)),$(call refuse,OUTPUTS is '$(OUTPUTS)': words are \
  adapter$(comma) merged and types of quantize))
each_once   = $(if $1,$(firstword $1) $(call each_once,$(filter-out $(firstword $1),$1)))
OUTS       := $(or $(call each_once,$(OUTPUTS)),$(if $(EXAMPLE),adapter merged q8_0,adapter))
# Types that are made of the merged model, which stays if it is asked for.
TYPES      := $(filter-out adapter merged,$(OUTS))
MERGED     := $(if $(LORA),$(filter merged,$(OUTS)),merged)

# Every knob comes to a command through `sh`, as one word, whatever it holds.
option      = $(if $($2),$(space)$1 $(call sh,$($2)))
flags       = $(if $($1),$(space)$(call option_words,$1))
template   := $(call option,--chat-template,CHAT_TEMPLATE)
compares    := $(filter-out sft,$(OBJECTIVE))
TOKENIZE_OPTS := $(call option,--train-on,TRAIN_ON)$(if $(compares), --preference)$(template)$(call flags,TOKENIZE_FLAGS)
CTX_OPTS    = -c $(call sh,$(or $(CTX),$(call at_most,$(or $(rows_ctx),256),1)))$(if $(rows), --fit \
  best)$(call flags,PACK_FLAGS)
PACK_OPTS   = $(CTX_OPTS)$(call option,--val-split,VAL_SPLIT)
LORA_OPTS   = $(if $(filter --lora-config%,$(TRAIN_FLAGS)),,$(call option,--lora-r,RANK)$(call \
  option,--lora-alpha,ALPHA)$(call option,--lora-targets,TARGETS))
LENGTH_OPTS = $(or $(call option,--steps,STEPS),$(call option,--epochs,EPOCHS))
METHOD_OPTS = $(if $(LORA),$(LORA_OPTS),$(space)--full)
PREC_OPTS   = $(if $(filter --precision%,$(TRAIN_FLAGS)),,$(call option,--precision,PRECISION))
TRAIN_OPTS := $(METHOD_OPTS)$(call option,--batch,BATCH)$(call \
  option,--grad-acc,GRAD_ACC)$(LENGTH_OPTS)$(call option,--lr,LR)$(call \
  option,--objective,OBJECTIVE)$(call option,--sched,SCHED)$(call option,--warmup,WARMUP)$(call option,--seed,SEED)$(PREC_OPTS)$(call \
  flags,TRAIN_FLAGS)
EVAL_OPTS   = $(if $(EVAL_EVERY),$(call option,--eval-every,EVAL_EVERY) --eval-cost 0.05)
SAMPLE_OPTS = $(if $(PROMPTS),--prompts $(prompts),--prompts-from $(RUN)/val.pack) -n $(call sh,$(or $(N_SAMPLE),$(call at_most,60,2)))$(call \
  option,--seed,SEED)$(if $(PROMPTS),$(ask))$(call flags,GENERATE_FLAGS)
GNUPLOT    := $(firstword $(wildcard $(addsuffix /gnuplot,$(subst :, ,$(PATH)))))

# Positions that the model was made for, asked when bin/ is built: a large number if they are
# not known.  $(call at_most,N,D): N, or a D-th of them if that is less.
context = $(eval context := $(shell $(call cmd,gguf-show) --keys $(model) 2>/dev/null | awk -F '\t' \
  '$$2 ~ /\.context_length$$/ { n = $$4 } END { print n + 0 ? n : 1000000000 }'))$(context)
at_most = $(shell echo $$(($(context) / $2 < $1 ? $(context) / $2 : $1)))
# Chats go through a template, and so do samples then, if there is one.
ask         = $(if $(and $(filter whole,$(rows)),$(if \
  $(CHAT_TEMPLATE),$(filter-out none,$(CHAT_TEMPLATE)),$(templated))), --ask$(template))
templated = $(eval templated := $(shell $(call cmd,gguf-show) --keys $(model) 2>/dev/null | grep -m 1 -o \
  'tokenizer[.]chat_template'))$(templated)
# Twice what nearly all rows take, as the table of tokenize says: then sequences can be filled.
rows_ctx    = $(if $(rows),$(shell awk '/^ *99 %/ { for (n = 256; n < 2 * $$3; n *= 2); print n }' \
  $(RUN)/table.txt 2>/dev/null))
within  = $(if $($1),$(if $(shell [ $(call sh,$($1)) -le $2 ] || echo no),$(call \
  refuse,$1 is $($1)$(comma) but '$(MODEL)' was made for $2 positions)))
say_ctx = $(if $(or $(dry),$(QUIET),$(CTX),$(rows),$(filter 256,$(call at_most,256,1))),,$(info \
  CTX is $(context): '$(MODEL)' was made for no more positions))
endif
