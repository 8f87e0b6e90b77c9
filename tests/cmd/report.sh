#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What report says of a run: of small folders that are made up, word by word; of damaged ones;
# and of one that was trained here, whose commands are pasted.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf is not there"
test_built report tokenize pack train gguf-export merge perplexity generate gguf-show modelfile ||
    test_skip_all "the commands are not built"
cp "$model" base.gguf
PATH=$BIN:$PATH
export PATH
for c in tokenize pack train gguf-export perplexity generate; do
    eval "$(echo $c | tr - _)() { \"\$BIN/$c\" -q --threads 1 \"\$@\"; }"
done
# tabs: text with | for tabs.
tabs() { tr '|' '\t'; }
# losses N TOKENS BEFORE CHANGE SPREAD: two tables of N sequences; the change of one is SPREAD
# more, that of the next as much less.
losses() {
    echo 'tokens|loss' | tabs >r/losses-base.tsv
    cp r/losses-base.tsv r/losses-adapter.tsv
    awk -v n="$1" -v t="$2" -v a="$3" -v c="$4" -v s="$5" 'BEGIN {
        for (i = 0; i < n; i++) {
            printf "%d\t%.9g\n", t, a + i % 2 / 4 >"r/losses-base.tsv2"
            printf "%d\t%.9g\n", t, a + i % 2 / 4 + c + (i % 4 < 2 ? s : -s) >"r/losses-adapter.tsv2"
        } }'
    cat r/losses-base.tsv2 >>r/losses-base.tsv
    cat r/losses-adapter.tsv2 >>r/losses-adapter.tsv
    rm r/*.tsv2
}
Q="'"
fresh() { rm -rf r && mkdir r; }
report() { "$BIN/report" -m base.gguf "$@"; }

test_expect_success 'a whole run' '
    fresh
    losses 20 100 4 -1 0.5
    tabs >r/eval.tsv <<END
model|loss|perplexity
base|4.125|61.8678
base + adapter|3.125|22.7599
END
    tabs >r/test.tsv <<END
model|loss|perplexity
base|4|54.5982
END
    tabs >r/metrics.tsv <<END
step|loss|rss_bytes|seconds
1|4|1000000|1.5
2|4|3500000|60
3|4|2000000|30
END
    cat >r/samples.txt <<END
==> base <==
Once upon
a time
==> base <==
Who is there?
Nobody is, as far as one can see from the lamp room, and nobody has been since the boat of Tuesday brought the oil.
==> tuned <==
Once upon
a time
==> tuned <==
Who is there?
The keeper.
END
    head -c 1234567 /dev/zero >r/adapter.gguf
    head -c 45678 /dev/zero >r/model.ckpt
    echo >r/loss.png
    : >"my text.txt"
    report --data "my text.txt" --epochs 1.5 --knob GRAD_ACC=2 r >out
    cat >want <<END
prompt  Who is there?
before  Nobody is, as far as one can see from the lamp room, and nobody has been
        since the boat of Tuesday brought the oil.
after   The keeper.

held out             loss  perplexity
base               4.1250     61.8678
base + adapter     3.1250     22.7599

test           loss  perplexity
base         4.0000     54.5982

Trained 3 steps in 1 min 30 s, with at most 3.5 MB of memory.
Written to r:
  adapter.gguf (1.2 MB), loss.png (1 B), model.ckpt (46 kB)
Better: held-out loss 4.125 before, 3.125 after (perplexity 61.87, 22.76);
the change is -1.0000 ± 0.2401 (95 %), from 2000 tokens in 20 sequences.
See what it writes:
  generate -m base.gguf -a r/adapter.gguf -n 100 -p ${Q}Who is there${Q}
The same with llama.cpp:
  llama-completion -no-cnv -m base.gguf --lora r/adapter.gguf -n 100 -p ${Q}Who is there${Q}
As one model, for LM Studio and others:
  merge -m base.gguf -a r/adapter.gguf --name r -o r/merged.gguf
With Ollama, after that (newer versions take no adapters):
  modelfile -m r/merged.gguf -o r/merged.Modelfile && ollama create r -f r/merged.Modelfile && ollama run r
Train longer:
  finetune -m base.gguf ${Q}my text.txt${Q} --grad-acc 2 --epochs 3
END
    diff want out'

test_expect_success 'what is not there is left out' '
    fresh
    test_expect_code 1 "$BIN/report" -m base.gguf r >out 2>stderr
    grep "nothing of a run" stderr
    test ! -s out
    head -c 5 /dev/zero >r/merged.gguf
    echo >r/Modelfile
    report r/ >out
    cat >want <<END
Written to r:
  Modelfile (1 B), merged.gguf (5 B)
See what it writes:
  generate -m r/merged.gguf -n 100 -p Once
The same with llama.cpp:
  llama-completion -no-cnv -m r/merged.gguf -n 100 -p Once
With Ollama:
  ollama create r -f r/Modelfile && ollama run r
END
    diff want out
    report --front "make finetune" --data a --data b/c --epochs 4 --knob RANK=2 r | tail -n 1 >out
    echo "  make finetune MODEL=base.gguf ${Q}DATA=a b/c${Q} RANK=2 EPOCHS=8" | diff - out
    report --data a --steps 9 --epochs 1 --knob STEPS=9 --knob EPOCHS=1 --knob DATA=a r | tail -n 1 >out
    echo "  finetune -m base.gguf a --steps 18" | diff - out
    printf "%s\n" ./x "${Q}y z${Q}" >list
    report --data "x  y" --epochs 1 r | tail -n 1 >out
    echo "  finetune -m base.gguf x y --epochs 2" | diff - out
    report --data @list --epochs 1 r | tail -n 1 >out
    echo "  finetune -m base.gguf ./x ${Q}y z${Q} --epochs 2" | diff - out
    for front in "" "--front make"; do
        report $front --data @none --epochs 1 r >out
        if grep -e finetune -e make out; then exit 1; fi
    done
    report --front "make finetune" --data @list --epochs 1 r >out
    if grep finetune out; then exit 1; fi
    rm r/Modelfile
    report r | grep -i ollama && exit 1
    test_expect_code 1 "$BIN/report" -m base.gguf nowhere 2>stderr
    grep "nowhere" stderr
    test_expect_code 1 "$BIN/report" -m base.gguf base.gguf 2>stderr
    grep "base.gguf.* is not the folder of a run" stderr
    test_expect_code 1 "$BIN/report" -m nothing.gguf r 2>stderr
    grep "nothing.gguf" stderr
    test_expect_code 2 "$BIN/report" -m base.gguf --knob RANK r 2>stderr'

test_expect_success 'a template of the run goes along; a Modelfile with an adapter is not for a merged model' '
    fresh
    rm -f r/merged.gguf
    echo "FROM x" >r/Modelfile
    : >r/adapter.gguf
    report --knob CHAT_TEMPLATE=chatml r >out
    grep "generate .* -i --chat-template chatml$" out
    grep "merge .* --chat-template chatml -o r/merged.gguf$" out
    report --knob CHAT_TEMPLATE=none r >out
    test_expect_code 1 grep -e " -i" out
    : >r/merged.gguf
    report r >out && grep "ollama create r -f r/Modelfile " out
    echo "ADAPTER ./adapter.gguf" >>r/Modelfile
    report r >out && grep "modelfile -m r/merged.gguf -o r/merged.Modelfile && ollama create r -f r/merged.Modelfile " out'

# N TOKENS BEFORE CHANGE SPREAD|first line|line of the change
sed 's/#.*//' >verdicts <<'END'
20 100 4 -1 0.5|Better: held-out loss 4.125 before, 3.125 after (perplexity 61.87, 22.76);|the change is -1.0000 ± 0.2401 (95 %), from 2000 tokens in 20 sequences.
20 100 4 1 0.5|Worse: held-out loss 4.125 before, 5.125 after (perplexity 61.87, 168.2);|the change is +1.0000 ± 0.2401 (95 %), from 2000 tokens in 20 sequences.
40 100 4 0.001 0.02|No better and no worse:|the change is +0.0010 ± 0.0065 (95 %), from 4000 tokens in 40 sequences.
40 100 4 0.005 0.02|Not enough held-out text to tell (4000 tokens):|the change is +0.0050 ± 0.0065 (95 %), from 4000 tokens in 40 sequences.
20 100 4 -0.2 0.5|Not enough held-out text to tell (2000 tokens):|the change is -0.2000 ± 0.2401 (95 %), from 2000 tokens in 20 sequences.
20 4 4 -1 0.5|Not enough held-out text to tell (80 tokens):|the change is -1.0000 ± 0.2401 (95 %), from 80 tokens in 20 sequences.
20 49 4 -1 0.5|Better: held-out loss 4.125 before, 3.125 after (perplexity 61.87, 22.76);|That is little text: other text of the kind may show another change.
7 1000 4 -1 0.5|Not enough held-out text to tell (7000 tokens):|7 sequences: 8 are needed for an interval.
1 1 4 1 0|Not enough held-out text to tell (1 token):|1 sequence: 8 are needed for an interval.
END
test_expect_success 'verdicts' '
    fresh
    while IFS="|" read -r numbers first change; do
        losses $numbers
        report r >out
        { echo "$first" && echo "$change"; } >want
        grep -x -F -f want out | diff want -
    done <verdicts
    losses 20 100 4 1 0.5
    report r | grep "What may help"'

