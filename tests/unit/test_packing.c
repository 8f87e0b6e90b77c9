/* SPDX-License-Identifier: MIT
 *
 * Streams to packs: which documents are taken, how often, on which side, in what order.  The
 * first token of a document says its set and number, so that a pack tells what is in it.
 */
#include "scratch.h"
#include "watched.h"

#include <libtrain/file.h>
#include <libtrain/packing.h>

enum { N_VOCAB = 65536, PER_SET = 4096, CTX = 64 };

/* A stream of n documents of set number `set` (documents 0, 1, … of it); each k-th of them is
 * of group k mod n_group, if n_group, and a row if `row`. */
static const char *make(const char *name, int set, int n, int n_group, int row)
{
    struct tr_err err = { 0 };
    const char *to = in_dir(name);
    FILE *f = fopen(to, "wb");
    struct tr_token_writer *w = tr_token_writer_new_documents(f, 7, N_VOCAB, &err);
    char group[32];
    for (int i = 0; i < n; i++) {
        uint32_t token[] = { (uint32_t)(set * PER_SET + i), 1, 2, 3, 4, 5 };
        struct tr_document d = { .token = token, .n = (size_t)(2 + i % 5), .row = row };
        snprintf(group, sizeof group, "group %d", n_group ? i % n_group : 0);
        d.group = n_group ? group : NULL;
        ck_assert_int_eq(tr_token_write_document(w, &d, &err), 0);
    }
    ck_assert_int_eq(tr_token_writer_end(w, &err), 0);
    tr_token_writer_free(w);
    ck_assert_int_eq(fclose(f), 0);
    return to;
}

struct content { /* of a pack, in its order */
    int n, set[20000], number[20000], group[20000];
    uint64_t hash;
};

static struct content *content_of(const char *pack)
{
    struct content *c = calloc(1, sizeof *c);
    struct tr_err err = { 0 };
    struct tr_pack *p = tr_pack_open(pack, &err);
    ck_assert_msg(p != NULL, "%s", err.text);
    for (uint64_t i = 0; i < tr_pack_info(p)->n_seq; i++) {
        struct tr_pack_seq s;
        ck_assert_int_eq(tr_pack_read(p, i, &s, &err), 0);
        for (int32_t t = 0; t < s.n; t++)
            if (s.pos[t] == 0) {
                c->set[c->n] = s.token[t] / PER_SET;
                c->group[c->n] = s.group ? s.group[t] : -1;
                c->number[c->n++] = s.token[t] % PER_SET;
            }
    }
    c->hash = tr_pack_info(p)->hash;
    tr_pack_close(p);
    return c;
}

/* How often a set is there; of one document, if number is not negative. */
static int times(const struct content *c, int set, int number)
{
    int n = 0;
    for (int i = 0; i < c->n; i++)
        n += c->set[i] == set && (number < 0 || c->number[i] == number);
    return n;
}

static struct tr_packing_result result;
static struct tr_packing_taken taken[4];

static struct tr_packing job_of(const struct tr_packing_set *set, size_t n)
{
    return (struct tr_packing){ .set = set, .n_set = n, .ctx = CTX, .out = in_dir("x.pack") };
}

static struct content *run(const struct tr_packing *job)
{
    struct tr_err err = { 0 };
    ck_assert_msg(tr_packing_run(job, &result, taken, &err) == 0, "%s", err.text);
    return content_of(job->out);
}

static struct content *run_split(struct tr_packing *job, double p, struct content **val)
{
    job->val_split = p;
    job->val_out = in_dir("v.pack");
    struct content *c = run(job);
    *val = content_of(job->val_out);
    return c;
}

/* ==== mixing ==== */

