/* SPDX-License-Identifier: MIT
 *
 * GGUF files, written front to back: header, keys, tensor infos, then the data as they
 * come.  No more of them is held than the stream's buffer.
 */
#include <libtrain/gguf/writer.h>

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct tr_gguf_writer *tr_gguf_create(const char *path, struct tr_err *err)
{
    struct tr_gguf_writer *w = calloc(1, sizeof *w);
    if (!w || !(w->path = strdup(path)))
        tr_err_sys(err, "cannot write '%s'", path);
    else if ((w->out = tr_out_open(path, err)) && tr_out_is_terminal(w->out))
        tr_err_set(err, TR_EIO, "'%s': a GGUF file is not for a terminal", path);
    else if (w->out)
        return w;
    tr_gguf_discard(w);
    return NULL;
}

/* Bytes to the file.  After a failure nothing more goes out: the error is kept. */
static int put(struct tr_gguf_writer *w, const void *data, uint64_t bytes)
{
    if (w->err.code)
        return w->err.code;
    w->at += bytes;
    if (w->seal)
        XXH64_update(w->seal, data, bytes);
    return tr_out_write(w->out, data, bytes, &w->err);
}

static int put_u32(struct tr_gguf_writer *w, uint32_t v)
{
    return put(w, &v, sizeof v);
}

static int put_u64(struct tr_gguf_writer *w, uint64_t v)
{
    return put(w, &v, sizeof v);
}

static int put_name(struct tr_gguf_writer *w, const char *name)
{
    size_t n = strlen(name);
    put_u64(w, n);
    return put(w, name, n);
}

static int pad(struct tr_gguf_writer *w)
{
    static const char zero[TR__GGUF_ALIGN];
    return put(w, zero, tr__gguf_pad(w->at, TR__GGUF_ALIGN) - w->at);
}

static int put_header(struct tr_gguf_writer *w)
{
    w->started = 1;
    put(w, "GGUF", 4);
    put_u32(w, 3);
    put_u64(w, w->n_tensor);
    put_u64(w, w->n_kv);
    for (size_t i = 0; i < w->n_kv; i++) {
        const struct tr_gguf_kv *kv = &w->kv[i];
        put_name(w, kv->key);
        put_u32(w, kv->type);
        if (kv->type == TR_GGUF_ARRAY) {
            put_u32(w, kv->elem);
            put_u64(w, kv->count);
        }
        if (w->seal && !strcmp(kv->key, w->seal_key))
            w->seal_at = w->at;
        put(w, kv->data, kv->data_bytes);
    }
    for (size_t i = 0; i < w->n_tensor; i++) {
        const struct tr_gguf_tensor *t = &w->tensor[i];
        put_name(w, t->name);
        put_u32(w, (uint32_t)t->n_dim);
        for (int k = t->n_dim; k-- > 0;) /* fastest first */
            put_u64(w, (uint64_t)t->dim[k]);
        put_u32(w, t->dtype->id);
        put_u64(w, t->offset);
    }
    /* llama.cpp pads a part without tensors too */
    int has_end = w->n_tensor || tr__names_find(&w->key_index, w->kv, sizeof *w->kv,
                                                "split.count") != TR__NO_NAME;
    return has_end ? pad(w) : w->err.code;
}

/* Hand the kept error to the caller. */
static int tell(const struct tr_gguf_writer *w, struct tr_err *err)
{
    return tr_err_set(err, w->err.code, "%s", w->err.text);
}

void tr_gguf_watch(struct tr_gguf_writer *w, const struct tr_progress *p)
{
    w->progress = *p;
}

/* Where the next bytes go in the data. */
static uint64_t data_at(const struct tr_gguf_writer *w)
{
    return w->current < w->n_tensor ? w->tensor[w->current].offset + (uint64_t)w->done
                                    : w->data_end;
}

int tr_gguf_write(struct tr_gguf_writer *w, const void *data, int64_t bytes,
                  struct tr_err *err)
{
    if (!w->started)
        put_header(w);
    if (bytes && !w->err.code && (w->current == w->n_tensor ||
                                  bytes > w->tensor[w->current].bytes - w->done))
        tr_err_set(&w->err, TR_EFORMAT, "'%s': more data than tensor '%s' has", w->path,
                   w->current < w->n_tensor ? w->tensor[w->current].name : "(none)");
    if (put(w, data, (uint64_t)bytes))
        return tell(w, err);
    w->done += bytes;
    if (w->current < w->n_tensor && w->done == w->tensor[w->current].bytes) {
        w->current++;
        w->done = 0;
        pad(w);
    }
    tr__tell(&w->progress, (int64_t)data_at(w), (int64_t)w->data_end);
    return w->err.code ? tell(w, err) : 0;
}

/* Read the temporary as any user of the file would. */
static void verify(struct tr_gguf_writer *w)
{
    const char *temp = tr_out_temp(w->out);
    if (!temp)
        return; /* a stream */
    struct tr_gguf *g = tr__gguf_open_alone(temp, &w->err);
    if (g && (g->n_kv != w->n_kv || g->n_tensor != w->n_tensor || g->size != w->at))
        tr_err_set(&w->err, TR_EFORMAT, "'%s': not what was written", temp);
    tr_gguf_close(g);
    tr_err_prefix(&w->err, "the new file does not read back");
}

int tr_gguf_complete(struct tr_gguf_writer *w, struct tr_err *err)
{
    if (!w->started)
        put_header(w);
    if (!w->err.code && w->current < w->n_tensor)
        tr_err_set(&w->err, TR_EFORMAT, "'%s': tensor '%s': data missing",
                   w->path, w->tensor[w->current].name);
    if (!w->err.code && !w->complete && !tr_out_patch(w->out, 0, NULL, 0, &w->err)) {
        tr__gguf_write_seal(w);
        verify(w);
        w->complete = 1;
    }
    return w->err.code ? tell(w, err) : 0;
}

struct tr_gguf *tr_gguf_preview(struct tr_gguf_writer *w, struct tr_err *err)
{
    const char *temp = tr_out_temp(w->out);
    if (!temp) {
        tr_err_set(err, TR_EIO, "'%s': a stream is no place for this file", w->path);
        return NULL;
    }
    if (!w->started)
        put_header(w);
    uint64_t end = w->at + (w->data_end - data_at(w));
    uint64_t last = data_at(w) < w->data_end ? 1 : 0; /* the rest is a hole */
    if (w->err.code || tr_out_patch(w->out, end - last, "", last, &w->err)) {
        tell(w, err);
        return NULL;
    }
    struct tr_gguf *g = tr__gguf_open_alone(temp, &w->err);
    char *path = g ? strdup(w->path) : NULL;
    if (path) { /* messages name what the user asked for */
        free(g->path);
        g->path = path;
    }
    if (!g)
        tell(w, err);
    return g;
}

int tr_gguf_commit(struct tr_gguf_writer *w, struct tr_err *err)
{
    int rc = tr_gguf_complete(w, err);
    if (!rc) {
        rc = tr_out_commit(w->out, &w->err);
        w->out = NULL;
    }
    if (rc)
        tell(w, err);
    tr_gguf_discard(w);
    return rc;
}

int tr_gguf_finish(struct tr_gguf_writer *w, int rc, struct tr_err *err)
{
    if (!rc)
        return tr_gguf_commit(w, err);
    tr_gguf_discard(w);
    return rc;
}

void tr_gguf_discard(struct tr_gguf_writer *w)
{
    if (!w)
        return;
    tr_out_discard(w->out);
    for (size_t i = 0; i < w->n_kv; i++) {
        free((void *)(uintptr_t)w->kv[i].key);
        free((void *)(uintptr_t)w->kv[i].data);
    }
    for (size_t i = 0; i < w->n_tensor; i++)
        free((void *)(uintptr_t)w->tensor[i].name);
    XXH64_freeState(w->seal);
    free(w->path);
    free(w->kv);
    free(w->tensor);
    tr__names_release(&w->key_index);
    tr__names_release(&w->tensor_index);
    free(w);
}
