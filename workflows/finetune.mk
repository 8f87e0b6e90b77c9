# make finetune: a model and a text in, or chats and other rows of training data; adapter,
# merged model, its q8_0 form, a plot of the loss, an evaluation on what was held out, samples
# and a Modelfile out, all under runs/NAME/.  Every artefact is the target of one command.

## finetune: MODEL and DATA to runs/NAME/: adapter.gguf merged.gguf q8_0.gguf Modelfile loss.png eval.tsv samples.txt
## data: the same up to the training: the data packed, and of rows a table and the first as the model sees them
#? MODEL model to start from, a GGUF file
MODEL       = $(EXAMPLES)/tiny.gguf
#? DATA text to train on, one document a file; or rows of JSON: chats, prompts with answers, …
DATA        = $(EXAMPLES)/tiny.txt
#? NAME name of the run: its files are in runs/NAME/
NAME        = $(call run_name,$(MODEL))-$(call run_name,$(or $(one_text),$(firstword $(DATA))))
#? TEST text or rows that are measured after the training: test.tsv
TEST        =
#? TRAIN_ON what of a row counts: completion, assistant, last, all, or roles; empty: its answers
TRAIN_ON    =
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
EPOCHS      = $(if $(EXAMPLE),8,$(if $(rows),2,1))
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
#? RESTART yes: a training that was stopped starts over; its saves are kept in earlier/
RESTART     =
#? PROMPTS file of prompts for samples.txt, one a line; to a model for chats they are what a user says
PROMPTS     = $(EXAMPLES)/$(if $(filter whole,$(rows)),questions,prompts).txt
#? N_SAMPLE tokens that each sample adds; empty: 60, or half the model's context if less
N_SAMPLE    =
#? GENERATE_FLAGS further options of generate: --temp 0
GENERATE_FLAGS =
run_name    = $(call plain,$(basename $(notdir $(subst $(space),_,$(subst $(tab),_,$1)))))
one_text    = $(if $(call one_file,$(DATA)),$(DATA))

ifneq ($(filter finetune data $(RUNS)/%,$(MAKECMDGOALS)),)
$(foreach k,RUNS NAME,$(call target_name,$k))
RUN        := $(call path,$(RUNS))/$(NAME)
model      := $(call named,$(MODEL))
data       := $(call files,$(DATA))
test       := $(if $(TEST),$(call files,$(TEST)))
$(call readable,MODEL,$(model))$(call readable,DATA,$(data))$(if $(test),$(call readable,TEST,$(test)))
rows       := $(shell $(call script,rows.sh) $(call sh,$(CMD)) $(model) $(data))
prompts    := $(call named,$(PROMPTS))
$(call readable,PROMPTS,$(prompts))
$(if $(filter-out 1,$(words $(METHOD)))$(filter-out lora full,$(METHOD)),$(error METHOD is \
  '$(METHOD)', not lora or full))
LORA       := $(filter lora,$(METHOD))

# Every knob comes to a command through `sh`, as one word, whatever it holds.
option      = $(if $($2),$(space)$1 $(call sh,$($2)))
flags       = $(if $($1),$(space)$(call option_words,$1))
template   := $(call option,--chat-template,CHAT_TEMPLATE)
TOKENIZE_OPTS := $(call option,--train-on,TRAIN_ON)$(template)$(call flags,TOKENIZE_FLAGS)
CTX_OPTS    = -c $(call sh,$(or $(CTX),$(call at_most,$(or $(rows_ctx),256),1)))$(if $(rows), --fit \
  best)$(call flags,PACK_FLAGS)
PACK_OPTS   = $(CTX_OPTS)$(call option,--val-split,VAL_SPLIT)
LORA_OPTS   = $(if $(filter --lora-config%,$(TRAIN_FLAGS)),,$(call option,--lora-r,RANK)$(call \
  option,--lora-alpha,ALPHA)$(call option,--lora-targets,TARGETS))
LENGTH_OPTS = $(or $(call option,--steps,STEPS),$(call option,--epochs,EPOCHS))
METHOD_OPTS = $(if $(LORA),$(LORA_OPTS),$(space)--full)
TRAIN_OPTS := $(METHOD_OPTS)$(call option,--batch,BATCH)$(call \
  option,--grad-acc,GRAD_ACC)$(LENGTH_OPTS)$(call option,--lr,LR)$(call \
  option,--sched,SCHED)$(call option,--warmup,WARMUP)$(call option,--seed,SEED)$(call \
  flags,TRAIN_FLAGS)
