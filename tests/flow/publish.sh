#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make publish: a folder that a server of files gives to browsers, and make served: whether it
# does, to the last byte.
. "${0%/*}/../lib.sh"

test_built mlc-export || test_skip_all "mlc-export is not built"
[ -f "$TOP/examples/tiny.gguf" ] || test_skip_all "no examples/tiny.gguf"
bin=${BIN#"$TOP"/}
flow() { (cd "$TOP" && "$MAKE" -s BIN="$bin" "RUNS=$test_scratch/runs" "$@"); }
site=runs/publish/tiny
main=$site/tiny-q4f16_1-MLC/resolve/main

test_expect_success 'the example becomes a site' '
    flow publish >told 2>stderr
    test -s $site/index.html
    grep -xF "{\"model_id\": \"tiny-q4f16_1-MLC\", \"model\": \"tiny-q4f16_1-MLC\", \"model_lib\": \"\", \"webllm\": \"https://esm.run/@mlc-ai/web-llm\"}" $site/site.json
    for f in mlc-chat-config.json tensor-cache.json tokenizer.json params_shard_0.bin; do
        test -s $main/$f
    done
    grep "http.server" told
    grep "MODEL_LIB" told'

test_expect_success 'again, another site and library; what is no bundle stays' '
    flow publish "MODEL_LIB=https://example.org/x.wasm" >told 2>stderr
    grep -F "\"model_lib\": \"https://example.org/x.wasm\"" $site/site.json
    test "$(ls $site/tiny-q4f16_1-MLC/resolve)" = main
    flow publish "SITE=$PWD/a site" QUANT=q0f16 "MLC_FLAGS=--ctx 100" >told 2>stderr
    test -s "a site/tiny-q0f16-MLC/resolve/main/tensor-cache.json"
    test_must_fail flow publish QUANT=q8f16_1 2>stderr
    grep "not written here" stderr
    rm "a site/tiny-q0f16-MLC/resolve/main/tensor-cache.json"
    test_must_fail flow publish "SITE=$PWD/a site" QUANT=q0f16 2>stderr
    grep "is no bundle" stderr
    test -s "a site/tiny-q0f16-MLC/resolve/main/params_shard_0.bin"
    test_must_fail flow publish MODEL=none.gguf 2>stderr
    test_must_fail flow publish "MODEL_LIB=\"" 2>stderr'

command -v curl >/dev/null || { test_skip "what is served" "curl is not there" && test_done; }
python3 -c 'import http.server' 2>/dev/null ||
    { test_skip "what is served" "python3 is not there" && test_done; }
python3 -u -m http.server --bind 127.0.0.1 --directory $site 0 >port 2>/dev/null &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$test_scratch"' EXIT
i=0
while [ ! -s port ] && [ $i -lt 100 ]; do sleep 0.1 && i=$((i + 1)); done
url=http://127.0.0.1:$(sed -n 's/.* port \([0-9]*\) .*/\1/p' port)

test_expect_success 'the site that is served is whole' '
    flow served "URL=$url" >told 2>stderr
    grep "answers with all [0-9]* files" told
    flow served "URL=$url/tiny-q4f16_1-MLC/resolve/main/" >told 2>stderr
    grep "answers with all [0-9]* files" told'

test_expect_success 'a byte that is another, a file that is cut, one that is gone' '
    cp $main/params_shard_0.bin shard
    printf x | dd of=$main/params_shard_0.bin bs=1 seek=1000 conv=notrunc 2>/dev/null
    test_must_fail flow served "URL=$url" 2>stderr
    grep "its MD5 is" stderr
    head -c 1000 shard >$main/params_shard_0.bin
    test_must_fail flow served "URL=$url" 2>stderr
    grep "1000 bytes, not" stderr
    cp shard $main/params_shard_0.bin
    mv $main/tokenizer.json .
    test_must_fail flow served "URL=$url" 2>stderr
    grep "tokenizer.json: .*404" stderr
    cp tokenizer.json $main
    flow served "URL=$url"
    rm $main/tensor-cache.json
    test_must_fail flow served "URL=$url" 2>stderr
    grep "tensor-cache.json: .*404" stderr'
test_done
