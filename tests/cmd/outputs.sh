#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Nothing is lost: an output is never an input or another output, whatever it is called and
# however it comes, and what could not be finished is refused before the work.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || model=$SHARED/reference/gpt2/model.gguf
[ -f "$model" ] || test_skip_all "no model: neither examples/tiny.gguf nor the reference material"
test_built tokenize detokenize pack train gguf-export merge perplexity generate quantize \
    imatrix gguf-show gguf-diff || test_skip_all "the commands are not built"
cp "$model" model.gguf
i=0
while [ $i -lt 80 ]; do
    echo "The quick brown fox number $i jumps over the lazy dog." && i=$((i + 1))
done >text.txt
flat="-q --threads 1 -m model.gguf -d t.pack --batch 4 --lora-r 4 --sched constant --warmup 0"
train() { "$BIN/train" "$@"; }
# refuses STATUS TEXT COMMAND...: that status, and the reason says TEXT.
refuses() {
    status=$1 reason=$2
    shift 2
    test_expect_code "$status" "$@" 2>stderr
    grep -qe "$reason" stderr
}

test_expect_success 'files to work with' '
    "$BIN/tokenize" -q -m model.gguf -o t.tok text.txt
    "$BIN/tokenize" -q -m model.gguf --text -o t.ids text.txt
    "$BIN/pack" -q -c 32 -o t.pack t.tok
    train $flat -o t.ckpt --steps 1 --lora-out a.gguf
    echo "model	loss	perplexity" >t.tsv
    cp t.pack val.pack
    echo The >t.txt'

# ==== inputs as outputs ====

# keeps FILE COMMAND...: status 1, the reason, and the file as it was.
keeps() {
    kept=$1
    shift
    cp "$kept" before
    refuses 1 "is the same file as" "$@" || return 1
    cmp before "$kept"
}

