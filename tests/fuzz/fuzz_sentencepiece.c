/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a tokenizer.model: what is read can be written, and is read again as the same.
 *
 * Sources: hf error
 */
#include <libtrain/hf/vocab_sentencepiece.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
    struct tr__hf_pieces p;
    struct tr__hf_sentencepiece s;
};

static int read_model(const char *bytes, size_t n, struct model *m)
{
    struct tr_err err = { 0 };
    *m = (struct model){ 0 };
    int rc = tr__hf_sentencepiece_read(bytes, n, "input", &m->p, &m->s, &err);
    if (!rc != (err.code == 0))
        abort();
    return rc;
}

static void write_model(const struct model *m, char **bytes, size_t *n)
{
    FILE *f = open_memstream(bytes, n);
    if (!f)
        abort();
    for (size_t i = 0; i < m->p.n; i++)
        tr__hf_sentencepiece_piece(f, tr__hf_piece_text(&m->p, i), m->p.at[i].score,
                                   m->p.at[i].type);
    tr__hf_sentencepiece_end(f, &m->s);
    if (fclose(f))
        abort();
}

static void compare(const struct model *a, const struct model *b)
{
    if (a->p.n != b->p.n || a->s.model_type != b->s.model_type ||
        a->s.no_prefix != b->s.no_prefix)
        abort();
    for (size_t i = 0; i < a->p.n; i++) {
        struct tr_str x = tr__hf_piece_text(&a->p, i), y = tr__hf_piece_text(&b->p, i);
        if (x.len != y.len || memcmp(x.ptr, y.ptr, x.len) ||
            a->p.at[i].type != b->p.at[i].type ||
            memcmp(&a->p.at[i].score, &b->p.at[i].score, sizeof(float)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model first, second;
    char *bytes = NULL;
    size_t n = 0;
    if (!read_model((const char *)data, size, &first)) {
        write_model(&first, &bytes, &n);
        if (read_model(bytes, n, &second))
            abort();
        compare(&first, &second);
        tr__hf_pieces_release(&second.p);
        free(bytes);
    }
    tr__hf_pieces_release(&first.p);
    return 0;
}