START_TEST(weights_are_whole_documents)
{
    const struct tr_packing_set set[] = {
        { make("a.tok", 0, 1000, 0, 1), 1 }, { make("b.tok", 1, 400, 0, 1), 0.5 },
        { make("c.tok", 2, 101, 0, 0), 2.5 },
    };
    struct watched seen = { 0 };
    struct tr_packing job = job_of(set, 3);
    job.progress = (struct tr_progress){ watched_at, &seen };
    struct content *c = run(&job);
    ck_assert(seen.n == c->n && seen.done == (int64_t)result.train.n_token && !seen.total);
    int twice = 0, half = 0;
    ck_assert_int_eq(c->n, 1000 + 200 + 253);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(times(c, 0, i), 1);
    for (int i = 0; i < 400; i++) {
        ck_assert_int_le(times(c, 1, i), 1);
        half += times(c, 1, i);
    }
    for (int i = 0; i < 101; i++) {
        int n = times(c, 2, i);
        ck_assert(n == 2 || n == 3);
        twice += n;
    }
    ck_assert(half == 200 && twice == 253);
    ck_assert(taken[1].n_doc == 400 && taken[1].n_train == 200 && taken[2].n_train == 253);
    free(c);
}
END_TEST

/* Each part of the pack has each set in its proportion. */
START_TEST(evenly_mixed)
{
    const struct tr_packing_set set[] = {
        { make("a.tok", 0, 3000, 0, 1), 1 }, { make("b.tok", 1, 1000, 0, 1), 1 },
    };
    struct tr_packing job = job_of(set, 2);
    struct content *c = run(&job);
    for (int part = 0; part < 4; part++) {
        int n = 0;
        for (int i = 0; i < 1000; i++)
            n += c->set[1000 * part + i];
        ck_assert_msg(n > 180 && n < 320, "%d of 1000 in part %d", n, part);
    }
    free(c);
}
END_TEST

START_TEST(a_function_of_the_seed)
{
    const struct tr_packing_set set[] = {
        { make("a.tok", 0, 300, 3, 1), 0.7 }, { make("b.tok", 1, 200, 0, 1), 1.5 },
    };
    struct tr_packing job = job_of(set, 2);
    uint64_t hash[4], val_hash[4];
    for (int i = 0; i < 4; i++) {
        struct content *val;
        job.seed = (uint64_t)(i / 2);
        struct content *c = run_split(&job, 0.2, &val);
        hash[i] = c->hash;
        val_hash[i] = val->hash;
        free(c);
        free(val);
    }
    ck_assert(hash[0] == hash[1] && hash[2] == hash[3] && hash[0] != hash[2]);
    ck_assert(val_hash[0] == val_hash[1] && val_hash[2] == val_hash[3]);
    ck_assert(val_hash[0] != val_hash[2]);
}
END_TEST

START_TEST(no_more_than_max_rows)
{
    const struct tr_packing_set set[] = {
        { make("a.tok", 0, 300, 0, 1), 1 }, { make("b.tok", 1, 20, 0, 1), 2 },
    };
    struct tr_packing job = job_of(set, 2);
    job.max_rows = 50;
    struct content *c = run(&job);
    ck_assert_int_eq(times(c, 0, -1), 50);
    ck_assert_int_eq(times(c, 1, -1), 40);
    int first = 1;
    for (int i = 0; i < 50; i++)
        first = first && times(c, 0, i);
    ck_assert(!first); /* they come from everywhere */
    free(c);
    job.n_set = 1;
    c = run(&job);
    ck_assert_int_eq(c->n, 50);
    free(c);
}
END_TEST

/* ==== sides ==== */

/* No document on both sides, though it be repeated; of each set and group the fraction. */
START_TEST(sides_of_mixed_sets)
{
    const struct tr_packing_set set[] = {
        { make("a.tok", 0, 400, 4, 1), 3 }, { make("b.tok", 1, 200, 0, 1), 0.5 },
    };
    struct tr_packing job = job_of(set, 2);
    struct content *val;
    job.seed = (uint64_t)_i;
    struct content *c = run_split(&job, 0.25, &val);
    ck_assert_int_eq(times(val, 0, -1), 100);
    ck_assert_int_eq(times(val, 1, -1), 25);
    ck_assert_int_eq(times(c, 0, -1), 3 * 300);
    ck_assert_int_eq(times(c, 1, -1), 75);
    for (int i = 0; i < 400; i++)
        ck_assert(times(val, 0, i) ? times(val, 0, i) == 1 && !times(c, 0, i)
                                   : times(c, 0, i) == 3);
    for (int group = 0; group < 4; group++) {
        int n = 0;
        for (int i = 0; i < val->n; i++)
            n += val->set[i] == 0 && val->number[i] % 4 == group;
        ck_assert_int_eq(n, 25);
    }
    free(c);
    free(val);
}
END_TEST

