# Installing, packing, cleaning.  DESTDIR is put in front of every path; CMD_PREFIX in front
# of the name of every command and of its page.
prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir     ?= $(prefix)/share/man
CMD_PREFIX ?=
INSTALL    ?= install
PUBLIC_H   := $(sort $(wildcard libtrain/*.h))
PAGES      := $(sort $(wildcard $(CMDS:%=cmds/%.1)))
# $(call to,PATH…): where it goes, as words for the shell.
to          = $(call sh,$(DESTDIR)$1)
to_command  = $(call to,$(bindir)/$(CMD_PREFIX)$1)
to_page     = $(call to,$(mandir)/man1/$(CMD_PREFIX)$(notdir $1))
# The names of our commands in a page get the prefix too.
PREFIX_NAMES = -v commands='$(CMDS)' 'BEGIN { \
  n = split(commands, c, " "); for (i = 1; i <= n; i++) known[c[i]]; prefix = ENVIRON["prefix"] } \
  /^\.(Nm|Dt|Xr) / && tolower($$2) in known { $$2 = prefix $$2 } { print }'

.PHONY: install uninstall dist clean
## install: commands, manual pages, library, headers, libtrain.pc (DESTDIR prefix bindir libdir includedir mandir CMD_PREFIX)
install: all lib $(BUILD)/libtrain.pc
	$(INSTALL) -d $(call to,$(bindir)) $(call to,$(mandir)/man1) $(call to,$(includedir)/libtrain) \
	  $(call to,$(libdir)/pkgconfig)
	$(foreach c,$(CMDS),$(INSTALL) -m 755 $(BIN)/$c $(call to_command,$c) &&) true
	export prefix=$(call sh,$(CMD_PREFIX)) && \
	  $(foreach p,$(PAGES),awk $(PREFIX_NAMES) $p > $(call to_page,$p) &&) true
	$(INSTALL) -m 644 $(PUBLIC_H) $(call to,$(includedir)/libtrain)
	$(INSTALL) -m 644 $(LIB) $(call to,$(libdir)/libtrain.a)
	$(INSTALL) -m 755 $(LIB_SO) $(call to,$(libdir)/libtrain.so.$(VERSION))
	ln -sf libtrain.so.$(VERSION) $(call to,$(libdir)/$(SONAME))
	ln -sf $(SONAME) $(call to,$(libdir)/libtrain.so)
	$(INSTALL) -m 644 $(BUILD)/libtrain.pc $(call to,$(libdir)/pkgconfig/libtrain.pc)

$(BUILD)/libtrain.pc: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(call sh,prefix=$(prefix)) $(call sh,libdir=$(libdir)) \
	  $(call sh,includedir=$(includedir)) '' \
	  'Name: libtrain' 'Description: fine-tuning of language models in GGUF files on a CPU' \
	  'Version: $(VERSION)' 'Cflags: -I$${includedir}' \
	  'Libs: -L$${libdir} -ltrain' $(call sh,Libs.private: $(TR_LIBS) $(OPENMP)) > $@

## uninstall: remove what install put there
uninstall:
	rm -f $(foreach c,$(CMDS),$(call to_command,$c)) $(foreach p,$(PAGES),$(call to_page,$p)) \
	  $(foreach h,$(PUBLIC_H),$(call to,$(includedir)/$h)) $(call to,$(libdir)/libtrain.a) \
	  $(call to,$(libdir)/libtrain.so) $(call to,$(libdir)/$(SONAME)) \
	  $(call to,$(libdir)/libtrain.so.$(VERSION)) $(call to,$(libdir)/pkgconfig/libtrain.pc)
	rmdir $(call to,$(includedir)/libtrain) 2>/dev/null || true

## dist: libtrain-VERSION.tar.gz of what is committed
dist:
	git archive --prefix=libtrain-$(VERSION)/ -o libtrain-$(VERSION).tar.gz HEAD

## clean: remove what was built; runs/ stays
clean:
	rm -rf build bin