SAMPLE_OPTS = --prompts $(prompts) -n $(call sh,$(or $(N_SAMPLE),$(call at_most,60,2)))$(call \
  option,--seed,SEED)$(ask)$(call flags,GENERATE_FLAGS)
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
within  = $(if $($1),$(if $(shell [ $(call sh,$($1)) -le $2 ] || echo no),$(error \
  $1 is $($1), but '$(MODEL)' was made for $2 positions)))
say_ctx = $(if $(or $(dry),$(CTX),$(rows),$(filter 256,$(call at_most,256,1))),,$(info \
  CTX is $(context): '$(MODEL)' was made for no more positions))

# What each result is made of.
CONTENTS   := $(if $(and $(dry),$(if $(wildcard $(RUN)/records/contents),,new)),,$(shell \
  $(call script,contents.sh) $(RUN)/records/contents $(model) $(prompts) $(call named,$(lastword \
  $(patsubst --lora-config=%,%,$(patsubst --adapter-in=%,%,$(filter --adapter-in=% \
  --lora-config=%,$(subst --lora-config ,--lora-config=,$(subst --adapter-in \
  ,--adapter-in=,$(strip $(TRAIN_FLAGS))))))))) $(call sh,$(WORKFLOWS)/loss.gp) $(call named,$(or \
  $(CHAT_TEMPLATE),/)) $(data)))
TESTS      := $(if $(test),$(shell $(call script,contents.sh) / $(test)))
content     = $(foreach w,$(wordlist $1,$2,$(CONTENTS)),$(lastword $(subst =, ,$w)))
# Files of settings that further options name.
settings    = $(foreach w,$(filter @%,$($1)),$(newline)settings $(shell cksum \
  <$(call named,$(patsubst @%,%,$w)) 2>/dev/null))
define of_data.tok
model $(call content,1,1)
text $(call content,6,1000000)
tokenize$(TOKENIZE_OPTS)$(of_template)$(call settings,TOKENIZE_FLAGS)
endef
of_template = $(if $(CHAT_TEMPLATE),$(newline)template $(call content,5,5))
define of_data.pack
$(of_data.tok)
pack --ctx $(CTX) --val-split $(VAL_SPLIT)$(if $(rows), --fit best)$(call flags,PACK_FLAGS)$(call settings,PACK_FLAGS)
endef
define of_model.ckpt
$(of_data.pack)
adapter $(call content,3,3)
train$(TRAIN_OPTS)$(call settings,TRAIN_FLAGS)
endef
define of_loss.png
$(of_model.ckpt)
plot $(call content,4,4)
endef
define of_samples-base.txt
model $(call content,1,1)
prompts $(call content,2,2)
generate -n $(N_SAMPLE) --seed $(SEED)$(if $(filter whole,$(rows)), as chats$(template)$(of_template))$(call \
  flags,GENERATE_FLAGS)$(call settings,GENERATE_FLAGS)
endef
define of_samples.txt
$(of_model.ckpt)
$(of_samples-base.txt)
endef
of_val.pack = $(of_data.pack)
of_eval-base.tsv = $(of_data.pack)
of_rows.txt = $(of_data.tok)
of_table.txt = $(of_data.tok)
define of_test.tok
$(of_data.tok)
test $(foreach w,$(TESTS),$(lastword $(subst =, ,$w)))
endef
define of_test.pack
$(of_test.tok)
pack --ctx $(CTX)$(call flags,PACK_FLAGS)
endef
of_test-base.tsv = $(of_test.pack)
define of_test.tsv
$(of_model.ckpt)
$(of_test.pack)
endef
MODELS     := $(if $(LORA),adapter.gguf) merged.gguf q8_0.gguf Modelfile
EVALS      := $(if $(LORA),eval-adapter.tsv) eval-merged.tsv eval.tsv
$(foreach f,$(MODELS) $(EVALS),$(eval of_$f = $$(of_model.ckpt)))
OF_DATA    := $(if $(rows),rows.txt table.txt) data.tok data.pack val.pack
OF_TEST    := $(if $(test),test.tok test.pack test-base.tsv test.tsv)
RESULTS    := $(OF_DATA) $(OF_TEST) model.ckpt $(MODELS) eval-base.tsv $(EVALS) \
  samples-base.txt samples.txt $(if $(GNUPLOT),loss.png)
$(if $(or $(dry),$(RESTART),$(call same,$(MAKECMDGOALS),data)),,$(call take_back,model.ckpt))
INODES     := $(call inodes,$(RESULTS))
$(foreach f,$(RESULTS),$(eval $(call made_of,$f)))

