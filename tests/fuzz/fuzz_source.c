/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a file of training data: rows that are bad do not end the reading, and it
 * always ends.
 *
 * Sources: source json error magic
 */
#include <libtrain/source.h>

#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_rows(const char *name, const struct tr_source_options *o, size_t size)
{
    struct tr_err err = { 0 };
    struct tr_record r = { 0 };
    struct tr_row row = { 0 };
    struct tr_source *s = tr_source_open(name, o, &err);
    int rc = s ? 1 : -1;
    while (rc > 0 && (rc = tr_source_next(s, &r, &err)) > 0) {
        struct tr_err why = { 0 };
        if (r.number > 1100 * (size + 1) || !tr_source_parse(s, &r, &row, &why) != !why.code)
            abort();
    }
    if ((rc < 0) != (err.code != 0))
        abort();
    tr_source_close(s);
    tr_record_release(&r);
    tr_row_release(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tr_source_options ways[] = { { .chat = 1 }, { .format = "messages" },
                                                     { .format = "ids" } };
    char name[] = "/tmp/fuzz_source.XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0)
        return 0;
    if (write(fd, data, size) == (ssize_t)size)
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
            read_rows(name, &ways[i], size);
    close(fd);
    unlink(name);
    return 0;
}
