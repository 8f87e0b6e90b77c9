#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The library as a stranger links it: installed somewhere, found by pkg-config, shared and
# static, from C and C++; and the examples do what they say.
. "${0%/*}/../lib.sh"

[ -z "$SANITIZE" ] || test_skip_all "a shared library with a sanitizer wants programs with it"
command -v pkg-config >/dev/null 2>&1 || test_skip_all "pkg-config is not there"
CC=${CC:-cc} CXX=${CXX:-c++}
here=$PWD

test_expect_success 'make install puts it all under a prefix' '
    (cd "$TOP" && $MAKE install prefix="$here/there" >/dev/null)
    export PKG_CONFIG_PATH="$here/there/lib/pkgconfig"
    pkg-config --cflags --libs libtrain >shared
    pkg-config --static --cflags --libs libtrain >static
    sed "s/-ltrain/-l:libtrain.a/" static >static.a
    test -x there/lib/libtrain.so'
[ -s static.a ] || test_done
export LD_LIBRARY_PATH="$here/there/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
warnings="-std=c11 -O1 -Wall -Wextra -Werror"

for source in "$TOP"/examples/*.c; do
    name=$(basename "$source" .c)
    test_expect_success "examples/$name.c with the shared and the static library" '
        $CC $warnings "$source" -o $name $(cat shared)
        $CC $warnings "$source" -o $name.static $(cat static.a)'
done

test_expect_success 'all headers in C++' '
    echo "#include <libtrain/libtrain.h>
        int main() { struct tr_err e = {}; return tr_model_open(\"none\", &e) || !e.code; }" >x.cpp
    $CXX -Wall -Wextra -Werror x.cpp -o x $(cat shared)
    ./x'

test_expect_success 'the shared library exports what headers declare, no more' '
    nm -D --defined-only there/lib/libtrain.so >names
    grep -q " T tr_model_open" names
    test_expect_code 1 grep " [TBDR] tr__" names
    awk "\$2 != \"A\" && \$3 !~ /^tr_/ { print; bad = 1 } END { exit bad }" names'

test_expect_success 'mlp learns exclusive or' '
    ./mlp >got
    awk "/^step 300: loss/ { seen = \$NF < 0.001 } END { exit !seen }" got'

if test_built tokenize pack train perplexity; then
    model=$TOP/examples/tiny.gguf
    "$BIN/tokenize" -q -m "$model" "$TOP/examples/tiny.txt" |
        "$BIN/pack" -q -c 64 --val-split 0.9 --val-out rest.pack -o t.pack
    test_expect_success 'measure prints what perplexity does' '
        ./measure "$model" t.pack >got
        "$BIN/perplexity" -m "$model" -d t.pack >want
        loss=$(sed -n "s/^loss \([0-9.]*\) .*/\1/p" got)
        awk -v loss="$loss" "NR == 2 { d = \$2 - loss; exit !(d < 1e-5 && d > -1e-5) }" want
        ./measure.static "$model" t.pack | cmp got -
        test_expect_code 1 ./measure none t.pack 2>stderr
        grep "measure: .*none" stderr'
fi

test_expect_success 'make uninstall leaves nothing' '
    (cd "$TOP" && $MAKE uninstall prefix="$here/there" >/dev/null)
    find there -type f -o -type l | tee left
    test ! -s left'
test_done
