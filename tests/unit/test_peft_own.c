/* SPDX-License-Identifier: MIT
 *
 * Adapters of PEFT and MLX over models of a formula, against logits of PEFT in
 * tests/golden/peft (dev/peft_reference.py): a pair on every kind of matrix and table,
 * patterns and rsLoRA, DoRA, whole tensors and biases; as an adapter and as a model.
 */
#include <libtrain/hf/safetensors_write.h>
#include <libtrain/peft.h>

#include "scratch.h"
#include "tiny_model.h"
#include "training_run.h"

#include <math.h>
#include <sys/stat.h>

enum { N = 12, MAX_TENSOR = 64, MAX_VOCAB = TINY_VOCAB + 3 };

static const struct own {
    const char *name;
    const struct tiny *base;
    int beyond, mlx, more; /* rows of tables, than the base has */
} cases[] = {
    { "llama-patterns", &tiny_llama, 0, 0, 0 }, { "llama-tables", &tiny_llama, 0, 0, 0 },
    { "llama-tables", &tiny_llama, 0, 1, 0 },   { "llama-saved", &tiny_llama, 1, 0, 0 },
    { "llama-resized", &tiny_llama, 1, 0, 3 },  { "gpt2-all", &tiny_gpt2, 1, 0, 0 },
    { "gpt2-table", &tiny_gpt2, 1, 0, 0 },
};

static struct {
    char name[200];
    int n_dim;
    int64_t dim[2], count;
} tensor[MAX_TENSOR];
static int n_tensor;
static int n_vocab;
static float want[N * MAX_VOCAB], got[N * MAX_VOCAB];
static char folder[300], file[400], settings[400];
static const char *pack;

/* ==== the folder ==== */

static void read_tensor(char *row)
{
    ck_assert_int_lt(n_tensor, MAX_TENSOR);
    char *name = strtok(row, "\t"), *dim;
    snprintf(tensor[n_tensor].name, sizeof tensor[0].name, "%s", name);
    tensor[n_tensor].n_dim = 0;
    tensor[n_tensor].count = 1;
    while ((dim = strtok(NULL, "\t\n"))) {
        int64_t n = strtoll(dim, NULL, 10);
        tensor[n_tensor].dim[tensor[n_tensor].n_dim++] = n;
        tensor[n_tensor].count *= n;
    }
    n_tensor++;
}

static void read_case(const char *name)
{
    static char row[8192];
    char path_of[600];
    size_t n_logit = 0;
    snprintf(path_of, sizeof path_of, "tests/golden/peft/%s.tsv", name);
    FILE *f = fopen(path_of, "r");
    ck_assert_msg(f != NULL, "%s", path_of);
    n_tensor = 0;
    while (fgets(row, sizeof row, f)) {
        char *at = strchr(row, '\t') + 1;
        if (!strncmp(row, "config", 6))
            write_bytes(settings, at, strlen(at));
        else if (!strncmp(row, "tensor", 6))
            read_tensor(at);
        else
            for (int i = 0; i < n_vocab; i++)
                want[n_logit++] = strtof(at, &at);
    }
    fclose(f);
    ck_assert_uint_eq(n_logit, (size_t)(N * n_vocab));
}

/* As mlx-lm has it: other names, and all matrices across. */
static void to_mlx(int i, char *name, float *v)
{
    static float copy[MAX_VOCAB * TINY_WIDTH];
    const char *from = tensor[i].name + strlen("base_model.model.");
    const char *end = strstr(from, ".lora_");
    int is_b = strchr(end, 'B') != NULL;
    sprintf(name, "%.*s.lora_%c", (int)(end - from), from, "ab"[is_b]);
    int64_t rows = tensor[i].dim[0], cols = tensor[i].dim[1];
    memcpy(copy, v, (size_t)(rows * cols) * sizeof *v);
    for (int64_t k = 0; k < rows * cols; k++)
        v[k] = copy[k % rows * cols + k / rows];
    tensor[i].dim[0] = cols;
    tensor[i].dim[1] = rows;
}

