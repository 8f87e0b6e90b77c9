#!/bin/sh
# SPDX-License-Identifier: MIT
# merge: several models; what of the changes is in the file.
. "${0%/*}/../lib.sh"

test_built merge lora-extract tokenize pack train quantize gguf-diff gguf-show gguf-edit ||
    test_skip_all "the commands are not built"
tiny=$TOP/examples/tiny.gguf
[ -f "$tiny" ] || test_skip_all "no examples/tiny.gguf"
run() {
    what=$1
    shift
    "$BIN/$what" "$@" 2>talk
}
yes 'Once upon a time there was a house in the wood.' | head -n 40 >house.txt
"$BIN/tokenize" -q -m "$tiny" -o house.tok house.txt
"$BIN/pack" -q -c 64 -o house.pack house.tok
"$BIN/train" -q -m "$tiny" -d house.pack -o a.ckpt --steps 4 --batch 2 --lora-r 4 --lr 0.01 \
    --lora-out a.gguf >/dev/null

test_expect_success 'what a merge keeps, by kind of tensor' '
    "$BIN/quantize" -q -t q4_0 -o q4.gguf "$tiny"
    run merge -m q4.gguf -a a.gguf:0.01 --force -o out.gguf
    grep "attn_q .*Q4_0$" talk
    grep "rounding .* larger .* keep it: .*F32$" talk
    run merge -m q4.gguf -a a.gguf:0.01 --force -t f32 -o out.gguf
    grep "attn_q  *100.0 % .*F32$" talk
    test_must_fail grep "larger" talk'

test_expect_success 'how far it is from base and adapter' '
    run merge -m "$tiny" -a a.gguf -t q4_0 --kl house.txt -o q4.gguf
    kl=$(sed -n "s/.*KL divergence \([^ ]*\) .*/\1/p" talk)
    run merge -m "$tiny" -a a.gguf -t f32 --kl house.txt -o f32.gguf
    small=$(sed -n "s/.*KL divergence \([^ ]*\) .*/\1/p" talk)
    awk -v a="$small" -v b="$kl" "BEGIN { exit !(a < 1e-5 && b > 10 * a && b > 1e-5) }"
    test_expect_code 2 "$BIN/merge" -m "$tiny" -a a.gguf --kl house.txt -o - 2>err
    grep "a file that is written" err
    rm -f out.gguf
    test_expect_code 1 "$BIN/merge" -m "$tiny" -a a.gguf --kl none.txt -o out.gguf 2>err
    grep "none.txt" err
    test ! -e out.gguf'

"$BIN/merge" -q -m "$tiny" -a a.gguf -t f32 -o a1.gguf
"$BIN/merge" -q -m "$tiny" -a a.gguf:-1 -t f32 -o b1.gguf
"$BIN/quantize" -q -t f32 -o base.gguf "$tiny"
same() { "$BIN/gguf-diff" --tensors --tol "$3" "$1" "$2" >diff; }

test_expect_success 'models: an adapter and its negative cancel' '
    run merge --method linear -m base.gguf -x a1.gguf -x b1.gguf -o out.gguf
    same base.gguf out.gguf 1e-6
    run merge --method task -m base.gguf -x a1.gguf:2 -x b1.gguf:1 -o out.gguf
    same a1.gguf out.gguf 1e-6
    grep "merged 2 models by task" talk
    grep "attn_q  *100.0 %" talk
    run merge --method task --lambda -1 -m base.gguf -x b1.gguf --threads 1 -o one.gguf
    same a1.gguf one.gguf 1e-6
    run merge --method ties -m base.gguf -x a1.gguf:0.5 -x b1.gguf --density 0.2 -o t1.gguf
    run merge --method ties -m base.gguf -x a1.gguf:0.5 -x b1.gguf --density 0.2 --threads 1 \
        -o t2.gguf
    cmp t1.gguf t2.gguf
    run merge --method dare -m base.gguf -x a1.gguf --seed 3 -o d1.gguf
    run merge --method dare -m base.gguf -x a1.gguf --seed 4 -o d2.gguf
    test_must_fail cmp d1.gguf d2.gguf'

test_expect_success 'models: weights by pattern, types' '
    run merge --method linear -m base.gguf -x a1.gguf:1 -x b1.gguf:0 --weight "blk.0.=0,1" \
        -o out.gguf
    "$BIN/gguf-diff" --tensors out.gguf a1.gguf | awk "\$5 != 0 { print \$2 }" >differ
    grep "blk.0." differ
    test_must_fail grep -v "blk.0." differ
    run merge --method slerp -m base.gguf -x a1.gguf:0.5 -t q8_0 -o q8.gguf
    "$BIN/gguf-show" q8.gguf | grep "attn_q.weight.*Q8_0"
    run merge --method linear -m q8.gguf -x q8.gguf -o again.gguf
    same q8.gguf again.gguf 0
    "$BIN/gguf-show" --keys again.gguf | grep "general.name.* merged$"
    "$BIN/gguf-edit" -q --set llama.rope.freq_base=f32:5 -o other.gguf a1.gguf 2>err || cat err
    run merge --method linear -m base.gguf -x other.gguf -o out.gguf
    grep "is not as the base in .llama.rope.freq_base., which stays" talk'

