# make selfplay: a small model that writes moves of chess, which an engine says are legal and how
# good they are.  Round 0 imitates games that the engine has drawn; each round after it lets the
# model try moves in games against itself, trains on what these teach, and measures.  Every file
# is there whole or not at all, so what was stopped goes on where it was.

## selfplay: a model made of nothing plays chess, in rounds of games against itself and training: runs/chess/table.tsv rounds.png
#? ENGINE selfplay: chess engine that speaks UCI
ENGINE      = stockfish
#? GAMES selfplay: games of the engine that are imitated at first, for STEPS or 700 steps
GAMES       = 2000
#? ROUNDS selfplay: rounds of games against itself
ROUNDS      = 3
#? LESSON selfplay: what is learnt from a position: best engine legal rank reward, see selfplay.1
LESSON      = legal
#? ROUND_GAMES selfplay: games against itself in a round
ROUND_GAMES = 60
#? ROUND_LR selfplay: learning rate of a round
ROUND_LR    = 1e-4
#? POSITIONS selfplay: held-out positions that every round is judged by
POSITIONS   = 1000
#? MATCHES selfplay: games of every round against each opponent; 0: none
MATCHES     = 100
#? TRIES_FLAGS selfplay: further options of selfplay tries: -k 8 --near 20
TRIES_FLAGS = -k 6

ifneq ($(if $(hub_first),,$(filter selfplay,$(MAKECMDGOALS))),)
chess_lr    := $(if $(call given_here,LR),$(LR),2e-3)
chess_steps := $(or $(STEPS),700)
chess       := $(call path,$(RUNS))/$(if $(call given_here,NAME),$(NAME),chess)
$(foreach k,RUNS NAME ENGINE,$(call target_name,$k))
$(foreach k,GAMES POSITIONS MATCHES ROUND_GAMES ROUNDS SEED $(if $(STEPS),STEPS),$(if $(shell printf %s $(call sh,$($k)) | \
  grep -x '[0-9]\{1,6\}'),,$(call refuse,$k is '$($k)'$(comma) and a number is wanted)))
$(foreach k,ROUND_LR $(if $(call given_here,LR),LR),$(if $(shell printf %s $(call sh,$($k)) | \
  grep -Ex '[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?'),,$(call refuse,$k is '$($k)'$(comma) and a number is wanted)))
# How the rows of a lesson are read and what the training wants of them.
objective_best   = sft
objective_engine = sft
objective_legal  = dpo
objective_rank   = dpo
objective_reward = reward
chess_wants := $(objective_$(LESSON))
$(if $(chess_wants),,$(call refuse,LESSON is '$(LESSON)'$(comma) which is none of best engine legal rank reward))
$(if $(shell PATH="$$PATH:/usr/games"; command -v $(call sh,$(ENGINE))),,$(call refuse,no chess engine '$(ENGINE)' is \
  there: Debian has one as package stockfish))
chess_rounds := $(shell seq 0 $(ROUNDS))
chess_plot   := $(shell command -v gnuplot)

# What all of it was made of: another setting is another run, under another NAME.
chess_start := engine $(ENGINE) games $(GAMES) steps $(chess_steps) rate $(chess_lr) positions $(POSITIONS) \
  seed $(SEED)$(if $(filter-out auto,$(PRECISION)), precision $(PRECISION))
chess_round := lesson $(LESSON) games $(ROUND_GAMES) rate $(ROUND_LR) matches $(MATCHES) $(TRIES_FLAGS)
chess_is     = $(if $(and $(wildcard $(chess)/$1),$(if $(call same,$(call text_of,$(chess)/$1),$2$(newline)),,1)),$(call \
  refuse,$(chess) was made with other settings: $(strip $(call text_of,$(chess)/$1)); another NAME= keeps it))
$(call chess_is,start.note,$(chess_start))
$(call chess_is,rounds.note,$(chess_round))

chess_play   = $(hide)$(call cmd,selfplay)
chess_to     = $1 >$@.tmp && mv $@.tmp $@
chess_train  = $(hide)$(call cmd,train) --full --batch $1 --precision $(call sh,$(PRECISION)) --seed $(call sh,$(SEED))
chess_export = $(hide)$(call cmd,gguf-export) -o $@

.PHONY: selfplay
selfplay: $(chess)/table.tsv $(if $(chess_plot),$(chess)/rounds.png)
	$(if $(QUIET),@:,@cat $(chess)/table.tsv)
	$(if $(chess_plot)$(QUIET),,@echo 'gnuplot is not there: no rounds.png')

$(chess)/start.note: | $(call built,selfplay model-init tokenize pack train logprobs gguf-export)
	$(hide)mkdir -p $(chess)
	$(hide)$(call chess_to,printf '%s\n' $(call sh,$(chess_start)))
$(chess)/rounds.note: | $(chess)/start.note
	$(hide)$(call chess_to,printf '%s\n' $(call sh,$(chess_round)))
$(chess)/positions.tsv: | $(chess)/start.note
	$(chess_play) positions -e $(call sh,$(ENGINE)) -n $(POSITIONS) --first 6 -s 1000000 -o $@
$(chess)/games.jsonl: | $(chess)/start.note
	$(chess_play) games -e $(call sh,$(ENGINE)) -n $(GAMES) -s $(call sh,$(SEED)) -o $@