static void write_tensors(int mlx)
{
    static float v[MAX_TENSOR][MAX_VOCAB * TINY_WIDTH];
    struct tr_err err = { 0 };
    const char *stem = mlx ? "adapters" : "adapter_model";
    int64_t i;
    struct tr__hf_writer *w = tr__hf_create(folder, stem, mlx ? "mlx" : "pt", 0, &err);
    ck_assert_ptr_nonnull(w);
    for (int k = 0; k < n_tensor; k++) {
        char name[200];
        strcpy(name, tensor[k].name);
        ck_assert_int_le(tensor[k].count, MAX_VOCAB * TINY_WIDTH);
        tiny_numbers(tensor[k].name, v[k], tensor[k].count);
        if (mlx)
            to_mlx(k, name, v[k]);
        tr__hf_declare(w, name, &tr_f32, tensor[k].n_dim, tensor[k].dim);
    }
    while ((i = tr__hf_next(w, &err)) < n_tensor)
        ck_assert(i >= 0 && !tr__hf_write(w, v[i], tensor[i].count * 4, &err));
    ck_assert_int_eq(tr__hf_finish(w, 0, &err), 0);
}

static void begin(const struct own *o)
{
    int32_t id[N + 1] = { 0 };
    snprintf(folder, sizeof folder, "%s/peft", dir);
    snprintf(settings, sizeof settings, "%s/adapter_config.json", folder);
    snprintf(file, sizeof file, "%s/%s.safetensors", folder,
             o->mlx ? "adapters" : "adapter_model");
    ck_assert(!mkdir(folder, 0777));
    n_vocab = TINY_VOCAB + o->more;
    read_case(o->name);
    write_tensors(o->mlx);
    if (o->mlx) {
        const char *mlx = "{\"fine_tune_type\":\"lora\",\"num_layers\":2,"
            "\"lora_parameters\":{\"rank\":3,\"scale\":1.3333333333333333}}";
        write_bytes(settings, mlx, strlen(mlx));
    }
    tiny_tokens(id, N);
    pack = in_dir("ids.pack");
    tiny_pack_write(pack, 1, N + 1, id, (uint32_t)n_vocab);
    tiny_model_write(o->base, in_dir("base.gguf"));
}

static void end(void)
{
    ck_assert(!unlink(settings) && !unlink(file) && !rmdir(folder));
}

/* ==== the numbers ==== */

static void compare(const char *model, const char *adapter)
{
    run_eval(model, adapter, pack, tr_loss_by_name("cross_entropy"), got);
    double worst = 0, largest = 0;
    for (int i = 0; i < N * n_vocab; i++) {
        worst = larger(worst, fabs((double)got[i] - (double)want[i]));
        largest = larger(largest, fabs((double)want[i]));
    }
    ck_assert_msg(worst < 1e-5 * largest, "%g, of %g", worst, largest);
}

START_TEST(against_peft)
{
    const struct own *o = &cases[_i];
    struct tr_err err = { 0 };
    begin(o);
    const char *of = scratch[1];
    struct tr_model *base = tr_model_open(of, &err);
    struct tr_peft *p = base ? tr_peft_open(folder, base, &err) : NULL;
    ck_assert_msg(p != NULL, "%s", err.text);
    ck_assert_msg(!tr_peft_beyond(p) == !o->beyond, "%s", tr_peft_beyond(p));
    if (!o->beyond) {
        ck_assert_msg(!tr_peft_write(p, path, &err), "%s", err.text);
        compare(of, path);
    }
    struct tr_peft_merge_args args = { 0 };
    ck_assert_msg(!tr_peft_merge(p, &args, other, &err), "%s", err.text);
    compare(other, NULL);
    tr_peft_close(p);
    tr_model_close(base);
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("peft_own");
    TCase *c = tcase_create("peft_own");
    tcase_add_checked_fixture(c, make_dir, remove_dir);
    tcase_add_loop_test(c, against_peft, 0, sizeof cases / sizeof *cases);
    suite_add_tcase(s, c);
    return run_suite(s);
}
