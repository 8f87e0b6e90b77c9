/* SPDX-License-Identifier: MIT
 *
 * Which family a config.json or a GGUF is of.  Next: archs/llama.c, for one of them.
 */
#include <libtrain/hf/map.h>

#include <stdio.h>
#include <string.h>

static const struct tr__hf_arch *const archs[] = {
#define TR_HF_ARCH(name) &tr__hf_##name,
#include <libtrain/hf/archs/archs.def>
#undef TR_HF_ARCH
    NULL,
};

const struct tr__hf_arch *tr__hf_at(size_t i)
{
    return archs[i];
}

static int is_text(const struct tr_json *v, const char *text)
{
    size_t n;
    const char *s = tr_json_string(v, &n);
    return v && text && tr_json_kind(v) == TR_JSON_STRING && n == strlen(text) &&
           memcmp(s, text, n) == 0;
}

static int is_one_of(const struct tr_json *v, const char *const *name, size_t n)
{
    for (size_t i = 0; i < n && name[i]; i++)
        if (is_text(v, name[i]))
            return 1;
    return 0;
}

static int is_class(const struct tr__hf_arch *a, const struct tr_json *v)
{
    return is_one_of(v, a->class_name, sizeof a->class_name / sizeof *a->class_name);
}

static int is_type(const struct tr__hf_arch *a, const struct tr_json *v)
{
    return is_one_of(v, a->model_type, sizeof a->model_type / sizeof *a->model_type);
}

static const struct tr__hf_arch *pick(int (*is)(const struct tr__hf_arch *,
                                                const struct tr_json *),
                                      const struct tr_json *v, const struct tr_json *config)
{
    const struct tr__hf_arch *a;
    for (size_t i = 0; v && (a = tr__hf_at(i)); i++)
        if (is(a, v) && (!a->fits_config || a->fits_config(config)))
            return a;
    return NULL;
}

static int unknown(const char *path, const struct tr_json *class, const struct tr_json *type,
                   struct tr_err *err)
{
    char known[400] = "";
    for (size_t i = 0, n = 0; tr__hf_at(i) && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                              tr__hf_at(i)->model_type[0]);
    const struct tr_json *v = class ? class : type;
    size_t n;
    return tr_err_set(err, TR_EUNSUPPORTED, "'%s': the architecture %s%.60s%s; known are %s",
                      path, v ? "'" : "is not named", v ? tr_json_string(v, &n) : "",
                      v ? "' is not known" : "", known);
}

const struct tr__hf_arch *tr__hf_of_config(const struct tr_json *config, const char *path,
                                           struct tr_err *err)
{
    const struct tr_json *list = tr_json_get(config, "architectures");
    const struct tr_json *class = tr_json_count(list) ? tr_json_at(list, 0) : NULL;
    const struct tr_json *type = tr_json_get(config, "model_type");
    const struct tr__hf_arch *a = pick(is_class, class, config);
    if (!a && !class)
        a = pick(is_type, type, config);
    if (!a)
        (void)unknown(path, class, type, err);
    return a;
}

const struct tr__hf_arch *tr__hf_of_gguf(const struct tr_gguf *g, struct tr_err *err)
{
    struct tr_str name = { "", 0 };
    int rc = tr_gguf_string(g, "general.architecture", &name, err);
    if (rc < 0)
        return NULL;
    for (size_t i = 0; tr__hf_at(i); i++)
        if (tr_str_is(name, tr__hf_at(i)->name) &&
            (!tr__hf_at(i)->fits || tr__hf_at(i)->fits(g)))
            return tr__hf_at(i);
    tr_err_set(err, TR_EUNSUPPORTED, "'%s': the architecture '%.*s' has no form of Hugging "
               "Face that is known", tr_gguf_path(g), (int)(name.len > 64 ? 64 : name.len),
               name.ptr);
    return NULL;
}