# FILE|content, as printf has it, with | for tabs|what is said of it
cat >damaged <<'END'
losses-base.tsv|tokens+loss\n1+2\n3+x\n|losses-base.tsv' line 3
losses-adapter.tsv|tokens+loss\n100+2\n-1+2\n|losses-adapter.tsv' line 3
losses-adapter.tsv|tokens+loss\n100+nan\n|losses-adapter.tsv' line 2
losses-adapter.tsv|tokens+loss\n100+2|losses-adapter.tsv' ends inside line 2
losses-adapter.tsv||losses-adapter.tsv' ends
losses-adapter.tsv|tokens+loss\n100+2\n|not of the same pack
losses-base.tsv|a page\n|losses-base.tsv' line 1
eval.tsv|model+loss+perplexity\nbase+4\n|eval.tsv' line 2
eval.tsv|model+loss+perplexity\nbase+4+5|eval.tsv' ends in line 2
eval.tsv|model+loss+perplexity\n|eval.tsv' ends in line 2
eval.tsv|other+loss+perplexity+more\n|eval.tsv' line 1
metrics.tsv|step+loss\n1+2\n|metrics.tsv' line 1
metrics.tsv|step+rss_bytes+seconds\n1+2+inf\n|metrics.tsv' line 2
metrics.tsv|step+rss_bytes+seconds\n1+2+-3\n|metrics.tsv' line 2
metrics.tsv|step+rss_bytes+seconds\n1+2+1e300\n|metrics.tsv' line 2
metrics.tsv|step+rss_bytes+seconds\n1+2+3\n2+2|metrics.tsv' ends in line 3
samples.txt|==> base <==\nOnce\n|samples.txt' has no samples of two models
samples.txt|\000\001\002|samples.txt' has no samples of two models
END
test_expect_success 'what is damaged is named, and the rest is said' '
    while IFS="|" read -r file text said; do
        fresh
        losses 20 100 4 -1 0.5
        head -c 99 /dev/zero >r/adapter.gguf
        # shellcheck disable=SC2059
        printf "$text" | tr + "\t" >r/$file
        test_expect_code 1 "$BIN/report" -m base.gguf r >out 2>stderr
        grep -F -e "$said" stderr
        test "$(grep -c . stderr)" = 1
        grep "adapter.gguf (99 B)" out
        case $file in losses*) ;; *) grep "^Better" out ;; esac
    done <damaged'

