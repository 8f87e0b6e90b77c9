# Libraries: build/deps.mk holds the flags they need.  It is made once, by a script that
# tries to compile, installs what is missing, or says in words what to install.
# `rm -r build` (or `make clean`) looks again.
building := $(if $(dry),,$(filter-out help clean dist uninstall,$(or $(MAKECMDGOALS),all)))
ifneq ($(building),)
include build/deps.mk build/deps-dnnl.mk build/deps-httpd.mk
ifneq ($(filter check check-% tests,$(building)),)
include build/deps-check.mk
endif
ifdef MPI
include build/deps-mpi.mk
endif
endif
-include $(wildcard build/deps.mk build/deps-dnnl.mk build/deps-httpd.mk build/deps-check.mk $(if $(MPI),build/deps-mpi.mk))

build/deps.mk: mk/deps.sh
	@CC=$(call sh,$(CC)) OPENMP=$(call sh,$(OPENMP)) sh mk/deps.sh $@ build plot

# One after the other: each may call the package manager.
build/deps-dnnl.mk: mk/deps.sh | build/deps.mk
	@CC=$(call sh,$(CC)) OPENMP=$(call sh,$(OPENMP)) OPTIONAL='there is no --precision bf16 or q8' \
	  sh mk/deps.sh $@ dnnl

build/deps-httpd.mk: mk/deps.sh | build/deps-dnnl.mk
	@CC=$(call sh,$(CC)) OPENMP=$(call sh,$(OPENMP)) OPTIONAL='there is no studio' \
	  sh mk/deps.sh $@ httpd

build/deps-check.mk: mk/deps.sh | build/deps-httpd.mk
	@CC=$(call sh,$(CC)) OPENMP=$(call sh,$(OPENMP)) sh mk/deps.sh $@ check
	@CC=$(call sh,$(CC)) OPENMP=$(call sh,$(OPENMP)) \
	  OPTIONAL='training by several processes is not tested' \
	  sh mk/deps.sh build/deps-mpi-tests.mk mpi
	@CC=$(call sh,$(CC)) OPENMP=$(call sh,$(OPENMP)) OPTIONAL='studio is not tested' \
	  sh mk/deps.sh build/deps-curl.mk curl

build/deps-mpi.mk: mk/deps.sh | $(if $(filter \
  check check-% tests,$(building)),build/deps-check.mk) build/deps-httpd.mk
	@CC=$(call sh,$(CC)) OPENMP=$(call sh,$(OPENMP)) sh mk/deps.sh $@ mpi
