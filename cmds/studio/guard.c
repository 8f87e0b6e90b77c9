/* SPDX-License-Identifier: MIT
 *
 * Who may ask, and for what.  Any page in the person's browser can send requests to this
 * machine, so a request must know the token, come to this server's own name, which a name
 * that was bound to 127.0.0.1 later is not, and from its own page.  The token comes in a
 * header that the page sets: a cookie would go to the other ports of this machine too.
 */
#include "studio.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

int guard_secret(char *to, struct tr_err *err)
{
    unsigned char bytes[(STUDIO_TOKEN - 1) / 2];
    FILE *f = fopen("/dev/urandom", "re");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f)
        fclose(f);
    if (n != sizeof bytes)
        return tr_err_sys(err, "cannot read /dev/urandom");
    for (size_t i = 0; i < n; i++)
        snprintf(to + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* In a time that does not tell how much is right. */
static int is_secret(const char *secret, const char *given)
{
    size_t n = strlen(given);
    unsigned differ = n != STUDIO_TOKEN - 1;
    for (size_t i = 0; i < STUDIO_TOKEN - 1; i++)
        differ |= (unsigned)(secret[i] ^ given[i < n ? i : 0]);
    return !differ;
}

/* ==== the place ==== */

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

int guard_place(const struct request *r, struct tr_err *err)
{
    const char *host = request_header(r, "Host"), *origin = request_header(r, "Origin");
    if (!host || !is_own_host(r->s, host))
        return tr_err_set(err, TR_EINVAL, "this server has another name than the one asked for");
    if (origin && !is_own_origin(r, origin, host))
        return tr_err_set(err, TR_EINVAL, "the request is another page's");
    return 0;
}

/* ==== the key ==== */

int guard_token(const struct request *r)
{
    const char *value = request_header(r, "Authorization");
    return value && !strncasecmp(value, "Bearer ", 7) && is_secret(r->s->token, value + 7);
}

/* The files of the page, which hold nothing of the person's. */
int guard_anyone(const struct request *r)
{
    (void)r;
    return 1;
}

/* ==== tickets ==== */

/* What a browser loads to the disk by itself has no header of the page. */
static struct ticket {
    char secret[STUDIO_TOKEN]; /* "": none */
    char run[STUDIO_NAME + 1], file[STUDIO_NAME + 1];
    time_t end;
} tickets[16];
static unsigned next_ticket;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of both */

static time_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

int ticket_answer(struct request *r)
{
    enum { SECONDS = 60 };
    struct ticket t = { .end = now() + SECONDS };
    struct tr_err err = { 0 };
    char *text = NULL;
    size_t n = 0;
    if (guard_secret(t.secret, &err))
        return answer_err(r, 500, &err);
    snprintf(t.run, sizeof t.run, "%s", r->part[2]);
    snprintf(t.file, sizeof t.file, "%s", r->part[4]);
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return answer_error(r, 500, "out of memory");
    put_pair(f, "{ticket", t.secret);
    putc('}', f);
    pthread_mutex_lock(&lock);
    tickets[next_ticket++ % (sizeof tickets / sizeof *tickets)] = t;
    pthread_mutex_unlock(&lock);
    return answer_json(r, 201, f, &text, &n);
}

/* The ticket is given up. */
static int take_ticket(const char *given, const char *run, const char *file)
{
    int right = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof tickets / sizeof *tickets; i++) {
        struct ticket *t = &tickets[i];
        if (!*t->secret || !is_secret(t->secret, given))
            continue;
        right = now() < t->end && !strcmp(t->run, run) && !strcmp(t->file, file);
        *t = (struct ticket){ .end = 0 };
    }
    pthread_mutex_unlock(&lock);
    return right;
}

int guard_ticket(const struct request *r)
{
    char *given = request_argument(r, "ticket");
    int right = given ? take_ticket(given, r->part[2], r->part[4]) : guard_token(r);
    free(given);
    return right;
}
