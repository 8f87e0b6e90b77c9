# SPDX-License-Identifier: MIT
# libtrain: `make` builds every command into bin/, `make help` lists the rest.
MAKEFLAGS += -rR --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

include mk/config.mk
include mk/flags.mk
include mk/rules.mk