/* Groups that are too small for one of each give their share together. */
START_TEST(sides_of_small_groups)
{
    const struct tr_packing_set set = { make("a.tok", 0, 600, 200, 1), 1 };
    struct tr_packing job = job_of(&set, 1);
    struct content *val;
    job.seed = (uint64_t)_i;
    free(run_split(&job, 0.1, &val));
    int chance = _i ? 30 : 5;
    ck_assert_msg(abs(val->n - 60) < chance, "%d", val->n);
    free(val);
}
END_TEST

/* Of a single stream the order stays, and a fraction of each group is held out. */
static const double fractions[] = { 0.1, 0.25, 0.4, 0.5, 0.75, 0.9 };

START_TEST(sides_of_one_set)
{
    const struct tr_packing_set set = { make("a.tok", 0, 600, 3, 1), 1 };
    struct tr_packing job = job_of(&set, 1);
    double p = fractions[_i / 3];
    struct content *val;
    job.seed = (uint64_t)(_i % 3);
    struct content *c = run_split(&job, p, &val);
    ck_assert_int_eq(c->n + val->n, 600);
    for (int group = 0; group < 3; group++) {
        int n = 0;
        for (int i = 0; i < val->n; i++)
            n += val->number[i] % 3 == group;
        ck_assert_msg(n == (int)(200 * p + 0.5), "%d of group %d at %g", n, group, p);
    }
    for (int i = 1; i < c->n; i++)
        ck_assert_int_lt(c->number[i - 1], c->number[i]);
    for (int i = 0; i < val->n; i++)
        ck_assert_int_eq(times(c, 0, val->number[i]), 0);
    free(c);
    free(val);
}
END_TEST

START_TEST(validation_of_ones_own)
{
    const struct tr_packing_set set[] = {
        { make("a.tok", 0, 30, 0, 1), 1 }, { make("b.tok", 1, 20, 0, 1), 1 },
    };
    struct tr_packing job = job_of(set, (size_t)_i);
    job.val = make("own.tok", 2, 9, 0, 1);
    job.val_out = in_dir("v.pack");
    struct content *c = run(&job), *val = content_of(job.val_out);
    ck_assert(c->n == (_i == 1 ? 30 : 50) && times(c, 2, -1) == 0);
    ck_assert(val->n == 9 && times(val, 2, -1) == 9);
    free(c);
    free(val);
}
END_TEST

/* ==== samples ==== */

enum { BOS = 1, EOS = 2 };

static const struct { const char *title, *want; uint32_t ctx; struct tr_sample_args args;
                      uint64_t n_cut, lost; } samples[] = {
    /* documents are 10 11, 20 21 22, 30, 40 … 49 between BOS and EOS */
    { "as they are", "1 10 11>2,1 20 21 22>2;1 30>2;1 40 41 42 43 44 45;46 47 48 49>2;", 7,
      { 0, 0, -1, -1, 0, 0, 0, 0, 0 }, 0, 0 },
    { "filled, as they are", "1 10 11 2 1 20 21>22;1 30 2 1 40 41 42>43;", 7,
      { 0, 1, -1, -1, 0, 0, 0, 0, 0 }, 2, 8 },
    { "filled, BOS between", "1 10 11 1 20 21>22;1 30 1 40 41 42>43;", 6,
      { 0, 1, BOS, EOS, 1, 0, 0, 0, 0 }, 1, 6 },
    { "filled, EOS between", "1 10 11 2 20 21>22;1 30 2 40 41 42>43;", 6,
      { 0, 1, BOS, EOS, 0, 1, 0, 0, 0 }, 1, 6 },
    { "filled, EOS and BOS between", "1 10 11 2 1 20>21;1 30 2 1 40 41>42;", 6,
      { 0, 1, BOS, EOS, 1, 1, 0, 0, 0 }, 2, 8 },
    { "filled, nothing between", "1 10 11 20 21 22>30;1 40 41 42 43 44>45;", 6,
      { 0, 1, BOS, EOS, 0, 0, 0, 0, 0 }, 1, 4 },
    { "overlapping", "1 10 11 20 21>22;1 20 21 22 30>40;1 30 40 41 42>43;1 40 41 42 43>44;",
      5, { 1, 0, BOS, EOS, 0, 0, 0, 0, 0 }, 1, 5 },
    { "overlapping, short at the end",
      "1 10 11 20 21 22 30 40 41 42 43 44 45 46 47>48;1 20 21 22 30 40 41 42 43 44 45 46 47 "
      "48>49;1 30 40 41 42 43 44 45 46 47 48>49;1 40 41 42 43 44 45 46 47 48>49;",
      15, { 1, 1, BOS, EOS, 1, 0, 0, 0, 0 }, 0, 0 },
};

