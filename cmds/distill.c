/* SPDX-License-Identifier: MIT
 *
 * distill - what a teacher says of the data, for a student.  See distill.1
 */
#include "shared/asked.h"

struct opts {
    struct cmd_asked asked;
    int64_t k, max_samples;
};

static int run(struct opts *o, struct tr_err *err)
{
    struct cmd_asked *a = &o->asked;
    struct tr_said said;
    int rc = cmd_asked_open(a, "tok", err);
    if (!rc)
        rc = tr_teacher_write(a->e, a->pack, o->k, (uint64_t)o->max_samples, a->output,
                              &said, err);
    cmd_asked_close(a);
    if (!rc)
        cmd_say("wrote '%s': %lld positions of %llu sequences, the %lld likeliest tokens of "
                "each, which have %.2f %% of the probability", a->output, (long long)said.n,
                (unsigned long long)said.n_seq, (long long)o->k, 100 * said.mean);
    return rc ? CMD_FAIL : CMD_OK;
}

int main(int argc, char **argv)
{
    struct opts o = { .k = 64 };
    const struct cmd_opt table[] = {
        CMD_ASKED(o.asked),
        CMD_INT('k', "top", &o.k, 1, TR_MAX_TOP, "N", "likeliest tokens of each position"),
        CMD_INT(0, "max-samples", &o.max_samples, 1, INT64_MAX, "N",
                "sequences of the pack at most, the first ones"),
        CMD_END
    };
    const struct cmd cmd = { "distill", "-m TEACHER.gguf -d DATA.pack -o OUT.gguf",
                             "what a teacher says of packed data", table, 0, 0,
                             (const char *const[]){ "model", "data", "output", NULL } };
    struct tr_err err = { 0 };
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    return cmd_end(run(&o, &err), &err);
}
