#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The folder of saves: what is further on is not replaced by what is less, what is removed is
# this run's own, and what is passed over or removed is said.
. "${0%/*}/../lib.sh"

model=$TOP/examples/tiny.gguf
[ -f "$model" ] || model=$SHARED/reference/gpt2/model.gguf
[ -f "$model" ] || test_skip_all "no model: neither examples/tiny.gguf nor the reference material"
test_built tokenize pack train gguf-show || test_skip_all "the commands are not built"
i=0
while [ $i -lt 40 ]; do
    echo "The quick brown fox number $i jumps over the lazy dog." && i=$((i + 1))
done >text.txt
cp "$model" model.gguf
"$BIN/tokenize" -q -m model.gguf -o t.tok text.txt && "$BIN/pack" -q -c 32 -o t.pack t.tok

# A learning rate that is constant makes a run's first steps the same, however long it is.
run() {
    "$BIN/train" --threads 1 -m model.gguf -d t.pack --batch 2 --lora-r 2 --sched constant \
        --warmup 0 "$@" 2>stderr
}
# refuses TEXT ARG...: the run ends with status 1, and the reason says TEXT.
refuses() {
    said=$1
    shift
    test_expect_code 1 run "$@"
    tail -n 1 stderr | grep -e "$said"
}
saves() { (cd "$1.d" && ls *.gguf | sort -n | tr "\n" " "); }
# cut FILE BYTES: what is left of it when its end is gone.
cut_to() { head -c "$2" "$1" >part && cat part >"$1"; }
step_of() { "$BIN/gguf-show" --keys "$1" | awk -F '\t' '$2 == "checkpoint.step" { print $4 }'; }

# killed NAME ARG...: a run that is killed when it has saved step 6.
killed() {
    name=$1
    shift
    "$BIN/train" -q --threads 1 -m model.gguf -d t.pack --batch 2 --lora-r 2 --sched constant \
        --warmup 0 -o $name --steps 1000000 --save-every 2 "$@" & pid=$!
    tenth=0
    until [ -f $name.d/6.gguf ]; do
        tenth=$((tenth + 1))
        [ $tenth -lt 300 ] || break
        sleep 0.1
    done
    kill -9 $pid
    wait $pid || test $? = 137
    rm -f $name.d/.*.tmp.*
}

# ==== saves of an earlier run ====

test_expect_success 'a run that starts over is refused, and both ways out are named' '
    killed a.ckpt --keep 100
    before=$(saves a.ckpt)
    refuses "up to step [0-9]*: .*--resume.*--restart" -o a.ckpt --steps 4 --save-every 1
    test "$(saves a.ckpt)" = "$before"
    test ! -e a.ckpt'

test_expect_success '--restart removes them, and says each' '
    n=$(ls a.ckpt.d | grep -c gguf)
    run -o a.ckpt --steps 4 --save-every 1 --keep 9 --restart
    test "$(grep -c "removed .a.ckpt.d/[0-9]*.gguf" stderr)" = $n
    test "$(saves a.ckpt)" = "1.gguf 2.gguf 3.gguf "
    test "$(step_of a.ckpt)" = 4'

test_expect_success 'so are saves of a run with other arguments' '
    refuses "up to step 3" -o a.ckpt --steps 9 --seed 7
    test "$(saves a.ckpt)" = "1.gguf 2.gguf 3.gguf "
    run -o a.ckpt --steps 2 --seed 7 --restart
    test ! -e a.ckpt.d'

test_expect_success '--restart where there is nothing' '
    run -q -o b.ckpt --steps 2 --restart
    test ! -s stderr
    test "$(step_of b.ckpt)" = 2'

test_expect_success '--resume and --restart exclude each other' '
    test_expect_code 2 run -o b.ckpt --steps 2 --restart --resume
    grep -e "--restart" stderr'

# ==== more and less ====

test_expect_success 'a finished run does not go back' '
    run -o c.ckpt --steps 8 --save-every 2 --keep 9
    cp c.ckpt before
    kept=$(saves c.ckpt)
    for steps in 1 4 6 7; do
        refuses "c.ckpt. has 8 steps already, more than $steps.*--restart" \
            -o c.ckpt --steps $steps --resume
        cmp c.ckpt before
        test "$(saves c.ckpt)" = "$kept"
    done
    run -o c.ckpt --steps 8 --resume
    cmp c.ckpt before'

