#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What is mistyped, and what is answered: of every command, the option, choice or word that
# was meant, what is missing, and what to type for the help.  Nothing is written meanwhile.
# What finetune says of knobs is in tests/flow/front.sh.
. "${0%/*}/../lib.sh"

commands=
for source in "$TOP"/cmds/*.c; do
    command=${source##*/}
    commands="$commands ${command%.c}"
done
# shellcheck disable=SC2086
test_built $commands || test_skip_all "the commands are not built"
: >before
columns() { LC_ALL=C tr -d '\200-\277' <"$1" | awk -v most="$2" 'length > most { print; bad = 1 } END { exit bad }'; }

for command in $commands; do
    test_expect_success "$command: help and version by letter, 80 columns, and a mistyped --help" '
        "$BIN/$command" --help >long
        "$BIN/$command" -h >short
        cmp long short
        columns long 80
        "$BIN/$command" --version >long
        "$BIN/$command" -V >short
        cmp long short
        test_expect_code 2 "$BIN/$command" --hlep >out 2>stderr
        test ! -s out
        grep -F "did you mean '\''--help'\''?" stderr
        test_expect_code 2 "$BIN/$command" -help 2>stderr
        grep -F "did you mean '\''--help'\''?" stderr
        grep -F "Try '\''$command --help'\''" stderr
        sed 1d stderr >usage
        columns usage 80'
    test_expect_success "$command: called by a name with a prefix, it calls itself so" '
        ln -sf "$BIN/$command" "tr-$command"
        ./tr-$command -h >out
        grep "^usage: tr-$command " out
        ./tr-$command -V >out
        grep "^tr-$command (libtrain)" out
        test_expect_code 2 ./tr-$command --hlep 2>stderr
        grep "^tr-$command: unknown option" stderr
        grep "^usage: tr-$command" stderr
        grep "^Try .tr-$command --help" stderr
        ln -sf "$BIN/$command" other
        ./other -h >out
        grep "^usage: $command " out
        rm "tr-$command" other'
done