test_expect_success 'weights that do not agree' '
    fresh
    losses 20 100 4 -1 0.5
    sed "3s/100/99/" r/losses-adapter.tsv >x
    mv x r/losses-adapter.tsv
    test_expect_code 1 "$BIN/report" -m base.gguf r >out 2>stderr
    grep "losses-adapter.tsv.*sequence 2 weighs 100 in one and 99 in the other" stderr'

test_expect_success 'long, wide and hostile samples' '
    fresh
    {
        printf "==> a <==\n%0300d\n" 0
        printf "==> b <==\n\033[31mred\001\377\n"
    } >r/samples.txt
    report r >out
    if LC_ALL=C grep -q "[^[:print:]]" out && ! grep -q … out; then exit 1; fi
    test "$(awk "length > 84" out | grep -c .)" = 0
    test "$(grep -c . out)" = 4
    grep "^after    \[31mred" out
    awk "BEGIN { for (i = 0; i < 60; i++) printf \"海\"; print \"\" }" >wide
    { echo "==> a <=="; cat wide; echo "==> b <=="; echo x; } >r/samples.txt
    report r >out
    printf "before  " >want
    awk "BEGIN { for (i = 0; i < 36; i++) printf \"海\"; printf \"\\n        \"
                 for (i = 0; i < 24; i++) printf \"海\"; print \"\" }" >>want
    printf "after   x\n\n" >>want
    diff want out'

