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

cat >op.cpp <<'EOF'
#include <libtrain/libtrain.h>
#include <cstdio>

static void cube_forward(tr_node *nd)
{
    for (int64_t i = 0; i < tr_tensor_rows(nd->out); i++)
        for (int64_t j = 0; j < tr_tensor_cols(nd->out); j++) {
            float x = tr_tensor_row(nd->in[0], i)[j];
            tr_tensor_row(nd->out, i)[j] = x * x * x;
        }
}

static void cube_backward(tr_node *nd)
{
    for (int64_t i = 0; i < tr_tensor_rows(nd->out); i++)
        for (int64_t j = 0; j < tr_tensor_cols(nd->out); j++) {
            float x = tr_tensor_row(nd->in[0], i)[j];
            tr_tensor_grad_row(nd->in[0], i)[j] +=
                FACTOR * x * x * tr_tensor_grad_row(nd->out, i)[j];
        }
}

static tr_tensor *cube(void *op, tr_tape *tape, tr_tensor **in)
{
    int64_t dim[] = { tr_tensor_rows(in[0]), tr_tensor_cols(in[0]) };
    tr_op_call call = {};
    call.op = static_cast<const tr_op *>(op);
    call.in[0] = in[0];
    call.out = tr_op_output(tape, call.op, 2, dim);
    return tr_op_run(tape, &call);
}

int main()
{
    tr_op op = {};
    op.name = "cube";
    op.forward = cube_forward;
    op.backward = cube_backward;
    struct tr_gradcheck check = {};
    check.name = "cube";
    check.f = cube;
    check.ctx = &op;
    check.in[0].rows = check.in[0].cols = 4;
    tr_err err = {};
    if (tr_gradcheck(&check, &err))
        std::puts(err.text);
    return err.code != 0;
}
EOF
test_expect_success 'an operation of one'"'"'s own in C++, and its gradient' '
    $CXX -std=c++11 -DFACTOR=3 -Wall -Wextra -Werror op.cpp -o op $(cat shared)
    ./op
    $CXX -std=c++11 -DFACTOR=2 op.cpp -o op $(cat shared)
    test_expect_code 1 ./op >said
    grep "^cube: input 0 (0, 0): gradient" said'

test_expect_success 'the gradient of own_op is right' '
    ./own_op'

test_expect_success 'the shared library exports what headers declare, no more' '
    nm -D --defined-only there/lib/libtrain.so >names
    grep -q " T tr_model_open" names
    test_expect_code 1 grep " [TBDR] tr__" names
    awk "\$2 != \"A\" && \$3 !~ /^tr_/ { print; bad = 1 } END { exit bad }" names'

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
    test_expect_success 'lora trains an adapter that perplexity takes' '
        ./lora "$model" t.pack a.gguf >got
        grep "^step 10/10" got
        "$BIN/perplexity" -m "$model" -d t.pack >base
        "$BIN/perplexity" -m "$model" -a a.gguf -d t.pack >tuned
        paste base tuned | awk "NR == 2 { exit !(\$6 < \$2) }"
        test_expect_code 1 ./lora "$model" none a.gguf 2>stderr
        grep "lora: .*none" stderr'
fi

test_expect_success 'make uninstall leaves nothing' '
    (cd "$TOP" && $MAKE uninstall prefix="$here/there" >/dev/null)
    find there -type f -o -type l | tee left
    test ! -s left'
test_done
