/* SPDX-License-Identifier: MIT
 *
 * mkbad [-l] DIR - write the broken files of bad_gguf.def into DIR and a line for each on
 * standard output: file, verdict, what it is, text that the message must hold.  Of a row
 * with many values the first, the last and the one between are written; the unit test
 * takes them all.  Files of more than a megabyte are written only with -l.
 */
#include "bad_gguf.h"

static const char *const verdicts[] = {
    "OK", "WARN", "REJ", "CHECK", "MODEL", "MODEL_OK", "MODEL_WARN"
};

static int large; /* -l */

static int write_file(const char *dir, size_t i, const struct bad_file *f, uint64_t x)
{
    char path[4096];
    struct bytes b = bad_file_make(f, x);
    if (!large && b.n > 1 << 20) {
        free(b.p);
        return 0;
    }
    snprintf(path, sizeof path, "%s/%s-%03zu-%llx.gguf", dir, f->id, i,
             (unsigned long long)x);
    FILE *out = fopen(path, "wb");
    int bad = !out || fwrite(b.p, 1, b.n, out) != b.n;
    if (out)
        bad |= fclose(out) != 0;
    free(b.p);
    if (bad) {
        perror(path);
        return 1;
    }
    printf("%s\t%s\t%s\t%s\n", path, verdicts[f->verdict], f->what, f->text);
    return 0;
}

int main(int argc, char **argv)
{
    large = argc == 3 && strcmp(argv[1], "-l") == 0;
    if (argc != 2 + large) {
        fputs("usage: mkbad [-l] DIR\n", stderr);
        return 2;
    }
    const char *dir = argv[argc - 1];
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        const struct bad_file *f = &bad_files[i];
        if (write_file(dir, i, f, f->x))
            return 1;
        if (f->last > f->x + 1 && write_file(dir, i, f, (f->x + f->last) / 2))
            return 1;
        if (f->last > f->x && write_file(dir, i, f, f->last))
            return 1;
    }
    return 0;
}
