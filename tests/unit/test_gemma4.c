/* SPDX-License-Identifier: MIT
 *
 * What blocks of a Gemma 4 have from elsewhere: keys and values of an earlier block, keys
 * in place of values, inputs from the token ids.  Forms of one small model that must give
 * the same numbers; PyTorch's are in test_reference.c and test_shared_reference.c.
 */
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/loss.h>
#include <libtrain/model/model.h>

#include <math.h>

enum { W = TINY_WIDTH, V = TINY_VOCAB, T = TINY_CTX, F = TINY_FF, N_BLOCK = 6, SHARED = 2,
       HEADS = 4, KV_FULL = 1, KV_WINDOWED = 2, INPUT = 8, WINDOW = 5,
       MOST = 2 * F * W /* numbers of a tensor */ };

static const int windowed[N_BLOCK] = { 1, 1, 0, 1, 1, 0 };

/* A form of the model, and of the numbers in it. */
struct form {
    int inputs;        /* of every block */
    int shared;        /* last blocks without keys and values */
    int spare;         /* those have matrices of them all the same */
    int no_v;          /* blocks that see all positions have none of values */
    int v_is_k;        /* their numbers are those of keys */
};

struct part {
    const char *name;
    int64_t rows, cols;
};

static void visit(struct tr_gguf_writer *g, const char *name, struct part p, int write)
{
    float v[MOST];
    int64_t n = p.rows * (p.cols ? p.cols : 1);
    ck_assert_int_le(n, MOST);
    if (!write) {
        tr_gguf_add_tensor(g, name, &tr_f32, p.cols ? 2 : 1,
                           (int64_t[]){ p.rows, p.cols });
        return;
    }
    tiny_numbers(name, v, n);
    for (int64_t i = 0; strstr(name, "output_scale") && i < n; i++)
        v[i] = 0.75f;
    for (int64_t i = 0; !strcmp(name, "rope_freqs.weight") && i < n; i++)
        v[i] = i < n / 4 ? 1 : 1e30f;
    ck_assert_int_eq(tr_gguf_write(g, v, n * (int64_t)sizeof *v, NULL), 0);
}

/* The numbers of `name`, or of what `same` names, in block i. */
static void visit_block(struct tr_gguf_writer *g, int i, struct part p, const char *same,
                        int write)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%d.%s.weight", i, write && same ? same : p.name);
    visit(g, name, p, write);
}

static void visit_attention(struct tr_gguf_writer *g, const struct form *f, int i,
                            int write)
{
    int64_t head = windowed[i] ? 8 : 16, q = HEADS * head;
    int64_t kv = (windowed[i] ? KV_WINDOWED : KV_FULL) * head;
    visit_block(g, i, (struct part){ "attn_q", q, W }, NULL, write);
    visit_block(g, i, (struct part){ "attn_q_norm", head, 0 }, NULL, write);
    visit_block(g, i, (struct part){ "attn_output", W, q }, NULL, write);
    if (i >= N_BLOCK - f->shared && !f->spare)
        return;
    visit_block(g, i, (struct part){ "attn_k", kv, W }, NULL, write);
    visit_block(g, i, (struct part){ "attn_k_norm", head, 0 }, NULL, write);
    if (windowed[i] || !f->no_v)
        visit_block(g, i, (struct part){ "attn_v", kv, W },
                    f->v_is_k && !windowed[i] ? "attn_k" : NULL, write);
}

static void visit_rest(struct tr_gguf_writer *g, const struct form *f, int i, int write)
{
    int64_t ff = i < N_BLOCK - SHARED ? F : 2 * F;
    const struct part part[] = {
        { "attn_norm", W, 0 },  { "post_attention_norm", W, 0 }, { "ffn_norm", W, 0 },
        { "ffn_gate", ff, W },  { "ffn_up", ff, W },             { "ffn_down", W, ff },
        { "post_ffw_norm", W, 0 }, { "layer_output_scale", 1, 0 },
        { "inp_gate", INPUT, W }, { "proj", W, INPUT },          { "post_norm", W, 0 },
    };
    int n = sizeof part / sizeof *part - (f->inputs ? 0 : 3);
    for (int k = 0; k < n; k++)
        visit_block(g, i, part[k], NULL, write);
}

