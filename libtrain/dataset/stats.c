/* SPDX-License-Identifier: MIT
 *
 * How long the rows are.  The length of every row is kept to the end, since a median cannot
 * be had otherwise; rows of a topic lie together, so each topic is a piece of one array.
 */
#include <libtrain/dataset/tree.h>

#include <stdlib.h>

/* Tokens of a text by itself, or its characters. */
static int length(struct tr__tally *y, const struct tr_json *row, const char *key,
                  uint64_t *sum, uint64_t *of_row, struct tr_err *err)
{
    const struct tr_json *v = tr_json_get(row, key);
    size_t n = 0, size = 0;
    const char *s = tr_json_kind(v) == TR_JSON_STRING ? tr_json_string(v, &n) : "";
    if (y->tok) {
        y->tokens.n = 0;
        if (tr_tokenizer_encode(y->tok, s, n, 0, &y->tokens, err))
            return -1;
        size = y->tokens.n;
    } else {
        for (size_t i = 0; i < n; i++)
            size += (s[i] & 0xc0) != 0x80;
    }
    *sum += size;
    *of_row += size;
    return 0;
}

int tr__tally_begin(struct tr__tally *y, const struct tr_dataset *d, struct tr_err *err)
{
    struct tr_dataset_stats *s = y->stats;
    if (!s)
        return 0;
    *s = (struct tr_dataset_stats){ .all.name = "all", .level_name[0] = "none" };
    if (!(s->topic = calloc(d->n_topic, sizeof *s->topic)))
        return tr_err_set(err, TR_ENOMEM, "out of memory for statistics");
    s->n_topic = d->n_topic;
    for (size_t i = 0; i < d->n_topic; i++)
        s->topic[i].name = d->topic[i].name;
    for (int i = 1; i <= TR_DATASET_LEVELS; i++)
        s->level_name[i] = d->levels.name[i];
    return 0;
}

int tr__tally_row(struct tr__tally *y, size_t topic, const struct tr_json *row, int level,
                  struct tr_err *err)
{
    uint64_t total = 0;
    if (!y->stats)
        return 0;
    struct tr_dataset_count *c = &y->stats->topic[topic];
    if (length(y, row, "question", &c->question, &total, err) ||
        length(y, row, "think", &c->think, &total, err) ||
        length(y, row, "output", &c->output, &total, err))
        return -1;
    if (tr__grow(&y->length, &y->cap, y->n + 1, sizeof *y->length))
        return tr_err_set(err, TR_ENOMEM, "out of memory for the lengths of %zu rows",
                          y->n);
    y->length[y->n++] = total;
    y->stats->level[level]++;
    c->rows++;
    return 0;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest length that this share of the rows, in hundredths, does not pass. */
static uint64_t percentile(const uint64_t *length, size_t n, size_t share)
{
    return n ? length[(n * share + 99) / 100 - 1] : 0;
}

static void set_percentiles(struct tr_dataset_count *c, uint64_t *length, size_t n)
{
    if (n)
        qsort(length, n, sizeof *length, ascending);
    c->median = percentile(length, n, 50);
    c->p95 = percentile(length, n, 95);
    c->longest = percentile(length, n, 100);
}

void tr__tally_topic_end(struct tr__tally *y, size_t topic)
{
    if (!y->stats)
        return;
    struct tr_dataset_count *c = &y->stats->topic[topic], *all = &y->stats->all;
    set_percentiles(c, y->length + y->begin, y->n - y->begin);
    y->begin = y->n;
    all->rows += c->rows;
    all->question += c->question;
    all->think += c->think;
    all->output += c->output;
}

void tr__tally_end(struct tr__tally *y)
{
    if (y->stats)
        set_percentiles(&y->stats->all, y->length, y->n);
}

void tr__tally_release(struct tr__tally *y)
{
    free(y->length);
    tr_tokens_release(&y->tokens);
}

void tr_dataset_stats_release(struct tr_dataset_stats *s)
{
    free(s->topic);
    *s = (struct tr_dataset_stats){ 0 };
}
