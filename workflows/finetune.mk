# make finetune: a model and a text in, or chats and other rows of training data; an adapter,
# or what OUTPUTS says, a plot of the loss, an evaluation on what was held out, samples and a
# Modelfile out, all under runs/NAME/.  Every artefact is the target of one command.  Here are
# the knobs, and what they are to the commands.

## finetune: MODEL and DATA to runs/NAME/: adapter.gguf Modelfile report.html loss.png eval.tsv samples.txt, and more by OUTPUTS
## plan: what finetune would train and write, and whether it could; nothing is written
## data: the same up to the training: the data packed, and of rows a table and the first as the model sees them
#? MODEL model to start from: a GGUF file, or a folder of Hugging Face
MODEL       = $(EXAMPLES)/tiny.gguf
#? DATA text to train on, one document a file; or rows of JSON: chats, prompts with answers, …
DATA        = $(or $(usual_data),$(EXAMPLES)/tiny.txt)
#? NAME name of the run: its files are in runs/NAME/
NAME        = $(or $(usual_name),$(call run_name,$(MODEL)))-$(call run_name,$(or $(one_text),$(call \
  folder_of,$(first_text))))
#? TEST text or rows that are measured after the training: test.tsv
TEST        =
#? TRAIN_ON what of a row counts: completion, assistant, last, all, or roles; empty: its answers
TRAIN_ON    =
#? OBJECTIVE what is wanted: sft, or of rows with answers that were compared dpo ipo orpo simpo kto reward; empty: sft, of dpo dpo, of distill distill
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
#? METHOD lora: an adapter; full: all weights, as of pretrain
METHOD      = $(or $(usual_method),lora)
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
#? EPOCHS passes over the data; with the example and of pretrain 8, over rows 2
EPOCHS      = $(or $(usual_epochs),$(if $(EXAMPLE),8,$(if $(rows),2,1)))
#? STEPS steps, whatever EPOCHS says; empty: as EPOCHS says
STEPS       =
#? LR learning rate; empty: 2e-4, with METHOD=full 2e-5; with the example 5e-3, of pretrain 2e-3
LR          = $(if $(EXAMPLE),5e-3,$(usual_lr))
#? SCHED schedule of the learning rate, file:F for a table of it; empty: cosine
SCHED       =
#? OPT optimizer; empty: adamw
OPT         =
#? WARMUP steps of warm-up, below 1 a share of all; empty: what train does by itself
WARMUP      =
#? PRECISION of the products of the training: auto, bf16 where the processor has instructions for it, or f32 f16 bf16 q8
PRECISION   = auto
#? EVAL_EVERY steps between held-out losses on the way, below 1 a share of all, of as much as takes 3 % of the work; empty: none
EVAL_EVERY  = 0.1
#? CHECKPOINT of the training that becomes the model: last, its end, or best, the lowest held-out loss on the way; empty: last, with --patience in TRAIN_FLAGS best
CHECKPOINT  = $(if $(filter --patience%,$(TRAIN_FLAGS)),best,last)
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
