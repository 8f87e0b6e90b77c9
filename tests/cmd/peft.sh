#!/bin/sh
# SPDX-License-Identifier: MIT
#
# adapter-import from the outside: what it makes of a small folder, what it refuses.  The numbers
# are tests/unit/test_peft.c's.
. "${0%/*}/../lib.sh"

[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"
test_built adapter-import gguf-show || test_skip_all "the commands are not built"
cp "$TOP/examples/tiny.gguf" base.gguf
import() { "$BIN/adapter-import" -q -m base.gguf "$@"; }

# byte N: as it stands in a file
byte() { printf "\\$(printf %o "$1")"; }
# tensors FILE HEADER BYTES: a file of safetensors, of zeros
tensors() {
    n=${#2}
    { byte $((n % 256)) && byte $((n / 256)) && printf '\0\0\0\0\0\0%s' "$2" &&
        dd if=/dev/zero bs="$3" count=1 2>/dev/null; } >"$1"
}
# entry NAME ROWS COLS FROM: of f32
entry() {
    printf '"%s":{"dtype":"F32","shape":[%d,%d],"data_offsets":[%d,%d]}' "$1" "$2" "$3" "$4" \
        $(($4 + 4 * $2 * $3))
}
pair() { # MODULE A-ROWS A-COLS B-ROWS B-COLS FROM
    entry "$1.lora_A.weight" "$2" "$3" "$6" && printf , &&
        entry "$1.lora_B.weight" "$4" "$5" $(($6 + 4 * $2 * $3))
}
config='{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}'
q=base_model.model.model.layers.1.self_attn.q_proj
mkdir good
echo "$config" >good/adapter_config.json
tensors good/adapter_model.safetensors "{$(pair $q 2 192 192 2 0)}" 3072

# refuses WORDS SED: the settings changed so
refuses() {
    rm -rf bad
    cp -r good bad
    echo "$config" | sed "$2" >bad/adapter_config.json
    test_expect_code 1 "$BIN/adapter-import" -q -m base.gguf -o out.gguf bad 2>stderr
    grep -F -e "$1" stderr
    test ! -e out.gguf
}

test_expect_success 'a pair and its scale' '
    import -o a.gguf good
    "$BIN/gguf-show" -q a.gguf >list
    grep "adapter.lora.alpha.*4$" list
    grep "blk.1.attn_q.weight.lora_a" list'

test_expect_success 'rsLoRA is in the alpha, an alpha of its own in B' '
    cp -r good root
    echo "$config" | sed "s/{/{\"use_rslora\":true,/" >root/adapter_config.json
    import -o a.gguf root
    "$BIN/gguf-show" -q a.gguf >list
    grep "adapter.lora.alpha.*5.65685" list'

test_expect_success 'settings that cannot be carried over' '
    refuses "'"'"'layer_replication'"'"' is set" "s/{/{\"layer_replication\":[[0,1]],/"
    refuses "to pissa, which" "s/{/{\"init_lora_weights\":\"pissa\",/"
    refuses "to LOHA, which" "s/LORA/LOHA/"
    refuses "lora_bias" "s/{/{\"lora_bias\":true,/"
    refuses "has rank 3, and its tensors 2" "s/\"r\":2/\"r\":3/"
    refuses "a rank of 0" "s/\"r\":2/\"r\":0/"
    refuses "a rank of 1.5" "s/\"r\":2/\"r\":1.5/"
    refuses "lora_alpha'"'"' is missing" "s/lora_alpha/alpha/;s/4/0/"
    refuses "is no pattern" "s/{/{\"rank_pattern\":{\"(\":1},/"
    refuses "takes too long" "s/{/{\"rank_pattern\":{\"((.|..)+)+q_pro\":1},/"
    refuses "has no magnitudes" "s/{/{\"use_dora\":true,/"
    refuses "no comma" "s/,/ /"'

test_expect_success 'tensors that do not fit' '
    say() { # WORDS HEADER BYTES
        rm -rf bad
        cp -r good bad
        tensors bad/adapter_model.safetensors "{$2}" "$3"
        test_expect_code 1 "$BIN/adapter-import" -q -m base.gguf -o out.gguf bad 2>stderr
        grep -F -e "$1" stderr
        test ! -e out.gguf
    }
    say "has not one A and one B" "$(entry $q.lora_A.weight 2 192 0)" 1536
    say "does not fit" "$(pair $q 2 191 192 2 0)" 3064
    say "does not fit" "$(pair $q 2 192 191 2 0)" 3064
    say "does not fit" "$(pair $q 2 192 192 3 0)" 3840
    say "none of the base" "$(pair $q.x 2 192 192 2 0)" 3072
    say "none of the base" "$(pair base_model.model.model.layers.4.self_attn.q_proj 2 192 192 2 0)" 3072
    say "of a kind that cannot" "$(entry $q.lora_C.weight 2 192 0)" 1536
    say "whole" "$(entry $q.weight 192 192 0)" 147456
    say "shape" "$(entry $q.weight 192 191 0)" 146688
    say "tensor that was trained whole" "$(entry base_model.model.lm_head.weight 2048 192 0)" 1572864'

test_expect_success 'no adapter at all' '
    mkdir -p empty
    test_expect_code 1 "$BIN/adapter-import" -q -m base.gguf -o out.gguf empty 2>stderr
    grep "no folder with an adapter" stderr
    test_expect_code 1 "$BIN/adapter-import" -q -m base.gguf -o out.gguf none 2>stderr
    grep "cannot open .none." stderr
    cp good/adapter_model.safetensors empty/
    test_expect_code 1 "$BIN/adapter-import" -q -m base.gguf -o out.gguf empty 2>stderr
    grep "adapter_config.json" stderr
    test_expect_code 2 "$BIN/adapter-import" -q -m base.gguf -t f16 -o out.gguf good 2>stderr
    grep "goes with .--merge-into." stderr
    test ! -e out.gguf'

if [ -d "${SHARED:-/none}/peft" ]; then
    test_expect_success 'what an adapter cannot hold is told with the folder' '
        test_expect_code 1 "$BIN/adapter-import" -q -m "$SHARED/reference/llama/model.gguf" \
            -o out.gguf "$SHARED/peft/llama-dora" 2>stderr
        grep "llama-dora. has DoRA, the magnitudes of .*: --merge-into" stderr
        test ! -e out.gguf'
else
    test_skip 'what an adapter cannot hold is told with the folder' 'no reference material'
fi

test_expect_success 'of zeros nothing changes' '
    import --merge-into --name x -o m.gguf good
    "$BIN/gguf-diff" base.gguf m.gguf >list || true
    if grep "tensor.*differs" list; then exit 1; fi
    "$BIN/gguf-edit" -q --set odd.key=string:mine -o odd.gguf base.gguf
    "$BIN/adapter-import" -q -m odd.gguf --merge-into -o m.gguf good
    "$BIN/gguf-show" --keys m.gguf | grep "odd.key.*mine"'
test_done
