#!/bin/sh
# SPDX-License-Identifier: MIT
#
# train --opt lbfgs, schedules from files, and the rules that end a run before its last step.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf"
test_built tokenize pack train || test_skip_all "the commands are not built"
head -c 400 "$TOP/examples/tiny.txt" >text.txt
"$BIN/tokenize" -q -m "$model" -o t.tok text.txt
"$BIN/pack" -q -c 32 -o t.pack t.tok
train() { "$BIN/train" --threads 1 -m "$model" -d t.pack --batch "${batch:-2}" "$@"; }
# last LOG: the number of its last step.
last() { tail -n 1 "$1" | cut -f 1; }

test_expect_success 'L-BFGS: the loss of a batch falls, and a stopped run goes on exactly' '
    batch=64
    train -q --opt lbfgs --lbfgs-iter 3 --steps 4 --log a.log -o a.ckpt 2>warnings
    grep "lbfgs.*finds how far it goes by itself" warnings
    awk -F "\t" "NR == 2 { first = \$2 } END { exit !(\$2 < 0.9 * first) }" a.log
    train -q --opt lbfgs --lbfgs-iter 3 --steps 2 -o b.ckpt
    train -q --opt lbfgs --lbfgs-iter 3 --steps 4 --resume -o b.ckpt
    cmp a.ckpt b.ckpt
    train --plan --opt lbfgs --history 4 >four
    train --plan --opt lbfgs --history 8 >eight
    awk "\$1 == \"moments\" { print \$2 }" four eight >moments
    [ "$(wc -l <moments)" -eq 2 ]
    awk "NR == 1 { four = \$1 } END { exit !(\$1 * 11 == four * 19) }" moments'

test_expect_success 'L-BFGS: what does not go with it is refused by name' '
    for more in --fused-step "--lora-plus 2" "--full --weights bf16" "--dump-grads g.gguf"; do
        test_expect_code 1 train -q --opt lbfgs --steps 1 $more -o c.ckpt 2>err
        grep lbfgs err
        [ ! -e c.ckpt ]
    done'

test_expect_success 'a run ends when the loss no longer changes, or no longer gets better' '
    train --stop-past 3 --stop-delta 0.5 --steps 40 --log a.log -o c.ckpt 2>err
    grep "step 4 of 40 is the last: the loss changed by .* in 3 steps" err
    [ "$(last a.log)" -eq 4 ]
    train --stop-change 10 --steps 40 --log b.log -o d.ckpt 2>err
    grep "step 2 of 40 is the last" err
    train --lr 0 --no-shuffle --stop-stale 7 --epochs 20 --log c.log -o e.ckpt 2>err
    grep "was not better than .* for 7 steps" err
    train -q --stop-past 3 --stop-delta 1e-9 --stop-stale 40 --steps 6 --log d.log -o f.ckpt
    [ "$(last d.log)" -eq 6 ]'

test_expect_success 'a run that goes on ends where it would have ended' '
    rules="--lr 0 --no-shuffle --stop-stale 7 --sched constant"
    train -q $rules --steps 40 --log a.log -o c2.ckpt
    train -q $rules --steps 5 -o g.ckpt
    train -q $rules --steps 40 --resume --log b.log -o g.ckpt
    [ "$(last a.log)" -eq "$(last b.log)" ]
    [ "$(last a.log)" -lt 40 ]
    cmp c2.ckpt g.ckpt'

test_expect_success 'a schedule from a file: its rates, the same after a stop, no other in between' '
    printf "step rate\n1 1e-3\n3 2e-3\n4 0\n" >t.sched
    train -q --sched file:t.sched --steps 5 --log s.log -o s.ckpt
    [ "$(cut -f 4 s.log | tr "\n" " ")" = "lr 0.001 0.0015 0.002 0 0 " ]
    cp t.sched u.sched
    train -q --sched file:u.sched --steps 2 -o u.ckpt
    train -q --sched file:t.sched --steps 5 --resume -o u.ckpt
    cmp s.ckpt u.ckpt
    train -q --sched file:u.sched --steps 2 -o v.ckpt
    echo "9 1" >>u.sched
    test_expect_code 1 train -q --sched file:u.sched --steps 5 --resume -o v.ckpt 2>err
    grep "v.ckpt.*schedule=.* is now schedule=" err
    test_expect_code 1 train -q --sched linear --steps 5 --resume -o v.ckpt 2>err
    grep "sched=file is now sched=linear" err
    echo "9 1" >>u.sched
    test_expect_code 1 train -q --sched file:u.sched --steps 5 -o w.ckpt 2>err
    grep "u.sched.: line 6: steps rise" err
    test_expect_code 2 train -q --sched file: --steps 5 -o w.ckpt 2>err
    test_expect_code 1 train -q --sched file:u.sched --steps 5 --log u.sched -o w.ckpt 2>err
    grep u.sched err
    [ ! -e w.ckpt ]'

test_done
