/* SPDX-License-Identifier: MIT
 *
 * The progress of a job.  Looking at the clock is all that it costs between two lines, and
 * most jobs end before there is one.  Next: fields.c, status.c.
 */
#include "job.h"

#include "fields.h"
#include "message.h"
#include "status.h"

#include <libtrain/machine.h>

#include <math.h>
#include <string.h>

static const double patience = 2, pause_between = 0.1; /* seconds */

static struct {
    const char *unit; /* NULL: there is none, or nobody sees it */
    double began;
    struct cmd_pace pace;
} job;

int cmd_pace_due(struct cmd_pace *p)
{
    double now = tr_machine_seconds();
    if (now < p->next)
        return 0;
    p->next = now + pause_between;
    return 1;
}

/* "12.3 MB/s" */
static void amount(struct cmd_field *f, int rank, double v, const char *per)
{
    static const char *const scale[] = {"", "k", "M", "G", "T"};
    double most = strcmp(job.unit, "B") ? 10000 : 1000;
    int i = 0;
    for (; v >= most && i < 4; i++)
        v /= 1000;
    cmd_field_set(f, rank, "%.*f %s%s%s", v < 100 && v != floor(v), v, scale[i], job.unit,
                  per);
}

static size_t fill(struct cmd_field *f, double done, double total)
{
    struct cmd_field *first = f;
    double spent = tr_machine_seconds() - job.began, part = total > 0 ? done / total : 0;
    part = part > 1 ? 1 : part;
    cmd_field_set(f++, 3, "%.20s", cmd_command());
    if (total > 0) {
        cmd_field_bar(f++, 2, part);
        cmd_field_set(f++, 0, "%3.0f %%", floor(100 * part));
        amount(f++, 4, done / spent, "/s");
        cmd_field_left(f++, 1, part > 0 ? spent * (1 - part) / part : -1);
    } else {
        amount(f++, 0, done, "");
        amount(f++, 1, done / spent, "/s");
        f++[0] = (struct cmd_field){ "", 2 };
    }
    return (size_t)(f - first);
}

void cmd_job_at(int64_t done, int64_t total)
{
    struct cmd_field field[CMD_MAX_FIELDS];
    char line[256];
    if (!job.unit || !cmd_pace_due(&job.pace))
        return;
    total = done > total ? 0 : total; /* it was a guess */
    cmd_fields_line(field, fill(field, (double)done, (double)total), cmd_status_width(),
                    line, sizeof line);
    cmd_status_show(line);
}

static void at(void *ctx, int64_t done, int64_t total)
{
    (void)ctx;
    cmd_job_at(done, total);
}

struct tr_progress cmd_job(const char *unit)
{
    if (cmd_quiet() || !cmd_status_possible())
        return (struct tr_progress){ 0 };
    job.unit = unit;
    job.began = tr_machine_seconds();
    job.pace.next = job.began + patience;
    return (struct tr_progress){ at, NULL };
}

void cmd_job_end(void)
{
    job.unit = NULL;
    cmd_status_erase();
}
