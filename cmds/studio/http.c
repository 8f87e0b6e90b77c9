/* SPDX-License-Identifier: MIT
 *
 * The server: libmicrohttpd with a thread a connection, of which there are few.  Here a request
 * finds its answer (the table at the foot); what can be answered is in answer.c.
 */
#include "http.h"

#include "../shared/common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_CONNECTIONS = 64, MOST_BODY = 1 << 18, /* of JSON */
    STACK = 512 << 10, POOL = 32 << 10
};

/* ==== which route ==== */

enum body { NOTHING, JSON, BYTES };

struct route {
    const char *method, *path; /* "*": a name */
    enum body body;
    int (*may)(const struct request *r); /* who asks */
    int (*answer)(struct request *r);
};
static const struct route routes[];

/* Cut the path into decoded parts: 0 if one of them is no name. */
static int cut(struct request *r, const char *url)
{
    if (!(r->path = strdup(url + (*url == '/'))))
        return 0;
    for (char *p = r->path, *end; p && *p; p = end) {
        if ((end = strchr(p, '/')))
            *end++ = '\0';
        if (r->n_part == STUDIO_PARTS || guard_decode(p) || !guard_name(p))
            return 0;
        r->part[r->n_part++] = p;
    }
    return 1;
}

static int fits(const struct request *r, const char *path)
{
    int i = 0;
    for (const char *p = path; *p; i++) {
        size_t n = strcspn(p, "/");
        if (i >= r->n_part || ((n != 1 || *p != '*') && (strlen(r->part[i]) != n ||
                                                         memcmp(p, r->part[i], n))))
            return 0;
        p += n + (p[n] == '/');
    }
    return i == r->n_part;
}

/* The status of the refusal, if there is no route. */
static unsigned find_route(struct request *r, const char *method)
{
    unsigned status = 404;
    for (const struct route *k = routes; k->method; k++)
        if (fits(r, k->path)) {
            if (!strcmp(k->method, method)) {
                r->route = k;
                return 0;
            }
            status = 405;
        }
    return status;
}

/* ==== a request from its headers to its end ==== */

/* The headers are there. */
static int begin(struct request *r, const char *url, const char *method)
{
    struct tr_err err = { 0 };
    if (!cut(r, url))
        return answer_error(r, 400, "the path has a part that is no name");
    if (guard_place(r, &err))
        return answer_err(r, 403, &err);
    unsigned status = find_route(r, method);
    if (!(r->route ? r->route->may : guard_token)(r))
        return answer_error(r, 401, "open the address that studio printed, with its token");
    if (status)
        return answer_error(r, status, status == 404 ? "there is nothing of this name" :
                            "this cannot be done with it");
    const char *length = request_header(r, "Content-Length");
    if (r->route->body == BYTES)
        return upload_begin(r);
    if (length && (strlen(length) > 9 || atol(length) > (r->route->body == JSON ? MOST_BODY : 0)))
        return answer_error(r, 413, "the request is too large");
    return MHD_YES;
}

static int take(struct request *r, const char *data, size_t n)
{
    if (r->answered)
        return MHD_YES;
    if (r->route->body == BYTES)
        return upload_more(r, data, n);
    if (r->route->body == NOTHING || n > MOST_BODY - r->n_body)
        return MHD_NO; /* closes the connection */
    char *more = realloc(r->body, r->n_body + n + 1);
    if (!more)
        return MHD_NO;
    memcpy(more + r->n_body, data, n);
    r->body = more;
    r->n_body += n;
    r->body[r->n_body] = '\0';
    return MHD_YES;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *conn, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *n_data, void **ctx)
{
    struct request *r = *ctx;
    (void)version;
    if (!r) {
        if (!(r = calloc(1, sizeof *r)))
            return MHD_NO;
        *ctx = r;
        r->s = cls;
        r->conn = conn;
        return (enum MHD_Result)begin(r, url, strcmp(method, "HEAD") ? method : "GET");
    }
    if (*n_data) {
        size_t n = *n_data;
        *n_data = 0;
        return (enum MHD_Result)take(r, data, n);
    }
    return r->answered ? MHD_YES : (enum MHD_Result)r->route->answer(r);
}

