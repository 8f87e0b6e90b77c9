/* SPDX-License-Identifier: MIT
 *
 * Tokens that are known by their text.  Converters often get the type of a turn's end or of
 * a control token wrong, or name no key for it.  llama.cpp goes by the texts, and the ids
 * and the places where a text ends are to be the same here; the list is that of its
 * llama-vocab.cpp.  Read next: keys.c, for what the file itself says.
 */
#include <libtrain/tokenizer/vocab.h>

#include <string.h>
#include <strings.h>

enum {
    ENDS = TR__ROLE_ENDS, USER = TR__ROLE_USER, PRE = TR__ROLE_FIM_PRE,
    SUF = TR__ROLE_FIM_SUF, MID = TR__ROLE_FIM_MID, PAD = TR__ROLE_FIM_PAD,
    REPO = TR__ROLE_FIM_REPO, SEP = TR__ROLE_FIM_SEP
};

static const struct {
    const char *text;
    uint8_t role;
} named[] = {
    { "<|eot_id|>", ENDS }, { "<|im_end|>", ENDS }, { "<|end|>", ENDS },
    { "<|return|>", ENDS }, { "<|call|>", ENDS }, { "<|flush|>", ENDS },
    { "<|calls|>", ENDS }, { "<end_of_turn>", ENDS }, { "<|endoftext|>", ENDS },
    { "</s>", ENDS }, { "<|eom_id|>", ENDS }, { "<EOT>", ENDS }, { "_<EOT>", ENDS },
    { "[EOT]", ENDS }, { "[EOS]", ENDS }, { "<|end_of_text|>", ENDS },
    { "<end_of_utterance>", ENDS }, { "<eos>", ENDS }, { "<turn|>", ENDS },
    { "<|tool_response>", ENDS }, { "[e~[", ENDS },
    { "<\xef\xbd\x9c" "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>", ENDS },
    { "<|fim_prefix|>", PRE }, { "<fim-prefix>", PRE }, { "<fim_prefix>", PRE },
    { "<\xef\xbd\x9c" "fim\xe2\x96\x81" "begin\xef\xbd\x9c>", PRE }, { "<PRE>", PRE },
    { "\xe2\x96\x81<PRE>", PRE }, { "<|code_prefix|>", PRE }, { "<|prefix|>", PRE },
    { "<|fim_suffix|>", SUF }, { "<fim-suffix>", SUF }, { "<fim_suffix>", SUF },
    { "<\xef\xbd\x9c" "fim\xe2\x96\x81hole\xef\xbd\x9c>", SUF }, { "<SUF>", SUF },
    { "\xe2\x96\x81<SUF>", SUF }, { "<|code_suffix|>", SUF }, { "<|suffix|>", SUF },
    { "<|fim_middle|>", MID }, { "<fim-middle>", MID }, { "<fim_middle>", MID },
    { "<\xef\xbd\x9c" "fim\xe2\x96\x81" "end\xef\xbd\x9c>", MID }, { "<MID>", MID },
    { "\xe2\x96\x81<MID>", MID }, { "<|code_middle|>", MID }, { "<|middle|>", MID },
    { "<|fim_pad|>", PAD }, { "<fim-pad>", PAD }, { "<fim_pad>", PAD }, { "<PAD>", PAD },
    { "[PAD]", PAD }, { "<|fim_repo|>", REPO }, { "<|repo_name|>", REPO },
    { "<fim-repo>", REPO }, { "<REPO>", REPO }, { "<reponame>", REPO },
    { "<|file_sep|>", SEP },
    { "<|channel|>", USER }, { "<|message|>", USER }, { "<|start|>", USER },
    { "<|constrain|>", USER },
};

uint16_t tr__named_role(struct tr_str s)
{
    if (s.len < 4 || !strchr("<[_\xe2", *s.ptr))
        return 0;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (tr_str_is(s, named[i].text))
            return named[i].role;
    return 0;
}

uint8_t tr__named_type(uint16_t role, uint8_t type)
{
    if (!role || type == TR__TOKEN_BYTE)
        return type;
    if (role & USER)
        return TR__TOKEN_USER;
    if (type == TR__TOKEN_CONTROL || type == TR__TOKEN_UNKNOWN)
        return type;
    return type == TR__TOKEN_USER ? TR__TOKEN_CONTROL : TR__TOKEN_NAMED;
}

/* The id of a token that ends a text by its name, or -1. */
static int64_t find_end(const struct tr__vocab *v, const char *text)
{
    for (uint32_t i = 0; i < v->n; i++)
        if (v->role[i] & ENDS && tr_str_is(tr__vocab_bytes(v, i), text))
            return i;
    return -1;
}

static void is_no_end(struct tr__vocab *v, const char *text, uint8_t type)
{
    int64_t id = find_end(v, text);
    if (id < 0)
        return;
    v->role[id] &= (uint16_t)~ENDS;
    v->type[id] = type;
}

/* Two families for which the names mislead: where a message ends with <|end|>, but a text
 * with other tokens; and a vocabulary that holds </s> as text about HTML. */
void tr__named_exceptions(struct tr__vocab *v)
{
    int call = find_end(v, "<|call|>") >= 0 || find_end(v, "<|calls|>") >= 0;
    if (call && (find_end(v, "<|return|>") >= 0 || find_end(v, "<|flush|>") >= 0))
        is_no_end(v, "<|end|>", TR__TOKEN_USER);
    if (find_end(v, "<|tool_response>") >= 0 || find_end(v, "<|plamo:eos|>") >= 0)
        is_no_end(v, "</s>", TR__TOKEN_NORMAL);
}

/* 1 if `what`, in lower case, stands in s, in whatever case. */
static int mentions(struct tr_str s, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= s.len; i++)
        if (!strncasecmp(s.ptr + i, what, n))
            return 1;
    return 0;
}

static int keeps_space(struct tr_str s)
{
    return tr_str_is(s, "<unk>") || tr_str_is(s, "<s>") || tr_str_is(s, "<|endoftext|>");
}

static void strip_around_phi(struct tr__vocab *v)
{
    for (uint32_t i = 0; i < v->n; i++) {
        int special = v->type[i] == TR__TOKEN_CONTROL || v->type[i] == TR__TOKEN_USER ||
                      v->type[i] == TR__TOKEN_UNKNOWN || v->type[i] == TR__TOKEN_NAMED;
        if (special && !keeps_space(tr__vocab_bytes(v, i))) {
            v->role[i] |= TR__ROLE_STRIPS;
            v->strips = 1;
        }
    }
}

static void strip_before(struct tr__vocab *v, const char *text)
{
    for (uint32_t i = 0; i < v->n; i++)
        if (tr_str_is(tr__vocab_bytes(v, i), text)) {
            v->role[i] |= TR__ROLE_STRIPS_LEFT;
            v->strips = 1;
        }
}

/* No key of a GGUF says that a token strips: the tokenizer of Phi-3 has tokens that do, and
 * some that fill a gap take the space in front of it. */
void tr__named_strips(struct tr__vocab *v, struct tr_str name, struct tr_str pre,
                      struct tr_str arch)
{
    if (mentions(pre, "jina-v2-de") || mentions(pre, "jina-v2-es") ||
        mentions(pre, "jina-v2-code") || mentions(arch, "nomic-bert-moe") ||
        mentions(arch, "jina-bert-v3"))
        strip_before(v, "<mask>");
    else if (mentions(name, "phi-3") || mentions(name, "phi3"))
        strip_around_phi(v);
    else if (mentions(name, "modern-bert"))
        strip_before(v, "[MASK]");
}