test_expect_success 'what a model has learnt, as an adapter' '
    run lora-extract -m base.gguf -r 4 -o ex.gguf a1.gguf
    awk "\$2 ~ /attn|ffn/ { if (\$3 != 4 || \$6 > 0.01) exit 1; n++ } END { exit !n }" talk
    test_must_fail grep "nothing of what" talk
    "$BIN/merge" -q -m base.gguf -a ex.gguf -o back.gguf
    same a1.gguf back.gguf 1e-6
    run lora-extract -m base.gguf --energy 0.9 -o ex.gguf b1.gguf
    awk "/attn_q/ { exit !(\$3 + 0 <= 4 && \$6 < 32) }" talk
    run lora-extract -m base.gguf -r 1 --targets attn_q -o ex.gguf q8.gguf
    grep "nothing of what changed in: .*token_embd" talk
    test_expect_code 1 "$BIN/lora-extract" -m base.gguf -r 1 -o no.gguf base.gguf 2>err
    grep "do not differ" err
    test ! -e no.gguf'

test_expect_success 'a table of tokens, as an adapter' '
    "$BIN/train" -q -m "$tiny" -d house.pack -o e.ckpt --steps 4 --batch 2 --lora-r 2 \
        --lr 0.01 --lora-targets token_embd,attn_v --lora-out e.gguf >/dev/null
    "$BIN/merge" -q -m "$tiny" -a e.gguf -t f32 -o e1.gguf
    run lora-extract -m base.gguf -r 2 --targets token_embd,all-linear -o ex.gguf e1.gguf
    "$BIN/gguf-show" ex.gguf | cut -f 2-4 | sort >is
    "$BIN/gguf-show" e.gguf | cut -f 2-4 | sort | grep lora_ >want
    grep lora_ is | diff want -
    "$BIN/merge" -q -m base.gguf -a ex.gguf -o back.gguf
    same e1.gguf back.gguf 1e-6'

test_expect_success 'adapters to one adapter' '
    run merge --adapters-only -a a.gguf:0.5 -a e.gguf:-2 -a a.gguf -o j.gguf
    grep "joined 3 adapters" talk
    "$BIN/merge" -q -m "$tiny" -a a.gguf:0.5 -a e.gguf:-2 -a a.gguf -t f32 -o want.gguf
    "$BIN/merge" -q -m "$tiny" -a j.gguf -t f32 -o is.gguf
    same want.gguf is.gguf 1e-6
    "$BIN/gguf-show" j.gguf | grep "attn_v.weight.lora_b.*x10	"
    run merge --adapters-only -a j.gguf --rank 6 -o j6.gguf
    awk "/attn_v/ { exit !(\$3 == 6 && \$4 < 1e-4) }" talk
    "$BIN/merge" -q -m "$tiny" -a j6.gguf -t f32 -o is.gguf
    same want.gguf is.gguf 1e-6
    run merge --adapters-only -a j.gguf --rank 1 -o j1.gguf
    awk "/attn_v/ { exit !(\$3 == 1 && \$4 > 1 && \$4 < 100) }" talk
    run merge --adapters-only -a a.gguf --no-history -o a2.gguf
    cmp a.gguf a2.gguf
    run merge --adapters-only -a a.gguf:-0.5 -a a.gguf --name x -o half.gguf
    "$BIN/gguf-show" --keys half.gguf | grep "general.name.*x$"'

test_expect_success 'adapters: what does not go together' '
    for words in "-a a.gguf -m base.gguf" "-a a.gguf -t f16" "-a a.gguf --method task"; do
        test_expect_code 2 "$BIN/merge" --adapters-only $words -o no.gguf 2>err
        grep "no model" err
    done
    test_expect_code 2 "$BIN/merge" -a a.gguf -m base.gguf --rank 4 -o no.gguf 2>err
    test_expect_code 2 "$BIN/merge" --adapters-only -a a.gguf:0 -o no.gguf 2>err
    grep "scale of 0" err
    test_expect_code 1 "$BIN/merge" --adapters-only -a a.gguf -a base.gguf -o no.gguf 2>err
    grep "base.gguf. is a model, not an adapter" err
    "$BIN/gguf-edit" -q --set libtrain.base_hash=string:0123456789abcdef -o t.gguf a.gguf
    "$BIN/merge" -q --adapters-only -a a.gguf -a t.gguf -o yes.gguf # known by its weights
    "$BIN/gguf-edit" -q --delete libtrain.base_sketch -o o.gguf t.gguf
    test_expect_code 1 "$BIN/merge" --adapters-only -a a.gguf -a o.gguf -o no.gguf 2>err
    grep "o.gguf. was trained on another base, .*, than .a.gguf. on" err
    "$BIN/merge" -q --adapters-only -a a.gguf -a o.gguf --force -o yes.gguf
    test_must_fail "$BIN/gguf-show" --keys yes.gguf >keys || true
    test_must_fail grep base_hash keys
    test ! -e no.gguf'

