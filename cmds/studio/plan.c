/* SPDX-License-Identifier: MIT
 *
 * POST /api/plan: what a run would be.  The workflow says what it would make, and refuses what
 * could not end well.  Then the data are packed in .studio/, as the run would pack them, and
 * `train --plan` gets the options that it would get, of which `make -n` is asked.
 */
#include "studio.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of .studio/ */

/* ==== what is run ==== */

/* Output and words of a workflow with these settings; -1 after an error was answered. */
static int run_workflow(struct request *r, const struct tr_json *v, const char *workflow,
                        const char *name, const char *const *more, struct outcome *o)
{
    struct words w;
    if (words_of(r, v, workflow, name, more, &w))
        return -1;
    int rc = child_answer(r, (const char *const *)w.item, NULL, 0, o);
    words_release(&w);
    return rc;
}

/* Of the commands of a run the one that plans the training, without where it writes to. */
static char *planning(char *commands)
{
    for (char *line = commands, *end; line && *line; line = end) {
        if ((end = strchr(line, '\n')))
            *end++ = '\0';
        char *to = strrchr(line, '>');
        if (strstr(line, " --plan ") && to) {
            *to = '\0';
            return line;
        }
    }
    return NULL;
}

/* What train says of the plan: 0; 1 if there is nothing to be said, -1 after an answer. */
static int plan_training(struct request *r, const struct tr_json *v, struct outcome *o)
{
    static const char *const quiet[] = { "--runs=.studio", "--quiet", NULL };
    static const char *const dry[] = { "--runs=.studio", "--dry-run", NULL };
    struct outcome said;
    if (run_workflow(r, v, "data", "plan", quiet, &said))
        return -1;
    outcome_release(&said);
    if (run_workflow(r, v, "finetune", "plan", dry, &said))
        return -1;
    const char *arg[] = { "/bin/sh", "-c", said.out ? planning(said.out) : NULL, NULL };
    int rc = arg[2] ? child_answer(r, arg, NULL, 0, o) : 1;
    outcome_release(&said);
    return rc;
}

/* ==== what is said ==== */

/* N of "training …; N steps". */
static double steps_of(const struct outcome *o)
{
    const char *at = o->said ? strstr(o->said, " steps\n") : NULL;
    while (at && at > o->said && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return at ? strtod(at, NULL) : 0;
}

/* The value of a row "ITEM\tVALUE\tUNIT", 0 if there is none. */
static double item_of(const struct outcome *o, const char *item)
{
    size_t n = strlen(item);
    for (const char *line = o->out; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (!strncmp(line, item, n) && line[n] == '\t')
            return strtod(line + n + 1, NULL);
    return 0;
}

static void put_items(FILE *f, const struct outcome *o)
{
    const char *between = "";
    for (const char *line = o->out; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        const char *tab = strchr(line, '\t');
        char *end;
        double value = tab ? strtod(tab + 1, &end) : 0;
        if (!tab || end == tab + 1)
            continue;
        fputs(between, f);
        put_text(f, line, (size_t)(tab - line));
        fputs(": ", f);
        put_number(f, value);
        between = ", ";
    }
    if (o->out) {
        fputs(between, f);
        fputs("\"steps\": ", f);
        put_number(f, steps_of(o));
    }
}

/* A line on memory and time at the end of what the workflow says. */
static void put_words(FILE *f, const struct outcome *plan, const struct outcome *train)
{
    char *text = NULL;
    size_t n = 0;
    FILE *g = open_memstream(&text, &n);
    if (!g)
        return;
    fprintf(g, "%s%s", plan->said ? plan->said : "", plan->out ? plan->out : "");
    double steps = steps_of(train), each = item_of(train, "step_time");
    if (steps > 0 && each > 0)
        fprintf(g, "training: %.0f MB of memory, %.0f steps of about %.2g s: %.0f min %02d s\n",
                item_of(train, "total") / 1e6, steps, each, (double)(long)(steps * each / 60),
                (int)(steps * each) % 60);
    if (!fclose(g))
        put_text(f, text, n);
    free(text);
}

static int answer_plan(struct request *r, const struct outcome *plan, const struct outcome *train)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return answer_error(r, 500, "out of memory");
    fputs("{\"text\": ", f);
    put_words(f, plan, train);
    fputs(", \"plan\": {", f);
    put_items(f, train);
    fputs("}}", f);
    return answer_json(r, 200, f, &text, &n);
}

static int plan(struct request *r, const struct tr_json *v, const char *name)
{
    struct outcome plan, train = { 0 };
    request_is_slow(r);
    if (run_workflow(r, v, "plan", name, NULL, &plan))
        return r->answered;
    pthread_mutex_lock(&lock);
    int rc = plan_training(r, v, &train);
    pthread_mutex_unlock(&lock);
    rc = rc < 0 ? r->answered : answer_plan(r, &plan, &train);
    outcome_release(&plan);
    outcome_release(&train);
    return rc;
}

int plan_answer(struct request *r)
{
    struct tr_json *v = request_json(r);
    if (!v)
        return r->answered;
    const char *name = json_text(v, "name");
    name = *name ? name : "plan";
    int rc = guard_name(name) ? plan(r, v, name) :
             answer_error(r, 400, "the name of a run is one part of a path");
    tr_json_free(v);
    return rc;
}
