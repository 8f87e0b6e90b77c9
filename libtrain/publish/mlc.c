/* SPDX-License-Identifier: MIT
 *
 * A bundle for WebLLM.  What may be refused comes first, and the weights last; nothing has its
 * name before all is there.  Next: mlc_weights.c, mlc_config.c, mlc_chat.c.
 */
#include <libtrain/publish/mlc_chat.h>
#include <libtrain/publish/mlc_config.h>
#include <libtrain/publish/mlc_weights.h>

#include <libtrain/file.h>
#include <libtrain/hf/hf.h>
#include <libtrain/model.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- files of the tokenizer ------------------------------------------------------- */

static const char *const tokenizer_files[] = {
    "tokenizer.model", "tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json",
    "tokenizer_config.json",
};
enum { N_TOKENIZER_FILE = sizeof tokenizer_files / sizeof *tokenizer_files };

static int path_in(char path[PATH_MAX], const char *dir, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

static int copy_file(struct tr__folder *to, const char *from, const char *name,
                     struct tr_err *err)
{
    char *data;
    size_t n;
    int rc = tr_read_all(from, &data, &n, err);
    if (rc)
        return rc;
    struct tr_out *out = tr__put_begin(to, name, err);
    rc = out ? tr__put_end(to, out, tr_out_write(out, data, n, err), err) : TR_EIO;
    free(data);
    return rc;
}

static int copy_tokenizer(struct tr__folder *to, const struct tr_gguf *g, const char *like,
                          struct tr_err *err)
{
    char path[PATH_MAX];
    int rc = 0, known = 0;
    for (int i = 0; !rc && i < N_TOKENIZER_FILE; i++)
        if (path_in(path, like, tokenizer_files[i]) && !access(path, F_OK)) {
            rc = copy_file(to, path, tokenizer_files[i], err);
            known |= i < 2;
        }
    if (!rc && !known)
        rc = tr_err_set(err, TR_EUNSUPPORTED, "'%s' has neither 'tokenizer.json' nor "
                        "'tokenizer.model'", like);
    return rc ? rc : tr__hf_vocab_match(g, like, err);
}

/* Of the model's vocabulary: those that MLC knows, of all that a folder has. */
static int make_tokenizer(struct tr__folder *to, const struct tr_gguf *g, struct tr_err *err)
{
    static const char *const other[] = { "special_tokens_map.json", "chat_template.jinja" };
    char path[PATH_MAX];
    int rc = tr__hf_vocab_write(g, tr__folder_path(to), err);
    for (size_t i = 0; !rc && i < sizeof other / sizeof *other; i++)
        if (!(rc = tr__folder_file(to, other[i], path, err)))
            unlink(path);
    return rc ? rc : tr__folder_hold(to, err);
}

/* The names of those that are there. */
static void put_files(struct tr__put *o, const struct tr__folder *folder)
{
    char path[PATH_MAX];
    struct tr_json *list = tr_json_array();
    for (int i = 0; list && i < N_TOKENIZER_FILE; i++)
        if (path_in(path, tr__folder_path(folder), tokenizer_files[i]) && !access(path, F_OK))
            o->failed |= tr_json_append(list, tr_json_text(tokenizer_files[i],
                                                           strlen(tokenizer_files[i]))) != 0;
    tr__put(o, "tokenizer_files", list);
}

/* ---- all -------------------------------------------------------------------------- */

static void say_nothing(void *ctx, const char *line)
{
    (void)ctx, (void)line;
}

static int fill(const struct tr__mlc_weights *w, const struct tr_tokenizer *tok,
                const struct tr_mlc *x, struct tr__folder *folder, struct tr_err *err)
{
    struct tr__put o = { tr_json_object(), 0 };
    struct tr_modelfile m = { .chat = x->chat, .args = x->args, .now = x->now,
                              .system = x->system };
    int rc = tr__mlc_config(&o, w, tok, x->n_ctx, err);
    if (!rc)
        rc = tr__mlc_chat(&o, &m, tok, x->say ? x->say : say_nothing, x->ctx, err);
    if (!rc)
        rc = x->like ? copy_tokenizer(folder, w->g, x->like, err)
                     : make_tokenizer(folder, w->g, err);
    put_files(&o, folder);
    if (!rc && x->say && !x->tie && tr__mlc_looks_tied(w->g))
        x->say(x->ctx, "the output matrix is the token table in another type: libraries of "
               "bases that have one for both need --tie");
    if (!rc)
        rc = tr__mlc_weights(w, folder, err);
    if (!rc)
        return tr__put_file(&o, folder, "mlc-chat-config.json", err);
    tr_json_free(o.v);
    return rc;
}

/* What is not the table must not be left out for it. */
static int check_tie(const struct tr_gguf *g, struct tr_err *err)
{
    if (!tr_gguf_find_tensor(g, "output.weight") || tr__mlc_looks_tied(g))
        return 0;
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': 'output.weight' is another matrix than "
                      "'token_embd.weight', not that in another type: --tie would leave it out",
                      tr_gguf_path(g));
}

int tr_mlc_export(const struct tr_gguf *g, const struct tr_tokenizer *tok,
                  const struct tr_mlc *x, const char *path, struct tr_err *err)
{
    struct tr__mlc_weights w = { .g = g, .progress = &x->progress, .tie = x->tie };
    if (!(w.quant = tr__mlc_quant(x->quant, err)) || !(w.family = tr__mlc_family_of(g, err)))
        return err->code;
    int rc = tr_model_check(g, err);
    if (!rc && x->tie)
        rc = check_tie(g, err);
    if (rc)
        return rc;
    struct tr__folder *folder = tr__folder_new(path, err);
    if (!folder)
        return TR_EIO;
    return tr__folder_finish(folder, fill(&w, tok, x, folder, err), err);
}
