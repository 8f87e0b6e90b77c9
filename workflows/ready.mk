# A run made ready: what its knobs are to the commands.  They are in finetune.mk, and workflows
# between change some of them; rules follow in records.mk and results.mk.

# Only where a run is asked for.
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
checkpoint := $(or $(CHECKPOINT),last)
$(if $(filter-out 1,$(words $(checkpoint)))$(filter-out last best,$(checkpoint)),$(call refuse,CHECKPOINT \
  is '$(CHECKPOINT)'$(comma) not last or best))
BEST       := $(filter best,$(checkpoint))
$(if $(BEST),$(if $(EVAL_EVERY),,$(call refuse,CHECKPOINT is best$(comma) and EVAL_EVERY is empty: nothing is \
  measured on the way)))
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
compares    := $(filter-out sft distill,$(OBJECTIVE))
distills    := $(filter distill,$(OBJECTIVE))
teacher     := $(if $(distills),$(if $(TEACHER),$(call named,$(TEACHER)),$(RUN)/teacher.gguf))
$(if $(distills),$(if $(TEACHER),$(call readable,TEACHER,$(teacher)),$(if $(EXAMPLE),,$(call refuse,TEACHER is \
  not given: a larger model with the vocabulary of '$(MODEL)'))))
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
  option,--objective,OBJECTIVE)$(call option,--sched,SCHED)$(call option,--opt,OPT)$(call \
  option,--warmup,WARMUP)$(call option,--seed,SEED)$(PREC_OPTS)$(call \
  flags,TRAIN_FLAGS)
EVAL_OPTS   = $(if $(EVAL_EVERY),$(call option,--eval-every,EVAL_EVERY) --eval-cost 0.03)
# Base and results are measured as far as seven hundredths of the training's work go, a forward being
# half a step of one sequence; with what is measured on the way that is a tenth.
eval_part = $(eval eval_part := $(shell awk -v n=$(words base $(MEASURED)) -v v=$(call sh,$(VAL_SPLIT)) -v e=$(call \
  sh,$(EPOCHS)) -v s=$(call sh,$(STEPS)) -v b=$(call sh,$(BATCH)) -v g=$(call sh,$(GRAD_ACC)) 'BEGIN { \
  if (s > 0) { m = int(0.14 * s * b * g / n); print m < 16 ? 16 : m } \
  else if (v > 0 && v < 1 && e > 0 && (m = 0.14 * e / n * (1 - v) / v) < 1) print m }'))$(eval_part)
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
