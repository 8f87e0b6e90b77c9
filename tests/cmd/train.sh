#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The whole pipe by hand, stopped and killed runs that go on, saves that are damaged or of
# another run, and what merge and the others take and refuse.
. "${0%/*}/../lib.sh"

ref=$SHARED/reference
model=$ref/gpt2/model.gguf
[ -n "$SHARED" ] && [ -f "$model" ] || model=$TOP/examples/tiny.gguf
[ -f "$model" ] || test_skip_all "no model: neither the reference material nor examples/tiny.gguf"
test_built tokenize pack train gguf-export merge perplexity generate quantize gguf-diff gguf-show ||
    test_skip_all "the commands are not built"
cp "$model" model.gguf

for c in tokenize pack gguf-export merge perplexity generate quantize; do
    eval "$(echo $c | tr - _)() { \"\$BIN/$c\" -q --threads 1 \"\$@\"; }"
done
i=0
while [ $i -lt 80 ]; do
    echo "The quick brown fox number $i jumps over the lazy dog." && i=$((i + 1))
done >text.txt
head -n 20 text.txt >val.txt
common="-q --threads 1 -m model.gguf -d t.pack --batch 4 --lora-r 4"
# Without a schedule the first steps do not depend on the length of the run.
constant="--sched constant --warmup 0 --lr 1e-3"
flat="$common $constant"
train() { "$BIN/train" "$@"; }

# columns FILE: what a log says of a run whatever the machine did meanwhile.
columns() { cut -f 1-5 "$1"; }
# newest DIR: number of its newest save.
newest() { ls "$1" | sed -n 's/\.gguf$//p' | sort -n | tail -n 1; }
# rows FILE N: the log has the header and the rows 1 … N, each once and in order.
rows() {
    { echo step && seq 1 "$2"; } >rows.want
    cut -f 1 "$1" >rows.got
    cmp rows.want rows.got
}
# flip FILE OFFSET: one byte becomes another.
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059
    printf "\\$(printf %03o $(((byte + 1) % 256)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
damage() { flip "$1" $(($(wc -c <"$1") / 2)); }
# a_child BASE MODEL: it has the keys of the base but for its name and where it is from,
# which are its own, and the base's tensors by names and types.  Leaves `diff`.
a_child() {
    "$BIN/gguf-diff" "$1" "$2" >diff || test $? = 1
    name=$("$BIN/gguf-show" --keys "$1" | awk -F "\t" '$2 == "general.name" { print $4 }')
    {
        printf "key\tgeneral.name\tstring\t%s\tstring\t%s fine-tuned\n" "$name" "$name"
        printf "key>\tgeneral.base_model.count\tu32\t1\n"
        printf "key>\tgeneral.base_model.0.name\tstring\t%s\n" "$name"
        printf "key>\tgeneral.finetune\tstring\tfine-tuned\n"
    } >want
    grep "^key>.libtrain.history" diff
    grep ^key diff | grep -v -e libtrain.base_ -e libtrain.history | cmp - want
    test $(grep -c "^key>.libtrain.base_" diff) = 2
    "$BIN/gguf-show" --tensors "$1" | cut -f 1-4 >want
    "$BIN/gguf-show" --tensors "$2" | cut -f 1-4 | cmp - want
}
# refuses TEXT COMMAND...: status 1, and the reason says TEXT.
refuses() {
    reason=$1
    shift
    test_expect_code 1 "$@" >stdout 2>stderr
    grep -e "$reason" stderr
}
# near A B TOL: the largest difference of any number of two files is at most TOL.
near() {
    "$BIN/gguf-diff" --tensors "$1" "$2" >diff || test $? = 1
    test -s diff && awk -F '\t' -v tol="$3" '$1 != "tensor" || $5 > tol { bad = 1; print }
        END { exit bad }' diff
}

# ==== the pipe ====

test_expect_success 'text to packs' '
    tokenize -m model.gguf text.txt | pack -c 32 -o t.pack -
    tokenize -m model.gguf -o v.tok val.txt
    pack -c 32 -o v.pack v.tok
    test -s t.pack
    test -s v.pack'

test_expect_success 'train, with all that can be written' '
    train $common -o run.ckpt --steps 12 --lr 5e-3 --val v.pack --eval-every 5 \
        --log run.tsv --lora-out live.gguf --dump-grads grads.gguf
    test -s run.ckpt
    test ! -e run.ckpt.d'

