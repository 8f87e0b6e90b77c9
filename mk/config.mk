# What a user may set on the command line or in the environment.
ifeq ($(origin CC),default)
CC       := cc
endif
CC       ?= cc
ifeq ($(origin CXX),default)
CXX      := c++
endif
CXX      ?= c++
ifeq ($(origin AR),default)
AR       := ar
endif
AR       ?= ar
# release, asan (address and undefined-behaviour sanitizers) or fuzz (these and libFuzzer,
# for clang); each has its own folder
MODE     ?= release
ARCH     ?= -march=native
OPENMP   ?= -fopenmp
CFLAGS   ?= $(CFLAGS_$(MODE))
CFLAGS_release := -O3 -g
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer
CFLAGS_fuzz    := -O1 -g -fno-omit-frame-pointer
# MPI=1: `train` can be one of several processes; needs Open MPI, has its own folder too.
VARIANT  := $(if $(MPI),mpi$(patsubst %,-%,$(filter-out release,$(MODE))),$(MODE))
BUILD    ?= build/$(VARIANT)
BIN      ?= $(if $(filter release,$(VARIANT)),bin,$(BUILD)/bin)
# For workflows: what stands in front of the name of a command; $(call built,COMMAND…), what
# has to be there before it runs.
CMD      := $(BIN)/
built     = $(addprefix $(BIN)/,$1)
# V=1 shows whole commands, Q=1 hides what is no result, WERROR=1 makes warnings errors.
# The reference material that some tests compare with; they skip without it.
SHARED   ?= $(abspath $(wildcard ../shared))
# Where check-long looks for models and puts those that it downloads.
MODELS_DIR ?= build/models
VERSION   = $(shell sed -n 's/^\#define TR_VERSION "\(.*\)"/\1/p' libtrain/version.h)
