/* SPDX-License-Identifier: MIT
 *
 * A token stream as a packing reads it: documents of one token predict nothing and are
 * passed over, and each keeps its number, so that a message can say which it was.
 */
#include <libtrain/data/packing.h>
#include <libtrain/file.h>

#include <string.h>

int tr__packing_open(struct tr__packing_stream *s, const char *path, struct tr_err *err)
{
    *s = (struct tr__packing_stream){ .name = strcmp(path, "-") ? path : "standard input" };
    s->f = tr_in_open(path, err);
    if (s->f)
        s->r = tr_token_reader_new(s->f, s->name, err);
    if (s->r)
        return 0;
    tr__packing_close(s);
    return err && err->code ? err->code : TR_EIO;
}

int tr__packing_next(struct tr__packing_stream *s, struct tr_document *d, uint64_t *n_short,
                    struct tr_err *err)
{
    for (;;) {
        int more = tr_token_read_document(s->r, d, err);
        if (more <= 0)
            return more;
        s->number++;
        if (d->n >= 2)
            return 1;
        if (n_short)
            ++*n_short;
    }
}

void tr__packing_close(struct tr__packing_stream *s)
{
    tr_token_reader_free(s->r);
    if (s->f)
        fclose(s->f);
    s->r = NULL;
    s->f = NULL;
}
