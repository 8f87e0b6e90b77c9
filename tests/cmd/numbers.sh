#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Numbers that are given to commands, and numbers that they print: every option has limits that a
# user could mean, none is changed without a word, and a line stays a line whatever is in it.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: examples/tiny.gguf"
test_built tokenize pack train generate perplexity merge gguf-show gguf-diff gguf-export ||
    test_skip_all "the commands are not built"
head -c 8000 "$TOP/examples/tiny.txt" >text.txt
"$BIN/tokenize" -q -m "$model" text.txt | "$BIN/pack" -q -c 32 -o t.pack -
train() { "$BIN/train" --threads 1 -m "$model" -d t.pack "$@"; }

# beyond COMMAND OPTION VALUE…: each is a usage error that names the option.
beyond() {
    command=$1 option=$2
    shift 2
    for value; do
        test_expect_code 2 "$BIN/$command" "$option" "$value" 2>stderr </dev/null
        grep -e "option '$option' takes a" stderr
    done
}

test_expect_success 'train: limits of every number' '
    beyond train --lr 1.8e19 1001 -1 nan
    beyond train --lora-r 0 16385
    beyond train --lora-alpha 0 1e7
    beyond train --batch 0 -1 1048577
    beyond train --grad-acc 0 1048577
    beyond train --global-batch 0 16777217
    beyond train --epochs 0 1048577
    beyond train --steps 0 1000000001
    beyond train --warmup -0.1 1e10
    beyond train --beta1 1 -0.1
    beyond train --beta2 1
    beyond train --eps 0 1.1
    beyond train --min-lr-ratio -0.1 1.1
    beyond train --weight-decay -1 101
    beyond train --clip -1 1e7
    beyond train --seed -1
    beyond train --eval-every 0 1000000001
    beyond train --save-every 0 1000000001
    beyond train --keep 0
    beyond train --mem-limit 0'
test_expect_success 'the others' '
    beyond generate --tokens 0 1048577
    beyond generate --temp -1 101
    beyond generate --top-k -1 1048577
    beyond generate --top-p -0.1 1.1
    beyond perplexity --ctx 1 1048577
    beyond pack --ctx 0 1048577
    beyond pack --val-split 0 1
    beyond gguf-show --data -1 1e13
    beyond gguf-diff --tol -1 1e7'
test_expect_success 'the scale of an adapter' '
    train -q --steps 1 -o a.ckpt
    "$BIN/gguf-export" -q -m "$model" -o a.gguf a.ckpt
    for c in "perplexity -d t.pack" "generate -p x -n 1" "merge -o out.gguf"; do
        set -- $c
        command=$1
        shift
        test_expect_code 2 "$BIN/$command" -m "$model" -a a.gguf:1e30 "$@" 2>stderr
        grep "a.gguf:1e30.*scale must be from" stderr
    done
    test ! -e out.gguf'

# ==== a warm-up longer than the run ====

# rates LOG: one a line.
rates() { cut -f 4 "$1" | sed 1d; }
test_expect_success 'the rate rises as asked, and it is said that it ends below' '
    train -q --steps 20 --warmup 100 --lr 1e-3 --log long.tsv -o long.ckpt 2>stderr
    grep "warning: a warm-up of 100 steps in a run of 20: the learning rate ends at 0.0002" stderr
    rates long.tsv | awk "{ if (\$1 < NR * 1e-5 - 1e-12 || \$1 > NR * 1e-5 + 1e-12) exit bad = 1 }
        END { exit bad || NR != 20 }"'
test_expect_success 'as long as the run: the last step has it all, no word' '
    train -q --steps 4 --warmup 4 --lr 1e-3 --log as.tsv -o as.ckpt 2>stderr
    test ! -s stderr
    rates as.tsv >got
    printf "%s\n" 0.00025 0.0005 0.00075 0.001 | cmp - got'
test_expect_success 'a stopped one goes on so' '
    train -q --steps 10 --warmup 100 --lr 1e-3 -o part.ckpt 2>stderr
    train -q --steps 20 --warmup 100 --lr 1e-3 --resume --log part.tsv -o part.ckpt 2>stderr
    rates part.tsv >got
    rates long.tsv | tail -n 10 | cmp - got
    cmp part.ckpt long.ckpt'
test_expect_success 'numbers that mean nothing are told' '
    train -q --steps 2 --opt sgd --eps 1e-6 -o none.ckpt 2>stderr
    grep "warning: .eps. is set, which means nothing to sgd" stderr
    train -q --steps 2 --sched constant --min-lr-ratio 0.1 -o none.ckpt 2>stderr
    grep "warning: .min_lr_ratio. is set" stderr'
test_expect_success '--min-lr-ratio is where the rate ends' '
    train -q --steps 101 --warmup 0 --lr 1e-3 --min-lr-ratio 0.25 --log low.tsv -o low.ckpt
    rates low.tsv | awk "\$1 < 0.00025 { exit bad = 1 } { last = \$1 }
        END { exit bad || last > 0.000252 }"
    test_expect_code 1 "$BIN/train" -q -m "$model" -d t.pack --threads 1 --steps 102 --warmup 0 --lr 1e-3 \
        --resume -o low.ckpt 2>stderr
    grep "min_lr_ratio=0.25 is now the default" stderr'

# ==== numbers in a line for people ====

# Losses of hundreds and of hundreds of thousands.
test_expect_success 'a perplexity has eight characters or an exponent' '
    for lr in 10 100; do
        train --full --lr $lr --warmup 0 --steps 3 --val t.pack -o huge.ckpt 2>stderr
        grep "step 3/3" stderr
        sed -n "s/.*step [0-9]*\/3  loss \([^ ]*\)  ppl \([^ ]*\) .* norm \([^ ]*\) .*/\1 \2 \3/p" \
            stderr | tr " " "\n" >figures
        test "$(wc -l <figures)" = 9
        if grep ".\{11\}" figures; then exit 1; fi
        grep "^inf$" figures
        sed -n "s/.*  val \([^ ]*\) .*/\1/p" stderr >figures
        test "$(wc -l <figures)" = 1
        if grep ".\{11\}" figures; then exit 1; fi
        rm -r huge.ckpt*
    done
    train --full --lr 1 --warmup 0 --steps 3 --loss mse --opt sgd --clip 0 -o huge.ckpt 2>stderr
    grep "  ppl [0-9].[0-9]*e+[0-9]*  " stderr'
test_done