test_expect_success 'blocks of several models' '
    n=$("$BIN/gguf-show" --keys base.gguf | sed -n "s/.*block_count.*	\([0-9]*\)$/\1/p")
    last=$((n - 1))
    echo "0 0-$last" >all
    run merge --method passthrough -m base.gguf --layers all -o out.gguf
    same base.gguf out.gguf 0
    printf "# more\n 1 0-%d # the first\n\n0\t%d\r\n1 token_embd*\n" $last $last >more
    run merge --method passthrough -m base.gguf -x a1.gguf --layers more -o out.gguf
    test ! -s talk
    "$BIN/gguf-show" --keys out.gguf >keys
    grep "block_count.*	$((n + 1))$" keys
    grep "general.base_model.count.*	2$" keys
    grep "general.base_model.1.name" keys
    "$BIN/perplexity" -q -m out.gguf -f house.txt -c 64 | grep .
    "$BIN/gguf-diff" --tensors a1.gguf out.gguf >diff || true
    grep "^tensor	blk" diff | awk "\$5 != 0 { exit 1 }"
    grep "^tensor>	blk.$n.ffn_up.weight" diff
    run merge --method passthrough -m base.gguf -x a1.gguf --layers more -t q8_0 -o q.gguf
    "$BIN/gguf-show" q.gguf | grep "blk.$n.attn_q.weight	Q8_0"
    layers() {
        printf "%b" "$1" >bad
        test_expect_code 2 "$BIN/merge" --method passthrough -m base.gguf -x a1.gguf \
            --layers bad -o no.gguf 2>err
        grep "bad.*$2" err
    }
    layers "0 0\n2 0\n" "line 2: begins with no number"
    layers "0 0-99\n" "line 1: blocks 0 to 99 of .base.gguf., which has 0 to $last"
    layers "0 1-0\n" "line 1: blocks 1 to 0"
    layers "0 0x\n" "line 1: .0x. are no blocks"
    layers "0\n" "line 1: begins with no"
    layers "0 0 0\n" "line 1: wants"
    layers "0 0\n1 blk.0*\n" "blk.0.. is the name of no tensor outside of blocks"
    layers "# none\n" "no blocks of any"
    "$BIN/gguf-edit" -q --set llama.rope.freq_base=f32:5 -o other.gguf a1.gguf
    test_expect_code 1 "$BIN/merge" --method passthrough -m base.gguf -x other.gguf \
        --layers more -o no.gguf 2>err
    grep "base.gguf. and .other.gguf. differ in .llama.rope.freq_base" err
    test_expect_code 2 "$BIN/merge" --method passthrough -m base.gguf -x a1.gguf -o no.gguf 2>err
    grep "need each other" err
    test ! -e no.gguf'

test_expect_success 'models: what does not go together' '
    usage() {
        text=$1
        shift
        test_expect_code 2 "$BIN/merge" -o out.gguf "$@" 2>err
        grep -e "$text" err
    }
    usage "of adapters" -m base.gguf --method task -x a1.gguf -a a.gguf
    usage "wants a model: .--with" -m base.gguf --method task
    usage "models want .--method" -m base.gguf -x a1.gguf -a a.gguf
    usage "a weight for each of 1" -m base.gguf --method task -x a1.gguf --weight "blk=1,2"
    usage "slerp takes 1 to 2 models" -m base.gguf --method slerp -x a1.gguf -x a1.gguf -x b1.gguf
    usage "add up to 0" -m base.gguf --method linear -x a1.gguf:1 -x b1.gguf:-1
    usage "linear task slerp ties dare dare-ties passthrough" -m base.gguf --method blend -x a1.gguf
    usage "slerp: the weights are not from 0 to 1" -m base.gguf --method slerp -x a1.gguf:1.5
    usage "of a pattern are below 0" -m base.gguf --method slerp -x a1.gguf -x b1.gguf \
        --weight "attn=-1,2"
    usage "for .attm.: no tensor of .base.gguf" -m base.gguf --method task -x a1.gguf \
        --weight attn=1 --weight attm=2
    usage "for .attn_q.: no tensor" -m base.gguf --method task -x a1.gguf --weight attn=1 \
        --weight attn_q=2
    usage "density. says nothing to .--method task" -m base.gguf --method task -x a1.gguf \
        --density 0.5
    usage "lambda. says nothing" -m base.gguf --method linear -x a1.gguf --lambda 1
    usage "seed. says nothing" -m base.gguf --method ties -x a1.gguf --seed 0
    usage "normalize. says nothing" -m base.gguf --method slerp -x a1.gguf --no-normalize
    usage "weight. says nothing" -m base.gguf --method passthrough -x a1.gguf --layers more \
        --weight attn=1
    usage "models want .--method" -m base.gguf -a a.gguf --lambda 2
    test_expect_code 1 "$BIN/merge" -o out.gguf -m base.gguf --method task -x a.gguf 2>err
    grep "a.gguf. is an adapter" err
    test_expect_code 2 "$BIN/merge" -o out.gguf -m base.gguf --method task -x a1.gguf \
        --weight "(=1" 2>err
    grep "no regular expression" err
    test ! -e out.gguf || rm out.gguf'
test_done
