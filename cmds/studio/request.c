/* SPDX-License-Identifier: MIT
 *
 * What a request has.
 */
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

const char *request_header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
}

char *request_argument(const struct request *r, const char *name)
{
    const char *value = MHD_lookup_connection_value(r->conn, MHD_GET_ARGUMENT_KIND, name);
    char *copy = value ? strdup(value) : NULL;
    if (copy && guard_decode(copy)) {
        free(copy);
        copy = NULL;
    }
    return copy;
}

void request_is_slow(struct request *r)
{
    r->slow = 1;
    MHD_set_connection_option(r->conn, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
}

int request_is_gone(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    char c;
    if (!info)
        return 1;
    struct pollfd p = { .fd = info->connect_fd, .events = POLLIN };
    if (poll(&p, 1, 0) <= 0)
        return 0;
    ssize_t n = recv(info->connect_fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return !n || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
