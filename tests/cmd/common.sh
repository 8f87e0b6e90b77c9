#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What all commands share, seen through one of them: forms of options, names of files,
# threads, kernels, closed streams, pipes, limits.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || model=$SHARED/reference/gpt2/model.gguf
[ -f "$model" ] || test_skip_all "no model: neither examples/tiny.gguf nor the reference material"
test_built quantize || test_skip_all "quantize is not built"
cp "$model" model.gguf
q() { "$BIN/quantize" --no-history "$@"; }

test_expect_success 'forms of options' '
    q -q -t q8_0 -o want model.gguf
    q -qtq8_0 -oa model.gguf
    cmp want a
    q --quiet --type=q8_0 --output=b model.gguf
    cmp want b
    q model.gguf --output c -t Q8_0 -q
    cmp want c
    q -q -t q8_0 -o d -- model.gguf
    cmp want d'

test_expect_success 'names of files' '
    for name in "a b" "line
break" "%s%n" "-x" "$(printf "caf\351")" "$(printf "%0200d" 0)"; do
        q -q -t q8_0 -o "out $name" model.gguf
        cmp want "out $name"
        cp model.gguf ./"$name"
        q -q -t q8_0 -o a -- "$name"
        cmp want a
    done'

test_expect_success 'a name that is too long' '
    test_expect_code 1 "$BIN/quantize" -t q8_0 -o a "$(printf "%0300d" 0)" 2>stderr
    grep "too long" stderr'