# A training goes on from saves of the same settings, also of a shorter run; what other settings
# made is kept apart, and comes back with them.
HELD       := $(wildcard $(RUN)/model.ckpt.d/[0-9]*.gguf $(RUN)/model.ckpt)
CHANGED    := $(if $(and $(filter model.ckpt,$(todo)),$(HELD)),$(if $(RESTART),restart,$(or $(call \
  changed,model.ckpt),other no record of its settings)))
FINISHED   := $(call made,model.ckpt)
CHANGE     := $(firstword $(CHANGED))
KEEP       := $(if $(filter other restart,$(CHANGE))$(and $(FINISHED),$(filter \
  logs,$(CHANGE))),away,$(and $(FINISHED),$(filter longer,$(CHANGE)),copy))
START      := $(if $(CHANGE),$(if $(filter away,$(KEEP)),, --resume))
keep        = $(if $(and $(KEEP),$(if $(dry),,1)),$(call run_script,keep.sh,$(RUN) $(KEEP) $(call \
  sh,$(wordlist 2,1000,$(CHANGED)))))
# One that is finished and would be no other is taken as it is.
TRAINED    := $(and $(FINISHED),$(filter same,$(CHANGE)))
take        = $(if $(dry),,$(file >$(RUN)/records/model.ckpt,$(of_model.ckpt)$(newline)replaces none))
$(if $(filter-out yes,$(RESTART)),$(error RESTART is '$(RESTART)', not yes))

.PHONY: finetune data before-finetune
.PRECIOUS: $(addprefix $(RUN)/,$(RESULTS)) # what is there is whole: no command leaves half a file
finetune: $(addprefix $(RUN)/,$(RESULTS) records/contents)
data: $(addprefix $(RUN)/,$(OF_DATA) records/contents)
	$(if $(dry)$(rows),,$(info $(RUN)/data.pack is packed: '$(DATA)' is text))$(if \
  $(rows),@cat $(RUN)/rows.txt $(RUN)/table.txt)

# What would fail after the training, or after minutes, fails here.
define before
$(call usage,tokenize -m /dev/null$(TOKENIZE_OPTS))
$(call usage,pack $(PACK_OPTS) --val-out /dev/null/val -o /dev/null/data /dev/null/tok)
$(call usage,train -m /dev/null -d /dev/null --val /dev/null -o /dev/null/ckpt$(TRAIN_OPTS))
$(call usage,generate -m /dev/null $(SAMPLE_OPTS))
$(call within,CTX,$(context))$(call within,N_SAMPLE,$(context))
$(if $(dry),,$(call refuse,$(shell $(call script,before.sh) $(call sh,$(CMD)) $(model) $(RUN) '$(if $(call \
  same,$(MAKECMDGOALS),data),$(filter $(OF_DATA),$(todo)),$(todo))'$(METHOD_OPTS))))
endef
before-finetune: | $(call built,tokenize pack train generate quantize gguf-show modelfile)
	$(if $(todo),$(if $(before),))

$(RUN)/records: | before-finetune
	mkdir -p $@

$(if $(call same,$(call text_of,$(RUN)/records/contents),$(CONTENTS)$(newline)),,$(RUN)/records/contents: FORCE)
$(RUN)/records/contents: | $(RUN)/records
	$(if $(dry),,$(file >$@,$(CONTENTS)))

TOKENIZE    = $(call cmd,tokenize) -m $(model)$(TOKENIZE_OPTS)
$(RUN)/data.tok: | $(RUN)/records $(call built,tokenize)
	$(begin)$(TOKENIZE) -o $@ $(data)

# Rows as the model sees them, the first of them: what is trained stands in brackets.
$(RUN)/rows.txt: | $(RUN)/data.tok
	$(begin)$(TOKENIZE) --show$(if $(findstring --max-rows,$(TOKENIZE_FLAGS)),, --max-rows 10) -o $@ $(data)
	@sed 8q $@

$(RUN)/table.txt: | $(RUN)/data.tok
	$(begin)$(TOKENIZE) --stats $(data) >$@

PACK        = $(call cmd,pack) $(PACK_OPTS) --val-out $(RUN)/val.pack -o $(RUN)/data.pack $(RUN)/data.tok
$(RUN)/data.pack $(RUN)/val.pack &: | $(RUN)/data.tok $(if $(rows),$(RUN)/table.txt) $(call built,pack)
	$(say_ctx)$(call begins,data.pack)$(call begins,val.pack)$(PACK)

# The same prompts through the original and the tuned model.  The original comes before the
# training, since a prompt may be longer than the model takes.
SAMPLE      = $(call cmd,generate) $(SAMPLE_OPTS)
$(RUN)/samples-base.txt: | $(RUN)/val.pack $(call built,generate)
	$(begin)$(SAMPLE) -m $(model) --label base -o $@

