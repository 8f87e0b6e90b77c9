# Flags of our own; the user's CFLAGS, CPPFLAGS, LDFLAGS come after them.
LIBS_PC  := openblas libzstd libpcre2-8 libutf8proc jansson libxxhash
TR_CPPFLAGS := -I. -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE
TR_CFLAGS := -std=c11 -fopenmp $(ARCH) -fno-math-errno -ffp-contract=fast \
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
  -Wwrite-strings -Wdouble-promotion $(if $(WERROR),-Werror)
TR_LIBS  := -lopenblas -lzstd -lpcre2-8 -lutf8proc -ljansson -lxxhash -lm
# The bytes of quantised blocks must not depend on contracted multiply-adds.
$(BUILD)/libtrain/quants/%.o: TR_CFLAGS += -ffp-contract=off
