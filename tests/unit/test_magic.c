/* SPDX-License-Identifier: MIT
 *
 * First bytes of files and what a message calls them.
 */
#include "suite.h"

#include <libtrain/base/magic.h>

#include <check.h>
#include <string.h>

#define BYTES(s) s, sizeof s - 1

static const struct {
    const char *bytes;
    size_t n;
    const char *words; /* the message holds them */
} files[] = {
    { BYTES(""), "empty" },
    { BYTES("GGUF\3\0\0\0"), "a GGUF model" },
    { BYTES("TRTOK\r\n\x1a"), "a token stream" },
    { BYTES("TRTOK\n\x1a"), "changed in transfer" },
    { BYTES("TRPAK\r\n\x1a"), "a pack" },
    { BYTES("version https://git-lfs.github.com/spec/v1\noid"), "'git lfs pull'" },
    { BYTES("<!DOCTYPE html><html>"), "a web page" },
    { BYTES("<!doctype HTML>"), "a web page" },
    { BYTES("\n  <html lang=\"en\">"), "a web page" },
    { BYTES("\xef\xbb\xbf<html>"), "a web page" },
    { BYTES("<htm"), "text" },
    { BYTES("\x10\0\0\0\0\0\0\0{\"a\":1}"), "safetensors" },
    { BYTES("\0\0\0\0\0\0\0\x10{\"a\":1}"), "unknown kind" },
    { BYTES("\x10\0\0\0\0\0\0\0"), "unknown kind" },
    { BYTES("tjgg\1\0\0\0"), "GGJT" },
    { BYTES("lmgg"), "GGML" },
    { BYTES("fmgg\1\0\0\0"), "GGMF" },
    { BYTES("algg\1\0\0\0"), "GGLA" },
    { BYTES("\x1f\x8b\x08\0"), "gunzip" },
    { BYTES("\x28\xb5\x2f\xfd"), "unzstd" },
    { BYTES("\xfd" "7zXZ\0"), "unxz" },
    { BYTES("BZh9"), "bunzip2" },
    { BYTES("PK\3\4"), "PyTorch" },
    { BYTES("\x80\x02}q"), "pickle" },
    { BYTES("\x80\x04\x95"), "gguf-import" },
    { BYTES("PK\3\4\0\0\10\10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\12\0\0\0" "x/data.pkl"),
      "a PyTorch file: convert it" },
    { BYTES("{\n \"architectures\": [\"LlamaForCausalLM\"]}"), "Hugging Face" },
    { BYTES("{\"peft_type\": \"LORA\"}"), "adapter-import" },
    { BYTES("{\"metadata\": {}, \"weight_map\": {}}"), "the index of a model" },
    { BYTES("{\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\"}"),
      "an Ollama manifest" },
    { BYTES("# from ollama show\nFROM /a/b\n"), "its line FROM names" },
    { BYTES("A letter FROM afar"), "text" },
    { BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "incomplete download?" },
    { BYTES("\x93NUMPY\1\0"), "NumPy" },
    { BYTES("%PDF-1.7"), "pdftotext" },
    { BYTES("\xff\xfe" "a\0b\0"), "UTF-16" },
    { BYTES("\xfe\xff\0a"), "UTF-16" },
    { BYTES("\xff\xfe\0\0a\0\0\0"), "UTF-32" },
    { BYTES("\x7f" "ELF\2"), "a program" },
    { BYTES("{\"a\": 1}\n"), "text" },
    { BYTES("Once upon a time"), "text" },
    { BYTES("\0\0\0\0"), "unknown kind" },
    { BYTES("a\x1b[2J"), "unknown kind" },
};

START_TEST(test_words)
{
    const char *words = tr__magic_words((const unsigned char *)files[_i].bytes, files[_i].n);
    ck_assert_msg(strstr(words, files[_i].words) != NULL, "row %d is '%s', wanted '%s'", _i,
                  words, files[_i].words);
}
END_TEST

/* Whether the first bytes alone prove that a file is no text. */
static const struct { const char *bytes; size_t n; int binary; } proofs[] = {
    { BYTES("GGUF is a format"), 0 },
    { BYTES("BZhang wrote"), 0 },
    { BYTES("TRPAK\r\n\x1a"), 1 },
    { BYTES("\x28\xb5\x2f\xfd"), 1 },
    { BYTES("\x1f\x8b"), 1 },
    { BYTES("%PDF-1.4\n"), 1 },
    { BYTES("version https://git-lfs.github.com/spec/v1\noid"), 1 },
    { BYTES("\xff\xfe" "a\0"), 1 },
    { BYTES("<html>"), 0 },
    { BYTES("\xc3\xa9t\xc3\xa9"), 0 },
    { BYTES(""), 0 },
};

START_TEST(test_proof)
{
    ck_assert_int_eq(tr__magic_binary((const unsigned char *)proofs[_i].bytes,
                                      proofs[_i].n), proofs[_i].binary);
}
END_TEST

START_TEST(test_tar)
{
    unsigned char head[512] = "chats.jsonl";
    memcpy(head + 257, "ustar", 5);
    ck_assert_str_eq(tr__magic_words(head, sizeof head), "a tar archive: unpack it first");
    ck_assert_int_eq(tr__magic_binary(head, sizeof head), 1);
    ck_assert_int_eq(tr__magic_binary(head, 261), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("magic");
    TCase *t = tcase_create("magic");
    tcase_add_loop_test(t, test_words, 0, sizeof files / sizeof *files);
    tcase_add_loop_test(t, test_proof, 0, sizeof proofs / sizeof *proofs);
    tcase_add_test(t, test_tar);
    suite_add_tcase(s, t);
    return run_suite(s);
}
