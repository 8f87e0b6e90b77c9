# How each result of a run is made: one command each, or few.
ifneq ($(run_goals),)
.PHONY: finetune data plan before-finetune
.PRECIOUS: $(addprefix $(RUN)/,$(RESULTS)) # what is there is whole: no command leaves half a file
finetune: $(addprefix $(RUN)/,$(RESULTS) records/contents)
	$(if $(dry),,$(keep_given))$(if $(QUIET),$(quietly),$(if $(todo),$(if $(dry),,@$(REPORT)),$(if $(dry),,@$(NOTHING) && $(REPORT))))
data: $(addprefix $(RUN)/,$(OF_DATA) records/contents)
	$(if $(dry)$(rows)$(QUIET),,$(info $(RUN)/data.pack is packed: '$(DATA)' is text))$(if \
  $(QUIET),$(quietly),$(if $(rows),@cat $(RUN)/rows.txt $(RUN)/table.txt))
plan: before-finetune
	$(if $(QUIET),$(quietly),$(if $(dry),,@printf '%s\n' $(call sh,plan: $(if $(todo),$(RUN) lacks $(strip $(todo)),all \
  of $(RUN) is there))))
# A recipe that does nothing, so that make has nothing to say.
quietly     = $(if $(dry),,@:)
NOTHING     = echo 'Nothing to be done: all of $(RUN) is there.'
GIVEN      := $(foreach k,$(filter-out RESTART,$(KNOBS)),$(if $(filter override,$(origin $k)),$k))
# Who goes on with the run elsewhere may read what it was given: a knob a line.
given_file  = $(RUN)/records/given
given_lines = $(or $(foreach k,$(filter-out RUNS NAME MODEL,$(GIVEN)),$k=$($k)$(newline)),$(newline))
is_kept     = $(and $(wildcard $(given_file)),$(call same,$(given_lines),$(file <$(given_file))$(newline)))
keep_given  = $(if $(filter finetune,$(MAKECMDGOALS)),$(if $(is_kept),,$(file >$(given_file),$(given_lines))))
# What was trained on goes into the command for a longer training, as the front has it.
OF_DATA_RUN = $(call cmd,report) -m $(model)$(if $(one_text), --data $(call sh,$(one_text)), "$$@")
as_words    = $(if $(one_text),,set --; for f in $(as_typed); do set -- "$$@" --data "$$f"; done; )
REPORT      = $(as_words)$(OF_DATA_RUN) --front $(call sh,$(FRONT))$(foreach k,$(GIVEN), --knob $(call sh,$k=$($k)))$(or $(call \
  option,--steps,STEPS),$(call option,--epochs,EPOCHS)) $(RUN)
as_typed    = $(if $(filter @%,$(DATA)),$(if $(word 9,$(data)),,$(data)),$(call sh_words,$(DATA)))

# Steps of a whole run say which they are of how many.
steps      := $(filter-out val.pack,$(if $(filter finetune,$(MAKECMDGOALS)),$(todo),$(if $(filter \
  data,$(MAKECMDGOALS)),$(filter $(OF_DATA),$(todo)))))
# What would fail after the training, or after minutes, fails here.
define before
$(call usage,tokenize -m /dev/null$(TOKENIZE_OPTS))
$(call usage,pack $(PACK_OPTS) --val-out /dev/null/val -o /dev/null/data /dev/null/tok)
$(call usage,train -m /dev/null -d /dev/null --val /dev/null -o /dev/null/ckpt$(EVAL_OPTS)$(TRAIN_OPTS))
$(call usage,generate -m /dev/null $(SAMPLE_OPTS))
$(call within,CTX,$(context))$(call within,N_SAMPLE,$(context))
$(if $(dry),,$(call refuse,$(shell $(if $(QUIET),Q=1) $(call script,before.sh) $(call \
  sh,$(CMD)) $(model) $(RUN) '$(if $(call same,$(MAKECMDGOALS),data),$(filter \
  $(OF_DATA),$(todo)),$(todo))' $(plan_ctx) $(call sh,$(BATCH))$(METHOD_OPTS)$(PREC_OPTS))))
