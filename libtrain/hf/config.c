/* SPDX-License-Identifier: MIT
 *
 * What a config.json says although it is not written, and the sizes that tables need:
 * transformers fills in what a file leaves out, so we do.  Next: keys.c.
 */
#include <libtrain/hf/map.h>

#include <stdio.h>
#include <string.h>

/* ---- complete --------------------------------------------------------------------- */

/* `to`'s own entry; 0 if there is no value. */
static int put(struct tr_json *to, const char *key, const struct tr_json *v)
{
    return v ? tr_json_set(to, key, tr_json_share(v)) : 0;
}

static int put_all(struct tr_json *to, const struct tr_json *from)
{
    int rc = 0;
    struct tr_json_each e = tr_json_each(from);
    while (!rc && tr_json_next(&e))
        rc = put(to, e.key, e.value);
    return rc;
}

static int put_default(struct tr_json *c, const struct tr__hf_default *d, struct tr_err *err)
{
    if (d->value) {
        struct tr_json *v = tr_json_parse(d->value, strlen(d->value), d->field, 0, 0, err);
        return v ? tr_json_set(c, d->field, v) : -1;
    }
    const struct tr_json *of = tr_json_get(c, d->of);
    int64_t over = d->over ? tr_json_int(tr_json_get(c, d->over)) : 1;
    if (!d->over && !d->times)
        return put(c, d->field, of);
    if (!of || over <= 0 || tr_json_int(of) < 0 || tr_json_int(of) > INT32_MAX)
        return 0; /* what is missing is named where it is needed */
    int64_t v = tr_json_int(of) * (d->times ? d->times : 1) / over;
    return tr_json_set(c, d->field, tr_json_integer(v));
}

/* What newer files have in rope_parameters older ones have beside it, under several names. */
static int put_rope(struct tr_json *rope, const struct tr_json *c)
{
    static const char *const from[][2] = {
        { "rope_theta", "rope_theta" }, { "rope_theta", "rotary_emb_base" },
        { "partial_rotary_factor", "partial_rotary_factor" },
        { "partial_rotary_factor", "rope_pct" }, { "partial_rotary_factor", "rotary_pct" },
        { "original_max_position_embeddings", "original_max_position_embeddings" },
    };
    int rc = 0;
    if (tr_json_get(rope, "full_attention") || tr_json_get(rope, "sliding_attention"))
        return 0;
    for (size_t i = 0; !rc && i < sizeof from / sizeof *from; i++)
        if (!tr_json_get(rope, from[i][0]))
            rc = put(rope, from[i][0], tr_json_get(c, from[i][1]));
    if (!rc && !tr_json_get(rope, "rope_type"))
        rc = put(rope, "rope_type", tr_json_get(rope, "type"));
    if (!rc && tr_json_get(c, "rope_local_base_freq")) {
        struct tr_json *o = tr_json_object();
        rc = !o || put(o, "rope_theta", tr_json_get(c, "rope_local_base_freq")) ||
             tr_json_set(rope, "sliding_attention", o);
    }
    return rc;
}

static int fill(const struct tr__hf_arch *a, const struct tr_json *config, struct tr_json *c,
                struct tr_err *err)
{
    int rc = put_all(c, config);
    if (!rc)
        rc = put_all(c, tr_json_get(config, "text_config"));
    size_t blocks = tr_json_count(tr_json_get(c, "layers_block_type")); /* they are counted */
    if (!rc && blocks && !tr_json_get(c, "num_hidden_layers"))
        rc = tr_json_set(c, "num_hidden_layers", tr_json_integer((int64_t)blocks));
    for (const struct tr__hf_default *d = a->missing; !rc && d && d->field; d++)
        if (!tr_json_get(c, d->field))
            rc = put_default(c, d, err);
    const struct tr_json *old = tr_json_get(c, "rope_parameters");
    if (!old)
        old = tr_json_get(c, "rope_scaling");
    struct tr_json *rope = rc ? NULL : tr_json_object();
    if (!rope || put_all(rope, old) || put_rope(rope, c))
        rc = -1;
    if (rc) {
        tr_json_free(rope);
        return -1;
    }
    return tr_json_set(c, "rope_parameters", rope);
}

struct tr_json *tr__hf_complete(const struct tr__hf_arch *a, const struct tr_json *config,
                                struct tr_err *err)
{
    struct tr_json *c = tr_json_object();
    if (c && fill(a, config, c, err) == 0)
        return c;
    tr_json_free(c);
    tr_err_set(err, TR_ENOMEM, "out of memory");
    return NULL;
}

/* ---- sizes ------------------------------------------------------------------------ */

enum { MOST = 1 << 24 }; /* of heads, blocks, columns: more are a mistake */