$(RUN)/samples.txt: | $(RUN)/eval.tsv $(RUN)/samples-base.txt
	$(begin)$(SAMPLE) -m $(RUN)/merged.gguf --label tuned --after $(RUN)/samples-base.txt -o $@

TRAIN       = $(call cmd,train) -m $(model) -d $(RUN)/data.pack --val $(RUN)/val.pack$(TRAIN_OPTS) \
  --log $(RUN)/metrics.tsv -o $(RUN)/model.ckpt$(START)
$(RUN)/model.ckpt: | $(RUN)/data.pack $(RUN)/val.pack $(RUN)/samples-base.txt $(if \
  $(test),$(RUN)/test.pack) $(call built,train)
	$(if $(GNUPLOT)$(dry),,$(info gnuplot is not there: no loss.png))$(if \
  $(TRAINED),$(take),$(keep)$(begin)$(TRAIN))

# Whoever has a picture that cannot be drawn still wants the model.
$(RUN)/loss.png: | $(RUN)/model.ckpt
	-$(begin)gnuplot -c $(call sh,$(WORKFLOWS)/loss.gp) $(RUN)/metrics.tsv $@

$(RUN)/adapter.gguf: | $(RUN)/model.ckpt $(call built,gguf-export)
	$(begin)$(call cmd,gguf-export) -m $(model)$(template) -o $@ $(RUN)/model.ckpt

ifneq ($(LORA),)
$(RUN)/merged.gguf: | $(RUN)/adapter.gguf $(call built,merge)
	$(begin)$(call cmd,merge) -m $(model) -a $(RUN)/adapter.gguf -t f16$(template) -o $@
else
$(RUN)/merged.gguf: | $(RUN)/model.ckpt $(call built,gguf-export)
	$(begin)$(call cmd,gguf-export) -m $(model)$(template) -o $@ $(RUN)/model.ckpt
endif

$(RUN)/Modelfile: | $(RUN)/merged.gguf $(call built,modelfile)
	$(begin)$(call cmd,modelfile) -m $(RUN)/merged.gguf -o $@

$(RUN)/q8_0.gguf: | $(RUN)/merged.gguf $(call built,quantize)
	$(begin)$(call cmd,quantize) -t q8_0 -o $@ $(RUN)/merged.gguf

# The evaluation grows by a row a command: --after puts the rows of an older table first.
# One after the other, since each uses all processors.
EVAL        = $(call cmd,perplexity) -d $(RUN)/val.pack
after       = --after $(RUN)/eval-$1.tsv -o $@

$(RUN)/eval-base.tsv: | $(RUN)/val.pack $(call built,perplexity) $(RUN)/q8_0.gguf
	$(begin)$(EVAL) -m $(model) --label base -o $@

$(RUN)/eval-adapter.tsv: | $(RUN)/adapter.gguf $(RUN)/eval-base.tsv
	$(begin)$(EVAL) -m $(model) -a $(RUN)/adapter.gguf --label 'base + adapter' $(call after,base)

$(RUN)/eval-merged.tsv: | $(RUN)/merged.gguf $(RUN)/eval-$(if $(LORA),adapter,base).tsv
	$(begin)$(EVAL) -m $(RUN)/merged.gguf --label merged $(call after,$(if $(LORA),adapter,base))

$(RUN)/eval.tsv: | $(RUN)/q8_0.gguf $(RUN)/eval-merged.tsv
	$(begin)$(EVAL) -m $(RUN)/q8_0.gguf --label q8_0 $(call after,merged)

# The test set is read before the training, since it may be wrong, and measured behind it.
$(RUN)/test.tok: | $(RUN)/records $(call built,tokenize)
	$(begin)$(TOKENIZE) -o $@ $(test)

$(RUN)/test.pack: | $(RUN)/test.tok $(RUN)/data.pack $(call built,pack)
	$(begin)$(call cmd,pack) $(CTX_OPTS) -o $@ $(RUN)/test.tok

$(RUN)/test-base.tsv: | $(RUN)/test.pack $(RUN)/eval.tsv
	$(begin)$(call cmd,perplexity) -d $(RUN)/test.pack -m $(model) --label base -o $@

$(RUN)/test.tsv: | $(RUN)/test-base.tsv
	$(begin)$(call cmd,perplexity) -d $(RUN)/test.pack -m $(RUN)/merged.gguf --label merged \
	  --after $(RUN)/test-base.tsv -o $@
endif
