/* SPDX-License-Identifier: MIT
 *
 * Names of Hugging Face and of GGUF, found from either side, for every family; and rows that
 * move one to one.
 */
#include <libtrain/hf/archs/archs.h>
#include <libtrain/model/model.h>

#include "suite.h"

#include <stdlib.h>
#include <string.h>

static const struct tr__hf_arch *family(const char *model_type)
{
    for (size_t i = 0; tr__hf_at(i); i++)
        if (strcmp(tr__hf_at(i)->model_type[0], model_type) == 0)
            return tr__hf_at(i);
    return NULL;
}

START_TEST(names_are_found_from_both_sides)
{
    char name[TR__HF_NAME_BYTES];
    struct tr__hf_found f;
    for (size_t i = 0; tr__hf_at(i); i++)
        for (const struct tr__hf_name *n = tr__hf_at(i)->tensor; n->gguf || n->hf; n++) {
            const struct tr__hf_arch *a = tr__hf_at(i);
            struct tr__hf_found of = { n, 17, 5 };
            if (n->hf) {
                tr__hf_print_hf(name, &of);
                ck_assert_msg(tr__hf_find_hf(a, name, &f), "%s", name);
                ck_assert(strstr(n->hf, "%d") ? f.layer == 17 : f.layer == -1);
                ck_assert(f.expert == (tr__hf_is_stack(n) ? 5 : -1));
                ck_assert_str_eq(f.name->hf, n->hf);
            }
            if (n->gguf) {
                tr__hf_print_gguf(name, &of);
                ck_assert_msg(tr__hf_find_gguf(a, name, &f), "%s", name);
                ck_assert(strstr(n->gguf, "%d") ? f.layer == 17 : f.layer == -1);
                ck_assert_str_eq(f.name->gguf, n->gguf);
            }
        }
}
END_TEST

START_TEST(other_names_are_not)
{
    static const char *const bad[] = {
        "model.layers.07.mlp.up_proj.weight", "model.layers..mlp.up_proj.weight",
        "model.layers.3.mlp.up_proj.weights", "model.layers.-1.mlp.up_proj.weight",
        "model.layers.99999999999.mlp.up_proj.weight", "", "model.layers.3",
        "xmodel.layers.3.mlp.up_proj.weight",
    };
    struct tr__hf_found f;
    ck_assert(tr__hf_find_hf(family("llama"), "model.layers.3.mlp.up_proj.weight", &f));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!tr__hf_find_hf(family("llama"), bad[i], &f), "%s", bad[i]);
    ck_assert(!tr__hf_find_gguf(family("llama"), "blk.1.nothing.weight", &f));
}
END_TEST

START_TEST(modules_are_weights)
{
    char name[TR__HF_NAME_BYTES];
    struct tr__hf_found f;
    ck_assert(tr__hf_find_module(family("llama"), "model.layers.12.self_attn.k_proj", &f));
    tr__hf_print_gguf(name, &f);
    ck_assert_str_eq(name, "blk.12.attn_k.weight");
    ck_assert(tr__hf_moves_rows(f.name));
    ck_assert(tr__hf_find_module(family("llama"), "model.layers.12.self_attn.v_proj", &f));
    ck_assert(!tr__hf_moves_rows(f.name));
    ck_assert(tr__hf_find_module(family("gpt2"), "transformer.h.0.attn.c_attn", &f));
    ck_assert(f.name->how->transposed);
    ck_assert(!tr__hf_find_module(family("llama"), "model.layers.12.self_attn", &f));
}
END_TEST

/* Rope there turns i and i + n/2: of a head of six they stand 0 3 1 4 2 5. */
START_TEST(pairs_of_a_head)
{
    static const int64_t want[] = { 0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11 };
    static const struct tr__hf_sizes size = { .n_head = 2, .n_head_kv = 1 };
    struct tr__hf_place p = { .size = &size, .n_hf = 2, .hf = { 12, 7, 1, 1 } };
    struct tr__hf_found f;
    ck_assert(tr__hf_find_gguf(family("llama"), "blk.0.attn_q.weight", &f));
    p.name = f.name;
    for (int64_t r = 0; r < 12; r++)
        ck_assert_int_eq(tr__hf_row(&p, r), want[r]);
    p.n_hf = 1; /* its bias */
    ck_assert_int_eq(tr__hf_row(&p, 7), want[7]);
    ck_assert(tr__hf_find_gguf(family("llama"), "blk.0.attn_k.weight", &f));
    p.name = f.name;
    ck_assert_int_eq(tr__hf_row(&p, 1), 6);
}
END_TEST

