# usage: awk -f selfplay.awk RUN/round-N/NAME.tsv …
# A line for each round: what its tables judged, random and skill say, each mean with half of its
# 95 % interval behind it.
BEGIN {
    FS = "\t"
    n = split("judged legal_percent,judged loss_cp,judged best_percent,random score_percent,skill score_percent", wanted, ",")
    printf "round\tlegal_percent\t±\tloss_cp\t±\tbest_percent\t±\trandom_score\t±\tskill_score\t±\n"
}
FNR == 1 {
    parts = split(FILENAME, part, "/")
    round = substr(part[parts - 1], 7)
    table = substr(part[parts], 1, length(part[parts]) - 4)
    last = round > last ? round : last
}
{ cell[round, table " " $1] = $2 "\t" $3 }
END {
    for (round = 0; round <= last; round++) {
        printf "%d", round
        for (i = 1; i <= n; i++)
            printf "\t%s", cell[round, wanted[i]]
        printf "\n"
    }
}
