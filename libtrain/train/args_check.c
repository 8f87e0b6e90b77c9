/* SPDX-License-Identifier: MIT
 *
 * Are these arguments of a run?  Each by its line of the table (args.c), the numbers of
 * what was chosen by the tables that these bring, then what no single one says.  Whoever
 * links the library gets the checks that the command gets.
 */
#include <libtrain/train/args.h>

#include <math.h>
#include <string.h>

static int out_of(struct tr_err *err, const char *what, double v, double least, double most)
{
    return tr_err_set(err, TR_EINVAL,
                      "training argument '%s' is %.10g, it must be from %.10g to %.10g",
                      what, v, least, most);
}

static int is_within(double v, double least, double most)
{
    return v >= least && v <= most; /* no for what is no number */
}

static int check_number(const struct tr_train_arg *x, double v, struct tr_err *err)
{
    double most = x->kind == TR_ARG_FLAG ? 1 : x->most;
    if (is_within(v, x->least, most) || (x->or_zero && v == 0))
        return 0;
    return out_of(err, x->field, v, x->least, most);
}

static int check_one(const struct tr_train_args *a, const struct tr_train_arg *x,
                     struct tr_err *err)
{
    double v;
    if (x->of_adapter && (a->full || a->adapter_in))
        return 0;
    if (tr__arg_number(a, x, &v))
        return check_number(x, v, err);
    if (!x->or_zero && !tr__arg_choice(a, x))
        return tr_err_set(err, TR_EINVAL, "training argument '%s' is missing", x->field);
    return 0;
}

/* ---- numbers of what was chosen --------------------------------------------------- */

const struct tr_option *tr__arg_option(const struct tr_train_args *a, const char *name)
{
    const struct tr_train_arg *x;
    for (int i = 0; (x = tr_train_arg_at(i)); i++) {
        if (!x->choice || !x->choice->options_of)
            continue;
        const struct tr_option *o =
            tr_option_find(x->choice->options_of(tr__arg_choice(a, x)), name);
        if (o)
            return o;
    }
    return NULL;
}

/* The option of this name that anything has that might have been chosen. */
static const struct tr_option *option_of_another(const char *name)
{
    const struct tr_train_arg *x;
    const struct tr_option *o = NULL;
    for (int i = 0; (x = tr_train_arg_at(i)); i++)
        for (int j = 0; x->choice && x->choice->options_of && x->choice->at(j); j++)
            if ((o = tr_option_find(x->choice->options_of(x->choice->at(j)), name)))
                return o;
    return NULL;
}

static int check_setting(const struct tr_train_args *a, const struct tr_setting *s,
                         struct tr_err *err)
{
    const struct tr_option *o = tr__arg_option(a, s->name);
    if (!o)
        o = option_of_another(s->name);
    if (!o)
        return tr_err_set(err, TR_EINVAL,
                          "training argument 'setting': no optimizer, schedule, loss or objective has "
                          "an option '%s'", s->name);
    return is_within(s->value, o->least, o->most)
               ? 0
               : out_of(err, s->name, s->value, o->least, o->most);
}

/* ---- what no single one says ------------------------------------------------------ */

int tr__asks_reference(const struct tr_train_args *a)
{
    const struct tr_objective *o = a->objective;
    for (const char *const *name = o->reference_if; name && *name; name++)
        if (tr_option_value(tr_option_find(o->option, *name), a->setting) > 0)
            return 1;
    return o->reference && !o->reference_if;
}

/* How to learn a token means nothing to what has a loss of its own. */
static int check_loss_options(const struct tr_train_args *a, struct tr_err *err)
{
    const struct tr_option *o = a->objective == tr_objective_at(0) ? NULL : a->loss->option;
    for (; o && o->name; o++)
        if (tr_option_value(o, a->setting) != o->standard)
            return tr_err_set(err, TR_EINVAL, "training argument 'objective' is %s, which has a "
                              "loss of its own: '%s' is of %s", a->objective->name, o->name,
                              a->loss->name);
    return 0;
}

