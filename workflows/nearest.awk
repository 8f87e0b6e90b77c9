# SPDX-License-Identifier: MIT
#
# usage: awk -f nearest.awk WORD NAME...
#
# Prints what may have been meant by WORD, a knob that there is not: the name that other
# programs have for it, the nearest by Levenshtein's distance, or all of them.
function least(a, b) { return a < b ? a : b }
function distance(a, b,    i, j, d) {
    for (i = 0; i <= length(a); i++) d[i, 0] = i
    for (j = 0; j <= length(b); j++) d[0, j] = j
    for (i = 1; i <= length(a); i++)
        for (j = 1; j <= length(b); j++)
            d[i, j] = least(least(d[i - 1, j], d[i, j - 1]) + 1, \
                d[i - 1, j - 1] + (substr(a, i, 1) != substr(b, j, 1)))
    return d[length(a), length(b)]
}
BEGIN {
    word = ARGV[1]
    upper = toupper(word)
    gsub(/-/, "_", upper)
    split("LORA_R RANK R RANK LORA_RANK RANK LORA_ALPHA ALPHA LEARNING_RATE LR BATCH_SIZE BATCH " \
        "MAX_STEPS STEPS ITERS STEPS NUM_EPOCHS EPOCHS NUM_TRAIN_EPOCHS EPOCHS MAX_SEQ_LENGTH CTX " \
        "CTX_SIZE CTX CONTEXT CTX SEQ_LEN CTX GRADIENT_ACCUMULATION_STEPS GRAD_ACC " \
        "TARGET_MODULES TARGETS LORA_TARGETS TARGETS WARMUP_STEPS WARMUP SCHEDULER SCHED " \
        "OUTPUT OUTPUTS TEXT DATA DATASET_PATH DATA BASE MODEL", list, " ")
    for (i = 1; i in list; i += 2) other[list[i]] = list[i + 1]
    best = 3
    for (i = 2; i < ARGC; i++) {
        d = distance(upper, ARGV[i])
        if (d < best) { best = d; meant = ARGV[i] }
    }
    if (upper in other && best > 0) meant = other[upper]
    if (meant != "") print "there is no knob " word ", is " meant " meant?"
    else {
        for (i = 2; i < ARGC; i++) all = all " " ARGV[i]
        print "there is no knob " word ", these are known:" all
    }
}
