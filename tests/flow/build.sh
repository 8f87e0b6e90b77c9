#!/bin/sh
# SPDX-License-Identifier: MIT
#
# How the build runs and what it shows, with a compiler that writes down when it begins and
# ends; that workflows take one step after the other; the page of make help.
. "${0%/*}/../lib.sh"

[ -f "$TOP/build/deps.mk" ] || test_skip_all "no build/deps.mk"
build=$test_scratch/build
objects=$(cd "$TOP" && for f in libtrain/ops/*.c; do echo "$build/${f%.c}.o"; done | head -n 12)

# With WAIT it waits until another one has begun, or until it is clear that none will.
cat >cc <<'EOF'
#!/bin/sh
here=${0%/*}
for out; do [ "$last" = -o ] && break || last=$out; done
echo begin >>"$here/log"
i=0
while [ -n "$WAIT" ] && [ $((i += 1)) -lt 100 ] && [ "$(grep -c begin "$here/log")" = 1 ]; do
    sleep 0.1
done
case $out in *"$WARN"*) [ -z "$WARN" ] || echo "$out: warning: such and such" >&2 ;; esac
case $out in *"$FAIL"*) [ -z "$FAIL" ] || { echo "$out: error: no" >&2 && exit 1; } ;; esac
echo end >>"$here/log"
: >"$out"
EOF
chmod +x cc

# compile WORDS...: the objects, anew, with these words for make.
compile() {
    rm -rf "$build" log
    # shellcheck disable=SC2086
    (unset MAKEFLAGS MAKELEVEL V Q && cd "$TOP" && "$MAKE" CC="$test_scratch/cc" BUILD="$build" "$@" $objects)
}
together() { awk '/begin/ && ++n > most { most = n } /end/ { n-- } END { print most }' log; }

if [ "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)" -gt 1 ]; then
    test_expect_success 'without -j the compilers run on all processors' '
        WAIT=1 compile >out
        test "$(together)" -gt 1'
else
    test_skip 'without -j the compilers run on all processors' 'there is one'
fi

test_expect_success 'a -j of the user stays, on the command line and in MAKEFLAGS' '
    compile -j1 >out
    test "$(together)" = 1
    rm -rf "$build" log
    for flags in -j1 j1 "k -j1" "--jobs=1"; do
        rm -rf "$build" log
        (cd "$TOP" && MAKEFLAGS=$flags "$MAKE" CC="$test_scratch/cc" BUILD="$build" $objects) >out
        test "$(together)" = 1
    done'

test_expect_success 'into a file go a few lines, the last of which is that of the last' '
    compile >out 2>stderr
    test ! -s stderr
    test "$(wc -l <out)" -le 10
    test "$(tail -n 1 out | cut -d " " -f 1)" = "[12/12]"
    compile Q=1 >out
    test ! -s out
    compile V=1 >out
    test "$(grep -c "cc .* -c -o .*\.o libtrain/ops/" out)" = 12'

test_expect_success 'only what is to be made again is counted' '
    compile >out
    rm "$build"/libtrain/ops/a*.o
    n=$(for o in $objects; do echo $o; done | grep -c "/a[^/]*$")
    (cd "$TOP" && "$MAKE" CC="$test_scratch/cc" BUILD="$build" $objects) >out
    grep "^\[$n/$n\] CC " out'

test_expect_success 'on a terminal it is one line, printed over and no wider than 80 columns' '
    MAKE_TERMOUT=/dev/null TERM=xterm compile >out
    test "$(wc -l <out)" = 1
    tr "\r" "\n" <out | grep -c "CC libtrain" >n
    test "$(cat n)" = 12
    tr "\r" "\n" <out | awk "length > 83 { exit 1 }"'

test_expect_success 'warnings and errors are seen, whatever is hidden' '
    for how in Q=1 -s V= V=1; do
        WARN=attention compile $how >out 2>stderr
        grep "attention.*: warning: such and such" stderr
        FAIL=attention && export FAIL
        test_must_fail compile $how >out 2>stderr
        unset FAIL
        grep "attention.*: error: no" stderr
    done'

# Commands that write down when they begin and end, and the jobs that make has.
mkdir bin
for command in "$BIN"/*; do
    cat >"bin/${command##*/}" <<EOF
#!/bin/sh
echo "begin \$MAKEFLAGS" >>"$test_scratch/log"
"$command" "\$@"
status=\$?
echo end >>"$test_scratch/log"
exit \$status
EOF
done
chmod +x bin/*

if test_built tokenize pack train gguf-export merge quantize perplexity generate; then
    test_expect_success 'a workflow runs one command after the other' '
        rm -f log
        head -c 3000 "$TOP/examples/tiny.txt" >text
        (unset MAKEFLAGS && cd "$TOP" && "$MAKE" finetune BIN="$test_scratch/bin" \
            RUNS="$test_scratch/runs" DATA="$test_scratch/text" STEPS=1 CTX=16 N_SAMPLE=1) >out 2>&1
        test "$(together)" = 1
        test "$(grep -c end log)" -gt 8
        if grep -e "-j" log; then exit 1; fi'
else
    test_skip 'a workflow runs one command after the other' 'not all commands are built'
fi

# page WORDS...: of help, with these words for make.
page() { (cd "$TOP" && "$MAKE" -s "$@"); }

test_expect_success 'make help begins with finetune; nothing is wider than 80 columns' '
    long=$(printf "abcdefghi %.0s" $(seq 30))$(printf "x%.0s" $(seq 200))
    page help-dev >page
    page help >>page
    page help DATA="$long" LR="$long" METHOD="$long" >>page
    awk "{ gsub(/[\\200-\\277]/, \"\") } length > 80 { print; exit 1 }" page
    page help >page
    test "$(sed -n "2s/ *\([a-z]*\) .*/\1/p" page)" = finetune
    if grep "check-layers" page; then exit 1; fi
    page help-dev | grep "^  check-layers "'

test_expect_success 'make help has every target and every knob with its value' '
    cd "$TOP"
    "$MAKE" -s help RANK=12 DATA="a \$(b) c" >"$test_scratch/page"
    "$MAKE" -s help-dev >>"$test_scratch/page"
    cat mk/*.mk workflows/*.mk | sed -n "s/^##*[#?] *\([a-zA-Z_0-9-]*\).*/\1/p" >"$test_scratch/names"
    test "$(wc -l <"$test_scratch/names")" -gt 50
    while read -r name; do
        grep -q "^  $name\( \|\$\)" "$test_scratch/page" || { echo "no $name" && exit 1; }
    done <"$test_scratch/names"
    grep "rank of the adapter.*\[12\]" "$test_scratch/page"
    grep "\[a \$(b) c\]" "$test_scratch/page"'

test_done
