/* SPDX-License-Identifier: MIT
 *
 * Drawing a token, and the loop around it: what stops it, what it hands out, what it
 * refuses.
 */
#include "scratch.h"
#include "tiny_model.h"
#include "toy_vocab.h"

#include <libtrain/generate.h>
#include <libtrain/threads.h>

#include <math.h>

/* ---- drawing ------------------------------------------------------------------------ */

enum { N_LOGIT = 200, N_DRAW = 2000 };

/* Options, and how many ids may come of logits that fall by one from id 7 on. */
static const struct draw {
    const char *name;
    struct tr_sampling how;
    int n_id;
} draws[] = {
    { "the likeliest", { 0, 0, 1 }, 1 },
    { "one of one", { 1, 1, 1 }, 1 },
    { "one of three", { 1, 3, 1 }, 3 },
    { "half of the probability", { 1, 0, 0.5 }, 1 },
    { "two thirds of it", { 1, 0, 0.7 }, 2 },
    { "hot, of five", { 50, 5, 1 }, 5 },
    { "cold", { 0.01, 0, 1 }, 1 },
};
enum { N_DRAW_CASE = sizeof draws / sizeof *draws };

START_TEST(drawing)
{
    const struct draw *d = &draws[_i];
    float logit[N_LOGIT];
    struct tr_candidate cand[N_LOGIT];
    int count[N_LOGIT] = { 0 }, seen = 0;
    struct tr_rng rng = tr_rng_init(1, 0);
    for (int i = 0; i < N_LOGIT; i++)
        logit[(i + 7) % N_LOGIT] = (float)-i;
    for (int i = 0; i < N_DRAW; i++)
        count[tr_sample(&d->how, logit, N_LOGIT, cand, &rng)]++;
    for (int i = 0; i < N_LOGIT; i++)
        seen += count[i] > 0;
    ck_assert_msg(seen == d->n_id, "%s: %d ids", d->name, seen);
    for (int i = 0; i < d->n_id; i++)
        ck_assert_msg(count[7 + i] > 0, "%s: never id %d", d->name, 7 + i);
}
END_TEST

/* Of two ids the one comes e times as often as the other. */
START_TEST(frequencies)
{
    float logit[] = { 0, 1, -INFINITY };
    struct tr_candidate cand[3];
    struct tr_sampling how = { 1, 0, 1 };
    struct tr_rng rng = tr_rng_init(2, 0);
    int n = 20000, ones = 0;
    for (int i = 0; i < n; i++)
        ones += tr_sample(&how, logit, 3, cand, &rng);
    double want = n * exp(1) / (1 + exp(1));
    ck_assert_double_lt(fabs(ones - want), 5 * sqrt(want * (1 - want / n)));
}
END_TEST

/* ---- the loop ----------------------------------------------------------------------- */

enum { N_PROMPT = 3, N_NEW = 12 };
static const uint32_t prompt[N_PROMPT] = { 5, 17, 9 };

static struct tr_model *m;
static struct tr_tokenizer *tok;
static struct tr_generator *gen;
static char said[4096];
static size_t n_said, n_call, enough;

static void open_all(void)
{
    struct toy *t = toy_new("bpe");
    struct tr_err err = { 0 };
    tr_threads(1); /* the model is too small for two */
    make_dir();
    tiny_model_write(&tiny_llama, path);
    toy_type(t, "40", TOY_CONTROL); /* one that the model can say */
    tok = toy_open(t, other);
    toy_free(t);
    m = tr_model_open(path, &err);
    ck_assert_msg(m != NULL, "%s", err.text);
    gen = tr_generator_new(m, tok, N_PROMPT, N_NEW, &err);
    ck_assert_msg(gen != NULL, "%s", err.text);
}

static void close_all(void)
{
    tr_generator_free(gen);
    tr_tokenizer_free(tok);
    tr_model_close(m);
    remove_dir();
}

static int keep(void *ctx, const char *bytes, size_t n)
{
    (void)ctx;
    ck_assert_uint_lt(n_said + n, sizeof said);
    for (size_t i = 0; i < n; i++) /* nothing that is no text, for the tests below */
        said[n_said++] = bytes[i] ? bytes[i] : '@';
    said[n_said] = '\0';
    return enough && ++n_call >= enough;
}

static const char *say(struct tr_generate_args args, uint64_t seed)
{
    struct tr_err err = { 0 };
    struct tr_rng rng = tr_rng_init(seed, 0);
    n_said = n_call = 0;
    said[0] = '\0';
    args.text = keep;
    int rc = tr_generate(gen, prompt, N_PROMPT, &args, &rng, &err);
    ck_assert_msg(!rc, "%s", err.text);
    return said;
}

