/* SPDX-License-Identifier: MIT
 *
 * Mixtures: some matrices suffer more from few bits than others, so that a model with more
 * bits in these is better than one of the same size with as many everywhere.  Which ones is
 * llama-quantize's experience (llama.cpp, src/llama-quant.cpp), here in a table of rules
 * (mix_rules.def) over three words of bits: the kind of the tensor, the mixture, and what
 * is so in this place.  Next: recipe.c.
 */
#include <libtrain/edit/mix.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ==== the table of mixtures ==== */

enum mix_id {
#define TR_MIX(id, type, file_type) MIX_##id,
#include <libtrain/edit/mixes.def>
    N_MIX
};

static const struct tr_mix mixes[] = {
#define TR_MIX(id, type, file_type) { #id, type, file_type },
#include <libtrain/edit/mixes.def>
};

static const struct {
    const char *name;
    enum mix_id id;
} aliases[] = {
#define TR_MIX_ALIAS(name, id) { name, MIX_##id },
#include <libtrain/edit/mixes.def>
};

const struct tr_mix *tr_mix_at(int i)
{
    return i < N_MIX ? &mixes[i] : NULL;
}

const struct tr_mix *tr_mix_by_name(const char *name)
{
    for (int i = 0; i < N_MIX; i++)
        if (!strcasecmp(name, mixes[i].name))
            return &mixes[i];
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (!strcasecmp(name, aliases[i].name))
            return &mixes[aliases[i].id];
    return NULL;
}

/* ==== the words of the rules ==== */

#define M(id) ((uint64_t)1 << MIX_##id)
#define ANY_MIX (~(uint64_t)0)
#define COARSE \
    (M(IQ1_S) | M(IQ1_M) | M(IQ2_XXS) | M(IQ2_XS) | M(IQ2_S) | M(IQ2_M))

enum {
    OUTPUT = 1 << TR__KIND_OUTPUT,
    TOKENS = 1 << TR__KIND_TOKENS,
    V = 1 << TR__KIND_V,
    K = 1 << TR__KIND_K,
    Q = 1 << TR__KIND_Q,
    ATTN_OUT = 1 << TR__KIND_ATTN_OUT,
    UP = 1 << TR__KIND_UP,
    GATE = 1 << TR__KIND_GATE,
    DOWN = 1 << TR__KIND_DOWN,
    ANY = (1 << TR__N_KIND) - 1,
};

enum fact {
    FALCON = 1,
    WEIGHTED = 2,       /* there is an importance matrix */
    GROUPS_OF_4 = 4,    /* a head of k and v serves so many of q, or more */
    EXPERTS_4 = 8,      /* of them or more */
    EXPERTS_ARE_8 = 16,
    OF_70B = 32,
    ODD_ROWS = 64,      /* no whole number of blocks of the mixture's type */
    EXPERT_STACK = 128, /* the matrices of all experts in one tensor */
    FINE_ONLY = 256,    /* one that its architecture wants in Q8_0 */
    AMONG_2 = 512,      /* of the first ones of its kind */
    AMONG_4 = 1024,
    AMONG_8TH = 2048,   /* as many as an eighth of the layers */
    FIRST_16TH = 4096,  /* in a layer of the first sixteenth … */
    FIRST_8TH = 8192,
    MIDDLE = 16384,     /* neither in the first nor in the last eighth */
    FAVOURED = 32768,   /* in the first or last eighth, or one of three between them */
};

static const struct rule {
    unsigned kinds;
    uint64_t mixes;
    unsigned has, has_not; /* facts */
    const char *type;      /* NULL: that of the mixture */
} rules[] = {
#define TR_RULE(kinds, mixes, has, has_not, type) \
    { kinds, mixes, (unsigned)(has), (unsigned)(has_not), type },
#include <libtrain/edit/mix_rules.def>
};

/* ==== kinds ==== */

