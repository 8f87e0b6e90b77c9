/* SPDX-License-Identifier: MIT
 *
 * Documents into sequences.  Token k of the whole input has id k, so that every position
 * of a pack says where it came from.
 */
#include "scratch.h"

#include <libtrain/pack.h>
#include <libtrain/rng.h>
#include <libtrain/token.h>

enum { MAX_TOKEN = 100000 };

struct docs {
    size_t n_doc, n[1000];
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

static struct tr_pack *pack(const struct docs *d, uint32_t ctx, uint32_t stride)
{
    struct tr_err err = { 0 };
    struct tr_pack_writer *w = tr_pack_create(path, ctx, 1, MAX_TOKEN, &err);
    struct tr_packer *p = tr_packer_new(w, stride, &err);
    const uint32_t *token = d->token;
    for (size_t i = 0; i < d->n_doc; token += d->n[i++])
        ck_assert_msg(tr_packer_add(p, token, d->n[i], &err) == 0, "%s", err.text);
    ck_assert_msg(tr_packer_end(p, &err) == 0, "%s", err.text);
    tr_packer_free(p);
    ck_assert_msg(tr_pack_commit(w, &err) == 0, "%s", err.text);
    struct tr_pack *r = tr_pack_open(path, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    return r;
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
    tcase_add_test(t, masked);
    tcase_add_test(t, arguments);
    suite_add_tcase(s, t);
    return run_suite(s);
}
