/* SPDX-License-Identifier: MIT
 *
 * The paragraph that gguf-show begins with: what kind of file this is, of a model its
 * architecture, blocks, vocabulary and types, and what can be trained of it.
 */
#include "model-words.h"

#include "gguf-text.h"

#include <libtrain/model.h>

#include <string.h>

/* The value of a string key, "" where there is none. */
static struct tr_str text_of(const struct tr_gguf *g, const char *key)
{
    struct tr_str s = { "", 0 };
    if (tr_gguf_string(g, key, &s, NULL) <= 0)
        s = (struct tr_str){ "", 0 };
    return s;
}

static int64_t n_numbers(const struct tr_gguf *g, int64_t *bytes)
{
    int64_t n = 0;
    *bytes = 0;
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(g, i);
        n += t->bytes / t->dtype->bytes * t->dtype->block;
        *bytes += t->bytes;
    }
    return n;
}

static void print_count(FILE *f, int64_t n)
{
    if (n < 1000000)
        fprintf(f, "%.1f thousand", (double)n / 1e3);
    else if (n < 1000000000)
        fprintf(f, "%.1f million", (double)n / 1e6);
    else
        fprintf(f, "%.2f billion", (double)n / 1e9);
}

/* "a NOUN of the architecture ARCH, named NAME, of N numbers" */
static void print_file(FILE *f, const struct tr_gguf *g)
{
    struct tr_str arch = text_of(g, "general.architecture"), name = text_of(g, "general.name");
    int64_t bytes, n = n_numbers(g, &bytes);
    fprintf(f, "This is %s", tr_gguf_purpose(g));
    if (arch.len) {
        fputs(" of the architecture ", f);
        gguf_print_text(f, arch.ptr, arch.len);
    }
    if (name.len) {
        fputs(", named ", f);
        gguf_print_text(f, name.ptr, name.len);
    }
    if (n) {
        fputs(", of ", f);
        print_count(f, n);
        fputs(" numbers", f);
    }
    fputs(".\n", f);
}

static int alike(const struct tr_layer *a, const struct tr_layer *b)
{
    return a->mixer == b->mixer && a->window == b->window && a->n_head == b->n_head &&
           a->n_head_kv == b->n_head_kv && a->head_dim == b->head_dim;
}

static void print_kind(FILE *f, const struct tr_config *c, int64_t first)
{
    const struct tr_layer *l = &c->layer[first];
    int64_t n = 0;
    for (int64_t i = first; i < c->n_layer; i++)
        n += alike(l, &c->layer[i]);
    fprintf(f, "%lld of %s", (long long)n, tr_layer_kind(l));
    if (l->window > 0)
        fprintf(f, " to the last %lld positions", (long long)l->window);
    if (l->n_head)
        fprintf(f, " (%lld heads of %lld, %lld of keys and values)", (long long)l->n_head,
                (long long)l->head_dim, (long long)l->n_head_kv);
}

/* The width of the MLPs, and how many blocks have experts instead, or beside them. */
static void print_mlps(FILE *f, const struct tr_config *c)
{
    const struct tr_experts *e = &c->experts;
    const struct tr_layer *with = NULL;
    int64_t n = 0, wide = 0;
    for (int64_t i = 0; i < c->n_layer; i++) {
        const struct tr_layer *l = &c->layer[i];
        n += l->n_expert > 0;
        with = l->n_expert ? l : with;
        wide = l->n_ff > wide ? l->n_ff : wide;
    }
    if (wide)
        fprintf(f, "; MLPs %lld wide", (long long)wide);
    if (!with)
        return;
    fputs("; ", f);
    if (n < c->n_layer)
        fprintf(f, "in %lld blocks ", (long long)n);
    fprintf(f, "%lld experts %lld wide, of which a position sees %lld", (long long)e->n,
            (long long)with->n_ff_expert, (long long)e->n_used);
    if (with->n_ff_shared)
        fprintf(f, " and one more, %lld wide", (long long)with->n_ff_shared);
}

/* Blocks by kind, each kind where its first block is. */
static void print_blocks(FILE *f, const struct tr_config *c)
{
    fprintf(f, "It has %lld blocks, %lld wide: ", (long long)c->n_layer,
            (long long)c->n_embd);
    for (int64_t i = 0; i < c->n_layer; i++) {
        int64_t before = 0;
        while (before < i && !alike(&c->layer[before], &c->layer[i]))
            before++;
        if (before < i)
            continue;
        fputs(i ? ", " : "", f);
        print_kind(f, c, i);
    }
    print_mlps(f, c);
    if (c->n_ahead)
        fprintf(f, "; %lld more only predict further ahead and are not run",
                (long long)c->n_ahead);
    fputs(".\n", f);
}

static void print_vocabulary(FILE *f, const struct tr_gguf *g, const struct tr_config *c)
{
    struct tr_str model = text_of(g, "tokenizer.ggml.model");
    struct tr_str pre = text_of(g, "tokenizer.ggml.pre");
    fprintf(f, "It was made for %lld positions, and for %lld tokens",
            (long long)c->n_ctx, (long long)c->n_vocab);
    if (model.len) {
        fputs(" (tokenizer ", f);
        gguf_print_text(f, model.ptr, model.len);
        if (pre.len) {
            fputs(", ", f);
            gguf_print_text(f, pre.ptr, pre.len);
        }
        fputs(")", f);
    }
    fprintf(f, "; %s chat template.\n",
            text_of(g, "tokenizer.chat_template").len ? "it has a" : "it has no");
}

/* Types of its tensors, in the order in which they appear; *packed: one has blocks. */
static void print_types(FILE *f, const struct tr_gguf *g, int *packed)
{
    int64_t bytes, n = n_numbers(g, &bytes);
    *packed = 0;
    fputs("Its tensors are", f);
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        const struct tr_dtype *type = tr_gguf_tensor(g, i)->dtype;
        size_t before = 0, count = 0;
        while (before < i && tr_gguf_tensor(g, before)->dtype != type)
            before++;
        if (before < i)
            continue;
        for (size_t j = i; j < tr_gguf_n_tensor(g); j++)
            count += tr_gguf_tensor(g, j)->dtype == type;
        *packed |= type->block > 1;
        fprintf(f, "%s %s (%zu)", i ? "," : "", type->name, count);
    }
    fprintf(f, ": %.1f MB, %.2f bits a number.\n", (double)bytes / 1e6,
            8.0 * (double)bytes / (double)n);
}

static void print_model(FILE *f, const struct tr_gguf *g)
{
    struct tr_err err = { 0 };
    int packed;
    struct tr_model *m = tr_model_open(tr_gguf_path(g), &err);
    if (m) {
        print_blocks(f, tr_model_config(m));
        print_vocabulary(f, g, tr_model_config(m));
    }
    print_types(f, g, &packed);
    if (!m)
        fprintf(f, "It cannot be trained or run here: %s.\n", err.text);
    else if (packed)
        fputs("An adapter (LoRA) can be trained on it; not all its weights, since they are "
              "quantised.\n", f);
    else
        fputs("An adapter (LoRA) can be trained on it, or all its weights.\n", f);
    tr_model_close(m);
}

void model_words_print(FILE *f, const struct tr_gguf *g)
{
    print_file(f, g);
    if (!strcmp(tr_gguf_purpose(g), "a model"))
        print_model(f, g);
    fputc('\n', f);
}
