# The workflows, for whoever has no sources: the commands are there and need no building.
# LIBTRAIN is the folder of mk/, workflows/ and examples/, CMD stands in front of the name of
# every command: Makefile.run, which `make install` writes, knows them, and so does finetune.
override LIBTRAIN := $(value LIBTRAIN)
override CMD      := $(value CMD)
WORKFLOWS := $(LIBTRAIN)/workflows
EXAMPLES  := $(LIBTRAIN)/examples
MK        := $(LIBTRAIN)/mk
built     :=
.DEFAULT_GOAL := help
# A blank in the name of the folder is none between two of include's.
empty     :=
escaped   := $(subst $(empty) $(empty),\ ,$(LIBTRAIN))

include $(escaped)/mk/make.mk
include $(escaped)/mk/text.mk
include $(escaped)/mk/help.mk
include $(addprefix $(escaped)/workflows/,$(shell cd $(call sh,$(WORKFLOWS)) && ls *.mk))
.PHONY: FORCE