START_TEST(shapes_of_both_sides)
{
    static const struct tr__hf_sizes size = { .n_expert = 8 };
    struct tr__hf_place p = { .size = &size, .n_hf = 2, .hf = { 3, 5, 1, 1 } };
    struct tr__hf_found f;
    ck_assert(tr__hf_find_module(family("gpt2"), "h.0.mlp.c_fc", &f));
    p.name = f.name;
    tr__hf_shape(&p);
    ck_assert(p.n_gguf == 2 && p.gguf[0] == 5 && p.gguf[1] == 3);
    ck_assert(tr__hf_find_gguf(family("mixtral"), "blk.0.ffn_up_exps.weight", &f));
    p.name = f.name;
    tr__hf_shape(&p);
    ck_assert(p.n_gguf == 3 && p.gguf[0] == 8 && p.gguf[1] == 3 && p.gguf[2] == 5);
    p.n_hf = 0;
    tr__hf_shape_back(&p);
    ck_assert(p.n_hf == 2 && p.hf[0] == 3 && p.hf[1] == 5);
}
END_TEST

/* Whatever model is trained here can come from a folder. */
START_TEST(every_architecture_has_a_family)
{
    for (size_t i = 0; tr__arch_at(i); i++) {
        int there = 0;
        for (size_t k = 0; tr__hf_at(k); k++)
            there |= !strcmp(tr__hf_at(k)->name, tr__arch_at(i)->name);
        ck_assert_msg(there, "%s", tr__arch_at(i)->name);
    }
}
END_TEST

/* ---- families --------------------------------------------------------------------- */

static struct tr_json *parsed(const char *text)
{
    struct tr_err err = { 0 };
    struct tr_json *v = tr_json_parse(text, strlen(text), "config.json", 0, 0, &err);
    ck_assert_msg(v != NULL, "%s", err.text);
    return v;
}

START_TEST(families_of_configs)
{
    struct tr_err err = { 0 };
    struct tr_json *v = parsed("{\"architectures\": [\"MistralForCausalLM\"]}");
    ck_assert_ptr_eq(tr__hf_of_config(v, "c", &err), family("llama"));
    tr_json_free(v);
    v = parsed("{\"model_type\": \"gpt2\"}");
    ck_assert_ptr_eq(tr__hf_of_config(v, "c", &err), family("gpt2"));
    tr_json_free(v);
    v = parsed("{\"architectures\": [\"NoSuchModel\"], \"model_type\": \"llama\"}");
    ck_assert_ptr_null(tr__hf_of_config(v, "c", &err));
    ck_assert_ptr_nonnull(strstr(err.text, "'NoSuchModel'"));
    ck_assert_ptr_nonnull(strstr(err.text, "mixtral"));
    tr_json_free(v);
}
END_TEST

START_TEST(what_is_missing_is_filled_in)
{
    struct tr_err err = { 0 };
    struct tr__hf_sizes s;
    struct tr_json *v = parsed("{\"hidden_size\": 12, \"num_attention_heads\": 3, \"head_dim\":"
                               " null, \"num_hidden_layers\": 2, \"rope_theta\": 5e5,"
                               " \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}");
    struct tr_json *c = tr__hf_complete(family("llama"), v, &err);
    ck_assert_msg(c != NULL, "%s", err.text);
    ck_assert_int_eq(tr_json_int(tr_json_get(c, "head_dim")), 4);
    ck_assert_int_eq(tr_json_int(tr_json_get(c, "num_key_value_heads")), 3);
    ck_assert(tr_json_real(tr__hf_field(c, "rope_parameters.rope_theta")) == 5e5);
    ck_assert_str_eq(tr_json_string(tr__hf_field(c, "rope_parameters.rope_type"),
                                    &(size_t){ 0 }), "linear");
    ck_assert(tr__hf_sizes_of_config(family("llama"), c, "c", &s, &err) == 0);
    ck_assert(s.n_layer == 2 && s.n_head_kv == 3 && s.head_dim == 4);
    tr_json_free(c);
    tr_json_free(v);
}
END_TEST

START_TEST(shortest_numbers)
{
    ck_assert(tr__hf_short(1e-05f) == 1e-05 && tr__hf_short(0.1f) == 0.1);
    ck_assert(tr__hf_short(1.0f / 3) == 0.33333334 && tr__hf_short(10000) == 10000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hf map");
    TCase *t = tcase_create("hf map");
    tcase_add_test(t, names_are_found_from_both_sides);
    tcase_add_test(t, other_names_are_not);
    tcase_add_test(t, modules_are_weights);
    tcase_add_test(t, pairs_of_a_head);
    tcase_add_test(t, shapes_of_both_sides);
    tcase_add_test(t, every_architecture_has_a_family);
    tcase_add_test(t, families_of_configs);
    tcase_add_test(t, what_is_missing_is_filled_in);
    tcase_add_test(t, shortest_numbers);
    suite_add_tcase(s, t);
    return run_suite(s);
}
