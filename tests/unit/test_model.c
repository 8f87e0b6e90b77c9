/* SPDX-License-Identifier: MIT
 *
 * What a model file may hold: rows of the catalogue of files as the loader sees them, files
 * that are no models, and the arithmetic of every optional part against plain loops in f64.
 */
#include "../fuzz/bad_gguf.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/eval.h>
#include <libtrain/model/model.h>

#include <math.h>

/* ---- the catalogue ------------------------------------------------------------------ */

enum { N_BAD = sizeof bad_files / sizeof *bad_files };

static int first_model(void)
{
    int i = 0;
    while (strcmp(bad_files[i].id, "M00"))
        i++;
    return i;
}

START_TEST(test_row)
{
    const struct bad_file *f = &bad_files[_i];
    struct tr_err err = { 0 };
    if (f->verdict < MODEL) /* of structure: test_gguf.c */
        return;
    struct bytes b = bad_file_make(f, f->x);
    write_bytes(path, b.p, b.n);
    free(b.p);
    struct tr_model *m = tr_model_open(path, &err);
    if (f->verdict == MODEL) {
        ck_assert_msg(!m, "%s %s was taken", f->id, f->what);
        ck_assert_msg(err.code == TR_EFORMAT || err.code == TR_EUNSUPPORTED, "%s %s: %s",
                      f->id, f->what, err.text);
        ck_assert_msg(strstr(err.text, f->text) && strstr(err.text, path), "%s %s: %s",
                      f->id, f->what, err.text);
        return;
    }
    ck_assert_msg(m && !err.code, "%s %s: %s", f->id, f->what, err.text);
    const char *tensor = tr_model_unused_tensor(m, 0), *key = tr_model_unused_key(m, 0);
    const char *first = tensor ? tensor : key ? key : "";
    ck_assert_msg(!strcmp(first, f->text), "%s %s: '%s' is unused", f->id, f->what, first);
    ck_assert_int_eq(tr_model_check(tr_model_gguf(m), &err), 0);
    tr_model_close(m);
}
END_TEST

/* What is read, or known to be without effect, and what is told to the user. */
static const struct {
    const char *arch, *key;
    int unknown;
} keys[] = {
    { "llama", "llama.block_count", 0 },
    { "llama", "llama.rope.scaling.attn_factor", 0 },
    { "llama", "llama.rope.scaling.yarn_beta_fast", 0 },
    { "llama", "llama.attention.layer_norm_rms_epsilon", 0 },
    { "llama", "llama.attention.layer_norm_epsilon", 0 },
    { "llama", "llama.attention.sliding_window", 1 },
    { "llama", "llama.logit_scale", 1 },
    { "gemma2", "gemma2.attention.sliding_window", 0 },
    { "gemma2", "gemma2.logit_scale", 1 },
    { "granite", "granite.logit_scale", 0 },
    { "llama", "llama.use_parallel_residual", 1 },
    { "llama", "llama.attention.max_alibi_bias", 1 },
    { "llama", "llama.attention.clamp_kqv", 1 },
    { "llama", "llama.leading_dense_block_count", 1 },
    { "llama", "llama.final_logit_softcapping", 1 },
    { "llama", "llama", 0 },
    { "llama", "llama.", 1 },
    { "llama", "llama4.block_count", 0 },
    { "llama", "general.block_count", 0 },
    { "gpt2", "gpt2.attention.layer_norm_epsilon", 0 },
    { "gpt2", "gpt2.rope.freq_base", 0 },
    { "gpt2", "gpt2.attention.layer_norm_rms_epsilon", 0 },
    { "gpt2", "llama.mystery", 0 },
};

START_TEST(test_key)
{
    const char *arch = keys[_i].arch;
    const struct tr_arch *a = tr__arch_find((struct tr_str){ arch, strlen(arch) });
    ck_assert_msg(tr__key_unknown(a, keys[_i].key) == keys[_i].unknown, "%s", keys[_i].key);
}
END_TEST

static const struct {
    void (*make)(struct spec *s, const char *arg, uint64_t x);
    const char *arg, *words;
} purposes[] = {
    { mk_model_and_text, "general.type adapter", "an adapter, not a model: name its base" },
    { mk_model_and_text, "adapter.type lora", "an adapter, not a model: name its base" },
    { mk_model_and_text, "general.type checkpoint", "a checkpoint of a training" },
    { mk_model_and_text, "general.type imatrix", "an importance matrix" },
    { mk_model_and_text, "general.type mmproj", "(mmproj)" },
    { mk_architecture, "clip", "(mmproj)" },
    { mk_empty, "", "without tensors, not a model" },
};