test_expect_success 'nor does one that was stopped' '
    rm c.ckpt
    refuses "c.ckpt.d/6.gguf. has 6 steps already" -o c.ckpt --steps 5 --resume
    test ! -e c.ckpt
    test "$(saves c.ckpt)" = "2.gguf 4.gguf 6.gguf "'

test_expect_success 'what is further on and damaged is no reason to stop' '
    cut_to c.ckpt.d/6.gguf 5000
    run -o c.ckpt --steps 5 --resume
    grep "passed over: .c.ckpt.d/6.gguf" stderr
    grep "going on from .c.ckpt.d/4.gguf., step 4" stderr
    test "$(step_of c.ckpt)" = 5'

test_expect_success 'a finished checkpoint is replaced by a complete run, which says so' '
    rm -r c.ckpt.d
    cp c.ckpt before
    run -o c.ckpt --steps 6
    grep "c.ckpt., a checkpoint of 5 steps, is replaced when this run is complete" stderr
    test "$(step_of c.ckpt)" = 6
    run -o c.ckpt --steps 3 --seed 7
    grep "c.ckpt., a checkpoint of 6 steps of another run, is replaced" stderr
    test "$(step_of c.ckpt)" = 3'

test_expect_success 'but not by fewer steps of the same run, unless that is asked for' '
    cp c.ckpt before
    refuses "c.ckpt. has 3 steps of this run already, more than 2" -o c.ckpt --steps 2 --seed 7
    cmp c.ckpt before
    test ! -e c.ckpt.d
    run -o c.ckpt --steps 2 --seed 7 --restart
    test "$(step_of c.ckpt)" = 2'

# ==== what cannot be read ====

test_expect_success 'a save that was cut anywhere is passed over, with the step that it goes on from' '
    run -q -o d.ckpt --steps 9
    mv d.ckpt whole
    run -q -o d.ckpt --steps 7 --save-every 2 --keep 9
    rm d.ckpt
    cp d.ckpt.d/6.gguf good
    for bytes in 0 3 10 100 200 700 3000 40000; do
        cut_to d.ckpt.d/6.gguf $bytes
        run -o d.ckpt --steps 9 --resume -q
        grep "warning: passed over: .d.ckpt.d/6.gguf.*:" stderr
        grep "warning: going on from .d.ckpt.d/4.gguf., step 4, instead" stderr
        cmp d.ckpt whole
        rm d.ckpt
        cp good d.ckpt.d/6.gguf
    done'

test_expect_success 'so is a target that does not open' '
    cp whole d.ckpt
    cut_to d.ckpt 100
    run -o d.ckpt --steps 9 --resume
    grep "passed over: .d.ckpt.:" stderr
    grep "going on from .d.ckpt.d/6.gguf., step 6, instead" stderr
    cmp d.ckpt whole'

test_expect_success 'a run takes the place of a damaged save, and --restart removes it' '
    rm d.ckpt
    cut_to d.ckpt.d/6.gguf 3000
    run -q -o d.ckpt --steps 9 --resume --save-every 2 --keep 9
    test "$(step_of d.ckpt.d/6.gguf)" = 6
    cut_to d.ckpt.d/6.gguf 3000
    run -o d.ckpt --steps 9 --restart
    grep "removed .d.ckpt.d/6.gguf" stderr
    test ! -e d.ckpt.d'

# ==== what is not ours ====

test_expect_success 'files that are no saves stay, whatever their names' '
    mkdir e.ckpt.d
    echo keep >e.ckpt.d/5.gguf
    echo keep >e.ckpt.d/.other.tmp.1
    ln -s ../text.txt e.ckpt.d/.4.gguf.tmp.1
    cp model.gguf e.ckpt.d/3.gguf
    refuses "5.gguf. is no save" -o e.ckpt --steps 9
    run -o e.ckpt --steps 9 --save-every 1 --keep 2 --restart
    grep "left alone: .e.ckpt.d/5.gguf" stderr
    grep "not saved: .e.ckpt.d/5.gguf. is there already" stderr
    grep "not saved: .e.ckpt.d/3.gguf. is there already" stderr
    test "$(cat e.ckpt.d/5.gguf e.ckpt.d/.other.tmp.1)" = "keep
keep"
    cmp model.gguf e.ckpt.d/3.gguf
    test -L e.ckpt.d/.4.gguf.tmp.1
    test "$(step_of e.ckpt)" = 9
    test "$(saves e.ckpt)" = "3.gguf 5.gguf 7.gguf 8.gguf "'