endef
plan_ctx    = $(if $(TRAIN_FLAGS),0,$(if $(CTX),$(call sh,$(CTX)),$(if $(rows),0,$(call at_most,256,1))))
before-finetune: | $(call built,tokenize pack train generate perplexity quantize gguf-show \
  modelfile report)
	$(if $(todo),$(if $(before),))

$(RUN)/records: | before-finetune
	$(hide)mkdir -p $@

$(if $(call same,$(call text_of,$(RUN)/records/contents),$(CONTENTS)$(newline)),,$(RUN)/records/contents: FORCE)
$(RUN)/records/contents: | $(RUN)/records
	$(if $(dry),,$(file >$@,$(CONTENTS)))

# Where files are many, and named by folders or patterns, tokenize gets a list.
sources     = $(if $(word 9,$(data)),@$(RUN)/sources,$(data))
$(RUN)/sources: FORCE | $(RUN)/records
	$(if $(dry),,$(file >$@,$(data)))
TOKENIZE    = $(call cmd,tokenize) -m $(model)$(TOKENIZE_OPTS)
$(RUN)/data.tok: | $(RUN)/records $(if $(word 9,$(data)),$(RUN)/sources) $(call built,tokenize)
	$(if $(dry),,$(file >$(RUN)/records/names,$(names)))$(call step,tokenize)$(TOKENIZE) -o $@ $(sources)

# Rows as the model sees them, the first of them: what is trained stands in brackets.
$(RUN)/rows.txt: | $(RUN)/data.tok
	$(call step,first rows)$(TOKENIZE) --show$(if $(findstring --max-rows,$(TOKENIZE_FLAGS)),, --max-rows 10) -o $@ $(sources)
	$(if $(QUIET),,@sed 8q $@)

$(RUN)/table.txt: | $(RUN)/data.tok
	$(call step,table of the rows)$(TOKENIZE) --stats $(sources) >$@

PACK        = $(call cmd,pack) $(PACK_OPTS) --val-out $(RUN)/val.pack -o $(RUN)/data.pack $(RUN)/data.tok
$(RUN)/data.pack $(RUN)/val.pack &: | $(RUN)/data.tok $(if $(rows),$(RUN)/table.txt) $(call built,pack)
	$(say_ctx)$(call begins,val.pack)$(call steps_to,data.pack,pack)$(PACK)

# The same prompts through the original and the tuned model.  The original comes before the
# training, since a prompt may be longer than the model takes.
SAMPLE      = $(call cmd,generate) $(SAMPLE_OPTS)
TUNED       = $(if $(MERGED),-m $(RUN)/merged.gguf,-m $(model) -a $(RUN)/adapter.gguf)
$(RUN)/samples-base.txt: | $(RUN)/val.pack $(call built,generate)
	$(call step,samples of the model as it is)$(SAMPLE) -m $(model) --label base -o $@

$(RUN)/samples.txt: | $(RUN)/eval.tsv $(RUN)/samples-base.txt
	$(call step,samples of the tuned model)$(SAMPLE) $(TUNED) --label tuned --after $(RUN)/samples-base.txt -o $@

TRAIN       = $(call cmd,train) -m $(model) -d $(RUN)/data.pack --val $(RUN)/val.pack$(EVAL_OPTS)$(TRAIN_OPTS) \
  --log $(RUN)/metrics.tsv -o $(RUN)/model.ckpt$(TEACHES)
TEACHES     = $(if $(distills), --teacher $(RUN)/teacher.top)
PLAN        = $(call cmd,train) --plan -m $(model) -d $(RUN)/data.pack --val $(RUN)/val.pack$(EVAL_OPTS)$(TRAIN_OPTS)$(TEACHES)
$(RUN)/model.ckpt: | $(RUN)/data.pack $(RUN)/val.pack $(RUN)/eval-base.tsv \
  $(RUN)/samples-base.txt $(if $(test),$(RUN)/test.pack) $(if $(distills),$(RUN)/teacher.top) $(call \
  built,train)
	$(if $(GNUPLOT)$(dry)$(QUIET),,$(info gnuplot is not there: no loss.png))$(if \
  $(TRAINED),$(take),$(keep)$(call step,train)$(PLAN) >$(RUN)/plan.tsv)
	$(if $(TRAINED),,$(hide)$(TRAIN)$(START))

# Without a TEACHER, as with the example, the model itself is one, when all of it has learnt.
SELF_TAUGHT = $(call cmd,train) -m $(model) -d $(RUN)/data.pack --full --lr 2e-3 --epochs 8 --restart -o \
  $(RUN)/teacher.ckpt && $(call cmd,gguf-export) -m $(model) -o $(teacher) $(RUN)/teacher.ckpt
DISTILL     = $(call cmd,distill) -m $(teacher) -d $(RUN)/data.pack -o $(RUN)/teacher.top$(call flags,DISTILL_FLAGS)
$(RUN)/teacher.top: | $(RUN)/data.pack $(call built,distill)
	$(call step,the teacher)$(if $(TEACHER),,$(SELF_TAUGHT) && )$(DISTILL)

# Whoever has a picture that cannot be drawn still wants the model.
$(RUN)/loss.png: | $(RUN)/model.ckpt $(RUN)/eval-base.tsv
	-$(call step,plot)gnuplot -c $(call sh,$(WORKFLOWS)/loss.gp) $(RUN)/metrics.tsv $@

# A page with all of it, for a browser, and the commands that made what it shows.
PAGE        = $(as_words)$(OF_DATA_RUN) --html $(RUN)/report.html $(RUN)
define COMMANDS
$(TOKENIZE) -o $(RUN)/data.tok $(sources)
$(PACK)$(if $(distills),$(newline)$(if $(TEACHER),,$(SELF_TAUGHT) && )$(DISTILL))
$(TRAIN)
$(EXPORT) -o $(RUN)/$(if $(LORA),adapter,merged).gguf $(OF_RUN)
$(SAMPLE) $(TUNED)
endef
$(RUN)/report.html: | $(RUN)/eval.tsv $(RUN)/samples.txt $(if $(test),$(RUN)/test.tsv) $(call built,report)
	$(if $(dry),,$(file >$(RUN)/commands.txt,$(COMMANDS)))$(call \
	  step,page)$(PAGE)

# What becomes the model.  Where the end is the best there is no other, and of the best the tables
# say so.
OF_RUN      = $(if $(BEST),"$$(ls $(RUN)/model.ckpt.d/best.gguf 2>/dev/null || echo $(RUN)/model.ckpt)",$(RUN)/model.ckpt)
of_best     = $(if $(BEST), (best))

# In a list of models they are told apart by the name of the run.
named_run   = $(call option,--name,NAME)

EXPORT      = $(call cmd,gguf-export) -m $(model)$(template)$(named_run)
$(RUN)/adapter.gguf: | $(RUN)/model.ckpt $(call built,gguf-export)
	$(call step,adapter)$(EXPORT) -o $@ $(OF_RUN)

ifneq ($(LORA),)
$(RUN)/merged.gguf: | $(RUN)/adapter.gguf $(call built,merge)
	$(call step,merge)$(call cmd,merge) -m $(model) -a $(RUN)/adapter.gguf -t f16$(template)$(named_run) -o $@
else
$(RUN)/merged.gguf: | $(RUN)/model.ckpt $(call built,gguf-export)
	$(call step,model)$(EXPORT) -o $@ $(OF_RUN)
endif

$(RUN)/Modelfile: | $(RUN)/$(or $(MERGED),adapter).gguf $(call built,modelfile)
	$(call step,Modelfile)$(MODELFILE) $(TUNED)$(if $(MERGED),,$(template)) -o $@$(if $(MERGED),,$(if $(odd_name), || { ln -sf $(call \
  sh,$(call whole_path,$(call path,$(MODEL)))) $(RUN)/base.gguf && $(MODELFILE) -m $(RUN)/base.gguf -a \
  $(RUN)/adapter.gguf$(template) -o $@; }))
# A name that a Modelfile cannot hold gets another.
odd_name    = $(call holds,$(SHELL_CHARS),$(MODEL))
MODELFILE   = $(call cmd,modelfile)

# A type is made of the merged model.  Nobody who did not ask for that finds it there.
define type_rule
$(RUN)/$1.gguf: | $(RUN)/$(or $(MERGED),adapter).gguf $(call built,merge quantize)
	$$(call step,$1)$(if $(MERGED),$$(call cmd,quantize) -t $1 -o $$@ $(RUN)/merged.gguf,$$(MERGE) \
	  $(RUN)/whole-$1.gguf && { $$(call cmd,quantize) -t $1 -o $$@ $(RUN)/whole-$1.gguf; \
	  s=$$$$?; rm -f $(RUN)/whole-$1.gguf; exit $$$$s; })
endef
MERGE       = $(call cmd,merge) -m $(model) -a $(RUN)/adapter.gguf -t f16$(template)$(named_run) -o
$(foreach t,$(TYPES),$(eval $(call type_rule,$t)))

# The evaluation grows by a row a command: --after puts the rows of an older table first.
# One after the other, since each uses all processors.  The base comes before the training;
# losses of every sequence are for report.
EVAL        = $(call cmd,perplexity) -d $(RUN)/val.pack$(if $(eval_part), --part $(eval_part))
EVAL_BASE   = $(EVAL) -m $(model) --label base --losses $(RUN)/losses-base.tsv
$(RUN)/eval-base.tsv: | $(RUN)/val.pack $(call built,perplexity)
	$(call step,loss of the model as it is)$(EVAL_BASE) -o $@

# $(call eval_rule,MODEL,THE ONE BEFORE)
define eval_rule
$(RUN)/$(if $(filter $1,$(LAST)),eval,eval-$1).tsv: | $(RUN)/$1.gguf $(RUN)/eval-$2.tsv
	$$(call step,loss of $1)$$(EVAL) $(if $(filter adapter,$1),-m $(call dollars,$(model)) \
	  -a $(RUN)/adapter.gguf --label 'base + adapter$(of_best)',-m $(RUN)/$1.gguf --label '$1$(of_best)')$(if $(filter \
	  $1,$(TUNED_FIRST)), --losses $(RUN)/losses-$1.tsv) \
	  --after $(RUN)/eval-$2.tsv -o $$@
$(eval before_it := $1)
endef
before_it  := base
$(foreach m,$(MEASURED),$(eval $(call eval_rule,$m,$(before_it))))

# The test set is read before the training, since it may be wrong, and measured behind it.
$(RUN)/test.tok: | $(RUN)/records $(call built,tokenize)
	$(call step,tokenize TEST)$(TOKENIZE) -o $@ $(test)

$(RUN)/test.pack: | $(RUN)/test.tok $(RUN)/data.pack $(call built,pack)
	$(call step,pack TEST)$(call cmd,pack) $(CTX_OPTS) -o $@ $(RUN)/test.tok

$(RUN)/test-base.tsv: | $(RUN)/test.pack $(RUN)/eval-base.tsv
	$(call step,loss of the model as it is on TEST)$(call cmd,perplexity) -d $(RUN)/test.pack -m $(model) --label base -o $@

$(RUN)/test.tsv: | $(RUN)/test-base.tsv $(RUN)/eval.tsv
	$(call step,loss on TEST)$(call cmd,perplexity) -d $(RUN)/test.pack $(TUNED) --label '$(if \
	  $(MERGED),merged,base + adapter)$(of_best)' \
	  --after $(RUN)/test-base.tsv -o $@
endif