static int check(const struct tr__hf_sizes *s, const char *path, struct tr_err *err)
{
    const struct {
        const char *what;
        int64_t n, least;
    } part[] = {
        { "blocks", s->n_layer, 1 }, { "columns", s->n_embd, 1 }, { "heads", s->n_head, 0 },
        { "heads of keys", s->n_head_kv, 0 }, { "columns of a head", s->head_dim, 0 },
        { "experts", s->n_expert, 0 },
    };
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].n < part[i].least || part[i].n > MOST)
            return tr_err_set(err, TR_EFORMAT, "'%s': a model of %lld %s", path,
                              (long long)part[i].n, part[i].what);
    return 0;
}

static int64_t whole(const struct tr__hf_arch *a, const struct tr_json *c, const char *key)
{
    return tr_json_int(tr__hf_key_field(a, c, key));
}

/* A field without which there is no model, by the names that it may have. */
static int check_there(const struct tr__hf_arch *a, const struct tr_json *c, const char *key,
                       const char *path, struct tr_err *err)
{
    const struct tr__hf_key *k = a->key;
    while (k->kind && (!k->key || strcmp(k->key, key)))
        k++;
    if (!k->kind || !k->field[0] || tr__hf_key_field(a, c, key))
        return 0;
    return tr_err_set(err, TR_EFORMAT, "'%s': '%s' is missing", path, k->field[0]);
}

int tr__hf_sizes_of_config(const struct tr__hf_arch *a, const struct tr_json *config,
                           const char *path, struct tr__hf_sizes *s, struct tr_err *err)
{
    int64_t head = tr_json_int(tr_json_get(config, "head_dim"));
    *s = (struct tr__hf_sizes){
        .n_layer = whole(a, config, "block_count"),
        .n_embd = whole(a, config, "embedding_length"),
        .n_head = whole(a, config, "attention.head_count"),
        .n_head_kv = tr_json_int(tr_json_get(config, "num_key_value_heads")),
        .n_expert = whole(a, config, "expert_count"),
        .key_heads = whole(a, config, "ssm.group_count"),
        .value_heads = whole(a, config, "ssm.time_step_rank"),
        .value_dim = tr_json_int(tr_json_get(config, "linear_value_head_dim")),
    };
    if (!s->n_head_kv)
        s->n_head_kv = s->n_head;
    s->head_dim = head || s->n_head <= 0 ? head : s->n_embd / s->n_head;
    int rc = check_there(a, config, "block_count", path, err);
    if (!rc)
        rc = check_there(a, config, "embedding_length", path, err);
    return rc ? rc : check(s, path, err);
}

/* The largest number under ARCH.KEY, of all blocks if they have their own; *to is kept if
 * there is none. */
static int most(const struct tr_gguf *g, struct tr_str arch, const char *key, int64_t *to)
{
    char name[128];
    snprintf(name, sizeof name, "%.*s.%s", (int)(arch.len > 60 ? 60 : arch.len), arch.ptr,
             key);
    const struct tr_gguf_kv *kv;
    if (tr_gguf_int(g, name, to, NULL) == 1 || tr_gguf_ints(g, name, &kv, NULL) != 1)
        return 0;
    *to = 0;
    for (uint64_t i = 0; i < kv->count; i++)
        if (tr_gguf_elem_int(kv, i) > *to)
            *to = tr_gguf_elem_int(kv, i);
    return 0;
}

int tr__hf_sizes_of_gguf(const struct tr_gguf *g, struct tr__hf_sizes *s, struct tr_err *err)
{
    struct tr_str arch = { "", 0 };
    if (tr_gguf_string(g, "general.architecture", &arch, err) < 0)
        return TR_EFORMAT;
    *s = (struct tr__hf_sizes){ 0 };
    int64_t inner = 0;
    const struct {
        const char *key;
        int64_t *to;
    } part[] = {
        { "block_count", &s->n_layer }, { "nextn_predict_layers", &s->n_ahead },
        { "embedding_length", &s->n_embd },
        { "attention.head_count", &s->n_head }, { "attention.head_count_kv", &s->n_head_kv },
        { "attention.key_length", &s->head_dim }, { "expert_count", &s->n_expert },
        { "ssm.group_count", &s->key_heads }, { "ssm.time_step_rank", &s->value_heads },
        { "ssm.inner_size", &inner },
    };
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        most(g, arch, part[i].key, part[i].to);
    s->n_layer -= s->n_ahead > 0 ? s->n_ahead : 0;
    if (!s->n_head_kv)
        s->n_head_kv = s->n_head;
    if (!s->head_dim && s->n_head > 0)
        s->head_dim = s->n_embd / s->n_head;
    s->value_dim = s->value_heads > 0 ? inner / s->value_heads : 0;
    return check(s, tr_gguf_path(g), err);
}
