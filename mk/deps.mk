# Libraries: build/deps.mk holds the flags they need.  It is made once, by a script that
# tries to compile, installs what is missing, or says in words what to install.
# `rm -r build` (or `make clean`) looks again.
building := $(if $(dry),,$(filter-out help clean dist uninstall,$(or $(MAKECMDGOALS),all)))
ifneq ($(building),)
include build/deps.mk
ifneq ($(filter check check-% tests,$(building)),)
include build/deps-check.mk
endif
ifdef MPI
include build/deps-mpi.mk
endif
endif
-include $(wildcard build/deps.mk build/deps-check.mk $(if $(MPI),build/deps-mpi.mk))

build/deps.mk: mk/deps.sh
	@CC='$(CC)' OPENMP='$(OPENMP)' sh mk/deps.sh $@ build plot

build/deps-check.mk: mk/deps.sh
	@CC='$(CC)' OPENMP='$(OPENMP)' sh mk/deps.sh $@ check
	@CC='$(CC)' OPENMP='$(OPENMP)' sh mk/deps.sh build/deps-mpi.mk mpi || \
	  echo 'note: without Open MPI, training by several processes is not tested' >&2

build/deps-mpi.mk: mk/deps.sh
	@CC='$(CC)' OPENMP='$(OPENMP)' sh mk/deps.sh $@ mpi
