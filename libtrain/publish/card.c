/* SPDX-License-Identifier: MIT
 *
 * A model card.  Everything in it is read from files: the base's metadata, the arguments that a
 * checkpoint keeps, tables of losses.  What they do not say is not said, and a licence that
 * they do not name is asked for.  Front matter is YAML, in which every text is quoted as JSON,
 * and the rest is Markdown, in which everything that could be a mark is escaped, since names come
 * from files.
 */
#include <libtrain/gguf.h>
#include <libtrain/json.h>
#include <libtrain/model.h>
#include <libtrain/printable.h>
#include <libtrain/publish.h>

#include <stdlib.h>
#include <string.h>

/* ---- texts ------------------------------------------------------------------------ */

static int is_there(struct tr_str s)
{
    return s.len > 0;
}

static struct tr_str whole(const char *text)
{
    return (struct tr_str){ text, text ? strlen(text) : 0 };
}

/* A key of metadata; "" if there is none, or no text. */
static struct tr_str key_of(const struct tr_gguf *g, const char *key)
{
    struct tr_str s = { "", 0 };
    return g && tr_gguf_string(g, key, &s, NULL) == 1 ? s : (struct tr_str){ "", 0 };
}

/* On one line, with nothing in it that Markdown would take for its own. */
static void put_words(FILE *f, struct tr_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < ' ' || c == 0x7f)
            fputc(' ', f);
        else
            fprintf(f, strchr("\\`*_{}[]<>#|&~", c) ? "\\%c" : "%c", c);
    }
}

/* A value of YAML: as a string of JSON, which it is too. */
static int put_quoted(FILE *f, struct tr_str s, struct tr_err *err)
{
    char *text = NULL;
    size_t n = 0, cap = 0;
    struct tr_json *v = tr_json_text(s.ptr, s.len);
    int rc = !v || tr_json_write(v, NULL, &text, &n, &cap)
                 ? tr_err_set(err, TR_ENOMEM, "out of memory for a model card") : 0;
    if (!rc)
        fwrite(text, 1, n, f);
    tr_json_free(v);
    free(text);
    return rc;
}

static int put_line(FILE *f, const char *field, struct tr_str s, struct tr_err *err)
{
    if (!is_there(s))
        return 0;
    fprintf(f, "%s: ", field);
    int rc = put_quoted(f, s, err);
    fputc('\n', f);
    return rc;
}

/* ---- whose it is ------------------------------------------------------------------ */

static struct tr_str licence_of(const struct tr_card *c)
{
    return c->licence ? whole(c->licence) : key_of(c->base, "general.license");
}

/* What may stand in an address as it is, with one slash between. */
static int is_id(struct tr_str id)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-._";
    const char *slash = memchr(id.ptr, '/', id.len);
    int good = slash && slash > id.ptr && slash + 1 < id.ptr + id.len;
    for (size_t i = 0; good && i < id.len; i++)
        good = id.ptr + i == slash || (id.ptr[i] && strchr(letters, id.ptr[i]));
    return good;
}

/* ORGANISATION/NAME of an address on Hugging Face; "" of others. */
static struct tr_str id_of_url(struct tr_str url)
{
    static const char at[] = "https://huggingface.co/";
    size_t n = strlen(at), slash = 0;
    if (url.len <= n || memcmp(url.ptr, at, n))
        return (struct tr_str){ "", 0 };
    struct tr_str id = { url.ptr + n, url.len - n };
    size_t end = 0;
    for (; end < id.len && slash < 2; end++)
        slash += id.ptr[end] == '/';
    id.len = slash == 2 ? end - 1 : end;
    return is_id(id) ? id : (struct tr_str){ "", 0 };
}

static struct tr_str base_id(const struct tr_card *c)
{
    static const char *const key[] = { "general.repo_url", "general.url",
                                       "general.source.repo_url", "general.source.url" };
    struct tr_str id = whole(c->base_id);
    for (size_t i = 0; !is_there(id) && i < sizeof key / sizeof *key; i++)
        id = id_of_url(key_of(c->base, key[i]));
    return id;
}