enum tr__kind tr__kind_of(const char *tensor)
{
    static const struct { const char *name; enum tr__kind kind; } whole[] = {
        { "output.weight", TR__KIND_OUTPUT }, { "token_embd.weight", TR__KIND_TOKENS },
        { "per_layer_token_embd.weight", TR__KIND_TOKENS },
    }, part[] = {
        { "attn_qkv.weight", TR__KIND_V }, { "attn_kv_b.weight", TR__KIND_V },
        { "attn_v.weight", TR__KIND_V }, { "attn_k.weight", TR__KIND_K },
        { "attn_q.weight", TR__KIND_Q }, { "attn_output.weight", TR__KIND_ATTN_OUT },
        { "ffn_up", TR__KIND_UP }, { "ffn_gate", TR__KIND_GATE },
        { "ffn_down", TR__KIND_DOWN },
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (!strcmp(tensor, whole[i].name))
            return whole[i].kind;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (strstr(tensor, part[i].name))
            return part[i].kind;
    return TR__KIND_OTHER;
}

/* ==== what is so of a model ==== */

/* "ARCH.NAME", its first element if it is a list; `otherwise` if it is no integer. */
static int64_t number(const struct tr_gguf *g, const char *arch, const char *name,
                      int64_t otherwise)
{
    char key[160];
    const struct tr_gguf_kv *kv;
    snprintf(key, sizeof key, "%s.%s", arch, name);
    if (tr_gguf_ints(g, key, &kv, NULL) == 1 && kv->count)
        return tr_gguf_elem_int(kv, 0);
    return tr_gguf_int(g, key, &otherwise, NULL) < 0 ? 0 : otherwise;
}

/* Models that llama.cpp counts as those of 70 billion weights. */
static int is_70b(const char *arch, int64_t n_layer, int grouped)
{
    static const struct { const char *arch; int n_layer, grouped; } known[] = {
        { "llama", 80, 1 }, { "llama-embed", 80, 1 }, { "qwen2", 80, 0 }, { "deci", 80, 0 },
        { "olmo", 80, 0 }, { "jais2", 68, 0 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(arch, known[i].arch) && n_layer == known[i].n_layer)
            return grouped || !known[i].grouped;
    return 0;
}

/* Layers as llama.cpp counts them, which may run some twice or add one. */
static int64_t n_layer_of(const struct tr_gguf *g, const char *arch)
{
    int64_t n = number(g, arch, "block_count", 0);
    if (!strcmp(arch, "nanbeige"))
        n *= number(g, arch, "num_loops", 1);
    return n + !strcmp(arch, "graniteswitch");
}

static unsigned facts_of(const struct tr_gguf *g, const char *arch, int64_t n_expert)
{
    int64_t n_head = number(g, arch, "attention.head_count", 0);
    int64_t n_head_kv = number(g, arch, "attention.head_count_kv", n_head);
    int64_t n_run = number(g, arch, "block_count", 0) -
                    number(g, arch, "nextn_predict_layers", 0);
    unsigned facts = 0;
    facts |= strcmp(arch, "falcon") ? 0 : FALCON;
    facts |= n_head_kv > 0 && n_head / n_head_kv >= 4 ? GROUPS_OF_4 : 0;
    facts |= n_expert >= 4 ? EXPERTS_4 : 0;
    facts |= n_expert == 8 ? EXPERTS_ARE_8 : 0;
    facts |= is_70b(arch, n_run, n_head != n_head_kv) ? OF_70B : 0;
    return facts;
}

static void count_tensors(struct tr__mix_walk *w, const struct tr_gguf *g)
{
    w->tied = 1;
    for (size_t i = 0; i < tr_gguf_n_tensor(g); i++) {
        enum tr__kind kind = tr__kind_of(tr_gguf_tensor(g, i)->name);
        w->n_value += kind == TR__KIND_V;
        w->tied &= kind != TR__KIND_OUTPUT;
    }
}

void tr__arch_name(char *text, size_t size, const struct tr_gguf *g)
{
    struct tr_str s = { "", 0 };
    if (tr_gguf_string(g, "general.architecture", &s, NULL) != 1)
        s.len = 0;
    snprintf(text, size, "%.*s", (int)s.len, s.ptr);
}

void tr__mix_begin(struct tr__mix_walk *w, const struct tr_mix *mix,
                   const struct tr_gguf *g, int weighted)
{
    *w = (struct tr__mix_walk){ .mix = mix };
    tr__arch_name(w->arch, sizeof w->arch, g);
    int64_t n_expert = number(g, w->arch, "expert_count", 0);
    w->facts = facts_of(g, w->arch, n_expert) | (weighted ? WEIGHTED : 0);
    w->by_name = n_expert > 1;
    w->n_layer = n_layer_of(g, w->arch);
    count_tensors(w, g);
}

/* ==== what is so of a tensor ==== */

static int is_favoured(int64_t i, int64_t n)
{
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

static unsigned place(const struct tr__mix_walk *w, enum tr__kind kind, const char *name)
{
    int64_t n_before = w->n[kind], block = tr_gguf_block(name, NULL), n = w->n_layer;
    int64_t i = kind != TR__KIND_V && w->by_name && block >= 0 ? block : n_before;
    unsigned facts = 0;
    facts |= n_before < 2 ? AMONG_2 : 0;
    facts |= n_before < 4 ? AMONG_4 : 0;
    facts |= n_before < n / 8 ? AMONG_8TH : 0;
    facts |= i < n / 16 ? FIRST_16TH : 0;
    facts |= i < n / 8 ? FIRST_8TH : 0;
    facts |= i >= n / 8 && i < 7 * n / 8 ? MIDDLE : 0;
    facts |= is_favoured(i, kind == TR__KIND_V ? w->n_value : n) ? FAVOURED : 0;
    return facts;
}

static int is_stack(const char *arch, enum tr__kind kind, const struct tr_gguf_tensor *t)
{
    int of_mlp = kind == TR__KIND_UP || kind == TR__KIND_GATE || kind == TR__KIND_DOWN;
    return t->n_dim > 2 && t->dim[t->n_dim - 3] > 1 &&
           (of_mlp || strcmp(arch, "bailingmoe3"));
}

static int is_fine_only(const char *arch, const char *name)
{
    return !strcmp(arch, "glm5-next") &&
           (strstr(name, "attn_q_a") || strstr(name, "attn_q_b") ||
            strstr(name, "nextn.eh_proj"));
}

static unsigned facts_here(const struct tr__mix_walk *w, enum tr__kind kind,
                           const struct tr_gguf_tensor *t)
{
    const struct tr_dtype *main = tr_dtype_by_name(w->mix->type);
    unsigned facts = w->facts | place(w, kind, t->name);
    facts |= tr_gguf_row(t) % main->block ? ODD_ROWS : 0;
    facts |= is_stack(w->arch, kind, t) ? EXPERT_STACK : 0;
    facts |= is_fine_only(w->arch, t->name) ? FINE_ONLY : 0;
    return facts;
}

static const struct rule *find_rule(uint64_t mix, enum tr__kind kind, unsigned facts)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        if ((r->kinds >> kind & 1) && (r->mixes & mix) && (r->has & facts) == r->has &&
            !(r->has_not & facts))
            return r;
    }
    return NULL;
}

/* Of models of 70B eight heads share their values, so more bits for these are cheap. */
static const char *of_70b(const char *type)
{
    return !strcmp(type, "Q3_K") || !strcmp(type, "Q4_K") ? "Q5_K" : type;
}

const struct tr_dtype *tr__mix_next(struct tr__mix_walk *w, const struct tr_gguf_tensor *t)
{
    uint64_t mix = (uint64_t)1 << (w->mix - mixes);
    enum tr__kind kind = tr__kind_of(t->name);
    unsigned facts = facts_here(w, kind, t);
    int as_output = w->tied && kind == TR__KIND_TOKENS;
    const struct rule *r = find_rule(mix, as_output ? TR__KIND_OUTPUT : kind, facts);
    const char *type = r && r->type ? r->type : w->mix->type;
    if (kind == TR__KIND_V && (facts & OF_70B) && !(mix & COARSE))
        type = of_70b(type);
    w->n[kind]++;
    return tr_dtype_by_name(type);
}