test_expect_success 'control characters of a name do not reach the terminal' '
    test_must_fail "$BIN/quantize" -t q8_0 -o a "$(printf "x\033[31m")" 2>stderr
    if grep "$(printf "\033")" stderr; then exit 1; fi'

test_expect_success 'locale and time zone change no byte' '
    LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 TZ=Asia/Kathmandu q -q -t q8_0 -o a model.gguf
    cmp want a'

test_expect_success 'settings in a file' '
    printf "%s\n" "# what is wanted" "-t  q8_0 # the type" "--output \"in file\"" -q >s
    q @s model.gguf
    cmp want "in file"
    printf "\357\273\277-qt q8_0 -o \\\\\\nb\\\\ c @operands\\r\\n" >s
    echo "model.gguf" >operands
    q @s
    cmp want "b c"
    q -q -t q8_0 -o @literal model.gguf
    cmp want ./@literal
    q -q -t q8_0 -o a -- @literal
    : >empty
    q @empty -q -t q8_0 -o a model.gguf
    cmp want a'

test_expect_success 'what is wrong with a file of settings, and where' '
    wrong() { # STATUS TEXT MESSAGE
        printf -- "$2" >s
        test_expect_code $1 "$BIN/quantize" @s -o x model.gguf 2>stderr
        grep -F -e "$3" stderr
    }
    wrong 2 "\n--bogus" "'\''s'\'' line 2: unknown option '\''--bogus'\''"
    wrong 2 "-t\nq8_0\n\n--type f16" "'\''s'\'' line 4: option '\''--type'\'' is given twice"
    wrong 2 "a\n\nb -t q8_0" "extra operand"
    wrong 1 "-q\n\"a\nb" "'\''s'\'' line 2: a quote that does not end"
    wrong 1 "-q\n\000" "'\''s'\'' line 2: a NUL in it"
    wrong 1 "-q\n@none" "'\''s'\'' line 2: "
    wrong 1 "-q\n@s" "8 that name one another"
    wrong 1 "@" "without the name of a file"
    awk "BEGIN { for (i = 0; i < 70000; i++) print \"a\" }" >many
    wrong 1 "@many" "more than 65536 words"
    awk "BEGIN { for (i = 0; i < 70; i++) print \"@operands\" }" >many
    wrong 1 "@many" "more than 64 files"
    test_expect_code 1 "$BIN/quantize" @many 2>stderr
    test ! -e x
    printf -- "-q -t q8_0" >s
    test_expect_code 1 "$BIN/quantize" @s -o s model.gguf 2>stderr
    grep "is the same file as input" stderr'

test_expect_success 'threads are cut to what there is, with a warning' '
    q -q --threads 999999 -t q8_0 -o a model.gguf 2>stderr
    cmp want a
    grep "warning: 999999 threads" stderr
    OMP_NUM_THREADS=1000000 q -q -t q8_0 -o a model.gguf 2>stderr
    cmp want a
    grep "warning: 1000000 threads" stderr'

test_expect_success 'OMP_NUM_THREADS counts unless --threads is given' '
    OMP_NUM_THREADS=1 q --version >out
    grep "^threads: 1 of" out
    OMP_NUM_THREADS=1,2 q --version >out
    grep "^threads: 1 of" out
    for n in 0 -1 many; do
        OMP_NUM_THREADS=$n q --version >out 2>stderr
        grep "warning: OMP_NUM_THREADS" stderr
    done
    OMP_NUM_THREADS=many q --threads 1 --version >out
    grep "^threads: 1 of" out'

test_expect_success 'closed standard streams' '
    q -q -t q8_0 -o a model.gguf <&- >&- 2>&-
    cmp want a
    test_expect_code 1 "$BIN/quantize" --version >&-
    test_expect_code 2 "$BIN/quantize" --bogus 2>&-'

# A pipe whose reader is gone for certain.
mkfifo pipe
exec 3<>pipe 4>pipe
exec 3<&-
test_expect_success 'a pipe that nobody reads' '
    test_expect_code 141 "$BIN/quantize" --help >&4 2>stderr
    test ! -s stderr
    (trap "" PIPE && test_expect_code 1 "$BIN/quantize" --help >&4 2>stderr)
    grep "write error" stderr'
exec 4>&-

test_expect_success 'a limit on the size of files' '
    rm -f a
    echo old >a
    (ulimit -f 8 && test_expect_code 1 "$BIN/quantize" -t q8_0 -o a model.gguf 2>stderr)
    grep -F "a" stderr
    test "$(cat a)" = old
    test -z "$(ls -A | grep tmp)"'

test_expect_success 'an output keeps its mode' '
    q -q -t q8_0 -o a model.gguf
    chmod 640 a
    q -q -t q8_0 -o a model.gguf
    test "$(ls -l a | cut -c 1-10)" = "-rw-r-----"'

if q --version | grep -q 'BLAS:.*DYNAMIC_ARCH' && grep -q avx2 /proc/cpuinfo 2>/dev/null; then
    test_expect_success 'OPENBLAS_CORETYPE of the user wins' '
        OPENBLAS_CORETYPE=Haswell q --version >out
        grep "kernels in use: Haswell" out'
else
    test_skip 'OPENBLAS_CORETYPE of the user wins' 'this OpenBLAS has no choice of kernels'
fi

# An OpenBLAS that takes the processor for an older one: the command starts itself again,
# once, with the right core type.
cat >old.c <<'EOF'
#include <stdio.h>
#include <stdlib.h>
static char name[] = "Haswell";
__attribute__((constructor)) static void count(void) { fprintf(stderr, "started\n"); }
char *openblas_get_corename(void);
char *openblas_get_corename(void) { return name; }
EOF
if [ -z "$SANITIZE" ] && grep -q avx512vl /proc/cpuinfo 2>/dev/null &&
    q --version | grep -q 'BLAS:.*DYNAMIC_ARCH' &&
    ${CC:-cc} -shared -fPIC -o old.so old.c 2>/dev/null; then
    test_expect_success 'a processor that OpenBLAS does not know' '
        unset OPENBLAS_CORETYPE
        LD_PRELOAD=./old.so q --version >out 2>stderr
        test "$(grep -c started stderr)" = 2
        GOMP_SPINCOUNT=1 OPENBLAS_CORETYPE=Haswell LD_PRELOAD=./old.so q --version >out 2>stderr
        test "$(grep -c started stderr)" = 1'
else
    test_skip 'a processor that OpenBLAS does not know' 'needs AVX-512 and no sanitizer'
fi
test_done
