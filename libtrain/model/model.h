/* SPDX-License-Identifier: MIT
 *
 * Inside of a model: which tensors there can be, what an architecture says, and the
 * weights with the adapters that hang on them.  decoder.h is what the parts of a forward
 * pass share.
 */
#ifndef LIBTRAIN_MODEL_MODEL_H
#define LIBTRAIN_MODEL_MODEL_H

#include <libtrain/model.h>

/* Every tensor that a decoder may have.  Names and shapes are in tensors.c. */
enum tr_slot_id {
    /* once in a model */
    TR_TOKEN_EMBD, TR_POSITION_EMBD, TR_TOKEN_EMBD_NORM, TR_OUTPUT_NORM,
    TR_OUTPUT_NORM_BIAS, TR_OUTPUT, TR_OUTPUT_BIAS, TR_ROPE_FREQS,
    TR_ROPE_FACTORS_LONG, TR_ROPE_FACTORS_SHORT,
    TR_INPUTS_EMBD, TR_INPUTS_PROJ, TR_INPUTS_NORM,
    TR_N_GLOBAL,
    /* once in a block */
    TR_ATTN_NORM = TR_N_GLOBAL, TR_ATTN_NORM_BIAS, TR_ATTN_QKV, TR_ATTN_QKV_BIAS,
    TR_ATTN_Q, TR_ATTN_Q_BIAS, TR_ATTN_K, TR_ATTN_K_BIAS, TR_ATTN_V, TR_ATTN_V_BIAS,
    TR_ATTN_Q_NORM, TR_ATTN_K_NORM, TR_ATTN_SINKS, TR_ATTN_OUT, TR_ATTN_OUT_BIAS,
    TR_ATTN_POST_NORM, TR_FFN_NORM, TR_FFN_NORM_BARE, TR_FFN_NORM_BIAS, TR_FFN_GATE,
    TR_FFN_GATE_BIAS, TR_FFN_UP,
    TR_FFN_UP_BIAS, TR_FFN_DOWN, TR_FFN_DOWN_BIAS, TR_FFN_POST_NORM,
    TR_SHORTCONV_IN, TR_SHORTCONV_CONV, TR_SHORTCONV_OUT,
    TR_INPUT_GATE, TR_INPUT_PROJ, TR_INPUT_POST_NORM, TR_LAYER_SCALE,
    TR_DELTA_QKV, TR_DELTA_GATE, TR_DELTA_CONV, TR_DELTA_ALPHA, TR_DELTA_DT_BIAS,
    TR_DELTA_A, TR_DELTA_BETA, TR_DELTA_NORM, TR_DELTA_OUT,
    TR_SSM_IN, TR_SSM_CONV, TR_SSM_CONV_BIAS, TR_SSM_DT_BIAS, TR_SSM_A, TR_SSM_D,
    TR_SSM_NORM, TR_SSM_OUT,
    TR_ROUTER, TR_ROUTER_BIAS, TR_CHOICE_BIAS,
    TR_GATE_UP_EXPERTS, TR_GATE_EXPERTS, TR_GATE_EXPERTS_BIAS, TR_UP_EXPERTS,
    TR_UP_EXPERTS_BIAS, TR_DOWN_EXPERTS, TR_DOWN_EXPERTS_BIAS,
    TR_GATE_SHARED, TR_UP_SHARED, TR_DOWN_SHARED, TR_SHARED_GATE,
    TR_ROUTER_NORM, TR_EXPERT_FACTOR, TR_EXPERTS_NORM, TR_EXPERTS_POST_NORM,
    TR_BESIDE_POST_NORM,
    TR_N_SLOT, TR_N_BLOCK = TR_N_SLOT - TR_N_GLOBAL
};

/* What a block is made of: its tensors go with these. */
enum tr_part {
    TR_PART_ATTENTION = 1,
    TR_PART_KV = 2, /* keys and values of its own */
    TR_PART_MLP = 4,
    TR_PART_SHORTCONV = 8,
    TR_PART_INPUT = 16, /* tr_config.n_input: for the global ones those of block 0 count */
    TR_PART_DELTA = 32,
    TR_PART_MAMBA2 = 64,
    TR_PART_EXPERTS = 128,
    TR_PART_SHARED = 256, /* an expert that all positions see */
};

