# Installing, packing, cleaning.  DESTDIR is put in front of every path; CMD_PREFIX in front
# of the name of every command and of its page.
prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
datadir    ?= $(prefix)/share
mandir     ?= $(prefix)/share/man
CMD_PREFIX ?=
INSTALL    ?= install
PUBLIC_H   := $(sort $(wildcard libtrain/*.h))
PAGES      := $(sort $(wildcard $(CMDS:%=cmds/%.1)))
# $(call to,PATH…): where it goes, as words for the shell.
to          = $(call sh,$(DESTDIR)$1)
to_command  = $(call to,$(bindir)/$(CMD_PREFIX)$1)
to_page     = $(call to,$(mandir)/man1/$(CMD_PREFIX)$(notdir $1))
# Below $(datadir)/libtrain: the workflows, with what they and mk/run.mk include, read and run.
DATA_FOLDER = $(datadir)/libtrain
DATA_FILES  = find $(addprefix mk/,make.mk text.mk run.mk help.mk help.awk) workflows examples \
  -type f ! -name '*.c'
each_file   = while IFS= read -r file; do $1 || exit; done
# $(call for_make,TEXT): as a makefile spells it.
for_make    = $(subst $(hash),\$(hash),$(subst $$,$$$$,$1))
# finetune looks for them in ../share/libtrain.  Where that is another folder it lies beside
# them, and what is in bindir leads there.
FRONT_AWAY  = $(if $(call same,$(abspath $(bindir)/../share),$(abspath $(datadir))),,yes)

# What shells complete, a file a command: FOLDER/FILE below $(datadir), of the command $1.
COMPLETIONS = bash zsh fish
bash_file   = bash-completion/completions/$(CMD_PREFIX)$1
zsh_file    = zsh/site-functions/_$(CMD_PREFIX)$1
fish_file   = fish/vendor_completions.d/$(CMD_PREFIX)$1.fish
first_words = $(if $(filter finetune,$1),$(shell sed -n 's/^## \([a-z-]*\):.*/\1/p' workflows/*.mk))
completion  = $(call to,$(datadir)/$(call $1_file,$2))

.PHONY: install uninstall dist clean
## install: commands, manual pages, library, headers, libtrain.pc, workflows, completions (DESTDIR prefix bindir libdir includedir datadir mandir CMD_PREFIX)
install: all lib $(BUILD)/libtrain.pc $(CMDS:%=$(BUILD)/options/%)
	$(INSTALL) -d $(call to,$(bindir)) $(call to,$(mandir)/man1) $(call to,$(includedir)/libtrain) \
	  $(call to,$(libdir)/pkgconfig)
	$(foreach c,$(CMDS),$(INSTALL) -m 755 $(BIN)/$c $(call to_command,$c) &&) true
	export prefix=$(call sh,$(CMD_PREFIX)) && \
	  $(foreach p,$(PAGES),awk -v commands='$(CMDS)' -f mk/pages.awk $p > $(call to_page,$p) &&) true
	$(INSTALL) -m 644 $(PUBLIC_H) $(call to,$(includedir)/libtrain)
	$(INSTALL) -m 644 $(LIB) $(call to,$(libdir)/libtrain.a)
	$(INSTALL) -m 755 $(LIB_SO) $(call to,$(libdir)/libtrain.so.$(VERSION))
	ln -sf libtrain.so.$(VERSION) $(call to,$(libdir)/$(SONAME))
	ln -sf $(SONAME) $(call to,$(libdir)/libtrain.so)
	$(INSTALL) -m 644 $(BUILD)/libtrain.pc $(call to,$(libdir)/pkgconfig/libtrain.pc)
	$(INSTALL) -d $(foreach s,$(COMPLETIONS),"$$(dirname $(call completion,$s,x))")
	$(foreach s,$(COMPLETIONS),$(foreach c,$(CMDS),awk -v shell=$s -v name=$(call sh,$(CMD_PREFIX)$c) \
	  -v first='$(call first_words,$c)' -f mk/completion.awk $(BUILD)/options/$c > $(call completion,$s,$c) &&)) true
	to=$(call to,$(DATA_FOLDER)) && $(DATA_FILES) | $(call each_file,$(INSTALL) -d \
	  "$$to/$$(dirname "$$file")" && $(INSTALL) -m 644 "$$file" "$$to/$$file")
	$(if $(FRONT_AWAY),mv $(call to_command,finetune) $(call to,$(DATA_FOLDER)/finetune))
	$(if $(FRONT_AWAY),ln -s $(call sh,$(DATA_FOLDER)/finetune) $(call to_command,finetune))
	printf '%s\n' $(call sh,LIBTRAIN := $(call for_make,$(DATA_FOLDER))) \
	  $(call sh,CMD := $(call for_make,$(bindir)/$(CMD_PREFIX))) \
	  $(call sh,include $(subst $(space),\ ,$(call for_make,$(DATA_FOLDER)))/mk/run.mk) \
	  > $(call to,$(DATA_FOLDER)/Makefile.run)

# The options of a command, and of finetune those that workflows give it.
$(BUILD)/options/%: $(BIN)/% $(wildcard workflows/*.mk)
	@mkdir -p $(@D)
	@$< --print-options > $@

$(BUILD)/libtrain.pc: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(call sh,prefix=$(prefix)) $(call sh,libdir=$(libdir)) \
	  $(call sh,includedir=$(includedir)) '' \
	  'Name: libtrain' 'Description: fine-tuning of language models in GGUF files on a CPU' \
	  'Version: $(VERSION)' 'Cflags: -I$${includedir}' \
	  'Libs: -L$${libdir} -ltrain' $(call sh,Libs.private: $(TR_LIBS) $(OPENMP)) > $@

## uninstall: remove what install put there
uninstall:
	rm -f $(foreach s,$(COMPLETIONS),$(foreach c,$(CMDS),$(call completion,$s,$c)))
	rm -f $(foreach c,$(CMDS),$(call to_command,$c)) $(foreach p,$(PAGES),$(call to_page,$p)) \
	  $(foreach h,$(PUBLIC_H),$(call to,$(includedir)/$h)) $(call to,$(libdir)/libtrain.a) \
	  $(call to,$(libdir)/libtrain.so) $(call to,$(libdir)/$(SONAME)) \
	  $(call to,$(libdir)/libtrain.so.$(VERSION)) $(call to,$(libdir)/pkgconfig/libtrain.pc)
	to=$(call to,$(DATA_FOLDER)) && rm -f "$$to/Makefile.run" "$$to/finetune" && \
	  $(DATA_FILES) | $(call each_file,rm -f "$$to/$$file")
	rmdir $(call to,$(includedir)/libtrain) 2>/dev/null || true
	find $(call to,$(DATA_FOLDER)) -depth -type d -exec rmdir {} ';' 2>/dev/null || true

## dist: libtrain-VERSION.tar.gz of what is committed
dist:
	git archive --prefix=libtrain-$(VERSION)/ -o libtrain-$(VERSION).tar.gz HEAD

## clean: remove what was built; runs/ stays
clean:
	rm -rf build bin
