/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a file of torch.save, and as the pickle inside one.  What is accepted is
 * read whole.
 */
#include <libtrain/hf/torch.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20, PIECE = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tensor(struct tr__torch *t, const struct tr__torch_tensor *x)
{
    unsigned char piece[PIECE * 8];
    struct tr_err err = { 0 };
    if (!*x->name || strlen(x->name) > MAX_FILE || x->count > MAX_FILE << 8)
        abort();
    for (int64_t i = 0; i < x->count; i += PIECE) {
        int64_t n = x->count - i < PIECE ? x->count - i : PIECE;
        if (tr__torch_read(t, x, i, n, piece, &err))
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_err err = { 0 };
    struct tr__pickle p;
    if (size > MAX_FILE)
        return 0;
    struct tr__torch *t = tr__torch_open(data, size, "fuzz", &err);
    if (!t != (err.code != 0))
        abort();
    for (size_t i = 0; t && i < tr__torch_n(t); i++)
        read_tensor(t, tr__torch_at(t, i));
    tr__torch_close(t);
    err = (struct tr_err){ 0 };
    if (!tr__pickle_read(data, size, "fuzz", &p, &err) != !err.code)
        abort();
    tr__pickle_release(&p);
    return 0;
}