static void finished(void *cls, struct MHD_Connection *conn, void **ctx,
                     enum MHD_RequestTerminationCode why)
{
    struct request *r = *ctx;
    (void)cls, (void)conn, (void)why;
    if (!r)
        return;
    upload_drop(r->upload);
    free(r->path);
    free(r->body);
    free(r);
    *ctx = NULL;
}

/* The path stays as it came: guard_decode knows what must not be in it. */
static size_t as_it_is(void *cls, struct MHD_Connection *conn, char *text)
{
    (void)cls, (void)conn;
    return strlen(text);
}

/* ==== the server ==== */

static int address_of(const struct studio *s, struct sockaddr_in *to, struct tr_err *err)
{
    *to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port) };
    if (inet_pton(AF_INET, s->listen, &to->sin_addr) != 1)
        return tr_err_set(err, TR_EINVAL, "--listen '%s': is no address of this machine, such "
                          "as 127.0.0.1", s->listen);
    return 0;
}

static struct MHD_Daemon *start(struct studio *s, const struct sockaddr_in *to)
{
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                     MHD_USE_POLL;
    return MHD_start_daemon(flags, (uint16_t)s->port, NULL, NULL, handle, s,
                            MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)to,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)MOST_CONNECTIONS,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
                            MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK,
                            MHD_OPTION_NOTIFY_COMPLETED, finished, NULL,
                            MHD_OPTION_UNESCAPE_CALLBACK, as_it_is, NULL, MHD_OPTION_END);
}

int studio_serve(struct studio *s, struct tr_err *err)
{
    struct sockaddr_in to;
    if (address_of(s, &to, err))
        return err->code;
    s->local = (ntohl(to.sin_addr.s_addr) >> 24) == 127;
    signal(SIGPIPE, SIG_IGN);
    cmd_before_death(child_end_all); /* what answers were waiting for */
    struct MHD_Daemon *d = start(s, &to);
    if (!d && errno == EADDRINUSE)
        return tr_err_set(err, TR_EIO, "port %d is in use; --port names another", s->port);
    if (!d)
        return tr_err_sys(err, "cannot listen at %s, port %d", s->listen, s->port);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
    if (info)
        s->port = info->port;
    if (!s->local)
        cmd_warn("who can reach this machine at %s and reads what passes on the network can "
                 "use this page", s->listen);
    printf("http://%s:%d/?token=%s\n", s->listen, s->port, s->token);
    if (fflush(stdout))
        return tr_err_sys(err, "cannot print the address");
    cmd_say("the page is there, for a browser; Ctrl-C ends it, and runs go on");
    for (;;)
        pause();
}

static int index_page(struct request *r)
{
    return page_answer(r, "index.html");
}

static int other_page(struct request *r)
{
    return page_answer(r, r->part[0]);
}

static const struct route routes[] = {
    { "GET", "", NOTHING, guard_anyone, index_page },
    { "GET", "*", NOTHING, guard_anyone, other_page },
    { "GET", "api/state", NOTHING, guard_token, state_answer },
    { "GET", "api/rows", NOTHING, guard_token, rows_answer },
    { "POST", "api/plan", JSON, guard_token, plan_answer },
    { "POST", "api/chat", JSON, guard_token, chat_answer },
    { "POST", "api/runs", JSON, guard_token, run_start },
    { "PUT", "api/data/*", BYTES, guard_token, upload_end },
    { "PUT", "api/models/*", BYTES, guard_token, upload_end },
    { "DELETE", "api/data/*", NOTHING, guard_token, file_delete },
    { "DELETE", "api/models/*", NOTHING, guard_token, file_delete },
    { "DELETE", "api/runs/*", NOTHING, guard_token, run_delete },
    { "POST", "api/runs/*/stop", JSON, guard_token, run_stop },
    { "POST", "api/runs/*/continue", JSON, guard_token, run_continue },
    { "POST", "api/runs/*/rename", JSON, guard_token, run_rename },
    { "POST", "api/runs/*/merge", JSON, guard_token, run_merge },
    { "POST", "api/runs/*/quantize", JSON, guard_token, run_merge },
    { "GET", "api/runs/*/events", NOTHING, guard_token, run_events },
    { "GET", "api/runs/*/files/*", NOTHING, guard_ticket, run_file },
    { "POST", "api/runs/*/files/*", NOTHING, guard_token, ticket_answer },
    { NULL, NULL, NOTHING, NULL, NULL }
};