static const struct tr_generate_args hot = { .sampling = { 3, 0, 1 }, .n = N_NEW };

START_TEST(same_draws_same_text)
{
    char first[sizeof said];
    strcpy(first, say(hot, 1));
    ck_assert_uint_gt(strlen(first), 3);
    ck_assert_str_eq(first, say(hot, 1));
    ck_assert_str_ne(first, say(hot, 2));
}
END_TEST

/* Every piece of a text as a stop: what is said ends before its first place. */
START_TEST(stops)
{
    char all[sizeof said];
    strcpy(all, say(hot, 1));
    size_t n = strlen(all);
    for (size_t at = 0; at < n; at++)
        for (size_t len = 1; at + len <= n && len <= 4; len++) {
            char stop[8] = "";
            memcpy(stop, all + at, len);
            if (strchr(stop, '@'))
                continue;
            struct tr_generate_args args = hot;
            const char *list[] = { "", "never said", stop };
            args.stop = list;
            args.n_stop = 3;
            say(args, 1);
            size_t want = (size_t)(strstr(all, stop) - all);
            ck_assert_uint_eq(n_said, want);
            ck_assert_int_eq(memcmp(said, all, want), 0);
        }
}
END_TEST

/* What cannot be part of a stop text is handed out with the token it came with. */
static int note(void *ctx, const char *bytes, size_t n)
{
    size_t *i = ctx;
    ++*i;
    return keep(NULL, bytes, n);
}

START_TEST(holds_only_what_may_stop)
{
    char all[sizeof said];
    struct tr_err err = { 0 };
    size_t n_free = 0, n_held = 0;
    struct tr_generate_args args = hot;
    args.text = note;
    for (int held = 0; held < 2; held++) {
        struct tr_rng rng = tr_rng_init(1, 0);
        const char *stop[] = { "\001never said", all };
        args.ctx = held ? &n_held : &n_free;
        args.stop = stop;
        args.n_stop = held ? 2 : 1;
        n_said = 0;
        ck_assert_int_eq(tr_generate(gen, prompt, N_PROMPT, &args, &rng, &err), 0);
        if (!held) /* all that is said, and then something else */
            strcat(strcpy(all, said), "\001");
    }
    ck_assert_uint_gt(n_free, 3); /* pieces, none waited for */
    if (!strchr(all, '@'))
        ck_assert_uint_eq(n_held, 1); /* it may have become the stop text until the end */
    ck_assert_int_eq(memcmp(said, all, n_said), 0);
}
END_TEST

/* A control token is no text, but its spelling is a stop text like others. */
START_TEST(control_token_stops)
{
    struct tr_generate_args args = hot;
    const char *stop[] = { "(" };
    size_t stopped = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        args.n_stop = 0;
        char all[sizeof said];
        strcpy(all, say(args, seed));
        args.stop = stop;
        args.n_stop = 1;
        say(args, seed);
        ck_assert_int_eq(memcmp(all, said, n_said), 0);
        stopped += n_said < strlen(all);
    }
    ck_assert_uint_gt(stopped, 0);
    ck_assert_uint_lt(stopped, 40);
}
END_TEST

START_TEST(whoever_listens_ends_it)
{
    char all[sizeof said];
    const char *held_back[] = { "four" }; /* bytes that may still become this */
    struct tr_generate_args args = hot;
    args.stop = held_back;
    args.n_stop = (size_t)_i;
    strcpy(all, say(args, 1));
    enough = 2;
    say(args, 1);
    ck_assert_uint_eq(n_call, enough);
    enough = 0;
    ck_assert_uint_lt(n_said, strlen(all));
    ck_assert_int_eq(memcmp(said, all, n_said), 0);
}
END_TEST

/* What begins as before, ends earlier, is the same, is another: kept rows change no word. */
START_TEST(goes_on_from_what_is_kept)
{
    static const uint32_t turn[][6] = {
        { 5, 17, 9 }, { 5, 17, 9, 30, 2, 8 }, { 5, 17, 9, 30, 2, 8 }, { 5, 17 }, { 5, 18, 9 },
        { 6 }, { 6, 17, 9, 30 },
    };
    static const size_t length[] = { 3, 6, 6, 2, 3, 1, 4 };
    static char kept[7][sizeof said];
    struct tr_err err = { 0 };
    struct tr_generate_args args = hot;
    tr_generator_free(gen);
    gen = tr_generator_new(m, tok, 6, N_NEW, &err);
    args.text = keep;
    for (args.keep = 1; args.keep >= 0; args.keep--)
        for (size_t i = 0; i < 7; i++) {
            struct tr_rng rng = tr_rng_init(i, 0);
            n_said = 0;
            ck_assert_int_eq(tr_generate(gen, turn[i], length[i], &args, &rng, &err), 0);
            if (args.keep)
                strcpy(kept[i], said);
            else
                ck_assert_str_eq(said, kept[i]);
        }
    ck_assert_str_ne(kept[1], kept[2]); /* other draws: the texts do differ */
}
END_TEST

