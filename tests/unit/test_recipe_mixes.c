/* SPDX-License-Identifier: MIT
 *
 * Mixtures: for each model of mix_models.def and each mixture the types that llama-quantize
 * says it would take, frozen in tests/golden/mixes.tsv by dev/check-mixes.py.
 */
#include "scratch.h"

#include <libtrain/quantize.h>

#include <check.h>
#include <string.h>

static const struct model {
    const char *name, *arch, *keys;
    int width;
    const char *inner, *outer;
} models[] = {
#define MIX_MODEL(name, arch, keys, width, inner, outer) \
    { name, arch, keys, width, inner, outer },
#include "mix_models.def"
};

enum { N_MODEL = sizeof models / sizeof *models, MAX_WIDTH = 512, MAX_LINE = 4096 };

/* ==== models ==== */

static void set_key(struct tr_gguf_writer *w, const char *arch, const char *word)
{
    char key[100];
    uint32_t list[64], n = 0;
    size_t len = strcspn(word, "=");
    const char *value = word + len + 1;
    snprintf(key, sizeof key, "%s.%.*s", arch, (int)len, word);
    if (*value != '[') {
        tr_gguf_set_u32(w, key, (uint32_t)atoi(value));
        return;
    }
    for (const char *p = value; *p && *p != ']' && *p != ' '; p += 1 + strcspn(p + 1, ",]"))
        list[n++] = (uint32_t)atoi(p + 1);
    tr_gguf_set_array(w, key, TR_GGUF_U32, list, n - (value[1] != ']'));
}

/* The next word at *p into `word`, 0 at the end. */
static int next_word(const char **p, char word[100])
{
    *p += strspn(*p, " ");
    size_t n = strcspn(*p, " ");
    snprintf(word, 100, "%.*s", (int)n, *p);
    *p += n;
    return n > 0;
}

static int ends(const char *word, const char *with)
{
    size_t n = strlen(word), k = strlen(with);
    return n >= k && !strcmp(word + n - k, with);
}

static int64_t declare(struct tr_gguf_writer *w, const struct model *m, char *word,
                       int block)
{
    char name[160], *own = strchr(word, ':');
    int64_t columns = own ? atoi(own + 1) : m->width;
    if (own)
        *own = 0;
    int stack = ends(word, "_exps") || ends(word, "_b"), vector = ends(word, "_norm");
    snprintf(name, sizeof name, "blk.%d.%s.weight", block, word);
    tr_gguf_add_tensor(w, block < 0 ? strstr(name, word) : name, &tr_f32,
                       vector ? 1 : stack ? 3 : 2,
                       vector ? (int64_t[]){ columns }
                       : stack ? (int64_t[]){ 2, 2, columns } : (int64_t[]){ 2, columns });
    return columns * (vector ? 1 : stack ? 4 : 2);
}

static int count_blocks(const struct model *m)
{
    return atoi(strstr(m->keys, "block_count=") + strlen("block_count="));
}

static void write_model(const struct model *m)
{
    static const float zero[4 * MAX_WIDTH];
    char word[100];
    int64_t count[1000];
    int n = 0;
    struct tr_err err = { 0 };
    struct tr_gguf_writer *w = tr_gguf_create(path, &err);
    tr_gguf_set_string(w, "general.architecture", m->arch);
    for (const char *p = m->keys; next_word(&p, word);)
        set_key(w, m->arch, word);
    for (int i = -1; i < count_blocks(m); i++)
        for (const char *p = i < 0 ? m->outer : m->inner; next_word(&p, word);)
            count[n++] = declare(w, m, word, i);
    for (int i = 0; i < n; i++)
        ck_assert_msg(!tr_gguf_write(w, zero, count[i] * 4, &err), "%s", err.text);
    ck_assert_msg(!tr_gguf_commit(w, &err), "%s", err.text);
}

/* ==== what a recipe says, as a line of the table has it ==== */

static const char *type_of(const struct tr_recipe *r, const char *word, int block)
{
    char name[160];
    snprintf(name, sizeof name, "blk.%d.%s.weight", block, word);
    const char *wanted = block < 0 ? strstr(name, word) : name;
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->entry[i].tensor->name, wanted))
            return r->entry[i].type->name;
    ck_abort_msg("no tensor '%s'", wanted);
}

static void add_range(FILE *f, int *first, int *end, int i, int *some)
{
    if (*end > *first) {
        fprintf(f, "%c%d", *some ? ',' : ':', *first);
        if (*end > *first + 1)
            fprintf(f, "-%d", *end - 1);
        *some = 1;
    }
    *first = *end = i;
}

