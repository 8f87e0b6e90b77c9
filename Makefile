# SPDX-License-Identifier: MIT
# libtrain: `make` builds every command into bin/, `make finetune` runs the whole pipe,
# `make check` tests, `make help` lists all targets and knobs.

.DEFAULT_GOAL := all
# mk/run.mk has other places for them.
MK        := mk
WORKFLOWS := workflows
EXAMPLES  := examples

include mk/make.mk
include mk/text.mk
include mk/config.mk
include mk/deps.mk
include mk/flags.mk
include mk/build.mk
include mk/rules.mk
include mk/checks.mk
include mk/dev.mk
include mk/install.mk
include mk/help.mk
include $(sort $(wildcard $(WORKFLOWS)/*.mk))
