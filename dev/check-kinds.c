/* SPDX-License-Identifier: MIT
 *
 * check-kinds - compare our tokens of random texts with llama.cpp's.
 *
 *   check-kinds -n 100000 vocab.gguf …
 *   check-kinds -n 0 -f mixed.txt model.gguf …
 *
 * Texts are pieces after each other: words, numbers, code, white space of all kinds,
 * letters of all scripts with and without marks, any character at all, tokens of the
 * vocabulary, special tokens and beginnings of them; then lines of a file, some tens of
 * kilobytes at once.  Each is encoded with and without
 * special tokens, and its ids are decoded.  What a token is, and whether it ends a text, is
 * compared once for each.  Status 1 if anything differs.  Of byte-level BPE llama.cpp closes up
 * the spaces in front of ". , ! ?" and of some apostrophes, so that its text is not what was
 * encoded; ours is compared once more closed up in that way, and counted.  So are the other two
 * known differences: texts with a byte that no token stands for, which llama.cpp loses and we
 * refuse, and tokens that llama.cpp writes as [UNK_BYTE_…].
 *
 * It needs llama.cpp: its headers when it is built, and its library when it runs (see
 * bench-peers.sh):
 *
 *   p=build/peers/llama.cpp
 *   CPATH=$p/include:$p/ggml/include make dev
 *   LD_LIBRARY_PATH=$p/build/bin build/release/dev/check-kinds …
 */
#include "../cmds/shared/common.h"

#include <stdio.h>

#if !__has_include(<llama.h>)
int main(void)
{
    fputs("check-kinds: built without llama.h: set CPATH to where it is\n", stderr);
    return 1;
}
#else

#include <libtrain/base/base.h>
#include <libtrain/rng.h>
#include <libtrain/tokenizer.h>
#include <libtrain/tokenizer/kind.h>

#include <dlfcn.h>
#include <llama.h>
#include <stdlib.h>
#include <string.h>

/* ==== llama.cpp ==== */

#define CALLS(F) \
    F(llama_backend_init) F(llama_log_set) F(llama_model_default_params) \
    F(llama_model_load_from_file) F(llama_model_free) F(llama_model_get_vocab) \
    F(llama_tokenize) F(llama_detokenize) F(llama_token_to_piece) \
    F(llama_vocab_n_tokens) F(llama_vocab_is_eog)

static struct {
#define MEMBER(name) __typeof__(&name) name;
    CALLS(MEMBER)
#undef MEMBER
} llama;

static void silent(enum ggml_log_level level, const char *text, void *data)
{
    (void)level, (void)text, (void)data;
}

