#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Several processes make one run: the same losses as one that does all the batches, saves
# that go on at any number of processes, and an end of all when one has a reason to end.
. "${0%/*}/../lib.sh"

[ -z "$SANITIZE" ] || test_skip_all "the MPI library is not made for sanitizers"
test_built tokenize pack train gguf-diff logprobs distill || test_skip_all "the commands are not built"
command -v mpirun >/dev/null || test_skip_all "there is no mpirun"
case $(mpirun --version 2>&1) in *"Open MPI"*) ;; *) test_skip_all "mpirun is not Open MPI's" ;; esac
mpi() { timeout 60 mpirun --allow-run-as-root --oversubscribe --bind-to none -n "$@"; }
mpi 2 true 2>log || test_skip_all "mpirun cannot start two processes here: $(tail -n 1 log)"
echo '#include <mpi.h>' >h.c
mpicc -E h.c >/dev/null 2>&1 || test_skip_all "there is no mpicc with its headers"

model=$SHARED/reference/gpt2/model.gguf
[ -n "$SHARED" ] && [ -f "$model" ] || model=$TOP/examples/tiny.gguf
cp "$model" model.gguf
ours=$TOP/build/mpi/bin
lr=1e-3
flat="-q --threads 1 -m model.gguf -d t.pack --batch 2 --lora-r 4 --sched constant --warmup 0"
one() { "$BIN/train" $flat --lr $lr "$@"; }
# ranks N OPTION…
ranks() {
    n=$1
    shift
    mpi "$n" "$ours/train" $flat --lr $lr "$@"
}
# near A.tsv B.tsv: the same steps; loss, norm and validation loss within 1e-5.
near() {
    cut -f 1,2,5,10 "$1" >near.a && cut -f 1,2,5,10 "$2" >near.b
    paste near.a near.b | awk -F '\t' 'NR > 1 {
            if ($1 != $5) exit bad = 1
            for (i = 2; i <= 4; i++)
                if (($i == "-") != ($(i + 4) == "-") || ($i - $(i + 4)) ^ 2 > 1e-10) exit bad = 1
        }
        END { exit bad || NR < 2 }' || { paste near.a near.b && return 1; }
}
# ends STATUS REASON COMMAND...: train says why once, on stderr; a minute is the limit of all.
ends() {
    wanted=$1 reason=$2
    shift 2
    test_expect_code "$wanted" "$@" >stdout 2>stderr
    grep "^train: .*$reason" stderr
    test "$(grep -c "^train: " stderr)" = 1
}
wait_for() { # ROWS LOG
    for tenth in $(seq 300); do
        [ ! -f "$2" ] || [ "$(wc -l <"$2")" -le "$1" ] || return 0
        sleep 0.1
    done
    return 1
}
no_temporaries() {
    find . -name '.*.tmp.*' >left
    if grep . left; then return 1; fi
}

test_expect_success 'a build with MPI' '
    MAKEFLAGS= "$MAKE" -C "$TOP" MPI=1 MODE=release BUILD=build/mpi BIN=build/mpi/bin WERROR=1 \
        build/mpi/bin/train
    "$ours/train" --version >version
    grep "^processes: Open MPI" version
    "$BIN/train" --version >version
    grep "^built without Open MPI" version'
[ -x "$ours/train" ] || test_done

i=0
while [ $i -lt 80 ]; do
    echo "The quick brown fox number $i jumps over the lazy dog." && i=$((i + 1))
done >text.txt
head -n 20 text.txt >val.txt
test_expect_success 'data' '
    for f in text val; do
        "$BIN/tokenize" -q -m model.gguf $f.txt | "$BIN/pack" -q -c 32 -o $(echo $f | cut -c 1).pack -
    done
    test -s t.pack
    test -s v.pack'

# ==== the same run ====

