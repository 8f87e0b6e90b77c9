# How what is built is run and shown.  Compilers run on all processors, unless -j says
# otherwise; one line, printed over on a terminal, says how far it is.  V=1 shows whole
# commands, Q=1 (and `make -s`) warnings and errors alone.

# Goals that only build.  All others, workflows above all, run one command after the other,
# since each takes the whole machine; what they need of these is built together, beforehand.
PARALLEL   := all lib tests fuzz-tests dev install $(BIN)/% $(BUILD)/% build/%
sequential := $(filter-out $(PARALLEL),$(or $(MAKECMDGOALS),all))
ifeq ($(dry)$(sequential),)
# Make does not show the -j of MAKEFLAGS here, and lets that of the command line win.
ifeq ($(shell printf ' -%s' "$$MAKEFLAGS" | sed -n 's/ -- .*//; / --*[a-zA-Z]*j/p'),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
endif
endif

# $(call run,WORD,WHAT,COMMAND): the line of a recipe that runs it.
run       = $(if $(counting),COUNT,$(if $(dry),$3,$(if $(alone),$(together),$(if $V,$3,@$(call \
  say,$1,$2)$(call hushed,$3)))))
# What a compiler says comes in one piece, on lines of its own.
hushed    = said=$$($1 2>&1); s=$$?; [ -z "$$said" ] || printf '$(over)%s\n' "$$said" >&2; exit $$s
terminal := $(if $(filter-out dumb,$(TERM)),$(MAKE_TERMOUT))
over     := $(if $(terminal),\r\033[K)
say       = $(if $(or $(filter 1,$(Q)),$(findstring s,$(letters))),,$(call say_$(if \
  $(terminal),over,few),$(tick),$(total),$1 $2))
# $(call say_over,N,TOTAL,TEXT), and say_few: a tenth of the lines.
say_over  = printf '$(over)%.$(columns)s$(if $(call same,$1,$2),\n)' $(call sh,[$1/$2] $3);
say_few   = [ $$(($1 * 10 / $2)) = $$((($1 - 1) * 10 / $2)) ] || printf '%s\n' $(call sh,[$1/$2] $3);
tick      = $(eval ticks += x)$(words $(ticks))
columns   = $(eval columns := $(or $(filter-out 0,$(shell stty size <$(MAKE_TERMOUT) 2>/dev/null | \
  cut -d ' ' -f 2)),80))$(columns)
# How many there will be: a dry run counts them, if there are any.
flags_of   = $(filter-out -j% --jobserver%,$(MAKEFLAGS))
total      = $(eval total := $(or $(filter-out 0,$(shell counting=1 MAKEFLAGS=$(call \
  sh,$(flags_of)) $(MAKE) -n $(call sh_words,$(MAKECMDGOALS)) 2>/dev/null | grep -c '^COUNT$$')),1))$(total)

# Of a goal that runs commands one by one, the first thing to be built builds them all, and
# the others are there then.
alone      = $(if $(sequential),$(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,1))
together   = $(if $(all_built),@test -f $@,$(eval all_built := 1)+@$(MAKE) all$(if \
  $(filter bench%,$(sequential)), dev))