test_expect_success 'the log' '
    rows run.tsv 12
    head -n 1 run.tsv >header
    printf "step\tloss\tperplexity\tlr\tgrad_norm\ttokens_per_s\trss_bytes\tseconds\t" >want
    grep -f want header
    grep val_loss header
    awk -F "\t" "NR == 1 { n = NF; for (i = 1; i <= NF; i++) at[\$i] = i; next }
        { if (NF != n) exit 1
          measured = \$at[\"val_loss\"] != \"-\"
          if (measured != (\$1 == 5 || \$1 == 10 || \$1 == 12)) exit 1
          if (\$1 == 1) first = \$at[\"loss\"]
          if (\$1 == 12) last = \$at[\"loss\"] }
        END { exit !(last < first - 0.3) }" run.tsv'

test_expect_success 'a part of a pack is every so many-th of its sequences' '
    perplexity -m model.gguf -d t.pack --losses all.tsv >all
    "$BIN/perplexity" -m model.gguf -d t.pack --part 17 --losses some.tsv >some 2>stderr
    every=$(sed -n "s/.*measured are [0-9]* of [0-9]* sequences, every \([0-9]*\)-th.*/\1/p" stderr)
    test "$every" -gt 1
    paste all.tsv some.tsv | awk -F "\t" -v every=$every "NR > 1 && (NR - 2) % every { if (\$4 != \"-\") exit bad = 1; next }
        NR > 1 { if (\$1 != \$3 || \$2 != \$4) exit bad = 1; n += \$3; sum += \$3 * \$4 }
        END { print sum / n; exit bad }" >mean
    awk -F "\t" -v mean=$(cat mean) "NR == 2 { d = \$2 - mean; exit !(d * d < 1e-8) }" some
    perplexity -m model.gguf -d t.pack --part 1000000 | cmp - all
    test_expect_code 2 "$BIN/perplexity" -m model.gguf -f text.txt --part 0.5'

test_expect_success 'of few sequences no fewer than sixteen are measured' '
    "$BIN/perplexity" -m model.gguf -d t.pack --part 1e-9 >some 2>stderr
    n=$(sed -n "s/.*measured are \([0-9]*\) of .*/\1/p" stderr)
    test "$n" -ge 16
    test "$n" -lt 32'

test_expect_success 'validation is what perplexity measures' '
    gguf_export -m model.gguf -o adapter.gguf run.ckpt
    perplexity -m model.gguf -a adapter.gguf -d v.pack >p.tsv
    awk -F "\t" "NR == FNR { val = \$10; next } FNR == 2 { d = \$2 - val }
        END { exit !(d < 1e-5 && d > -1e-5 && val > 0) }" run.tsv p.tsv'

test_expect_success '--lora-out is what gguf-export writes' 'cmp live.gguf adapter.gguf'

test_expect_success '--dump-grads holds every parameter' '
    "$BIN/gguf-show" --tensors adapter.gguf | cut -f 2-4 >want
    "$BIN/gguf-show" --tensors grads.gguf | cut -f 2-4 >got
    cmp want got'

test_expect_success 'generate speaks' '
    generate -m model.gguf -a adapter.gguf -p "The quick" -n 8 --temp 0 >one
    generate -m model.gguf -a adapter.gguf -p "The quick" -n 8 --temp 0 >two
    test -s one
    cmp one two'

# However many the others are, the first that is drawn from is the likeliest.
test_expect_success 'generate finds the likeliest among few and among all' '
    for few in "--top-k 1" "--top-k 3 --top-p 0" "--top-k 0 --top-p 0" "--top-k 9 --temp 1e-4"; do
        generate -m model.gguf -a adapter.gguf -p "The quick" -n 8 $few >two
        cmp one two
    done'

# ==== merge ====

logits() { perplexity -d v.pack --logits "$@" >/dev/null; }

test_expect_success 'merged is base + adapter' '
    merge -m model.gguf -a adapter.gguf -t f32 -o merged.gguf
    logits base.l -m model.gguf
    logits adapted.l -m model.gguf -a adapter.gguf
    logits merged.l -m merged.gguf
    near adapted.l merged.l 1e-4
    if near base.l merged.l 1e-2; then exit 1; fi'

test_expect_success 'scales and two adapters' '
    logits twice.l -m model.gguf -a adapter.gguf:0.25 -a adapter.gguf:0.75
    near adapted.l twice.l 1e-4
    logits none.l -m model.gguf -a adapter.gguf:0
    near base.l none.l 1e-6
    merge -m model.gguf -a adapter.gguf:2 -a adapter.gguf:-1 -t f32 -o twice.gguf
    near merged.gguf twice.gguf 1e-5'

test_expect_success 'merge keeps types and what it does not touch' '
    merge -m model.gguf -a adapter.gguf -o same.gguf
    a_child model.gguf same.gguf
    if grep -v -e "^tensor" -e "^key" diff; then exit 1; fi
    if awk -F "\t" "\$5 > 0" diff | grep -e norm -e bias -e token_embd; then exit 1; fi'

test_expect_success 'merge into other types' '
    merge -m model.gguf -a adapter.gguf -t f16 -o f16.gguf
    near merged.gguf f16.gguf 1e-2
    merge -m model.gguf -a adapter.gguf -t Q8_0 -o q8.gguf
    near merged.gguf q8.gguf 1e-1
    perplexity -m q8.gguf -d v.pack >p.tsv
    test -s p.tsv'

# ==== adapters that are refused ====

test_expect_success 'an adapter with one pair' '
    train $common -o one.ckpt --steps 2 --lora-targets blk.0.ffn_down.weight
    gguf_export -m model.gguf -o one.gguf one.ckpt
    merge -m model.gguf -a one.gguf -o out.gguf
    rm out.gguf
    "$BIN/gguf-show" --tensors one.gguf >list
    test "$(wc -l <list)" = 2'

# bad SED-SCRIPT TEXT: the adapter, edited in place, is refused by all that take one.
bad() {
    sed "$1" one.gguf >bad.gguf
    if cmp -s one.gguf bad.gguf; then exit 1; fi
    refuses "$2" merge -m model.gguf -a bad.gguf -o out.gguf
    refuses "$2" perplexity -m model.gguf -a bad.gguf -d v.pack
    refuses "$2" generate -m model.gguf -a bad.gguf -p x -n 1
    refuses "$2" train $common -o out.ckpt --adapter-in bad.gguf
    test ! -e out.gguf
    test ! -e out.ckpt
    test ! -e out.ckpt.d
}
zeros='\x00\x00\x00'
alpha="s/\\(adapter\\.lora\\.alpha\\x06$zeros\\)..../\\1"
test_expect_success 'L01 no LoRA' '
    bad "s/\\(adapter\\.type.\\{12\\}\\)lora/\\1ia3x/" "ia3x"
    refuses "general.type" merge -m model.gguf -a model.gguf -o out.gguf'
test_expect_success 'L02 another architecture' '
    bad "s/\\(general\\.architecture.\\{12\\}\\)./\\1x/" "general.architecture"'
test_expect_success 'L03 alpha that is no number, negative, or no f32' '
    bad "$alpha\\x00\\x00\\xc0\\x7f/" "adapter.lora.alpha"
    bad "$alpha\\x00\\x00\\x80\\xbf/" "adapter.lora.alpha"
    bad "s/\\(adapter\\.lora\\.alpha\\)\\x06$zeros/\\1\\x04$zeros/" "adapter.lora.alpha"'
test_expect_success 'L03 alpha 0: a warning, and scale 1' '
    sed "$alpha$zeros\\x00/" one.gguf >zero.gguf
    if cmp -s one.gguf zero.gguf; then exit 1; fi
    merge -m model.gguf -a zero.gguf -t f32 -o zero_m.gguf 2>stderr
    grep "warning.*alpha" stderr
    merge -m model.gguf -a one.gguf:0.25 -t f32 -o quarter_m.gguf
    near zero_m.gguf quarter_m.gguf 1e-6'
test_expect_success 'L04 half a pair' '
    bad "s/blk\\.0\\.\\(ffn_down.weight.lora_b\\)/blk.1.\\1/" "without"'
test_expect_success 'L06 a tensor that the base does not have' '
    bad "s/ffn_down.weight.lora/ffn_dawn.weight.lora/g" "the base has no"'
test_expect_success 'L08 norms' '
    bad "s/ffn_down.weight.lora/ffn_norm.weight.lora/g" "ffn_norm"'
test_expect_success 'L09 tensors that are no pair' '
    bad "s/weight.lora_a/weight.lora_c/" "lora_c"'
test_expect_success 'L11 another base' '
    cp model.gguf first.gguf
    name=$("$BIN/gguf-show" --keys model.gguf | sed -n "s/^key.general.name.string.//p")
    "$BIN/gguf-show" --tensors model.gguf | cut -f 2 | sed -n "
        s/^blk.\([02]\)\(.*\)/--rename-tensor blk.\1\2=x.\1\2/p" >swap
    sed "s/--rename-tensor blk.0\(.*\)=.*/--rename-tensor blk.1\1=blk.0\1/
        s/--rename-tensor blk.2\(.*\)=.*/--rename-tensor blk.3\1=blk.2\1/" swap >>swaps
    sed "s/--rename-tensor blk.0\(.*\)=.*/--rename-tensor x.0\1=blk.1\1/
        s/--rename-tensor blk.2\(.*\)=.*/--rename-tensor x.2\1=blk.3\1/" swap >>swaps
    "$BIN/gguf-edit" @swap @swaps --set "general.name=:$name other" -o far.gguf model.gguf
    refuses "another base, .$name.; this is .$name other." merge -m far.gguf -a one.gguf \
        -o out.gguf
    test ! -e out.gguf
    for c in "perplexity -d t.pack" "generate -p a -n 1"; do
        test_expect_code 1 $c -m far.gguf -a one.gguf >out 2>stderr
        grep "another base, .$name." stderr
        $c --force -m far.gguf -a one.gguf >out 2>stderr
        grep "warning.*another base" stderr
    done
    merge --force -m far.gguf -a one.gguf -o out.gguf 2>stderr
    grep warning stderr
    rm out.gguf'
test_expect_success 'the base in another type, or trained further, is no other' '
    quantize -t q4_0 -o small.gguf model.gguf
    for m in small.gguf merged.gguf; do
        merge -t f32 -m $m -a one.gguf -o out.gguf 2>stderr
        test ! -s stderr
        "$BIN/perplexity" -m $m -a one.gguf -d t.pack >out 2>stderr
        grep "trained on another file of this model" stderr
    done
    "$BIN/gguf-show" --keys one.gguf | grep "general.base_model.0.name"
    "$BIN/gguf-show" --keys out.gguf | grep "libtrain.base_sketch.f32\[64\]"
    rm out.gguf'
test_expect_success 'an adapter that knows the file of its base alone' '
    "$BIN/gguf-edit" --delete libtrain.base_sketch -o old.gguf one.gguf
    merge -m model.gguf -a old.gguf -o out.gguf
    refuses "another base" merge -m merged.gguf -a old.gguf -o none.gguf
    perplexity -m merged.gguf -a old.gguf -d t.pack >out 2>stderr
    grep "warning.*another base" stderr
    "$BIN/gguf-edit" --delete libtrain.base_hash -o older.gguf old.gguf
    merge -m merged.gguf -a older.gguf -o out.gguf 2>stderr
    test ! -s stderr
    rm out.gguf'
test_expect_success 'L13 a number that is none' '
    cp one.gguf bad.gguf
    printf "\377\377\377\377" |
        dd of=bad.gguf bs=1 seek=$(($(wc -c <bad.gguf) - 4)) conv=notrunc 2>/dev/null
    refuses "lora_b" merge -m model.gguf -a bad.gguf -o out.gguf
    refuses "lora_b" train $common -o out.ckpt --adapter-in bad.gguf
    test ! -e out.gguf'

test_expect_success '--adapter-in goes on from an adapter' '
    train $flat -o in.ckpt --steps 1 --adapter-in adapter.gguf --log in.tsv
    gguf_export -m model.gguf -o in.gguf in.ckpt
    "$BIN/gguf-show" --tensors in.gguf | cut -f 2-4 >got
    "$BIN/gguf-show" --tensors adapter.gguf | cut -f 2-4 >want
    cmp want got
    near adapter.gguf in.gguf 2e-3'

# ==== all weights ====

test_expect_success 'full: keys, names and types stay' '
    train $common -o full.ckpt --full --steps 3 --lr 1e-3
    gguf_export -m model.gguf -o full.gguf full.ckpt
    a_child model.gguf full.gguf
    test "$(awk -F "\t" "\$5 == 0" diff | grep -c .)" = 0'
test_expect_success 'a row of weight 2 is one that is there twice, also step by step fused' '
    one="{\"prompt\": \"The fox\", \"completion\": \" jumps over the dog\""
    two="{\"prompt\": \"The dog\", \"completion\": \" is lazy\"}"
    printf "%s, \"weight\": 2}\n%s\n" "$one" "$two" >weighed.jsonl
    printf "%s}\n%s}\n%s\n" "$one" "$one" "$two" >twice.jsonl
    for name in weighed twice; do
        tokenize -m model.gguf --chat-template none $name.jsonl | pack -c 32 -o $name.pack -
        for how in "" --fused-step; do
            train -q --threads 1 -m model.gguf -d $name.pack --batch 4 --full --opt sgd \
                --clip 0 --weight-decay 0 --steps 1 --lr 0.1 --warmup 0 $how -o $name$how.ckpt
        done
    done
    "$BIN/gguf-diff" --tensors --tol 1e-5 weighed.ckpt twice.ckpt
    "$BIN/gguf-diff" --tensors --tol 1e-5 weighed--fused-step.ckpt twice--fused-step.ckpt
    tokenize -m model.gguf --chat-template none weighed.jsonl --max-rows 1 | pack -c 32 -o 1.pack -
    train -q --threads 1 -m model.gguf -d 1.pack --batch 4 --full --opt sgd --clip 0 \
        --weight-decay 0 --steps 1 --lr 0.1 --warmup 0 -o 1.ckpt
    test_expect_code 1 "$BIN/gguf-diff" --tensors --tol 1e-5 weighed.ckpt 1.ckpt'
test_expect_success 'full: from f16, which stays f16' '
    train -q --threads 1 -m f16.gguf -d t.pack --batch 4 --full --steps 1 -o h.ckpt
    gguf_export -m f16.gguf -o h.gguf h.ckpt
    "$BIN/gguf-show" --tensors f16.gguf | cut -f 1-4 >want
    "$BIN/gguf-show" --tensors h.gguf | cut -f 1-4 | cmp - want'
test_expect_success 'full: not from a quantised base; an adapter is' '
    refuses "Q8_0.*adapter" train -q -m q8.gguf -d t.pack --full -o out.ckpt --steps 1
    test ! -e out.ckpt
    test ! -e out.ckpt.d
    train -q --threads 1 -m q8.gguf -d t.pack --batch 4 --steps 2 -o q.ckpt
    test -s q.ckpt'

# ==== going on ====

run() { train $flat "$@"; }

test_expect_success 'the same run, the same bytes' '
    run -o a.ckpt --steps 6 --log a.tsv
    run -o b.ckpt --steps 6 --log b.tsv
    cmp a.ckpt b.ckpt
    columns a.tsv >want
    columns b.tsv >got
    cmp want got
    run -o b.ckpt --steps 6 --seed 43
    if cmp -s a.ckpt b.ckpt; then exit 1; fi'

test_expect_success '--save-every and --keep' '
    run -o k.ckpt --steps 11 --save-every 2 --keep 3
    (cd k.ckpt.d && ls *.gguf | sort -n | tr "\n" " ") >got
    test "$(cat got)" = "6.gguf 8.gguf 10.gguf "'

test_expect_success 'six steps, then five more, are eleven' '
    run -o a.ckpt --steps 11 --log a.tsv --resume
    cmp a.ckpt k.ckpt
    rows a.tsv 11
    run -o c.ckpt --steps 11 --log c.tsv
    cmp c.ckpt k.ckpt
    columns a.tsv >got
    columns c.tsv >want
    cmp want got'

test_expect_success 'rank, alpha and targets from adapter_config.json' '
    few="-q --threads 1 -m model.gguf -d t.pack --batch 4 --steps 2"
    module=down_proj
    if "$BIN/gguf-show" --keys model.gguf | grep -q "gpt2.block_count"; then module=mlp.c_proj; fi
    echo "{\"r\": 3, \"lora_alpha\": 5, \"target_modules\": [\"$module\"]}" >c.json
    train $few --lora-config c.json -o config.ckpt
    train $few --lora-r 3 --lora-alpha 5 --lora-targets ffn_down -o words.ckpt
    cmp config.ckpt words.ckpt
    test_expect_code 2 "$BIN/train" $few --lora-config c.json --lora-r 3 -o not.ckpt 2>stderr
    grep -e "--lora-config is not for --lora-r" stderr
    echo "{\"target_modules\": \"all-linear\", \"use_dora\": true}" >c.json
    refuses "use_dora" train $few --lora-config c.json -o not.ckpt
    test ! -e not.ckpt'

test_expect_success 'ranks and alphas of some layers, each option more than once' '
    few="-q --threads 1 -m model.gguf -d t.pack --batch 4 --steps 2 --lora-targets blk.0.*"
    train $few --lora-rank-of "ffn_*=2" --lora-rank-of blk.0.ffn_down=3 --lora-alpha-of attn_*=5 \
        -o own.ckpt --lora-out live.gguf
    gguf_export -m model.gguf -o own.gguf own.ckpt
    cmp own.gguf live.gguf
    "$BIN/gguf-show" own.gguf >own.txt
    grep "blk.0.ffn_down.weight.lora_a.*3" own.txt
    grep "blk.0.ffn_up.weight.lora_a.*2" own.txt
    refuses "rank of .blk.1.ffn_down." train $few --lora-rank-of "blk.1.ffn_down=3" -o not.ckpt
    test_expect_code 2 "$BIN/train" -m model.gguf -d t.pack --lora-config c.json \
        --lora-rank-of attn_q=3 -o not.ckpt \
        2>stderr
    grep -e "--lora-config is not for --lora-rank-of" stderr'

test_expect_success 'an adapter beneath another stays, and both together are what was trained' '
    few="-q --threads 1 -m model.gguf -d t.pack --batch 4 --lr 1e-2 --last-layers 1"
    train $few --steps 2 -o under.ckpt --lora-out under.gguf
    train $few --steps 4 -a under.gguf:0.5 --seed 5 --val v.pack -o over.ckpt --lora-out over.gguf \
        --log over.tsv
    perplexity -m model.gguf -a under.gguf:0.5 -a over.gguf -d v.pack >p.tsv
    awk -F "\t" "NR == FNR { val = \$10; next } FNR == 2 { d = \$2 - val }
        END { exit !(d < 1e-5 && d > -1e-5 && val > 0) }" over.tsv p.tsv
    train $few --steps 2 -a under.gguf:0.5 --seed 5 -o two.ckpt --sched constant --warmup 0
    refuses "beneath=" train $few --steps 4 -a under.gguf --seed 5 --sched constant --warmup 0 \
        -o two.ckpt --resume
    train $few --steps 4 -a under.gguf:0.5 --seed 5 --sched constant --warmup 0 -o two.ckpt --resume
    train $few --steps 4 -a under.gguf:0.5 --seed 5 --sched constant --warmup 0 -o four.ckpt
    cmp two.ckpt four.ckpt
    test_expect_code 2 "$BIN/train" -m model.gguf -d t.pack -o n.ckpt -a under.gguf --full 2>stderr
    grep "not with --full" stderr'

test_expect_success '--extra-epochs goes on from what is finished' '
    run -o twice.ckpt --epochs 2 --log twice.tsv
    two=$(($(wc -l <twice.tsv) - 1))
    run -o e.ckpt --steps 3 --log e.tsv
    run -o e.ckpt --extra-epochs 2 --log e.tsv
    rows e.tsv $((3 + two))
    run -o all.ckpt --steps $((3 + two))
    cmp e.ckpt all.ckpt
    run -o e.ckpt --extra-epochs 2 --log e.tsv
    rows e.tsv $((3 + 2 * two))
    test_must_fail run -o none.ckpt --extra-epochs 1 2>stderr
    grep "none.ckpt" stderr
    test_expect_code 2 "$BIN/train" $flat -o e.ckpt --extra-epochs 1 --steps 9 2>stderr
    run -o part.ckpt --steps 4 --save-every 2
    refuses "it is not finished" run -o part.ckpt.d/2.gguf --extra-epochs 1'

# octal: \xHH as printf has it.
octal() {
    awk '{ while (at = index($0, "\\x")) {
        h = "0123456789abcdef"
        v = 16 * (index(h, substr($0, at + 2, 1)) - 1) + index(h, substr($0, at + 3, 1)) - 1
        $0 = substr($0, 1, at - 1) sprintf("\\%03o", v) substr($0, at + 4)
    } print }'
}
test_expect_success 'samples on the way change no byte of the training' '
    printf "The quick\n\nthe lazy\n" >prompts
    sampled="--prompts prompts --samples s.tsv --sample-every 2 --sample-tokens 5"
    run -o s.ckpt --steps 5 $sampled
    run -o plain.ckpt --steps 5
    cmp s.ckpt plain.ckpt
    cut -f 1,2 s.tsv >got
    printf "%s\t%s\n" step prompt 0 "The quick" 0 "the lazy" 2 "The quick" 2 "the lazy" \
        4 "The quick" 4 "the lazy" 5 "The quick" 5 "the lazy" | cmp - got
    gguf_export -m model.gguf -o s.gguf s.ckpt
    generate -m model.gguf -a s.gguf -p "the lazy" -n 5 --temp 0 >want
    printf "the lazy$(sed -n "\$p" s.tsv | cut -f 3 | octal)\n" | cmp - want
    head -n 5 s.tsv >want
    run -o s.ckpt --steps 6 --resume $sampled
    test "$(cut -f 1 s.tsv | tr "\n" " ")" = "step 0 0 2 2 4 4 5 5 6 6 "
    head -n 5 s.tsv | cmp - want
    test_expect_code 2 "$BIN/train" $flat -o s.ckpt --prompts prompts 2>stderr
    echo >empty
    refuses "no prompt in it" run -o s2.ckpt --prompts empty --samples s.tsv'

# wait_for ROWS LOG: until the log has as many.
wait_for() {
    for tenth in $(seq 300); do
        [ ! -f "$2" ] || [ "$(wc -l <"$2")" -le "$1" ] || return 0
        sleep 0.1
    done
    return 1
}

# stop_and_resume SIGNAL STATUS NAME: a run that would never end gets the signal, and goes on
# for five steps from where it stopped, as if nothing had happened.
stop_and_resume() {
    (wait_for 5 $3.tsv && kill -$1 "$(cat $3.pid)") &
    code=0
    sh -c "echo \$\$ >$3.pid; exec \"\$0\" \"\$@\"" "$BIN/train" $flat -o $3.ckpt \
        --steps 1000000 --save-every 2 --log $3.tsv 2>stderr || code=$?
    wait
    test $code = $2
    test ! -e $3.ckpt
    at=$(newest $3.ckpt.d)
    test "$at" -ge 2
    end=$((at + 5))
    if [ $1 != KILL ]; then
        rows $3.tsv $at
    fi
    run -o $3.ckpt --steps $end --log $3.tsv --resume
    run --restart -o whole.ckpt --steps $end --log whole.tsv
    cmp $3.ckpt whole.ckpt
    rows $3.tsv $end
    columns $3.tsv >got
    columns whole.tsv >want
    cmp want got
}
test_expect_success 'SIGTERM' 'stop_and_resume TERM 143 term'
test_expect_success 'kill -9' 'stop_and_resume KILL 137 kill'
int_status=0
sh -c 'kill -INT $$' 2>/dev/null || int_status=$?
if [ $int_status = 130 ]; then
    test_expect_success 'SIGINT' 'stop_and_resume INT 130 int'
else
    test_skip 'SIGINT' 'it is ignored here'
fi

test_expect_success 'what a killed save left goes with the next run' '
    mkdir left.ckpt.d
    echo part >left.ckpt.d/.9.gguf.tmp.1
    run -o left.ckpt --steps 2
    test ! -e left.ckpt.d'

test_expect_success 'two processes on one target' '
    "$BIN/train" $flat -o two.ckpt --steps 1000000 --log two.tsv & pid=$!
    code=0
    wait_for 2 two.tsv || code=1
    for try in 1 2; do
        refuses "locked by process $pid" run -o two.ckpt --steps 3 || code=1
    done
    kill -TERM $pid; wait $pid || test $? = 143
    test $code = 0
    run -o two.ckpt --steps 3 --restart
    test -s two.ckpt'

test_expect_success 'a damaged save is passed over' '
    run -o d.ckpt --steps 7 --save-every 2 --keep 9
    run --restart -o whole.ckpt --steps 9
    rm d.ckpt
    damage d.ckpt.d/6.gguf
    run -o d.ckpt --steps 9 --resume --log d.tsv 2>stderr
    grep "warning: passed over: .*6.gguf" stderr
    cmp d.ckpt whole.ckpt'
test_expect_success 'a damaged target is passed over' '
    damage d.ckpt
    run -o d.ckpt --steps 9 --resume 2>stderr
    grep "passed over: .*d.ckpt" stderr
    cmp d.ckpt whole.ckpt'
test_expect_success 'nothing but damaged saves' '
    rm d.ckpt && for f in d.ckpt.d/*.gguf; do damage $f; done
    refuses "no valid checkpoint" run -o d.ckpt --steps 9 --resume
    test ! -e d.ckpt'
test_expect_success 'nothing to go on from' '
    run -o n.ckpt --steps 9 --resume
    cmp n.ckpt whole.ckpt'
test_expect_success 'a damaged checkpoint is not exported' '
    cp run.ckpt broken.ckpt
    damage broken.ckpt
    refuses "broken.ckpt" gguf_export -m model.gguf -o out.gguf broken.ckpt
    refuses "another base" gguf_export -m merged.gguf -o out.gguf run.ckpt
    test ! -e out.gguf'

test_expect_success 'saves of another run are refused, with every difference' '
    rm n.ckpt
    run -o n.ckpt --steps 4 --save-every 2
    cp n.ckpt before.ckpt
    refuses "seed=42 is now seed=7" run -o n.ckpt --steps 9 --resume --seed 7 --clip 2
    grep "clip=1 is now clip=2" stderr
    other="train -q --batch 4 $constant -o n.ckpt --steps 9 --resume"
    refuses "data=" $other -m model.gguf -d v.pack --lora-r 4
    refuses "base=" $other -m merged.gguf -d t.pack --lora-r 4
    refuses "rank=4 is now rank=5" $other -m model.gguf -d t.pack --lora-r 5
    refuses "tensors=" $other -m model.gguf -d t.pack --lora-r 4 --lora-targets ffn_down
    refuses "method=lora is now method=full" $other -m model.gguf -d t.pack --full
    cmp n.ckpt before.ckpt'

# ==== numbers in two forms ====

test_expect_success 'metrics as TSV and as JSON hold the same, also of a run that went on' '
    tokenize -m model.gguf -o v.tok val.txt
    pack -c 32 -o v.pack v.tok
    train $flat -o j.ckpt --steps 6 --val v.pack --eval-every 2 --log j.tsv --metrics j.jsonl
    mv j.jsonl whole.jsonl
    { cat whole.jsonl && printf "{\"step\": 5, \"lo"; } >j.jsonl
    train $flat -o j.ckpt --steps 8 --val v.pack --eval-every 2 --log j.tsv --metrics j.jsonl --resume
    sed 6q j.jsonl | cmp - whole.jsonl
    sed "s/[{}\"]//g; s/, /\t/g; s/[a-z_]*: //g; s/null/-/g" j.jsonl >cells
    sed 1d j.tsv | cmp - cells
    sed 1q j.tsv | tr "\t" "\n" >names
    sed 1q j.jsonl | grep -o "[a-z_]*\":" | tr -d "\":" | cmp - names'

# ==== averages, and the lowest loss ====

test_expect_success 'an average is what is measured, written and exported' '
    train $common -o e.ckpt --steps 12 --ema 0.9 --val v.pack --log e.tsv --lora-out e.lora
    gguf_export -m model.gguf -o e.gguf e.ckpt
    "$BIN/gguf-diff" e.lora e.gguf
    perplexity -m model.gguf -a e.gguf -d v.pack >measured
    logged=$(tail -n 1 e.tsv | cut -f 10)
    awk -v l=$logged "NR == 2 { for (i = 1; i <= NF; i++) if ((\$i - l) ^ 2 < 1e-10) found = 1 } END { exit !found }" measured
    train $common -o f.ckpt --steps 12 --val v.pack
    gguf_export -m model.gguf -o f.gguf f.ckpt
    test_expect_code 1 "$BIN/gguf-diff" f.gguf e.gguf >/dev/null
    test_expect_code 1 "$BIN/train" $common -o x.ckpt --full --weights bf16 --ema 0.9 2>stderr
    grep "ema.*f32" stderr'
test_expect_success 'a run ends with its patience, and its best is kept' '
    train $common --lr 0.5 -o p.ckpt --steps 90 --val v.pack --eval-every 3 --patience 2 2>stderr ||
        { cat stderr; false; }
    test -f p.ckpt
    gguf_export -m model.gguf -o p.gguf p.ckpt.d/best.gguf
    test_expect_code 2 "$BIN/train" $common -o x.ckpt --patience 2 2>stderr
    grep "patience goes with --eval-every" stderr'

# ==== what goes wrong ====

test_expect_success 'a run that diverges' '
    test_expect_code 3 "$BIN/train" $common -o v.ckpt --steps 40 --opt sgd --lr 1e3 --clip 0 \
        --save-every 1 2>stderr
    grep "diverged at step" stderr
    test ! -e v.ckpt
    for f in v.ckpt.d/*.gguf; do "$BIN/gguf-show" --check $f >/dev/null; done'

test_expect_success 'it goes on as it is told, and then ends' '
    for how in skip rewind; do
        test_expect_code 3 "$BIN/train" $common -o v.ckpt --steps 80 --opt sgd --lr 1e3 \
            --clip 0 --save-every 4 --on-divergence $how --restart 2>stderr
        grep "warning: step [0-9]*: loss .*nan.* no update; it was made of" stderr
        grep "warning:   sequence [0-9]*: .*fox" stderr
        test ! -e v.ckpt
    done
    grep "going on with the parameters of step [0-9]*, behind its data (3 of 3 times)" stderr'

vocab=$SHARED/vocab/ggml-vocab-llama-spm.gguf
if [ -n "$SHARED" ] && [ -f "$vocab" ]; then
    test_expect_success 'a pack of another vocabulary' '
        tokenize -m "$vocab" -o o.tok val.txt
        pack -c 32 -o o.pack o.tok
        refuses "vocabulary" train -q -m model.gguf -d o.pack -o out.ckpt
        refuses "vocabulary" run --val o.pack -o out.ckpt
        refuses "vocabulary" perplexity -m model.gguf -d o.pack
        test ! -e out.ckpt
        test ! -e out.ckpt.d'
else
    test_skip 'a pack of another vocabulary' 'no reference material'
fi

test_expect_success 'inputs as outputs' '
    cp t.pack mine.pack
    cp adapter.gguf mine.gguf
    mine="train -q -m model.gguf -d mine.pack --steps 1"
    refuses "mine.pack" $mine -o mine.pack
    cmp t.pack mine.pack
    refuses "mine.pack" $mine -o x.ckpt --log mine.pack
    cmp t.pack mine.pack
    refuses "mine.gguf" $mine -o x.ckpt --adapter-in mine.gguf --lora-out mine.gguf
    cmp adapter.gguf mine.gguf
    test ! -e x.ckpt'

test_expect_success 'two outputs with one name' '
    for option in --log --lora-out --dump-grads; do
        test_expect_code 2 train $common -o z.ckpt $option z.ckpt 2>stderr
        grep "z.ckpt" stderr
        test ! -e z.ckpt
    done'

test_expect_success '--eval-every without something to measure on' '
    test_expect_code 2 train $common --steps 1 --eval-every 5 -o no.ckpt 2>stderr
    grep -e "--val" stderr
    test ! -e no.ckpt'

test_expect_success 'nothing is left behind' '
    find . -name ".*.tmp.*" >left
    if grep . left; then exit 1; fi
    if ls -d *.ckpt.d/lock 2>/dev/null; then exit 1; fi'
test_done
