/* SPDX-License-Identifier: MIT
 *
 * Files of what a model said of a pack: GGUF that names the pack and the vocabulary by
 * their hashes, sealed by a checksum.  Rows have no numbers of their own: they are in the
 * order of the pack, so the reader counts them there.
 */
#include <libtrain/model/model.h>
#include <libtrain/teacher.h>
#include <libtrain/tokenizer.h>
#include <libtrain/train/eval.h>
#include <libtrain/train/said.h>

#include <stdlib.h>

enum { VERSION = 1 };

/* ---- rows of a sequence ----------------------------------------------------------- */

int32_t tr__document_end(const struct tr_pack_seq *seq, int32_t at)
{
    int32_t end = at + 1;
    while (end < seq->n && seq->pos[end])
        end++;
    return end;
}

int64_t tr__document_counts(const struct tr_pack_seq *seq, int32_t at, int32_t end)
{
    int64_t n = 0;
    for (int32_t i = at; i < end; i++)
        n += seq->target[i] >= 0;
    return n;
}

static int64_t count_positions(const struct tr_pack_seq *seq)
{
    return tr__document_counts(seq, 0, seq->n);
}

static int64_t count_answers(const struct tr_pack_seq *seq)
{
    int64_t n = 0;
    for (int32_t at = 0, end; at < seq->n; at = end) {
        end = tr__document_end(seq, at);
        n += tr__document_counts(seq, at, end) > 0;
    }
    return n;
}

const struct tr__said_kind tr__said_answers = { "logprobs", "logprobs", count_answers };
const struct tr__said_kind tr__said_tops = { "teacher", "distill", count_positions };

/* ---- writing ---------------------------------------------------------------------- */

struct tr_gguf_writer *tr__said_create(const char *path, const struct tr__said_kind *kind,
                                       const struct tr_eval *e, const struct tr_pack *pack,
                                       uint64_t n_seq, struct tr_err *err)
{
    struct tr_gguf_writer *w = tr_gguf_create(path, err);
    if (!w)
        return NULL;
    tr_gguf_set_string(w, "general.type", kind->type);
    tr_gguf_set_u32(w, "said.version", VERSION);
    tr_gguf_seal(w, "said.checksum");
    tr_gguf_set_u64(w, "said.sequences", n_seq);
    tr_gguf_set_hash(w, "libtrain.data_hash", tr_pack_info(pack)->hash);
    tr_gguf_set_hash(w, "libtrain.vocab_hash", tr__eval_vocab_hash(e));
    tr_gguf_set_hash(w, "libtrain.base_hash", tr_model_hash(tr__eval_model(e)));
    return w;
}

/* ---- reading ---------------------------------------------------------------------- */

static int check_kind(const struct tr_gguf *g, const struct tr__said_kind *kind,
                      struct tr_err *err)
{
    struct tr_str type = { "", 0 };
    int64_t version = 0;
    int rc = tr_gguf_string(g, "general.type", &type, err);
    if (rc >= 0 && !tr_str_is(type, kind->type))
        return tr_err_set(err, TR_EFORMAT, "'%s' is %s, and a file of the command '%s' is "
                          "wanted", tr_gguf_path(g), tr_gguf_purpose(g), kind->maker);
    if (rc >= 0)
        rc = tr_gguf_int(g, "said.version", &version, err);
    if (rc >= 0 && version != VERSION)
        return tr_err_set(err, TR_EUNSUPPORTED, "'%s': version %lld, wanted %d",
                          tr_gguf_path(g), (long long)version, VERSION);
    return rc < 0 ? rc : tr_gguf_sealed(g, "said.checksum", err);
}

static int check_hashes(const struct tr_gguf *g, const struct tr_model *m,
                        const struct tr_pack *pack, struct tr_err *err)
{
    uint64_t vocab = 0, data = 0, mine = tr_vocab_hash(tr_model_gguf(m));
    int rc = tr_gguf_read_hash(g, "libtrain.vocab_hash", &vocab, err);
    if (rc >= 0)
        rc = tr_gguf_read_hash(g, "libtrain.data_hash", &data, err);
    if (rc < 0)
        return rc;
    if (vocab && mine && vocab != mine)
        return tr_err_set(err, TR_EMISMATCH, "'%s' is of a model with another vocabulary than "
                          "that of '%s'", tr_gguf_path(g), tr_gguf_path(tr_model_gguf(m)));
    if (data != tr_pack_info(pack)->hash)
        return tr_err_set(err, TR_EMISMATCH, "'%s' is about other data than '%s'",
                          tr_gguf_path(g), tr_pack_path(pack));
    return 0;
}

static int read_sequences(const struct tr_gguf *g, uint64_t *n_seq, struct tr_err *err)
{
    int64_t n = 0;
    int rc = tr_gguf_int(g, "said.sequences", &n, err);
    if (rc >= 0 && n < 1)
        return tr_err_set(err, TR_EFORMAT, "'%s': key 'said.sequences' cannot be %lld",
                          tr_gguf_path(g), (long long)n);
    *n_seq = (uint64_t)n;
    return rc < 0 ? rc : 0;
}

int tr__said_sequences(const char *path, uint64_t *n_seq, struct tr_err *err)
{
    struct tr_gguf *g = tr_gguf_open(path, err);
    if (!g)
        return err ? err->code : TR_EIO;
    int rc = read_sequences(g, n_seq, err);
    tr_gguf_close(g);
    return rc;
}

static int read_first(struct tr__said *s, const struct tr__said_kind *kind,
                      struct tr_pack *pack, struct tr_err *err)
{
    int rc = read_sequences(s->g, &s->n_seq, err);
    if (rc)
        return rc;
    if (s->n_seq > tr_pack_info(pack)->n_seq)
        return tr_err_set(err, TR_EFORMAT, "'%s': key 'said.sequences' cannot be %llu",
                          tr_gguf_path(s->g), (unsigned long long)s->n_seq);
    s->first = calloc(s->n_seq + 1, sizeof *s->first);
    if (!s->first)
        return tr_err_set(err, TR_ENOMEM, "out of memory for the places of %llu sequences",
                          (unsigned long long)s->n_seq);
    for (uint64_t i = 0; i < s->n_seq; i++) {
        struct tr_pack_seq seq;
        if ((rc = tr_pack_read(pack, i, &seq, err)))
            return rc;
        s->first[i + 1] = s->first[i] + kind->count(&seq);
    }
    return 0;
}

int tr__said_open(struct tr__said *s, const struct tr__said_kind *kind, const char *path,
                  const struct tr_model *m, struct tr_pack *pack, struct tr_err *err)
{
    if (!(s->g = tr_gguf_open(path, err)))
        return err ? err->code : TR_EIO;
    int rc = check_kind(s->g, kind, err);
    if (!rc)
        rc = check_hashes(s->g, m, pack, err);
    return rc ? rc : read_first(s, kind, pack, err);
}

void tr__said_close(struct tr__said *s)
{
    tr_gguf_close(s->g);
    free(s->first);
    *s = (struct tr__said){ 0 };
}

const void *tr__said_tensor(const struct tr__said *s, const char *name,
                            const struct tr_dtype *dtype, int64_t cols, struct tr_err *err)
{
    const struct tr_gguf_tensor *t = tr_gguf_find_tensor(s->g, name);
    if (t && t->dtype == dtype && tr_gguf_row(t) == cols &&
        tr_gguf_count(t) == s->first[s->n_seq] * cols)
        return t->data;
    tr_err_set(err, TR_EFORMAT, "'%s': tensor '%s' is missing or of another shape",
               tr_gguf_path(s->g), name);
    return NULL;
}
