#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every read and write of every command is made short, interrupted or failing in turn, by a
# library that is loaded before the system's: then the result is there to the last byte, or
# the command ends with status 1, the system's own reason, and the older file as it was.
. "${0%/*}/../lib.sh"

[ -z "${SANITIZE:-}" ] || test_skip_all "a sanitizer wants to be loaded first"
model=$SHARED/reference/llama/model.gguf
[ -n "$SHARED" ] && [ -f "$model" ] || model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: neither the reference material nor examples/tiny.gguf"
test_built tokenize detokenize pack train gguf-export merge perplexity generate quantize \
    gguf-show gguf-diff || test_skip_all "the commands are not built"

# CALL names a function, its NTH call goes HOW: "short", "eintr", or with the errno of that
# number.  CALLS names a file for how many calls there were.
cat >calls.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <fcntl.h>
#include <unistd.h>

static const char *call, *how;
static long nth;
static atomic_long count;

__attribute__((constructor)) static void begin(void)
{
    call = getenv("CALL");
    how = getenv("HOW");
    nth = getenv("NTH") ? atol(getenv("NTH")) : 0;
}

__attribute__((destructor)) static void end(void)
{
    char text[32];
    int fd = getenv("CALLS") ? open(getenv("CALLS"), O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    int n = snprintf(text, sizeof text, "%ld\n", (long)count);
    if (fd >= 0 && real(fd, text, n) == n)
        close(fd);
}

/* 1 if this call is the one, with what it is to give; 0 if it is as ever; -1: half of it. */
static int meddle(const char *name, size_t n)
{
    if (!call || strcmp(call, name) || atomic_fetch_add(&count, 1) + 1 != nth)
        return 0;
    if (!strcmp(how, "short"))
        return n > 1 ? -1 : 0;
    errno = strcmp(how, "eintr") ? atoi(how) : EINTR;
    return 1;
}

#define REAL(name) (real ? real : (real = dlsym(RTLD_NEXT, name)))
ssize_t write(int fd, const void *p, size_t n)
{
    static ssize_t (*real)(int, const void *, size_t);
    int m = meddle("write", n);
    return m > 0 ? -1 : REAL("write")(fd, p, m < 0 ? n / 2 : n);
}
ssize_t read(int fd, void *p, size_t n)
{
    static ssize_t (*real)(int, void *, size_t);
    int m = meddle("read", n);
    return m > 0 ? -1 : REAL("read")(fd, p, m < 0 ? n / 2 : n);
}
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    int m = meddle("pwrite", n);
    return m > 0 ? -1 : REAL("pwrite")(fd, p, m < 0 ? n / 2 : n, at);
}
ssize_t pread(int fd, void *p, size_t n, off_t at)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    int m = meddle("pread", n);
    return m > 0 ? -1 : REAL("pread")(fd, p, m < 0 ? n / 2 : n, at);
}
int fsync(int fd)
{
    static int (*real)(int);
    return meddle("fsync", 0) > 0 ? -1 : REAL("fsync")(fd);
}
int renameat(int a, const char *p, int b, const char *q)
{
    static int (*real)(int, const char *, int, const char *);
    return meddle("renameat", 0) > 0 ? -1 : REAL("renameat")(a, p, b, q);
}
/* A stream that fails says so, as the standard has it. */
size_t fwrite(const void *p, size_t size, size_t n, FILE *f)
{
    static size_t (*real)(const void *, size_t, size_t, FILE *);
    int m = f == stderr ? 0 : meddle("fwrite", 0);
    if (m <= 0)
        return REAL("fwrite")(p, size, n, f);
    f->_flags |= 0x20;
    return 0;
}
END
${CC:-cc} -shared -fPIC -o calls.so calls.c -ldl 2>cc.log ||
    test_skip_all "no compiler here makes a library that goes before the system's"

export OPENBLAS_CORETYPE="${OPENBLAS_CORETYPE-$("$BIN/quantize" --version |
    sed -n 's/^kernels in use: \([A-Za-z0-9_]*\).*/\1/p')}" GOMP_SPINCOUNT=1000 OMP_NUM_THREADS=1
cp "$model" model.gguf
i=0
while [ $i -lt 40 ]; do
    echo "The quick brown fox number $i jumps over the lazy dog." && i=$((i + 1))
done >text.txt
test_expect_success 'files to work with' '
    "$BIN/tokenize" -q -m model.gguf -o t.tok text.txt
    "$BIN/tokenize" -q -m model.gguf --text -o t.ids text.txt
    "$BIN/pack" -q -c 32 -o t.pack t.tok
    "$BIN/train" -q -m model.gguf -d t.pack -o t.ckpt --steps 2 --batch 2 --lora-out a.gguf
    "$BIN/train" -q -m model.gguf -d t.pack -o half.ckpt --steps 2 --batch 2 --sched constant
    echo "model	loss	perplexity" >t.tsv'

