/* SPDX-License-Identifier: MIT
 *
 * Settings of an adapter as PEFT keeps them in adapter_config.json.  Modules there have the
 * names that transformers gives them; GGUF names the same matrices otherwise.  What is set
 * and would make another adapter than the one that is made here is refused by name: a run
 * that only looks like the one that was asked for is worth nothing.  Next: new.c.
 */
#include <libtrain/base/base.h>
#include <libtrain/file.h>
#include <libtrain/json.h>
#include <libtrain/lora/pair.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ------------------------------------------------------------------------- */

/* Whether v asks for nothing: null, false, 0, "", [], {}. */
static int is_nothing(const struct tr_json *v)
{
    return !tr_json_bool(v) && tr_json_real(v) == 0 && !*tr_json_string(v, NULL) &&
           !tr_json_count(v);
}

static int is_true(const struct tr_json *v)
{
    return tr_json_kind(v) == TR_JSON_BOOL && tr_json_bool(v);
}

static int is_text(const struct tr_json *v, const char *text)
{
    return tr_json_kind(v) == TR_JSON_STRING && !strcmp(tr_json_string(v, NULL), text);
}

static int is_none(const struct tr_json *v) { return is_text(v, "none"); }
static int is_lora(const struct tr_json *v) { return is_text(v, "LORA"); }
static int is_any(const struct tr_json *v) { return (void)v, 1; }

/* Keys that are read below, and those that change nothing about what is trained; any other
 * must ask for nothing. */
static const struct {
    const char *name;
    int (*may_be)(const struct tr_json *v);
} keys[] = {
    { "r", is_any },
    { "lora_alpha", is_any },
    { "target_modules", is_any },
    { "use_rslora", is_any },
    { "layers_to_transform", is_any },
    { "layers_pattern", is_any }, /* blocks are known */
    { "peft_type", is_lora },
    { "bias", is_none },
    { "init_lora_weights", is_true }, /* a uniform, b zero: as tr_lora_start */
    { "base_model_name_or_path", is_any },
    { "revision", is_any },
    { "task_type", is_any },
    { "inference_mode", is_any },
    { "auto_mapping", is_any },
    { "peft_version", is_any },
    { "fan_in_fan_out", is_any }, /* how another program stores its base */
    { "megatron_core", is_any },
    { "runtime_config", is_any },
    { "qalora_group_size", is_any }, /* of use_qalora */
};

static int check_keys(const struct tr_json *config, const char *path, struct tr_err *err)
{
    struct tr_json_each e = tr_json_each(config);
    while (tr_json_next(&e)) {
        int ok = is_nothing(e.value) && strcmp(e.key, "init_lora_weights");
        for (size_t i = 0; !ok && i < sizeof keys / sizeof *keys; i++)
            ok = !strcmp(keys[i].name, e.key) && keys[i].may_be(e.value);
        if (!ok)
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': '%s' is set, and adapters that "
                              "are trained here have no such thing%s", path, e.key,
                              strcmp(e.key, "lora_dropout") ? "" : ": set it to 0");
    }
    return 0;
}

/* ---- modules ---------------------------------------------------------------------- */

/* Modules inside of a block, and the stem of their tensor's name in GGUF. */
static const struct {
    const char *module, *stem;
} modules[] = {
    { "self_attn.q_proj", "attn_q" },
    { "self_attn.k_proj", "attn_k" },
    { "self_attn.v_proj", "attn_v" },
    { "self_attn.o_proj", "attn_output" },
    { "self_attn.qkv_proj", "attn_qkv" },
    { "self_attn.out_proj", "attn_output" },
    { "self_attn.dense", "attn_output" },
    { "self_attention.query_key_value", "attn_qkv" },
    { "self_attention.dense", "attn_output" },
    { "attn.c_attn", "attn_qkv" },
    { "attn.c_proj", "attn_output" },
    { "mlp.gate_proj", "ffn_gate" },
    { "mlp.up_proj", "ffn_up" },
    { "mlp.down_proj", "ffn_down" },
    { "mlp.gate_up_proj", "ffn_up" }, /* one matrix there, too */
    { "mlp.fc1", "ffn_up" },
    { "mlp.fc2", "ffn_down" },
    { "mlp.c_fc", "ffn_up" },
    { "mlp.c_proj", "ffn_down" },
    { "mlp.dense_h_to_4h", "ffn_up" },
    { "mlp.dense_4h_to_h", "ffn_down" },
    { "mlp.gate", "ffn_gate_inp" },
    { "mlp.shared_expert.gate_proj", "ffn_gate_shexp" },
    { "mlp.shared_expert.up_proj", "ffn_up_shexp" },
    { "mlp.shared_expert.down_proj", "ffn_down_shexp" },
    { "feed_forward.gate_proj", "ffn_gate" },
    { "feed_forward.up_proj", "ffn_up" },
    { "feed_forward.down_proj", "ffn_down" },
    { "feed_forward.w1", "ffn_gate" },
    { "feed_forward.w3", "ffn_up" },
    { "feed_forward.w2", "ffn_down" },
    { "conv.in_proj", "shortconv.in_proj" },
    { "conv.out_proj", "shortconv.out_proj" },
    { "mamba.in_proj", "ssm_in" },
    { "mamba.out_proj", "ssm_out" },
    { "mixer.in_proj", "ssm_in" },
    { "mixer.out_proj", "ssm_out" },
};

