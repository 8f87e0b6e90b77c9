/* SPDX-License-Identifier: MIT
 *
 * The loss of a model on packed data:   measure MODEL.gguf DATA.pack
 */
#include <libtrain/libtrain.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct tr_err err = { 0 };
    double loss;
    uint64_t n;
    if (argc != 3)
        return 2;
    struct tr_model *m = tr_model_open(argv[1], &err);
    struct tr_pack *p = m ? tr_pack_open(argv[2], &err) : NULL;
    struct tr_eval *e = NULL;
    if (p && !tr_pack_fits(p, m, &err))
        e = tr_eval_new(m, tr_pack_info(p)->ctx, tr_loss_at(0), &err);
    if (e && !tr_eval_pack(e, p, &loss, &n, &err))
        printf("loss %.6f over %llu tokens\n", loss, (unsigned long long)n);
    if (err.code)
        fprintf(stderr, "measure: %s\n", err.text);
    tr_eval_free(e);
    tr_pack_close(p);
    tr_model_close(m);
    return err.code != 0;
}
