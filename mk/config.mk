# What a user may set on the command line or in the environment.
CC       ?= cc
ifeq ($(origin CC),default)
CC       := cc
endif
AR       := ar
CFLAGS   ?= -O3 -g
ARCH     ?= -march=native
MODE     ?= release
BUILD    ?= build/$(MODE)
BIN      ?= bin
Q        := $(if $(V),,@)
