#!/bin/sh
# SPDX-License-Identifier: MIT
#
# finetune, the command: installed somewhere, called somewhere else, without the sources; what
# is mistyped is answered and nothing is done.
. "${0%/*}/../lib.sh"

test_built finetune tokenize pack train gguf-export merge quantize perplexity generate ||
    test_skip_all "not all commands of the pipe are built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"

bin=${BIN#"$TOP"/}
here=$PWD
user=$test_scratch/user
mkdir "$user"
cp "$TOP/examples/tiny.gguf" "$user/m.gguf"
head -c 3000 "$TOP/examples/tiny.txt" >"$user/t.txt"

# lay WHERE WORDS…: install or uninstall there.
lay() {
    where=$1
    shift
    (cd "$TOP" && "$MAKE" "$@" prefix="$where" BIN="$bin" >/dev/null)
}
# from COMMAND…: in the folder of the user.
from() { (cd "$user" && "$@"); }

test_expect_success 'installed, it trains from another folder, with nothing of the sources' '
    lay "$here/a b" install
    from "$here/a b/bin/finetune" -m m.gguf t.txt --name n --steps 2 --ctx 32 --n-sample 2 >log 2>&1
    test -s user/runs/n/adapter.gguf
    if grep -F "$TOP" log; then exit 1; fi
    from "$here/a b/bin/finetune" -n --name e >log 2>&1
    grep "share/libtrain/examples/tiny.gguf" log
    if grep -F "$TOP" log; then exit 1; fi
    test ! -e user/runs/e
    test -s "a b/share/man/man1/finetune.1"'

test_expect_success 'a makefile for whoever wants one is beside the workflows' '
    from "$MAKE" -f "$here/a b/share/libtrain/Makefile.run" -n finetune NAME=e >log
    grep "a b/bin/.*train -m" log
    from "$MAKE" -f "$here/a b/share/libtrain/Makefile.run" help >log
    grep "GRAD_ACC" log'

test_expect_success 'with a prefix in front of its name, and data in a folder of their own' '
    lay "$here/p" install CMD_PREFIX=tr- datadir="$here/d"
    from "$here/p/bin/tr-finetune" -n --name e >log 2>&1
    grep "$here/p/bin/tr-train -m $here/d/libtrain/examples/tiny.gguf" log
    grep "^tr-finetune data -m" p/share/man/man1/tr-finetune.1
    grep "| tr-pack -c" p/share/man/man1/tr-tokenize.1
    test_expect_code 2 from "$here/p/bin/tr-finetune" RANKS=4 2>stderr
    grep "^tr-finetune: .*RANK=4" stderr'

test_expect_success 'shells complete options and choices, under the names that are installed' '
    for c in "$TOP"/cmds/*.c; do
        c=$(basename "$c" .c)
        sed -n "s/.* -l \\([a-z0-9-]*\\) .*/\\1/p" d/fish/vendor_completions.d/tr-$c.fish | sort -u >all
        "$BIN/$c" --help | sed -n "s/^  \\(-.,\\|   \\) --\\([a-z0-9-]*\\).*/\\2/p" | sort -u | cmp - all
        test -s d/zsh/site-functions/_tr-$c
        test -s d/bash-completion/completions/tr-$c
    done
    grep -x "complete -c tr-quantize -l allow-requantize -d .*" d/fish/vendor_completions.d/tr-quantize.fish'

# completed WORDS…: what bash makes of the last of them.
completed() {
    bash -c '. "$0/d/bash-completion/completions/$1" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) &&
        "_${1//-/_}" && echo "${COMPREPLY[*]}"' "$here" "$@"
}
if command -v bash >/dev/null 2>&1; then
    test_expect_success 'bash' '
        test "$(completed tr-train --sched co)" = "cosine constant cosine_restarts cosine_floor"
        test "$(completed tr-train --lora-c)" = "--lora-config"
        test "$(completed tr-finetune --grad)" = "--grad-acc"
        test "$(completed tr-finetune pl)" = "plan"
        test -z "$(completed tr-finetune plan pl)"
        test -z "$(completed tr-train --steps 1)"'
else
    test_skip 'bash' 'bash is not there'
fi
for shell in zsh fish; do
    if command -v $shell >/dev/null 2>&1; then
        test_expect_success "$shell reads its files" '
            find d/$shell -type f >files
            while read -r f; do $shell -n "$f"; done <files'
    else
        test_skip "$shell reads its files" "$shell is not there"
    fi
done

test_expect_success 'uninstall leaves no file' '
    lay "$here/a b" uninstall
    lay "$here/p" uninstall CMD_PREFIX=tr- datadir="$here/d"
    find "a b" p d ! -type d >left
    test ! -s left
    test ! -e "a b/share/libtrain"'

test_expect_success 'from the tree: a knob is an option or KNOB=VALUE, whatever it holds' '
    from "$BIN/finetune" -n -m m.gguf t.txt --grad-acc 3 LR=1e-4 --targets "a\$b #c'\''d" >log
    grep "train -m m.gguf .*--grad-acc 3 .*--lr 1e-4" log
    grep -F "a\$b #c'\''\\'\'''\''d" log
    from "$BIN/finetune" data -n --model=m.gguf --data t.txt >log
    if grep "/train -m" log; then exit 1; fi
    from "$BIN/finetune" pretrain -n --data t.txt --size 1M --seed 3 >log # also an option of old
    grep "model-init .*--seed 3" log
    from "$BIN/finetune" -n -m m.gguf t.txt t.txt >log
    grep "tokenize .* t.txt t.txt" log
    cp user/t.txt "user/a b.txt"
    from "$BIN/finetune" -n -m m.gguf "a b.txt" >log
    grep "tokenize .* .a b.txt." log
    cp user/t.txt "user/it'\''s a \"b\".txt"
    from "$BIN/finetune" data -q -m m.gguf t.txt "a b.txt" "it'\''s a \"b\".txt" --name list >log 2>&1
    from "$BIN/tokenize" -q -m m.gguf t.txt "a b.txt" "it'\''s a \"b\".txt" >user/three
    cmp user/three user/runs/list/data.tok
    from "$BIN/finetune" -n -m m.gguf "a b.txt" t.txt >log
    grep "runs/m-a_b/" log'

test_expect_success 'what a make above was told does not reach it' '
    from env MAKEFLAGS="n -- CTX=77 RANKS=5" "$BIN/finetune" -n -m m.gguf t.txt >log
    if grep " 77 " log; then exit 1; fi'

test_expect_success 'help fits 80 columns and has every knob and workflow' '
    "$BIN/finetune" --help >help
    LC_ALL=C sed "s/[\\x80-\\xbf]//g; /^@FILE/d" help | awk "length(\$0) > 80 { print; bad = 1 } END { exit bad }"
    for knob in $(sed -n "s/^#? \\([A-Z_][A-Z_][A-Z_]*\\) .*/\\1/p" "$TOP"/workflows/*.mk); do
        grep -e "--[a-z-]* $knob\\( \\|\$\\)" help || { echo "no $knob" && exit 1; }
    done
    for workflow in $(sed -n "s/^## \\([a-z-]*\\): .*/\\1/p" "$TOP"/workflows/*.mk); do
        grep "^  $workflow  " help
    done'

# What is typed | what must be answered.
mkdir "$user/data"
cat >mistakes <<'EOF'
--ranks 4 -m m.gguf t.txt|did you mean '--rank'
RANKS=4 -m m.gguf t.txt|did you mean RANK=4
EPOCH=1|did you mean EPOCHS=1
rank=4 -m m.gguf t.txt|did you mean RANK=4
LORAFOO=4|no knob 'LORAFOO'
-m m.gguf|no data: name texts
t.txt|no model: name one, -m
m.gguf t.txt|finetune -m m.gguf DATA
data m.gguf t.txt|finetune data -m m.gguf DATA
data|say ./data
-m m.gguf t.txt DATA=t.txt|data are given twice
RANK=4 --rank 8|RANK is given twice
-m nope.gguf t.txt|nope.gguf
-m m.gguf nope.txt|nope.txt
--rank|needs a value
tune -m m.gguf|tune
EOF
test_expect_success 'what is mistyped is answered, with a status, and nothing is made' '
    rm -rf user/runs
    while IFS="|" read -r words answer; do
        # shellcheck disable=SC2086
        test_expect_code 2 from "$BIN/finetune" $words >out 2>stderr </dev/null
        grep -qF -e "$answer" stderr || { echo "$words: no \"$answer\"" && cat stderr && exit 1; }
        test ! -e user/runs
    done <mistakes'

test_expect_success 'without make it says what is missing' '
    test_expect_code 1 from env PATH=/nowhere "$BIN/finetune" -m m.gguf t.txt 2>stderr
    grep "GNU make" stderr'
test_done
