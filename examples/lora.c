/* SPDX-License-Identifier: MIT
 *
 * Train an adapter:   lora MODEL.gguf DATA.pack ADAPTER.gguf
 */
#include <libtrain/libtrain.h>

#include <stdio.h>

static void step(void *ctx, const struct tr_trainer *t, const struct tr_step_stats *s,
                 const struct tr_train_progress *p)
{
    (void)ctx;
    printf("step %lld/%lld  loss %.4f  %.0f tok/s\n", (long long)s->step,
           (long long)tr_trainer_total(t), s->loss, p->tokens_per_s);
}

int main(int argc, char **argv)
{
    struct tr_err err = { 0 };
    struct tr_train_args args = tr_train_args_default(0);
    struct tr_train_hooks hooks = { .step = step };
    struct tr_trainer *t = NULL;
    if (argc != 4)
        return 2;
    args.lora_rank = 4;
    args.steps = 10;
    struct tr_model *m = tr_model_open(argv[1], &err);
    struct tr_pack *p = m ? tr_pack_open(argv[2], &err) : NULL;
    if (p)
        t = tr_trainer_new(m, p, &args, &err);
    if (t && !tr_train_run(t, &hooks, &err) && !tr_trainer_save_adapter(t, argv[3], &err))
        printf("wrote %s\n", argv[3]);
    if (err.code)
        fprintf(stderr, "lora: %s\n", err.text);
    tr_trainer_free(t);
    tr_pack_close(p);
    tr_model_close(m);
    return err.code != 0;
}