# A fresh copy of what the command may find or leave.
prepare() {
    rm -rf out out.d val.out
    echo old >out
    case $line in *half*) rm -f out && cp half.ckpt out ;; esac
    [ ! -f out ] || cp out out.old
}
# Everything that it makes.
products() {
    cat out
    echo "--"
    [ ! -f val.out ] || cat val.out
    cat stdout
}
meddled() { # CALL NTH HOW
    prepare
    code=0
    CALL=$1 NTH=$2 HOW=$3 LD_PRELOAD=$PWD/calls.so "$BIN/$name" -q $rest \
        <"$input" >stdout 2>stderr || code=$?
}
whole() { products | cmp -s - want; }

# in_order CALL HOW: after meddled, is all as it must be?  After the rename the file is the new
# one, whole; that its name is on disk may still fail.
in_order() {
    test $code = 0 && whole && return 0
    reason=$(reason_of "$2")
    [ $1 != fwrite ] || reason="$reason\\|write error"
    test $code = 1 && grep -q "$reason" stderr && { cmp -s out out.old || whole; } &&
        test -z "$(ls -A | grep "^\.out.*tmp")" && return 0
    echo "status $code, wanted: all, or 1 with '$reason' and the old file"
    cat stderr
    return 1
}
reason_of() {
    case $1 in 28) echo "No space left on device" ;; 5) echo "Input/output error" ;; *) echo "Interrupted" ;; esac
}

# each CALL HOW...: every call of this function, or twelve of them, in all these ways.
each() {
    call=$1
    shift
    CALLS=$PWD/n CALL=$call LD_PRELOAD=$PWD/calls.so "$BIN/$name" -q $rest <"$input" >stdout 2>stderr
    n=$(cat n)
    nth=1
    while [ $nth -le "$n" ]; do
        for how; do
            meddled $call $nth $how
            in_order $call $how || { echo "$call $nth of $n: $how" && return 1; }
            case $how in short | eintr) { test $code = 0 && whole; } || [ $call = fwrite ] ||
                { echo "$call $nth of $n, $how: not whole" && cat stderr && return 1; } ;; esac
        done
        nth=$((nth + 1 + n / 12))
    done
}

# Lines: standard input, a command that makes "out", or prints.
while read -r input line; do
    name=${line%% *} rest=${line#* }
    prepare
    test_expect_success "$line" '
        "$BIN/$name" -q $rest <"$input" >stdout 2>stderr
        products >want
        for call in read pread write pwrite; do
            prepare
            each $call short eintr 5
        done
        prepare
        each write 28
        prepare
        each fwrite eintr 28
        prepare
        each fsync 5 eintr
        prepare
        each renameat 28'
done <<'END'
/dev/null tokenize -m model.gguf -o out text.txt
text.txt tokenize -m model.gguf
/dev/null tokenize -m model.gguf --from-ids -o out t.ids
t.tok detokenize -m model.gguf
/dev/null pack -c 32 --val-split 0.3 --val-out val.out -o out t.tok
/dev/null gguf-export -m model.gguf -o out t.ckpt
/dev/null merge -m model.gguf -a a.gguf -o out
/dev/null quantize -t q8_0 -o out model.gguf
/dev/null quantize --dry-run -t q8_0 model.gguf
/dev/null perplexity -m model.gguf -d t.pack --label x --after t.tsv -o out
text.txt perplexity -m model.gguf -f - -c 32
/dev/null generate -m model.gguf -p The -n 4 -o out
/dev/null gguf-show a.gguf
/dev/null gguf-diff model.gguf model.gguf
/dev/null train -m model.gguf -d t.pack -o out --steps 2 --batch 2
/dev/null train -m model.gguf -d t.pack -o out --steps 3 --batch 2 --sched constant --resume --log half.tsv
END

test_expect_success 'a save that fails on the way is said, and the run goes on' '
    line="train saves" name=train input=/dev/null
    rest="-m model.gguf -d t.pack -o out --steps 3 --batch 2 --save-every 1"
    prepare
    "$BIN/train" -q $rest 2>stderr
    products >want
    for call in write pwrite fsync renameat; do
        meddled $call 1 28
        grep "not saved: .*No space left on device" stderr
        test $code = 0
        whole
    done'

test_expect_success 'a log that cannot be cut keeps its rows' '
    line="train half" name=train input=/dev/null
    rest="-m model.gguf -d t.pack -o out --steps 3 --batch 2 --sched constant --resume --log rows.tsv"
    printf "step\tloss\n1\t5\n2\t4\n3\t3\n" >rows.tsv
    cp rows.tsv rows.old
    for call in write fsync renameat; do
        meddled $call 1 28
        test $code = 1
        grep "rows.tsv.*No space left on device" stderr
        cmp rows.tsv rows.old
    done
    meddled write 1 short
    test "$(cut -f 1 rows.tsv | tr "\n" " ")" = "step 1 2 3 "
    test $code = 0'

test_expect_success 'what was trained is kept where the end fails, and that is said' '
    line="train" name=train input=/dev/null rest="-m model.gguf -d t.pack -o out --steps 2 --batch 2"
    meddled renameat 1 16
    test $code = 1
    grep "cannot finish .out." stderr
    grep "kept as .out.d/2.gguf" stderr
    cmp out out.old
    "$BIN/gguf-show" --check out.d/2.gguf'
test_done