test_expect_success 'two processes are one with twice the batches' '
    ranks 2 --steps 12 --val v.pack --eval-every 5 --dump-grads 2.g --log 2.tsv -o 2.ckpt
    one --grad-acc 2 --steps 12 --val v.pack --eval-every 5 --dump-grads 1.g --log 1.tsv -o 1.ckpt
    near 1.tsv 2.tsv
    test ! -e 2.ckpt.d
    no_temporaries
    "$BIN/gguf-diff" --tensors 1.g 2.g >diff || test $? = 1
    test -s diff && awk -F "\t" "\$1 != \"tensor\" || \$5 > 1e-5 { exit bad = 1 } END { exit bad }" diff'
test_expect_success 'all weights' '
    ranks 2 --full --steps 4 --log 2.tsv -o f.ckpt
    one --grad-acc 2 --full --steps 4 --log 1.tsv -o f1.ckpt
    near 1.tsv 2.tsv'
test_expect_success 'rows of the token table beside an adapter' '
    ranks 2 --train-rows 30-60 --steps 4 --dump-grads 2.g --log 2.tsv -o r.ckpt
    one --grad-acc 2 --train-rows 30-60 --steps 4 --dump-grads 1.g --log 1.tsv -o r1.ckpt
    near 1.tsv 2.tsv
    "$BIN/gguf-diff" --tensors 1.g 2.g >diff || test $? = 1
    grep "token_embd.weight.rows" diff
    awk -F "\t" "\$1 != \"tensor\" || \$5 > 1e-5 { exit bad = 1 } END { exit bad }" diff
    ranks 2 --train-rows 30-60 --steps 2 -o rh.ckpt
    ranks 3 --global-batch 4 --train-rows 30-60 --steps 4 --resume -o rh.ckpt
    ranks 2 --train-rows 30-60 --steps 4 -o rw.ckpt
    cmp rh.ckpt rw.ckpt'
test_expect_success 'three processes share four batches, and what is left of an epoch' '
    ranks 3 --global-batch 8 --epochs 2 --log 3.tsv -o 3.ckpt
    one --grad-acc 4 --epochs 2 --log 1.tsv -o 1e.ckpt
    near 1.tsv 3.tsv
    cut -f 9 3.tsv >got
    cut -f 9 1.tsv >want
    cmp got want'
test_expect_success 'more processes than batches' '
    ranks 3 --global-batch 4 --steps 12 --log 3.tsv -o 3.ckpt 2>stderr
    grep "2 micro-batches a step for 3 processes" stderr
    one --grad-acc 2 --steps 12 --log 1.tsv -o 1s.ckpt
    near 1.tsv 3.tsv'
test_expect_success 'the same run, the same bytes' '
    ranks 2 --steps 12 --val v.pack --eval-every 5 -o again.ckpt
    cmp 2.ckpt again.ckpt'
# The numbers of a step are the objective's, so they say whether ranks agree on its parts.
test_expect_success 'two processes with each objective' '
    for w in "Paris London" "Four Five" "White Black" "Bird Stone"; do
        echo "{\"prompt\":\"Which one?\",\"chosen\":\"${w% *}\",\"rejected\":\"${w#* } it is\"}"
    done >pairs.jsonl
    "$BIN/tokenize" -q -m model.gguf --preference pairs.jsonl | "$BIN/pack" -q -c 24 -o p.pack -
    "$BIN/distill" -q -m model.gguf -d v.pack -k 4 -o teacher.gguf
    "$BIN/logprobs" -q -m model.gguf -d p.pack -o ref.gguf
    for how in "p dpo" "p ipo" "p orpo" "p simpo" "p kto --reference ref.gguf" "p reward --kl 0.1 --clip-ratio 0.2" \
        "v distill --teacher teacher.gguf --distill-mix 0.5"; do
        run="-d ${how%% *}.pack --batch 1 --objective ${how#* } --steps 2"
        flat="-q --threads 1 -m model.gguf --lora-r 4 --sched constant --warmup 0"
        ranks 2 $run --log 2.tsv -o 2o.ckpt
        one $run --grad-acc 2 --log 1.tsv -o 1o.ckpt
        near 1.tsv 2.tsv
        rm -rf 1o.ckpt* 2o.ckpt*
    done
    flat="-q --threads 1 -m model.gguf -d t.pack --batch 2 --lora-r 4 --sched constant --warmup 0"'
test_expect_success 'an optimizer that asks again, and an average' '
    for how in "--opt lbfgs --steps 5" "--ema 0.8 --val v.pack --eval-every 2 --steps 7"; do
        ranks 2 $how --log 2.tsv -o 2m.ckpt 2>2.said
        one --grad-acc 2 $how --log 1.tsv -o 1m.ckpt 2>1.said
        near 1.tsv 2.tsv
        rm -rf 1m.ckpt*
        mv 2m.ckpt whole.ckpt
    done
    ranks 2 --ema 0.8 --steps 4 -o 2m.ckpt
    one --grad-acc 2 --ema 0.8 --steps 7 --resume -o 2m.ckpt
    "$BIN/gguf-diff" --tensors whole.ckpt 2m.ckpt >diff || test $? = 1
    awk -F "\t" "\$1 != \"tensor\" && \$5 > 1e-5 { exit bad = 1 } END { exit bad }" diff
    rm -f whole.ckpt'
# Step 3 is not finite, and its moments must be gone from every process.
test_expect_success 'a way back to the beginning' '
    flat="-q --threads 1 -m model.gguf -d t.pack --batch 2 --warmup 0 --lora-r 4 --lora-alpha 1000"
    how="--sched polynomial --power 40 --steps 7 --opt sgd --momentum 0.9 --clip 0 --on-divergence rewind"
    lr=1e3
    ranks 2 $how --log 2.tsv -o 2m.ckpt --restart 2>2.said
    one --grad-acc 2 $how --log 1.tsv -o 1m.ckpt 2>1.said
    grep "going on with the parameters of step 0" 1.said
    grep "going on with the parameters of step 0" 2.said
    sed "2,4d" 1.tsv >1.end
    sed "2,4d" 2.tsv >2.end
    near 1.end 2.end
    lr=1e-3
    flat="-q --threads 1 -m model.gguf -d t.pack --batch 2 --lora-r 4 --sched constant --warmup 0"'
test_expect_success 'processes share the processors' '
    all=$("$ours/train" --version | sed -n "s/^threads: \([0-9]*\) .*/\1/p")
    mpi 2 "$ours/train" --version >version
    want=$((all / 2)) && test $want -gt 0 || want=1
    test "$(grep -c "^threads: $want of" version)" = 2'

# ==== going on ====

test_expect_success 'saves go on at any number of processes' '
    one --grad-acc 6 --steps 9 --log want.tsv --restart -o whole.ckpt
    ranks 2 --grad-acc 3 --steps 3 --log got.tsv -o r.ckpt
    ranks 3 --grad-acc 2 --steps 5 --log got.tsv -o r.ckpt --resume
    one --grad-acc 6 --steps 7 --log got.tsv -o r.ckpt --resume
    ranks 4 --global-batch 12 --steps 9 --log got.tsv -o r.ckpt --resume
    near want.tsv got.tsv'
test_expect_success 'another number of batches is another run' '
    test_must_fail ranks 3 --steps 13 -o 2.ckpt --resume 2>stderr
    grep "grad_acc=2 is now grad_acc=3" stderr'

# ==== one ends, all end ====

# Rank 1 works in the folder `other`, with a model and data of its own.
mkdir other && cp model.gguf other
echo '[ "$OMPI_COMM_WORLD_RANK" != 1 ] || cd other; exec "$@"' >odd.sh
odd() { mpi 2 sh odd.sh "$ours/train" $flat -o x.ckpt "$@"; }

test_expect_success 'a process without the file' '
    ends 1 "rank 1: .*t.pack" odd --steps 3'