static void visit_all(struct tr_gguf_writer *g, const struct form *f, int write)
{
    visit(g, "token_embd.weight", (struct part){ "", V, W }, write);
    visit(g, "output_norm.weight", (struct part){ "", W, 0 }, write);
    visit(g, "rope_freqs.weight", (struct part){ "", 8, 0 }, write);
    if (f->inputs) {
        int64_t all = N_BLOCK * INPUT;
        visit(g, "per_layer_token_embd.weight", (struct part){ "", V, all }, write);
        visit(g, "per_layer_model_proj.weight", (struct part){ "", all, W }, write);
        visit(g, "per_layer_proj_norm.weight", (struct part){ "", INPUT, 0 }, write);
    }
    for (int i = 0; i < N_BLOCK; i++) {
        visit_attention(g, f, i, write);
        visit_rest(g, f, i, write);
    }
}

/* A number for each block, by its kind. */
static void set_each(struct tr_gguf_writer *g, const char *key, int32_t of_windowed,
                     int32_t of_full)
{
    int32_t each[N_BLOCK];
    for (int i = 0; i < N_BLOCK; i++)
        each[i] = windowed[i] ? of_windowed : of_full;
    tr_gguf_set_array(g, key, TR_GGUF_I32, each, N_BLOCK);
}

static void set_keys(struct tr_gguf_writer *g, const struct form *f)
{
    int32_t ff[N_BLOCK];
    for (int i = 0; i < N_BLOCK; i++)
        ff[i] = i < N_BLOCK - SHARED ? F : 2 * F;
    tr_gguf_set_string(g, "general.architecture", "gemma4");
    tr_gguf_set_u32(g, "gemma4.context_length", T);
    tr_gguf_set_u32(g, "gemma4.embedding_length", W);
    tr_gguf_set_u32(g, "gemma4.block_count", N_BLOCK);
    tr_gguf_set_array(g, "gemma4.feed_forward_length", TR_GGUF_I32, ff, N_BLOCK);
    tr_gguf_set_u32(g, "gemma4.attention.head_count", HEADS);
    set_each(g, "gemma4.attention.head_count_kv", KV_WINDOWED, KV_FULL);
    tr_gguf_set_f32(g, "gemma4.attention.layer_norm_rms_epsilon", 1e-6f);
    tr_gguf_set_f32(g, "gemma4.rope.freq_base", 1e6f);
    tr_gguf_set_f32(g, "gemma4.rope.freq_base_swa", 1e4f);
    tr_gguf_set_u32(g, "gemma4.attention.key_length", 16);
    tr_gguf_set_u32(g, "gemma4.attention.value_length", 16);
    tr_gguf_set_u32(g, "gemma4.attention.key_length_swa", 8);
    tr_gguf_set_u32(g, "gemma4.attention.value_length_swa", 8);
    tr_gguf_set_u32(g, "gemma4.rope.dimension_count", 16);
    tr_gguf_set_u32(g, "gemma4.rope.dimension_count_swa", 8);
    tr_gguf_set_u32(g, "gemma4.attention.sliding_window", WINDOW);
    set_each(g, "gemma4.attention.sliding_window_pattern", 1, 0);
    tr_gguf_set_u32(g, "gemma4.attention.shared_kv_layers", (uint32_t)f->shared);
    tr_gguf_set_u32(g, "gemma4.embedding_length_per_layer_input", f->inputs ? INPUT : 0);
    tr_gguf_set_f32(g, "gemma4.final_logit_softcapping", 30);
}

static void write_model(const char *to, const struct form *f)
{
    struct tr_gguf_writer *g = tr_gguf_create(to, NULL);
    ck_assert_ptr_nonnull(g);
    set_keys(g, f);
    visit_all(g, f, 0);
    visit_all(g, f, 1);
    ck_assert_int_eq(tr_gguf_commit(g, NULL), 0);
}

/* ---- what runs it ------------------------------------------------------------------- */

