# What each result of a run is made of, what there is to do, and from where a training goes on.
ifneq ($(run_goals),)
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
train$(TRAIN_OPTS)$(of_sched)$(call settings,TRAIN_FLAGS)$(if $(distills),$(newline)$(of_teacher))
endef
of_sched    = $(if $(filter file:%,$(firstword $(SCHED))),$(call sum_of,$(SCHED)))$(foreach w,$(filter \
  file:%,$(subst --sched=,,$(TRAIN_FLAGS))),$(call sum_of,$w))
sum_of      = $(newline)schedule $(shell cksum <$(call named,$(patsubst file:%,%,$1)) 2>/dev/null)
TAUGHT     := $(if $(and $(distills),$(TEACHER)),$(lastword $(subst =, ,$(shell $(call \
  script,contents.sh) / $(teacher)))))
of_teacher  = teacher $(TAUGHT)$(call flags,DISTILL_FLAGS)$(call settings,DISTILL_FLAGS)
define of_teacher.top
$(of_data.pack)
$(of_teacher)
endef
define of_loss.png
$(of_model.ckpt)
plot $(call content,4,4)
endef
define of_samples-base.txt
model $(call content,1,1)
prompts $(call content,2,2)$(if $(PROMPTS),,$(newline)$(of_data.pack))
generate -n $(N_SAMPLE) --seed $(SEED)$(if $(filter whole,$(rows)), as chats$(template)$(of_template))$(call \
  flags,GENERATE_FLAGS)$(call settings,GENERATE_FLAGS)
endef
define of_samples.txt
$(of_model.ckpt)$(of_chosen)
$(of_samples-base.txt)$(if $(MERGED),,$(newline)of the adapter)
endef
of_val.pack = $(of_data.pack)
of_eval-base.tsv = $(of_data.pack)$(of_part)
of_part     = $(if $(eval_part),$(newline)part $(eval_part))
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
$(of_model.ckpt)$(of_chosen)
$(of_test.pack)$(if $(MERGED),,$(newline)of the adapter)
endef
define of_report.html
$(of_eval.tsv)
$(of_samples.txt)$(if $(test),$(newline)$(of_test.tsv))
endef
# Each of them is measured, one after the other; the table of the last is eval.tsv.
MEASURED   := $(if $(LORA),adapter) $(MERGED) $(TYPES)
LAST       := $(lastword $(MEASURED))
MODELS     := $(addsuffix .gguf,$(MEASURED)) Modelfile
EVALS      := $(patsubst %,eval-%.tsv,$(filter-out $(LAST),$(MEASURED))) eval.tsv
$(foreach f,$(filter-out Modelfile,$(MODELS)) $(EVALS),$(eval of_$f = $$(of_model.ckpt)$$(of_chosen)$(if $(filter \
  %.tsv,$f),$$(of_part))))
of_chosen   = $(if $(BEST),$(newline)checkpoint best)
define of_eval.tsv
$(of_model.ckpt)$(of_chosen)$(of_part)$(if $(call same,$(strip $(MEASURED)),$(if $(LORA),adapter )merged q8_0),,$(newline)rows $(MEASURED))
endef
define of_Modelfile
$(of_model.ckpt)$(of_chosen)$(if $(MERGED),,$(newline)serves $(MODEL))
endef
# The sequences of the first tables are what the verdict needs.
TUNED_FIRST := $(if $(LORA),adapter,merged)
with_eval-base.tsv := losses-base.tsv
with_$(if $(filter $(TUNED_FIRST),$(LAST)),eval,eval-$(TUNED_FIRST)).tsv := losses-$(TUNED_FIRST).tsv
OF_DATA    := $(if $(rows),rows.txt table.txt) data.tok data.pack val.pack
OF_TEST    := $(if $(test),test.tok test.pack test-base.tsv test.tsv)
RESULTS    := $(OF_DATA) $(OF_TEST) $(if $(distills),teacher.top) model.ckpt $(MODELS) eval-base.tsv $(EVALS) \
  samples-base.txt samples.txt report.html $(if $(GNUPLOT),loss.png)
INODES     := $(call inodes,$(RESULTS))
$(if $(or $(dry),$(filter plan,$(MAKECMDGOALS))),,$(call refuse,$(shell $(call script,busy.sh) $(RUN) $(PID))))
$(if $(filter-out yes,$(RESTART)),$(call refuse,RESTART is '$(RESTART)'$(comma) not yes))

# Two runs have one name by chance where neither was named: model and first text, as they were
# written down, are others.
whole_path  = $(if $(filter /% ~%,$1),$1,$(CURDIR)/$1)
names      := $(call whole_path,$(MODEL))$(newline)$(call whole_path,$(first_text))
its_names  := $(call text_of,$(RUN)/records/names)
$(if $(or $(call given_here,NAME),$(if $(its_names),,new),$(call \
  same,$(its_names),$(names)$(newline)),$(call current,data.tok,$(call record,data.tok))),,$(call refuse,$(RUN) \
  is a run of $(strip $(subst $(newline), ,$(its_names))): NAME=$(NAME) goes on there$(comma) NAME=$(NAME)-2 \
  begins another))

# Nothing has changed up to here.
$(if $(or $(dry),$(RESTART),$(if $(filter finetune \
  $(RUNS)/%,$(MAKECMDGOALS)),,no)),,$(call take_back,model.ckpt))
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
endif
