#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: lr-find.sh RUNS NAME FROM TO STEPS FLAGS MAKE...
#
# Runs MAKE... for RUNS/NAME/model.ckpt with rates from FROM to TO, a step each, FLAGS being further
# options of train; a run that diverged on the way is what was looked for.  Then RUNS/NAME/ has
# lr-find.tsv (step, rate, loss, its mean over neighbours, its slope over a factor of e of the rate),
# lr-find.txt, what is printed, and with gnuplot lr-find.png by the script GP.
set -eu
run=$1/$2 name=$2 from=$3 to=$4 steps=$5 flags=$6
shift 6
die() { printf 'lr-find: %s\n' "$1" >&2 && exit "${2:-1}"; }
number='^[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$'
for n in "$from" "$to"; do
    printf %s "$n" | grep -Eq "$number" || die "LR_FROM and LR_TO are rates, not '$n'" 2
done
printf %s "$steps" | grep -Eq '^[0-9]{2,6}$' || die "LR_STEPS is a number of steps from 20 on, not '$steps'" 2
[ "$steps" -ge 20 ] || die "LR_STEPS is a number of steps from 20 on, not '$steps'" 2
share=$(awk -v a="$from" -v b="$to" 'BEGIN { if (a > 0 && a < b && a / b >= 1e-12) printf "%.17g", a / b }')
[ "$share" ] || die "LR_FROM, $from, is not below LR_TO, $to" 2

# It has nothing to wait for: nothing is measured on the way.
case " $flags" in *" --patience"*)
    flags=$(printf %s " $flags" | sed 's/ --patience[= ] *[^ ]*//g; s/^ //')
    printf 'lr-find: --patience of TRAIN_FLAGS does not count here\n' >&2 ;;
esac
mark=$(mktemp) || exit
trap 'rm -f "$mark"' EXIT
trap 'exit 1' HUP INT TERM
# What ended at another step has had other rates: going on from there would be two sweeps in one.
again=
[ ! -f "$run/records/model.ckpt" ] || grep -q -e "--steps $steps " "$run/records/model.ckpt" || again=RESTART=yes
code=0
"$@" $again "$run/model.ckpt" NAME="$name" SCHED=range LR="$to" WARMUP=0 STEPS="$steps" EVAL_EVERY= CHECKPOINT=last \
    TRAIN_FLAGS="$flags${flags:+ }--range-from $share" </dev/null || code=$?
[ -z "$DRY" ] || exit $code
# What failed otherwise leaves no new rows.
[ $code -eq 0 ] || [ -n "$(find "$run/metrics.tsv" -newer "$mark" 2>/dev/null)" ] || exit $code

awk -F '\t' -v table="$run/lr-find.tsv" -v words="$run/lr-find.txt" -v steps="$steps" '
function say(text) { print "lr-find: " text >words; print "lr-find: " text }
NR == 1 { for (c = 1; c <= NF; c++) at[$c] = c; next }
!over && $at["loss"] + 0 == $at["loss"] { rate[++n] = $at["lr"]; loss[n] = $at["loss"]; next }
{ over = 1 }
END {
    h = int(n / 20); if (h < 2) h = 2
    if (n < 10) { say("the run ended after " n " steps: LR_FROM is too large"); exit 1 }
    for (i = 1; i <= n; i++) {
        a = i > h ? i - h : 1; b = i + h < n ? i + h : n; m = (a + b) / 2; sum = sxy = sxx = 0
        for (j = a; j <= b; j++) { sum += loss[j]; sxy += (j - m) * loss[j]; sxx += (j - m) ^ 2 }
        mean[i] = sum / (b - a + 1)
        slope[i] = sxy / sxx / (log(rate[n] / rate[1]) / (n - 1))
        if (!low || mean[i] < mean[low]) low = i
    }
    for (i = h + 1; i <= low && i + h <= n; i++) if (!best || slope[i] < slope[best]) best = i
    print "step\trate\tloss\tmean\tslope" >table
    for (i = 1; i <= n; i++) printf "%d\t%.6g\t%.6g\t%.6g\t%.6g\n", i, rate[i], loss[i], mean[i], slope[i] >table
    for (i = n; i > low && mean[i] > mean[1]; i--) ;
    if (!best || slope[best] >= 0 || mean[low] >= mean[1] || mean[low] >= loss[1]) {
        say("the loss falls nowhere from " rate[1] " to " rate[n] ": no rate is told"); exit }
    say(sprintf("the mean of %d steps falls most steeply at %.2g, and is lowest, %.4g, at %.2g", 2 * h + 1, rate[best], mean[low], rate[low]))
    if (i < n) say(sprintf("from %.2g on it is above that of the first steps, %.4g", rate[i + 1], mean[1]))
    if (n < steps) say("the run ended at step " n " of " steps)
    say(sprintf("by the rule of the steepest fall LR=%.2g; it is one short run, make sweep compares rates by what comes of them", rate[best]))
    printf "%.6g\n", rate[best] >(table ".best")
}' "$run/metrics.tsv"
best=$(cat "$run/lr-find.tsv.best" 2>/dev/null) && rm "$run/lr-find.tsv.best"
if command -v gnuplot >/dev/null; then
    gnuplot -c "$GP" "$run/lr-find.tsv" "$run/lr-find.png" "${best:-}" || exit
    printf 'lr-find: %s has the curve\n' "$run/lr-find.png" >&2
fi