static struct tr_str base_name(const struct tr_card *c)
{
    struct tr_str name = key_of(c->base, "general.name");
    return is_there(name) ? name : key_of(c->base, "general.basename");
}

/* ---- how it was trained ----------------------------------------------------------- */

/* The value of NAME=VALUE in lines; "" if there is none. */
static struct tr_str argument(struct tr_str lines, const char *name)
{
    size_t n = strlen(name);
    for (size_t at = 0, end; at < lines.len; at = end + 1) {
        const char *nl = memchr(lines.ptr + at, '\n', lines.len - at);
        end = nl ? (size_t)(nl - lines.ptr) : lines.len;
        if (end - at > n && lines.ptr[at + n] == '=' && !memcmp(lines.ptr + at, name, n))
            return (struct tr_str){ lines.ptr + at + n + 1, end - at - n - 1 };
    }
    return (struct tr_str){ "", 0 };
}

static struct tr_str arguments_of(const struct tr_card *c)
{
    return key_of(c->run, "checkpoint.arguments");
}

static int is_adapter(const struct tr_card *c)
{
    return tr_str_is(argument(arguments_of(c), "method"), "lora");
}

/* Each of them, a row a piece; a number of f64 in as few digits as say which it is. */
static void put_options(FILE *f, struct tr_str lines)
{
    for (size_t at = 0, end; at < lines.len; at = end + 1) {
        const char *nl = memchr(lines.ptr + at, '\n', lines.len - at);
        end = nl ? (size_t)(nl - lines.ptr) : lines.len;
        const char *is = memchr(lines.ptr + at, '=', end - at);
        char text[64], number[32], *stop;
        if (!is)
            continue;
        struct tr_str name = { lines.ptr + at, (size_t)(is - lines.ptr) - at };
        struct tr_str value = { is + 1, (size_t)(lines.ptr + end - is) - 1 };
        snprintf(text, sizeof text, "%.*s", (int)(value.len < 60 ? value.len : 60), value.ptr);
        double x = strtod(text, &stop);
        if (memchr(value.ptr, '.', value.len) && !*stop && stop != text)
            value = (struct tr_str){ number, tr_json_real_text(x, number) };
        fputs("| ", f);
        put_words(f, name);
        fputs(" | ", f);
        put_words(f, value);
        fputs(" |\n", f);
    }
}

static void put_training(FILE *f, const struct tr_card *c)
{
    struct tr_str lines = arguments_of(c), data = argument(lines, "data");
    int64_t step = 0;
    if (!is_there(lines))
        return;
    fputs("\n## Training\n\n", f);
    if (c->training)
        fprintf(f, "%s\n\n", c->training);
    if (tr_gguf_int(c->run, "checkpoint.step", &step, NULL) == 1)
        fprintf(f, "Steps: %lld. ", (long long)step);
    if (is_there(data)) {
        fputs("The data, as it was packed, has the hash `", f);
        put_words(f, data);
        fputs("`. ", f);
    }
    fputs("Options:\n\n| option | value |\n|---|---|\n", f);
    put_options(f, lines);
}

/* ---- front matter ----------------------------------------------------------------- */

static int put_list(FILE *f, const struct tr_gguf *g, const char *key, struct tr_err *err)
{
    const struct tr_gguf_kv *kv = NULL;
    uint64_t cursor = 0;
    int rc = tr_gguf_array(g, key, TR_GGUF_STRING, &kv, NULL) == 1 ? 0 : 1;
    for (uint64_t i = 0; !rc && i < kv->count; i++) {
        fputs("- ", f);
        rc = put_quoted(f, tr_gguf_elem_string(kv, &cursor), err);
        fputc('\n', f);
    }
    return rc < 0 ? rc : 0;
}

static int put_front(FILE *f, const struct tr_card *c, struct tr_err *err)
{
    fputs("---\n", f);
    int rc = put_line(f, "license", licence_of(c), err);
    if (!rc && !c->licence)
        rc = put_line(f, "license_name", key_of(c->base, "general.license.name"), err);
    if (!rc && !c->licence)
        rc = put_line(f, "license_link", key_of(c->base, "general.license.link"), err);
    if (!rc && is_there(base_id(c)))
        rc = put_line(f, "base_model", base_id(c), err);
    if (!rc && is_there(base_id(c)))
        fprintf(f, "base_model_relation: %s\n", is_adapter(c) ? "adapter" : "finetune");
    if (!rc && tr_gguf_find_kv(c->base, "general.languages")) {
        fputs("language:\n", f);
        rc = put_list(f, c->base, "general.languages", err);
    }
    fputs("pipeline_tag: text-generation\ntags:\n- gguf\n", f);
    if (is_adapter(c))
        fputs("- lora\n", f);
    fputs("---\n", f);
    return rc;
}

/* ---- for people ------------------------------------------------------------------- */

static void put_base(FILE *f, const struct tr_card *c)
{
    static const char *const key[][2] = {
        { "Author", "general.author" }, { "Organisation", "general.organization" },
        { "Version", "general.version" }, { "Description", "general.description" },
    };
    struct tr_str id = base_id(c), name = base_name(c), hash = key_of(c->run,
                                                                      "libtrain.base_hash");
    fprintf(f, "%s of ", is_adapter(c) ? "An adapter (LoRA)" : "A fine-tuned model");
    if (is_there(id)) {
        fputs("[", f);
        put_words(f, is_there(name) ? name : id);
        fputs("](https://huggingface.co/", f);
        fwrite(id.ptr, 1, id.len, f);
        fputs(")", f);
    } else if (is_there(name)) {
        put_words(f, name);
    } else {
        fputs("a model without a name", f);
    }
    fputs(", of the architecture ", f);
    put_words(f, key_of(c->base, "general.architecture"));
    fputs(".\n\n", f);
    if (is_there(hash)) {
        fputs("- Hash of the base: `", f);
        put_words(f, hash);
        fputs("`\n", f);
    }
    for (size_t i = 0; i < sizeof key / sizeof *key; i++)
        if (is_there(key_of(c->base, key[i][1]))) {
            fprintf(f, "- %s of the base: ", key[i][0]);
            put_words(f, key_of(c->base, key[i][1]));
            fputc('\n', f);
        }
}

static void put_licence(FILE *f, const struct tr_card *c)
{
    struct tr_str licence = licence_of(c);
    fputs("\n## Licence\n\n", f);
    if (is_there(licence)) {
        put_words(f, licence);
        fputs(c->licence ? ".\n" : ", as the metadata of the base say.\n", f);
    } else {
        fputs("The metadata of the base name no licence: look at where it comes from before "
              "you give this to others.\n", f);
    }
}

static void put_losses(FILE *f, const struct tr_card *c)
{
    for (size_t i = 0; i < c->n_loss; i++) {
        const struct tr_card_loss *l = &c->loss[i];
        if (!i)
            fputs("\n## Evaluation\n", f);
        if (!i || strcmp(l->on, l[-1].on))
            fprintf(f, "\n| %s | loss | perplexity |\n|---|---|---|\n", l->on);
        fputs("| ", f);
        put_words(f, whole(l->label));
        fprintf(f, " | %.4f | %.4f |\n", l->loss, l->perplexity);
    }
}

static void put_files(FILE *f, const struct tr_card *c)
{
    if (c->n_file)
        fputs("\n## Files\n\n", f);
    for (size_t i = 0; i < c->n_file; i++) {
        fputs("- ", f);
        put_words(f, whole(c->file[i]));
        fputc('\n', f);
    }
}

int tr_card_write(FILE *f, const struct tr_card *c, struct tr_err *err)
{
    if (c->base_id && !is_id(whole(c->base_id)))
        return tr_err_set(err, TR_EINVAL, "'%s' is not ORGANISATION/NAME", c->base_id);
    int rc = put_front(f, c, err);
    fputs("\n# ", f);
    put_words(f, whole(c->name));
    fputs("\n\n", f);
    put_base(f, c);
    put_files(f, c);
    put_losses(f, c);
    put_training(f, c);
    put_licence(f, c);
    return rc;
}
