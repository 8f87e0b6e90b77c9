/* SPDX-License-Identifier: MIT
 *
 * What stands where a GGUF file was expected.  The first bytes tell most (base/magic.c);
 * here is what takes more than a few words: the blob that an Ollama manifest names, a name
 * that is no path, and what a folder holds that could be meant.
 */
#include <libtrain/gguf/reader.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a manifest ------------------------------------------------------------------- */

enum { MANIFEST_BYTES = 1 << 13, DIGEST_DIGITS = 64 };

/* Behind the kind of a layer its digest follows. */
static const char *digest_in(const char *text)
{
    const char *layer = strstr(text, "application/vnd.ollama.image.model\"");
    const char *digest = layer ? strstr(layer, "sha256:") : NULL;
    const char *hex = digest ? digest + strlen("sha256:") : NULL;
    return hex && strspn(hex, "0123456789abcdef") == DIGEST_DIGITS ? hex : NULL;
}

/* Ollama keeps its files in one folder: ROOT/manifests/… and ROOT/blobs/sha256-…; 0 if this
 * is no manifest. */
static int name_blob(const struct tr_gguf *g, struct tr_err *err)
{
    char text[MANIFEST_BYTES + 1];
    size_t n = g->size < MANIFEST_BYTES ? (size_t)g->size : MANIFEST_BYTES;
    if (!n || g->map[0] != '{')
        return 0;
    memcpy(text, g->map, n);
    text[n] = '\0';
    const char *hex = digest_in(text);
    const char *under = strstr(g->path, "manifests/");
    if (!hex)
        return 0;
    return tr_err_set(err, TR_EFORMAT, "'%s' is not a GGUF file: it is an Ollama manifest, "
                      "whose model is the file '%.*sblobs/sha256-%.*s'", g->path,
                      under ? (int)(under - g->path) : 0, g->path, (int)DIGEST_DIGITS, hex);
}

int tr__gguf_foreign(const struct tr_gguf *g, struct tr_err *err)
{
    size_t n = g->size < TR__MAGIC_SHOWN ? (size_t)g->size : TR__MAGIC_SHOWN;
    int rc = name_blob(g, err);
    return rc ? rc : tr_err_set(err, TR_EFORMAT, "'%s' is not a GGUF file: it is %s",
                                g->path, tr__magic_words(g->map, n));
}

static int is_gguf(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && !strcmp(name + n - 5, ".gguf");
}

/* ---- a name ----------------------------------------------------------------------- */

/* OWNER/MODEL where there is no such folder. */
static int is_hub_name(const char *path)
{
    char folder[NAME_MAX + 1];
    const char *slash = strchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (!n || n > NAME_MAX || !slash[1] || strchr(slash + 1, '/'))
        return 0;
    memcpy(folder, path, n);
    folder[n] = '\0';
    return access(folder, F_OK) != 0;
}

int tr__gguf_absent(const char *path, struct tr_err *err)
{
    const char *words = "";
    if (!is_gguf(path) && is_hub_name(path))
        words = " (a name at Hugging Face? Download a GGUF of it, and give its path)";
    else if (!is_gguf(path) && !strchr(path, '/'))
        words = " (a name in Ollama? 'ollama show --modelfile NAME' says FROM which file)";
    return tr_err_set(err, TR_EIO, "cannot open '%s': %s%s", path, strerror(ENOENT), words);
}

/* ---- a folder --------------------------------------------------------------------- */

static const struct { const char *name, *words; } tells[] = {
    { "adapter_config.json", "an adapter of PEFT: adapter-import makes a GGUF file "
                             "of it" },
    { "config.json", "a model of Hugging Face: gguf-import makes a GGUF file of it" },
};

/* The first by name of the GGUF files in a folder, and how many there are. */
static size_t first_gguf(const char *path, char first[NAME_MAX + 1])
{
    DIR *d = opendir(path);
    size_t n = 0;
    for (const struct dirent *e; d && (e = readdir(d));)
        if (is_gguf(e->d_name) && (n++ == 0 || strcmp(e->d_name, first) < 0))
            snprintf(first, NAME_MAX + 1, "%s", e->d_name);
    if (d)
        closedir(d);
    return n;
}

int tr__gguf_folder(const char *path, struct tr_err *err)
{
    char first[NAME_MAX + 1] = "", name[PATH_MAX];
    size_t n = first_gguf(path, first);
    if (n)
        return tr_err_set(err, TR_EIO, "cannot open '%s': %s, which holds '%s'%s", path,
                          strerror(EISDIR), first, n > 1 ? " and more GGUF files" : "");
    for (size_t i = 0; i < sizeof tells / sizeof *tells; i++) {
        snprintf(name, sizeof name, "%s/%s", path, tells[i].name);
        if (!access(name, F_OK))
            return tr_err_set(err, TR_EIO, "cannot open '%s': %s, %s", path,
                              strerror(EISDIR), tells[i].words);
    }
    return tr_err_set(err, TR_EIO, "cannot open '%s': %s", path, strerror(EISDIR));
}
