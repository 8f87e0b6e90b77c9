/* SPDX-License-Identifier: MIT
 *
 * Which parameters an optimizer updates whole and as matrices, what they are to it then, those
 * that it updates all at once, and the room that takes.  Next: update.c.
 */
#include <libtrain/optim/optim.h>

struct tr_optim_shape tr__optim_shape(const struct tr_params *p, size_t i)
{
    const struct tr_tensor *t = p->tensor[i];
    int64_t cols = t->dim[t->n_dim - 1], rows = t->n_dim > 1 ? t->dim[t->n_dim - 2] : 1;
    return (struct tr_optim_shape){ tr_tensor_count(t) / (rows * cols), rows, cols };
}

int tr__optim_by_matrix(const struct tr_params *p, size_t i)
{
    const struct tr_tensor *t = p->tensor[i];
    return p->optim->whole && t->n_dim > 1 && !t->minus_exp && (!p->optim->linear || t->linear);
}

int tr__optim_is_whole(const struct tr_params *p, size_t i)
{
    return p->optim->whole && (!p->optim->linear || tr__optim_by_matrix(p, i));
}

/* The values of the options, in `standard` if nothing was set. */
static const double *options_of(const struct tr_params *p, double *standard)
{
    tr_option_values(p->optim->option, NULL, standard);
    return p->option ? p->option : standard;
}

void tr_params_minimise(struct tr_params *p, double loss, const struct tr_optim_ask *ask)
{
    double standard[TR_MAX_OPTION];
    p->optim->minimise(p, options_of(p, standard), loss, ask);
}

int64_t tr__optim_room(const struct tr_params *p)
{
    int64_t most = 0;
    double standard[TR_MAX_OPTION];
    if (p->optim->room_of_all)
        return p->optim->room_of_all(p->count, options_of(p, standard));
    for (size_t i = 0; i < p->n; i++) {
        struct tr_optim_shape z = tr__optim_shape(p, i);
        int64_t n = z.n * z.rows * z.cols * (1 + p->tensor[i]->minus_exp);
        if (p->optim->room)
            n += p->optim->room(&z);
        if (tr__optim_is_whole(p, i) && n > most)
            most = n;
    }
    return most;
}