test_expect_success 'every option that names a file says which way it goes' '
    if grep -n "CMD_\(TEXT\|LIST\)(.*\"F\(ILE\|ILE\[:SCALE\]\|\.[a-z]*\)\"" \
        "$TOP"/cmds/*.c "$TOP"/cmds/shared/*.c; then exit 1; fi
    grep -c "CMD_OUT(" "$TOP"/cmds/tokenize.c'

# with OUTPUT: the command of the line, with this for its @.
with() { $(echo "$BIN/$line" | sed "s|@|$1|"); }

# Lines: an input, the command that reads it under this name and writes to @.
while read -r input line; do
    name=${line%% *}
    test_expect_success "$name: standard output is added to '$input'" '
        keeps $input with x.out >>$input </dev/null
        test ! -e x.out'
    case $line in *@*) ;; *) continue ;; esac
    test_expect_success "$name: an output is '$input' by a descriptor" '
        for at in /dev/fd/7 /proc/self/fd/7; do
            keeps $input with $at 7<>$input </dev/null >/dev/null
        done'
    test_expect_success "$name: an output is '$input' by other names" '
        ln -sf $input soft
        ln -f $input hard
        for at in $PWD/$input ./soft hard; do
            keeps $input with $at </dev/null >/dev/null
        done
        rm hard soft'
done <<'END'
model.gguf tokenize -q -m model.gguf -o @ text.txt
text.txt tokenize -q -m model.gguf -o @ t.txt text.txt
t.ids tokenize -q -m model.gguf --from-ids -o @ t.ids
model.gguf detokenize -m model.gguf t.tok
t.tok detokenize -m model.gguf t.tok
t.tok pack -c 32 -o @ t.tok
t.tok pack -c 32 -o y.pack --val-split 0.2 --val-out @ t.tok
model.gguf train -q -m model.gguf -d t.pack --steps 1 -o @
t.pack train -q -m model.gguf -d t.pack --steps 1 -o y.ckpt --log @
t.pack train -q -m model.gguf -d t.pack --steps 1 -o y.ckpt --lora-out @
a.gguf train -q -m model.gguf -d t.pack --steps 1 -o y.ckpt --adapter-in a.gguf --dump-grads @
val.pack train -q -m model.gguf -d t.pack --val val.pack --steps 1 -o @
t.ckpt gguf-export -m model.gguf -o @ t.ckpt
model.gguf gguf-export -m model.gguf -o @ t.ckpt
a.gguf merge -m model.gguf -a a.gguf:0.5 -o @
a.gguf merge -m model.gguf -a a.gguf -o @
a.gguf merge --method task -m model.gguf -x a.gguf -o @
a.gguf lora-extract -m model.gguf -r 2 -o @ a.gguf
model.gguf quantize -t q8_0 -o @ model.gguf
model.gguf quantize -t q8_0 --dry-run model.gguf
t.pack perplexity -m model.gguf -d t.pack -o @
t.pack perplexity -m model.gguf -d t.pack --logits @
t.pack perplexity -m model.gguf -d t.pack --losses @
text.txt perplexity -m model.gguf -f text.txt -o @
t.tsv perplexity -m model.gguf -d t.pack --label x --after t.tsv -o @
text.txt imatrix -m model.gguf -f text.txt -c 16 --chunks 1 -o @
t.tok embed -m model.gguf -o @ t.tok
a.gguf personalize -m model.gguf --teacher a.gguf -r 1 -o @ t.pack
a.gguf generate -m model.gguf -a a.gguf -p The -n 2 -o @
t.txt generate -m model.gguf --prompts t.txt -n 2 -o @
model.gguf gguf-show model.gguf
model.gguf gguf-diff a.gguf model.gguf
END

test_expect_success 'standard input is an input' '
    keeps t.tok "$BIN/pack" -c 32 -o t.tok <t.tok
    keeps t.tok "$BIN/pack" -c 32 -o ./t.tok - <t.tok
    keeps t.tok "$BIN/pack" -c 32 -o x.pack --val-split 0.2 --val-out t.tok <t.tok
    keeps t.tok "$BIN/pack" -c 32 -o /dev/stdin 0<>t.tok
    keeps t.tok "$BIN/pack" -c 32 -o t.tok /dev/stdin <t.tok
    keeps t.tok "$BIN/pack" -c 32 -o t.tok /dev/fd/5 5<t.tok
    keeps t.ids "$BIN/tokenize" -m model.gguf --from-ids -o t.ids <t.ids
    keeps text.txt "$BIN/tokenize" -m model.gguf text.txt - -o text.txt <text.txt
    keeps t.tok "$BIN/detokenize" -m model.gguf <t.tok 1<>t.tok
    keeps text.txt "$BIN/perplexity" -m model.gguf -f - -o text.txt <text.txt
    keeps t.txt "$BIN/generate" -m model.gguf --prompts - -n 1 -o t.txt <t.txt
    test ! -e x.pack'

test_expect_success 'devices and pipes lose nothing' '
    "$BIN/tokenize" -q -m model.gguf -o /dev/null </dev/null
    "$BIN/pack" -q -c 32 -o x.pack t.tok </dev/null >/dev/null
    "$BIN/perplexity" -q -m model.gguf -d t.pack -o /dev/null >/dev/null
    train $flat -o x.ckpt --steps 1 --log /dev/null </dev/null >/dev/null
    rm x.pack x.ckpt'

# ==== two outputs ====

test_expect_success 'two outputs are the same file' '
    mkdir -p sub
    ln -sfn . here
    ln -sf x.ckpt nowhere
    for other in x.ckpt ./x.ckpt sub/../x.ckpt "$PWD/x.ckpt" here/x.ckpt nowhere; do
        for option in --log --lora-out --dump-grads; do
            refuses 2 "two outputs are the same file" train $flat --steps 1 -o x.ckpt $option "$other"
            test ! -e x.ckpt
            test ! -e x.ckpt.d
        done
    done
    refuses 2 "two outputs" train $flat --steps 1 -o x.ckpt --log ./y.tsv --lora-out y.tsv
    refuses 2 "two outputs" "$BIN/pack" -c 32 -o x.pack --val-split 0.1 --val-out ./x.pack t.tok
    refuses 2 "two outputs" "$BIN/perplexity" -m model.gguf -d t.pack -o x.tsv --logits ./x.tsv
    refuses 2 "two outputs" "$BIN/perplexity" -m model.gguf -d t.pack --logits - >stdout
    refuses 2 "two outputs" train $flat --steps 1 -o x.ckpt --log - --lora-out - >stdout
    test ! -s stdout
    rm nowhere
    test -z "$(ls x.* y.* 2>/dev/null)"'

test_expect_success 'two outputs that are there are one file' '
    echo old >old
    ln -f old hard
    ln -sf old soft
    for other in ./old hard soft; do
        refuses 2 "two outputs" train $flat --steps 1 -o old --log $other
        refuses 2 "two outputs" "$BIN/pack" -c 32 -o $other --val-split 0.1 --val-out old t.tok
    done
    test "$(cat old)" = old
    rm old hard soft'

test_expect_success 'an output among the saves' '
    mkdir x.ckpt.d
    for option in --log --lora-out --dump-grads; do
        refuses 2 "where the saves are" train $flat --steps 1 -o x.ckpt $option x.ckpt.d/1.gguf
    done
    rmdir x.ckpt.d'

# ==== what could not be finished ====

if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    # mounted COMMAND...: a file is mounted on "out"; it is refused before the work
    mounted() {
        rm -rf mnt && mkdir mnt && echo old >mnt/source && echo under >mnt/out
        unshare -m sh -c "mount --bind mnt/source mnt/out && \"\$@\"" sh "$@" >stdout 2>stderr &&
            return 1
        grep "mount its folder" stderr
        test "$(cat mnt/source) $(cat mnt/out) $(ls -A mnt | tr "\n" " ")" = "old under out source "
    }
    test_expect_success 'an output that is a mount point' '
        mounted "$BIN/train" $flat --steps 1 -o mnt/out
        if grep "step 1" stderr; then exit 1; fi
        mounted "$BIN/train" $flat --steps 1 -o x.ckpt --lora-out mnt/out
        mounted "$BIN/quantize" -t q8_0 -o mnt/out model.gguf
        mounted "$BIN/tokenize" -m model.gguf -o mnt/out text.txt
        mounted "$BIN/pack" -c 32 -o mnt/out t.tok
        mounted "$BIN/pack" -c 32 -o x.pack --val-split 0.1 --val-out mnt/out t.tok
        mounted "$BIN/merge" -m model.gguf -a a.gguf -o mnt/out
        mounted "$BIN/gguf-export" -m model.gguf -o mnt/out t.ckpt
        mounted "$BIN/perplexity" -m model.gguf -d t.pack -o mnt/out
        mounted "$BIN/generate" -m model.gguf -p The -n 2 -o mnt/out
        test -z "$(ls -A | grep "^x\|^\.x")"'
    # on OPTIONS COMMAND...: with a small file system of its own at "mnt", where "out" is
    on() {
        options=$1
        shift
        mkdir -p mnt
        unshare -m sh -c "mount -t tmpfs -o size=64k none mnt && echo old >mnt/out &&
            mount -o remount,$options mnt && { \"\$@\"; code=\$?; cat mnt/out; ls -A mnt; exit \$code; }" \
            sh "$@" >stdout 2>stderr && return 1
        test "$(cat stdout)" = "old
out"
    }
    test_expect_success 'a file system that is full, or read-only' '
        on size=64k "$BIN/quantize" -t q8_0 -o mnt/out model.gguf
        grep "No space left on device" stderr
        on size=64k "$BIN/merge" -m model.gguf -a a.gguf -o mnt/out
        grep "No space left on device" stderr
        on ro "$BIN/train" $flat --steps 1 -o mnt/out
        grep "cannot write .mnt/out.: Read-only file system" stderr
        on ro "$BIN/train" $flat --steps 1 -o x.ckpt --dump-grads mnt/new
        grep "cannot write .mnt/new.: Read-only file system" stderr
        test ! -e x.ckpt.d'
else
    test_skip 'an output that is a mount point' 'needs root, and unshare -m'
    test_skip 'a file system that is full, or read-only' 'needs root, and unshare -m'
fi

test_expect_success 'names as long as the system takes them' '
    long=$(printf "%0255d" 0)
    "$BIN/quantize" -q -t q8_0 -o $long model.gguf
    "$BIN/pack" -q -c 32 -o $long t.tok
    rm $long
    train $flat --steps 2 --save-every 1 -o ${long#00}
    test -s ${long#00}
    test -s ${long#00}.d/1.gguf
    refuses 1 "File name too long" train $flat --steps 1 -o $long
    test ! -e $long'
test_done
