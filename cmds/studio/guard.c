/* SPDX-License-Identifier: MIT
 *
 * Who may ask, and for what.  Any page in the person's browser can send requests to this
 * machine, so a request must know the token, come to this server's own name, which a name
 * that was bound to 127.0.0.1 later is not, and from its own page.
 */
#include "studio.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* In a time that does not tell how much is right. */
int guard_token_is(const struct studio *s, const char *token)
{
    size_t n = strlen(token);
    unsigned differ = n != STUDIO_TOKEN - 1;
    for (size_t i = 0; i < STUDIO_TOKEN - 1; i++)
        differ |= (unsigned)(s->token[i] ^ token[i < n ? i : 0]);
    return !differ;
}

/* Its value, or NULL. */
static const char *bearer(const struct request *r)
{
    const char *value = request_header(r, "Authorization");
    return value && !strncasecmp(value, "Bearer ", 7) ? value + 7 : NULL;
}

/* One cookie of several: "a=b; studio-8713=T". */
static int has_cookie(const struct request *r)
{
    char name[32], token[STUDIO_TOKEN];
    int n = snprintf(name, sizeof name, "studio-%d=", r->s->port);
    const char *p = request_header(r, "Cookie");
    while (p && *p) {
        p += strspn(p, "; ");
        if (!strncmp(p, name, (size_t)n)) {
            snprintf(token, sizeof token, "%.*s", (int)strcspn(p + n, "; "), p + n);
            return strcspn(p + n, "; ") == STUDIO_TOKEN - 1 && guard_token_is(r->s, token);
        }
        p += strcspn(p, ";");
    }
    return 0;
}

/* "127.0.0.1:8713", or, where other machines may ask, an address, which no name can be bound
 * to. */
static int is_own_host(const struct studio *s, const char *host)
{
    char port[16], name[80];
    const char *end = strrchr(host, ':');
    struct in6_addr address;
    snprintf(port, sizeof port, ":%d", s->port);
    if (!end || strcmp(end, port) || end - host >= (long)sizeof name)
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)(end - host), host);
    if (!strcmp(name, s->listen) || !strcmp(name, "127.0.0.1") || !strcasecmp(name, "localhost"))
        return 1;
    return !s->local && inet_pton(AF_INET, name, &address) == 1;
}

static int is_own_origin(const struct request *r, const char *origin, const char *host)
{
    return !strncmp(origin, "http://", 7) && !strcasecmp(origin + 7, host) &&
           is_own_host(r->s, origin + 7);
}

/* Cookies know no ports: the page of another server of this machine has ours sent.  Browsers say
 * so, and what a person follows is no such request. */
static int is_other_site(const struct request *r)
{
    const char *site = request_header(r, "Sec-Fetch-Site");
    const char *mode = request_header(r, "Sec-Fetch-Mode");
    return site && strcmp(site, "same-origin") && strcmp(site, "none") &&
           !(mode && !strcmp(mode, "navigate"));
}

unsigned guard_check(const struct request *r, const char *method, struct tr_err *err)
{
    const char *host = request_header(r, "Host"), *origin = request_header(r, "Origin");
    const char *token = bearer(r);
    if (!host || !is_own_host(r->s, host)) {
        tr_err_set(err, TR_EINVAL, "this server has another name than the one asked for");
        return 403;
    }
    if ((origin && !is_own_origin(r, origin, host)) || is_other_site(r)) {
        tr_err_set(err, TR_EINVAL, "the request is another page's");
        return 403;
    }
    if (token ? !guard_token_is(r->s, token) : !has_cookie(r)) {
        tr_err_set(err, TR_EINVAL, "open the address that studio printed, with its token");
        return 401;
    }
    if (strcmp(method, "GET") && strcmp(method, "HEAD") && !origin && !token) {
        tr_err_set(err, TR_EINVAL, "a request that changes something needs an Origin");
        return 403;
    }
    return 0;
}
