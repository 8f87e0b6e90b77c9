/* SPDX-License-Identifier: MIT
 *
 * Token streams: what is written is read back; what was cut or changed is refused in words.
 */
#include "sanitized.h"
#include "suite.h"

#include <libtrain/token.h>

#include <math.h>

enum { N_VOCAB = 300 };

static const uint32_t doc0[] = { 1, 2, 3 | TR_TOKEN_MASKED, 299 };
static const uint32_t doc2[] = { 7 };

static FILE *bytes_file(const unsigned char *data, size_t n)
{
    FILE *f = tmpfile();
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    rewind(f);
    return f;
}

/* A stream of three documents, the middle one empty, and a last of n_big tokens. */
static unsigned char *make_stream(size_t n_big, size_t *bytes)
{
    struct tr_err err = { 0 };
    FILE *f = tmpfile();
    ck_assert_ptr_nonnull(f);
    struct tr_token_writer *w = tr_token_writer_new(f, 0x1122334455667788u, N_VOCAB, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    ck_assert_int_eq(tr_token_write(w, doc0, 4, &err), 0);
    ck_assert_int_eq(tr_token_write(w, NULL, 0, &err), 0);
    ck_assert_int_eq(tr_token_write(w, doc2, 1, &err), 0);
    uint32_t *big = calloc(n_big + 1, sizeof *big);
    for (size_t i = 0; i < n_big; i++)
        big[i] = (uint32_t)(i * 7919 % N_VOCAB);
    ck_assert_int_eq(tr_token_write(w, big, n_big, &err), 0);
    ck_assert_int_eq(tr_token_writer_end(w, &err), 0);
    tr_token_writer_free(w);
    free(big);
    *bytes = (size_t)ftell(f);
    unsigned char *data = malloc(*bytes + 64);
    rewind(f);
    ck_assert_uint_eq(fread(data, 1, *bytes, f), *bytes);
    fclose(f);
    return data;
}

/* Documents that say more, one of them with weights that say nothing. */
static const float some[] = { 1, 0, 2.5f, 1 }, ones[] = { 1 };
static const struct tr_document said[] = {
    { doc0, 4, some, "songs", 1, 0 },
    { doc2, 1, ones, NULL, 0, 0 },
    { NULL, 0, NULL, "Lied \xc3\xbc" "ber alles", 1, 0 },
    { doc0, 4, NULL, NULL, 1, 0 },
};
enum { N_SAID = sizeof said / sizeof *said };

static unsigned char *make_documents(size_t *bytes)
{
    struct tr_err err = { 0 };
    FILE *f = tmpfile();
    struct tr_token_writer *w = tr_token_writer_new_documents(f, 5, N_VOCAB, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    for (int i = 0; i < N_SAID; i++)
        ck_assert_msg(tr_token_write_document(w, &said[i], &err) == 0, "%s", err.text);
    ck_assert_int_eq(tr_token_writer_end(w, &err), 0);
    tr_token_writer_free(w);
    *bytes = (size_t)ftell(f);
    unsigned char *data = malloc(*bytes);
    rewind(f);
    ck_assert_uint_eq(fread(data, 1, *bytes, f), *bytes);
    fclose(f);
    return data;
}

static unsigned char *make_either(int which, size_t *bytes)
{
    return which ? make_documents(bytes) : make_stream(5, bytes);
}

/* Read the whole stream; 0, or the error. */
static int read_all(const unsigned char *data, size_t n, struct tr_err *err)
{
    FILE *f = bytes_file(data, n);
    const uint32_t *token;
    size_t n_token;
    int rc;

    memset(err, 0, sizeof *err);
    struct tr_token_reader *r = tr_token_reader_new(f, "x.tok", err);
    if (!r) {
        fclose(f);
        ck_assert_int_lt(err->code, 0);
        return err->code;
    }
    while ((rc = tr_token_read(r, &token, &n_token, err)) > 0)
        ;
    tr_token_reader_free(r);
    fclose(f);
    ck_assert_int_eq(rc, err->code);
    return rc;
}

static void expect_next(struct tr_token_reader *r, const uint32_t *want, size_t n_want)
{
    struct tr_err err = { 0 };
    const uint32_t *token;
    size_t n;
    ck_assert_msg(tr_token_read(r, &token, &n, &err) == 1, "%s", err.text);
    ck_assert_uint_eq(n, n_want);
    ck_assert_int_eq(n ? memcmp(token, want, n * sizeof *want) : 0, 0);
}

START_TEST(round_trip)
{
    static const size_t size[] = { 0, 1, 16383, 16384, 16385, 100001 };
    struct tr_err err = { 0 };
    size_t bytes, n, n_big = size[_i];
    const uint32_t *token;
    unsigned char *data = make_stream(n_big, &bytes);
    FILE *f = bytes_file(data, bytes);
    struct tr_token_reader *r = tr_token_reader_new(f, "x.tok", &err);

    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert_uint_eq(tr_token_reader_vocab_hash(r), 0x1122334455667788u);
    ck_assert_uint_eq(tr_token_reader_n_vocab(r), N_VOCAB);
    expect_next(r, doc0, 4);
    expect_next(r, NULL, 0);
    expect_next(r, doc2, 1);
    ck_assert_int_eq(tr_token_read(r, &token, &n, &err), 1);
    ck_assert_uint_eq(n, n_big);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(token[i], i * 7919 % N_VOCAB);
    ck_assert_int_eq(tr_token_read(r, &token, &n, &err), 0);
    ck_assert_int_eq(tr_token_read(r, &token, &n, &err), 0); /* stays at the end */
    tr_token_reader_free(r);
    fclose(f);
    free(data);
}
END_TEST

static void expect_document(struct tr_token_reader *r, const struct tr_document *want)
{
    struct tr_err err = { 0 };
    struct tr_document d;
    ck_assert_msg(tr_token_read_document(r, &d, &err) == 1, "%s", err.text);
    ck_assert_uint_eq(d.n, want->n);
    ck_assert_int_eq(d.row, want->row);
    ck_assert_int_eq(d.n ? memcmp(d.token, want->token, d.n * sizeof *d.token) : 0, 0);
    ck_assert_int_eq(d.weight != NULL, want->weight == some);
    if (d.weight)
        ck_assert_mem_eq(d.weight, want->weight, d.n * sizeof *d.weight);
    ck_assert_int_eq(d.group != NULL, want->group != NULL);
    if (d.group)
        ck_assert_str_eq(d.group, want->group);
}

START_TEST(documents)
{
    struct tr_err err = { 0 };
    size_t bytes;
    unsigned char *data = make_documents(&bytes);
    FILE *f = bytes_file(data, bytes);
    struct tr_token_reader *r = tr_token_reader_new(f, "x.tok", &err);
    struct tr_document d;
    ck_assert_msg(r != NULL, "%s", err.text);
    expect_document(r, &said[0]);
    expect_next(r, said[1].token, said[1].n); /* the old call passes over the rest */
    expect_document(r, &said[2]);
    expect_document(r, &said[3]);
    ck_assert_int_eq(tr_token_read_document(r, &d, &err), 0);
    ck_assert_uint_eq(d.n, 0);
    tr_token_reader_free(r);
    fclose(f);
    free(data);
}
END_TEST

/* A document that says no more than its tokens has version 1's bytes in its stream. */
START_TEST(plain_documents)
{
    struct tr_err err = { 0 };
    struct tr_document d;
    FILE *f = tmpfile();
    struct tr_token_writer *w = tr_token_writer_new(f, 5, N_VOCAB, &err);
    ck_assert_int_eq(tr_token_write_document(w, &said[1], &err), 0);
    ck_assert_int_eq(tr_token_writer_end(w, &err), 0);
    tr_token_writer_free(w);
    ck_assert_int_eq(ftell(f), 32 + 12 + 32);
    rewind(f);
    struct tr_token_reader *r = tr_token_reader_new(f, "x.tok", &err);
    ck_assert_int_eq(tr_token_read_document(r, &d, &err), 1);
    ck_assert(d.n == 1 && *d.token == *doc2 && !d.weight && !d.group && !d.row);
    tr_token_reader_free(r);
    fclose(f);
}
END_TEST

static const float inf[] = { 1, INFINITY }, nan_[] = { 1, NAN }, negative[] = { 1, -1 };
static char long_name[257];
/* how: 0 documents, 1 plain, 2 documents asked for too much, 3 signed */
static const struct { int how; struct tr_document d; const char *says; } refused[] = {
    { 0, { doc0, 2, inf, NULL, 0, 0 }, "a weight is not" },
    { 0, { doc0, 2, nan_, NULL, 0, 0 }, "a weight is not" },
    { 0, { doc0, 2, negative, NULL, 0, 0 }, "a weight is not" },
    { 0, { doc0, 2, NULL, "", 0, 0 }, "no name" },
    { 0, { doc0, 2, NULL, "a\nb", 0, 0 }, "no name" },
    { 0, { doc0, 2, NULL, "\xff", 0, 0 }, "no name" },
    { 0, { doc0, 2, NULL, long_name, 0, 0 }, "no name" },
    { 1, { doc0, 4, some, NULL, 0, 0 }, "begun without" },
    { 1, { doc0, 2, NULL, "g", 0, 0 }, "begun without" },
    { 1, { doc0, 2, NULL, NULL, 1, 0 }, "begun without" },
    { 2, { doc0, 4, NULL, NULL, 1, 2 }, "begun without" },
    { 3, { doc0, 4, NULL, NULL, 1, 1 }, "does not begin inside" },
    { 3, { doc0, 4, NULL, NULL, 1, 3 }, "does not begin inside" },
    { 3, { doc0, 4, inf, NULL, 1, 2 }, "a weight is not" },
};

/* A document, its rival, and weights below 0 come back. */
START_TEST(signed_documents)
{
    static const float weight[] = { 1, 1, -1, -0.5f };
    const struct tr_document in[] = { { doc0, 4, weight, "g", 1, 2 }, { doc2, 1, NULL, NULL, 1, 0 } };
    struct tr_err err = { 0 };
    struct tr_document d;
    FILE *f = tmpfile();
    struct tr_token_writer *w = tr_token_writer_new_signed(f, 5, N_VOCAB, &err);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(tr_token_write_document(w, &in[i], &err), 0);
    ck_assert_int_eq(tr_token_writer_end(w, &err), 0);
    tr_token_writer_free(w);
    rewind(f);
    struct tr_token_reader *r = tr_token_reader_new(f, "s.tok", &err);
    ck_assert_int_eq(tr_token_read_document(r, &d, &err), 1);
    ck_assert_uint_eq(d.rival, 2);
    ck_assert_mem_eq(d.weight, weight, sizeof weight);
    ck_assert_str_eq(d.group, "g");
    ck_assert_int_eq(tr_token_read_document(r, &d, &err), 1);
    ck_assert(d.rival == 0 && d.weight == NULL && d.n == 1);
    ck_assert_int_eq(tr_token_read_document(r, &d, &err), 0);
    tr_token_reader_free(r);
    /* where the rival begins: behind n, the head and the group */
    static const uint64_t odd[] = { 0, 1, 3, 4, UINT64_MAX };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        ck_assert_int_eq(fseek(f, 32 + 8 + 4 + 1, SEEK_SET), 0);
        ck_assert_uint_eq(fwrite(&odd[i], 8, 1, f), 1);
        rewind(f);
        r = tr_token_reader_new(f, "s.tok", &err);
        ck_assert_int_eq(tr_token_read_document(r, &d, &err), TR_EFORMAT);
        ck_assert_msg(strstr(err.text, "rival") != NULL, "%s", err.text);
        tr_token_reader_free(r);
    }
    fclose(f);
}
END_TEST

START_TEST(refused_documents)
{
    struct tr_err err = { 0 };
    FILE *f = tmpfile();
    memset(long_name, 'a', 256);
    int how = refused[_i].how;
    struct tr_token_writer *w = (how == 1   ? tr_token_writer_new
                                 : how == 3 ? tr_token_writer_new_signed
                                            : tr_token_writer_new_documents)(f, 5, N_VOCAB, &err);
    ck_assert_int_eq(tr_token_write_document(w, &refused[_i].d, &err),
                     how == 1 || how == 2 ? TR_EINVAL : TR_EFORMAT);
    ck_assert_msg(strstr(err.text, refused[_i].says), "%s", err.text);
    ck_assert_int_lt(tr_token_writer_end(w, &err), 0);
    tr_token_writer_free(w);
    fclose(f);
}
END_TEST

/* What the first document of make_documents holds: where, which bytes, the words. */
static const struct { size_t at; unsigned char byte; const char *says; } forged[] = {
    { 32 + 8 + 2, 1, "of a kind" },
    { 32 + 8, 7, "of a kind" },
    { 32 + 12, 0xff, "not UTF-8" },
    { 32 + 12, 0x07, "not UTF-8" },
    { 32 + 12 + 5 + 16 + 3, 0x7f, NULL }, /* 1.0f becomes a large number … */
    { 32 + 12 + 5 + 16 + 3, 0xbf, "token 0: its weight" }, /* … or -1 */
};

START_TEST(forged_documents)
{
    struct tr_err err;
    size_t bytes;
    unsigned char *data = make_documents(&bytes);
    data[forged[_i].at] = forged[_i].byte;
    if (!forged[_i].says)
        data[forged[_i].at - 1] = 0xff; /* … that is none */
    ck_assert_int_eq(read_all(data, bytes, &err), TR_EFORMAT);
    ck_assert_msg(strstr(err.text, forged[_i].says ? forged[_i].says : "its weight"), "%s",
                  err.text);
    free(data);
}
END_TEST

START_TEST(no_documents)
{
    struct tr_err err = { 0 };
    unsigned char data[128];
    FILE *f = tmpfile();
    struct tr_token_writer *w = tr_token_writer_new(f, 1, 2, &err);
    ck_assert_int_eq(tr_token_writer_end(w, &err), 0);
    tr_token_writer_free(w);
    size_t n = (size_t)ftell(f);
    rewind(f);
    ck_assert_uint_eq(fread(data, 1, n, f), n);
    fclose(f);
    ck_assert_int_eq(read_all(data, n, &err), 0);
}
END_TEST

START_TEST(every_cut_is_seen)
{
    struct tr_err err;
    size_t bytes;
    unsigned char *data = make_either(_i, &bytes);
    for (size_t n = 0; n < bytes; n++) {
        ck_assert_msg(read_all(data, n, &err) == TR_EFORMAT, "cut at %zu", n);
        ck_assert_msg(strstr(err.text, n < 8 ? "not a token" : "is cut"), "%s", err.text);
    }
    free(data);
}
END_TEST

START_TEST(every_bit_counts)
{
    struct tr_err err;
    size_t bytes;
    unsigned char *data = make_either(_i, &bytes);
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert_msg(read_all(data, bytes, &err) < 0, "bit %zu", bit);
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    ck_assert_int_eq(read_all(data, bytes, &err), 0);
    free(data);
}
END_TEST

START_TEST(joined_streams)
{
    struct tr_err err;
    size_t bytes;
    unsigned char *data = make_stream(5, &bytes);
    data = realloc(data, 2 * bytes);
    memcpy(data + bytes, data, bytes);
    ck_assert_int_eq(read_all(data, 2 * bytes, &err), TR_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "joined"));
    ck_assert_int_eq(read_all(data, bytes + 1, &err), TR_EFORMAT);
    free(data);
}
END_TEST

