# What all workflows share: the folder of runs, files that a user names, records of what a
# result was made of, and what is found out before the work.

#? RUNS folder of all runs
RUNS = runs

# $(call cmd,NAME OPTIONS…): that command.  $(call script,NAME): sh and a script beside this
# file, which the whole path leads to if the folder of the user is another one.
cmd    = $(call sh,$(CMD))$1$(quiet)
script = sh $(call sh,$(WORKFLOWS)/$1)

# What a run was begun with.  Q=1: nobody hears of it unless it fails.  V=1: whole commands.
FRONT ?= $(if $(LIBTRAIN),finetune,make finetune)
QUIET := $(filter 1,$(value Q))
quiet  = $(if $(QUIET), -q)
hide   = $(if $(V),,@)

given_here = $(filter override,$(firstword $(origin $1)))

# $(call run_script,NAME,WORDS): now, and it must do what it should.
run_script = $(shell $(call script,$1) $2)$(if $(filter-out 0,$(.SHELLSTATUS)),$(error $1 failed))

# $(call target_name,KNOB): refuses what a rule of make cannot hold in the name of a target.
target_name = $(if $($1),,$(call refuse,$1 is empty))$(if $(call holds,$(RULE_CHARS),$($1)),$(call refuse,$1 is '$($1)'$(comma) which holds a character that the folder of a run cannot \
  have: $(call holds,$(RULE_CHARS),$($1))))$(if $(if $(call \
  same,$1,NAME),$(filter . ..,$($1)),$(filter -% @%,$($1))),$(call refuse,$1 is '$($1)'$(comma) which is no name of a folder of runs))

# $(call option_words,KNOB): its words for the shell.  What looks like code is a mistake.
option_words = $(call refuse,$(if $(call code_in,$($1)),$1 holds $(call code_in,$($1)): its \
  words reach the command as they are))$(call sh_words,$(patsubst ~/%,$(value HOME)/%,$($1)))
code_in = $(firstword $(foreach c,! " $$ & ' ( ) ; < > \ ` | $(hash),$(findstring $c,$1)))

# $(call named,TEXT): the file of that name, as a word for the shell.  $(call files,TEXT): the
# files that it names: one, whatever its name is, or several with blanks between them, which
# may be patterns, folders and @FILE, see sources.sh.
named   = $(call sh,$(call path,$1))
files   = $(if $(and $1,$(call one_file,$1),$(if $(filter @%,$1),,1)),$(call plain_files,$1),$(shell \
  $(if $(or $(QUIET),$(dry)),Q=1) $(call script,sources.sh) $(foreach w,$1,$(call named,$w))))
# A file that is there and most names of one need no look.
plain_files = $(if $(filter %/,$1)$(shell test -d $(call named,$1) && echo d),$(shell $(if $(or \
  $(QUIET),$(dry)),Q=1) $(call script,sources.sh) $(call named,$1)),$(call named,$1))
# For the name of a run: the first file of a list; of a pattern the folder.
first_file = $(if $(filter @%,$1),$(or $(shell { xargs printf '%s\n' <$(call named,$(patsubst \
  @%,%,$1)) | sed 1q; } 2>/dev/null),$1),$1)
folder_of  = $(if $(and $(findstring /,$1),$(strip $(foreach c,* ? [,$(findstring \
  $c,$(notdir $1))))),$(patsubst %/,%,$(dir $1)),$1)
one_file = $(or $(if $(call holds,* ? [,$1),,yes),$(shell test -e $(call named,$1) && echo yes))

# $(call readable,KNOB,FILES): refuses what is not there.  Of models that are elsewhere it is
# said where.
readable = $(call unreadable,$1,$2,$(shell $(call script,readable.sh) $1 $2))
unreadable = $(if $3,$(if $(filter MODEL,$1),$(call told,$3)$(shell $(call \
  script,models.sh) $2 >&2)$(error nothing was done),$(call refuse,$3)))

# $(call usage,COMMAND OPTIONS…): refuses options that the command does not take, which it
# says by status 2 before it opens a file.
usage = $(call refuse,$(shell e=$$($(call cmd,$1) 2>&1 >/dev/null </dev/null); \
  [ $$? != 2 ] || printf '%s\n' "$$e" | sed 1q))

# A result is known by what it was made of: options, and the contents of what the user named,
# not by time stamps, which say little of a file that was moved or copied here and nothing
# under a clock that was set back.  RUN/records/NAME holds this in words.  It is written when
# the making of RUN/NAME begins, with the inode that has the name then: commands put a whole
# new file in the place of an older one, so the record holds once the name has another inode.
#
# $(eval $(call made_of,FILE)): it is of what the variable of_FILE says, or else stands in
# `todo` and is made again, by a recipe that starts with $(call step,WORDS), or for several
# files with $(call begins,FILE) and $(call steps_to,FILE,WORDS).  $(call inodes,FILES): words FILE=INODE for those that are there, kept in INODES.
todo      :=
step_done :=
define made_of
$(if $(call current,$1,$(call record,$1)),,$(eval todo += $1)$(RUN)/$1: FORCE)
endef
# What is written beside FILE, with_FILE, has to be there too.
current = $(and $(call same,$2,$(of_$1)$(newline)replaces $(lastword $2)$(newline)),$(call made,$1),$(if \
  $(with_$1),$(wildcard $(RUN)/$(with_$1)),1))
made    = $(filter-out none $(lastword $(call record,$1)),$(call inode,$1))
record  = $(call text_of,$(RUN)/records/$1)
wanted  = $(of_$1)$(newline)replaces $(call inode,$1)$(newline)
begun   = $(call same,$(call record,$1),$(call wanted,$1))
# What is different in the record of FILE now, in words: changes.awk.
changed = $(shell printf '%s\n' $(call sh_lines,$(of_$1)) | awk -f $(call sh,$(WORKFLOWS)/changes.awk) \
  $(RUN)/records/$1 - 2>/dev/null)
# What RUN/earlier has of the settings of now, if they are others than those of RUN.
take_back = $(if $(and $(wildcard $(RUN)/earlier/*/records/$1),$(if $(call same,$(call \
  record,$1),$(of_$1)$(newline)replaces $(lastword $(call record,$1))$(newline)),,1)),$(call \
  run_script,keep.sh,$(RUN) back $(call sh_lines,$(of_$1))))
begins  = $(if $(or $(dry),$(call begun,$1)),,$(file >$(RUN)/records/$1,$(call wanted,$1)))
# A recipe begins so, with words on what it does.
PID      := $(shell echo $$PPID)
step     = $(call steps_to,$(@F),$1)
steps_to = $(call begins,$1)$(if $(dry),,$(file >$(RUN)/records/pid,$(PID))$(keep_given))$(if $(or $(dry),$(QUIET),$(V)),,$(eval step_done += x)$(info \
  [$(words $(step_done))$(if $(steps),/$(words $(steps)))] $2))$(hide)
inodes  = $(shell CDPATH= cd -- $(RUN) 2>/dev/null && QUOTING_STYLE=literal ls -i $1 2>/dev/null | sed 's/ *\([0-9]*\) \(.*\)/\2=\1/')
inode   = $(or $(lastword $(subst =, ,$(filter $1=%,$(INODES)))),none)