test_expect_success 'a process with other data' '
    cp v.pack other/t.pack
    ends 1 "rank 1: .*data=.* is now data=" odd --steps 3'
test_expect_success 'a process that meets damaged data' '
    cp t.pack other
    printf "\377\377\377\377\377\377\377\377" | dd of=other/t.pack bs=1 conv=notrunc \
        seek=$(($(wc -c <t.pack) / 3)) 2>/dev/null
    ends 1 "rank 1: .*t.pack" odd --steps 500'
test_expect_success 'a run that diverges' '
    lr=1e3
    ends 3 "diverged at step" ranks 2 --opt sgd --clip 0 --steps 40 -o x.ckpt'
test_expect_success 'a checkpoint that cannot be written' '
    mkdir gone
    { wait_for 2 gone.tsv && rm -r gone; } &
    test_expect_code 1 ranks 2 --steps 400 --log gone.tsv -o gone/x.ckpt 2>stderr
    wait
    grep "^train: .*gone/x.ckpt" stderr'
test_expect_success 'a build without MPI refuses to be one of several' '
    test_expect_code 1 mpi 2 "$BIN/train" $flat --steps 3 -o x.ckpt 2>stderr
    grep "make MPI=1" stderr'
test_expect_success 'nothing was written' '
    test ! -e x.ckpt
    test ! -e gone
    no_temporaries'

# stop NAME STATUS COMMAND: the command, evaluated when some steps are made, ends a run that
# would not end; it goes on to the bytes of one that was never stopped.
stop() {
    name=$1
    { wait_for 5 $name.tsv && eval "$3"; } &
    began=$(date +%s)
    test_expect_code "$2" ranks 2 --steps 1000000 --save-every 2 --log $name.tsv -o $name.ckpt \
        2>stderr
    wait
    test $(($(date +%s) - began)) -lt 20
    test ! -e $name.ckpt
    no_temporaries
    at=$(ls $name.ckpt.d | sed -n 's/\.gguf$//p' | sort -n | tail -n 1)
    test "$at" -ge 2
    ranks 2 --steps $((at + 5)) -o $name.ckpt --resume
    ranks 2 --steps $((at + 5)) --restart -o whole.ckpt
    cmp $name.ckpt whole.ckpt
}
# pid COMMAND: of this test's process of that name; of several the youngest.
pid() {
    ps -eo pid=,comm=,args= |
        awk -v c="$1" -v f="$name.ckpt" '$2 == c && index($0, f) { p = $1 } END { print p }'
}
test_expect_success 'kill -9 of a process' '
    stop kill 137 "kill -KILL \$(pid train)"'
test_expect_success 'SIGTERM of one process: all save and stop' '
    stop term 143 "kill -TERM \$(pid train)"'
test_expect_success 'SIGUSR2 of mpirun: all save and stop' '
    stop usr2 140 "kill -USR2 \$(pid mpirun)"'
test_expect_success 'SIGTERM of mpirun' '
    stop mpirun 1 "kill -TERM \$(pid mpirun)"'

# A cosine of its own gives rank 1 another learning rate, so its parameters drift.
cat >drift.sh <<EOF
[ "\$OMPI_COMM_WORLD_RANK" != 1 ] || export LD_PRELOAD=$PWD/cos.so
exec "\$@"
EOF
test_expect_success 'machines that compute otherwise' '
    echo "double cos(double x); double cos(double x) { return 1 - 0.4 * x * x; }" >cos.c
    ${CC:-cc} -shared -fPIC -fno-builtin -o cos.so cos.c
    cosine="-m model.gguf -d t.pack --threads 1 --steps 8 --save-every 3"
    mpi 2 sh drift.sh "$ours/train" $cosine -o d.ckpt 2>stderr
    test "$(grep -c "drifted apart" stderr)" = 2
    mpi 2 "$ours/train" $cosine -o e.ckpt 2>stderr
    if grep "drifted apart" stderr; then exit 1; fi'
test_done