/* A count of 2^63 tokens, under an address space that could not hold a fraction. */
START_TEST(forged_count)
{
    struct tr_err err;
    size_t bytes;
    unsigned char *data = make_stream(5, &bytes);
    limit_memory(16u << 20);
    data[32 + 7] = 0x80;
    ck_assert_int_eq(read_all(data, bytes, &err), TR_EFORMAT);
    memset(data + 32, 0xff, 8);
    data[32] = 0xfe;
    ck_assert_int_eq(read_all(data, bytes, &err), TR_EFORMAT);
    free(data);
}
END_TEST

/* What another command might send: its bytes, and what it is called. */
static const struct { const char *data; size_t n; const char *says; } wrong[] = {
    { "", 0, "it is empty" },
    { "a", 1, "it is text" },
    { "To be, or not to be: that is the question, whether", 50, "it is text" },
    { "caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9", 16, "it is text" },
    { "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, "it is a GGUF model" },
    { "TRPAK\r\n\x1a", 8, "it is a pack" },
    { "TRTOK\n\x1a\1\0\0\0\0", 12, "changed in transfer" },
    { "TRTOK\r\n\x1a\4\0\0\0", 12, "of version 4" },
    { "TRTOK\r\n\x1a\0\0\0\0", 12, "of version 0" },
    { "\x28\xb5\x2f\xfd\0\0", 6, "zstd" },
    { "\0\0\0\0\0\0\0\0\0\0", 10, "unknown kind" },
};
enum { N_WRONG = sizeof wrong / sizeof *wrong };

START_TEST(wrong_pipe)
{
    struct tr_err err;
    ck_assert_int_lt(read_all((const unsigned char *)wrong[_i].data, wrong[_i].n, &err), 0);
    ck_assert_msg(strstr(err.text, wrong[_i].says), "%s", err.text);
    ck_assert_msg(strstr(err.text, "'x.tok'"), "%s", err.text);
}
END_TEST

START_TEST(ids_below_n_vocab)
{
    static const uint32_t bad[] = { N_VOCAB, N_VOCAB | TR_TOKEN_MASKED, 0xffffffffu };
    struct tr_err err = { 0 };
    size_t bytes;
    FILE *f = tmpfile();
    struct tr_token_writer *w = tr_token_writer_new(f, 1, N_VOCAB, &err);
    ck_assert_int_eq(tr_token_write(w, &bad[_i], 1, &err), TR_EFORMAT);
    ck_assert_int_lt(tr_token_writer_end(w, &err), 0); /* the failure sticks */
    tr_token_writer_free(w);
    fclose(f);

    unsigned char *data = make_stream(5, &bytes);
    for (int i = 0; i < 4; i++)
        data[32 + 8 + 4 + i] = (unsigned char)(bad[_i] >> 8 * i);
    ck_assert_int_eq(read_all(data, bytes, &err), TR_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "document 0, token 1"));
    free(data);
}
END_TEST