struct tr_slot {
    const char *suffix; /* "token_embd.weight"; in a block behind "blk.N." */
    int n_dim;
    /* row-major; l is NULL for the global ones */
    int64_t (*dim[3])(const struct tr_config *c, const struct tr_layer *l);
    int linear;  /* a matrix of a linear layer of the blocks: LoRA can hang on it */
    int named;   /* it can on this one too, where its name is given */
    int table;   /* of tokens: its pairs are the other way round, w + scale * a b^T */
    int router;  /* whose numbers choose: always multiplied in f32, and LoRA hangs on it only
                    where its name is given */
    int frozen;  /* never trained: a table of constants */
    int minus_exp; /* trained as theta where this is -exp(theta): below 0 for ever */
    int vector;  /* in the model it is one, whatever its shape in a file */
    int f32;     /* in no other type, as all vectors are */
    unsigned part; /* enum tr_part: blocks with one of these have it; 0: all.  Slots of
                      the same name have different ones. */
    enum tr_slot_id instead; /* one that may be there instead of this; 0: none */
    enum tr_slot_id with;    /* without that one this has no use; 0: any time */
};

extern const struct tr_slot tr__slots[TR_N_SLOT];

/* The shape of a slot's tensor in a block (l NULL: a global one): its n_dim numbers. */
void tr__slot_shape(enum tr_slot_id id, const struct tr_config *c, const struct tr_layer *l,
                    int64_t *dim);

enum { TR__TENSOR_NAME_BYTES = 64 }; /* of a tensor's name, with its end */

/* The name of the tensor in a slot: `name` has room for TR__TENSOR_NAME_BYTES. */
void tr__slot_name(char *name, int64_t layer, enum tr_slot_id id);

/* The slot of a name, in a block one that the block has if there is such; TR_N_SLOT if
 * there is none.  *layer is -1 for the global ones. */
enum tr_slot_id tr__slot_find(const struct tr_config *c, const char *name, int64_t *layer);

/* A tensor that a model is to have. */
struct tr_spec {
    enum tr_slot_id id;
    int64_t layer; /* -1: not in a block */
    char name[TR__TENSOR_NAME_BYTES + 8]; /* with room for ".lora_a" */
    int n_dim;
    int64_t dim[TR_MAX_DIM]; /* row-major, 1 from n_dim on */
    int64_t n;
};

/* Calls `each` for every tensor of a model: those that the architecture must have and the
 * block has, and what is named in `also` with spaces between, by suffix for all blocks
 * ("attn_v.weight") or by its whole name; not what another stands for.  Blocks that only
 * predict further ahead have one tensor.  Ends at the first result that is not 0, and
 * returns that. */
int tr__each_spec(const struct tr_config *c, const char *also,
                  int (*each)(void *self, const struct tr_spec *t), void *self);

enum tr_rope_kind { TR_ROPE_NONE, TR_ROPE_PAIRS /* (2i, 2i + 1) */, TR_ROPE_NEOX };

enum tr_need { TR_NEVER, TR_MAY, TR_MUST };

/* Keys that only some architectures have (keys.c lists them). */
enum tr_key_group {
    TR_KEYS_ALL,
    TR_KEYS_SCALES = 1,   /* factors on embeddings, residuals, scores and logits */
    TR_KEYS_CAPS = 2,     /* soft caps of scores and logits */
    TR_KEYS_WINDOW = 4,   /* blocks that see only the last positions */
    TR_KEYS_PARALLEL = 8, /* whether a block is parallel */
    TR_KEYS_SHORTCONV = 16,
    TR_KEYS_ACROSS = 32,  /* blocks with keys and values of others, inputs for each block */
    TR_KEYS_SSM = 64,     /* sizes of a mixer that carries a state */
    TR_KEYS_RECURRENT = 128, /* which blocks have it */
    TR_KEYS_GROW = 256,   /* scores that grow behind the original context */
    TR_KEYS_ROPE_SWITCH = 512, /* a key without effect elsewhere: no rope */
    TR_KEYS_EXPERTS = 1024,
    TR_KEYS_EXPERT_FF = 2048, /* a width of theirs that is not that of the MLP */
    TR_KEYS_SHARED = 4096,    /* one that all see */
    TR_KEYS_EXPERT_WEIGHTS = 16384, /* factors on what the chosen give */
    TR_KEYS_GATING = 8192,    /* how they are scored, and blocks in front without them */
    TR_KEYS_SHARED_COUNT = 32768, /* how many that all see, each as wide as the others */
    TR_KEYS_AHEAD = 65536,    /* blocks that are not run */
};

