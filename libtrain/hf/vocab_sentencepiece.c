/* SPDX-License-Identifier: MIT
 *
 * The wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding) is
 * a row of fields: a number and a kind, then a varint, four bytes, eight, or a length and so
 * many bytes.  Of SentencePiece's model three fields matter: the pieces, the trainer's
 * (which algorithm) and the normaliser's settings.  All others are passed over by their
 * kind.  Every length is compared with what is left of the message that it stands in.
 */
#include <libtrain/hf/vocab_sentencepiece.h>

#include <math.h>
#include <string.h>

struct message {
    const unsigned char *at, *end;
};

struct field {
    uint32_t number, wire;
    uint64_t value; /* of wire 0 and 5 */
    struct message inside; /* of wire 2 */
};

enum { VARINT = 0, EIGHT = 1, BYTES = 2, FOUR = 5 };

static int varint(struct message *m, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 64 && m->at < m->end; shift += 7) {
        unsigned char c = *m->at++;
        *v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return 0;
    }
    return -1;
}

static int fixed(struct message *m, int bytes, uint64_t *v)
{
    if (m->end - m->at < bytes)
        return -1;
    *v = 0;
    for (int i = 0; i < bytes; i++)
        *v |= (uint64_t)*m->at++ << 8 * i;
    return 0;
}

/* 1 and the next field, 0 at the end, -1: this is no message. */
static int next(struct message *m, struct field *f)
{
    uint64_t key;
    if (m->at == m->end)
        return 0;
    if (varint(m, &key) || !key || key >> 3 > UINT32_MAX)
        return -1;
    f->number = (uint32_t)(key >> 3);
    f->wire = key & 7;
    if (f->wire == VARINT)
        return varint(m, &f->value) ? -1 : 1;
    if (f->wire == EIGHT || f->wire == FOUR)
        return fixed(m, f->wire == EIGHT ? 8 : 4, &f->value) ? -1 : 1;
    if (f->wire != BYTES || varint(m, &f->value) ||
        f->value > (uint64_t)(m->end - m->at))
        return -1;
    f->inside = (struct message){ m->at, m->at + f->value };
    m->at += f->value;
    return 1;
}

static int is(const struct field *f, uint32_t number, uint32_t wire)
{
    return f->number == number && f->wire == wire;
}

struct piece {
    struct tr_str text;
    float score;
    uint64_t type;
};

static int read_piece(struct message m, struct piece *p)
{
    struct field f;
    int more;
    *p = (struct piece){ .type = TR__HF_NORMAL };
    while ((more = next(&m, &f)) > 0) {
        if (is(&f, 1, BYTES)) {
            p->text.ptr = (const char *)f.inside.at;
            p->text.len = (size_t)(f.inside.end - f.inside.at);
        } else if (is(&f, 2, FOUR)) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&p->score, &bits, sizeof bits);
        } else if (is(&f, 3, VARINT)) {
            p->type = f.value;
        }
    }
    return more;
}

/* SentencePiece's own user-defined pieces are text to llama.cpp. */
static int add_piece(struct tr__hf_pieces *to, const struct piece *p, struct tr_err *err)
{
    size_t id = to->n;
    if (!p->text.ptr || !isfinite(p->score) || !p->type || p->type > TR__HF_BYTE)
        return tr_err_set(err, TR_EFORMAT, "piece %zu has no text, no type or no score", id);
    if (tr__hf_piece_id(to, p->text.ptr, p->text.len) >= 0)
        return tr_err_set(err, TR_EFORMAT, "piece %zu was there before", id);
    int rc = tr__hf_piece_put(to, p->text.ptr, p->text.len, (int64_t)id, err);
    if (rc)
        return rc;
    to->at[id].type = p->type == TR__HF_USER ? TR__HF_NORMAL : (uint8_t)p->type;
    to->at[id].score = p->score;
    return 0;
}