/* Modules outside of blocks. */
static const struct {
    const char *module, *tensor;
} outside[] = {
    { "embed_tokens", "token_embd.weight" }, { "wte", "token_embd.weight" },
    { "embed_in", "token_embd.weight" },     { "word_embeddings", "token_embd.weight" },
    { "lm_head", "output.weight" },          { "embed_out", "output.weight" },
};

/* Is b the end of a, at the beginning of a part between dots? */
static int ends_with(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    return n >= m && !strcmp(a + n - m, b) && (n == m || a[n - m - 1] == '.');
}

/* The number of the block in "model.layers.3.self_attn.q_proj"; -1: there is none. */
static int64_t block_of(const char *target, const char *module)
{
    size_t n = strlen(target) - strlen(module), at = n;
    if (n < 2)
        return -1;
    for (at = n - 1; at > 0 && target[at - 1] >= '0' && target[at - 1] <= '9';)
        at--;
    return at < n - 1 ? strtoll(target + at, NULL, 10) : -1;
}

/* Whether the module of this row of the table, in this block, is meant by the target. */
static int is_meant(const char *target, const char *module, int64_t block)
{
    if (!ends_with(target, module))
        return ends_with(module, target);
    int64_t named = block_of(target, module);
    return named < 0 || named == block;
}

static int is_wanted_block(const struct tr_json *layers, int64_t block)
{
    if (tr_json_kind(layers) == TR_JSON_INT)
        return tr_json_int(layers) == block;
    for (size_t i = 0; i < tr_json_count(layers); i++)
        if (tr_json_int(tr_json_at(layers, i)) == block)
            return 1;
    return !layers;
}

/* ---- patterns --------------------------------------------------------------------- */

struct patterns {
    const struct tr_model *base;
    const char *path;
    const struct tr_json *layers; /* NULL: all */
    char *list;
    size_t n, cap;
};

static int append(struct patterns *p, const char *name, struct tr_err *err)
{
    size_t n = strlen(name);
    if (tr__grow(&p->list, &p->cap, p->n + n + 2, 1))
        return tr_err_set(err, TR_ENOMEM, "'%s': out of memory for its modules", p->path);
    p->n += (size_t)sprintf(p->list + p->n, "%s%s", p->n ? "," : "", name);
    return 0;
}

/* The token table or the output, if the target is one; *any: it was.  With one table for both
 * PEFT changes the look-up alone, which is another adapter. */
static int add_outside(struct patterns *p, const char *target, int *any, struct tr_err *err)
{
    for (size_t i = 0; !p->layers && i < sizeof outside / sizeof *outside; i++) {
        if (!ends_with(target, outside[i].module) ||
            !tr__weight_find(p->base, outside[i].tensor))
            continue;
        *any = 1;
        if (tr__is_tied(p->base))
            return tr_err_set(err, TR_EUNSUPPORTED, "'%s': target module '%s' is the output "
                              "too, and an adapter that is trained here changes both",
                              p->path, target);
        return append(p, outside[i].tensor, err);
    }
    return 0;
}

