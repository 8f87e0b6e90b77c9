# SPDX-License-Identifier: MIT
# libtrain: `make` builds every command into bin/, `make finetune` runs the whole pipe,
# `make check` tests, `make help` lists all targets and knobs.

# The letters of make's own options; 1 under `make -n` and `make -q`, which must leave every
# file as it is.
letters := $(filter-out --%,$(firstword -$(MAKEFLAGS)))
dry     := $(if $(findstring n,$(letters))$(findstring q,$(letters)),1)
MAKEFLAGS += -rR --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
ifeq ($(filter grouped-target,$(.FEATURES)),)
$(error GNU make 4.3 or newer is needed, this is $(MAKE_VERSION))
endif

include mk/text.mk
include mk/config.mk
include mk/deps.mk
include mk/flags.mk
include mk/rules.mk
include mk/checks.mk
include mk/dev.mk
include mk/install.mk
include mk/help.mk
include $(sort $(wildcard workflows/*.mk))
