# Library, commands, unit tests: sources are found, a new file needs no edit here.
LIB_SRC := $(sort $(wildcard libtrain/*.c libtrain/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
# A .c with a header of its own is shared by the commands, the others are commands.
CMD_SHARED := $(patsubst %.h,%.c,$(sort $(wildcard cmds/*.h)))
CMD_SRC := $(filter-out $(CMD_SHARED),$(sort $(wildcard cmds/*.c)))
CMDS    := $(CMD_SRC:cmds/%.c=%)
SHARED_OBJ := $(CMD_SHARED:%.c=$(BUILD)/%.o)
LIB     := $(BUILD)/libtrain.a

.PHONY: all lib
## all: build every command into bin/ (the default)
all: $(CMDS:%=$(BIN)/%)
lib: $(LIB)

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BIN)/%: $(BUILD)/cmds/%.o $(SHARED_OBJ) $(LIB)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(TR_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(TR_LIBS) $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(TR_CPPFLAGS) $(CPPFLAGS) $(TR_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(LIB_OBJ:.o=.d) $(CMDS:%=$(BUILD)/cmds/%.d) $(SHARED_OBJ:.o=.d)
.SECONDARY:
