/* SPDX-License-Identifier: MIT
 *
 * Documents into sequences.  Token k of the whole input has id k, so that every position
 * of a pack says where it came from.
 */
#include "scratch.h"

#include <libtrain/pack.h>
#include <libtrain/rng.h>

#include <math.h>

enum { MAX_TOKEN = 1000000, MAX_DOC = 5000 };

struct docs {
    size_t n_doc, n[MAX_DOC];
    uint32_t n_token, token[MAX_TOKEN];
    int32_t doc[MAX_TOKEN], at[MAX_TOKEN]; /* of each token */
};

static void add(struct docs *d, size_t n, struct tr_rng *mask)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t k = d->n_token++;
        MUST(k < MAX_TOKEN);
        d->token[k] = k | (mask && tr_rng_below(mask, 4) == 0 ? TR_TOKEN_MASKED : 0);
        d->doc[k] = (int32_t)d->n_doc;
        d->at[k] = (int32_t)i;
    }
    d->n[d->n_doc++] = n;
}

/* Rows, if `row`; *counts, if not NULL, are the packer's. */
static struct tr_pack *pack_with(const struct docs *d, uint32_t ctx, int row,
                                 const struct tr_packer_args *args,
                                 struct tr_packer_counts *counts)
{
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, ctx, 1, MAX_TOKEN, &err);
    struct tr_packer *p = tr_packer_new_with(w, args, &err);
    ck_assert_msg(p != NULL, "%s", err.text);
    struct tr_document doc = { .token = d->token, .row = row };
    for (size_t i = 0; i < d->n_doc; doc.token += d->n[i++]) {
        doc.n = d->n[i];
        ck_assert_msg(tr_packer_add_document(p, &doc, &err) == 0, "%s", err.text);
    }
    ck_assert_msg(tr_packer_end(p, &err) == 0, "%s", err.text);
    if (counts)
        *counts = *tr_packer_counts(p);
    tr_packer_free(p);
    ck_assert_msg(tr_pack_commit(w, &err) == 0, "%s", err.text);
    struct tr_pack *r = tr_pack_open(path, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    return r;
}

static struct tr_pack *pack(const struct docs *d, uint32_t ctx, uint32_t stride)
{
    return pack_with(d, ctx, 0, &(struct tr_packer_args){ .stride = stride }, NULL);
}

static const struct tr_pack_fit *fit(const char *name)
{
    int i = 0;
    while (strcmp(tr_pack_fit_name(tr_pack_fit_at(i)), name))
        i++;
    return tr_pack_fit_at(i);
}

static const struct tr_over_long *over_long(const char *name)
{
    int i = 0;
    while (strcmp(tr_over_long_name(tr_over_long_at(i)), name))
        i++;
    return tr_over_long_at(i);
}

/* What one sequence must be; `*next` is the token that has to be predicted next. */
static void check_seq(const struct docs *d, const struct tr_pack_seq *s, uint32_t ctx,
                      uint32_t stride, uint32_t *next)
{
    for (int32_t t = 0; t < s->n; t++) {
        int32_t k = s->token[t];
        MUST(d->doc[k] == d->doc[k + 1]); /* the target is of the document */
        if (s->pos[t]) {
            MUST(k == s->token[t - 1] + 1);
            MUST(s->pos[t] == s->pos[t - 1] + 1);
        } else {
            MUST((uint32_t)d->at[k] % stride == 0);
        }
        while (*next < d->n_token &&
               (d->at[*next] == 0 || (d->token[*next] & TR_TOKEN_MASKED)))
            ++*next;
        if (s->target[t] < 0)
            continue;
        MUST(s->target[t] == k + 1);
        MUST(*next == (uint32_t)k + 1);
        MUST(!(d->token[k + 1] & TR_TOKEN_MASKED));
        /* Only the first window of a document has less than ctx - stride behind it. */
        MUST(s->pos[t] == d->at[k] || s->pos[t] >= (int32_t)(ctx - stride));
        ++*next;
    }
}

static void check_pack(const struct docs *d, uint32_t ctx, uint32_t stride)
{
    struct tr_pack *p = pack(d, ctx, stride);
    const struct tr_pack_info *info = tr_pack_info(p);
    uint32_t next = 0, want = 0;
    int32_t n_before = (int32_t)ctx;

    for (uint64_t i = 0; i < info->n_seq; i++) {
        struct tr_pack_seq s;
        struct tr_err err = { 0 };
        int32_t run = 1;
        MUST(tr_pack_read(p, i, &s, &err) == 0);
        while (run < s.n && s.pos[run])
            run++;
        MUST(n_before + run > (int32_t)ctx); /* it did not fit there */
        n_before = s.n;
        check_seq(d, &s, ctx, stride, &next);
    }
    for (uint32_t k = 0; k < d->n_token; k++)
        want += d->at[k] > 0 && !(d->token[k] & TR_TOKEN_MASKED);
    ck_assert_uint_eq(info->n_counted, want); /* with the order above: each once */
    if (stride == ctx) {
        uint64_t positions = 0;
        for (size_t i = 0; i < d->n_doc; i++)
            positions += d->n[i] ? d->n[i] - 1 : 0;
        ck_assert_uint_eq(info->n_token, positions);
    }
    tr_pack_close(p);
}

START_TEST(every_token_once)
{
    static const uint32_t ctx[] = { 1, 2, 7, 16, 64, 1000 };
    struct docs *d = calloc(1, sizeof *d);
    struct tr_rng r = tr_rng_init(4, (uint64_t)_i);

    for (int i = 0; i < 300; i++)
        add(d, tr_rng_below(&r, i % 10 ? 40 : 1000), _i % 2 ? &r : NULL);
    add(d, 5000, NULL);
    for (size_t i = 0; i < sizeof ctx / sizeof ctx[0]; i++) {
        check_pack(d, ctx[i], ctx[i]);
        check_pack(d, ctx[i], ctx[i] / 2 + 1);
        check_pack(d, ctx[i], ctx[i] > 64 ? 37 : 1);
    }
    free(d);
}
END_TEST

/* Sequences of a pack as text, "a-b" for a run from token a to token b; a target that does
 * not count has an x behind its position. */
static void render(struct tr_pack *p, char *out, size_t room)
{
    *out = 0;
    for (uint64_t i = 0; i < tr_pack_info(p)->n_seq; i++) {
        struct tr_pack_seq s;
        ck_assert_int_eq(tr_pack_read(p, i, &s, NULL), 0);
        for (int32_t t = 0; t < s.n; t++) {
            size_t used = strlen(out);
            snprintf(out + used, room - used, "%s%d%s", s.pos[t] ? " " : t ? "," : "",
                     s.token[t], s.target[t] < 0 ? "x" : "");
        }
        strncat(out, ";", room - strlen(out) - 1);
    }
}

static const struct { const char *title; uint32_t ctx, stride; size_t n_doc, n[5];
                      const char *want; } example[] = {
    { "fits exactly", 4, 4, 1, { 5 }, "0 1 2 3;" },
    { "one more", 4, 4, 1, { 6 }, "0 1 2 3;4;" },
    { "the tail shares", 4, 4, 2, { 7, 3 }, "0 1 2 3;4 5,7 8;" },
    { "order before fill", 4, 4, 3, { 3, 4, 2 }, "0 1;3 4 5,7;" },
    { "nothing from 0 and 1", 4, 4, 5, { 1, 0, 2, 1, 2 }, "1,4;" },
    { "stride", 4, 2, 1, { 8 }, "0 1 2 3;2x 3x 4 5;4x 5x 6;" },
    { "stride 1", 3, 1, 1, { 6 }, "0 1 2;1x 2x 3;2x 3x 4;" },
    { "stride of no use", 4, 1, 1, { 5 }, "0 1 2 3;" },
};

START_TEST(examples)
{
    struct docs *d = calloc(1, sizeof *d);
    char text[256];
    for (size_t i = 0; i < example[_i].n_doc; i++)
        add(d, example[_i].n[i], NULL);
    struct tr_pack *p = pack(d, example[_i].ctx, example[_i].stride);
    render(p, text, sizeof text);
    ck_assert_msg(!strcmp(text, example[_i].want), "%s: %s", example[_i].title, text);
    tr_pack_close(p);
    free(d);
}
END_TEST

/* ==== best fit ==== */

/* Lengths as those of chats: log-normal, the median a quarter of the context. */
static void add_chats(struct docs *d, uint32_t ctx, int n, double sigma, uint64_t seed)
{
    struct tr_rng r = tr_rng_init(11, seed);
    for (int i = 0; i < n; i++) {
        double length = 0.25 * ctx * exp(sigma * (double)tr_rng_normal(&r));
        add(d, 1 + (size_t)(length < 1 ? 1 : length > ctx ? ctx : length), NULL);
    }
}

/* Every document is there once, whole and alone in its positions. */
static void check_whole(const struct docs *d, struct tr_pack *p)
{
    char *seen = calloc(d->n_doc, 1);
    struct tr_err err = { 0 };
    for (uint64_t i = 0; i < tr_pack_info(p)->n_seq; i++) {
        struct tr_pack_seq s;
        MUST(tr_pack_read(p, i, &s, &err) == 0);
        for (int32_t t = 0; t < s.n; t++) {
            int32_t k = s.token[t];
            MUST(s.pos[t] == d->at[k] && s.target[t] == k + 1);
            MUST(s.pos[t] == 0 || s.token[t - 1] == k - 1);
            MUST(!seen[d->doc[k]] || s.pos[t]);
            seen[d->doc[k]] = 1;
            MUST((t + 1 < s.n && s.pos[t + 1]) || (size_t)d->at[k] + 2 == d->n[d->doc[k]]);
        }
    }
    for (size_t i = 0; i < d->n_doc; i++)
        MUST(seen[i] == (d->n[i] > 1));
    free(seen);
}

static double fill(const struct tr_pack *p)
{
    const struct tr_pack_info *info = tr_pack_info(p);
    return (double)info->n_token / ((double)info->n_seq * info->ctx);
}

static const struct { uint32_t ctx; int n; double sigma; } chats[] = {
    { 512, 5000, 0.8 }, { 128, 5000, 0.5 }, { 64, 5000, 1.2 }, { 2048, 1200, 0.8 },
};

START_TEST(best_fills)
{
    struct docs *d = calloc(1, sizeof *d);
    struct tr_packer_args args = { .fit = fit("best") };
    add_chats(d, chats[_i].ctx, chats[_i].n, chats[_i].sigma, (uint64_t)_i);
    struct tr_pack *p = pack(d, chats[_i].ctx, chats[_i].ctx);
    double in_order = fill(p);
    tr_pack_close(p);
    p = pack_with(d, chats[_i].ctx, 1, &args, NULL);
    ck_assert_double_ge(fill(p), 0.97);
    ck_assert_double_gt(fill(p), in_order + 0.05);
    check_whole(d, p);
    uint64_t hash = tr_pack_info(p)->hash;
    tr_pack_close(p);
    p = pack_with(d, chats[_i].ctx, 1, &args, NULL);
    ck_assert_uint_eq(tr_pack_info(p)->hash, hash);
    tr_pack_close(p);
    free(d);
}
END_TEST

static const struct { const char *title; size_t n_doc, n[6]; const char *want; } best[] = {
    { "the oldest, then the longest that fits", 4, { 3, 2, 4, 3 }, "0 1,9 10;3,5 6 7;" },
    { "of equal ones the first", 4, { 4, 2, 2, 4 }, "0 1 2,4;6,8 9 10;" },
    { "one that fills a sequence does not wait", 3, { 3, 5, 3 }, "3 4 5 6;0 1,8 9;" },
    { "windows and what is left of them", 3, { 2, 7, 2 }, "2 3 4 5;0,6 7,9;" },
};

START_TEST(best_examples)
{
    struct docs *d = calloc(1, sizeof *d);
    char text[256];
    for (size_t i = 0; i < best[_i].n_doc; i++)
        add(d, best[_i].n[i], NULL);
    struct tr_pack *p = pack_with(d, 4, 0, &(struct tr_packer_args){ .fit = fit("best") },
                                  NULL);
    render(p, text, sizeof text);
    ck_assert_msg(!strcmp(text, best[_i].want), "%s: %s", best[_i].title, text);
    tr_pack_close(p);
    free(d);
}
END_TEST

/* What waits has weights and a group of its own. */
START_TEST(best_keeps_weights)
{
    static const uint32_t token[] = { 1, 2, 3 };
    struct tr_err err = { 0 };
    struct tr_pack_seq s;
    struct tr_pack_writer *w = tr_pack_create(path, 4, 1, 10, &err);
    struct tr_packer_args args = { .fit = fit("best") };
    struct tr_packer *k = tr_packer_new_with(w, &args, &err);
    for (int i = 0; i < 2; i++) {
        float weight[] = { 7, i ? 0 : 2, 0.5f };
        struct tr_document d = { .token = token, .n = 3, .weight = weight,
                                 .group = i ? "b" : NULL, .row = 1 };
        ck_assert_int_eq(tr_packer_add_document(k, &d, &err), 0);
    }
    ck_assert_int_eq(tr_packer_end(k, &err), 0);
    tr_packer_free(k);
    ck_assert_int_eq(tr_pack_commit(w, &err), 0);
    struct tr_pack *p = tr_pack_open(path, &err);
    ck_assert_int_eq(tr_pack_read(p, 0, &s, &err), 0);
    ck_assert(s.n == 4 && s.target[0] == 2 && s.target[2] == -1 && s.target[3] == 3);
    ck_assert(s.weight[0] == 2 && s.weight[1] == 0.5f && s.weight[3] == 0.5f);
    ck_assert(s.group[0] == -1 && s.group[1] == -1 && s.group[2] == 0 && s.group[3] == 0);
    ck_assert_str_eq(tr_pack_group(p, 0), "b");
    tr_pack_close(p);
}
END_TEST

/* ==== too long ==== */

static const struct { const char *name; int row; const char *want;
                      struct tr_packer_counts counts; } too_long[] = {
    { NULL, 0, "0 1 2 3;4 5,8;", { .n_split = 1 } },
    { NULL, 1, "0 1 2 3;8;", { .n_cut = 1, .lost_tokens = 2 } },
    { "split", 1, "0 1 2 3;4 5,8;", { .n_split = 1 } },
    { "cut", 0, "0 1 2 3;8;", { .n_cut = 1, .lost_tokens = 2 } },
    { "drop", 0, "8;", { .n_dropped = 1, .lost_tokens = 7 } },
    { "drop", 1, "8;", { .n_dropped = 1, .lost_tokens = 7 } },
};

START_TEST(longer_than_the_context)
{
    struct docs *d = calloc(1, sizeof *d);
    struct tr_packer_args args = { 0 };
    struct tr_packer_counts counts;
    char text[256];
    if (too_long[_i].name)
        args.over_long = over_long(too_long[_i].name);
    add(d, 7, NULL);
    add(d, 1, NULL);
    add(d, 2, NULL);
    struct tr_pack *p = pack_with(d, 4, too_long[_i].row, &args, &counts);
    render(p, text, sizeof text);
    ck_assert_msg(!strcmp(text, too_long[_i].want), "%s", text);
    ck_assert_mem_eq(&counts, &too_long[_i].counts, sizeof counts);
    tr_pack_close(p);
    free(d);
}
END_TEST

START_TEST(refused)
{
    static const uint32_t token[] = { 1, 2, 3, 4, 5, 6 };
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, 4, 1, 10, &err);
    struct tr_packer_args args = { .over_long = over_long("refuse") };
    struct tr_packer *p = tr_packer_new_with(w, &args, &err);
    ck_assert_int_eq(tr_packer_add(p, token, 5, &err), 0);
    ck_assert_int_eq(tr_packer_add(p, token, 6, &err), TR_EFORMAT);
    ck_assert_msg(strstr(err.text, "6 tokens") && strstr(err.text, "of 4"), "%s", err.text);
    tr_packer_free(p);
    tr_pack_discard(w);
}
END_TEST

/* A row of which nothing counts, perhaps since it was cut, has no place; running text has. */
START_TEST(nothing_counts)
{
    uint32_t token[8];
    struct tr_err err = { 0 };
    for (int row = 0; row < 2; row++) {
        struct tr_pack_writer *w = tr_pack_create(path, 4, 1, 10, &err);
        struct tr_packer *p = tr_packer_new(w, 4, &err);
        struct tr_document d = { .token = token, .n = 8, .row = row };
        for (uint32_t i = 0; i < 8; i++)
            token[i] = (i + 1) | (i < 6 ? TR_TOKEN_MASKED : 0);
        ck_assert_int_eq(tr_packer_add_document(p, &d, &err), 0);
        d.n = 4;
        ck_assert_int_eq(tr_packer_add_document(p, &d, &err), 0);
        ck_assert_int_eq(tr_packer_end(p, &err), 0);
        ck_assert_uint_eq(tr_packer_counts(p)->n_useless, row ? 2 : 0);
        ck_assert_uint_eq(tr_pack_writer_info(w)->n_token, row ? 0 : 7 + 3);
        tr_packer_free(p);
        tr_pack_discard(w);
    }
}
END_TEST

/* An answer and its rival are two documents side by side, whoever else is about; what does
 * not fit, or of which one side has nothing that counts, is left out whole. */
START_TEST(pairs)
{
    enum { N = 12, M = TR_TOKEN_MASKED };
    static const uint32_t token[N] = { 1, 2 | M, 3, 4, 1, 2 | M, 5, 6, 7, 8, 9, 1 };
    static const float weight[N] = { 1, 1, 1, 1, -1, -1, -2, -1, 1, 1, 1, 1 };
    static const char *const fit[] = { "order", "best" };
    for (size_t k = 0; k < 2; k++) {
        struct tr_err err = { 0 };
        struct tr_pack_seq s;
        struct tr_packer_args args = { .fit = tr_pack_fit_at((int)k) };
        ck_assert_str_eq(tr_pack_fit_name(args.fit), fit[k]);
        struct tr_pack_writer *w = tr_pack_create(path, 8, 1, 10, &err);
        struct tr_packer *p = tr_packer_new_with(w, &args, &err);
        struct tr_document pair = { .token = token, .n = 8, .weight = weight, .row = 1, .rival = 4 };
        struct tr_document alone = { .token = token + 8, .n = 4, .row = 1 }, wide = pair, half = pair;
        wide.n = 12;
        half.n = 6;
        ck_assert_int_eq(tr_packer_add_document(p, &alone, &err), 0);
        ck_assert_int_eq(tr_packer_add_document(p, &pair, &err), 0);
        ck_assert_int_eq(tr_packer_add_document(p, &wide, &err), 0);
        ck_assert_int_eq(tr_packer_add_document(p, &half, &err), 0);
        ck_assert_int_eq(tr_packer_end(p, &err), 0);
        ck_assert_uint_eq(tr_packer_counts(p)->n_pair_dropped, 1);
        ck_assert_uint_eq(tr_packer_counts(p)->n_useless, 1);
        tr_packer_free(p);
        ck_assert_msg(tr_pack_commit(w, &err) == 0, "%s", err.text);
        struct tr_pack *r = tr_pack_open(path, &err);
        ck_assert_msg(r && tr_pack_info(r)->is_signed, "%s", err.text);
        ck_assert_uint_eq(tr_pack_info(r)->n_seq, 2);
        ck_assert_int_eq(tr_pack_read(r, 1, &s, &err), 0);
        static const int32_t ids[] = { 1, 2, 3, 1, 2, 5 }, pos[] = { 0, 1, 2, 0, 1, 2 },
                             target[] = { -1, 3, 4, -1, 5, 6 };
        ck_assert_int_eq(s.n, 6);
        ck_assert_mem_eq(s.token, ids, sizeof ids);
        ck_assert_mem_eq(s.pos, pos, sizeof pos);
        ck_assert_mem_eq(s.target, target, sizeof target);
        ck_assert(s.weight[1] == 1 && s.weight[4] == -2 && s.weight[5] == -1);
        tr_pack_close(r);
    }
}
END_TEST

START_TEST(masked)
{
    static const uint32_t token[] = { 5, 6 | TR_TOKEN_MASKED, 7, 8 | TR_TOKEN_MASKED };
    struct tr_err err = { 0 };
    struct tr_pack_seq s;
    struct tr_pack_writer *w = tr_pack_create(path, 8, 1, 10, &err);
    struct tr_packer *k = tr_packer_new(w, 8, &err);
    ck_assert_int_eq(tr_packer_add(k, token, 4, &err), 0);
    ck_assert_int_eq(tr_packer_end(k, &err), 0);
    tr_packer_free(k);
    ck_assert_int_eq(tr_pack_commit(w, &err), 0);
    struct tr_pack *p = tr_pack_open(path, &err);
    ck_assert_int_eq(tr_pack_read(p, 0, &s, &err), 0);
    ck_assert_int_eq(s.n, 3);
    ck_assert_int_eq(s.token[1], 6);
    ck_assert_int_eq(s.target[0], -1);
    ck_assert_int_eq(s.target[1], 7);
    ck_assert_int_eq(s.target[2], -1);
    ck_assert_uint_eq(tr_pack_info(p)->n_counted, 1);
    tr_pack_close(p);
}
END_TEST

START_TEST(arguments)
{
    struct tr_pack_seq s;
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, 8, 1, 10, NULL);
    for (uint32_t stride = 0; stride <= 9; stride += 9) {
        err.code = 0;
        ck_assert_ptr_null(tr_packer_new(w, stride, &err));
        ck_assert_int_eq(err.code, TR_EINVAL);
    }
    struct tr_packer *k = tr_packer_new(w, 8, NULL);
    ck_assert_int_eq(tr_packer_add(k, (uint32_t[]){ 1, 2, 3 }, 3, NULL), 0);
    ck_assert_int_eq(tr_packer_end(k, NULL), 0);
    tr_packer_free(k);
    ck_assert_int_eq(tr_pack_commit(w, NULL), 0);
    struct tr_pack *p = tr_pack_open(path, NULL);
    ck_assert_int_eq(tr_pack_read(p, 0, &s, NULL), 0);
    ck_assert_int_eq(tr_pack_read(p, 1, &s, NULL), TR_EINVAL);
    tr_pack_close(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("packer");
    TCase *t = tcase_create("packer");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_loop_test(t, every_token_once, 0, 4);
    tcase_add_loop_test(t, examples, 0, sizeof example / sizeof example[0]);
    tcase_add_loop_test(t, best_fills, 0, sizeof chats / sizeof chats[0]);
    tcase_add_loop_test(t, best_examples, 0, sizeof best / sizeof best[0]);
    tcase_add_test(t, best_keeps_weights);
    tcase_add_loop_test(t, longer_than_the_context, 0, sizeof too_long / sizeof too_long[0]);
    tcase_add_test(t, refused);
    tcase_add_test(t, nothing_counts);
    tcase_add_test(t, pairs);
    tcase_add_test(t, masked);
    tcase_add_test(t, arguments);
    suite_add_tcase(s, t);
    return run_suite(s);
}
