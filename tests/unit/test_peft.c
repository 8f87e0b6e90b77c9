/* SPDX-License-Identifier: MIT
 *
 * Adapters of PEFT, if the reference material is there ($SHARED or ../shared): each folder
 * becomes an adapter if it can, and a model, and both give PyTorch's logits; and the
 * adapter, written as such a folder, is read as the same again.
 */
#include "sanitized.h"
#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <libtrain/peft.h>

#include <math.h>

enum { N_TOKEN = 24, N_VOCAB = 512, NPY_HEADER = 128 };

/* Whether an adapter's file can hold it; and whether its tensors are llama.cpp's, which
 * knows neither rsLoRA nor alpha_pattern. */
static const struct of_folder {
    const char *name;
    int beyond, same;
} folders[] = {
    { "gpt2-attn-rslora", 0, 0 },    { "gpt2-bias-all", 1, 0 },
    { "gpt2-dora", 1, 0 },           { "gpt2-fan", 0, 0 },
    { "gpt2-pattern", 0, 0 },        { "llama-all-linear", 0, 1 },
    { "llama-dora", 1, 0 },          { "llama-embed", 0, 0 },
    { "llama-modules", 1, 0 },       { "llama-norms", 1, 0 },
    { "llama-pattern", 0, 0 },       { "llama-pattern-rslora", 0, 0 },
    { "llama-qv", 0, 1 },            { "llama-regex", 0, 1 },
    { "llama-rslora", 0, 0 },        { "qwen2-bias", 1, 0 },
    { "qwen2-dora", 1, 0 },          { "qwen2-layer1", 0, 1 },
    { "qwen2-modules", 1, 0 },       { "qwen2-pattern", 0, 0 },
    { "qwen2-qv", 0, 1 },            { "qwen2-rslora", 0, 0 },
};

static char folder[600], model[600];
static const char *pack;

static const char *shared(void)
{
    const char *s = getenv("SHARED");
    return s ? s : "../shared";
}

static void read_npy(const char *name, void *to, size_t bytes)
{
    FILE *f = fopen(name, "rb");
    ck_assert_msg(f != NULL, "%s", name);
    ck_assert(!fseek(f, NPY_HEADER, SEEK_SET));
    ck_assert_uint_eq(fread(to, 1, bytes, f), bytes);
    fclose(f);
}

static void begin(const char *name)
{
    char ids[600];
    int32_t id[N_TOKEN + 1] = { 0 };
    snprintf(folder, sizeof folder, "%s/peft/%s", shared(), name);
    snprintf(model, sizeof model, "%s/reference/%.*s/model.gguf", shared(),
             (int)strcspn(name, "-"), name);
    snprintf(ids, sizeof ids, "%s/peft/ids.npy", shared());
    read_npy(ids, id, N_TOKEN * sizeof *id);
    pack = in_dir("ids.pack");
    tiny_pack_write(pack, 1, N_TOKEN + 1, id, N_VOCAB);
}

static void compare(const char *of_model, const char *adapter)
{
    static float got[N_TOKEN * N_VOCAB], want[N_TOKEN * N_VOCAB];
    char name[700];
    double worst = 0;
    snprintf(name, sizeof name, "%s/logits.npy", folder);
    read_npy(name, want, sizeof want);
    run_eval(of_model, adapter, pack, tr_loss_by_name("cross_entropy"), got);
    for (int i = 0; i < N_TOKEN * N_VOCAB; i++)
        worst = larger(worst, fabs((double)got[i] - (double)want[i]));
    ck_assert_msg(worst < 1e-4, "%s: %g", folder, worst);
}

/* The tensors of the adapter in `path`, bit for bit. */
static void compare_file(void)
{
    char name[700];
    struct tr_err err = { 0 };
    snprintf(name, sizeof name, "%s/llamacpp.gguf", folder);
    struct tr_gguf *want = tr_gguf_open(name, &err), *got = tr_gguf_open(path, &err);
    ck_assert_msg(want && got, "%s", err.text);
    ck_assert_uint_eq(tr_gguf_n_tensor(want), tr_gguf_n_tensor(got));
    for (size_t i = 0; i < tr_gguf_n_tensor(want); i++) {
        const struct tr_gguf_tensor *t = tr_gguf_tensor(want, i);
        const struct tr_gguf_tensor *u = tr_gguf_find_tensor(got, t->name);
        ck_assert_msg(u && u->bytes == t->bytes && !memcmp(u->data, t->data,
                      (size_t)t->bytes), "%s", t->name);
    }
    tr_gguf_close(want);
    tr_gguf_close(got);
}

/* As PEFT's folder, and from that back: the same file. */
static void there_and_back(const struct tr_model *base)
{
    struct tr_err err = { 0 };
    const struct tr_peft_export_args args = { NULL, "somewhere" };
    char to[300], file[400];
    size_t n, n_back;
    snprintf(to, sizeof to, "%s/peft", dir);
    struct tr_lora *l = tr_lora_open(path, base, &err);
    ck_assert_msg(l && !tr_peft_export(l, base, &args, to, &err), "%s", err.text);
    struct tr_peft *p = tr_peft_open(to, base, &err);
    ck_assert_msg(p && !tr_peft_write(p, other, &err), "%s", err.text);
    unsigned char *v = read_file(path, &n), *back = read_file(other, &n_back);
    ck_assert(n == n_back && !memcmp(v, back, n));
    free(v);
    free(back);
    tr_peft_close(p);
    tr_lora_free(l);
    snprintf(file, sizeof file, "%s/adapter_config.json", to);
    ck_assert(!unlink(file));
    snprintf(file, sizeof file, "%s/adapter_model.safetensors", to);
    ck_assert(!unlink(file) && !rmdir(to));
}

START_TEST(reference)
{
    const struct of_folder *f = &folders[_i];
    struct tr_err err = { 0 };
    begin(f->name);
    struct tr_model *base = tr_model_open(model, &err);
    struct tr_peft *p = base ? tr_peft_open(folder, base, &err) : NULL;
    ck_assert_msg(p != NULL, "%s", err.text);
    ck_assert_msg(!tr_peft_beyond(p) == !f->beyond, "%s: %s", f->name, tr_peft_beyond(p));
    int rc = tr_peft_write(p, path, &err);
    ck_assert_msg(rc == (f->beyond ? TR_EUNSUPPORTED : 0), "%s", err.text);
    if (!f->beyond) {
        compare(model, path);
        there_and_back(base);
    }
    if (f->same)
        compare_file();
    struct tr_peft_merge_args args = { 0 };
    err.code = 0;
    ck_assert_msg(!tr_peft_merge(p, &args, other, &err), "%s", err.text);
    compare(other, NULL);
    tr_peft_close(p);
    tr_model_close(base);
}
END_TEST

int main(void)
{
    char name[600];
    Suite *s = suite_create("peft");
    TCase *c = tcase_create("peft");
    tcase_add_checked_fixture(c, make_dir, remove_dir);
    snprintf(name, sizeof name, "%s/peft/ids.npy", shared());
    if (access(name, R_OK))
        puts("SKIP adapters of PEFT: no reference material");
    else
        tcase_add_loop_test(c, reference, 0, sizeof folders / sizeof *folders);
    suite_add_tcase(s, c);
    return run_suite(s);
}
