# Flags of our own; the user's CFLAGS, CPPFLAGS, LDFLAGS come after them.
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
# gcc's own instrumentation hides from it what these two look for.
QUIET_asan    := -Wno-maybe-uninitialized -Wno-restrict
SANITIZE_fuzz := $(SANITIZE_asan) -fsanitize=fuzzer-no-link
# A thread may have a stack of 64 KiB, and libraries want some of it too; instrumented frames
# are larger.
FRAMES_release := -Wframe-larger-than=24576
TR_CPPFLAGS := -I. -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE $(DEPS_CPPFLAGS)
TR_CFLAGS := -std=c11 $(OPENMP) $(ARCH) -fno-math-errno -ffp-contract=fast \
  $(SANITIZE_$(MODE)) \
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
  -Wwrite-strings -Wdouble-promotion $(QUIET_$(MODE)) $(FRAMES_$(MODE)) \
  $(if $(OPENMP),,-Wno-unknown-pragmas)
TR_WERROR := $(if $(WERROR),-Werror)
# Objects of the library serve the static and the shared one; calls inside it stay inside.
PIC_CFLAGS := -fPIC -fno-semantic-interposition
TR_LIBS   := $(DEPS_LIBS) $(if $(MPI),$(MPI_LIBS)) -ldl -lm

# A changed flag rebuilds: every object depends on the file that holds the flags.  It is
# written here, not by a rule, so that nothing is remade while it stays the same.
ALL_FLAGS := $(if $(MPI),MPI) $(CC) $(TR_CPPFLAGS) $(CPPFLAGS) $(TR_CFLAGS) $(PIC_CFLAGS) $(CFLAGS)
ifneq ($(building),)
ifneq ($(file <$(BUILD)/flags),$(ALL_FLAGS))
$(shell mkdir -p $(BUILD))
$(file >$(BUILD)/flags,$(ALL_FLAGS))
endif
endif

# The bytes of quantised blocks must not depend on contracted multiply-adds.
$(BUILD)/libtrain/quants/%.o: TR_CFLAGS += -ffp-contract=off
$(BUILD)/libtrain/matmul/dnnl.o: TR_CPPFLAGS += $(DNNL_CPPFLAGS)
$(BUILD)/libtrain/matmul/dnnl.o: $(wildcard build/deps-dnnl.mk)
HTTPD := $(if $(HTTPD_LIBS),-DTR_HTTPD)
$(BUILD)/cmds/studio.o $(BUILD)/cmds/studio/%.o $(BUILD)/cmds/shared/help.o: TR_CPPFLAGS += $(HTTPD) $(HTTPD_CPPFLAGS)
$(BUILD)/cmds/studio.o $(BUILD)/cmds/shared/help.o: $(wildcard build/deps-httpd.mk)
$(BIN)/studio: TR_LIBS += $(HTTPD_LIBS)
$(BUILD)/libtrain/base/comm_mpi.o: TR_CPPFLAGS += $(MPI_CPPFLAGS)
# --version prints the flags.
$(BUILD)/cmds/shared/help.o: TR_CPPFLAGS += \
  -DTR_BUILD_FLAGS='"$(subst ",,$(strip $(OPENMP) $(ARCH) $(SANITIZE_$(MODE)) $(CFLAGS)))"'
