# Library, commands, unit tests: sources are found, a new file needs no edit here.
LIB_SRC := $(filter-out libtrain/base/comm_$(if $(MPI),single,mpi).c,\
  $(sort $(wildcard libtrain/*/*.c libtrain/*/*/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
LIB     := $(BUILD)/libtrain.a
# The shared library: its soname changes with what no longer links or means the same.
SONAME  := libtrain.so.0
LIB_SO  := $(BUILD)/$(SONAME)
# cmds/NAME.c is a command, cmds/shared/ is what they share.
CMD_SHARED := $(sort $(wildcard cmds/shared/*.c))
CMD_SRC := $(sort $(wildcard cmds/*.c))
CMDS    := $(CMD_SRC:cmds/%.c=%)
# cmds/studio/ is of the command studio alone: a server, and the files of its page.
STUDIO_SRC := $(if $(HTTPD_LIBS),$(sort $(wildcard cmds/studio/*.c)))
STUDIO_OBJ := $(STUDIO_SRC:%.c=$(BUILD)/%.o)
STUDIO_PAGES := $(sort $(wildcard cmds/studio/page/*))
SHARED_OBJ := $(CMD_SHARED:%.c=$(BUILD)/%.o)
# tests/unit/test_x.c is a program of its own, other files there are shared by them.
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
UNIT_OBJ := $(UNIT_SRC:%.c=$(BUILD)/%.o)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(filter tests/unit/test_%,$(UNIT_SRC)))
UNIT_SHARED_OBJ := $(filter-out $(BUILD)/tests/unit/test_%,$(UNIT_OBJ))
# dev/models/ is shared by them and the programs in dev/.
MODELS_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard dev/models/*.c)))
# tests/fuzz/fuzz_x.c is fed by driver.c, or by libFuzzer in MODE=fuzz.
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*.c))
FUZZ_OBJ := $(FUZZ_SRC:%.c=$(BUILD)/%.o)
FUZZ_TESTS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(filter-out tests/fuzz/driver.c,$(FUZZ_SRC)))
FUZZ_MAIN := $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer,$(BUILD)/tests/fuzz/driver.o)

.PHONY: all lib tests fuzz-tests
## all: build every command into bin/ (the default)
all: $(CMDS:%=$(BIN)/%)
### lib: build the library alone, static and shared
lib: $(LIB) $(LIB_SO)
### tests: build the unit tests
tests: $(UNIT_TESTS) fuzz-tests
fuzz-tests: $(FUZZ_TESTS)

$(LIB): $(LIB_OBJ)
	$(call run,AR,$@,rm -f $@ && $(AR) rcs $@ $^)

# The same objects for both; only what installed headers declare can be seen from outside.
$(LIB_OBJ): TR_CFLAGS += $(PIC_CFLAGS)
$(LIB_SO): $(LIB_OBJ) mk/libtrain.map
	$(call run,LD,$@,$(LINK) $(SHARED_FLAGS) $(LIB_OBJ) $(TR_LIBS) $(LDLIBS))

LINK = $(CC) $(TR_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@
SHARED_FLAGS = -shared -Wl,-soname,$(SONAME) -Wl,--version-script=mk/libtrain.map

$(BIN)/%: $(BUILD)/cmds/%.o $(SHARED_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call run,LD,$@,$(LINK) $^ $(TR_LIBS) $(LDLIBS))

# The page's files as an array of bytes each.
$(BIN)/studio: $(STUDIO_OBJ) $(if $(STUDIO_SRC),$(BUILD)/cmds/studio/pages-of.o)
$(BUILD)/cmds/studio/pages-of.o: $(BUILD)/cmds/studio/pages-of.c
	$(call run,CC,$<,$(COMPILE) -c -o $@ $<)
$(BUILD)/cmds/studio/pages-of.c: $(STUDIO_PAGES) cmds/studio/pages.sh $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,PAGES,$@,sh cmds/studio/pages.sh $(STUDIO_PAGES) >$@)

$(BUILD)/tests/test_%: $(BUILD)/tests/unit/test_%.o $(UNIT_SHARED_OBJ) $(MODELS_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(call run,LD,$@,$(LINK) $^ $(CHECK_LIBS) $(TR_LIBS) $(LDLIBS))

# What commands share is in no library; a test of a piece of it names the object.
$(BUILD)/tests/test_fields: $(BUILD)/cmds/shared/fields.o

$(BUILD)/tests/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(filter %.o,$(FUZZ_MAIN)) $(LIB)
	@mkdir -p $(@D)
	$(call run,LD,$@,$(LINK) $^ $(filter-out %.o,$(FUZZ_MAIN)) $(TR_LIBS) $(LDLIBS))

$(BUILD)/tests/%: $(BUILD)/tests/fuzz/%.o $(LIB)
	@mkdir -p $(@D)
	$(call run,LD,$@,$(LINK) $^ $(TR_LIBS) $(LDLIBS))

$(BUILD)/tests/unit/%.o: TR_CPPFLAGS += $(CHECK_CPPFLAGS)

COMPILE = $(CC) $(TR_CPPFLAGS) $(CPPFLAGS) $(TR_CFLAGS) $(TR_WERROR) $(CFLAGS)

# Under -n it is not written.
$(BUILD)/flags:

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call run,CC,$<,$(COMPILE) -MMD -MP -c -o $@ $<)

ALL_OBJ := $(LIB_OBJ) $(SHARED_OBJ) $(STUDIO_OBJ) $(UNIT_OBJ) $(MODELS_OBJ) $(FUZZ_OBJ) $(CMD_SRC:%.c=$(BUILD)/%.o)
-include $(ALL_OBJ:.o=.d)
.SECONDARY: $(ALL_OBJ)
.PHONY: FORCE