$(chess)/vocab.gguf: | $(chess)/start.note
	$(chess_play) vocab -o $@
$(chess)/start.gguf: | $(chess)/vocab.gguf
	$(hide)$(call cmd,model-init) --vocab $(chess)/vocab.gguf --arch gpt2 --layers 4 --embd 128 --heads 4 --ctx 160 \
	  --seed $(call sh,$(SEED)) -o $@
$(chess)/round-0/rows.pack: | $(chess)/start.gguf $(chess)/games.jsonl
	$(hide)mkdir -p $(@D)
	$(hide)$(call cmd,tokenize) -m $(chess)/start.gguf --eos -o $(@D)/rows.tok $(chess)/games.jsonl
	$(hide)$(call cmd,pack) -c 80 -o $@ $(@D)/rows.tok
$(chess)/round-0/model.ckpt: | $(chess)/round-0/rows.pack
	$(call chess_train,32) -m $(chess)/start.gguf -d $(@D)/rows.pack --steps $(call sh,$(chess_steps)) --lr $(call \
	  sh,$(chess_lr)) --log $(@D)/metrics.tsv --save-every 200 --resume -o $@
$(chess)/round-0/model.gguf: | $(chess)/round-0/model.ckpt
	$(chess_export) -m $(chess)/start.gguf $(@D)/model.ckpt

# The rows of a round are of the model before it; games keep up what that learnt at first.
# $(call chess_round_rules,N,N - 1)
define chess_round_rules
$(chess)/round-$1/rows.jsonl: | $(chess)/round-$2/model.gguf $(chess)/rounds.note
	$(hide)mkdir -p $$(@D)
	$$(chess_play) tries -e $(call sh,$(ENGINE)) -m $(chess)/round-$2/model.gguf -n $(ROUND_GAMES) --depth 3 --lesson $(LESSON) \
	  -s $(SEED)$1 $(call option_words,TRIES_FLAGS) -o $$@
$(chess)/round-$1/rows.pack: | $(chess)/round-$1/rows.jsonl $(chess)/games.jsonl
	$(hide)$(if $(filter sft,$(chess_wants)),n=$$$$(wc -l <$$(@D)/rows.jsonl) && head -n $$$$((n / 8)) $(chess)/games.jsonl >$$(@D)/games.jsonl)
	$(hide)$(call cmd,tokenize) -m $(chess)/start.gguf $(if $(filter \
	  sft,$(chess_wants)),,--preference )--no-eos -o $$(@D)/rows.tok $$(@D)/rows.jsonl$(if $(filter sft,$(chess_wants)), $$(@D)/games.jsonl)
	$(hide)$(call cmd,pack) -c 160 -o $$@ $$(@D)/rows.tok
$(chess)/round-$1/reference.gguf: | $(chess)/round-$1/rows.pack
	$(hide)$(call cmd,logprobs) -m $(chess)/round-$2/model.gguf -d $$(@D)/rows.pack -o $$@
$(chess)/round-$1/model.ckpt: | $(chess)/round-$1/$(if $(filter dpo,$(chess_wants)),reference.gguf,rows.pack)
	$(call chess_train,16) -m $(chess)/round-$2/model.gguf -d $$(@D)/rows.pack --epochs 1 --lr $(call \
	  sh,$(ROUND_LR)) --objective $(chess_wants)$(if $(filter dpo,$(chess_wants)), --reference $$(@D)/reference.gguf) \
	  --log $$(@D)/metrics.tsv --restart -o $$@
$(chess)/round-$1/model.gguf: | $(chess)/round-$1/model.ckpt
	$$(chess_export) -m $(chess)/round-$2/model.gguf $$(@D)/model.ckpt
endef
chess_before = $(words $(wordlist 2,$1,$(chess_rounds)))
$(foreach n,$(filter-out 0,$(chess_rounds)),$(eval $(call chess_round_rules,$n,$(call chess_before,$n))))

$(chess)/round-%/judged.tsv: | $(chess)/round-%/model.gguf $(chess)/positions.tsv
	$(hide)$(call chess_to,$(call cmd,selfplay) judge -m $(@D)/model.gguf $(chess)/positions.tsv)
chess_match  = $(hide)$(call chess_to,$(call cmd,selfplay) match -e $(call \
  sh,$(ENGINE)) -m $(@D)/model.gguf --against $1 -n $(MATCHES) --temp 0.3 --depth 3 --pgn $(@D)/$1.pgn)
$(chess)/round-%/random.tsv: | $(chess)/round-%/model.gguf $(chess)/rounds.note
	$(call chess_match,random)
$(chess)/round-%/skill.tsv: | $(chess)/round-%/model.gguf $(chess)/rounds.note
	$(call chess_match,skill)
chess_measured = $(foreach n,$(chess_rounds),$(foreach f,judged $(if $(filter-out 0,$(MATCHES)),random skill),$(chess)/round-$n/$f.tsv))
.SECONDARY:
$(chess)/table.tsv: FORCE | $(chess_measured)
	$(hide)$(call chess_to,awk -f $(call sh,$(WORKFLOWS)/selfplay.awk) $(chess_measured))
$(chess)/rounds.png: FORCE | $(chess)/table.tsv
	-$(hide)gnuplot -c $(call sh,$(WORKFLOWS)/selfplay.gp) $(chess)/table.tsv $@
endif
