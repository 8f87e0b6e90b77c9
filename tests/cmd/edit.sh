#!/bin/sh
# SPDX-License-Identifier: MIT
#
# gguf-edit: what is named changes, and nothing else.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || model=$SHARED/reference/gpt2/model.gguf
[ -f "$model" ] || test_skip_all "no model: neither examples/tiny.gguf nor the reference material"
test_built gguf-edit gguf-show gguf-diff gguf-split || test_skip_all "the commands are not built"
cp "$model" model.gguf
edit() { "$BIN/gguf-edit" --no-history "$@" 2>stderr; }
# differs A B LINES...: gguf-diff says these, but for tensors that are the same
differs() {
    a=$1 b=$2
    shift 2
    "$BIN/gguf-diff" "$a" "$b" >diff || test $? = 1
    awk -F "\t" '!($1 == "tensor" && $5 == 0)' diff | cut -f 1,2,4 | sort >found
    for line; do printf "$line\n"; done | sort >wanted
    cmp found wanted
}
# refuses STATUS TEXT ARG...
refuses() {
    status=$1 text=$2
    shift 2
    test_expect_code "$status" "$BIN/gguf-edit" "$@" >stdout 2>stderr </dev/null
    grep -e "$text" stderr
}
value() { "$BIN/gguf-show" --keys "$1" | awk -F "\t" -v k="$2" '$2 == k { print $3 " " $4 }'; }
first=$("$BIN/gguf-show" --tensors model.gguf | head -n 1 | cut -f 2)

test_expect_success 'all edits at once' '
    edit --set x.n=u32:7 --set "x.list=f32[]:[1, 2.5]" --set general.name=string:a=b:c \
        --delete general.file_type --rename general.architecture.x=y -o e.gguf model.gguf && exit 1
    grep "there is no such key" stderr
    edit --set x.n=u32:7 --set "x.list=f32[]:[1, 2.5]" --set general.name=string:a=b:c \
        --add-bos yes --add-space-prefix no --chat-template chatml -o e.gguf model.gguf
    test ! -s stderr
    test "$(value e.gguf x.n)" = "u32 7"
    test "$(value e.gguf x.list)" = "f32[2] 1 2.5"
    test "$(value e.gguf general.name)" = "string a=b:c"
    test "$(value e.gguf tokenizer.ggml.add_bos_token)" = "bool true"
    test "$(value e.gguf tokenizer.ggml.add_space_prefix)" = "bool false"
    value e.gguf tokenizer.chat_template | grep im_start
    "$BIN/gguf-diff" --tensors model.gguf e.gguf
    edit --set x.n=:8 --rename x.list=y.list -o f.gguf e.gguf
    differs e.gguf f.gguf "key\tx.n\t7" "key<\tx.list\t1 2.5" "key>\ty.list\t1 2.5"'

test_expect_success 'nothing but a new copy' '
    edit --set x.n=u8:1 -o a.gguf model.gguf
    edit --delete x.n -o b.gguf a.gguf
    "$BIN/gguf-diff" model.gguf b.gguf
    cmp model.gguf b.gguf'

test_expect_success 'tokens: found in a text, and in front of rows of their own' '
    printf "<|tool|>\\tcontrol\\t!\\nquokka\\n" >list
    edit --add-tokens list --rows-of 64 -o t.gguf model.gguf
    test ! -s stderr
    n=$(value model.gguf tokenizer.ggml.tokens | sed "s/string.\\([0-9]*\\).*/\\1/")
    printf "a quokka <|tool|>" | "$BIN/tokenize" -q -m t.gguf --special --text -o - - >ids
    grep -w $((n + 1)) ids
    grep -w $n ids
    printf "a quokka <|tool|>" | "$BIN/tokenize" -q -m t.gguf --text -o - - >ids
    grep -w $((n + 1)) ids
    if grep -w $n ids; then exit 1; fi
    "$BIN/quantize" -q --no-history -t q8_0 -o q.gguf model.gguf
    edit --add-tokens list -o tq.gguf q.gguf
    refuses 2 "goes with" --in-place --add-tokens list q.gguf
    refuses 2 "goes with" --rows-of 64 --set x.y=u8:1 -o no.gguf q.gguf
    refuses 1 "in the vocabulary already" --add-tokens list -o no.gguf t.gguf'

