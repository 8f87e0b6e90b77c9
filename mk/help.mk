# `make help`: the lines "## target: text" of all makefiles, then each workflow's lines
# "#? KNOB text" with the value that the knob has now.
.PHONY: help
## help: this page
help:
	@echo "targets:"
	@sed -n 's/^## \([a-z0-9-]*\): /\1\t/p' $(call sh,$(MK))/*.mk | awk -F '\t' '{ printf "  %-14s %s\n", $$1, $$2 }'
	@$(foreach k,$(KNOBS),$k=$(call sh,$($k))) awk -f $(call sh,$(MK)/help.awk) $(call sh,$(WORKFLOWS))/*.mk