START_TEST(test_purpose)
{
    const struct bad_file f = { .make = purposes[_i].make, .arg = purposes[_i].arg };
    struct tr_err err = { 0 };
    struct bytes b = bad_file_make(&f, 0);
    write_bytes(path, b.p, b.n);
    free(b.p);
    ck_assert_ptr_null(tr_model_open(path, &err));
    ck_assert_msg(strstr(err.text, purposes[_i].words) && strstr(err.text, path), "%s",
                  err.text);
}
END_TEST

/* ---- arithmetic ---------------------------------------------------------------------- */

enum { W = TINY_WIDTH, V = TINY_VOCAB, F = TINY_FF, T = TINY_CTX, HEADS = 4, KV = 2,
       HEAD = W / HEADS, MOST = 2 * W * W /* numbers of a tensor */ };

/* A llama with more than it must have; its numbers are tiny_model.c's formula. */
struct variant {
    const char *what;
    int biases, fused;
    float attn_factor, scaling; /* keys, where they are not 0 */
};

static const struct variant variants[] = {
    { "plain", 0, 0, 0, 0 },
    { "biases", 1, 0, 0, 0 },
    { "one matrix for q, k and v", 0, 1, 0, 0 },
    { "one matrix with a bias", 1, 1, 0, 0 },
    { "a factor of what turns", 0, 0, 1.5f, 0 },
    { "linear rope scaling", 0, 0, 0, 4 },
    { "all of it", 1, 1, 0.75f, 2 },
};

static void visit_part(struct tr_gguf_writer *g, const char *name, int64_t rows,
                       int64_t cols, int write)
{
    float v[MOST];
    int64_t n = rows * (cols ? cols : 1);
    ck_assert_int_le(n, MOST);
    if (!write) {
        tr_gguf_add_tensor(g, name, &tr_f32, cols ? 2 : 1, (int64_t[]){ rows, cols });
        return;
    }
    tiny_numbers(name, v, n);
    ck_assert_int_eq(tr_gguf_write(g, v, n * (int64_t)sizeof *v, NULL), 0);
}

static void visit_block(struct tr_gguf_writer *g, const struct variant *v, int layer,
                        int write)
{
    const struct { const char *name; int rows, cols, apart, bias; } part[] = {
        { "attn_norm", W, 0, -1, 0 },     { "attn_qkv", 2 * W, W, 0, 1 },
        { "attn_q", W, W, 1, 1 },         { "attn_k", W / 2, W, 1, 1 },
        { "attn_v", W / 2, W, 1, 1 },     { "attn_output", W, W, -1, 1 },
        { "ffn_norm", W, 0, -1, 0 },      { "ffn_gate", F, W, -1, 1 },
        { "ffn_up", F, W, -1, 1 },        { "ffn_down", W, F, -1, 1 },
    };
    char name[64];
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (part[i].apart == v->fused)
            continue;
        snprintf(name, sizeof name, "blk.%d.%s.weight", layer, part[i].name);
        visit_part(g, name, part[i].rows, part[i].cols, write);
        snprintf(name, sizeof name, "blk.%d.%s.bias", layer, part[i].name);
        if (v->biases && part[i].bias)
            visit_part(g, name, part[i].rows, 0, write);
    }
}

static void write_variant(const struct variant *v)
{
    struct tr_gguf_writer *g = tr_gguf_create(path, NULL);
    ck_assert_ptr_nonnull(g);
    tr_gguf_set_string(g, "general.architecture", "llama");
    tr_gguf_set_u32(g, "llama.context_length", T);
    tr_gguf_set_u32(g, "llama.embedding_length", W);
    tr_gguf_set_u32(g, "llama.block_count", TINY_LAYERS);
    tr_gguf_set_u32(g, "llama.feed_forward_length", F);
    tr_gguf_set_u32(g, "llama.attention.head_count", HEADS);
    tr_gguf_set_u32(g, "llama.attention.head_count_kv", KV);
    tr_gguf_set_f32(g, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    if (v->attn_factor > 0)
        tr_gguf_set_f32(g, "llama.rope.scaling.attn_factor", v->attn_factor);
    if (v->scaling > 0)
        tr_gguf_set_f32(g, "llama.rope.scaling.factor", v->scaling);
    for (int write = 0; write < 2; write++) {
        visit_part(g, "token_embd.weight", V, W, write);
        visit_part(g, "output_norm.weight", W, 0, write);
        for (int layer = 0; layer < TINY_LAYERS; layer++)
            visit_block(g, v, layer, write);
    }
    ck_assert_int_eq(tr_gguf_commit(g, NULL), 0);
}

/* The same model in loops: y (rows) = matrix x + bias, from rows first … of the tensors
 * "blk.LAYER.NAME". */
static void plain_linear(const struct variant *v, int layer, const char *name, int first,
                         int rows, int cols, const double *x, double *y)
{
    float w[MOST], b[2 * W];
    char full[64];
    snprintf(full, sizeof full, "blk.%d.%s.weight", layer, name);
    tiny_numbers(full, w, (first + rows) * cols);
    snprintf(full, sizeof full, "blk.%d.%s.bias", layer, name);
    tiny_numbers(full, b, first + rows);
    for (int i = 0; i < rows; i++) {
        y[i] = v->biases ? (double)b[first + i] : 0;
        for (int j = 0; j < cols; j++)
            y[i] += (double)w[(first + i) * cols + j] * x[j];
    }
}

static void plain_norm(const char *name, const double *x, double *y)
{
    float w[W];
    double squares = 0;
    tiny_numbers(name, w, W);
    for (int i = 0; i < W; i++)
        squares += x[i] * x[i];
    for (int i = 0; i < W; i++)
        y[i] = (double)w[i] * x[i] / sqrt(squares / W + 1e-5);
}

static void plain_rope(const struct variant *v, double *x, int heads, int pos)
{
    double factor = v->attn_factor > 0 ? (double)v->attn_factor : 1;
    double scaling = v->scaling > 0 ? (double)v->scaling : 1;
    for (int i = 0; i < heads * HEAD; i += 2) {
        double angle = pos / scaling * pow(10000, -(double)(i % HEAD) / HEAD);
        double a = x[i], b = x[i + 1];
        x[i] = factor * (a * cos(angle) - b * sin(angle));
        x[i + 1] = factor * (a * sin(angle) + b * cos(angle));
    }
}

static void plain_qkv(const struct variant *v, int layer, const double *h, double *q,
                      double *k, double *val)
{
    const char *fused = "attn_qkv";
    plain_linear(v, layer, v->fused ? fused : "attn_q", 0, W, W, h, q);
    plain_linear(v, layer, v->fused ? fused : "attn_k", v->fused ? W : 0, W / 2, W, h, k);
    plain_linear(v, layer, v->fused ? fused : "attn_v", v->fused ? W + W / 2 : 0, W / 2, W,
                 h, val);
}

/* Row t of attention, of what rows 0 … t gave. */
static void plain_attend(int t, double q[W], double k[][W / 2], double val[][W / 2],
                         double *out)
{
    for (int head = 0; head < HEADS; head++) {
        double p[T], sum = 0;
        int at = head / (HEADS / KV) * HEAD;
        for (int s = 0; s <= t; s++) {
            double score = 0;
            for (int i = 0; i < HEAD; i++)
                score += q[head * HEAD + i] * k[s][at + i];
            sum += p[s] = exp(score / sqrt(HEAD));
        }
        for (int i = 0; i < HEAD; i++) {
            out[head * HEAD + i] = 0;
            for (int s = 0; s <= t; s++)
                out[head * HEAD + i] += p[s] / sum * val[s][at + i];
        }
    }
}

static void plain_block(const struct variant *v, int layer, double x[][W])
{
    static double k[T][W / 2], val[T][W / 2];
    double h[W], q[W], y[W], gate[F], up[F];
    char name[64];
    for (int t = 0; t < T; t++) {
        snprintf(name, sizeof name, "blk.%d.attn_norm.weight", layer);
        plain_norm(name, x[t], h);
        plain_qkv(v, layer, h, q, k[t], val[t]);
        plain_rope(v, q, HEADS, t);
        plain_rope(v, k[t], KV, t);
        plain_attend(t, q, k, val, h);
        plain_linear(v, layer, "attn_output", 0, W, W, h, y);
        for (int i = 0; i < W; i++)
            x[t][i] += y[i];
        snprintf(name, sizeof name, "blk.%d.ffn_norm.weight", layer);
        plain_norm(name, x[t], h);
        plain_linear(v, layer, "ffn_gate", 0, F, W, h, gate);
        plain_linear(v, layer, "ffn_up", 0, F, W, h, up);
        for (int i = 0; i < F; i++)
            gate[i] *= up[i] / (1 + exp(-gate[i]));
        plain_linear(v, layer, "ffn_down", 0, W, F, gate, y);
        for (int i = 0; i < W; i++)
            x[t][i] += y[i];
    }
}

static void plain_model(const struct variant *v, const int32_t *token, double logits[][V])
{
    static double x[T][W];
    float table[V * W];
    double h[W];
    tiny_numbers("token_embd.weight", table, V * W);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < W; i++)
            x[t][i] = (double)table[token[t] * W + i];
    for (int layer = 0; layer < TINY_LAYERS; layer++)
        plain_block(v, layer, x);
    for (int t = 0; t < T; t++) {
        plain_norm("output_norm.weight", x[t], h);
        for (int j = 0; j < V; j++) {
            logits[t][j] = 0;
            for (int i = 0; i < W; i++)
                logits[t][j] += (double)table[j * W + i] * h[i];
        }
    }
}

/* Logits by the library: of all rows at once, and one row after another from the cache. */
static void library_logits(const int32_t *token, float *all, float *one_by_one)
{
    struct tr_err err = { 0 };
    int32_t target[T] = { 0 }, pos[T];
    for (int t = 0; t < T; t++)
        pos[t] = t;
    struct tr_model *m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    struct tr_eval *e = tr_eval_new(m, T, tr_loss_by_name("cross_entropy"), &err);
    ck_assert_ptr_nonnull(e);
    struct tr_batch batch = { T, token, target, .pos = pos };
    ck_assert_int_eq(tr_eval_batch(e, &batch, NULL, NULL, all, &err), 0);
    struct tr_tape_plan plan = tr_eval_plan(e);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, &plan, &err);
    struct tr_cache *cache = tr_cache_new(m, T, &err);
    for (int t = 0; t < T; t++)
        ck_assert_int_eq(
            tr_model_extend(m, tp, cache, token + t, 1, one_by_one + t * V, &err), 0);
    tr_cache_free(cache);
    tr_tape_free(tp);
    tr_eval_free(e);
    tr_model_close(m);
}

/* More tokens than there is room for, and none: said, and the cache is as it was. */
START_TEST(test_tokens_out_of_range)
{
    static const struct { int64_t n; int code; } cases[] = {
        { 0, TR_EINVAL }, { -1, TR_EINVAL }, { T, TR_EMISMATCH }
    };
    float logits[V], again[V];
    int32_t token[T];
    tiny_tokens(token, T);
    write_variant(&variants[0]);
    struct tr_model *m = tr_model_open(path, NULL);
    struct tr_cache *cache = tr_cache_new(m, T, NULL);
    struct tr_tape *tp = tr_tape_new(TR_TAPE_EVAL, TR_RECOMPUTE_CHEAP, NULL, NULL);
    ck_assert_int_eq(tr_model_extend(m, tp, cache, token, 2, logits, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tr_err err = { 0 };
        ck_assert_int_eq(tr_model_extend(m, tp, cache, token, cases[i].n, again, &err),
                         cases[i].code);
        ck_assert_int_eq(tr_cache_used(cache), 2);
    }
    tr_cache_cut(cache, 1);
    ck_assert_int_eq(tr_model_extend(m, tp, cache, token + 1, 1, again, NULL), 0);
    for (int i = 0; i < V; i++)
        ck_assert(fabsf(again[i] - logits[i]) < 2e-5f);
    tr_tape_free(tp);
    tr_cache_free(cache);
    tr_model_close(m);
}
END_TEST

START_TEST(test_arithmetic)
{
    static float all[T * V], one_by_one[T * V];
    static double want[T][V];
    const struct variant *v = &variants[_i];
    int32_t token[T];
    tiny_tokens(token, T);
    write_variant(v);
    library_logits(token, all, one_by_one);
    plain_model(v, token, want);
    for (int i = 0; i < T * V; i++) {
        double w = want[i / V][i % V];
        ck_assert_msg(fabs((double)all[i] - w) < 2e-5, "%s: logit %d: %.9g, wanted %.9g",
                      v->what, i, (double)all[i], w);
        ck_assert_msg(fabs((double)one_by_one[i] - w) < 2e-5,
                      "%s: logit %d from the cache: %.9g, wanted %.9g", v->what, i,
                      (double)one_by_one[i], w);
    }
}
END_TEST

/* ---- training them ------------------------------------------------------------------- */

/* In full and by an adapter, on all that a llama can have: the loss falls, and what is
 * trained in full are all tensors. */
START_TEST(test_training)
{
    char data[320];
    snprintf(data, sizeof data, "%s/data.pack", dir);
    write_variant(&variants[6]);
    tiny_data_write(data, 2);
    struct tr_train_args args = reference_args(NULL);
    if (_i) {
        args.full = 0;
        args.lora_rank = 2;
        args.lora_alpha = 4;
        args.lora_targets = "all-linear";
    }
    struct training_run r = run_open(path, data, &args);
    double loss[10], norm[10], last = run_ten(&r, loss, norm);
    ck_assert_double_lt(last, loss[0]);
    for (int i = 0; i < 10; i++)
        ck_assert(isfinite(loss[i]) && norm[i] > 0);
    run_close(&r);
    unlink(data);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model");
    TCase *t = tcase_create("model");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, test_row, first_model(), N_BAD);
    tcase_add_loop_test(t, test_key, 0, sizeof keys / sizeof *keys);
    tcase_add_loop_test(t, test_purpose, 0, sizeof purposes / sizeof *purposes);
    tcase_add_loop_test(t, test_arithmetic, 0, sizeof variants / sizeof *variants);
    tcase_add_test(t, test_tokens_out_of_range);
    tcase_add_loop_test(t, test_training, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
