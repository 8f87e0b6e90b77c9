/* SPDX-License-Identifier: MIT
 *
 * What a file is that stands where another was expected, by its first bytes.  Downloads end
 * in web pages and pointers, models come in the formats of other programs: a message that
 * says which, and what to do, saves an hour.  The readers ask: gguf/parse.c, data/token_read.c,
 * data/pack.c.
 */
#include <libtrain/base/bytes.h>
#include <libtrain/base/magic.h>

#include <string.h>
#include <strings.h>

#define CONVERT "convert it to GGUF first: gguf-import does it with the folder of a model, " \
                "adapter-import with that of an adapter"
#define UTF16 "text in UTF-16: make UTF-8 of it with iconv -f UTF-16 -t UTF-8 first"

#define CONVERT_FOLDER "gguf-import makes a GGUF file of its folder"
#define PICKLE "a Python pickle: if it is a PyTorch file, " CONVERT

static const struct {
    const char *bytes;
    size_t n;
    const char *words;
} known[] = {
    { TR__TOKEN_MAGIC, TR__MAGIC_BYTES, "a token stream" },
    { TR__PACK_MAGIC, TR__MAGIC_BYTES, "a pack" },
    { "TRTOK", 5, "a token stream that was changed in transfer" },
    { "TRPAK", 5, "a pack that was changed in transfer" },
    { "GGUF", 4, "a GGUF model" },
    { "version https://git-lfs", 23,
      "a git-lfs pointer, not the file itself: 'git lfs pull' fetches that" },
    { "lmgg", 4, "a GGML model, from before GGUF: convert it, or find a newer file" },
    { "fmgg", 4, "a GGMF model, from before GGUF: convert it, or find a newer file" },
    { "tjgg", 4, "a GGJT model, from before GGUF: convert it, or find a newer file" },
    { "algg", 4, "a GGLA adapter, from before GGUF: convert it, or find a newer file" },
    { "PK\x03\x04", 4,
      "a zip archive: unpack it; if it is a document (docx, xlsx, odt), save it as plain "
      "text; if it is a PyTorch file, convert it to GGUF" },
    { "\x80\x02", 2, PICKLE },
    { "\x80\x03", 2, PICKLE },
    { "\x80\x04", 2, PICKLE },
    { "\x80\x05", 2, PICKLE },
    { "\x93NUMPY", 6, "a NumPy array" },
    { "\x89HDF\r\n", 6, "an HDF5 file: convert it to GGUF first" },
    { "\x1f\x8b", 2, "gzip-compressed data: unpack it with gunzip first" },
    { "\x28\xb5\x2f\xfd", 4, "zstd-compressed data: unpack it with unzstd first" },
    { "\xfd""7zXZ", 5, "xz-compressed data: unpack it with unxz first" },
    { "BZh", 3, "bzip2-compressed data: unpack it with bunzip2 first" },
    { "\xff\xfe\0\0", 4,
      "text in UTF-32: make UTF-8 of it with iconv -f UTF-32 -t UTF-8 first" },
    { "\xff\xfe", 2, UTF16 },
    { "\xfe\xff", 2, UTF16 },
    { "PAR1", 4, "a Parquet file: write its rows as lines of JSON (JSONL) first" },
    { "ARROW1", 6, "an Arrow file: write its rows as lines of JSON (JSONL) first" },
    { "SQLite format 3", 15, "an SQLite database: write its rows as lines of JSON first" },
    { "\xd0\xcf\x11\xe0", 4, "an old Office document: save it as plain text" },
    { "{\\rtf", 5, "an RTF document: save it as plain text" },
    { "7z\xbc\xaf", 4, "a 7z archive: unpack it first" },
    { "Rar!", 4, "a RAR archive: unpack it first" },
    { "%PDF-", 5, "a PDF file: pdftotext makes text of it" },
    { "\x7f""ELF", 4, "a program" },
    { "\x89PNG\r\n", 6, "a PNG image" },
    { "\xff\xd8\xff", 3, "a JPEG image" },
};