test_expect_success 'where the other commands are' '
    fresh
    head -c 99 /dev/zero >r/adapter.gguf
    mkdir -p tools
    cp "$BIN/report" "tools/my-report"
    tools/my-report -m base.gguf r | grep "^  tools/my-merge -m base.gguf"
    (PATH=$PWD/tools:$PATH && my-report -m base.gguf r | grep "^  my-merge -m base.gguf"
        "$PWD/tools/my-report" -m base.gguf r | grep "^  my-modelfile -m")'

test_expect_success 'of a base in few bits one in eight' '
    "$BIN/quantize" -q -t q4_0 -o q4.gguf base.gguf
    "$BIN/quantize" -q -t q8_0 -o q8.gguf base.gguf
    "$BIN/report" -m q4.gguf r | grep "merge -t q8_0 -m q4.gguf"
    "$BIN/report" -m q8.gguf r | grep "merge -m q8.gguf"'

if command -v script >/dev/null 2>&1 && script -qec true /dev/null >/dev/null 2>&1; then
    test_expect_success 'a colour on a terminal, but not under NO_COLOR' '
        losses 20 100 4 -1 0.5
        on_terminal() { script -qec "$*" /dev/null </dev/null; }
        escape=$(printf "\033")
        unset NO_COLOR
        TERM=xterm on_terminal "report -m base.gguf r" | grep "$escape\[1;32mBetter$escape\[0m:"
        TERM=xterm NO_COLOR= on_terminal "report -m base.gguf r" | grep "$escape"
        if TERM=xterm NO_COLOR=1 on_terminal "report -m base.gguf r" | grep "$escape"; then exit 1; fi
        if TERM=dumb on_terminal "report -m base.gguf r" | grep "$escape"; then exit 1; fi
        if TERM=xterm report r | grep "$escape"; then exit 1; fi'
else
    test_skip 'a colour on a terminal' 'there is no script(1)'
fi

# ==== a run that was trained here, under names that want quotes ====

i=0
while [ $i -lt 400 ]; do
    echo "The lamp number $i is lit, the stairs are counted, and the sea is grey." && i=$((i + 1))
done >text.txt
run="my 'run' \$x/a b"
mkdir -p "$run"
test_expect_success 'a run' '
    cp base.gguf "base ${Q}s.gguf"
    tokenize -m base.gguf text.txt | pack -c 64 --val-split 0.2 --val-out val.pack -o data.pack -
    train -m base.gguf -d data.pack --batch 8 --steps 6 --lr 5e-3 --log "$run/metrics.tsv" -o run.ckpt
    gguf_export -m base.gguf --name lamps -o "$run/adapter.gguf" run.ckpt
    perplexity -m base.gguf -d val.pack --label base --losses "$run/losses-base.tsv" -o base.tsv
    perplexity -m base.gguf -a "$run/adapter.gguf" -d val.pack --label "base + adapter" \
        --losses "$run/losses-adapter.tsv" --after base.tsv -o "$run/eval.tsv"
    generate -m base.gguf -p "The lamp" -n 8 --label base -o base.txt
    generate -m base.gguf -a "$run/adapter.gguf" -p "The lamp" -n 8 --label tuned --after base.txt \
        -o "$run/samples.txt"
    "$BIN/report" -m "base ${Q}s.gguf" --data text.txt --epochs 1 "$run" >out
    grep "^Better: held-out loss" out
    awk -F "\t" "NR > 1 { printf \"%.3f\\n\", \$2 }" "$run/eval.tsv" >want
    sed -n "s/^Better: held-out loss \(.*\) before, \(.*\) after.*/\1 \2/p" out | tr " " "\n" | diff want -
    grep "^Trained 6 steps" out
    test "$(grep -c "" out)" -le 30
    test "$(grep -v "^  [a-z]" out | awk "length > 84" | grep -c .)" = 0
    tail -n 15 out | grep "^Better"'