/* A short prompt leaves more room for what follows it. */
START_TEST(room_is_shared)
{
    struct tr_err err = { 0 };
    struct tr_rng rng = tr_rng_init(1, 0);
    struct tr_generate_args args = hot;
    args.n = N_PROMPT + N_NEW - 1;
    ck_assert_int_eq(tr_generate(gen, prompt, 1, &args, &rng, &err), 0);
    ck_assert_int_eq(tr_generate(gen, prompt, 2, &args, &rng, &err), TR_EMISMATCH);
}
END_TEST

/* Only an end by the number of tokens is a cut. */
START_TEST(was_cut)
{
    struct tr_generate_args args = hot;
    char all[sizeof said];
    const char *stop[] = { all };
    strcpy(all, say(args, 1));
    ck_assert_int_eq(tr_generator_was_cut(gen), 1);
    args.stop = stop; /* the last that was said completes it */
    args.n_stop = 1;
    say(args, 1);
    ck_assert_int_eq(tr_generator_was_cut(gen), 0);
    args.n_stop = 0;
    enough = 2;
    say(args, 1);
    ck_assert_int_eq(tr_generator_was_cut(gen), 0);
    enough = 0;
}
END_TEST

/* Lengths beyond what was announced, ids beyond the model, too much for the model. */
START_TEST(refused)
{
    static const struct tr_sampling wrong[] = {
        { -1, 0, 1 }, { NAN, 0, 1 }, { INFINITY, 0, 1 }, { 1, -1, 1 }, { 1, 0, 2 },
        { 1, 0, NAN },
    };
    static const char *const field[] = {
        "temp", "temp", "temp", "top_k", "top_p", "top_p"
    };
    struct tr_err err = { 0 };
    struct tr_rng rng = tr_rng_init(1, 0);
    struct tr_generate_args args = hot;
    uint32_t beyond[N_PROMPT + 1] = { 1, TINY_VOCAB, 1, 1 };
    ck_assert_int_eq(tr_generate(gen, beyond, N_PROMPT, &args, &rng, &err), TR_EMISMATCH);
    ck_assert_ptr_nonnull(strstr(err.text, "61"));
    ck_assert_int_eq(tr_generate(gen, beyond, N_PROMPT + 1, &args, &rng, NULL),
                     TR_EMISMATCH);
    ck_assert_int_eq(tr_generate(gen, beyond, 0, &args, &rng, NULL), TR_EMISMATCH);
    args.n = N_NEW + 1;
    ck_assert_int_eq(tr_generate(gen, prompt, N_PROMPT, &args, &rng, NULL), TR_EMISMATCH);
    args.n = 1;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        args.sampling = wrong[i];
        err.code = 0;
        ck_assert_int_eq(tr_generate(gen, prompt, N_PROMPT, &args, &rng, &err),
                         TR_EUNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.text, field[i]));
    }
    ck_assert_ptr_null(tr_generator_new(m, tok, TINY_CTX, 1, &(struct tr_err){ 0 }));
    ck_assert_ptr_null(tr_generator_new(m, tok, 0, 1, &(struct tr_err){ 0 }));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("generate");
    TCase *c = tcase_create("drawing");
    tcase_add_loop_test(c, drawing, 0, N_DRAW_CASE);
    tcase_add_test(c, frequencies);
    suite_add_tcase(s, c);
    c = tcase_create("loop");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, open_all, close_all);
    tcase_add_test(c, same_draws_same_text);
    tcase_add_test(c, stops);
    tcase_add_test(c, holds_only_what_may_stop);
    tcase_add_test(c, control_token_stops);
    tcase_add_loop_test(c, whoever_listens_ends_it, 0, 2);
    tcase_add_test(c, goes_on_from_what_is_kept);
    tcase_add_test(c, room_is_shared);
    tcase_add_test(c, was_cut);
    tcase_add_test(c, refused);
    suite_add_tcase(s, c);
    return run_suite(s);
}