static int check_together(const struct tr_train_args *a, struct tr_err *err)
{
    if (!a->steps && !a->epochs)
        return tr_err_set(err, TR_EINVAL,
                          "training arguments 'steps' and 'epochs' are both 0: how long?");
    if ((double)a->steps * (double)a->batch * (double)a->grad_acc > 0x1p62)
        return tr_err_set(err, TR_EINVAL,
                          "training arguments 'steps', 'batch' and 'grad_acc' make more "
                          "sequences than can be counted");
    if (!a->sample_prompt != !a->sample_new)
        return tr_err_set(err, TR_EINVAL, "of the training arguments 'sample_prompt' and "
                          "'sample_new' one is 0");
    if (a->weights != &tr_f32 && a->weights != &tr_bf16)
        return tr_err_set(err, TR_EINVAL,
                          "training argument 'weights' is %s, it must be F32 or BF16",
                          a->weights->name);
    if (a->weights != &tr_f32 && !a->full)
        return tr_err_set(err, TR_EINVAL,
                          "training argument 'weights' is %s: without 'full' there is an "
                          "adapter, which is F32", a->weights->name);
    if (a->ema > 0 && a->weights != &tr_f32)
        return tr_err_set(err, TR_EUNSUPPORTED, "training argument 'ema' is %g: an average is "
                          "f32, and 'weights' are %s", a->ema, a->weights->name);
    if (!a->teacher != !a->objective->teacher)
        return tr_err_set(err, TR_EINVAL, "training argument 'objective' is %s, and 'teacher' "
                          "is%s given", a->objective->name, a->teacher ? "" : " not");
    if (a->reference && !tr__asks_reference(a))
        return tr_err_set(err, TR_EINVAL, "training argument 'objective' is %s, which asks no "
                          "'reference'", a->objective->name);
    if (a->objective != tr_objective_at(0) && a->loss != tr_loss_at(0))
        return tr_err_set(err, TR_EINVAL, "training argument 'objective' is %s, which has a "
                          "loss of its own: 'loss' is %s", a->objective->name,
                          tr_loss_name(a->loss));
    if (tr__asks_reference(a) && a->full && !a->reference)
        return tr_err_set(err, TR_EUNSUPPORTED, "training argument 'objective' is %s, which "
                          "asks the model as it was, and with 'full' that is gone: train an "
                          "adapter, or give a 'reference'", a->objective->name);
    if ((a->lora_rank_of || a->lora_alpha_of) && (a->full || a->adapter_in))
        return tr_err_set(err, TR_EINVAL, "training argument '%s' is for a new adapter",
                          a->lora_rank_of ? "lora_rank_of" : "lora_alpha_of");
    int rc = tr__check_start(a, err);
    if (rc)
        return rc;
    if (a->full_targets && (a->full || a->adapter_in ||
                            (tr__asks_reference(a) && !a->reference)))
        return tr_err_set(err, TR_EUNSUPPORTED, "training argument 'full_targets' does not go "
                          "with %s", a->full ? "'full'" : a->adapter_in ? "'adapter_in'"
                          : "an objective that asks the model as it was");
    if (a->dora && (a->full || a->adapter_in || a->train_rows))
        return tr_err_set(err, TR_EUNSUPPORTED, "training argument 'dora' does not go with '%s'",
                          a->full ? "full" : a->adapter_in ? "adapter_in"
                                          : "train_rows");
    if (a->dora && a->precision && !strcmp(a->precision->name, "q8"))
        return tr_err_set(err, TR_EUNSUPPORTED, "training argument 'dora': the norms of rows are "
                          "not made of products in precision q8");
    if (a->last_layers && (a->full || a->adapter_in))
        return tr_err_set(err, TR_EINVAL, "training argument 'last_layers' is for a new adapter");
    if (a->last_layers && a->train_rows)
        return tr_err_set(err, TR_EINVAL, "training argument 'last_layers': rows of tokens lie "
                          "beneath all blocks");
    if (a->lora_dropout > 0 && a->full)
        return tr_err_set(err, TR_EINVAL, "training argument 'lora_dropout' is for an adapter");
    if ((a->lora_dropout > 0 || a->neftune > 0) && a->objective->weigh)
        return tr_err_set(err, TR_EUNSUPPORTED, "training argument '%s': objective '%s' weighs "
                          "answers by a pass without what is random",
                          a->lora_dropout > 0 ? "lora_dropout" : "neftune", a->objective->name);
    if (a->fused_step && a->grad_acc > 1) /* as several ranks have it */
        return tr_err_set(err, TR_EUNSUPPORTED,
                          "a fused step never has all gradients: they cannot be summed "
                          "over micro-batches or processes");
    return check_loss_options(a, err);
}

/* An optimizer that asks for loss and gradient of a batch again and again. */
static int check_minimise(const struct tr_train_args *a, struct tr_err *err)
{
    const char *what = a->fused_step             ? "'fused_step' never has all gradients"
                       : a->weights != &tr_f32   ? "'weights' cannot follow a line in BF16"
                       : a->objective->weigh     ? "'objective' weighs answers once a step"
                       : a->balance > 0          ? "'balance' is no part of the loss it sees"
                       : a->lora_plus != 1       ? "'lora_plus' is about rates"
                                                 : NULL;
    if (!a->optim->minimise || !what)
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "training argument %s: not with optimizer '%s'",
                      what, a->optim->name);
}

int tr_train_args_check(const struct tr_train_args *a, struct tr_err *err)
{
    const struct tr_train_arg *x;
    int rc = a ? 0 : tr_err_set(err, TR_EINVAL, "training arguments are missing");
    for (int i = 0; !rc && (x = tr_train_arg_at(i)); i++)
        rc = check_one(a, x, err);
    for (const struct tr_setting *s = rc ? NULL : a->setting; !rc && s && s->name; s++)
        rc = check_setting(a, s, err);
    if (!rc)
        rc = check_together(a, err);
    return rc ? rc : check_minimise(a, err);
}