int tr__magic_html(const unsigned char *head, size_t n)
{
    static const char *const begin[] = { "<!doctype html", "<html", "<head" };
    size_t skip = n >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (skip < n && head[skip] && strchr(" \t\r\n", head[skip]))
        skip++;
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
        if (n - skip >= strlen(begin[i]) &&
            !strncasecmp((const char *)head + skip, begin[i], strlen(begin[i])))
            return 1;
    return 0;
}

/* The length of a header of at most 100 MB, which is a JSON object. */
static int is_safetensors(const unsigned char *head, size_t n)
{
    return n > 8 && tr__get_u64(head) <= 100000000 && head[8] == '{';
}

/* The first header of an archive, its magic behind the fields of the first file. */
static int is_tar(const unsigned char *head, size_t n)
{
    enum { AT = 257 };
    return n >= AT + 5 && !memcmp(head + AT, "ustar", 5);
}

static int is_text(const unsigned char *head, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (head[i] == 0x7f || (head[i] < 0x20 && !strchr("\t\n\v\f\r", head[i])) ||
            head[i] == 0)
            return 0;
    return 1;
}

/* Texts that other programs keep beside models, by what stands near their beginning. */
static const struct {
    const char *within, *words;
} kept[] = {
    { "vnd.docker.distribution.manifest", "an Ollama manifest, which names the model" },
    { "\"weight_map\"", "the index of a model of Hugging Face: " CONVERT_FOLDER },
    { "\"peft_type\"", "the adapter_config.json of an adapter of PEFT: adapter-import makes a "
                       "GGUF file of its folder" },
    { "\"architectures\"", "the config.json of a model of Hugging Face: " CONVERT_FOLDER },
    { "\nFROM ", "an Ollama Modelfile: the model is the file that its line FROM names" },
};

static int has(const unsigned char *head, size_t n, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= n; i++)
        if (!memcmp(head + i, text, length))
            return 1;
    return 0;
}

static const char *words_of_text(const unsigned char *head, size_t n)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (has(head, n, kept[i].within))
            return kept[i].words;
    return "text";
}

/* An archive whose first file is the pickle that says what the others are. */
static int is_torch(const unsigned char *head, size_t n)
{
    enum { NAME = 30, LONGEST = 256 };
    return n > NAME && !memcmp(head, "PK\x03\x04", 4) &&
           has(head + NAME, n - NAME < LONGEST ? n - NAME : LONGEST, "/data.pkl");
}

static int is_zeros(const unsigned char *head, size_t n)
{
    enum { FEW = 16 };
    return n >= FEW && !head[0] && !memcmp(head, head + 1, n - 1);
}

static int is_known(size_t i, const unsigned char *head, size_t n)
{
    return n >= known[i].n && !memcmp(head, known[i].bytes, known[i].n);
}

/* A few letters are no proof. */
static int is_proof(const unsigned char *bytes, size_t n)
{
    enum { LETTERS = 4 };
    int letters = is_text(bytes, n);
    for (size_t i = 0; i < n; i++)
        letters &= bytes[i] < 0x80;
    return n > LETTERS || !letters;
}

int tr__magic_binary(const unsigned char *head, size_t n)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (is_known(i, head, n) &&
            is_proof((const unsigned char *)known[i].bytes, known[i].n))
            return 1;
    return is_safetensors(head, n) || is_tar(head, n);
}

const char *tr__magic_known(const unsigned char *head, size_t n)
{
    if (is_torch(head, n))
        return "a PyTorch file: " CONVERT;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (is_known(i, head, n))
            return known[i].words;
    if (tr__magic_html(head, n))
        return "a web page (of a login?), saved by mistake: download the file itself";
    if (is_tar(head, n))
        return "a tar archive: unpack it first";
    if (is_safetensors(head, n))
        return "a safetensors file: " CONVERT;
    return NULL;
}

const char *tr__magic_words(const unsigned char *head, size_t n)
{
    const char *words = tr__magic_known(head, n);
    if (words)
        return words;
    if (!n)
        return "empty";
    if (is_zeros(head, n))
        return "zeros where it begins: an incomplete download?";
    return is_text(head, n) ? words_of_text(head, n) : "of an unknown kind";
}
