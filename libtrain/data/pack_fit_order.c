/* SPDX-License-Identifier: MIT
 *
 * Next fit: what does not fit behind its predecessor begins a sequence, and one that was left
 * is not looked at again, so the order of the input stays.
 */
#include <libtrain/data/packer.h>

static int take(struct tr_packer *p, const struct tr__window *w, struct tr_err *err)
{
    int rc = w->n > tr__packer_room(p) ? tr__packer_flush(p, err) : 0;

    if (!rc)
        tr__packer_put(p, w);
    return rc;
}

const struct tr_pack_fit tr__pack_fit_order = { .name = "order", .take = take };
