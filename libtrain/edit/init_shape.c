/* SPDX-License-Identifier: MIT
 *
 * The shape of a model that is made from nothing, of a number of parameters.  They are counted
 * by the matrices alone: norms and biases are less than a hundredth.  Next: init.c.
 */
#include <libtrain/edit/init.h>

#include <math.h>
#include <string.h>

enum { STEP = 32, WIDEST = 1 << 14, SMALL = 256 };

static int64_t tokens(const struct tr_gguf *vocab, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = NULL;
    int found = tr_gguf_array(vocab, "tokenizer.ggml.tokens", TR_GGUF_STRING, &kv, err);
    if (!found)
        tr_err_set(err, TR_EFORMAT, "'%s' holds no vocabulary", tr_gguf_path(vocab));
    return found > 0 ? (int64_t)kv->count : -1;
}

const struct tr_arch *tr__init_arch(const struct tr_init_args *a)
{
    const char *name = a->arch ? a->arch : "llama";
    return tr__arch_find((struct tr_str){ name, strlen(name) });
}

static int has_gate(const struct tr_arch *arch)
{
    return arch->fused_gate_up || arch->tensor[TR_FFN_GATE] == TR_MUST;
}

/* What follows from the width. */
static void complete(struct tr_init_args *a, const struct tr_arch *arch)
{
    int64_t per_layer = a->n_embd <= SMALL ? 32 : 64, head = per_layer;
    if (!a->n_layer)
        a->n_layer = a->n_embd < 2 * per_layer ? 2 : a->n_embd / per_layer;
    if (!a->n_head)
        a->n_head = a->n_embd < head ? 1 : a->n_embd / head;
    if (!a->n_head_kv)
        a->n_head_kv = a->n_head;
    if (!a->n_ff)
        a->n_ff = has_gate(arch) ? (8 * a->n_embd / 3 + STEP - 1) / STEP * STEP
                                 : 4 * a->n_embd;
}

static double count(const struct tr_init_args *a, const struct tr_arch *arch, int64_t n_vocab)
{
    double embd = (double)a->n_embd, kv = embd * (double)a->n_head_kv / (double)a->n_head;
    double mlp = (has_gate(arch) ? 3 : 2) * embd * (double)a->n_ff;
    double rows = (double)n_vocab + (arch->tensor[TR_POSITION_EMBD] ? (double)a->n_ctx : 0);
    return rows * embd + (double)a->n_layer * (2 * embd * (embd + kv) + mlp);
}

/* The first width that has as many, or the one before if that is nearer. */
static void choose_width(struct tr_init_args *a, const struct tr_arch *arch, int64_t n_vocab)
{
    struct tr_init_args last = *a, next = *a;
    for (int64_t embd = STEP; embd <= WIDEST; embd += embd < SMALL ? STEP : 2 * STEP) {
        last = next;
        next = *a;
        next.n_embd = embd;
        complete(&next, arch);
        if (count(&next, arch, n_vocab) >= (double)a->n_param)
            break;
    }
    double want = log((double)a->n_param);
    int nearer = last.n_embd && want - log(count(&last, arch, n_vocab)) <
                                    log(count(&next, arch, n_vocab)) - want;
    *a = nearer ? last : next;
}

static int check_heads(const struct tr_init_args *a, struct tr_err *err)
{
    if (a->n_embd % a->n_head || a->n_head % a->n_head_kv)
        return tr_err_set(err, TR_EINVAL,
                          "%lld heads (%lld of k and v) do not divide a width of %lld",
                          (long long)a->n_head, (long long)a->n_head_kv,
                          (long long)a->n_embd);
    if (a->n_embd / a->n_head % 2)
        return tr_err_set(err, TR_EINVAL, "heads of %lld numbers: rope turns pairs",
                          (long long)(a->n_embd / a->n_head));
    return 0;
}

int tr_init_shape(struct tr_init_args *a, struct tr_err *err)
{
    const struct tr_arch *arch = tr__init_arch(a);
    int64_t n_vocab = tokens(a->vocab, err);
    if (n_vocab < 1)
        return n_vocab ? err->code
                       : tr_err_set(err, TR_EFORMAT, "'%s' holds no tokens",
                                    tr_gguf_path(a->vocab));
    if (!arch)
        return tr_err_set(err, TR_EUNSUPPORTED, "architecture '%s' is not known", a->arch);
    if (!a->n_ctx)
        a->n_ctx = 512;
    if (!a->n_embd && !a->n_param)
        return tr_err_set(err, TR_EINVAL, "neither a width nor a number of parameters");
    if (!a->n_embd)
        choose_width(a, arch, n_vocab);
    complete(a, arch);
    double n = count(a, arch, n_vocab);
    if (a->n_param && n > 2 * (double)a->n_param)
        return tr_err_set(err, TR_EINVAL,
                          "a vocabulary of %lld tokens makes %.3g parameters at a width of %lld "
                          "already, more than twice %lld",
                          (long long)n_vocab, n, (long long)a->n_embd, (long long)a->n_param);
    return check_heads(a, err);
}