/* Runs as their ids, the last target behind ">" where the run ends short of the context
 * or the sequence does. */
static void render(const char *pack, char *text, size_t room)
{
    struct tr_pack *p = tr_pack_open(pack, NULL);
    struct tr_pack_seq s;
    size_t n = 0;
    for (uint64_t i = 0; i < tr_pack_info(p)->n_seq; i++) {
        ck_assert_int_eq(tr_pack_read(p, i, &s, NULL), 0);
        for (int32_t t = 0; t < s.n; t++) {
            const char *between = s.pos[t] ? " " : t ? "," : "";
            n += (size_t)snprintf(text + n, room - n, "%s%d", between, s.token[t]);
            int goes_on = i + 1 < tr_pack_info(p)->n_seq && s.target[t] == 46;
            if ((t + 1 == s.n || !s.pos[t + 1]) && !goes_on)
                n += (size_t)snprintf(text + n, room - n, ">%d", s.target[t]);
        }
        n += (size_t)snprintf(text + n, room - n, ";");
    }
    tr_pack_close(p);
}

static const char *make_samples(void)
{
    static const uint32_t doc[][12] = {
        { BOS, 10, 11, EOS }, { BOS, 20, 21, 22, EOS }, { BOS, 30, EOS },
        { BOS, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, EOS },
    };
    static const size_t length[] = { 4, 5, 3, 12 };
    const char *to = in_dir("samples.tok");
    FILE *f = fopen(to, "wb");
    struct tr_token_writer *w = tr_token_writer_new(f, 7, N_VOCAB, NULL);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(tr_token_write(w, doc[i], length[i], NULL), 0);
    ck_assert_int_eq(tr_token_writer_end(w, NULL), 0);
    tr_token_writer_free(w);
    ck_assert_int_eq(fclose(f), 0);
    return to;
}

START_TEST(joined_samples)
{
    const struct tr_packing_set set = { make_samples(), 1 };
    struct tr_packing job = job_of(&set, 1);
    char text[512];
    job.ctx = samples[_i].ctx;
    job.sample = samples[_i].args;
    free(run(&job));
    render(job.out, text, sizeof text);
    ck_assert_msg(!strcmp(text, samples[_i].want), "%s: %s", samples[_i].title, text);
    ck_assert_uint_eq(result.train.n_doc, 4);
    ck_assert_uint_eq(result.train.counts.n_cut, samples[_i].n_cut);
    ck_assert_uint_eq(result.train.counts.lost_tokens, samples[_i].lost);
}
END_TEST

START_TEST(samples_that_cannot_be)
{
    const struct tr_packing_set set[] = { { make_samples(), 1 }, { make_samples(), 2 } };
    struct tr_packing job = job_of(set, 2);
    job.sample.overlapping = 1;
    struct tr_err err = { 0 };
    ck_assert_int_eq(tr_packing_run(&job, &result, NULL, &err), TR_EINVAL);
    job.n_set = 1;
    job.sample.vocab_hash = 8;
    ck_assert_int_eq(tr_packing_run(&job, &result, NULL, &err), TR_EMISMATCH);
}
END_TEST

