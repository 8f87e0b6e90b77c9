/* SPDX-License-Identifier: MIT
 *
 * model-init - a model with random weights, to be trained from nothing.  See model-init.1
 *
 * The work is libtrain/init.h's; here are the options.
 */
#include "shared/common.h"

#include <libtrain/init.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    const char *output, *vocab, *size;
    int arch;
    int64_t seed;
};

/* "5M": a number, and K, M or B behind it. */
static void take_size(const struct cmd *cmd, const char *text, struct tr_init_args *a)
{
    static const char unit[] = "KMB";
    char *end;
    double n = strtod(text, &end);
    const char *u = *end ? strchr(unit, *end & ~0x20) : NULL;
    for (ptrdiff_t i = u ? u - unit : -1; i >= 0; i--)
        n *= 1000;
    if (end == text || (*end && (!u || !*u || end[1])) || !(n >= 1000 && n <= 1e12))
        cmd_usage(cmd, "'--size' is '%s', not a number of parameters such as 5M", text);
    a->n_param = (int64_t)n;
}

static void tell(const struct tr_init_args *a, const struct tr_init_made *made)
{
    cmd_say("%s: %lld blocks, width %lld, %lld heads (%lld of k and v), %lld inside the MLP, "
            "context %lld",
            a->arch, (long long)a->n_layer, (long long)a->n_embd, (long long)a->n_head,
            (long long)a->n_head_kv, (long long)a->n_ff, (long long)a->n_ctx);
    cmd_say("%lld parameters, %lld of them in tables of tokens and positions",
            (long long)made->n_param, (long long)made->n_table);
}

static int make(struct tr_init_args *a, const struct opts *o, struct tr_err *err)
{
    struct tr_init_made made;
    struct tr_gguf *vocab = tr_gguf_open(o->vocab, err);
    if (!vocab)
        return err->code;
    a->vocab = vocab;
    int rc = tr_init_shape(a, err);
    if (!rc && !(rc = tr_init_write(a, o->output, &made, err)))
        tell(a, &made);
    tr_gguf_close(vocab);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .seed = 42 };
    struct tr_init_args a = { 0 };
    const struct cmd_opt table[] = {
        CMD_IN(0, "vocab", &o.vocab, "FILE", "GGUF whose tokenizer it gets"),
        CMD_OUT('o', "output", &o.output, "FILE", "where to write the model"),
        CMD_TEXT(0, "size", &o.size, "N", "about so many parameters: 1M, 20M, 0.5B"),
        CMD_CHOICE(0, "arch", &o.arch, tr_init_arch, "NAME", "its architecture"),
        CMD_INT('c', "ctx", &a.n_ctx, 0, 1 << 24, "N", "positions; 0: 512"),
        CMD_INT(0, "layers", &a.n_layer, 0, 512, "N", "blocks; 0: as the width says"),
        CMD_INT(0, "embd", &a.n_embd, 0, 1 << 16, "N", "width; 0: as the size says"),
        CMD_INT(0, "heads", &a.n_head, 0, 1024, "N", "heads; 0: as the width says"),
        CMD_INT(0, "kv-heads", &a.n_head_kv, 0, 1024, "N", "heads of k and v; 0: all"),
        CMD_INT(0, "ff", &a.n_ff, 0, 1 << 18, "N", "width inside the MLP; 0: as the width says"),
        CMD_INT(0, "seed", &o.seed, 0, 1LL << 53, "N", "of the weights"),
        CMD_END
    };
    const struct cmd cmd = { "model-init", "--vocab V.gguf --size N -o OUT.gguf",
                             "make a model with random weights", table, 0, 0,
                             (const char *const[]){ "vocab", "output", NULL } };
    struct tr_err err = { 0 };
    int n;
    cmd_parse(&cmd, argc, argv, &n);
    if (o.size)
        take_size(&cmd, o.size, &a);
    if (!o.size && !a.n_embd)
        cmd_usage(&cmd, "'--size N' or '--embd N' is missing");
    a.arch = tr_init_arch(o.arch);
    a.seed = (uint64_t)o.seed;
    int rc = make(&a, &o, &err);
    return cmd_end(rc ? cmd_code(&err) : CMD_OK, &err);
}