static struct tr_model *open_model(const char *from)
{
    struct tr_err err = { 0 };
    struct tr_model *m = tr_model_open(from, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    return m;
}

static void logits_of(struct tr_model *m, const int32_t *id, const int32_t *pos, int64_t n,
                      float *logits)
{
    int32_t target[2 * T];
    struct tr_err err = { 0 };
    for (int i = 0; i < 2 * T; i++)
        target[i] = 0;
    struct tr_batch batch = { n, id, target, .pos = pos };
    struct tr_tape *tp = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, NULL, NULL);
    tr_model_loss(m, tp, &batch, &(struct tr_loss){ .scale = 1, .logits = logits });
    ck_assert_msg(!tr_tape_error(tp, &err), "%s", err.text);
    tr_tape_free(tp);
}

static void document(int32_t *id, int32_t *pos)
{
    tiny_tokens(id, 2 * T);
    for (int i = 0; i < 2 * T; i++)
        pos[i] = i % T;
}

static void must_be_close(const float *got, const float *want, int64_t n, double limit)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= limit))
            ck_abort_msg("number %lld: %.9g, wanted %.9g", (long long)i, (double)got[i],
                         (double)want[i]);
}

static const struct form forms[] = {
    { 1, SHARED, 0, 0, 0 }, /* as the small models */
    { 0, 0, 0, 1, 0 },      /* as the large one */
    { 1, 0, 0, 0, 0 },
    { 0, SHARED, 0, 1, 0 },
};
enum { N_FORM = sizeof forms / sizeof *forms };

/* ---- tests -------------------------------------------------------------------------- */

/* One token after another, and in pieces, from a cache that blocks share. */
START_TEST(test_cache)
{
    static float want[T * V];
    float got[V];
    int32_t id[2 * T], pos[2 * T];
    document(id, pos);
    write_model(path, &forms[_i]);
    struct tr_model *m = open_model(path);
    logits_of(m, id, pos, T, want);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, NULL, NULL);
    for (int64_t piece = 1; piece <= 7; piece += 3) {
        struct tr_cache *c = tr_cache_new(m, T, NULL);
        for (int64_t i = 0; i < T; i += piece) {
            int64_t n = i + piece < T ? piece : T - i;
            ck_assert_int_eq(tr_model_extend(m, tp, c, id + i, n, got, NULL), 0);
            must_be_close(got, want + (i + n - 1) * V, V, 2e-4);
        }
        ck_assert_int_eq(tr_cache_cut(c, T - 2), T - 2); /* and again from there */
        ck_assert_int_eq(tr_model_extend(m, tp, c, id + T - 2, 2, got, NULL), 0);
        must_be_close(got, want + (T - 1) * V, V, 2e-4);
        tr_cache_free(c);
    }
    tr_tape_free(tp);
    tr_model_close(m);
}
END_TEST

/* Two documents in one batch are what they are apart. */
START_TEST(test_documents)
{
    static float both[2 * T * V], apart[T * V];
    int32_t id[2 * T], pos[2 * T];
    document(id, pos);
    write_model(path, &forms[_i]);
    struct tr_model *m = open_model(path);
    logits_of(m, id, pos, 2 * T, both);
    for (int i = 0; i < 2; i++) {
        logits_of(m, id + i * T, pos, T, apart);
        must_be_close(both + i * T * V, apart, T * V, 2e-6);
    }
    tr_model_close(m);
}
END_TEST

/* The gradients of two models' parameters, after one step of each. */
static struct training_run stepped(const char *model, const char *pack)
{
    struct tr_train_args args = reference_args(NULL);
    args.clip = 0;
    struct training_run r = run_open(model, pack, &args);
    run_steps(&r, 1);
    return r;
}

static int index_of(const struct tr_params *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (!strcmp(p->tensor[i]->name, name))
            return (int)i;
    return -1;
}