# What is typed | what must be answered.  Status 2.
cat >mistakes <<'X'
train --lora-rank 4|unknown option '--lora-rank'; did you mean '--lora-r'?
train --rank 4|did you mean '--lora-r'?
train --ephocs 3|did you mean '--epochs'?
train --epoch 3|did you mean '--epochs'?
train --num-epochs 3|did you mean '--epochs'?
train --learning-rate 1|did you mean '--lr'?
train --lrr 1|did you mean '--lr'?
train --batch-size 1|did you mean '--batch'?
train --Batch 1|did you mean '--batch'?
train --mem_limit 1G|did you mean '--mem-limit'?
train --alpha=8|did you mean '--lora-alpha'?
train -model m.gguf|unknown option '-model'; did you mean '--model'?
train —model m.gguf|unknown option '—model'; did you mean '--model'?
train –m m.gguf|did you mean '--model'?
train -rank 4|unknown option '-r'; did you mean '--lora-r'?
train --sched cosin|'cosin'; did you mean 'cosine'? There are: cosine linear constant
train --sched daily|does not know 'daily'; there are: cosine linear constant
train --opt adam|did you mean 'adamw'?
train --precision bf6|did you mean 'bf16'?
train --steps ten|takes a whole number from
train --mem-limit lots|takes a number of bytes as in 400M
train --ctx|unknown option '--ctx'
train --model|option '--model' needs a value (FILE)
train|'--model FILE', '--data FILE' and '--output FILE' (or '--plan', '--checkpoint-out FILE') are missing
train -m a|'--data FILE' and '--output FILE' (or '--plan', '--checkpoint-out FILE') are missing
train -m a -o b|'--data FILE' is missing: 
train -m a -d b|'--output FILE' (or '--plan', '--checkpoint-out FILE') is missing
train a b|extra operand 'a'; '--model FILE', '--data FILE'
train -m a -d b -o c d|extra operand 'd'
tokenize|'--model FILE' is missing: GGUF
tokenize text.txt --modell m|did you mean '--model'?
tokenize --train-om all|did you mean '--train-on'?
detokenize|'--model FILE' is missing
detokenize -m a b c|extra operand 'c'
selfplay judge|'--model FILE' and 'POSITIONS' are missing
studio --prot 1|did you mean '--port'?
studio --port 70000|from 0 to 65535
studio here|extra operand 'here'
selfplay gmaes|did you mean 'games'?
bpe-train|'--size N' and '--output FILE' are missing
bpe-train --vocab-size 9|did you mean '--size'?
choice -m m|'ROWS.jsonl' is missing
choice --modle m|did you mean '--model'?
model-init|'--vocab FILE' and '--output FILE' are missing
model-init --vocab v -o x --arch gtp2 --size 1M|did you mean 'gpt2'?
bpe-train --kind uni -n 9 -o x|There are: bpe spm unigram
pack|'--ctx CTX' and '--output F.pack' are missing
pack -c 8|'--output F.pack' is missing: 
pack -o x|'--ctx CTX' is missing: 
pack -c 8 -o x --fit bset|did you mean 'best'?
pack --context 8|did you mean '--ctx'?
gguf-export|'--model FILE', '--output FILE' and 'RUN.ckpt' are missing
gguf-export -m a -o b|'RUN.ckpt' is missing
gguf-export -m a run.ckpt|'--output FILE' is missing: 
merge|'--model FILE' (or '--adapters-only'), '--adapter FILE[:SCALE]' (or '--method NAME') and '--output FILE' are missing
merge -m a -a b|'--output FILE' is missing: 
merge -m a -a b -o c -t f15|cannot write type 'f15'; did you mean 'F16'? There are: F32
lora-extract|'--model FILE', '--output FILE', '--rank N' (or '--energy X') and 'TUNED.gguf' are missing
lora-extract -m a -o b -r 4 --energy 1 c|--rank and --energy exclude each other
quantize|'--type TYPE' (or '--like FILE', '--target-size SIZE'), '--output FILE' (or '--dry-run') and 'IN.gguf' are missing
quantize -t q8_0 m.gguf|'--output FILE' (or '--dry-run') is missing
quantize -t q8_0 -o x|'IN.gguf' is missing
quantize -o x m.gguf|'--type TYPE' (or '--like FILE', '--target-size SIZE') is missing
quantize -t q8-0 -o x m.gguf|did you mean 'Q8_0'?
quantize -t q4_k_x -o x m.gguf|There are: F32 F16 
quantize -t int8 -o x m.gguf|those that can be written: F32
perplexity|'--model FILE' and '--data FILE' (or '--file FILE') are missing
perplexity -m a|'--data FILE' (or '--file FILE') is missing
perplexity -m a -d b -f c|exclude each other
logprobs|'--model FILE', '--data FILE' and '--output FILE' are missing
distill -m a -d b|'--output FILE' is missing
distill -m a -d b -o c -k 513|from 1 to 512
imatrix -m a|'--file FILE' (or '--in-file FILE') and '--output FILE' (or '--show') are missing
imatrix -m a --in-file b -o c|'--model' and '--file' go together
imatrix -f b -o c|'--model' and '--file' go together
imatrix -m a -f b -o c --chunk 5|did you mean '--chunks'?
perplexity -m a -d b --kl-base c|'--kl-base' goes with '--file'
perplexity -m a -f b --chunks 5|'--chunks' goes with '--kl-base'
perplexity --context 5|did you mean '--ctx'?
generate -m a|'--prompt TEXT' (or '--prompts FILE', 
generate -p hello|'--model FILE' is missing: GGUF
generate m.gguf -p hello|extra operand 'm.gguf'; '--model FILE' is missing
generate --temperature 1|did you mean '--temp'?
generate -m a --promt x|did you mean '--prompt'?
generate --n-predict 5|unknown option '--n-predict'
adapter-import -m a -o b|'FOLDER' is missing
gguf-show|'FILE' is missing
gguf-show --tensor m.gguf|did you mean '--tensors'?
gguf-split|'IN' and 'OUT' are missing
gguf-split --split-max-tensor 1 a b|did you mean '--split-max-tensors'?
gguf-edit|'--output FILE' (or '--in-place', '--restore') and 'IN.gguf' are missing
gguf-edit --rename-tensors a=b|did you mean '--rename-tensor'?
gguf-diff|'A' and 'B' are missing
gguf-diff a|'B' is missing
gguf-diff a b c|extra operand 'c'
gguf-diff --tolerance 1 a b|did you mean '--tol'?
modelfile|'--model FILE' is missing: 
model-card -m m.gguf|'RUN' is missing
mlc-export|'--model FILE' and '--output FOLDER' are missing
train-watch|'RUN' is missing
report|'RUN…' is missing
report -m m.gguf|'RUN…' is missing
report run|'--model FILE' is missing: 
dataset|the first word is scaffold, check, build or paste
dataset chekc|unknown word 'chekc'; did you mean 'check'?
dataset biuld -o x|did you mean 'build'?
dataset build --ouput x|did you mean '--output'?
dataset make|the first word is scaffold, check, build or paste
X
test_expect_success 'what is mistyped is answered, with status 2, and nothing is made' '
    rm -f out err stderr
    ls >files
    while IFS="|" read -r words answer; do
        # shellcheck disable=SC2086
        set -- $words
        command=$1
        shift
        if test_expect_code 2 "$BIN/$command" "$@" >out 2>err </dev/null &&
            test ! -s out && grep -q -F -e "$answer" err &&
            grep -q -F "Try '\''$command --help'\'' for the options." err; then continue; fi
        echo "$words: wanted $answer"
        cat err
    done <mistakes >stderr 2>&1
    test ! -s stderr
    rm -f out err stderr
    ls >after
    grep -v "^after$" after | diff files -'

test_expect_success 'what is mistyped in a file of settings' '
    printf "%s\n" "-m a" "--ephocs 3" >s
    test_expect_code 2 "$BIN/train" @s 2>stderr
    grep -F "line 2: unknown option '\''--ephocs'\''; did you mean '\''--epochs'\''?" stderr'
test_done
