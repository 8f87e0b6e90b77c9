# What every makefile here asks of make.
# The letters of make's own options; 1 under `make -n` and `make -q`, which must leave every
# file as it is.
letters := $(filter-out --%,$(firstword -$(MAKEFLAGS)))
dry     := $(if $(findstring n,$(letters))$(findstring q,$(letters)),1)
MAKEFLAGS += -rR --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
ifeq ($(filter grouped-target,$(.FEATURES)),)
$(error GNU make 4.3 or newer is needed, this is $(MAKE_VERSION))
endif
