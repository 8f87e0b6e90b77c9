/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a token stream, once as they are and once with the checksum of the header
 * made to fit, so that what lies behind it is reached.
 *
 * Sources: error token_read document magic
 */
#include <libtrain/base/bytes.h>
#include <libtrain/token.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_document(const struct tr_document *d, uint32_t n_vocab)
{
    for (size_t i = 0; i < d->n; i++)
        if (TR_TOKEN_ID(d->token[i]) >= n_vocab ||
            (d->weight && !(isfinite(d->weight[i]) && d->weight[i] >= 0)))
            abort();
    if (d->group && (*d->group == 0 || strlen(d->group) > TR_TOKEN_MAX_GROUP))
        abort();
}

static void read_stream(uint8_t *data, size_t size)
{
    struct tr_err err = { 0 };
    struct tr_document d;
    int rc = 1;
    FILE *f = fmemopen(data, size, "rb");
    struct tr_token_reader *r = f ? tr_token_reader_new(f, "input", &err) : NULL;

    while (r && rc > 0) {
        rc = tr_token_read_document(r, &d, &err);
        check_document(&d, tr_token_reader_n_vocab(r));
    }
    if (r && rc != err.code)
        abort();
    tr_token_reader_free(r);
    if (f)
        fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);

    if (!copy || size == 0) {
        free(copy);
        return 0;
    }
    memcpy(copy, data, size);
    read_stream(copy, size);
    if (size >= 32) {
        tr__put_u64(copy + 24, XXH3_64bits(copy, 24));
        read_stream(copy, size);
    }
    free(copy);
    return 0;
}