/* Which blocks turn their queries and keys. */
enum tr_rope_where {
    TR_ROPE_EVERYWHERE,
    TR_ROPE_NOT_EVERY_4TH, /* all but the last of four */
    TR_ROPE_WINDOWED       /* those with a window, if there are any */
};

/* An architecture: how its GGUF maps onto the one decoder.  Zero is the usual: norms before
 * attention and MLP, all positions seen, no scales. */
struct tr_arch {
    const char *name;    /* general.architecture */
    const char *eps_key; /* behind "ARCH." */
    const char *eps_key_else; /* where that is missing; NULL: it must be there */
    unsigned keys;       /* enum tr_key_group, those it has */
    struct tr_tensor *(*norm)(struct tr_tape *tp, struct tr_tensor *x, struct tr_tensor *w,
                              struct tr_tensor *b, float eps);
    enum tr_slot_id mlp_norm, output_norm; /* in place of TR_FFN_NORM, TR_OUTPUT_NORM */
    const struct tr_mixer *without_kv; /* of blocks with no key/value heads, or those that
                                          a key says; NULL: none */
    const struct tr_mixer *with_kv; /* of those with some; NULL: attention */
    int mixer_alone;     /* a block with an MLP has no other mixer, one without no MLP */
    int parallel;        /* attention and MLP read the same rows, unless a key says no */

    int fused_gate_up;   /* ffn_up holds the gate's rows and its own below them */
    /* of the MLP and of experts; gate is NULL where there is none */
    struct tr_tensor *(*activation)(struct tr_tape *tp, struct tr_tensor *gate,
                                    struct tr_tensor *up);

    int experts_beside;  /* of an MLP: what both give is summed */
    struct tr_experts experts; /* how they are chosen where no key says it; the numbers of
                                  them are the file's */

    int attn_gate;       /* attn_q has a gate of the same size behind each head's query */
    int qk_norm_whole;   /* over all heads at once, not each by itself */
    int qk_norm_late;    /* behind rope, not before */
    int v_norm;          /* values are normed too, each head by itself, without a weight */
    int window_period;   /* all blocks but every n-th have the window; 0: none has */
    enum tr_rope_kind rope;
    enum tr_rope_where rope_where;
    float window_rope_base; /* of blocks with a window where no key says it; 0: the usual */
    int window_rope_plain;  /* they do without scaling and factors */
    int yarn_no_truncate;   /* see struct tr_rope_scaling */

    int embd_scale_sqrt; /* rows of the token table are scaled by sqrt(n_embd) */
    int logits_divided;  /* by "logit_scale", not multiplied */
    int scales_must;     /* the keys of all scales but that of attention must be there */
    float attn_scale;    /* of q k^T where no key says it; 0: 1 / sqrt(head_dim) */
    int wide_heads_layers; /* a model of so many blocks has 1 / sqrt(n_embd / n_head) */

    unsigned char tensor[TR_N_SLOT]; /* enum tr_need of each slot */
};

#define TR_ARCH(name) extern const struct tr_arch tr__arch_##name;
#include <libtrain/model/archs/archs.def>
#undef TR_ARCH

const struct tr_arch *tr__arch_at(size_t i); /* NULL behind the last one */
const struct tr_arch *tr__arch_find(struct tr_str name);

/* The part of a block that mixes rows: the one before the MLP. */
struct tr__decoder;
struct tr_mixer {
    const char *name;
    unsigned part; /* enum tr_part of its tensors */
    /* add + residual_scale * f(x), or f(x) if add is NULL; x (n, embd), like the result */
    struct tr_tensor *(*run)(struct tr__decoder *d, struct tr_tensor *x,
                             struct tr_tensor *add);
    /* Numbers that it carries from row to row when generating, beside keys and values;
     * NULL: none. */
    int64_t (*state)(const struct tr_config *c, const struct tr_layer *l);
};

#define TR_MIXER(name) extern const struct tr_mixer tr__mixer_##name;
#include <libtrain/model/mixers.def>
#undef TR_MIXER

/* Read and check the hyper-parameters (config.c); n_vocab is the caller's.  c->layer is
 * freed by tr__config_free, after a failure too. */
int tr__config_read(const struct tr_gguf *g, const struct tr_arch *arch, int64_t n_vocab,
                    struct tr_config *c, struct tr_err *err) TR_MUST_CHECK;
void tr__config_free(struct tr_config *c);

/* "ARCH.SUFFIX"; `key` has room for TR__KEY_BYTES. */
enum { TR__KEY_BYTES = 96 };
void tr__key_name(char *key, const struct tr_arch *arch, const char *suffix);