test_expect_success 'saves of another run are neither replaced nor removed on the way' '
    run -q -o f.ckpt --steps 9 --save-every 1 --keep 9 --seed 7
    cp f.ckpt.d/8.gguf other
    rm f.ckpt f.ckpt.d/[1-6].gguf
    run -q -o g.ckpt --steps 9 --save-every 1 --keep 9
    cp g.ckpt.d/6.gguf f.ckpt.d/
    run -o f.ckpt --steps 9 --resume --save-every 1 --keep 1
    grep "passed over: .*f.ckpt.d/8.gguf.*seed=7 is now seed=42" stderr
    grep "going on from .f.ckpt.d/6.gguf., step 6" stderr
    cmp other f.ckpt.d/8.gguf
    cmp g.ckpt f.ckpt'

test_expect_success 'a folder of saves that is a link, or a file, is refused' '
    mkdir real
    echo keep >real/5.gguf
    ln -s real h.ckpt.d
    refuses "h.ckpt.d. is a link or a file" -o h.ckpt --steps 2 --save-every 1
    refuses "h.ckpt.d. is a link or a file" -o h.ckpt --steps 2 --restart
    refuses "h.ckpt.d. is a link or a file" -o h.ckpt --steps 2 --resume
    ln -sf nowhere i.ckpt.d
    refuses "i.ckpt.d. is a link or a file" -o i.ckpt --steps 2
    echo >j.ckpt.d
    refuses "j.ckpt.d. is a link or a file" -o j.ckpt --steps 2
    test "$(ls -A real)" = 5.gguf
    test -z "$(ls -d [hij].ckpt 2>/dev/null)"'

if [ "$(id -u)" = 0 ] && chown 12345 real 2>/dev/null; then
    test_expect_success 'a folder of saves that another user owns is refused' '
        mkdir k.ckpt.d
        chown 12345 k.ckpt.d
        refuses "k.ckpt.d. belongs to another user" -o k.ckpt --steps 2
        test "$(ls -A k.ckpt.d)" = ""'
else
    test_skip 'a folder of saves that another user owns' 'only root can make one'
fi

# ==== ends ====

test_expect_success 'a second signal leaves no lock behind' '
    "$BIN/train" -q -m model.gguf -d t.pack -o l.ckpt --steps 1000000 --log l.tsv & pid=$!
    tenth=0
    until [ -s l.tsv ] || [ $tenth = 300 ]; do
        sleep 0.1
        tenth=$((tenth + 1))
    done
    test -e l.ckpt.d/lock
    kill -STOP $pid
    kill -TERM $pid
    kill -HUP $pid
    kill -CONT $pid
    code=0
    wait $pid || code=$?
    test $code -ge 128
    test ! -e l.ckpt.d'

# becomes_shorter FILE COMMAND...: the file is cut when the command has written m.tsv, and
# the command ends with its name.
becomes_shorter() {
    file=$1
    shift
    rm -f m.tsv
    "$@" 2>stderr & pid=$!
    tenth=0
    until [ -s m.tsv ] || [ $tenth = 300 ]; do
        sleep 0.1
        tenth=$((tenth + 1))
    done
    dd if=/dev/null of="$file" bs=4096 seek=1 2>/dev/null
    test_expect_code 1 wait $pid
    test "$(wc -l <stderr)" = 1
    grep -F "$file" stderr | grep "became shorter"
}
test_expect_success 'a base that is cut while it is trained on' '
    cp model.gguf "base ü.gguf"
    becomes_shorter "base ü.gguf" "$BIN/train" -q -m "base ü.gguf" -d t.pack -o m.ckpt \
        --steps 1000000 --log m.tsv
    test ! -e m.ckpt
    test ! -e m.ckpt.d
    cp model.gguf "base ü.gguf"
    becomes_shorter "base ü.gguf" "$BIN/train" -q -m "base ü.gguf" -d t.pack -o m.ckpt \
        --steps 1000000 --log m.tsv --save-every 1 --keep 1
    test "$(ls m.ckpt.d | grep -vc "^[0-9]*.gguf")" = 0'

test_expect_success 'nothing is left behind' '
    if find . -name ".*.tmp.[0-9]*" -type f | grep -v other; then exit 1; fi
    if ls -d *.ckpt.d/lock 2>/dev/null; then exit 1; fi'
test_done
