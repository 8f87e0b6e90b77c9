# Library, commands, unit tests: sources are found, a new file needs no edit here.
LIB_SRC := $(sort $(wildcard libtrain/*.c libtrain/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CMD_SRC := $(filter-out cmds/common.c,$(sort $(wildcard cmds/*.c)))
CMDS    := $(CMD_SRC:cmds/%.c=%)
LIB     := $(BUILD)/libtrain.a

.PHONY: all lib
## all: build every command into bin/ (the default)
all: $(CMDS:%=$(BIN)/%)
lib: $(LIB)

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BIN)/%: $(BUILD)/cmds/%.o $(BUILD)/cmds/common.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(TR_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TR_LIBS) $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(TR_CPPFLAGS) $(CPPFLAGS) $(TR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(LIB_OBJ:.o=.d) $(CMDS:%=$(BUILD)/cmds/%.d) $(BUILD)/cmds/common.d
.SECONDARY:
