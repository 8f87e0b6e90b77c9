/* SPDX-License-Identifier: MIT
 *
 * The kinds of answers.  All of them tell the browser to load nothing
 * from elsewhere, and to keep nothing.
 */
#include "http.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ==== JSON in ==== */

struct tr_json *request_json(struct request *r)
{
    struct tr_err err = { 0 };
    struct tr_json *v = tr_json_parse(r->body ? r->body : "", r->n_body, "request", 0, 0, &err);
    if (v && tr_json_kind(v) == TR_JSON_OBJECT)
        return v;
    tr_json_free(v);
    answer_error(r, 400, "%s", v ? "the request is no object" : err.text);
    return NULL;
}

const char *json_text(const struct tr_json *object, const char *key)
{
    const struct tr_json *v = tr_json_get(object, key);
    size_t n = 0;
    const char *text = tr_json_kind(v) == TR_JSON_STRING ? tr_json_string(v, &n) : "";
    return strlen(text) == n ? text : "";
}

/* ==== answers ==== */

static const char *const headers[][2] = {
    { "Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; "
                                 "frame-ancestors 'none'" },
    { "X-Content-Type-Options", "nosniff" },
    { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Cache-Control", "no-store" },
};

static int send_answer(struct request *r, unsigned status, struct MHD_Response *m,
                       const char *type)
{
    if (!m)
        return MHD_NO;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        MHD_add_response_header(m, headers[i][0], headers[i][1]);
    MHD_add_response_header(m, "Content-Type", type);
    int rc = (int)MHD_queue_response(r->conn, status, m);
    r->answered = 1;
    if (r->slow)
        MHD_set_connection_option(r->conn, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)IDLE_SECONDS);
    MHD_destroy_response(m);
    return rc;
}

int answer_text(struct request *r, unsigned status, char *text, size_t n, const char *type)
{
    struct MHD_Response *m = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
    if (!m)
        free(text);
    return send_answer(r, status, m, type);
}

int answer_json(struct request *r, unsigned status, FILE *f, char **text, size_t *n)
{
    int bad = ferror(f);
    if (fclose(f) || bad) {
        free(*text);
        return answer_error(r, 500, "out of memory");
    }
    return answer_text(r, status, *text, *n, "application/json");
}

int answer_error(struct request *r, unsigned status, const char *fmt, ...)
{
    char words[1024], *text = NULL;
    size_t n = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return MHD_NO;
    put_pair(f, "{error", words);
    putc('}', f);
    if (fclose(f)) {
        free(text);
        return MHD_NO;
    }
    return answer_text(r, status, text, n, "application/json");
}

int answer_err(struct request *r, unsigned status, const struct tr_err *err)
{
    return answer_error(r, status, "%s", err->text);
}

int answer_empty(struct request *r)
{
    char *text = strdup("{}");
    return text ? answer_text(r, 200, text, 2, "application/json") : MHD_NO;
}

/* Names of files have no quote that would end this, and the browser gets UTF-8 as RFC 5987 has
 * it. */
int answer_file(struct request *r, int fd, const char *name)
{
    char as[4 * STUDIO_NAME + 64];
    struct stat st;
    if (fstat(fd, &st)) {
        close(fd);
        return answer_error(r, 500, "the file cannot be read");
    }
    struct MHD_Response *m = MHD_create_response_from_fd64((uint64_t)st.st_size, fd);
    int n = snprintf(as, sizeof as, "attachment; filename*=UTF-8''");
    for (const char *p = name; *p && n < (int)sizeof as - 4; p++)
        n += snprintf(as + n, sizeof as - (size_t)n,
                      strchr("-._", *p) || (*p >= '0' && *p <= '9') ||
                      (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ? "%c" : "%%%02X",
                      (unsigned char)*p);
    if (m)
        MHD_add_response_header(m, "Content-Disposition", as);
    else
        close(fd);
    return send_answer(r, 200, m, "application/octet-stream");
}

/* ==== events ==== */

struct events {
    ssize_t (*more)(void *ctx, char *to, size_t room);
    void (*release)(void *ctx);
    void *ctx;
    struct request *r;
    int quiet; /* tenths of a second without a word */
};

/* A line that means nothing says that both are there. */
static ssize_t next_events(void *ctx, uint64_t at, char *to, size_t room)
{
    enum { TENTHS = 50 };
    struct events *e = ctx;
    (void)at;
    for (;;) {
        ssize_t n = e->more(e->ctx, to, room);
        if (n < 0 || request_is_gone(e->r))
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (n || ++e->quiet > TENTHS) {
            e->quiet = 0;
            return n ? n : (ssize_t)snprintf(to, room, ":\n\n");
        }
        usleep(100000);
    }
}

static void end_events(void *ctx)
{
    struct events *e = ctx;
    e->release(e->ctx);
    free(e);
}

int answer_events(struct request *r, ssize_t (*more)(void *ctx, char *to, size_t room),
                  void *ctx, void (*release)(void *ctx))
{
    struct events *e = calloc(1, sizeof *e);
    struct MHD_Response *m = NULL;
    if (e) {
        *e = (struct events){ more, release, ctx, r, 0 };
        m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, next_events, e, end_events);
    }
    if (!m) {
        free(e);
        release(ctx);
        return answer_error(r, 500, "out of memory");
    }
    return send_answer(r, 200, m, "text/event-stream");
}
