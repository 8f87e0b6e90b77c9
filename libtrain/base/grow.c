/* SPDX-License-Identifier: MIT
 *
 * Growing an array by doubling.  The pointer is copied in and out bytewise, since a void **
 * may not stand for a pointer to another type.
 */
#include <libtrain/base/grow.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 16 };

int tr__grow(void *array, size_t *cap, size_t need, size_t size)
{
    void *old, *bigger = NULL;
    size_t twice = *cap > SIZE_MAX / 2 ? SIZE_MAX : 2 * *cap;
    size_t room = need > twice ? need : twice;
    if (need <= *cap)
        return 0;
    room = room < FIRST ? FIRST : room;
    memcpy(&old, array, sizeof old);
    errno = ENOMEM; /* where the product is too large */
    if (room <= SIZE_MAX / size)
        bigger = realloc(old, room * size);
    if (!bigger)
        return -1;
    memcpy(array, &bigger, sizeof bigger);
    *cap = room;
    return 0;
}