/* ==== refusals ==== */

static void refuse(const struct tr_packing *job, int code, const char *words)
{
    struct tr_err err = { 0 };
    ck_assert_msg(tr_packing_run(job, &result, NULL, &err) == code, "%s", err.text);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
    ck_assert(access(job->out, F_OK) && (!job->val_out || access(job->val_out, F_OK)));
    ck_assert(!result.train.written && !result.val.written);
}

START_TEST(refusals)
{
    struct tr_packing_set set[] = { { make("a.tok", 0, 1, 0, 1), 1 },
                                    { make("b.tok", 1, 9, 0, 1), 1 } };
    struct tr_packing job = job_of(set, 1);
    job.val_out = in_dir("v.pack");
    refuse(&job, TR_EINVAL, "one source of validation");
    job.val_split = 0.5;
    refuse(&job, TR_EFORMAT, "one row is too little");
    job.val = set[1].path;
    refuse(&job, TR_EINVAL, "one source of validation");
    job = job_of(set, 2);
    job.ctx = 3;
    for (int i = 0; tr_over_long_at(i); i++)
        job.packer.over_long = tr_over_long_at(i); /* the last: refuse */
    set[0].weight = 2;
    refuse(&job, TR_EFORMAT, "b.tok': document 4: ");
    set[0].weight = 0;
    refuse(&job, TR_EINVAL, "a weight above 0");
    set[0].weight = 0.1;
    set[1].weight = 0.01;
    refuse(&job, TR_EFORMAT, "none of them counts");
}
END_TEST

START_TEST(other_vocabularies)
{
    const struct tr_packing_set set[] = {
        { make("a.tok", 0, 30, 0, 1), 1 }, { "tests/golden/docs.tok", 1 },
    };
    struct tr_packing job = job_of(set, 2);
    refuse(&job, TR_EMISMATCH, "another vocabulary");
    job.n_set = 1;
    job.val = set[1].path;
    job.val_out = in_dir("v.pack");
    refuse(&job, TR_EMISMATCH, "another vocabulary");
}
END_TEST

/* Damage in any place of a stream is seen, and leaves nothing. */
START_TEST(damaged_sets)
{
    const struct tr_packing_set set[] = {
        { make("a.tok", 0, 30, 0, 1), 1 }, { make("b.tok", 1, 20, 0, 1), 2 },
    };
    char *data;
    size_t n;
    struct tr_packing job = job_of(set, 2);
    ck_assert_int_eq(tr_read_all(set[1].path, &data, &n, NULL), 0);
    for (size_t end = 1; end < n; end += 37) {
        FILE *f = fopen(set[1].path, "wb");
        ck_assert_uint_eq(fwrite(data, 1, end, f), end);
        ck_assert_int_eq(fclose(f), 0);
        refuse(&job, TR_EFORMAT, "b.tok'");
    }
    free(data);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("packing");
    TCase *t = tcase_create("packing");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, make_dir, remove_dir);
    tcase_add_test(t, weights_are_whole_documents);
    tcase_add_test(t, evenly_mixed);
    tcase_add_test(t, a_function_of_the_seed);
    tcase_add_test(t, no_more_than_max_rows);
    tcase_add_loop_test(t, sides_of_mixed_sets, 0, 3);
    tcase_add_loop_test(t, sides_of_small_groups, 0, 3);
    tcase_add_loop_test(t, sides_of_one_set, 0, 18);
    tcase_add_loop_test(t, validation_of_ones_own, 1, 3);
    tcase_add_loop_test(t, joined_samples, 0, sizeof samples / sizeof samples[0]);
    tcase_add_test(t, samples_that_cannot_be);
    tcase_add_test(t, refusals);
    tcase_add_test(t, other_vocabularies);
    tcase_add_test(t, damaged_sets);
    suite_add_tcase(s, t);
    return run_suite(s);
}