/* Refuse values of keys that would need another decoder (keys.c). */
int tr__keys_check(const struct tr_gguf *g, const struct tr_arch *arch,
                   struct tr_err *err) TR_MUST_CHECK;

/* Is this a key of the architecture that nothing here understands? */
int tr__key_unknown(const struct tr_arch *arch, const char *key);

/* Can LoRA hang on this weight? */
int tr__takes_pair(const struct tr_slot *slot);

struct tr_delta { /* one adapter's part in one weight: w + scale * b a */
    struct tr_tensor *a; // (rank, n_in), of the token table (n_vocab, rank)
    struct tr_tensor *b; // (n_out, rank), of the token table (n_embd, rank)
    float scale;
    uint32_t id;   /* of what it draws (struct tr__noise) */
    int64_t first; /* b NULL: rows from this one on gain scale * a, (rows, width) */
    const float *square; // (n_out) with m: squared norms of the rows of w
    struct tr_tensor *m; // (n_out) magnitudes: the only part of its weight; NULL: none
    struct tr_tensor still[2]; /* with m: a and b as what needs no gradient */
    struct tr_delta *next;
};

struct tr_weight {
    struct tr_tensor t;       /* t.data NULL: the model has no such tensor */
    const struct tr_slot *slot;
    struct tr_delta *delta;   /* adapters, in the order of attaching */
};

/* What is random in the forward passes of training; all 0: nothing. */
struct tr__noise {
    float dropout; /* of the inputs of pairs that are trained, tr_dropout */
    float neftune; /* on embeddings, tr_noise */
    uint64_t key;  /* of this pass */
};

/* The key of one of the things that draw in a pass. */
uint32_t tr__noise_key(const struct tr__noise *noise, uint32_t id);

struct tr_model {
    struct tr_gguf *g;
    const struct tr_arch *arch;
    struct tr_config config;
    double norm_eps;     /* that was set; 0: the file's is in use */
    float norm_eps_file;
    struct tr_weight *weight; // (TR_N_GLOBAL + n_layer * block slots), see tr__weight
    size_t n_weight;
    const char **unused_tensor, **unused_key; /* names in the file */
    size_t n_unused_tensor, n_unused_key;
    int attention_bf16; /* see tr_precision */
    float *freq[2];     /* of config.rope (context.c) */
    int64_t n_ctx;      /* of the contexts it runs in, see tr_model_set_context */
    int64_t n_ctx_file; /* of the config, before tr_model_set_rope */
    double rope_base, rope_scale; /* see there */
    struct tr__noise noise;
    double balance;       /* see tr_model_set_balance */
    double *balance_loss; // (n_layer) of the last loss; 0 where there are no experts
    struct tr_watch watch; /* see tr_model_watch */
};

/* Give the weights their tensors, and list what is left over (weights.c). */
int tr__bind(struct tr_model *m, struct tr_err *err) TR_MUST_CHECK;

/* The angle per position of each pair, freq (n_rot / 2), for contexts of n_ctx positions;
 * returns what the turned columns are multiplied by.  base > 0 (rope.c). */
float tr__rope_freq(float *freq, int n_rot, float base, const struct tr_rope_scaling *s,
                    int64_t n_ctx);

/* Frequencies for the present context.  _init makes room for them and checks the factors
 * that the file has; the weights are bound (context.c). */
int tr__rope_init(struct tr_model *m, struct tr_err *err) TR_MUST_CHECK;
void tr__rope_update(struct tr_model *m);
void tr__rope_free(struct tr_model *m);

/* 0 if n results (`what`: "logits") are finite.  Else TR_EFORMAT, which names the first weight
 * of the file that is not, or TR_EDIVERGED if all are (finite.c). */
int tr__check_results(const struct tr_model *m, const char *what, const float *v, int64_t n,
                      struct tr_err *err) TR_MUST_CHECK;

/* The weight in a slot; `layer` is ignored for the global ones. */
struct tr_weight *tr__weight(const struct tr_model *m, int64_t layer, enum tr_slot_id id);

/* Are logits made with the token table? */
int tr__is_tied(const struct tr_model *m);

/* The weight of this name, or NULL. */
struct tr_weight *tr__weight_find(const struct tr_model *m, const char *name);

/* The weights of the rows that count, added up: their number where none has another. */
double tr__batch_weight(const struct tr_batch *batch);

#endif