test_expect_success 'in place: the data are not touched' '
    edit --room 4K --add-eos no -o p.gguf model.gguf
    ls -i p.gguf >before
    size=$(wc -c <p.gguf)
    data=$("$BIN/gguf-show" --tensors p.gguf | head -n 1 | cut -f 5)
    tail -c +$((data + 1)) p.gguf >data
    edit --in-place --chat-template chatml --set x.n=u8:1 p.gguf
    test ! -s stderr
    edit --in-place --set x.n=:2 p.gguf
    ls -i p.gguf >after
    cmp before after
    test "$(wc -c <p.gguf)" = $size
    tail -c +$((data + 1)) p.gguf | cmp - data
    test "$(value p.gguf x.n)" = "u8 2"
    "$BIN/gguf-show" --check p.gguf
    cp p.gguf kept
    refuses 1 "bytes more than there is room for" --in-place --set x.s="string:$(printf %05000d 0)" p.gguf
    cmp kept p.gguf
    test ! -e p.gguf.old-header'

test_expect_success 'two edits in place: one is refused while the other has read the file' '
    edit --room 8K -o c.gguf model.gguf
    mkfifo fifo
    "$BIN/gguf-edit" -q --in-place --chat-template fifo c.gguf 2>first &
    exec 3>fifo # waits for the reader, who has the file then
    refuses 1 "is being edited by another process" --in-place --set x.n=u8:3 c.gguf
    printf "{{ messages[0].content }}" >&3
    exec 3>&-
    wait $!
    "$BIN/gguf-show" --check c.gguf'

test_expect_success 'an edit in place that was cut short' '
    "$BIN/gguf-show" --keys p.gguf >keys
    refuses 1 "nothing is left of an edit" --restore p.gguf
    echo half >p.gguf.old-header
    refuses 1 "is left of an edit that was cut short" --in-place --set x.n=:3 p.gguf
    refuses 1 "is not what .p.gguf. begins with" --restore p.gguf
    rm p.gguf.old-header'

test_expect_success 'tensors' '
    edit --rename-tensor "$first=other" -o t.gguf model.gguf
    grep "could be used as a model before, and cannot now: .*$first" stderr
    "$BIN/gguf-show" --tensors t.gguf | head -n 1 | cut -f 2 >name
    test "$(cat name)" = other
    edit --copy-names-from model.gguf -o u.gguf t.gguf
    cmp u.gguf model.gguf
    "$BIN/gguf-edit" -q --rename-tensor "$first=other" --set x.n=u8:1 -o - model.gguf >s.gguf
    "$BIN/gguf-diff" --tensors t.gguf s.gguf'

test_expect_success 'models in several files' '
    "$BIN/gguf-split" -q --no-tensor-first-split --split-max-tensors 9 model.gguf m
    part=$(ls m-00001-*)
    cksum m-0000[2-9]* >before
    edit --in-place --set x.s="string:$(printf %05000d 0)" $part
    differs model.gguf $part "key>\tx.s\t$(printf %05000d 0)"
    cksum m-0000[2-9]* >after
    cmp before after
    refuses 1 "stays as it is: write a new file" --in-place --rename-tensor "$first=x" $part
    refuses 1 "says which file of a model this is" --delete split.count --in-place $part
    edit --delete x.s -o whole.gguf $part
    cmp whole.gguf model.gguf
    "$BIN/gguf-split" -q --merge $part joined.gguf
    edit --delete x.s --delete split.no --delete split.count --delete split.tensors.count -o w.gguf joined.gguf
    cmp w.gguf model.gguf'

test_expect_success 'what cannot be done, and words for a wrong command line' '
    refuses 1 "no model can be read without it" -o x.gguf --delete general.architecture model.gguf
    refuses 1 "it stays" -o x.gguf --set general.alignment=u32:64 model.gguf
    refuses 1 "is there already" -o x.gguf --rename general.name=general.architecture model.gguf
    refuses 2 "the value is no u8" -o x.gguf --set x=u8:256 model.gguf
    refuses 2 "not KEY=TYPE:VALUE" -o x.gguf --set x=5 model.gguf
    refuses 2 "no .=. in it" -o x.gguf --rename x model.gguf
    refuses 2 "there is nothing to change" -o x.gguf model.gguf
    refuses 2 "exclude each other" -o x.gguf --in-place --delete x model.gguf
    refuses 2 "goes with .--output" --in-place --room 1K model.gguf
    refuses 2 "yes no" -o x.gguf --add-bos maybe model.gguf
    printf "{%% if" >broken.jinja
    refuses 1 "broken.jinja" -o x.gguf --chat-template broken.jinja model.gguf
    refuses 1 "is the same file as" -o model.gguf --delete general.name model.gguf
    test ! -e x.gguf'

test_done
