/* SPDX-License-Identifier: MIT
 *
 * Ids that llama.cpp gave to texts of chance, one list for every way of cutting words
 * (frozen_ids.def, by dev/check-ids.py --freeze).  The vocabulary has a token for each byte
 * and for each two, and the merges of two stand in the order of the bytes, so that a word
 * which begins elsewhere gives other ids.
 */
#include "scratch.h"

#include <libtrain/gguf.h>
#include <libtrain/tokenizer.h>
#include <libtrain/tokenizer/words.h>

static const struct { const char *pre, *text; size_t len; const char *ids; } frozen[] = {
#include "frozen_ids.def"
};

enum { N_BYTE = 256, N_PAIR = N_BYTE * N_BYTE, MAX_LETTER = 2 };

/* GPT-2's letter of a byte: what is printable in Latin-1 is itself, the rest U+0100 and up. */
static size_t letter(unsigned byte, char *to)
{
    unsigned c = 0x100;
    for (unsigned b = 0; b <= byte; b++) {
        int printable = (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad);
        if (b == byte && printable)
            c = b;
        else if (b < byte)
            c += !printable;
    }
    if (c < 0x80) {
        *to = (char)c;
        return 1;
    }
    to[0] = (char)(0xc0 | c >> 6);
    to[1] = (char)(0x80 | (c & 0x3f));
    return 2;
}

static char text_of[N_PAIR][2 * MAX_LETTER + 1];

/* All pairs of letters with `between` between them. */
static void write_pairs(struct tr_str *list, const char *between)
{
    char one[N_BYTE][MAX_LETTER];
    size_t len[N_BYTE];
    for (unsigned b = 0; b < N_BYTE; b++)
        len[b] = letter(b, one[b]);
    for (unsigned i = 0; i < N_PAIR; i++) {
        unsigned a = i / N_BYTE, b = i % N_BYTE;
        list[i] = (struct tr_str){ text_of[i], len[a] + strlen(between) + len[b] };
        memcpy(text_of[i], one[a], len[a]);
        memcpy(text_of[i] + len[a], between, strlen(between));
        memcpy(text_of[i] + len[a] + strlen(between), one[b], len[b]);
    }
}

static struct tr_gguf *pairs(void)
{
    static struct tr_str list[N_BYTE + N_PAIR];
    static char one[N_BYTE][MAX_LETTER];
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    ck_assert_msg(w != NULL, "%s", err.text);
    for (unsigned b = 0; b < N_BYTE; b++)
        list[b] = (struct tr_str){ one[b], letter(b, one[b]) };
    write_pairs(list + N_BYTE, "");
    tr_gguf_set_string(w, "tokenizer.ggml.model", "gpt2");
    tr_gguf_set_strings(w, "tokenizer.ggml.tokens", list, N_BYTE + N_PAIR);
    write_pairs(list, " ");
    tr_gguf_set_strings(w, "tokenizer.ggml.merges", list, N_PAIR);
    ck_assert_msg(tr_gguf_commit(w, &err) == 0, "%s", err.text);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    return g;
}

static void expect(const struct tr_tokenizer *t, size_t i)
{
    struct tr_tokens out = { 0 };
    char have[2048] = "", *p = have;
    ck_assert_int_eq(tr_tokenizer_encode(t, frozen[i].text, frozen[i].len, 0, &out, NULL), 0);
    for (size_t k = 0; k < out.n; k++)
        p += sprintf(p, "%s%u", k ? " " : "", out.id[k]);
    ck_assert_msg(!strcmp(have, frozen[i].ids), "%s, text %zu: %s, not %s", frozen[i].pre, i,
                  have, frozen[i].ids);
    tr_tokens_release(&out);
}

START_TEST(ids_of_llama)
{
    struct tr_gguf *g = pairs();
    struct tr_tokenizer *t = NULL;
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        struct tr_err err = { 0 };
        if (!i || strcmp(frozen[i].pre, frozen[i - 1].pre)) {
            tr_tokenizer_free(t);
            t = tr_tokenizer_new_pre(g, frozen[i].pre, &err);
            ck_assert_msg(t != NULL, "%s", err.text);
        }
        expect(t, i);
    }
    tr_tokenizer_free(t);
    tr_gguf_close(g);
}
END_TEST

static int is_frozen(const struct tr__pattern *pattern)
{
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        struct tr_str name = { frozen[i].pre, strlen(frozen[i].pre) };
        if (tr__pretok_find(name)->pattern == pattern)
            return 1;
    }
    return 0;
}

START_TEST(every_pattern)
{
    for (size_t i = 0; tr__pretok_at(i); i++)
        ck_assert_msg(is_frozen(tr__pretok_at(i)->pattern), "'%s'", tr__pretok_at(i)->name);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frozen_ids");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, make_dir, remove_dir);
    tcase_add_test(tc, ids_of_llama);
    tcase_add_test(tc, every_pattern);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
