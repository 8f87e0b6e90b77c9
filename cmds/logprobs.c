/* SPDX-License-Identifier: MIT
 *
 * logprobs - how probable a model finds the answers of a pack.  See logprobs.1
 */
#include "shared/asked.h"

static int run(struct cmd_asked *a, struct tr_err *err)
{
    struct tr_said said;
    int rc = cmd_asked_open(a, "seq", err);
    if (!rc)
        rc = tr_logprobs_write(a->e, a->pack, a->output, &said, err);
    cmd_asked_close(a);
    if (!rc)
        cmd_say("wrote '%s': %lld answers, the mean logarithm of their probability is %.4f",
                a->output, (long long)said.n, said.mean);
    return rc ? CMD_FAIL : CMD_OK;
}

int main(int argc, char **argv)
{
    struct cmd_asked a = { 0 };
    const struct cmd_opt table[] = { CMD_ASKED(a), CMD_END };
    const struct cmd cmd = { "logprobs", "-m MODEL.gguf -d DATA.pack -o OUT.gguf",
                             "probabilities of the answers of a pack", table, 0, 0,
                             (const char *const[]){ "model", "data", "output", NULL } };
    struct tr_err err = { 0 };
    int n_operand;
    cmd_parse(&cmd, argc, argv, &n_operand);
    return cmd_end(run(&a, &err), &err);
}