/* Of a message the value of one field, as far as it says it. */
static int read_setting(struct message m, uint32_t number, uint64_t *v)
{
    struct field f;
    int more;
    while ((more = next(&m, &f)) > 0)
        if (is(&f, number, VARINT))
            *v = f.value;
    return more;
}

static int read_field(const struct field *f, struct tr__hf_pieces *p,
                      struct tr__hf_sentencepiece *s, struct tr_err *err)
{
    struct piece piece;
    uint64_t type = TR__HF_SPM_UNIGRAM, prefix = 1;
    int bad = 0, rc = 0;
    if (is(f, 1, BYTES) && !(bad = read_piece(f->inside, &piece)))
        rc = add_piece(p, &piece, err);
    if (is(f, 2, BYTES) && !(bad = read_setting(f->inside, 3, &type)))
        s->model_type = type < 9 ? (int)type : 9;
    if (is(f, 3, BYTES) && !(bad = read_setting(f->inside, 3, &prefix)))
        s->no_prefix = !prefix;
    return bad ? tr_err_set(err, TR_EFORMAT, "the field ends in the middle") : rc;
}

int tr__hf_sentencepiece_read(const char *bytes, size_t n, const char *name,
                              struct tr__hf_pieces *p, struct tr__hf_sentencepiece *s,
                              struct tr_err *err)
{
    const unsigned char *from = (const unsigned char *)bytes, *at = from;
    struct message m = { from, from + n };
    struct field f;
    int more, rc = 0;
    s->model_type = TR__HF_SPM_UNIGRAM;
    while (!rc && (more = next(&m, &f)) > 0) {
        rc = read_field(&f, p, s, err);
        at = rc ? at : m.at;
    }
    if (!rc && more < 0)
        rc = tr_err_set(err, TR_EFORMAT, "the file is cut, or no model of SentencePiece");
    if (!rc && !p->n)
        rc = tr_err_set(err, TR_EFORMAT, "there are no pieces in it");
    if (rc)
        tr_err_prefix(err, "'%s' byte %zu", name, (size_t)(at - from));
    p->n_base = p->text.n;
    return rc;
}

/* ---- writing ---------------------------------------------------------------------- */

static void put_varint(FILE *f, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        putc((int)(0x80 | (v & 0x7f)), f);
    putc((int)v, f);
}

static size_t varint_bytes(uint64_t v)
{
    size_t n = 1;
    while (v >>= 7)
        n++;
    return n;
}

void tr__hf_sentencepiece_piece(FILE *f, struct tr_str text, float score, int type)
{
    uint32_t bits;
    size_t n = 1 + varint_bytes(text.len) + text.len + 5 + 2;
    memcpy(&bits, &score, sizeof bits);
    putc(1 << 3 | BYTES, f);
    put_varint(f, n);
    putc(1 << 3 | BYTES, f);
    put_varint(f, text.len);
    fwrite(text.ptr, 1, text.len, f);
    putc(2 << 3 | FOUR, f);
    for (int i = 0; i < 4; i++)
        putc((int)(bits >> 8 * i & 0xff), f);
    putc(3 << 3 | VARINT, f);
    putc(type, f);
}

/* The trainer's type, and that bytes are the way out (35); the normaliser's settings: its
 * name, a space in front, no spaces taken away, spaces become marks. */
void tr__hf_sentencepiece_end(FILE *f, const struct tr__hf_sentencepiece *s)
{
    static const char identity[] = "identity";
    putc(2 << 3 | BYTES, f);
    put_varint(f, 5);
    putc(3 << 3 | VARINT, f);
    putc(s->model_type, f);
    put_varint(f, 35 << 3 | VARINT);
    putc(1, f);
    putc(3 << 3 | BYTES, f);
    put_varint(f, 2 + sizeof identity - 1 + 6);
    putc(1 << 3 | BYTES, f);
    put_varint(f, sizeof identity - 1);
    fwrite(identity, 1, sizeof identity - 1, f);
    const unsigned char rest[] = { 3 << 3, !s->no_prefix, 4 << 3, 0, 5 << 3, 1 };
    fwrite(rest, 1, sizeof rest, f);
}