/* Linear layers of the base that a target names; TR_EFORMAT if that is none. */
static int add_target(struct patterns *p, const char *target, struct tr_err *err)
{
    int any = 0, rc = 0;
    for (size_t i = 0; !rc && i < p->base->n_weight; i++) {
        const struct tr_weight *w = &p->base->weight[i];
        const char *middle = w->t.name;
        int linear = w->t.data && w->slot->linear;
        int64_t block = linear ? tr_gguf_block(w->t.name, &middle) : -1;
        int meant = 0, all = linear && !strcmp(target, "all-linear") && !w->slot->router;
        for (size_t j = 0; block >= 0 && j < sizeof modules / sizeof *modules; j++) {
            size_t stem = strlen(modules[j].stem);
            meant |= !strncmp(middle, modules[j].stem, stem) &&
                     !strcmp(middle + stem, ".weight") &&
                     is_meant(target, modules[j].module, block);
        }
        if (block < 0 || !(meant || all) || !is_wanted_block(p->layers, block))
            continue;
        any = 1;
        rc = append(p, w->t.name, err);
    }
    if (!rc)
        rc = add_outside(p, target, &any, err);
    if (!rc && !any)
        rc = tr_err_set(err, TR_EFORMAT, "'%s': target module '%s' is none of the linear "
                        "layers of '%s', or of no block that is wanted", p->path, target,
                        tr_gguf_path(tr_model_gguf(p->base)));
    return rc;
}

static int add_targets(struct patterns *p, const struct tr_json *v, struct tr_err *err)
{
    if (is_text(v, "all-linear"))
        return add_target(p, "all-linear", err);
    if (tr_json_kind(v) == TR_JSON_STRING)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': 'target_modules' is a pattern, "
                          "'%s': a list of names is wanted, or \"all-linear\"", p->path,
                          tr_json_string(v, NULL));
    if (tr_json_kind(v) != TR_JSON_ARRAY || !tr_json_count(v))
        return tr_err_set(err, TR_EFORMAT, "'%s': 'target_modules' is no list of names",
                          p->path);
    int rc = 0;
    for (size_t i = 0; !rc && i < tr_json_count(v); i++)
        rc = add_target(p, tr_json_string(tr_json_at(v, i), NULL), err);
    return rc;
}

/* ---- the file --------------------------------------------------------------------- */

static int read_numbers(const struct tr_json *config, struct tr_lora_config *c,
                        const char *path, struct tr_err *err)
{
    const struct tr_json *r = tr_json_get(config, "r");
    const struct tr_json *alpha = tr_json_get(config, "lora_alpha");
    /* what PEFT has where nothing is said */
    c->rank = r ? tr_json_int(r) : 8;
    c->alpha = alpha ? tr_json_real(alpha) : 8;
    if ((r && tr_json_kind(r) != TR_JSON_INT) || c->rank < 1)
        return tr_err_set(err, TR_EFORMAT, "'%s': 'r' is no rank", path);
    if (!(c->alpha > 0))
        return tr_err_set(err, TR_EFORMAT, "'%s': 'lora_alpha' is no factor", path);
    if (is_true(tr_json_get(config, "use_rslora"))) /* alpha / sqrt(r) is wanted */
        c->alpha *= sqrt((double)c->rank);
    return 0;
}

static int read_config(const struct tr_json *config, struct tr_lora_config *c,
                       const char *path, const struct tr_model *base, struct tr_err *err)
{
    struct patterns p = { .base = base, .path = path,
                          .layers = tr_json_get(config, "layers_to_transform") };
    if (tr_json_kind(config) != TR_JSON_OBJECT)
        return tr_err_set(err, TR_EFORMAT, "'%s': is no object with settings", path);
    int rc = check_keys(config, path, err);
    if (!rc)
        rc = read_numbers(config, c, path, err);
    if (!rc)
        rc = add_targets(&p, tr_json_get(config, "target_modules"), err);
    c->targets = p.list;
    return rc;
}

int tr_lora_config_read(struct tr_lora_config *c, const char *path,
                        const struct tr_model *base, struct tr_err *err)
{
    struct tr_err mine = { 0 };
    char *text = NULL;
    size_t n;
    *c = (struct tr_lora_config){ 0 };
    int rc = tr_read_all(path, &text, &n, &mine);
    struct tr_json *config = rc ? NULL : tr_json_parse(text, n, path, 1, 0, &mine);
    if (config)
        rc = read_config(config, c, path, base, &mine);
    tr_json_free(config);
    free(text);
    if (mine.code)
        tr_lora_config_release(c);
    return mine.code ? tr_err_set(err, mine.code, "%s", mine.text) : rc;
}

void tr_lora_config_release(struct tr_lora_config *c)
{
    free(c->targets);
    *c = (struct tr_lora_config){ 0 };
}