static int load_llama(struct tr_err *err)
{
    void *lib = dlopen("libllama.so", RTLD_NOW | RTLD_LOCAL);
    void *at = lib;
#define FIND(name) \
    at = at ? dlsym(lib, #name) : NULL; \
    memcpy(&llama.name, &at, sizeof at);
    CALLS(FIND)
#undef FIND
    if (!at)
        return tr_err_set(err, TR_EUNSUPPORTED, "no llama.cpp: %s", dlerror());
    llama.llama_log_set(silent, NULL);
    llama.llama_backend_init();
    return 0;
}

/* ==== texts ==== */

struct text {
    char *buf;
    size_t n, cap;
};

static void put(struct text *t, const char *s, size_t n)
{
    if (tr__grow(&t->buf, &t->cap, t->n + n, 1))
        abort();
    memcpy(t->buf + t->n, s, n);
    t->n += n;
}

static void put_char(struct text *t, uint32_t c)
{
    char s[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    s[0] = (char)c;
    for (size_t i = n; n > 1 && --i; c >>= 6)
        s[i] = (char)(0x80 | (c & 0x3f));
    if (n > 1)
        s[0] = (char)((0xf00u >> n & 0xff) | c);
    put(t, s, n);
}

static uint32_t below(struct tr_rng *r, uint32_t n)
{
    return (uint32_t)tr_rng_below(r, n);
}

#define PICK(r, list) (list)[below(r, sizeof(list) / sizeof *(list))]

static void put_words(struct text *t, struct tr_rng *r)
{
    static const char *const words[] = {
        "the", " the", "The", "don't", "I'LL", "we've", " it's", "Hello", " world", "HELLO",
        "\303\251t\303\251", " na\303\257ve", "Stra\303\237e",
        "\320\237\321\200\320\270\320\262\320\265\321\202",
        " \343\201\223\343\202\223\343\201\253\343\201\241\343\201\257",
        "\344\275\240\345\245\275", "\354\225\210\353\205\225", "camelCase", "snake_case",
        "HTTPServer", "x", "a", "'s", "'", "--", "...", "\342\200\246", "=>", "!=", "://",
        "www.example.com/?q=1&r=2", "e.g.", "3.14", "1,000,000", "0x1F", "12345678", "1",
        "<", ">", "</", "<|", "|>", "[", "]", "{}", "();", "\\n", "\"", "`", "#", "@", "$5",
        "10", "^",
        "~", "|", "+", "&", "%", "*", "/", "?", "!", ".", ",", ":", ";", "_",
    };
    const char *s = PICK(r, words);
    put(t, s, strlen(s));
}

static void put_space(struct text *t, struct tr_rng *r)
{
    static const uint32_t spaces[] = {
        ' ', ' ', ' ', '\n', '\t', '\r', '\v', '\f', 0x85, 0xa0, 0x1680, 0x2003, 0x2028,
        0x2029, 0x202f, 0x205f, 0x3000, 0x200b, 0xfeff, 0x2581, 0x00ad,
    };
    uint32_t c = PICK(r, spaces);
    for (uint32_t n = below(r, 4) ? 1 : 1 + below(r, below(r, 40) ? 8 : 200); n; n--)
        put_char(t, below(r, 8) ? c : PICK(r, spaces));
}

/* Letters of one script, or of anything. */
static void put_script(struct text *t, struct tr_rng *r)
{
    static const uint32_t blocks[][2] = {
        { 0x20, 0x7f }, { 0x80, 0x100 }, { 0x100, 0x250 }, { 0x250, 0x300 },
        { 0x300, 0x370 }, { 0x370, 0x400 }, { 0x400, 0x530 }, { 0x530, 0x590 },
        { 0x590, 0x600 }, { 0x600, 0x700 }, { 0x700, 0x900 }, { 0x900, 0xe00 },
        { 0xe00, 0x1000 }, { 0x1000, 0x1100 }, { 0x1100, 0x1200 }, { 0x1200, 0x1800 },
        { 0x1800, 0x1e00 }, { 0x1e00, 0x2000 }, { 0x2000, 0x2100 }, { 0x2100, 0x2600 },
        { 0x2600, 0x3000 }, { 0x3000, 0x3100 }, { 0x3100, 0x3400 }, { 0x3400, 0x4e00 },
        { 0x4e00, 0xa000 }, { 0xa000, 0xac00 }, { 0xac00, 0xd7a4 }, { 0xd7a4, 0xd800 },
        { 0xe000, 0xf900 }, { 0xf900, 0xfb00 }, { 0xfb00, 0x10000 }, { 0x10000, 0x11000 },
        { 0x11000, 0x1d000 }, { 0x1d000, 0x1f000 }, { 0x1f000, 0x20000 },
        { 0x20000, 0x32000 }, { 0xe0000, 0xe0200 }, { 0x10000, 0x110000 },
    };
    const uint32_t *b = PICK(r, blocks);
    for (uint32_t n = 1 + below(r, 6); n; n--) {
        put_char(t, b[0] + below(r, b[1] - b[0]));
        if (!below(r, 6))
            put_char(t, 0x300 + below(r, 0x70));
    }
}

static void put_emoji(struct text *t, struct tr_rng *r)
{
    put_char(t, 0x1f300 + below(r, 0x300));
    if (below(r, 2))
        put_char(t, 0x1f3fb + below(r, 5));
    if (below(r, 2))
        put_char(t, PICK(r, ((const uint32_t[]){ 0x200d, 0xfe0f, 0xfe0e, 0x20e3 })));
}

static void put_run(struct text *t, struct tr_rng *r)
{
    uint32_t c = below(r, 2) ? 0x21 + below(r, 0x5e) : 0xa0 + below(r, 0x600);
    for (uint32_t n = 1 + below(r, below(r, 10) ? 12 : 300); n; n--)
        put_char(t, c);
}

/* A token of the vocabulary as llama.cpp writes it, at times not all of it; as far as it is
 * characters. */
static void put_token(struct text *t, struct tr_rng *r, const struct llama_vocab *v,
                      const uint32_t *id, uint32_t n_id)
{
    char piece[512];
    int32_t n = llama.llama_token_to_piece(v, (int32_t)id[below(r, n_id)], piece,
                                           sizeof piece, 0, 1);
    uint32_t most = n < 1 ? 0 : below(r, 8) ? (uint32_t)n : 1 + below(r, (uint32_t)n);
    size_t len = 0;
    while (len < most && tr__utf8_len(piece + len, most - len))
        len += tr__utf8_len(piece + len, most - len);
    put(t, piece, len);
}

struct model {
    const char *path;
    struct llama_model *llama;
    const struct llama_vocab *vocab;
    struct tr_tokenizer *own;
    uint32_t *all, *special; // (n), (n_special) ids
    uint32_t n, n_special;
    struct text ours, theirs; /* decoded */
    struct tr_tokens ids;
    int32_t *their_id;
    size_t cap_their;
    uint64_t n_text, n_id, n_wrong, n_refused, n_closed, n_unk;
};

static void make_text(struct text *t, struct tr_rng *r, const struct model *m, int bytes)
{
    t->n = 0;
    for (uint32_t n = 1 + below(r, below(r, 20) ? 12 : 80); n; n--) {
        uint32_t what = below(r, 100);
        if (what < 30)
            put_words(t, r);
        else if (what < 50)
            put_space(t, r);
        else if (what < 70)
            put_script(t, r);
        else if (what < 74)
            put_emoji(t, r);
        else if (what < 78)
            put_run(t, r);
        else if (what < 92 || !m->n_special)
            put_token(t, r, m->vocab, m->all, m->n);
        else
            put_token(t, r, m->vocab, m->special, m->n_special);
        if (bytes && !below(r, 8))
            put(t, &(char){ (char)below(r, 256) }, 1);
    }
}

/* ==== comparing ==== */

enum { SHOWN = 5 }; /* differences of a vocabulary that are written out */

static void show(const struct text *t)
{
    for (size_t i = 0; i < t->n; i++) {
        unsigned char c = (unsigned char)t->buf[i];
        printf(c < 0x20 || c > 0x7e || c == '\\' ? "\\x%02x" : "%c", c);
    }
}

static void differ(struct model *m, const char *what, const struct text *t)
{
    if (++m->n_wrong > SHOWN)
        return;
    printf("%s: %s: \"", m->path, what);
    show(t);
    puts("\"");
}

static int their_ids(struct model *m, const struct text *t, int special)
{
    for (;;) {
        int32_t n = llama.llama_tokenize(m->vocab, t->buf, (int32_t)t->n, m->their_id,
                                         (int32_t)m->cap_their, 1, special);
        if (n >= 0)
            return n;
        if (tr__grow(&m->their_id, &m->cap_their, (size_t)-n, sizeof *m->their_id))
            abort();
    }
}

static void their_text(struct model *m, const int32_t *id, int32_t n, int special)
{
    struct text *x = &m->theirs;
    for (;;) {
        int32_t len = llama.llama_detokenize(m->vocab, id, n, x->buf, (int32_t)x->cap, 0,
                                             special);
        x->n = len > 0 ? (size_t)len : 0;
        if (len >= 0)
            return;
        if (tr__grow(&x->buf, &x->cap, (size_t)-len, 1))
            abort();
    }
}

static int our_text(struct model *m, const uint32_t *id, size_t n, int special)
{
    struct text *x = &m->ours;
    x->n = 0;
    for (size_t i = 0; i < n; i++)
        if (tr_tokenizer_decode(m->own, id[i], i == 0, special, &x->buf, &x->n, &x->cap,
                                NULL))
            return -1;
    x->n = tr_tokenizer_clean(m->own, x->buf, x->n);
    return 0;
}

static void print_ids(const struct model *m, int32_t n)
{
    printf("  ours  ");
    for (size_t i = 0; i < m->ids.n; i++)
        printf(" %u", m->ids.id[i]);
    printf("\n  theirs");
    for (int32_t i = 0; i < n; i++)
        printf(" %d", m->their_id[i]);
    puts("");
}

static int same_text(const struct model *m)
{
    return m->ours.n == m->theirs.n &&
           (!m->ours.n || memcmp(m->ours.buf, m->theirs.buf, m->ours.n) == 0);
}

static int has_unk(const struct text *t)
{
    static const char unk[] = "[UNK_BYTE_";
    size_t n = sizeof unk - 1;
    for (size_t i = 0; i + n <= t->n; i++)
        if (memcmp(t->buf + i, unk, n) == 0)
            return 1;
    return 0;
}

/* Does llama.cpp's text only lack spaces that its clean-up has taken? */
static int same_closed_up(struct model *m)
{
    struct text *x = &m->ours;
    struct text whole = { 0 };
    put(&whole, x->buf, x->n);
    x->n = tr__tokenizer_wordpiece.clean(x->buf, x->n);
    int same = same_text(m);
    if (!same) {
        x->n = 0;
        put(x, whole.buf, whole.n);
    }
    free(whole.buf);
    return same;
}

/* Ids between what was put around them are a text. */
static void compare_text(struct model *m, const struct text *t, int special)
{
    int around = tr_tokenizer_around(m->own);
    size_t from = around & TR_ENCODE_BOS ? 1 : 0;
    size_t n = m->ids.n - from - (around & TR_ENCODE_EOS ? 1 : 0);
    their_text(m, m->their_id + from, (int32_t)n, special);
    int failed = our_text(m, m->ids.id + from, n, special);
    if (!failed && same_text(m))
        return;
    if (!failed && m->ours.n && same_closed_up(m)) {
        m->n_closed++;
        return;
    }
    if (!failed && has_unk(&m->theirs)) {
        m->n_unk++;
        return;
    }
    differ(m, "text", t);
    if (m->n_wrong > SHOWN)
        return;
    printf("  ours   \"");
    show(&m->ours);
    printf("\"\n  theirs \"");
    show(&m->theirs);
    puts("\"");
}

static void compare(struct model *m, const struct text *t, int special, int plain)
{
    struct tr_err err = { 0 };
    m->n_text++;
    m->ids.n = 0;
    int32_t n = their_ids(m, t, special);
    m->n_id += (uint64_t)n;
    int flags = tr_tokenizer_around(m->own) | (special ? TR_ENCODE_SPECIAL : 0);
    if (tr_tokenizer_encode(m->own, t->buf, t->n, flags, &m->ids, &err)) {
        m->n_refused++;
    } else if (m->ids.n != (size_t)n ||
               (n && memcmp(m->ids.id, m->their_id, (size_t)n * sizeof(int32_t)) != 0)) {
        differ(m, special ? "ids, --special" : "ids", t);
        if (m->n_wrong <= SHOWN)
            print_ids(m, n);
    } else if (!plain) {
        compare_text(m, t, special);
    }
}

/* What each token is. */
static void compare_tokens(struct model *m)
{
    for (uint32_t id = 0; id < m->n; id++) {
        struct text name = { 0 };
        char s[64];
        put(&name, s, (size_t)snprintf(s, sizeof s, "token %u", id));
        int ends = llama.llama_vocab_is_eog(m->vocab, (int32_t)id);
        if (tr_tokenizer_is_eog(m->own, id) != ends)
            differ(m, "is_eog", &name);
        for (int special = 0; special < 2; special++) {
            int32_t n;
            for (n = -1; n < 0;) {
                n = llama.llama_token_to_piece(m->vocab, (int32_t)id, m->theirs.buf,
                                               (int32_t)m->theirs.cap, 0, special);
                if (n < 0 && tr__grow(&m->theirs.buf, &m->theirs.cap, (size_t)-n, 1))
                    abort();
            }
            m->ours.n = 0;
            int failed = tr_tokenizer_decode(m->own, id, 0, special, &m->ours.buf,
                                             &m->ours.n, &m->ours.cap, NULL);
            m->theirs.n = (size_t)n;
            if (!failed && has_unk(&m->theirs))
                m->n_unk++;
            else if (failed || !same_text(m))
                differ(m, special ? "piece, special" : "piece", &name);
        }
        free(name.buf);
    }
}

/* ==== the whole ==== */

static int open_model(struct model *m, const char *path, const char *pre,
                      struct tr_err *err)
{
    struct llama_model_params p = llama.llama_model_default_params();
    p.vocab_only = 1;
    m->path = path;
    struct tr_gguf *g = tr_gguf_open(path, err);
    m->own = g ? tr_tokenizer_new_pre(g, pre, err) : NULL;
    tr_gguf_close(g);
    if (!m->own)
        return -1;
    m->llama = llama.llama_model_load_from_file(path, p);
    if (!m->llama)
        return tr_err_set(err, TR_EFORMAT, "'%s': llama.cpp does not load it", path);
    m->vocab = llama.llama_model_get_vocab(m->llama);
    m->n = (uint32_t)llama.llama_vocab_n_tokens(m->vocab);
    m->all = malloc(m->n * sizeof *m->all);
    m->special = malloc(m->n * sizeof *m->special);
    if (!m->all || !m->special)
        return tr_err_sys(err, "cannot hold %u ids", m->n);
    for (uint32_t i = 0; i < m->n; i++) {
        m->all[i] = i;
        if (tr_tokenizer_is_special(m->own, i))
            m->special[m->n_special++] = i;
    }
    return 0;
}

static void close_model(struct model *m)
{
    if (m->llama)
        llama.llama_model_free(m->llama);
    tr_tokenizer_free(m->own);
    tr_tokens_release(&m->ids);
    free(m->all);
    free(m->special);
    free(m->their_id);
    free(m->ours.buf);
    free(m->theirs.buf);
}

struct opts {
    int64_t n, seed;
    int bytes, plain;
    const char *pre, *file;
};

static void compare_both(struct model *m, const struct text *t, int plain)
{
    compare(m, t, 0, plain);
    if (t->n)
        compare(m, t, 1, plain);
}

/* Whole lines of the file, at least PIECE bytes of them at once. */
static int compare_file(struct model *m, const char *path, int plain, struct tr_err *err)
{
    enum { PIECE = 40000 };
    struct text t = { 0 };
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(path, "r");
    if (!f)
        return tr_err_sys(err, "cannot open '%s'", path);
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0;) {
        put(&t, line, (size_t)n);
        if (t.n < PIECE)
            continue;
        compare_both(m, &t, plain);
        t.n = 0;
    }
    if (t.n)
        compare_both(m, &t, plain);
    int rc = ferror(f) ? tr_err_sys(err, "cannot read '%s'", path) : 0;
    fclose(f);
    free(line);
    free(t.buf);
    return rc;
}

static int check(const char *path, const struct opts *o, struct tr_err *err)
{
    struct model m = { 0 };
    struct text t = { 0 };
    struct tr_rng r = tr_rng_init((uint64_t)o->seed, 0);
    int rc = open_model(&m, path, o->pre, err);
    if (!rc && !o->plain)
        compare_tokens(&m);
    for (int64_t i = 0; i < o->n && !rc; i++) {
        make_text(&t, &r, &m, o->bytes);
        compare_both(&m, &t, o->plain);
    }
    if (!rc && o->file)
        rc = compare_file(&m, o->file, o->plain, err);
    if (!rc)
        printf("%s: %lld texts, %llu encoded, %llu ids, %llu refused, %llu closed up there, "
               "%llu with UNK_BYTE there, %llu differences\n",
               path, (long long)o->n, (unsigned long long)m.n_text,
               (unsigned long long)m.n_id,
               (unsigned long long)m.n_refused, (unsigned long long)m.n_closed,
               (unsigned long long)m.n_unk, (unsigned long long)m.n_wrong);
    rc = rc ? rc : m.n_wrong != 0;
    close_model(&m);
    free(t.buf);
    return rc;
}

int main(int argc, char **argv)
{
    struct opts o = { .n = 10000, .seed = 1 };
    const struct cmd_opt table[] = {
        CMD_INT('n', "texts", &o.n, 0, INT64_MAX, "N", "texts for each vocabulary"),
        CMD_INT(0, "seed", &o.seed, 0, INT64_MAX, "N", "other texts"),
        CMD_FLAG(0, "bytes", &o.bytes, "texts hold bytes that are no characters"),
        CMD_FLAG(0, "ids-only", &o.plain, "ids are not turned back into texts"),
        CMD_TEXT('f', "file", &o.file, "FILE", "and the lines of this file"),
        CMD_TEXT(0, "pre", &o.pre, "NAME", "pre-tokenizer of ours in place of the file's"),
        CMD_END
    };
    const struct cmd cmd = { "check-kinds", "[OPTION…] VOCAB.gguf…",
                             "compare our tokens with llama.cpp's", table, 1, -1, NULL };
    struct tr_err err = { 0 };
    int n, wrong = 0;
    char **file = cmd_parse(&cmd, argc, argv, &n);
    if (load_llama(&err))
        return cmd_end(cmd_code(&err), &err);
    for (int i = 0; i < n; i++) {
        int rc = check(file[i], &o, &err);
        if (rc < 0)
            return cmd_end(cmd_code(&err), &err);
        wrong |= rc;
        fflush(stdout);
    }
    return wrong;
}
#endif