test_expect_success 'losses of sequences, with a pack alone and without logits' '
    test "$(head -n 1 "$run/losses-base.tsv")" = "$(printf "tokens\tloss")"
    perplexity -m base.gguf -d val.pack -o table
    sed 1d "$run/losses-base.tsv" | awk "{ n += \$1; s += \$1 * \$2 } END { print n, s / n }" >got
    awk "NR == 2 { print \$1, \$2 }" table >want
    paste -d " " got want | awk "{ exit !(\$1 == \$3 && (\$2 - \$4) ^ 2 < 1e-8) }"
    test_expect_code 2 "$BIN/perplexity" -m base.gguf -f text.txt --losses x.tsv 2>stderr
    test_expect_code 2 "$BIN/perplexity" -m base.gguf -d val.pack --losses x --logits y 2>stderr
    test_expect_code 1 "$BIN/perplexity" -q -m base.gguf -d val.pack --losses no/x 2>stderr
    grep "no/x" stderr'

test_expect_success 'a model for chats is talked to' '
    "$BIN/merge" -q -m base.gguf -a "$run/adapter.gguf" --chat-template chatml -o chat.gguf
    "$BIN/report" -m chat.gguf r >chat
    cat >want <<END
Talk to it:
  generate -m chat.gguf -a r/adapter.gguf -i
The same with llama.cpp:
  llama-cli -m chat.gguf --lora r/adapter.gguf
END
    grep -A 3 "^Talk" chat | diff want -'

# pasted WORDS: the command of a report that holds them, in a shell.
pasted() {
    grep "^  .*$1" out >command
    test "$(grep -c . command)" = 1
    sh -e ./command
}
test_expect_success 'its commands work when they are pasted' '
    pasted "generate " >text
    grep "^The" text
    pasted "merge "
    "$BIN/gguf-show" --keys "$run/merged.gguf" | grep "general.name.*random weights a b$"
    perplexity -m "$run/merged.gguf" -d val.pack --label x -o x.tsv
    awk -F "\t" "FNR == 1 { n++ } { loss[n] = \$2 }
        END { exit !(loss[1] - loss[2] < 2e-3 && loss[2] - loss[1] < 2e-3) }" "$run/eval.tsv" x.tsv
    mkdir -p there
    printf "#!/bin/sh\nprintf \"%%s\\\\n\" \"\$@\" >>called\n" >there/ollama
    chmod +x there/ollama
    cp there/ollama there/finetune
    (PATH=$PWD/there:$PATH && pasted "modelfile ")
    printf "%s\n" create a-b -f "$run/merged.Modelfile" run a-b | diff - called
    grep "^FROM ./merged.gguf" "$run/merged.Modelfile"
    rm called
    (PATH=$PWD/there:$PATH && pasted "finetune ")
    printf "%s\n" -m "base ${Q}s.gguf" text.txt --epochs 2 | diff - called'

test_expect_success 'names that a terminal would obey' '
    odd=$(printf "x\033[31m%%\\\\ q\n1")
    mkdir -p "$odd"
    cp "$run/adapter.gguf" "$odd"
    cp base.gguf ./-m.gguf
    "$BIN/report" -m -m.gguf "$odd" >out
    if grep "$(printf "\033")" out; then exit 1; fi
    pasted "merge "
    test -s "$odd/merged.gguf"'

if command -v llama-completion >/dev/null 2>&1; then
    test_expect_success 'llama.cpp, pasted' '
        "$BIN/report" -m "base ${Q}s.gguf" "$run" >out
        rm -f "$run/merged.gguf"
        pasted llama-completion </dev/null >text 2>stderr
        grep "^ *The" text'