START_TEST(vocabulary_sizes)
{
    struct tr_err err = { 0 };
    FILE *f = tmpfile();
    ck_assert_ptr_null(tr_token_writer_new(f, 1, 0, &err));
    ck_assert_ptr_null(tr_token_writer_new(f, 1, 0x80000001u, NULL));
    struct tr_token_writer *w = tr_token_writer_new(f, 1, 0x80000000u, NULL);
    ck_assert_ptr_nonnull(w);
    tr_token_writer_free(w);
    fclose(f);
}
END_TEST

/* The streams in tests/golden, which the tests of commands use: what versions 1 and 2 are
 * must not change.  UPDATE=1 writes them. */
static const struct { const char *name; size_t n_doc, n[5]; uint32_t mask; } golden[] = {
    { "docs", 5, { 10, 0, 1, 3, 50 }, 0 },
    { "one", 1, { 101 }, 0 },
    { "empty", 0, { 0 }, 0 },
    { "short", 3, { 1, 0, 1 }, 0 },
    { "masked", 2, { 5, 5 }, TR_TOKEN_MASKED },
};

static void expect_golden(const char *name, const unsigned char *made, size_t n)
{
    struct tr_err err = { 0 };
    char path[64];
    unsigned char want[1024];
    snprintf(path, sizeof path, "tests/golden/%s.tok", name);
    FILE *f = fopen(path, getenv("UPDATE") ? "w+b" : "rb");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    if (getenv("UPDATE"))
        ck_assert_uint_eq(fwrite(made, 1, n, f), n);
    rewind(f);
    ck_assert_uint_eq(fread(want, 1, sizeof want, f), n);
    fclose(f);
    ck_assert_int_eq(memcmp(made, want, n), 0);
    ck_assert_int_eq(read_all(want, n, &err), 0);
}

