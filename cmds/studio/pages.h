/* SPDX-License-Identifier: MIT
 *
 * What cmds/studio/pages.sh makes of the files in cmds/studio/page/.
 */
#ifndef CMDS_STUDIO_PAGES_H
#define CMDS_STUDIO_PAGES_H

#include <stddef.h>

struct page {
    const char *name; /* NULL behind the last */
    const unsigned char *bytes;
    size_t n;
};

extern const struct page studio_pages[];

#endif
