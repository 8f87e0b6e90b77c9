#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a user names is text: nothing in the value of a knob is run, by make or by the shell,
# and names with any character work, or are refused in one line before anything is written.
. "${0%/*}/../lib.sh"

test_built tokenize pack train gguf-export merge quantize perplexity generate gguf-show ||
    test_skip_all "not all commands of the pipe are built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"

runs=$test_scratch/runs
bin=${BIN#"$TOP"/}
text=$test_scratch/text
head -c 2000 "$TOP/examples/tiny.txt" >"$text"

OMP_NUM_THREADS=1
export OMP_NUM_THREADS
# `pwned` leaves a trace, wherever it is run.
mkdir tools
cat >tools/pwned <<EOF
#!/bin/sh
echo "\$0" >>'$test_scratch/trace'
EOF
chmod +x tools/pwned
PATH=$test_scratch/tools:$PATH
export PATH
nothing_ran() { ! test -e "$test_scratch/trace"; }

# flow GOAL KNOB=VALUE...: from the top of the sources, as a user does.
flow() {
    (cd "$TOP" && "$MAKE" V=1 BIN="$bin" "RUNS=$runs" CTX=16 STEPS=1 N_SAMPLE=1 "$@")
}
# refused GOAL KNOB=VALUE...: in words on a line of their own, with nothing written.
refused() {
    rm -rf "$runs"
    test_expect_code 2 flow "$@" >out 2>message
    sed 1q message | grep "^[a-z]*: "
    test "$(grep -c "\*\*\*" message)" = 1
    test ! -e "$runs"
}

test_expect_success 'a file may be called anything: each character, in MODEL, DATA and PROMPTS' '
    n=0
    mkdir odd
    for c in "!" "\"" "#" "\$" "%" "&" "'\''" "(" ")" "*" "," ":" ";" "<" "=" ">" "?" "@" "[" \
        "\\" "]" "^" "\`" "{" "|" "}" "~" " " "  " "	" "\$5" "\$(pwned)" "\`pwned\`" "&pwned&" \
        ";pwned;" "\$(shell pwned)" "|pwned" "é"; do
        n=$((n + 1))
        ln -s "$TOP/examples/tiny.gguf" "odd/m${c}m.gguf"
        ln -s "$text" "odd/t${c}t.txt"
        flow -s "$runs/n$n/val.pack" NAME=n$n "MODEL=$PWD/odd/m${c}m.gguf" \
            "DATA=$PWD/odd/t${c}t.txt" "PROMPTS=$PWD/odd/t${c}t.txt"
        test -s "$runs/n$n/val.pack" || { echo "no pack: $c" && exit 1; }
        cmp "$runs/n1/data.pack" "$runs/n$n/data.pack"
    done
    nothing_ran'

test_expect_success 'a name with all of them goes through the whole run' '
    name="-!\"#\$%&'\''()*,:;<=>?@[]^\`pwned\`{|}~ \$(shell pwned) \\"
    cp "$TOP/examples/tiny.gguf" "odd/$name.gguf"
    cp "$text" "odd/$name.txt"
    printf "a\nb\n" >"odd/$name.prompts"
    flow -s finetune "MODEL=$PWD/odd/$name.gguf" "DATA=$PWD/odd/$name.txt" \
        "PROMPTS=$PWD/odd/$name.prompts" "RUNS=$runs-all"
    test -s "$runs-all"/*/samples.txt
    test -s "$runs-all"/*/eval.tsv
    flow finetune "MODEL=$PWD/odd/$name.gguf" "DATA=$PWD/odd/$name.txt" \
        "PROMPTS=$PWD/odd/$name.prompts" "RUNS=$runs-all" >log
    grep "Nothing to be done" log
    nothing_ran'

test_expect_success 'a name may begin with - or stand under ~' '
    cp "$TOP/examples/tiny.gguf" ./-m.gguf
    cp "$text" ./-t.txt
    (cd "$test_scratch" && "$MAKE" -s -C "$TOP" "$runs/home/data.tok" BIN="$bin" RUNS="$runs" \
        NAME=home HOME="$test_scratch" MODEL="~/-m.gguf" DATA="~/-t.txt")
    ln -s "$text" "$TOP/-t$$.txt"
    trap "rm -f \"$TOP/-t$$.txt\"" EXIT
    flow -s "$runs/dash/data.tok" NAME=dash "DATA=-t$$.txt"
    cmp "$runs/home/data.tok" "$runs/dash/data.tok"'

test_expect_success 'several files and patterns, and one file with a blank in its name' '
    mkdir texts
    cp "$text" texts/a.txt
    cp "$text" texts/b.txt
    cp "$text" "texts/a.txt b.txt"
    flow "$runs/list/data.tok" NAME=list "DATA=texts/a.txt texts/b.txt" -n >log 2>&1 || true
    flow "$runs/list/data.tok" NAME=list "DATA=$PWD/texts/a.txt $PWD/texts/b.txt" >log 2>&1
    grep "2 documents" log
    flow "$runs/one/data.tok" NAME=one "DATA=$PWD/texts/a.txt b.txt" >log 2>&1
    grep "1 documents" log
    rm "texts/a.txt b.txt"
    flow "$runs/glob/data.tok" NAME=glob "DATA=$PWD/texts/*.txt" >log 2>&1
    grep "2 documents" log
    refused finetune "DATA=$PWD/texts/a.txt none b"
    grep "no file .none. (blanks part" message'

esc=$(printf "\033")
test_expect_success 'a control character is refused, in a file and in a knob, and not printed' '
    for knob in DATA MODEL PROMPTS NAME RUNS SCHED TARGETS TRAIN_FLAGS; do
        for c in "
" "$esc[2J" "$(printf "a\rb")" "$(printf "a\177")"; do
            refused finetune "$knob=x${c}y"
            grep -F "$knob is '\''x" message
            grep "control character, shown as ?" message
        done
    done
    cp "$text" "odd/esc${esc}[2J.txt"
    refused finetune "DATA=$PWD/odd/esc*.txt"
    grep "DATA: the name of .*esc?\[2J.txt. holds a control character" message
    for knob in DATA LR TARGETS NAME; do
        flow finetune NAME=escape "$knob=\\033[2J" >>log 2>&1 || true
    done
    flow help "LR=$esc[2J" >>log 2>&1 || true
    if grep "$esc" message log; then exit 1; fi
    nothing_ran'

test_expect_success 'NAME and RUNS cannot hold what a rule of make cannot: knob and character are named' '
    for c in "!" "\"" "#" "\$" "%" "&" "'\''" "(" ")" "*" ":" ";" "<" "=" ">" "?" "[" "\\" "]" "^" \
        "\`" "{" "|" "}" "~"; do
        refused finetune "NAME=a${c}b"
        grep -F "NAME is '\''a${c}b'\''" message
        grep -F "have: $c" message
        refused finetune "RUNS=$test_scratch/a${c}b"
        grep -F "have: $c" message
    done
    refused finetune "NAME=a b"
    refused finetune "RUNS=$runs/a b"
    refused finetune NAME=
    nothing_ran'

knobs=$(sed -n 's/^#? \([A-Z_]*\) .*/\1/p' "$TOP"/workflows/*.mk)
test_expect_success 'nothing in any knob is run, whatever make is asked for' '
    test $(echo "$knobs" | wc -l) -ge 22
    for knob in $knobs; do
        for value in "\$(shell pwned)" "\`pwned\`\${shell pwned}\$(eval y:=\$(shell pwned))" \
            "1;pwned&pwned|pwned #" "'\'';pwned;'\''" "\";pwned;\""; do
            for goal in "-n finetune" help; do
                flow $goal "$knob=$value" >log 2>&1 || true
            done
        done
        # It expands less than -n, and goes the same way.
        flow -q finetune "$knob=$value\$(shell pwned)\`pwned\`" >log 2>&1 || true
        nothing_ran || { echo "run: $knob" && exit 1; }
    done'

test_expect_success 'nor by a run, an environment that overrides, or a build' '
    for knob in $knobs; do
        for value in "1\`pwned\`;pwned;'\'';pwned;'\''" "\$(shell pwned)"; do
            flow finetune "$knob=$value" NAME=run >log 2>&1 || true
            (export "$knob=$value" && "$MAKE" -C "$TOP" -e -n finetune) >log 2>&1 || true
            (export "$knob=$value" && "$MAKE" -C "$TOP" -n finetune) >log 2>&1 || true
        done
        flow -n all "$knob=1\`pwned\`;pwned;\$(shell pwned)" >log 2>&1 || true
        nothing_ran || { echo "run: $knob" && exit 1; }
    done'

test_expect_success 'numbers and names of kinds are checked before anything is written' '
    for pair in "CTX=1;id" CTX=x CTX=0 "LR=1; id" LR=x STEPS=-1 EPOCHS=x RANK=0 ALPHA=x BATCH=0 \
        GRAD_ACC=x WARMUP=x SEED=x N_SAMPLE=x VAL_SPLIT=x VAL_SPLIT=2 SCHED=none PRECISION=none METHOD=none METHOD= \
        TARGETS=none "TRAIN_FLAGS=--opt none" TRAIN_FLAGS=--none TOKENIZE_FLAGS=--none; do
        case $pair in EPOCHS*) extra=STEPS= ;; *) extra= ;; esac
        refused finetune $extra "$pair" || { echo "not refused: $pair" && exit 1; }
    done'

test_expect_success 'further options are words, not code' '
    for c in ";" "&" "|" "<" ">" "\`" "\$" "\"" "'\''" "\\" "(" "#"; do
        for knob in TRAIN_FLAGS TOKENIZE_FLAGS; do
            refused finetune "$knob=--eos $c pwned"
            grep -F "$knob holds $c" message
        done
    done
    flow -n finetune "TRAIN_FLAGS=--opt sgd  --clip 2" "TOKENIZE_FLAGS=--eos" >log
    grep "train .* --opt sgd --clip 2 --log" log
    grep "tokenize .* --eos " log'

test_expect_success 'install puts files below a folder of any name' '
    for name in "a b" "it'\''s" "a;pwned;\`pwned\`" "\$(shell pwned)"; do
        (cd "$TOP" && "$MAKE" -s install "DESTDIR=$test_scratch/odd/$name" prefix=/usr BIN="$bin")
        test -x "odd/$name/usr/bin/train"
        test -s "odd/$name/usr/share/man/man1/train.1"
        test -s "odd/$name/usr/lib/pkgconfig/libtrain.pc"
        (cd "$TOP" && "$MAKE" -s uninstall "DESTDIR=$test_scratch/odd/$name" prefix=/usr BIN="$bin")
        test -z "$(find "odd/$name" -type f)"
    done
    nothing_ran'
test_expect_success 'a model in several files is one, by its name and by what is in it' '
    mkdir parts
    "$BIN/gguf-split" -q --split-max-tensors 20 "$TOP/examples/tiny.gguf" parts/whole
    first=$test_scratch/parts/whole-00001-of-00002.gguf
    flow -s "$runs/whole-text/data.tok" "MODEL=$first" "DATA=$text"
    test -s "$runs/whole-text/data.tok"
    sh "$TOP/workflows/contents.sh" / "$first" "$text" >before
    grep -c . before | grep 2
    printf x >>parts/whole-00002-of-00002.gguf
    sh "$TOP/workflows/contents.sh" before "$first" "$text" >after
    test "$(sed 1q before)" != "$(sed 1q after)"
    test "$(sed 1d before)" = "$(sed 1d after)"'

test_done
