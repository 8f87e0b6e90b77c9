/* SPDX-License-Identifier: MIT
 *
 * The page's files, which the build makes an object of: a list of names and bytes.
 */
#include "pages.h"
#include "studio.h"

#include <stdlib.h>
#include <string.h>

static const char *type_of(const char *name)
{
    static const char *const type[][2] = {
        { ".html", "text/html; charset=utf-8" }, { ".css", "text/css; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" }, { ".svg", "image/svg+xml" },
    };
    const char *end = strrchr(name, '.');
    for (size_t i = 0; end && i < sizeof type / sizeof *type; i++)
        if (!strcmp(end, type[i][0]))
            return type[i][1];
    return "application/octet-stream";
}

int page_answer(struct request *r, const char *name)
{
    for (const struct page *p = studio_pages; p->name; p++)
        if (!strcmp(p->name, name)) {
            char *copy = malloc(p->n + 1);
            if (!copy)
                return answer_error(r, 500, "out of memory");
            memcpy(copy, p->bytes, p->n);
            return answer_text(r, 200, copy, p->n, type_of(name));
        }
    return answer_error(r, 404, "there is no such page");
}