else
    test_skip 'llama.cpp, pasted' 'llama-completion is not in PATH'
fi
if command -v ollama >/dev/null 2>&1 && ollama list >/dev/null 2>&1; then
    test_expect_success 'ollama, pasted' '
        rm -f "$run/merged.gguf"
        "$BIN/report" -m "base ${Q}s.gguf" "$run" >out
        pasted "merge "
        grep "^  .*ollama" out | sed "s/ollama run a-b/ollama run a-b Once/" >command
        sh -e ./command </dev/null
        ollama rm a-b'
else
    test_skip 'ollama, pasted' 'there is no ollama that serves'
fi
# In a page nothing of a run is markup, and nothing is asked for.
test_expect_success 'a page: all parts, whatever they hold, in one file' '
    fresh
    losses 20 100 4 -1 0.5
    printf "model\tloss\tperplexity\nbase\t4\t54.6\n<b>&\t3\t20.1\n" >r/eval.tsv
    { printf "step\tloss\tlr\tgrad_norm\ttokens_per_s\trss_bytes\tseconds\tval_loss\n"
        seq 1 3000 | awk "{ printf \"%d\t%g\t1e-3\t1\t100\t1e6\t%d\t%s\n\", \$1, 5 - \$1 / 1000, \$1, \$1 % 500 ? \"-\" : \"3\" }"
    } >r/metrics.tsv
    printf "==> base <==\n<script>alert(1)</script>\033[2J\000\n==> tuned <==\na & b\n" >r/samples.txt
    printf "item\tvalue\tunit\nparams\t2500000\tbytes\nstep_time\t0.5\ts\n" >r/plan.tsv
    echo "train -m \"a b\"" >r/commands.txt
    report --html p.html r >out 2>stderr
    test ! -s out
    test "$(wc -c <p.html)" -lt 60000
    for words in "&lt;script&gt;alert(1)&lt;/script&gt;·" "a &amp; b" "&lt;b&gt;&amp;" "held out" "Better:" \
        "2.5 MB" "train -m &quot;a b&quot;" "Trained 3000 steps" "prefers-color-scheme:dark" "width=device-width"; do
        grep -F -e "$words" p.html >/dev/null || { echo "no $words" && exit 1; }
    done
    if grep -E "<script|https?://|url\(" p.html; then exit 1; fi
    test "$(grep -c "<svg" p.html)" = 4
    test "$(grep -c "<svg" p.html)" = "$(grep -c "</svg>" p.html)"
    report --html q.html r
    cmp p.html q.html'

test_expect_success 'a damaged file leaves a gap in the page and is told' '
    echo x >r/metrics.tsv
    test_expect_code 1 report --html p.html r 2>stderr
    grep "metrics.tsv. line 1 has no column .step" stderr
    grep "a &amp; b" p.html'

test_expect_success 'several runs: a table, a page' '
    fresh
    printf "model\tloss\tperplexity\nbase\t4\t54.6\nbase + adapter\t3\t20.1\n" >r/eval.tsv
    printf "step\tloss\trss_bytes\tseconds\tval_loss\n1\t4\t2000000\t9\t-\n2\t3\t1000000\t2\t3.5\n" >r/metrics.tsv
    rm -rf "s <i>" && cp -r r "s <i>" && rm "s <i>/metrics.tsv"
    "$BIN/report" r "s <i>/" >out
    printf "run\tsteps\tbase_loss\tloss\tlast_val_loss\tseconds\tmemory_MB\nr\t2\t4\t3\t3.5\t11\t2\n" >want
    printf "s <i>\t-\t4\t3\t-\t-\t-\n" >>want
    cmp out want
    "$BIN/report" --html p.html r "s <i>"
    grep "s &lt;i&gt;" p.html
    mkdir none
    test_expect_code 1 "$BIN/report" r none 2>stderr
    grep "none. holds nothing of a run" stderr
    test_expect_code 2 "$BIN/report" r 2>stderr
    grep "model FILE. is missing" stderr'

test_done
