# `make help`: the lines "## target: text" of all makefiles, workflows first and finetune the
# first of them, then their knobs, "#? KNOB text", with the values that these have now.
.PHONY: help
## help: this page
in_workflows = $(call sh,$(WORKFLOWS))
help:
	@$(foreach k,$(KNOBS),$k=$(call sh,$($k))) LC_ALL=C awk -f $(call sh,$(MK)/help.awk) mark='##' \
	  title='workflows: make NAME KNOB=VALUE …' $(in_workflows)/finetune.mk \
	  $(in_workflows)/*.mk title='other targets:' $(call sh,$(MK))/*.mk
