# What a user names is text, never code: values of knobs reach the shell through `sh` below,
# and make does not look for variables and functions in them.
define newline


endef
empty :=
space := $(empty) $(empty)
tab   := $(empty)	$(empty)
hash  := \#
comma := ,
# Characters that the shell takes for its own; those that make's rules cannot hold.
SHELL_CHARS := ! " $$ & ' ( ) * ; < > ? [ \ ] ^ ` { | } ~ $(hash)
RULE_CHARS  := $(SHELL_CHARS) % : =

# $(call holds,CHARACTERS,TEXT): the first of the characters, or of the blanks, in the text.
holds = $(or $(firstword $(foreach c,$1,$(findstring $c,$2))),$(call blanks,$2))
blanks = $(if $(findstring $(space),$1),blank,$(if $(findstring $(tab),$1),tab))

# $(call sh,TEXT): one word of the shell that means this text, as it is where it can be.
sh = $(if $(or $(if $1,,empty),$(call holds,$(SHELL_CHARS),$1)),'$(subst ','\'',$1)',$1)
# $(call sh_words,WORDS): each of them.
sh_words = $(foreach w,$1,$(call sh,$w))
# $(call sh_lines,TEXT): each of its lines; `shell` would run several together.
sh_lines = '$(subst $(newline),' ',$(subst ','\'',$1))'

# $(call dollars,TEXT): for a second expansion.
dollars = $(subst $$,$$$$,$1)

# $(call path,NAME): the name of a file as no command takes it for an option; ~/ is HOME.
path = $(subst $(newline),,$(subst $(newline)-,./-,$(subst $(newline)~/,$(value HOME)/,$(newline)$1)))

# $(call plain,TEXT): with _ for every character that the name of a target cannot hold.
plain = $(eval plain_text := $$(subst $$(tab),_,$$(subst $$(space),_,$$1)))$(if $(foreach \
  c,$(RULE_CHARS),$(eval plain_text := $$(subst $$c,_,$$(plain_text)))),)$(plain_text)

# $(call same,TEXT,TEXT): 1 or nothing.
same = $(if $(subst x$1,,x$2)$(subst x$2,,x$1),,1)
# $(call text_of,FILE): its lines, of which none is empty; nothing if it is not there.  Make 4.3
# takes the last line break away or does not, by luck.
text_of = $(if $(wildcard $1),$(subst $(newline)$(newline),$(newline),$(file <$1)$(newline)))

# $(call printable,TEXT): with ? for control characters other than tabs.
printable = $(shell printf %s $(call sh,$1) | LC_ALL=C tr '\001-\010\012-\037\177' '?')

# $(call refuse,WORDS): the end, if there are any words.  $(call told,WORDS) only says them.
refuse = $(if $1,$(call told,$1)$(error nothing was done))
told   = $(shell printf '%s: %s\n' $(or $(firstword $(filter compare data dataset distill dpo eval lr-find plan personalize pretrain publish selfplay served sweep,$(MAKECMDGOALS))), \
  finetune) $(call sh,$1) >&2)

# The knobs of the workflows, which have a line "#? KNOB text" there, and others whose values
# are text.  What was given for them is taken as it stands.
KNOBS := $(sort $(shell sed -n 's/^\#? \([A-Z_0-9]*\) .*/\1/p' $(call sh,$(WORKFLOWS))/*.mk))
TEXTS := FRONT BENCH PEERS DESTDIR CMD_PREFIX
given  = $(filter command override $(if $(or $(filter $1,$(TEXTS)),$(findstring e,$(letters))),\
  environment),$(origin $1))
$(foreach k,$(KNOBS) $(TEXTS),$(if $(call given,$k),$(eval override $k := $$(value $k))\
  $(if $(call same,$($k),$(call printable,$($k))),,$(call refuse,$k is '$(call \
  printable,$($k))'$(comma) which holds a control character$(comma) shown as ?))))
