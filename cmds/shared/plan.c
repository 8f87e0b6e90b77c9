/* SPDX-License-Identifier: MIT
 *
 * A plan of memory in words and as a table, from one list of its parts, so that neither
 * forgets one.  The numbers are made in libtrain/train/plan.c.
 */
#include "plan.h"
#include "common.h"

#include <libtrain/gguf.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct part {
    const char *name, *key; /* in words, and in the table */
    size_t at;
} parts[] = {
#define PART(name, field) { name, #field, offsetof(struct tr_plan, field) }
    PART("weights (mapped)", weights),
    PART("parameters", params),
    PART("gradients", grads),
    PART("moments", moments),
    PART("activations", activations),
    PART("block", block),
    PART("validation", eval),
    PART("samples", samples),
    PART("data", data),
    PART("program", program),
    PART("total", total),
#undef PART
};
enum { N_PART = sizeof parts / sizeof *parts };

static int64_t bytes_of(const struct tr_plan *p, const struct part *part)
{
    return *(const int64_t *)(const void *)((const char *)p + part->at);
}

void cmd_plan_say(const struct tr_plan *p)
{
    char line[512];
    size_t used = 0;
    for (int i = 0; i < N_PART; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %.1f", i ? ", " : "",
                                 parts[i].name, (double)bytes_of(p, &parts[i]) / 1e6);
    cmd_say("memory in MB: %s", line);
    if (p->group)
        cmd_say("to save memory, all blocks are computed three times, in groups of %lld halves",
                (long long)p->group);
    else if (p->recompute)
        cmd_say("to save memory, %lld of %lld blocks are computed twice",
                (long long)p->recompute, (long long)p->n_block);
    if (p->chunk)
        cmd_say("and logits are computed for %lld positions at a time",
                (long long)p->chunk);
}

/* Of "blk.3.attn_q.weight.lora_a" the part attn_q: where it is, and its length. */
static const char *module_of(const char *name, int *n)
{
    const char *rest = name;
    if (tr_gguf_block(name, &rest) < 0)
        rest = name;
    *n = (int)strcspn(rest, ".");
    return rest;
}

static int same_module(const char *a, const char *b)
{
    int n, m;
    const char *x = module_of(a, &n), *y = module_of(b, &m);
    return n == m && !strncmp(x, y, (size_t)n);
}

/* Numbers that are trained, by module, in the order in which these come up. */
static void print_trained(const struct tr_params *p)
{
    for (size_t i = 0; i < p->n; i++) {
        int64_t sum = 0;
        int n, seen = 0;
        const char *module = module_of(p->tensor[i]->name, &n);
        for (size_t j = 0; j < p->n; j++) {
            int same = same_module(p->tensor[i]->name, p->tensor[j]->name);
            seen |= same && j < i;
            sum += same ? tr_tensor_count(p->tensor[j]) : 0;
        }
        if (!seen)
            printf("trained.%.*s\t%lld\tparameters\n", n, module, (long long)sum);
    }
}

void cmd_plan_print(const struct tr_trainer *t)
{
    const struct tr_plan *p = tr_trainer_plan(t);
    double rate = tr_trainer_rate(t);
    printf("item\tvalue\tunit\n");
    for (int i = 0; i < N_PART; i++)
        printf("%s\t%lld\tbytes\n", parts[i].key, (long long)bytes_of(p, &parts[i]));
    printf("recompute\t%lld\tblocks\n", (long long)p->recompute);
    printf("blocks\t%lld\tblocks\n", (long long)p->n_block);
    printf("group\t%lld\thalves\n", (long long)p->group);
    printf("chunk\t%lld\trows\n", (long long)p->chunk);
    print_trained(tr_trainer_params(t));
    printf("work\t%.4g\tGFLOP/step\n", p->work / 1e9);
    printf("product_rate\t%.4g\tGFLOP/s\n", rate / 1e9);
    printf("step_time\t%.4g\ts\n", rate > 0 ? p->work / rate : 0);
}
