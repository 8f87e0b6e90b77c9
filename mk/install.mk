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
INSTALLED   = $(CMDS:%=$(bindir)/$(CMD_PREFIX)%) \
  $(PAGES:cmds/%=$(mandir)/man1/$(CMD_PREFIX)%) \
  $(PUBLIC_H:%=$(includedir)/%) $(libdir)/libtrain.a $(libdir)/pkgconfig/libtrain.pc
# The names of our commands in a page get the prefix too.
PREFIX_NAMES = -v prefix='$(CMD_PREFIX)' -v commands='$(CMDS)' 'BEGIN { \
  n = split(commands, c, " "); for (i = 1; i <= n; i++) known[c[i]] } \
  /^\.(Nm|Dt|Xr) / && tolower($$2) in known { $$2 = prefix $$2 } { print }'

.PHONY: install uninstall dist clean
## install: commands, manual pages, library, headers, libtrain.pc (DESTDIR prefix bindir libdir includedir mandir CMD_PREFIX)
install: all lib $(BUILD)/libtrain.pc
	$(INSTALL) -d $(addprefix $(DESTDIR),$(bindir) $(mandir)/man1 $(includedir)/libtrain $(libdir)/pkgconfig)
	$(foreach c,$(CMDS),$(INSTALL) -m 755 $(BIN)/$(c) $(DESTDIR)$(bindir)/$(CMD_PREFIX)$(c) &&) true
	$(foreach p,$(PAGES),awk $(PREFIX_NAMES) $(p) > $(DESTDIR)$(mandir)/man1/$(CMD_PREFIX)$(notdir $(p)) &&) true
	$(INSTALL) -m 644 $(PUBLIC_H) $(DESTDIR)$(includedir)/libtrain
	$(INSTALL) -m 644 $(LIB) $(DESTDIR)$(libdir)/libtrain.a
	$(INSTALL) -m 644 $(BUILD)/libtrain.pc $(DESTDIR)$(libdir)/pkgconfig/libtrain.pc

$(BUILD)/libtrain.pc: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(prefix)' 'libdir=$(libdir)' 'includedir=$(includedir)' '' \
	  'Name: libtrain' 'Description: fine-tuning of language models in GGUF files on a CPU' \
	  'Version: $(VERSION)' 'Cflags: -I$${includedir}' \
	  'Libs: -L$${libdir} -ltrain $(TR_LIBS) $(OPENMP)' > $@

## uninstall: remove what install put there
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	rmdir $(DESTDIR)$(includedir)/libtrain 2>/dev/null || true

## dist: libtrain-VERSION.tar.gz of what is committed
dist:
	git archive --prefix=libtrain-$(VERSION)/ -o libtrain-$(VERSION).tar.gz HEAD

## clean: remove what was built; runs/ stays
clean:
	rm -rf build bin