START_TEST(golden_documents)
{
    size_t n;
    unsigned char *made = make_documents(&n);
    expect_golden("documents", made, n);
    free(made);
}
END_TEST

START_TEST(golden_streams)
{
    struct tr_err err = { 0 };
    unsigned char made[1024];
    uint32_t token[128], id = 0;
    FILE *f = tmpfile();
    struct tr_token_writer *w = tr_token_writer_new(f, 0x0123456789abcdefu, 1000, &err);
    for (size_t i = 0; i < golden[_i].n_doc; i++) {
        for (size_t k = 0; k < golden[_i].n[i]; k++)
            token[k] = id++ | golden[_i].mask;
        ck_assert_int_eq(tr_token_write(w, token, golden[_i].n[i], &err), 0);
    }
    ck_assert_int_eq(tr_token_writer_end(w, &err), 0);
    tr_token_writer_free(w);
    size_t n = (size_t)ftell(f);
    ck_assert_uint_le(n, sizeof made);
    rewind(f);
    ck_assert_uint_eq(fread(made, 1, n, f), n);
    fclose(f);
    expect_golden(golden[_i].name, made, n);
}
END_TEST

START_TEST(full_disk)
{
    struct tr_err err = { 0 };
    FILE *f = fopen("/dev/full", "wb");
    ck_assert_ptr_nonnull(f);
    setvbuf(f, NULL, _IONBF, 0);
    ck_assert_ptr_null(tr_token_writer_new(f, 1, 2, &err));
    ck_assert_int_eq(err.code, TR_EIO);
    fclose(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("token");
    TCase *t = tcase_create("token");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, round_trip, 0, 6);
    tcase_add_test(t, documents);
    tcase_add_test(t, plain_documents);
    tcase_add_test(t, signed_documents);
    tcase_add_loop_test(t, refused_documents, 0, sizeof refused / sizeof refused[0]);
    tcase_add_loop_test(t, forged_documents, 0, sizeof forged / sizeof forged[0]);
    tcase_add_test(t, no_documents);
    tcase_add_loop_test(t, every_cut_is_seen, 0, 2);
    tcase_add_loop_test(t, every_bit_counts, 0, 2);
    tcase_add_test(t, joined_streams);
    tcase_add_test(t, forged_count);
    tcase_add_loop_test(t, wrong_pipe, 0, N_WRONG);
    tcase_add_loop_test(t, ids_below_n_vocab, 0, 3);
    tcase_add_test(t, vocabulary_sizes);
    tcase_add_loop_test(t, golden_streams, 0, sizeof golden / sizeof golden[0]);
    tcase_add_test(t, golden_documents);
    tcase_add_test(t, full_disk);
    suite_add_tcase(s, t);
    return run_suite(s);
}