/* The gradient of `name` in a, from b: that of attn_k is the sum of two of b's. */
static void compare_gradient(const struct tr_params *a, size_t i, const struct tr_params *b)
{
    const char *name = a->tensor[i]->name;
    int64_t n = tr_tensor_count(a->tensor[i]);
    float *want = copy_of(b->grad + b->offset[index_of(b, name)], n);
    char v[64];
    snprintf(v, sizeof v, "%s", name);
    char *at = strstr(v, "attn_k.");
    if (at)
        at[5] = 'v';
    if (at && index_of(a, v) < 0)
        for (int64_t j = 0; j < n; j++)
            want[j] += b->grad[b->offset[index_of(b, v)] + j];
    double d = distance(a->grad + a->offset[i], want, n);
    ck_assert_msg(d <= 1e-5 * length(want, n) && length(want, n) > 0, "%s: %g of %g", name,
                  d, length(want, n));
    free(want);
}

/* A block without a matrix of values is one whose values are made by that of keys. */
START_TEST(test_keys_as_values)
{
    static float got[T * V], want[T * V];
    struct form without = { _i, _i ? SHARED : 0, 0, 1, 0 };
    struct form with = { _i, without.shared, 0, 0, 1 };
    int32_t id[2 * T], pos[2 * T];
    document(id, pos);
    write_model(path, &without);
    write_model(other, &with);
    struct tr_model *a = open_model(path), *b = open_model(other);
    logits_of(a, id, pos, T, got);
    logits_of(b, id, pos, T, want);
    ck_assert_mem_eq(got, want, sizeof got);
    tr_model_close(a);
    tr_model_close(b);
    const char *pack = in_dir("x.pack");
    tiny_data_write(pack, 2);
    struct training_run ra = stepped(path, pack), rb = stepped(other, pack);
    const struct tr_params *pa = tr_trainer_params(ra.t), *pb = tr_trainer_params(rb.t);
    ck_assert_uint_eq(pa->n + (_i ? 1 : 2), pb->n); /* block 5 may have neither */
    for (size_t i = 0; i < pa->n; i++)
        compare_gradient(pa, i, pb);
    run_close(&ra);
    run_close(&rb);
}
END_TEST

/* Matrices that a block does not use change nothing; they are told, and not trained. */
START_TEST(test_spare)
{
    static float got[T * V], want[T * V];
    struct form with = forms[0];
    int32_t id[2 * T], pos[2 * T];
    with.spare = 1;
    document(id, pos);
    write_model(path, &with);
    write_model(other, &forms[0]);
    struct tr_model *a = open_model(path), *b = open_model(other);
    logits_of(a, id, pos, T, got);
    logits_of(b, id, pos, T, want);
    ck_assert_mem_eq(got, want, sizeof got);
    ck_assert_str_eq(tr_model_unused_tensor(a, 0), "blk.4.attn_k.weight");
    ck_assert_ptr_nonnull(tr_model_unused_tensor(a, 3 * SHARED - 1));
    ck_assert_ptr_null(tr_model_unused_tensor(a, 3 * SHARED));
    ck_assert_ptr_null(tr_model_unused_tensor(b, 0));
    tr_model_close(a);
    tr_model_close(b);
}
END_TEST

/* What does not fit together is refused by name. */
static const struct {
    struct form form;
    const char *words;
} refused[] = {
    { { 1, N_BLOCK - 1, 0, 0, 0 }, "no earlier block has keys and values" },
    { { 1, N_BLOCK, 0, 0, 0 }, "'gemma4.attention.shared_kv_layers' is 6" },
};

START_TEST(test_refused)
{
    struct tr_err err = { 0 };
    write_model(path, &refused[_i].form);
    ck_assert_ptr_null(tr_model_open(path, &err));
    ck_assert_msg(strstr(err.text, refused[_i].words) && strstr(err.text, path), "%s",
                  err.text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gemma4");
    TCase *tc = tcase_create("gemma4");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_loop_test(tc, test_cache, 0, N_FORM);
    tcase_add_loop_test(tc, test_documents, 0, N_FORM);
    tcase_add_loop_test(tc, test_keys_as_values, 0, 2);
    tcase_add_test(tc, test_spare);
    tcase_add_loop_test(tc, test_refused, 0, 2);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
