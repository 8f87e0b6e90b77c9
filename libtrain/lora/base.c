/* SPDX-License-Identifier: MIT
 *
 * Whether a model is the base of an adapter.  An adapter that was trained on one file of a model
 * is used on others: trained on Q4_K_M, merged into F16.  So it is not the file that must be
 * the same but the model (gguf/identity.c); an older adapter knows nothing but its file.
 */
#include <libtrain/lora/pair.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that differ tell apart what they stand for; equal ones need their hashes. */
static int refuse(const struct tr_lora *l, const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_str is = { "", 0 };
    const char *was = l->base_name ? l->base_name : "";
    char hashes[80] = "";
    if (tr_gguf_string(g, "general.name", &is, NULL) != 1)
        is.len = 0;
    if (strlen(was) == is.len && !memcmp(was, is.ptr, is.len))
        snprintf(hashes, sizeof hashes, " (%016llx and %016llx)",
                 (unsigned long long)l->base_hash, (unsigned long long)tr_gguf_hash(g));
    return tr_err_set(err, TR_EMISMATCH, "%s: the adapter was trained on another base, "
                      "'%.80s'; this is '%.*s'%s", tr_gguf_path(g),
                      *was ? was : "without a name", is.len ? (int)(is.len < 80 ? is.len : 80) : 14,
                      is.len ? is.ptr : "without a name", hashes);
}

static int is_known(const float sketch[TR_GGUF_SKETCH])
{
    for (int i = 0; i < TR_GGUF_SKETCH; i++)
        if (sketch[i] != 0)
            return 1;
    return 0;
}

static int check(const struct tr_lora *l, const struct tr_gguf *g, int *same,
                 struct tr_err *err)
{
    float mine[TR_GGUF_SKETCH];
    int is_same = !l->base_hash || l->base_hash == tr_gguf_hash(g);
    if (same)
        *same = is_same;
    if (is_same)
        return 0;
    if (is_known(l->base_sketch) && tr_gguf_sketch(g, mine) &&
        tr_gguf_sketches_match(l->base_sketch, mine))
        return 0;
    return refuse(l, g, err);
}

int tr_lora_check_base(const struct tr_lora *l, const struct tr_model *m, int *same,
                       struct tr_err *err)
{
    return check(l, tr_model_gguf(m), same, err);
}

int tr_lora_check_file(const struct tr_gguf *file, const struct tr_gguf *base, int *same,
                       struct tr_err *err)
{
    struct tr_lora l = { 0 };
    int rc = tr__lora_read_base(&l, file, err);
    if (!rc)
        rc = check(&l, base, same, err);
    free(l.base_name);
    return rc;
}

void tr__lora_of_base(struct tr_lora *l, const struct tr_model *base)
{
    struct tr_str name;
    const struct tr_gguf *g = tr_model_gguf(base);
    l->base_hash = tr_model_hash(base);
    (void)tr_gguf_sketch(g, l->base_sketch);
    if (tr_gguf_string(g, "general.name", &name, NULL) == 1)
        l->base_name = strndup(name.ptr, name.len);
}

int tr__lora_read_base(struct tr_lora *l, const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_str name;
    int found = tr_gguf_read_hash(g, "libtrain.base_hash", &l->base_hash, err);
    if (found < 0)
        return found;
    (void)tr_gguf_base_sketch(g, l->base_sketch);
    if (tr_gguf_string(g, "general.base_model.0.name", &name, NULL) == 1)
        l->base_name = strndup(name.ptr, name.len);
    return 0;
}