/* " WORD=TYPE:BLOCKS" if some are of this type. */
static void say_type(FILE *f, const char *word, const char *type,
                     const char *const *of_block, int n)
{
    int first = 0, end = 0, some = 0, count = 0;
    for (int i = 0; i < n; i++)
        count += !strcmp(of_block[i], type);
    if (!count)
        return;
    fprintf(f, " %s=%s", word, type);
    for (int i = 0; i < n && count < n; i++)
        if (!strcmp(of_block[i], type)) {
            if (i != end)
                add_range(f, &first, &end, i, &some);
            end = i + 1;
        }
    if (count < n)
        add_range(f, &first, &end, 0, &some);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void say_word(FILE *f, const struct tr_recipe *r, char *word, int n, const char *main)
{
    const char *of_block[128], *sorted[128];
    word[strcspn(word, ":")] = 0;
    for (int i = 0; i < n; i++)
        sorted[i] = of_block[i] = type_of(r, word, i);
    qsort(sorted, (size_t)n, sizeof *sorted, by_name);
    for (int i = 0; i < n; i++)
        if ((!i || strcmp(sorted[i], sorted[i - 1])) && strcmp(sorted[i], main))
            say_type(f, word, sorted[i], of_block, n);
}

static void say_recipe(char *text, const struct model *m, const struct tr_gguf *g,
                       const struct tr_mix *mix, int weighted)
{
    char word[100];
    struct tr_err err = { 0 };
    struct tr_quantize_args args = { .recipe = { .mix = mix, .weighted = weighted } };
    struct tr_recipe *r = tr_quantize_recipe(g, &args, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert_int_eq(r->file_type, mix->file_type);
    *text = 0;
    FILE *f = fmemopen(text, MAX_LINE, "w");
    for (const char *p = m->outer; next_word(&p, word);) {
        word[strcspn(word, ":")] = 0;
        const char *type = type_of(r, word, -1);
        if (strcmp(type, mix->type))
            fprintf(f, " %s=%s", word, type);
    }
    for (const char *p = m->inner; next_word(&p, word);)
        say_word(f, r, word, count_blocks(m), mix->type);
    fclose(f);
    tr_recipe_free(r);
}

/* ==== the table ==== */

static char *table;

static void read_table(void)
{
    make_dir();
    size_t n = 0;
    FILE *f = fopen("tests/golden/mixes.tsv", "r"), *to = open_memstream(&table, &n);
    ck_assert_ptr_nonnull(f);
    for (int c; (c = getc(f)) != EOF;)
        putc(c, to);
    fclose(f);
    fclose(to);
}

static void free_table(void)
{
    free(table);
    remove_dir();
}

/* The rest of the line that begins so, with a space in front; 0 if there is none. */
static int find_line(const char *model, const char *mix, const char *how, char *text)
{
    char head[100];
    snprintf(head, sizeof head, "%s\t%s\t%s\t", model, mix, how);
    for (const char *p = table; *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (!strncmp(p, head, strlen(head))) {
            p += strlen(head);
            int n = (int)strcspn(p, "\n");
            snprintf(text, MAX_LINE, "%s%.*s", n ? " " : "", n, p);
            return 1;
        }
    return 0;
}

START_TEST(test_mixes)
{
    char want[MAX_LINE], got[MAX_LINE];
    const struct model *m = &models[_i];
    const struct tr_mix *mix;
    struct tr_err err = { 0 };
    write_model(m);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    ck_assert_msg(g != NULL, "%s", err.text);
    for (int i = 0; (mix = tr_mix_at(i)); i++)
        for (int weighted = 0; weighted < 2; weighted++) {
            int found = find_line(m->name, mix->name, weighted ? "weighted" : "plain", want);
            ck_assert(found || weighted);
            if (!strcmp(want, " refused"))
                continue;
            say_recipe(got, m, g, mix, weighted);
            ck_assert_msg(!strcmp(got, want), "%s %s %d:%s\nwanted:%s", m->name, mix->name,
                          weighted, got, want);
        }
    tr_gguf_close(g);
}
END_TEST

START_TEST(test_names)
{
    const struct tr_mix *m;
    ck_assert_str_eq(tr_mix_by_name("q4_k")->name, "Q4_K_M");
    ck_assert_str_eq(tr_mix_by_name("iq2_s")->type, "IQ2_XS");
    ck_assert_ptr_null(tr_mix_by_name("Q4_K_"));
    ck_assert_ptr_null(tr_mix_by_name("F16"));
    for (int i = 0; (m = tr_mix_at(i)); i++) {
        ck_assert_ptr_eq(tr_mix_by_name(m->name), m);
        ck_assert_ptr_nonnull(tr_dtype_by_name(m->type));
    }
}
END_TEST

/* `pure` leaves nothing of a mixture but its type and its number. */
START_TEST(test_pure)
{
    struct tr_err err = { 0 };
    struct tr_recipe_args args = { .mix = tr_mix_by_name("Q4_K_S"), .pure = 1 };
    write_model(&models[0]);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_recipe *r = tr_recipe_new(g, &args, &err);
    ck_assert_int_eq(r->file_type, 14);
    for (size_t i = 0; i < r->n; i++)
        ck_assert_str_eq(r->entry[i].type->name,
                         r->entry[i].tensor->n_dim == 1 ? "F32" : "Q4_K");
    tr_recipe_free(r);
    tr_gguf_close(g);
}
END_TEST

/* What is of no use without weights is told before anything is written. */
START_TEST(test_coarse)
{
    struct tr_err err = { 0 };
    struct tr_recipe_args args = { .mix = tr_mix_by_name("Q2_K_S") };
    write_model(&models[0]);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_recipe *r = tr_recipe_new(g, &args, &err);
    ck_assert_int_eq(tr_recipe_check(r, 1, &err), 0);
    ck_assert_int_eq(tr_recipe_check(r, 0, &err), TR_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "importance matrix"));
    tr_recipe_free(r);
    tr_gguf_close(g);
}
END_TEST

/* Which type a tensor gets when something is said about it. */
static const char *type_by(const struct model *m, const struct tr_recipe_args *args,
                           const char *word, int block)
{
    struct tr_err err = { 0 };
    write_model(m);
    struct tr_gguf *g = tr_gguf_open(path, &err);
    struct tr_recipe *r = g ? tr_recipe_new(g, args, &err) : NULL;
    ck_assert_msg(r != NULL, "%s", err.text);
    const char *type = type_of(r, word, block);
    tr_recipe_free(r);
    tr_gguf_close(g);
    return type;
}

static const struct model *model_of(const char *name)
{
    for (int i = 0; i < N_MODEL; i++)
        if (!strcmp(models[i].name, name))
            return &models[i];
    ck_abort_msg("no model '%s'", name);
}

/* What is settled by name is no part of the counting that mixtures do. */
START_TEST(test_rules)
{
    struct tr_recipe_rule rule[] = { { "blk\\.[01]\\.ATTN_V", tr_dtype_by_name("Q5_0") } };
    struct tr_recipe_args args = { .mix = tr_mix_by_name("Q4_K_S"), .rule = rule,
                                   .n_rule = 1 };
    const struct model *m = model_of("llama");
    ck_assert_str_eq(type_by(m, &args, "attn_v", 1), "Q5_0");
    ck_assert_str_eq(type_by(m, &args, "attn_v", 5), "Q5_K");
    ck_assert_str_eq(type_by(m, &args, "attn_v", 6), "Q4_K");
    ck_assert_str_eq(type_by(m, &args, "attn_norm", 1), "F32");
}
END_TEST

/* Where the table of tokens is the output too, a mixture gives it what the output gets. */
START_TEST(test_output)
{
    struct tr_recipe_args args = { .mix = tr_mix_by_name("Q4_K_S"),
                                   .output = tr_dtype_by_name("Q8_0") };
    const struct model *tied = model_of("tied"), *own = model_of("llama");
    ck_assert_str_eq(type_by(tied, &args, "token_embd", -1), "Q8_0");
    ck_assert_str_eq(type_by(own, &args, "token_embd", -1), "Q4_K");
    ck_assert_str_eq(type_by(own, &args, "output", -1), "Q8_0");
    args.pure = 1;
    ck_assert_str_eq(type_by(tied, &args, "token_embd", -1), "Q4_K");
    args.leave_output = 1;
    ck_assert_str_eq(type_by(own, &args, "output", -1), "F32");
}
END_TEST

/* A table of each layer is one of tokens, unless a rule names it. */
START_TEST(test_embd)
{
    struct tr_recipe_rule rule[] = { { "token", tr_dtype_by_name("Q5_0") } };
    struct tr_recipe_args args = { .mix = tr_mix_by_name("Q4_K_S"),
                                   .embd = tr_dtype_by_name("Q3_K") };
    const struct model *m = model_of("gemma3n");
    ck_assert_str_eq(type_by(m, &args, "per_layer_token_embd", -1), "Q3_K");
    args.rule = rule;
    args.n_rule = 1;
    ck_assert_str_eq(type_by(m, &args, "per_layer_token_embd", -1), "Q5_0");
    ck_assert_str_eq(type_by(m, &args, "token_embd", -1), "Q3_K");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("recipe_mixes");
    TCase *t = tcase_create("types");
    tcase_add_checked_fixture(t, read_table, free_table);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_mixes, 0, N_MODEL);
    tcase_add_test(t, test_names);
    tcase_add_test(t, test_pure);
    tcase_add_test(t, test_coarse);
    tcase_add_test(t, test_rules);
    tcase_add_test(t, test_output);
    tcase_add_test(t, test_embd);
    suite_add_tcase(s, t);
    return run_suite(s);
}
